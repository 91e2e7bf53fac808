"""Rows that a floor implies for whole experts and that fractions would slip through.

A submission that picks k experts and must reach its floor needs at least m of its best h: with
fewer than m of them even its best remaining choice misses the floor. The smallest such h for
each m from 1 to k gives at most k rows (minimal covers of a knapsack with a fixed number of items;
Wolsey, Integer Programming, section 9.3). They cut no whole assignment off and spare the search most of its tree.
"""

from collections.abc import Iterator

import numpy as np

from states.rules.assignment_instance import Floats, Instance, Ints


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
