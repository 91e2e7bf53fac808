"""Whole teams of one submission: the best experts at given prices among those that keep its floor together.

A linear program splits experts to slip just over a floor. Whole teams cannot, so a bound that gives every submission its
best whole team at the experts' prices is never looser, and needs no weights (Dantzig-Wolfe decomposition: Barnhart et
al., Branch-and-price, Operations Research 46, 1998). The best team under a floor is found by the Lagrangian of the
floor (two teams that tie; Juttner et al., LARAC, 2001), and what its bound leaves is looked through one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from states.rules.assignment.instance import ROWS_AT_A_TIME, Floats, Instance, Ints, worth_of

TIES = 60
LOOKED_THROUGH = 4_000_000


@dataclass(frozen=True)
class Teams:
    """Teams of some submissions: papers int64[n], experts int64[n,K] padded with -1, worth and score float64[n].

    worth is weight * score - prices, -inf where a submission has no team that keeps its floor.
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
    """Rows of one kind and what the Lagrangian left of each: its multiplier, a team that keeps the floor, and how
    much its worth may miss the best by (gap)."""

    scores: Floats
    worth: Floats
    multiplier: Floats
    team: Ints
    gap: Floats


def best_teams(
    instance: Instance, papers: Ints, floors: Floats, weights: Floats, prices: Floats, effort: int = LOOKED_THROUGH
) -> Teams:
    """For each of these submissions the best team that keeps its floor (float64[P]).

    Where more than `effort` combinations would have to be looked through it is a good one, and `gap` is what the best
    can be worth more.
    """
    K = int(instance.wanted.max(initial=0))
    experts = np.full((papers.size, K), -1, dtype=np.int64)
    worth, scores, gap = np.full(papers.size, -np.inf), np.full(papers.size, -np.inf), np.zeros(papers.size)
    for mine, near in near_rows(instance, papers, floors, weights, prices):
        for row in np.flatnonzero(near.gap > instance.tolerance):
            _settle(near, int(row), float(floors[papers[mine[row]]]) - instance.tolerance, effort)
        experts[mine, : near.team.shape[1]] = np.sort(near.team, axis=1)
        gap[mine] = near.gap
        scores[mine], worth[mine] = _sum(near.scores, near.team), _sum(near.worth, near.team)
    worth[scores < floors[papers] - instance.tolerance] = -np.inf
    return Teams(papers, experts, worth, scores, gap)


def near_rows(
    instance: Instance, papers: Ints, floors: Floats, weights: Floats, prices: Floats
) -> Iterator[tuple[Ints, Near]]:
    """Places in `papers` of one kind at a time, and the Lagrangian's answer for them."""
    for wanted in np.unique(instance.wanted[papers]):
        alike = np.flatnonzero(instance.wanted[papers] == wanted)
        for start in range(0, alike.size if wanted else 0, ROWS_AT_A_TIME):
            mine = alike[start : start + ROWS_AT_A_TIME]
            scores = instance.scores[papers[mine]]
            worth = worth_of(scores, weights[papers[mine]], prices)
            yield mine, _lagrangian(scores, worth, floors[papers[mine]] - instance.tolerance, int(wanted))


def _lagrangian(scores: Floats, worth: Floats, floors: Floats, wanted: int) -> Near:
    """The multiplier at which a team below the floor and one above it tie; of both the one above."""
    below, above = _top(worth, wanted), _top(scores, wanted)
    multiplier, best = np.zeros(floors.size), _sum(worth, below)
    light = _sum(scores, below)
    fine = light >= floors
    above[fine] = below[fine]
    heavy, dear = _sum(scores, above), _sum(worth, above)
    dual = np.where(fine, best, np.inf)
    open_ = ~fine & (heavy >= floors)
    for _ in range(TIES):
        rows = np.flatnonzero(open_)
        if rows.size == 0:
            break
        tie = (best[rows] - dear[rows]) / (heavy[rows] - light[rows])
        with np.errstate(invalid="ignore"):
            value = worth[rows] + tie[:, None] * scores[rows]
        value[np.isnan(value)] = -np.inf
        team = _top(value, wanted)
        weight, cost = _sum(scores[rows], team), _sum(worth[rows], team)
        bound = cost + tie * (weight - floors[rows])
        better = bound < dual[rows]
        dual[rows[better]], multiplier[rows[better]] = bound[better], tie[better]
        known = best[rows] + tie * (light[rows] - floors[rows])
        settled = bound <= known + 1e-12 * np.maximum(1.0, np.abs(known))
        kept = weight >= floors[rows]
        up, down = rows[kept & ~settled], rows[~kept & ~settled]
        above[up], heavy[up], dear[up] = team[kept & ~settled], weight[kept & ~settled], cost[kept & ~settled]
        below[down], light[down], best[down] = team[~kept & ~settled], weight[~kept & ~settled], cost[~kept & ~settled]
        open_[rows[settled]] = False
    gap = np.zeros(floors.size)
    tied = np.flatnonzero(~fine & (heavy >= floors))
    for team in (above, below):
        _swap_one(scores, worth, floors, tied, team, above, dear)
    gap[tied] = np.maximum(dual[tied] - dear[tied], 0.0)
    return Near(scores, worth, multiplier, above, gap)


def _swap_one(scores: Floats, worth: Floats, floors: Floats, rows: Ints, teams: Ints, best: Ints, dear: Floats) -> None:
    """Improve the `best` teams of these rows, worth `dear`, by the best that changes one member of `teams`."""
    teams = teams[rows].copy()
    for place in range(teams.shape[1]):
        rest = np.delete(teams, place, axis=1)
        missing = floors[rows] - _sum(scores[rows], rest)
        value = np.where(scores[rows] >= missing[:, None], worth[rows], -np.inf)
        np.put_along_axis(value, rest, -np.inf, axis=1)
        member = value.argmax(axis=1)
        total = value[np.arange(rows.size), member] + _sum(worth[rows], rest)
        better = total > dear[rows]
        dear[rows[better]] = total[better]
        best[rows[better]] = np.column_stack([rest, member])[better]


def _top(values: Floats, wanted: int) -> Ints:
    return np.argpartition(values, values.shape[1] - wanted, axis=1)[:, values.shape[1] - wanted :]


def _sum(values: Floats, team: Ints) -> Floats:
    return np.asarray(np.take_along_axis(values, team, axis=1).sum(axis=1))


def _settle(near: Near, row: int, floor: float, effort: int) -> None:
    """Put the best team of a row in place of the one known, among all that could be better."""
    k = near.team.shape[1]
    known = float(near.worth[row, near.team[row]].sum())
    columns = _undominated(near.scores[row], near.worth[row], k)
    teams = _looked_through(near, row, columns, floor, known, effort)
    if teams is None:
        return
    near.gap[row] = 0.0
    if teams.shape[0]:
        near.team[row] = teams[np.argmax(near.worth[row][teams].sum(axis=1))]


def _undominated(scores: Floats, worth: Floats, k: int) -> Ints:
    """The experts than whom fewer than k others are at least as good in both: a best team of k needs no others."""
    order = np.lexsort((-worth, -scores))
    stream, above = worth[order], np.full(order.size, -np.inf)
    for _ in range(k):
        above[1:] = np.maximum.accumulate(stream)[:-1]
        stream = np.minimum(stream, above)
    return order[(worth[order] > above) & (worth[order] > -np.inf)]


@dataclass(frozen=True)
class Limits:
    """Experts that a team above the bars can have, and three things of each that a team of them adds up: worth with
    the multiplier's part, worth, and score. `columns` int64[n], values float64[3,n], bars one for each."""

    columns: Ints
    values: Floats
    bars: list[float]

    def of(self, places: Ints) -> "Limits":
        return Limits(self.columns[places], self.values[:, places], self.bars)


def limits_of(near: Near, row: int, columns: Ints, floor: float, least: float) -> Limits:
    """What a team of these experts must have to keep the floor and be worth at least so much."""
    multiplier, k = near.multiplier[row], near.team.shape[1]
    scores, worth = near.scores[row, columns], near.worth[row, columns]
    bars = [least + (multiplier * floor if multiplier > 0 else 0.0), least, floor]
    bars = [bar - 1e-12 * max(1.0, abs(bar)) for bar in bars]
    values = np.stack([worth + multiplier * scores, worth, scores])
    best = -np.sort(-values, axis=1)[:, : k - 1].sum(axis=1)
    able = (values + best[:, None] >= np.array(bars)[:, None]).all(axis=0)
    return Limits(columns[able], values[:, able], bars)


def _looked_through(near: Near, row: int, columns: Ints, floor: float, least: float, effort: int) -> Ints | None:
    """int64[n,k]: all teams of these experts with score >= floor and worth >= least; None if too many to look at."""
    k = near.team.shape[1]
    if columns.size < k:
        return np.zeros((0, k), dtype=np.int64)
    limits = limits_of(near, row, columns, floor, least)
    limits = limits.of(np.argsort(-limits.values[0], kind="stable"))
    teams = _tuples_above(limits.values, k, limits.bars, effort)
    return None if teams is None else np.asarray(limits.columns[teams])


def _tuples_above(values: Floats, k: int, bars: list[float], effort: int) -> Ints | None:
    """int64[n,k]: all ascending tuples of places whose sums reach the bars; float64[3,N], the first row descending."""
    n = values.shape[1]
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
        place = np.arange(owner.size) - np.repeat(np.cumsum(many) - many, many) + np.repeat(last, many)
        sums = sums[:, owner] + values[:, place]
        able = np.ones(owner.size, dtype=bool)
        for kind in (1, 2):
            able &= sums[kind] + best_after(values[kind], more - 1)[place] >= bars[kind]
        tuples, sums = np.column_stack([tuples[owner], place])[able], sums[:, able]
    return tuples


def best_after(values: Floats, many: int) -> Floats:
    """float64[N]: the sum of the `many` largest values behind each place; -inf where there are fewer."""
    found, stream = np.zeros(values.size), values[::-1]
    for _ in range(many):
        above = np.concatenate([[-np.inf], np.maximum.accumulate(stream)[:-1]]) if values.size else stream
        found, stream = found + above, np.minimum(stream, above)
    return found[::-1]


def teams_of(instance: Instance, chosen: Ints, papers: Ints) -> Teams:
    """The teams of these submissions in an assignment, at no price."""
    owners, experts = instance.split(chosen)
    table = np.full((instance.shape[0], int(instance.wanted.max(initial=0))), -1, dtype=np.int64)
    table[owners, np.arange(owners.size) - np.searchsorted(owners, owners)] = experts
    served = instance.served(chosen)[papers]
    return Teams(papers, table[papers], served, served, np.zeros(papers.size))


def joined(instance: Instance, found: Sequence[Teams]) -> Teams:
    K = int(instance.wanted.max(initial=0))
    experts = [np.pad(one.experts, ((0, 0), (0, K - one.experts.shape[1])), constant_values=-1) for one in found]
    figures = ([getattr(one, name) for one in found] for name in ("worth", "scores", "gap"))
    return Teams(
        np.concatenate([np.zeros(0, dtype=np.int64), *(one.papers for one in found)]),
        np.concatenate([np.zeros((0, K), dtype=np.int64), *experts]),
        *(np.concatenate([np.zeros(0), *some]) for some in figures),
    )
