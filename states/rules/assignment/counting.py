"""Levels that cannot be reached because some submissions need more of the same experts than there are places.

A level makes a submission need so many of its best experts: with fewer of them even its best remaining choice misses the
floor. A maximum flow tells whether all can have theirs at once; its minimum cut names a crowd: submissions that
together need more of some experts than these may see (Hall's theorem with capacities). A price of one for each
of these experts then proves it.
"""

from dataclasses import dataclass

import numpy as np
from ortools.graph.python import max_flow

from states.rules.assignment.bounds import Proof
from states.rules.assignment.instance import Floats, Instance, Ints

DEEPEST = 200


@dataclass(frozen=True)
class Ranked:
    """Each submission's best experts and their scores, descending: int64[P,D] and float64[P,D]."""

    experts: Ints
    scores: Floats


def highest_left(instance: Instance, slopes: Floats, crowd: Proof) -> tuple[float, float]:
    """The highest level (score over slope) at which a crowd's needs do not exceed its experts' places, and that slope.

    A submission needs one more of the experts wherever the best that it can have with fewer falls below the level: the
    crowd needs more than there are places above the (places + 1)-th lowest of these.
    """
    papers, dear = np.flatnonzero(crowd.teamed), crowd.prices > 0
    places = int(instance.most[dear].sum())
    enough, owners = [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    for paper in papers:
        k, scores = int(instance.wanted[paper]), instance.scores[paper]
        theirs, others = (np.sort(scores[one])[::-1][:k] for one in (dear, ~dear))
        with_few = [theirs[:few].sum() + others[: k - few].sum() for few in range(k)]
        able = [few <= theirs.size and k - few <= others.size for few in range(k)]
        enough.append(np.maximum.accumulate(np.where(able, with_few, -np.inf)))
        owners.append(np.full(k, paper))
    levels, slope = np.concatenate(enough), slopes[np.concatenate(owners)]
    order = np.argsort(levels / slope, kind="stable")
    lowest = order[places]
    return float(levels[lowest] / slope[lowest]), float(slope[lowest])


def ranked_best(instance: Instance) -> Ranked:
    depth = min(instance.shape[1], DEEPEST + int(instance.wanted.max(initial=0)))
    order = np.argsort(-instance.scores, axis=1, kind="stable")[:, :depth]
    return Ranked(order, np.take_along_axis(instance.scores, order, axis=1))


def crowd_at(instance: Instance, ranked: Ranked, floors: Floats) -> Proof | None:
    """The proof that some submissions together need more of some experts than these may see; None if all have theirs."""
    P, R = instance.shape
    depth = _depths(instance, ranked, floors)
    papers, tops = np.nonzero(depth)
    slots = np.arange(papers.size)
    before = np.where(tops > 0, depth[papers, np.maximum(tops - 1, 0)], 0)
    many = depth[papers, tops] - before
    owner = np.repeat(slots, many)
    place = np.arange(owner.size) - np.repeat(np.cumsum(many) - many, many) + np.repeat(before, many)
    expert = ranked.experts[papers[owner], place]
    inner = slots[tops > 0]
    source, sink = papers.size + R, papers.size + R + 1
    tails = np.concatenate([owner, inner, np.full(slots.size, source), papers.size + np.arange(R)])
    heads = np.concatenate([papers.size + expert, inner - 1, slots, np.full(R, sink)])
    room = [np.ones(owner.size), np.full(inner.size, P * R), np.ones(slots.size), instance.most]
    flow = max_flow.SimpleMaxFlow()
    flow.add_arcs_with_capacity(tails.astype(np.int32), heads.astype(np.int32), np.concatenate(room).astype(np.int64))
    flow.solve(source, sink)
    if flow.optimal_flow() == slots.size:
        return None
    side = np.zeros(sink + 1, dtype=bool)
    side[np.asarray(flow.get_source_side_min_cut(), dtype=np.int64)] = True
    teamed, prices = np.zeros(P, dtype=bool), np.zeros(R)
    teamed[papers[side[: slots.size]]] = True
    prices[side[papers.size : papers.size + R]] = 1.0
    return Proof(np.zeros(P), prices, teamed)


def _depths(instance: Instance, ranked: Ranked, floors: Floats) -> Ints:
    """int64[P,k]: how deep the top is of which m + 1 are needed; 0 where there is none or it is too deep to tell."""
    bars = np.full((instance.shape[0], int(instance.wanted.max(initial=0))), -np.inf)
    bars[:, :-1] = top_bars(instance, floors, ranked.scores)
    sums = np.concatenate([np.zeros((bars.shape[0], 1)), np.cumsum(ranked.scores, axis=1)], axis=1)
    rows = np.flatnonzero(instance.wanted > 0)
    last = instance.wanted[rows] - 1
    bars[rows, last] = floors[rows] - sums[rows, last] - instance.tolerance
    depth = (ranked.scores[:, None, :] >= bars[:, :, None]).sum(axis=2)
    told = (bars > -np.inf) & ((depth < ranked.scores.shape[1]) | (depth == instance.shape[1]))
    return np.where(np.logical_and.accumulate(told, axis=1), depth, 0)


def top_bars(instance: Instance, floors: Floats, best: Floats) -> Floats:
    """float64[P,M], M one less than anybody wants: of the pairs that score bars[p, m] or more, p needs m + 1.

    -inf where nothing is implied, or the top is deeper than `DEEPEST`. `best` float64[P,D] are its best scores,
    descending (minimal covers of a knapsack with a fixed number of items; Wolsey, Integer Programming, section 9.3).
    """
    bars = np.full((instance.shape[0], max(int(instance.wanted.max(initial=0)) - 1, 0)), -np.inf)
    for wanted in range(2, bars.shape[1] + 2):
        mine = np.flatnonzero((instance.wanted == wanted) & (floors > -np.inf))
        bars[mine, : wanted - 1] = _bars(best[mine], wanted, floors[mine] - instance.tolerance)
    return bars


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
