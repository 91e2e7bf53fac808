"""The best assignment by aim, and what is known about it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from states.rules.assignment.bounds import PricedBound, supply
from states.rules.assignment.certificate import OptimalityCertificate, level_unit, slopes_of, values_of
from states.rules.assignment.flow import largest_total
from states.rules.assignment.instance import AssignmentMalformed, Ints, read_instance
from states.rules.assignment.levels import Goal, highest_level
from states.rules.assignment.limits import refuse_the_obvious
from states.rules.assignment.solver import Patience

TOTAL_KEPT = 0.995
PATIENCE = 60.0
NOBODY = np.array([], dtype=np.int64)


class Aim(StrEnum):
    FAIR = "fair"
    SHARE = "share"
    TOTAL = "total"


@dataclass(frozen=True)
class BestAssignment:
    """experts int64[P,k], ascending in each row and padded with -1; and what proves them best."""

    experts: Ints
    certificate: OptimalityCertificate


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
) -> BestAssignment:
    """As `assign`, with the certificate.

    `patience` seconds end a search that does not end by itself; then the certificate is not
    `proven`, its bounds still hold, and another machine may find another assignment.
    """
    if aim not in list(Aim):
        raise AssignmentMalformed(f"There is no aim {aim!r}; the aims are {', '.join(Aim)}.")
    instance = read_instance(similarity, per_paper, max_load, conflicts, min_load)
    refuse_the_obvious(instance)
    chosen, prices = largest_total(instance) if instance.needy().any() else (NOBODY, np.zeros(instance.shape[1]))
    proof, unit = PricedBound(1.0, prices, floored=False), instance.unit
    total = instance.total_of(chosen)
    largest = max(total, supply(instance, proof, np.zeros(instance.shape[0]))) / unit
    slopes, scale = slopes_of(instance, aim), level_unit(instance, aim)
    if not (slopes > 0).any():
        known = OptimalityCertificate(
            aim,
            **values_of(instance, chosen),
            largest_total=largest,
            largest_proof=proof,
            total_at_most=largest,
            total_from_prices=largest,
            total_proof=proof,
            total_proven=True,
        )
        return BestAssignment(instance.table(chosen), known)
    least = total - (1 - TOTAL_KEPT) * abs(total) if aim == Aim.SHARE else -np.inf
    level = highest_level(instance, Goal(slopes, least, Patience(patience)), chosen, proof)
    kept = level.kept
    if kept.chosen is None:
        raise ArithmeticError("The assignment found for the level was lost on the way to the largest total.")
    known = OptimalityCertificate(
        aim=aim,
        **values_of(instance, kept.chosen),
        largest_total=largest,
        largest_proof=proof,
        total_at_most=min(kept.bound / unit, largest),
        total_from_prices=kept.priced / unit,
        total_proof=kept.proof,
        total_proven=kept.finished,
        level=level.reached / scale,
        level_at_most=level.bound / scale,
        level_from_prices=level.priced / scale,
        level_holder=level.holder,
        level_proof=level.proof,
        level_proven=level.proven,
        least_total=None if least == -np.inf else least / unit,
        searched=kept.searched,
    )
    return BestAssignment(instance.table(kept.chosen), known)
