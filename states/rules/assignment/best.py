"""Which expert reviews which submission: the best assignment within all limits, with its proof.

The limits come first: nobody in conflict, exact numbers per submission, maximum and minimum
loads. Then, by aim:

- `fair`: the worst-served submission's score as large as possible, then the largest total;
- `share`: the worst share (a submission's score over what its own best experts would give) as
  large as possible at `TOTAL_KEPT` of the largest total or more, then the largest total;
- `total`: the largest total only.

How: totals by a minimum-cost flow (OR-tools) over few pairs (`flow`). A level is tried by
column generation over whole teams of experts (`columns`, HiGHS), whose prices bound the
total under floors or exclude the level, and by a search of what they leave (`search`,
HiGHS); prices prove for everything left out that it could not help (`bounds`).
Exact: scores that are fractions with a common small denominator (quarters, hundredths, up to
six decimals) are handled as whole numbers; other scores lose at most 2^-45 each in the flow, and
a total within 1e-9 of its bound counts as proven.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from states.rules.assignment.bounds import Proof, priced_bound
from states.rules.assignment.brackets import Goal
from states.rules.assignment.certificate import Certificate, level_unit, slopes_of, values_of
from states.rules.assignment.flow import largest_total
from states.rules.assignment.instance import AssignmentMalformed, Instance, Ints, read_instance
from states.rules.assignment.levels import Level, highest_level
from states.rules.assignment.limits import refuse_the_obvious
from states.rules.assignment.program import Patience

TOTAL_KEPT = 0.995
PATIENCE = 60.0


class Aim(StrEnum):
    FAIR = "fair"
    SHARE = "share"
    TOTAL = "total"


@dataclass(frozen=True)
class Assignment:
    """experts int64[P,k], ascending in each row and padded with -1; and what proves them best."""

    experts: Ints
    certificate: Certificate


def assign(
    similarity: ArrayLike,
    per_paper: ArrayLike,
    max_load: ArrayLike,
    conflicts: ArrayLike,
    min_load: ArrayLike | None = None,
    *,
    aim: str = Aim.FAIR,
) -> Ints:
    """The experts of each submission: int64[P,k], k = max(per_paper), ascending, padded with -1.

    similarity float64[P,R], higher is better, any scale; per_paper int[P]; max_load, min_load int[R];
    conflicts bool[P,R]. Raises AssignmentMalformed for arrays that describe no assignment and
    AssignmentInfeasible, which names submissions and limits, when no assignment keeps the limits.
    """
    return assign_with_certificate(similarity, per_paper, max_load, conflicts, min_load, aim=aim).experts


def assign_with_certificate(
    similarity: ArrayLike,
    per_paper: ArrayLike,
    max_load: ArrayLike,
    conflicts: ArrayLike,
    min_load: ArrayLike | None = None,
    *,
    aim: str = Aim.FAIR,
    patience: float = PATIENCE,
) -> Assignment:
    """As `assign`, with the certificate.

    `patience` seconds end a search that does not end by itself; then the certificate is not
    `proven`, its bounds still hold, and another machine may find another assignment.
    """
    wanted = _aim(aim)
    instance = read_instance(similarity, per_paper, max_load, conflicts, min_load)
    refuse_the_obvious(instance)
    if not instance.needy().any():
        return _nobody(instance, wanted)
    chosen, _, prices = largest_total(instance)
    proof = Proof(weights=np.ones(instance.shape[0]), prices=prices)
    largest = priced_bound(instance, proof)
    slopes = slopes_of(instance, wanted)
    if not (slopes > 0).any():
        certificate = _certificate_of_total(instance, wanted, chosen, largest, proof)
        return Assignment(_table(instance, chosen), certificate)
    total = float(instance.scores_of(chosen).sum())
    least = total - (1 - TOTAL_KEPT) * abs(total) if wanted is Aim.SHARE else -np.inf
    goal = Goal(slopes, least, Patience(patience))
    level = highest_level(instance, goal, chosen, prices)
    return _leveled(instance, wanted, goal, level, largest, proof)


def _aim(name: str) -> Aim:
    if name not in list(Aim):
        raise AssignmentMalformed(f"There is no aim {name!r}; the aims are {', '.join(Aim)}.")
    return Aim(name)


def _leveled(
    instance: Instance, aim: Aim, goal: Goal, level: Level, largest: float, largest_proof: Proof
) -> Assignment:
    """The assignment of the highest level and what is known about level and total."""
    unit, kept = level_unit(instance, aim), level.kept
    if kept.chosen is None:
        raise ArithmeticError("The assignment found for the level was lost on the way to the largest total.")
    certificate = Certificate(
        aim=aim,
        **values_of(instance, kept.chosen),
        largest_total=largest / instance.unit,
        largest_proof=largest_proof,
        total_at_most=kept.bound / instance.unit,
        total_from_prices=kept.priced / instance.unit,
        total_proof=kept.proof,
        total_proven=kept.finished,
        level=level.reached / unit,
        level_at_most=level.bound / unit,
        level_from_prices=level.priced / unit,
        level_holder=level.holder,
        level_proof=level.proof,
        level_proven=level.proven,
        least_total=None if goal.least_total == -np.inf else goal.least_total / instance.unit,
        searched=kept.searched,
    )
    return Assignment(_table(instance, kept.chosen), certificate)


def _certificate_of_total(instance: Instance, aim: Aim, chosen: Ints, largest: float, proof: Proof) -> Certificate:
    bound = largest / instance.unit
    return Certificate(
        aim=aim,
        **values_of(instance, chosen),
        largest_total=bound,
        largest_proof=proof,
        total_at_most=bound,
        total_from_prices=bound,
        total_proof=proof,
        total_proven=True,
    )


def _nobody(instance: Instance, aim: Aim) -> Assignment:
    nothing = Proof(weights=np.ones(instance.shape[0]), prices=np.zeros(instance.shape[1]))
    chosen = np.array([], dtype=np.int64)
    return Assignment(_table(instance, chosen), _certificate_of_total(instance, aim, chosen, 0.0, nothing))


def _table(instance: Instance, chosen: Ints) -> Ints:
    """int64[P,k] from sorted pairs: ascending in each row, -1 where a submission wants fewer."""
    papers, experts = instance.split(np.sort(chosen))
    table = np.full((instance.shape[0], int(instance.wanted.max(initial=0))), -1, dtype=np.int64)
    table[papers, np.arange(papers.size) - np.searchsorted(papers, papers)] = experts
    return table
