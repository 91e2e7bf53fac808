"""The choices that a submission has within a loss of the bound, as few as tell all of them: cores.

A core is a set of experts beside whom anybody keeps the floor: even the lowest-scored of all that the submission can have.
A team has one of the cores, its best few, whoever completes it. So cores are far fewer than teams, and where many
experts would do as well for the last seats, they are not told apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from states.rules.assignment_instance import Floats, Instance, Ints
from states.rules.assignment_teams import Limits, Near, best_after, limits_of, near_rows

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
    owners, experts, keys, forced = [], [], [], []
    for mine, near in near_rows(instance, papers, floors, np.ones(instance.shape[0]), prices):
        for row, place in enumerate(mine):
            paper = int(papers[place])
            floor = float(floors[paper]) - instance.tolerance
            columns = np.flatnonzero(near.worth[row] > -np.inf)
            limits = limits_of(near, row, columns, floor, float(least[place]))
            found = _cores(limits, near, K)
            many += 0 if found is None else found.shape[0]
            if found is None or many > at_most:
                return None
            owners.append(np.full(found.shape[0], paper, dtype=np.int64))
            experts.append(found)
            keys.append(paper * instance.shape[1] + limits.columns)
            forced.append(_certain(limits, near.team.shape[1]))
    if not owners:
        nothing = np.zeros(0, dtype=np.int64)
        return Cores(nothing, np.zeros((0, K), dtype=np.int64), nothing, np.zeros(0, dtype=bool))
    order = np.argsort(np.concatenate(keys))
    sure = np.concatenate(forced)[order]
    return Cores(np.concatenate(owners), np.concatenate(experts), np.concatenate(keys)[order], sure)


def _cores(limits: Limits, near: Near, width: int) -> Ints | None:
    """int64[n,width], padded: each team's best-scored few that are a core, no two alike."""
    k = near.team.shape[1]
    limits = limits.of(np.argsort(-limits.values[2], kind="stable"))
    values, n = limits.values, limits.columns.size
    lowest = np.concatenate([[0.0], np.cumsum(values[2][::-1])])
    tuples, sums, found = np.zeros((1, 0), dtype=np.int64), np.zeros((3, 1)), []
    for taken in range(1, k + 1):
        more = k - taken
        last = tuples[:, -1] if taken > 1 else np.full(1, -1)
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
        core = sums[2] + lowest[more] >= limits.bars[2]
        padded = np.full((int(core.sum()), width), -1, dtype=np.int64)
        padded[:, :taken] = limits.columns[tuples[core]]
        found.append(padded)
        tuples, sums = tuples[~core], sums[:, ~core]
    return np.concatenate(found)


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
