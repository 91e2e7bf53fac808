"""The linear and the mixed-integer program of an assignment with floors, over a chosen set of pairs (HiGHS).

Every program has one auxiliary column besides the pairs. In a program of *floors* it is
the shortfall that all floors share, at a penalty: it is zero exactly when the floors can
be kept. In a program of *level* it is the level that all served submissions reach.

    maximise   weight * sum(score x) + worth * aux
    subject to sum of x over a submission = wanted, over an expert between least and most,
               sum(score x) over a submission + slope * aux >= floor   (only rows asked for)
               sum(score x) over all >= least_total                   (if given)
"""

from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from states.rules.assignment.instance import Floats, Instance, Ints

FLOORS_FOR_SIMPLEX = 200
BRANCHES, BRANCHES_WITHIN = 10_000_000, (200, 20_000)


@dataclass
class Patience:
    """Solver seconds left for one assignment. The counted limits of a search normally end it first."""

    left: float = np.inf


@dataclass(frozen=True)
class Aims:
    """What a program maximises; slopes and floors are float64[P] in working units."""

    pair_weight: float
    aux_worth: float
    slopes: Floats
    floors: Floats
    least_total: float = -np.inf
    aux_limit: float = np.inf
    aux_least: float = 0.0


@dataclass(frozen=True)
class Priced:
    """An optimum of the linear program: x and aux, and the multipliers that prove it.

    weights float64[P] multiply a submission's scores, prices float64[R] and bars float64[P]
    are subtracted; a pair outside the program is worth adding where the result is positive.
    """

    x: Floats
    aux: float
    weights: Floats
    prices: Floats
    bars: Floats
    multipliers: Floats


@dataclass
class Program:
    """A linear program that grows by pairs (columns) and floors (rows).

    With few floors it is nearly a flow, and the simplex method goes on from its last basis. Many floors, and a
    level above all, are so degenerate that it stalls where the interior point does not; and a proof needs good
    prices, not a vertex.
    """

    instance: Instance
    aims: Aims
    keys: Ints
    floored: Ints = field(default_factory=lambda: np.array([], dtype=np.int64))
    gap: float | None = None
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        self._solver = _solver(self.instance, self.gap)
        self._solver.addVar(self.aims.aux_least, self.aims.aux_limit)
        self._solver.changeColCost(0, -self.aims.aux_worth)
        counts = np.concatenate([self.instance.wanted, self.instance.least]).astype(float)
        limits = np.concatenate([self.instance.wanted, self.instance.most]).astype(float)
        _add_rows(self._solver, counts, limits)
        _add_rows(self._solver, np.array([self.aims.least_total]), np.array([np.inf]))
        if self.aims.pair_weight == 0 or self.floored.size > FLOORS_FOR_SIMPLEX:
            self._solver.setOptionValue("solver", "ipm")
            self._solver.setOptionValue("run_crossover", "off")
            self._solver.setOptionValue("ipm_optimality_tolerance", 1e-10)
        P = self.instance.shape[0]
        self._row_of_floor = np.full(P, -1)
        first, rows = self.keys, self.floored
        self.keys, self.floored = np.array([], dtype=np.int64), np.array([], dtype=np.int64)
        self.add_floors(rows)
        self.add_pairs(first)

    def add_pairs(self, keys: Ints) -> None:
        """New columns; none of them may be in the program yet."""
        papers, experts = self.instance.split(keys)
        scores = self.instance.scores_of(keys)
        P, R = self.instance.shape
        ones, total = np.ones(keys.size), np.full(keys.size, P + R)
        rows = np.column_stack([papers, experts + P, total, self._row_of_floor[papers]])
        values = np.column_stack([ones, ones, scores, scores])
        kept = (rows >= 0) & (values != 0)
        kept[:, 2] &= self.aims.least_total > -np.inf
        starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])[:-1]
        self._solver.addCols(
            keys.size,
            -self.aims.pair_weight * scores,
            np.zeros(keys.size),
            np.ones(keys.size),
            int(kept.sum()),
            starts.astype(np.int32),
            rows[kept].astype(np.int32),
            values[kept],
        )
        self.keys = np.concatenate([self.keys, keys])

    def add_floors(self, papers: Ints) -> None:
        """New rows, for the floors of these submissions; none of them may have one yet."""
        self._row_of_floor[papers] = self._solver.getNumRow() + np.arange(papers.size)
        scores = self.instance.scores_of(self.keys)
        self._add_rows_of(papers, scores, self.aims.floors[papers], self.aims.slopes[papers])
        self.floored = np.concatenate([self.floored, papers])

    def _add_rows_of(self, papers: Ints, values: Floats, least: Floats, aux: Floats) -> None:
        """A row for each submission: sum of value * x over its pairs + aux * the auxiliary >= least."""
        where = np.full(self.instance.shape[0], -1)
        where[papers] = np.arange(papers.size)
        mine = where[self.instance.split(self.keys)[0]]
        columns = np.flatnonzero((mine >= 0) & (values != 0))
        rows = np.concatenate([mine[columns], np.arange(papers.size)])
        index = np.concatenate([columns + 1, np.zeros(papers.size, dtype=np.int64)])
        value = np.concatenate([values[columns], aux])
        order = np.argsort(rows, kind="stable")
        starts = np.searchsorted(rows[order], np.arange(papers.size))
        self._solver.addRows(
            papers.size,
            least,
            np.full(papers.size, np.inf),
            value.size,
            starts.astype(np.int32),
            index[order].astype(np.int32),
            value[order],
        )

    def add_cores(self, papers: Ints, experts: Ints) -> None:
        """Cores (experts int64[n,K], padded with -1): each of these submissions takes at least all of one of its.

        Parts of cores add up to one; they need not be whole numbers: where pairs are, one core is taken whole.
        """
        held, first = experts >= 0, self._solver.getNumRow()
        seats = papers[:, None] * self.instance.shape[1] + experts
        pairs, owners = np.unique(seats[held]), np.unique(papers)
        columns = (np.searchsorted(self.keys, pairs) + 1).astype(np.int32)
        none, starts = np.zeros(pairs.size), np.arange(pairs.size, dtype=np.int32)
        taken = np.full(pairs.size, -1.0)
        self._solver.addRows(pairs.size, np.full(pairs.size, -np.inf), none, pairs.size, starts, columns, taken)
        one, empty = np.ones(owners.size), np.array([], dtype=np.int32)
        self._solver.addRows(owners.size, one, one, 0, np.zeros(owners.size, dtype=np.int32), empty, np.array([]))
        rows = np.column_stack([np.searchsorted(owners, papers) + pairs.size, np.searchsorted(pairs, seats)]) + first
        held = np.column_stack([np.ones(papers.size, dtype=bool), held])
        n, begins = papers.size, np.concatenate([[0], np.cumsum(held.sum(axis=1))])[:-1].astype(np.int32)
        index, entries = rows[held].astype(np.int32), np.ones(int(held.sum()))
        self._solver.addCols(n, np.zeros(n), np.zeros(n), np.ones(n), index.size, begins, index, entries)

    def solve(self) -> Priced:
        """The optimum of the linear program. Its caller makes sure that there is one."""
        started = self._solver.getRunTime()
        self._solver.run()
        status = self._solver.getModelStatus()
        if status == highspy.HighsModelStatus.kUnknown:
            # The interior point came near and no nearer: let it end with a vertex.
            self._solver.setOptionValue("run_crossover", "on")
            self._solver.run()
            status = self._solver.getModelStatus()
        self.patience.left -= self._solver.getRunTime() - started
        if status != highspy.HighsModelStatus.kOptimal:
            raise ArithmeticError(f"The linear program of the assignment was not solved: {status}.")
        P, R = self.instance.shape
        answer = self._solver.getSolution()
        values, dual = np.array(answer.col_value), np.array(answer.row_dual)
        multipliers = np.where(self._row_of_floor >= 0, np.maximum(dual[self._row_of_floor], 0.0), 0.0)
        common = self.aims.pair_weight + max(float(dual[P + R]), 0.0)
        return Priced(
            x=values[1:],
            aux=float(values[0]),
            weights=common + multipliers,
            prices=-dual[P : P + R],
            bars=-dual[:P],
            multipliers=multipliers,
        )


@dataclass(frozen=True)
class Searched:
    """What a mixed-integer search ended with: the chosen pairs if any, a proven bound, and whether it finished."""

    chosen: Ints | None
    bound: float
    finished: bool


def search_whole(program: Program, *, fixed: NDArray[np.bool_], known: Ints | None, first_will_do: bool) -> Searched:
    """The best whole-number solution of the program with the `fixed` pairs taken.

    Ends at a counted number of branches, the same on every machine, or when the program's patience does.
    `first_will_do` ends it at the first solution, `known` is one to start from. The program
    cannot be used afterwards.
    """
    if program.patience.left <= 0:
        return Searched(chosen=None, bound=np.inf, finished=False)
    solver = program._solver
    _make_whole(program, fixed)
    solver.setOptionValue("time_limit", min(float(program.patience.left), 1e9))
    if known is not None and np.isin(known, program.keys).all():
        start = highspy.HighsSolution()
        start.col_value = np.concatenate([[0.0], np.isin(program.keys, known)]).astype(float)
        solver.setSolution(start)
    if first_will_do:
        solver.setOptionValue("mip_max_improving_sols", 1)
    solver.run()
    program.patience.left -= solver.getRunTime()
    status, info = solver.getModelStatus(), solver.getInfo()
    if status == highspy.HighsModelStatus.kInfeasible:
        return Searched(chosen=None, bound=-np.inf, finished=True)
    finished = status == highspy.HighsModelStatus.kOptimal
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return Searched(chosen=None, bound=-info.mip_dual_bound, finished=False)
    taken = np.array(solver.getSolution().col_value)[1 : program.keys.size + 1] > 0.5
    return Searched(chosen=np.sort(program.keys[taken]), bound=-info.mip_dual_bound, finished=finished)


def _make_whole(program: Program, fixed: NDArray[np.bool_]) -> None:
    solver, many = program._solver, program.keys.size
    columns = np.arange(1, many + 1, dtype=np.int32)
    solver.changeColsIntegrality(many, columns, np.full(many, highspy.HighsVarType.kInteger))
    solver.changeColsBounds(many, columns, fixed.astype(float), np.ones(many))
    # Any named solver would leave the whole numbers out.
    solver.setOptionValue("solver", "choose")
    solver.setOptionValue("run_crossover", "on")
    solver.setOptionValue("mip_max_nodes", int(np.clip(BRANCHES // max(many, 1), *BRANCHES_WITHIN)))


class _Silent(highspy.Highs):
    """HiGHS without a word: its constructor prints a banner on stdout unless it is silenced within."""

    def enableCallbacks(self) -> None:
        self.silent()
        super().enableCallbacks()  # type: ignore[no-untyped-call]


def silent_solver() -> Any:
    """HiGHS on one thread, the same each time."""
    solver: Any = _Silent()  # type: ignore[no-untyped-call]
    for name, value in {"threads": 1, "parallel": "off", "random_seed": 0}.items():
        solver.setOptionValue(name, value)
    return solver


def _solver(instance: Instance, gap: float | None) -> Any:
    """Tolerances as fine as HiGHS allows unless scores are whole numbers."""
    solver = silent_solver()
    default = 0.5 if instance.grid else 1e-9
    options = {
        "mip_rel_gap": 0.0,
        "mip_abs_gap": default if gap is None else gap,
        "mip_feasibility_tolerance": 1e-6 if instance.grid else 1e-9,
        "primal_feasibility_tolerance": 1e-7,
        "dual_feasibility_tolerance": 1e-7,
    }
    for name, value in options.items():
        solver.setOptionValue(name, value)
    return solver


def _add_rows(solver: Any, lower: Floats, upper: Floats) -> None:
    empty = np.array([], dtype=np.int32)
    starts = np.zeros(lower.size, dtype=np.int32)
    solver.addRows(lower.size, lower, upper, 0, starts, empty, np.array([], dtype=float))
