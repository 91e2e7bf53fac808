"""Rows that a floor implies for whole experts and that fractions would slip through.

A submission that picks k experts and must reach its floor needs at least m of its best h: with
fewer than m of them even its best remaining choice misses the floor. The smallest such h for
each m from 1 to k gives at most k rows (minimal covers of a knapsack with a fixed number of items;
Wolsey, Integer Programming, section 9.3). They cut no whole assignment off and spare the search most of its tree.
"""

from collections.abc import Iterator

import numpy as np

from states.rules.assignment_instance import ROWS_AT_A_TIME, Floats, Instance, Ints

DEEPEST = 200


def top_bars(instance: Instance, floors: Floats, best: Floats | None = None) -> Floats:
    """float64[P,M], M one less than anybody wants: the bars of `Tops` that the floors imply.

    Over all pairs, so that anyone can find them again; only where the top is no deeper than `DEEPEST`. That
    none of all `wanted` may lie below a bar is said by leaving hopeless pairs out. `best` as `best_scores` gives them.
    """
    best = best_scores(instance) if best is None else best
    bars = np.full((instance.shape[0], max(int(instance.wanted.max(initial=0)) - 1, 0)), -np.inf)
    for wanted in range(2, bars.shape[1] + 2):
        mine = np.flatnonzero((instance.wanted == wanted) & (floors > -np.inf))
        bars[mine, : wanted - 1] = _bars(best[mine], wanted, floors[mine] - instance.tolerance)
    return bars


def best_scores(instance: Instance) -> Floats:
    """float64[P,D]: each submission's best scores, descending, as many as tops may hold and one choice more."""
    P, R = instance.shape
    depth = min(R, DEEPEST + int(instance.wanted.max(initial=0)))
    best = np.empty((P, depth))
    for start in range(0, P, ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        best[rows] = -np.sort(-np.partition(instance.scores[rows], R - depth, axis=1)[:, R - depth :], axis=1)
    return best


def _bars(best: Floats, wanted: int, floors: Floats) -> Floats:
    """float64[p,wanted-1] for the best scores of each row, descending, -inf where there are no more."""
    sums = np.concatenate([np.zeros((best.shape[0], 1)), np.cumsum(best, axis=1)], axis=1)
    bars = np.full((best.shape[0], wanted - 1), -np.inf)
    for many in range(1, wanted):
        rest = wanted - many + 1
        tops = np.arange(many, min(best.shape[1] - rest, DEEPEST) + 1)
        if tops.size == 0:
            continue
        with np.errstate(invalid="ignore"):
            without = sums[:, [many - 1]] + sums[:, tops + rest] - sums[:, tops]
        failing = np.nan_to_num(without, nan=-np.inf) < floors[:, None]
        found = failing.any(axis=1)
        bars[found, many - 1] = best[found, tops[np.argmax(failing[found], axis=1)] - 1]
    return np.where(np.logical_and.accumulate(bars > -np.inf, axis=1), bars, -np.inf)


def needed_tops(instance: Instance, floors: Floats, keys: Ints, papers: Ints) -> Iterator[tuple[Ints, int]]:
    """Of these sorted pairs, sets of which each submission asked for must take at least so many."""
    owners, _ = instance.split(keys)
    for paper in papers:
        start, end = np.searchsorted(owners, [paper, paper + 1])
        mine = keys[start:end]
        scores = instance.scores_of(mine)
        order = np.argsort(-scores, kind="stable")
        wanted = int(instance.wanted[paper])
        for many, top in _tops(scores[order], wanted, float(floors[paper]) - instance.tolerance):
            yield np.sort(mine[order[:top]]), many


def _tops(scores: Floats, wanted: int, floor: float) -> Iterator[tuple[int, int]]:
    """(m, h): at least m of the h best are needed; scores descending."""
    sums = np.concatenate([[0.0], np.cumsum(scores)])
    for many in range(1, wanted + 1):
        rest = wanted - many + 1
        tops = np.arange(many, scores.size - rest + 1)
        without = sums[many - 1] + sums[tops + rest] - sums[tops]
        failing = tops[without < floor]
        if failing.size:
            yield many, int(failing[0])
