"""HiGHS as the assignment uses it: silent, on one thread, the same each time, within the patience of one assignment."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from states.rules.assignment.instance import Floats, Instance, Ints

BRANCHES, BRANCHES_WITHIN = 10_000_000, (200, 20_000)


@dataclass
class Patience:
    """Solver seconds left for one assignment. The counted limits of a search normally end it first."""

    left: float = np.inf

    def run(self, solver: Any) -> bool:
        """Whether it ends at an optimum."""
        import highspy

        started = solver.getRunTime()
        solver.run()
        self.left -= solver.getRunTime() - started
        return bool(solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)


@dataclass(frozen=True)
class SolverResult:
    """What a search of whole numbers ended with: the chosen pairs if any, a proven bound, and whether it finished."""

    chosen: Ints | None
    bound: float
    finished: bool


def silent_solver() -> Any:
    import highspy

    class Silent(highspy.Highs):
        """Its constructor prints a banner on stdout unless it is silenced within."""

        def enableCallbacks(self) -> None:
            self.silent()
            super().enableCallbacks()  # type: ignore[no-untyped-call]

    solver: Any = Silent()  # type: ignore[no-untyped-call]
    for name, value in {"threads": 1, "parallel": "off", "random_seed": 0}.items():
        solver.setOptionValue(name, value)
    return solver


def add_rows(solver: Any, least: Ints | Floats, most: Ints | Floats) -> None:
    """Rows without entries yet."""
    empty = np.array([], dtype=np.int32)
    starts = np.zeros(least.size, dtype=np.int32)
    solver.addRows(least.size, least.astype(float), most.astype(float), 0, starts, empty, np.array([]))


def add_columns(solver: Any, worth: Floats, index: Ints, values: Floats, *, most: float) -> Ints:
    """Columns between 0 and `most` that are worth so much, with values in the rows `index` (int64[n,m], -1 for none)."""
    n, first, held = worth.size, solver.getNumCol(), index >= 0
    starts = np.concatenate([[0], np.cumsum(held.sum(axis=1))])[:-1].astype(np.int32)
    rows, entries = index[held].astype(np.int32), values[held].astype(float)
    solver.addCols(n, -worth, np.zeros(n), np.full(n, most), rows.size, starts, rows, entries)
    return np.asarray(first + np.arange(n))


def search_whole(
    instance: Instance, keys: Ints, floors: Floats, staked: Ints, least_total: float, known: Ints | None, left: Patience
) -> SolverResult:
    """The assignment of largest total within these sorted pairs that keeps the floors of the `staked` submissions.

    Ends at a counted number of branches, the same on every machine, or when the patience does. `known` is one to start
    from. The solver keeps floors but for its tolerance; a team that is below its own is forbidden and the search repeated.
    """
    import highspy

    solver, (P, R) = silent_solver(), instance.shape
    default = 0.5 if instance.grid else 1e-9
    options = {"mip_rel_gap": 0.0, "mip_abs_gap": default, "mip_feasibility_tolerance": min(default, 1e-6)}
    nodes = int(np.clip(BRANCHES // max(keys.size, 1), *BRANCHES_WITHIN))
    for name, value in (options | {"mip_max_nodes": nodes}).items():
        solver.setOptionValue(name, value)
    asked = np.concatenate([[least_total], floors[staked]])
    add_rows(
        solver, np.concatenate([instance.wanted, instance.least]), np.concatenate([instance.wanted, instance.most])
    )
    add_rows(solver, asked, np.full(asked.size, np.inf))
    papers, experts = instance.split(keys)
    row_of = np.full(P, -1)
    row_of[staked] = P + R + 1 + np.arange(staked.size)
    scores, ones = instance.scores_of(keys), np.ones(keys.size)
    total = np.full(keys.size, P + R if least_total > -np.inf else -1)
    index = np.column_stack([papers, experts + P, total, row_of[papers]])
    add_columns(solver, scores, index, np.column_stack([ones, ones, scores, scores]), most=1.0)
    columns = np.arange(keys.size, dtype=np.int32)
    solver.changeColsIntegrality(keys.size, columns, np.full(keys.size, highspy.HighsVarType.kInteger))
    if known is not None and np.isin(known, keys).all():
        start = highspy.HighsSolution()
        start.col_value = np.isin(keys, known).astype(float)
        solver.setSolution(start)
    while left.left > 0:
        solver.setOptionValue("time_limit", solver.getRunTime() + min(left.left, 1e9))
        finished, info = left.run(solver), solver.getInfo()
        if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return SolverResult(None, -np.inf, finished=True)
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return SolverResult(None, -info.mip_dual_bound, finished=False)
        chosen = keys[np.array(solver.getSolution().col_value) > 0.5]
        below = np.flatnonzero(instance.served(chosen) < floors - instance.tolerance)
        if below.size == 0:
            return SolverResult(chosen, -info.mip_dual_bound, finished)
        for paper in below:
            team = np.searchsorted(keys, chosen[instance.split(chosen)[0] == paper]).astype(np.int32)
            solver.addRow(-np.inf, float(team.size - 1), team.size, team, np.ones(team.size))
    return SolverResult(None, np.inf, finished=False)
