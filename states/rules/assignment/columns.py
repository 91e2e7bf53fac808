"""Prices of the experts that whole teams agree on: column generation (HiGHS).

A program over the pairs of most submissions and over whole teams of those whose floors bind; what its prices find missing
is added until nothing is. Its value is then the best bound that prices alone can give (Dantzig-Wolfe decomposition),
and what it takes is nearly whole.

    maximise   weight * sum(score x) - what is left to teams below their floor
    subject to sum of size * x over a submission = wanted, sum of x over an expert between least and most
"""

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from states.rules.assignment.bounds import Proof, bound_with_teams
from states.rules.assignment.flow import pairs_worth_adding
from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.program import Patience, silent_solver
from states.rules.assignment.teams import LOOKED_THROUGH, Teams, best_teams, joined, teams_of

ROUNDS = 100
TEAMED_AT_MOST = 1200
SMOOTHING = 0.6
MISSED = 10.0
SHALLOW = 20_000
CLOSE = 1e-9


@dataclass(frozen=True)
class Agreed:
    """What column generation ends with.

    No assignment that keeps the floors is worth more than `bound`, by the `proof`. `keys` and `x` are the sorted pairs and
    how much of each is taken; `missed` is how much of submissions is left to teams below their floor.
    """

    proof: Proof
    bound: float
    keys: Ints
    x: Floats
    missed: float


@dataclass(frozen=True)
class _Solved:
    """An optimum: what is taken of each column, bars float64[P] and prices float64[R], and its value."""

    x: Floats
    bars: Floats
    prices: Floats
    value: float


class _Master:
    """The program, which grows by columns: pairs, and teams of the submissions in `teamed`."""

    def __init__(self, instance: Instance, floors: Floats, weight: float) -> None:
        self.instance, self.floors, self.weight = instance, floors, weight
        P, R = instance.shape
        self.teamed = np.zeros(P, dtype=bool)
        self.pairs, self._at_pair, self._at_team = (np.array([], dtype=np.int64) for _ in range(3))
        self.teams = joined(instance, [])
        self._known: set[bytes] = set()
        self.scale = float(np.abs(instance.scores[instance.scores > -np.inf]).max(initial=0.0)) or 1.0
        self._solver: Any = silent_solver()
        empty, none = np.array([], dtype=np.int32), np.array([])
        least = np.concatenate([instance.wanted, instance.least]).astype(float)
        most = np.concatenate([instance.wanted, instance.most]).astype(float)
        self._solver.addRows(P + R, least, most, 0, np.zeros(P + R, dtype=np.int32), empty, none)

    def add_pairs(self, keys: Ints) -> None:
        """Those of submissions without teams; none of them may be in the program yet."""
        papers, experts = self.instance.split(keys)
        index = np.column_stack([papers, experts + self.instance.shape[0]])
        at = self._add(self.weight * self.instance.scores_of(keys), index, np.ones(index.shape), most=1.0)
        self.pairs, self._at_pair = np.concatenate([self.pairs, keys]), np.concatenate([self._at_pair, at])

    def add_teams(self, teams: Teams) -> int:
        """Those that are not yet there; how many."""
        names = [row.tobytes() for row in np.column_stack([teams.papers, teams.experts])]
        fresh = np.array([place for place, name in enumerate(names) if name not in self._known], dtype=np.int64)
        self._known.update(names)
        if fresh.size == 0:
            return 0
        teams = teams.of(fresh)
        sizes = self.instance.wanted[teams.papers]
        index = np.column_stack(
            [teams.papers, np.where(teams.experts >= 0, teams.experts + self.instance.shape[0], -1)]
        )
        values = np.column_stack([sizes, np.ones(teams.experts.shape)])
        worth = self.weight * teams.scores
        worth -= np.where(self.misses(teams), sizes * MISSED * self.scale, 0.0)
        self._at_team = np.concatenate([self._at_team, self._add(worth, index, values, most=np.inf)])
        self.teams = joined(self.instance, [self.teams, teams])
        return int(fresh.size)

    def misses(self, teams: Teams) -> NDArray[np.bool_]:
        return np.asarray(teams.scores < self.floors[teams.papers] - self.instance.tolerance)

    def switch(self, papers: NDArray[np.bool_], seed: Ints) -> None:
        """From here on these submissions take teams: at first those that they have in the assignment `seed`."""
        self.teamed |= papers
        self._fix(self._at_pair[papers[self.instance.split(self.pairs)[0]]])
        self.add_teams(teams_of(self.instance, seed, np.flatnonzero(papers)))

    def _fix(self, columns: Ints) -> None:
        nothing = np.zeros(columns.size)
        self._solver.changeColsBounds(columns.size, columns.astype(np.int32), nothing, nothing)

    def _add(self, worth: Floats, index: Ints, values: Floats, *, most: float) -> Ints:
        n, first, held = worth.size, self._solver.getNumCol(), index >= 0
        starts = np.concatenate([[0], np.cumsum(held.sum(axis=1))])[:-1].astype(np.int32)
        rows, entries = index[held].astype(np.int32), values[held].astype(float)
        self._solver.addCols(n, -worth, np.zeros(n), np.full(n, most), rows.size, starts, rows, entries)
        return np.asarray(first + np.arange(n))

    def solve(self, patience: Patience) -> _Solved | None:
        """None where the solver gives up."""
        started = self._solver.getRunTime()
        self._solver.run()
        if self._solver.getModelStatus() == highspy.HighsModelStatus.kUnknown:
            # The simplex method went round in circles from its last basis: let it start afresh.
            self._solver.clearSolver()
            self._solver.run()
        patience.left -= self._solver.getRunTime() - started
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        answer, P = self._solver.getSolution(), self.instance.shape[0]
        dual = -np.array(answer.row_dual)
        value = -float(self._solver.getInfo().objective_function_value)
        return _Solved(np.array(answer.col_value), dual[:P], dual[P:], value)

    def broken(self, solved: _Solved) -> NDArray[np.bool_]:
        """bool[P]: the submissions without teams whose floor the fractions break."""
        papers = self.instance.split(self.pairs)[0]
        parts = self.instance.scores_of(self.pairs) * solved.x[self._at_pair]
        served = np.bincount(papers, parts, minlength=self.instance.shape[0])
        return np.asarray(~self.teamed & self.instance.needy() & (served < self.floors - 1e-7 * self.scale))

    def gain(self, solved: _Solved, teams: Teams) -> Floats:
        paid = np.where(teams.experts >= 0, solved.prices[teams.experts], 0.0).sum(axis=1)
        own = solved.bars[teams.papers] * self.instance.wanted[teams.papers]
        return np.asarray(self.weight * teams.scores - paid - own)

    def _amounts(self, solved: _Solved, columns: Ints) -> Floats:
        """How much of these is taken: nothing of what came later."""
        return np.append(solved.x, np.zeros(self._solver.getNumCol() - solved.x.size))[columns]

    def taken(self, solved: _Solved) -> tuple[Ints, Floats]:
        """The pairs, and how much of each is taken by itself or in a team."""
        held = self.teams.experts >= 0
        seats = (self.teams.papers[:, None] * self.instance.shape[1] + self.teams.experts)[held]
        keys, place = np.unique(np.concatenate([self.pairs, seats]), return_inverse=True)
        in_teams = np.broadcast_to(self._amounts(solved, self._at_team)[:, None], held.shape)[held]
        amounts = np.concatenate([self._amounts(solved, self._at_pair), in_teams])
        return keys.astype(np.int64), np.bincount(place, amounts, minlength=keys.size).astype(np.float64)

    def missed(self, solved: _Solved) -> float:
        return float(self._amounts(solved, self._at_team)[self.misses(self.teams)].sum())


def agreed_prices(
    instance: Instance,
    floors: Floats,
    prices: Floats,
    pairs: Ints,
    seed: Ints,
    patience: Patience,
    weight: float = 1.0,
) -> Agreed | None:
    """Prices for the largest total under the floors (weight 1), or for whether they can be kept at all (weight 0).

    `prices` are where to start, `pairs` the promising ones, `seed` any assignment within the limits. None where the
    floors of too many submissions bind, half of the patience would not do, or the solver gives up.
    """
    master = _Master(instance, floors, weight)
    master.add_pairs(np.union1d(pairs, seed))
    master.switch(instance.needy() & (instance.served(seed) < floors - instance.tolerance), seed)
    center = _Center(prices)
    master.add_teams(_best_teams(master, prices, SHALLOW))
    enough = patience.left / 2 if patience.left < np.inf else 0.0
    for _ in range(ROUNDS):
        if master.teamed.sum() > TEAMED_AT_MOST or patience.left <= enough:
            return None
        solved = master.solve(patience)
        if solved is None:
            return None
        broken = master.broken(solved)
        if broken.any():
            master.switch(broken, seed)
            center.bound = np.inf
        added = _add_teams(master, solved, center) + _add_pairs(master, solved)
        if not broken.any() and (added == 0 or _enough(master, solved, center)):
            break
    return Agreed(_proof(master, center.prices), center.bound, *master.taken(solved), master.missed(solved))


@dataclass
class _Center:
    """The prices with the best bound so far."""

    prices: Floats
    bound: float = np.inf


def _enough(master: _Master, solved: _Solved, center: _Center) -> bool:
    """Bound and value meet; or whether the floors can be kept, which is all that weight 0 asks, is known."""
    known = center.bound - solved.value < CLOSE * abs(solved.value)
    if master.weight == 0:
        known = center.bound < -CLOSE * master.scale or master.missed(solved) < CLOSE
    return known


def _add_teams(master: _Master, solved: _Solved, center: _Center) -> int:
    """Add the best teams that the program does not know: at prices between, at its own, and at its own exactly."""
    total = 0
    between = SMOOTHING * center.prices + (1 - SMOOTHING) * solved.prices
    for prices, effort in ((between, SHALLOW), (solved.prices, SHALLOW), (solved.prices, LOOKED_THROUGH)):
        found = _best_teams(master, prices, effort)
        bound = bound_with_teams(master.instance, _proof(master, prices), found)
        if bound < center.bound:
            center.prices, center.bound = prices, bound
        added = master.add_teams(found.of(np.flatnonzero(master.gain(solved, found) > CLOSE * master.scale)))
        total += added
        if total and prices is solved.prices:
            break
    return total


def _add_pairs(master: _Master, solved: _Solved) -> int:
    instance, weights = master.instance, np.full(master.instance.shape[0], master.weight)
    bars = np.where(master.teamed, np.inf, solved.bars)
    missing = pairs_worth_adding(instance, np.sort(master.pairs), weights, solved.prices, bars)
    master.add_pairs(missing)
    return int(missing.size)


def _best_teams(master: _Master, prices: Floats, effort: int) -> Teams:
    weights = np.full(master.instance.shape[0], master.weight)
    return best_teams(master.instance, np.flatnonzero(master.teamed), master.floors, weights, prices, effort)


def _proof(master: _Master, prices: Floats) -> Proof:
    return Proof(np.full(master.instance.shape[0], master.weight), prices, teamed=master.teamed.copy())
