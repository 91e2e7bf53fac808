"""Whole teams of one submission: the best experts at given prices among those that keep its floor together.

A linear program splits experts to slip just over a floor. Whole teams cannot, so a bound that gives every submission its
best whole team at the experts' prices is never looser, and needs no weights (Dantzig-Wolfe decomposition: Barnhart et
al., Branch-and-price, Operations Research 46, 1998). The best team under a floor is found by the Lagrangian of the
floor (two teams that tie; Juttner et al., LARAC, 2001), and what its bound leaves is looked through one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from states.rules.assignment.instance import ROWS_AT_A_TIME, Floats, Instance, Ints, worth_of

TIES = 60
LOOKED_THROUGH, EVERY = 4_000_000, 200_000


@dataclass(frozen=True)
class Teams:
    """Teams of some submissions: papers int64[n], experts int64[n,K] padded with -1, worth and score float64[n].

    worth is weight * score - prices, -inf where a submission has no team that keeps its floor; the best can be worth
    `gap` more.
    """

    papers: Ints
    experts: Ints
    worth: Floats
    scores: Floats
    gap: Floats

    def of(self, which: Ints) -> "Teams":
        return Teams(self.papers[which], self.experts[which], self.worth[which], self.scores[which], self.gap[which])


@dataclass(frozen=True)
class Near:
    """Rows of one kind and what the Lagrangian left of each: its multiplier, a team that keeps the floor, what no team
    is worth more than (bound), and how much that is above the team's worth (gap)."""

    scores: Floats
    worth: Floats
    multiplier: Floats
    team: Ints
    bound: Floats
    gap: Floats


def best_teams(
    instance: Instance, papers: Ints, floors: Floats, weight: float, prices: Floats, effort: int = LOOKED_THROUGH
) -> Teams:
    """For each of these submissions the best team that keeps its floor (float64[P]).

    Where more than `effort` combinations would have to be looked through it is a good one, and `gap` is above 0.
    """
    K = int(instance.wanted.max(initial=0))
    experts = np.full((papers.size, K), -1, dtype=np.int64)
    worth, scores, gap = np.full(papers.size, -np.inf), np.full(papers.size, -np.inf), np.zeros(papers.size)
    for mine, near in near_rows(instance, papers, floors, weight, prices):
        for row in np.flatnonzero(near.gap > instance.tolerance):
            _settle(near, int(row), float(floors[papers[mine[row]]]) - instance.tolerance, effort)
        experts[mine, : near.team.shape[1]] = np.sort(near.team, axis=1)
        gap[mine] = near.gap
        scores[mine], worth[mine] = _sum(near.scores, near.team), _sum(near.worth, near.team)
    worth[scores < floors[papers] - instance.tolerance] = -np.inf
    return Teams(papers, experts, worth, scores, gap)


def pairs_within(instance: Instance, floors: Floats, prices: Floats, loss: float) -> tuple[Ints, Ints]:
    """Sorted pairs that an assignment within `loss` of the bound (at weight 1) can use, and the submissions that
    could choose among theirs so badly as to miss their floor.

    With an expert who is not in the Lagrangian's best team, a team is worth at most its bound less what that expert's
    value is below the last of the best.
    """
    needy, keys, staked = np.flatnonzero(instance.needy()), [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    best = best_teams(instance, needy, floors, 1.0, prices)
    for mine, near in near_rows(instance, needy, floors, 1.0, prices):
        papers, k = needy[mine], near.team.shape[1]
        value = _valued(near.scores, near.worth, near.multiplier)
        edge = np.partition(value, value.shape[1] - k, axis=1)[:, value.shape[1] - k]
        slack = loss + near.bound - best.worth[mine] - best.gap[mine]
        usable = (value >= (edge - slack - 1e-12 * np.abs(near.bound))[:, None]) & (value > -np.inf)
        worst = np.sort(np.where(usable, near.scores, np.inf), axis=1)[:, :k].sum(axis=1)
        at_stake = worst < floors[papers] - instance.tolerance
        for index in np.flatnonzero(at_stake):
            least, floor = near.bound[index] - slack[index], floors[papers[index]] - instance.tolerance
            teams = _teams_above(near, int(index), np.flatnonzero(usable[index]), float(floor), float(least), EVERY)
            if teams is not None:
                usable[index] = False
                usable[index, teams] = True
        row, column = np.nonzero(usable)
        keys.append(papers[row] * instance.shape[1] + column)
        staked.append(papers[at_stake])
    return np.sort(np.concatenate(keys)), np.sort(np.concatenate(staked))


def near_rows(
    instance: Instance, papers: Ints, floors: Floats, weight: float, prices: Floats
) -> Iterator[tuple[Ints, Near]]:
    """Places in `papers` of one kind at a time, and the Lagrangian's answer for them."""
    for wanted in np.unique(instance.wanted[papers]):
        alike = np.flatnonzero(instance.wanted[papers] == wanted)
        for start in range(0, alike.size if wanted else 0, ROWS_AT_A_TIME):
            mine = alike[start : start + ROWS_AT_A_TIME]
            scores = instance.scores[papers[mine]]
            worth = worth_of(scores, weight, prices)
            yield mine, _lagrangian(scores, worth, floors[papers[mine]] - instance.tolerance, int(wanted))


def _lagrangian(scores: Floats, worth: Floats, floors: Floats, wanted: int) -> Near:
    """The multiplier at which a team below the floor and one above it tie; of both the one above."""
    below = _top(worth, wanted)
    best, light = _sum(worth, below), _sum(scores, below)
    fine = light >= floors
    above, heavy, dear = below.copy(), light.copy(), best.copy()
    short = np.flatnonzero(~fine)
    above[short] = _top(scores[short], wanted)
    heavy[short], dear[short] = _sum(scores[short], above[short]), _sum(worth[short], above[short])
    multiplier, dual = np.zeros(floors.size), np.where(fine, best, np.inf)
    tied = np.flatnonzero(~fine & (heavy >= floors))
    rows = tied
    for _ in range(TIES):
        if rows.size == 0:
            break
        tie = (best[rows] - dear[rows]) / (heavy[rows] - light[rows])
        team = _top(_valued(scores[rows], worth[rows], tie), wanted)
        weight, cost = _sum(scores[rows], team), _sum(worth[rows], team)
        bound = cost + tie * (weight - floors[rows])
        better = bound < dual[rows]
        dual[rows[better]], multiplier[rows[better]] = bound[better], tie[better]
        known = best[rows] + tie * (light[rows] - floors[rows])
        going = bound > known + 1e-12 * np.maximum(1.0, np.abs(known))
        kept = weight >= floors[rows]
        for side, held in ((kept & going, (above, heavy, dear)), (~kept & going, (below, light, best))):
            for known_of, new in zip(held, (team, weight, cost), strict=True):
                known_of[rows[side]] = new[side]
        rows = rows[going]
    gap = np.zeros(floors.size)
    gap[tied] = np.maximum(dual[tied] - dear[tied], 0.0)
    return Near(scores, worth, multiplier, above, dual, gap)


def _valued(scores: Floats, worth: Floats, multiplier: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        value = worth + multiplier[:, None] * scores
    value[np.isnan(value)] = -np.inf
    return value


def _top(values: Floats, wanted: int) -> Ints:
    return np.argpartition(values, values.shape[1] - wanted, axis=1)[:, values.shape[1] - wanted :]


def _sum(values: Floats, team: Ints) -> Floats:
    return np.asarray(np.take_along_axis(values, team, axis=1).sum(axis=1))


def _settle(near: Near, row: int, floor: float, effort: int) -> None:
    """Put the best team of a row in place of the one known, among all that could be better."""
    known = float(near.worth[row, near.team[row]].sum())
    columns = _undominated(near.scores[row], near.worth[row], near.team.shape[1])
    teams = _teams_above(near, row, columns, floor, known, effort)
    if teams is None:
        return
    near.gap[row] = 0.0
    if teams.shape[0]:
        near.team[row] = teams[np.argmax(near.worth[row][teams].sum(axis=1))]


def _teams_above(near: Near, row: int, columns: Ints, floor: float, least: float, effort: int) -> Ints | None:
    """int64[n,k]: all teams of these experts with score >= floor and worth >= least; None if too many to look at."""
    k, multiplier = near.team.shape[1], near.multiplier[row]
    scores, worth = near.scores[row, columns], near.worth[row, columns]
    values = np.stack([worth + multiplier * scores, worth, scores])
    bars = [bar - 1e-12 * max(1.0, abs(bar)) for bar in (least + multiplier * floor, least, floor)]
    best = -np.sort(-values, axis=1)[:, : k - 1].sum(axis=1)
    able = np.flatnonzero((values + best[:, None] >= np.array(bars)[:, None]).all(axis=0))
    able = able[np.argsort(-values[0, able], kind="stable")]
    teams = _tuples_above(values[:, able], k, bars, effort)
    return None if teams is None else np.asarray(columns[able][teams])


def _undominated(scores: Floats, worth: Floats, k: int) -> Ints:
    """The experts than whom fewer than k others are at least as good in both: a best team of k needs no others."""
    order = np.lexsort((-worth, -scores))
    stream, above = worth[order], np.full(order.size, -np.inf)
    for _ in range(k):
        above[1:] = np.maximum.accumulate(stream)[:-1]
        stream = np.minimum(stream, above)
    return order[(worth[order] > above) & (worth[order] > -np.inf)]


def _tuples_above(values: Floats, k: int, bars: list[float], effort: int) -> Ints | None:
    """int64[n,k]: all ascending tuples of places whose sums reach the bars; float64[3,N], the first row descending."""
    n = values.shape[1]
    if n < k:
        return np.zeros((0, k), dtype=np.int64)
    tuples, sums = np.zeros((1, 0), dtype=np.int64), np.zeros((3, 1))
    total = np.concatenate([[0.0], np.cumsum(values[0])])
    for taken in range(k):
        more = k - taken
        best = total[more:] - total[: n - more + 1]
        last = tuples[:, -1] + 1 if taken else np.zeros(1, dtype=np.int64)
        many = np.maximum(np.searchsorted(-best, sums[0] - bars[0], side="right") - last, 0)
        if many.sum() > effort:
            return None
        owner = np.repeat(np.arange(last.size), many)
        position = np.arange(owner.size) - np.repeat(np.cumsum(many) - many, many) + np.repeat(last, many)
        sums = sums[:, owner] + values[:, position]
        able = np.ones(owner.size, dtype=bool)
        for kind in (1, 2):
            able &= sums[kind] + _best_after(values[kind], more - 1)[position] >= bars[kind]
        tuples, sums = np.column_stack([tuples[owner], position])[able], sums[:, able]
    return tuples


def _best_after(values: Floats, many: int) -> Floats:
    """float64[N]: the sum of the `many` largest values behind each place; -inf where there are fewer."""
    found, stream = np.zeros(values.size), values[::-1]
    for _ in range(many):
        above = np.concatenate([[-np.inf], np.maximum.accumulate(stream)[:-1]]) if values.size else stream
        found, stream = found + above, np.minimum(stream, above)
    return found[::-1]
