"""The choices that a submission has within a loss of the bound, as few as tell all of them: cores.

A core is a set of experts beside whom anybody keeps the floor: even the lowest-scored of all that the submission can have.
A team has one of the cores, its best few, whoever completes it. So cores are far fewer than teams, and where many
experts would do as well for the last seats, they are not told apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.teams import Limits, best_after, limits_of, near_rows

PARTIAL = 2_000_000


@dataclass(frozen=True)
class Cores:
    """papers int64[n] and experts int64[n,K] padded with -1; the pairs that can be taken at all, sorted, and of which
    bool like them is certain."""

    papers: Ints
    experts: Ints
    keys: Ints
    forced: NDArray[np.bool_]


def cores_within(
    instance: Instance, papers: Ints, floors: Floats, prices: Floats, least: Floats, at_most: int
) -> Cores | None:
    """The cores of these submissions' teams that keep the floor (float64[P]) and are worth at least `least` (float64
    like papers), at weights of one; None where there are more than `at_most` or too many to look at."""
    K, many = int(instance.wanted.max(initial=0)), 0
    owners, experts, keys, forced = ([np.zeros(0, dtype=np.int64)] for _ in range(4))
    experts = [np.zeros((0, K), dtype=np.int64)]
    for mine, near in near_rows(instance, papers, floors, np.ones(instance.shape[0]), prices):
        k = near.team.shape[1]
        for row, place in enumerate(mine):
            paper = int(papers[place])
            columns = np.flatnonzero(near.worth[row] > -np.inf)
            limits = limits_of(near, row, columns, float(floors[paper]) - instance.tolerance, float(least[place]))
            limits = limits.of(np.argsort(-limits.values[2], kind="stable"))
            found = _cores(limits, k)
            many += 0 if found is None else sum(core.shape[0] for core in found)
            if found is None or many > at_most:
                return None
            usable, certain = _usable(limits, found, k)
            cores = _padded(limits.columns, found, K)
            owners.append(np.full(cores.shape[0], paper, dtype=np.int64))
            experts.append(cores)
            keys.append(paper * instance.shape[1] + limits.columns[usable])
            forced.append(certain[usable])
    order = np.argsort(np.concatenate(keys))
    sure = np.concatenate(forced)[order].astype(bool)
    return Cores(np.concatenate(owners), np.concatenate(experts), np.concatenate(keys)[order], sure)


def _cores(limits: Limits, k: int) -> list[Ints] | None:
    """int64[n,m] for m from 1 to k: places of each team's best-scored few that are a core, no two alike.

    The limits' columns are in the order of scores, descending.
    """
    values, n = limits.values, limits.columns.size
    lowest = np.concatenate([[0.0], np.cumsum(values[2][::-1])])
    tuples, sums = np.zeros((1, 0), dtype=np.int64), np.zeros((3, 1))
    found: list[Ints] = []
    for more in range(k - 1, -1, -1):
        last = tuples[:, -1] if found else np.full(1, -1)
        many = np.maximum(n - more - 1 - last, 0)
        if many.sum() > PARTIAL:
            return None
        owner = np.repeat(np.arange(last.size), many)
        place = np.arange(owner.size) - np.repeat(np.cumsum(many) - many, many) + np.repeat(last + 1, many)
        sums = sums[:, owner] + values[:, place]
        able = np.ones(owner.size, dtype=bool)
        for value, added, bar in zip(sums, values, limits.bars, strict=True):
            able &= value + best_after(added, more)[place] >= bar
        tuples, sums = np.column_stack([tuples[owner], place])[able], sums[:, able]
        core = sums[2] + lowest[min(more, n)] >= limits.bars[2]
        found.append(tuples[core])
        tuples, sums = tuples[~core], sums[:, ~core]
    return found


def _usable(limits: Limits, found: list[Ints], k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """bool like the columns: who is in a core or can complete one within the loss, and without whom nothing can.

    Whoever completes a core scores no more than its last: a better one would be in another core.
    """
    worth, least = limits.values[1], limits.bars[1]
    usable, needed = np.zeros(worth.size, dtype=bool), np.full(worth.size + 1, np.inf)
    members, many = np.zeros(worth.size, dtype=np.int64), 0
    for cores in found:
        more = k - cores.shape[1]
        usable[cores] = True
        members += np.bincount(cores.ravel(), minlength=worth.size)
        many += cores.shape[0]
        if more:
            best = worth[cores].sum(axis=1) + best_after(worth, more - 1)[cores[:, -1]]
            np.minimum.at(needed, cores[:, -1] + 1, least - best)
    usable |= worth >= np.minimum.accumulate(needed)[:-1]
    return usable, (members == many) | _certain(limits, k)


def _padded(columns: Ints, found: list[Ints], width: int) -> Ints:
    rows = [np.pad(columns[core], ((0, 0), (0, width - core.shape[1])), constant_values=-1) for core in found]
    return np.concatenate(rows)


def _certain(limits: Limits, k: int) -> NDArray[np.bool_]:
    """bool like the columns: without this expert no team reaches the first bar."""
    value = limits.values[0]
    if value.size <= k:
        return np.ones(value.size, dtype=bool)
    order = np.argsort(-value, kind="stable")
    without = value[order[:k]].sum() - value + value[order[k]]
    certain = np.zeros(value.size, dtype=bool)
    certain[order[:k]] = without[order[:k]] < limits.bars[0]
    return certain
