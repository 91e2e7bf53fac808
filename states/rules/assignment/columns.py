"""Prices of the experts that whole teams agree on: column generation (HiGHS).

A program over the pairs of most submissions and over whole teams of those whose floors bind; what its prices find missing
is added until nothing is. Its value is then the best bound that prices alone can give (Dantzig-Wolfe decomposition:
Barnhart et al., Branch-and-price, Operations Research 46, 1998), and what it takes is nearly whole.

    maximise   weight * sum(score x) - what is left to teams below their floor
    subject to sum of size * x over a submission = wanted, sum of x over an expert between least and most
"""

from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from states.rules.assignment.bounds import SHALLOW, PricedBound, paid
from states.rules.assignment.flow import pairs_worth_adding
from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.solver import Patience, add_columns, add_rows, silent_solver
from states.rules.assignment.teams import LOOKED_THROUGH, Teams, best_teams

ROUNDS = 100
TEAMED_AT_MOST = 1200
MISSED = 10.0
CLOSE = 1e-9


@dataclass(frozen=True)
class Agreed:
    """What column generation ends with: prices; the sorted pairs and how much x of each is taken; and how much of
    submissions is left to teams below their floor."""

    proof: PricedBound
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
        P, K = instance.shape[0], int(instance.wanted.max(initial=0))
        self.teamed, self._known = np.zeros(P, dtype=bool), set[bytes]()
        self.pairs, self._at_pair, self._at_team = (np.zeros(0, dtype=np.int64) for _ in range(3))
        self._seats, self._below = np.zeros((0, K), dtype=np.int64), np.zeros(0, dtype=bool)
        self.scale = float(np.abs(instance.scores[instance.scores > -np.inf]).max(initial=0.0)) or 1.0
        self._solver: Any = silent_solver()
        least, most = (np.concatenate([instance.wanted, loads]) for loads in (instance.least, instance.most))
        add_rows(self._solver, least, most)

    def add_pairs(self, keys: Ints) -> None:
        """Those of submissions without teams; none of them may be in the program yet."""
        papers, experts = self.instance.split(keys)
        index = np.column_stack([papers, experts + self.instance.shape[0]])
        worth = self.weight * self.instance.scores_of(keys)
        at = add_columns(self._solver, worth, index, np.ones(index.shape), most=1.0)
        self.pairs, self._at_pair = np.concatenate([self.pairs, keys]), np.concatenate([self._at_pair, at])

    def add_teams(self, papers: Ints, experts: Ints, scores: Floats) -> int:
        """Those that are not yet there; how many."""
        names = [row.tobytes() for row in np.column_stack([papers, experts])]
        fresh = np.array([index for index, name in enumerate(names) if name not in self._known], dtype=np.int64)
        self._known.update(names)
        papers, experts, scores = papers[fresh], experts[fresh], scores[fresh]
        below = scores < self.floors[papers] - self.instance.tolerance
        sizes = self.instance.wanted[papers]
        index = np.column_stack([papers, np.where(experts >= 0, experts + self.instance.shape[0], -1)])
        worth = self.weight * scores - np.where(below, sizes * MISSED * self.scale, 0.0)
        values = np.column_stack([sizes, np.ones(experts.shape)])
        at = add_columns(self._solver, worth, index, values, most=np.inf)
        seats = np.where(experts >= 0, papers[:, None] * self.instance.shape[1] + experts, -1)
        self._at_team, self._below = np.concatenate([self._at_team, at]), np.concatenate([self._below, below])
        self._seats = np.concatenate([self._seats, seats])
        return int(fresh.size)

    def switch(self, papers: NDArray[np.bool_], seed: Ints) -> None:
        """From here on these submissions take teams: at first those that they have in the assignment `seed`."""
        self.teamed |= papers
        columns = self._at_pair[papers[self.instance.split(self.pairs)[0]]]
        nothing = np.zeros(columns.size)
        self._solver.changeColsBounds(columns.size, columns.astype(np.int32), nothing, nothing)
        rows = np.flatnonzero(papers)
        self.add_teams(rows, self.instance.table(seed)[rows], self.instance.served(seed)[rows])

    def solve(self, patience: Patience) -> _Solved | None:
        """None where the solver gives up."""
        optimal = patience.run(self._solver)
        if not optimal:
            # The simplex method may have gone round in circles from its last basis: let it start afresh.
            self._solver.clearSolver()
            optimal = patience.run(self._solver)
        if not optimal:
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

    def best(self, prices: Floats, effort: int) -> tuple[Teams, float]:
        """The best teams at these prices, of all submissions, and the bound; floors of those without teams are free."""
        floors = np.where(self.teamed, self.floors, -np.inf)
        needy = np.flatnonzero(self.instance.needy())
        found = best_teams(self.instance, needy, floors, self.weight, prices, effort)
        return found, fsum(found.worth) + fsum(found.gap) + paid(self.instance, prices)

    def add_best(self, solved: _Solved, found: Teams) -> int:
        """Add the teams that are worth more than their submission pays for what it has."""
        found = found.of(np.flatnonzero(self.teamed[found.papers]))
        gain = found.worth - solved.bars[found.papers] * self.instance.wanted[found.papers]
        found = found.of(np.flatnonzero(gain > CLOSE * self.scale))
        return self.add_teams(found.papers, found.experts, found.scores)

    def add_missing_pairs(self, solved: _Solved) -> int:
        bars = np.where(self.teamed, np.inf, solved.bars)
        missing = pairs_worth_adding(self.instance, np.sort(self.pairs), self.weight, solved.prices, bars)
        self.add_pairs(missing)
        return int(missing.size)

    def _amounts(self, solved: _Solved, columns: Ints) -> Floats:
        """How much of these is taken: nothing of what came later."""
        return np.append(solved.x, np.zeros(self._solver.getNumCol() - solved.x.size))[columns]

    def taken(self, solved: _Solved) -> tuple[Ints, Floats]:
        """The pairs, and how much of each is taken by itself or in a team."""
        held = self._seats >= 0
        keys, inverse = np.unique(np.concatenate([self.pairs, self._seats[held]]), return_inverse=True)
        in_teams = np.broadcast_to(self._amounts(solved, self._at_team)[:, None], held.shape)[held]
        amounts = np.concatenate([self._amounts(solved, self._at_pair), in_teams])
        return keys.astype(np.int64), np.bincount(inverse, amounts, minlength=keys.size).astype(np.float64)

    def missed(self, solved: _Solved) -> float:
        return float(self._amounts(solved, self._at_team)[self._below].sum())


def agreed_prices(
    instance: Instance, floors: Floats, prices: Floats, pairs: Ints, seed: Ints, patience: Patience, weight: float = 1.0
) -> Agreed | None:
    """Prices for the largest total under the floors (weight 1), or for whether they can be kept at all (weight 0).

    `prices` are where to start, `pairs` the promising ones, `seed` any assignment within the limits. None where the
    floors of too many submissions bind, half of the patience would not do, or the solver gives up.
    """
    master = _Master(instance, floors, weight)
    master.add_pairs(np.union1d(pairs, seed))
    master.switch(instance.needy() & (instance.served(seed) < floors - instance.tolerance), seed)
    best_prices, bound, solved = prices, np.inf, None
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
            bound = np.inf
        added = 0
        for effort in (SHALLOW, LOOKED_THROUGH):
            found, at_most = master.best(solved.prices, effort)
            if at_most < bound:
                best_prices, bound = solved.prices, at_most
            added += master.add_best(solved, found)
            if added or not found.gap.any():
                break
        added += master.add_missing_pairs(solved)
        if not broken.any() and (added == 0 or _enough(master, solved, bound)):
            break
    assert solved is not None
    return Agreed(PricedBound(weight, best_prices), *master.taken(solved), master.missed(solved))


def _enough(master: _Master, solved: _Solved, bound: float) -> bool:
    """Bound and value meet; or whether the floors can be kept, which is all that weight 0 asks, is known."""
    if master.weight == 0:
        return bound < -CLOSE * master.scale or master.missed(solved) < CLOSE
    return bound - solved.value < CLOSE * abs(solved.value)
