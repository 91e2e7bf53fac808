"""The highest level that all submissions can reach at once: a score (aim "fair") or a share of their own best.

If every submission can have what the worst-off could have at best, nothing better exists. Otherwise the highest
level that nothing excludes yet is tried, until one is reached: experts that submissions need more of than there are
exclude levels (`assignment_counting`), and so do prices at which there are no whole teams for all
(`assignment_columns`). Where too many floors bind for that, fractions and trades come near (`assignment_leveling`).
"""

from dataclasses import dataclass

import numpy as np

from states.rules.assignment_bounds import Proof, out_of_reach
from states.rules.assignment_brackets import (
    Bracket,
    Excluded,
    Goal,
    asked_at,
    floors_of,
    least_step,
    level_of,
    whole_levels,
)
from states.rules.assignment_counting import lowest_uncountable
from states.rules.assignment_floors import by_flow, largest_total_with_floors, without_hopeless_pairs
from states.rules.assignment_instance import Floats, Instance, Ints
from states.rules.assignment_leveling import leveled_by_fractions
from states.rules.assignment_search import Kept

TRIES, SLOW = 40, 0.75
FINELY = 2e-10


@dataclass(frozen=True)
class Level:
    """`reached` by `kept`, `bound` for all: because of the submission `holder`'s own best, or by `proof`.

    `priced` is what holder or proof alone say; `proven` that nothing above `reached` exists.
    """

    reached: float
    bound: float
    priced: float
    kept: Kept
    holder: int | None
    proof: Proof | None
    proven: bool


def highest_level(instance: Instance, goal: Goal, chosen: Ints, prices: Floats) -> Level:
    """The highest level with the largest total there; `chosen` and `prices` are the largest total's and its proof."""
    own = goal.own(instance.own_best())
    holder, ceiling = int(np.argmin(own)), float(own.min())
    kept = by_flow(instance, asked_at(instance, goal, ceiling)).outcome
    if kept is not None and kept.chosen is not None:
        return Level(ceiling, ceiling, ceiling, kept, holder, None, proven=True)
    bracket = Bracket(low=level_of(instance, goal.slopes, chosen), high=ceiling, chosen=chosen)
    _count(instance, goal, bracket)
    kept = _by_teams(instance, goal, bracket)
    if kept is None:
        kept = leveled_by_fractions(instance, goal, bracket, prices)
    proof = None if bracket.excluded is None else bracket.excluded.proof
    priced = ceiling if bracket.excluded is None else bracket.excluded.level
    return Level(bracket.low, bracket.high, priced, kept, None if proof else holder, proof, bracket.certain)


def _by_teams(instance: Instance, goal: Goal, bracket: Bracket) -> Kept | None:
    """Try the highest level that nothing excludes, or the middle where that helps little; None where that is given up."""
    middle = False
    for _ in range(TRIES):
        tried = (bracket.low + bracket.high) / 2 if middle else bracket.highest(instance)
        kept = largest_total_with_floors(instance, asked_at(instance, goal, tried))
        if kept.chosen is not None:
            reached = level_of(instance, goal.slopes, kept.chosen)
            bracket.raise_to(reached if instance.grid else max(tried, reached), kept.chosen)
            bracket.settle(instance, goal)
            if bracket.certain:
                return kept
            middle = False
            continue
        if kept.proof.teamed is None or not kept.finished or goal.patience.left <= 0:
            return None
        width = bracket.high - bracket.low
        bracket.exclude(instance, goal, _lowest_excluded(instance, goal, kept.proof, bracket.low, tried))
        middle = not middle and bracket.high - bracket.low > SLOW * width
    return None


def _lowest_excluded(instance: Instance, goal: Goal, proof: Proof, low: float, high: float) -> Excluded:
    """The lowest level that these prices exclude; `high` is one."""
    width = 1.0 if whole_levels(instance, goal) else least_step(high) / 4
    while high - low > width:
        middle = np.floor((low + high) / 2) if width == 1.0 else (low + high) / 2
        floors = floors_of(instance, goal.slopes, float(middle))
        if out_of_reach(without_hopeless_pairs(instance, floors), proof, floors, goal.least_total):
            high = middle
        else:
            low = middle
    return Excluded(float(high), proof)


def _count(instance: Instance, goal: Goal, bracket: Bracket) -> None:
    """Lower the high end to what counting leaves."""
    width = 1.0 if whole_levels(instance, goal) else FINELY * max(1.0, abs(bracket.high))
    found = lowest_uncountable(
        instance, lambda level: floors_of(instance, goal.slopes, level), bracket.low, bracket.high, width
    )
    if found is not None:
        level = float(np.ceil(found[0] - instance.tolerance)) if width == 1.0 else found[0]
        bracket.exclude(instance, goal, Excluded(level, found[1]))
