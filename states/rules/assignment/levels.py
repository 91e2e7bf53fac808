"""The highest level that all submissions can reach at once: a score (aim "fair") or a share of their own best.

If every submission can have what the worst-off could have at best, nothing better exists. Otherwise the highest
level that nothing excludes yet is tried, until one is reached: experts that submissions need more of than there are
exclude levels (`counting`), and so do prices at which there are no whole teams for all
(`columns`). Where too many floors bind for that, fractions and trades come near (`leveling`).
"""

from dataclasses import dataclass

import numpy as np

from states.rules.assignment.bounds import Proof, out_of_reach
from states.rules.assignment.brackets import (
    Bracket,
    Excluded,
    Goal,
    asked_at,
    floors_of,
    just_above,
    least_step,
    level_of,
    lowest_excluded,
    reached_by,
)
from states.rules.assignment.columns import TEAMED_AT_MOST
from states.rules.assignment.counting import crowd_at, highest_left, ranked_best
from states.rules.assignment.floors import by_flow, largest_total_of_teams
from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.leveling import leveled_by_fractions
from states.rules.assignment.search import Kept

TRIES, SLOW, UNTOLD = 40, 0.75, 2
MUCH = 0.75


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
    """Try the highest level that nothing excludes, or the middle where that helps little; None where that is given up.

    Above `roof` whole teams do not tell, because too many floors bind or too much is left to search.
    """
    below = goal.own(instance.served(bracket.chosen)) < bracket.high
    if goal.least_total == -np.inf and below.sum() > TEAMED_AT_MOST:
        return None
    middle, roof, untold = False, bracket.high, 0
    for _ in range(TRIES):
        high = min(roof, bracket.high)
        tried = (bracket.low + high) / 2 if middle or high < bracket.high else bracket.highest(instance)
        kept = largest_total_of_teams(instance, asked_at(instance, goal, tried))
        untold += kept is None or not kept.finished
        if kept is not None and kept.chosen is not None:
            bracket.raise_to(reached_by(instance, goal, kept.chosen, tried), kept.chosen)
            bracket.settle(instance, goal)
            middle = False
        elif kept is None or not kept.finished:
            roof = tried
        else:
            width = bracket.high - bracket.low
            _shut(instance, goal, bracket, kept, tried)
            middle = not middle and bracket.high - bracket.low > SLOW * width
        if bracket.certain:
            return kept
        if goal.patience.left <= 0 or untold > UNTOLD or high - bracket.low < least_step(high):
            break
    return None


def _shut(instance: Instance, goal: Goal, bracket: Bracket, kept: Kept, tried: float) -> None:
    """Nothing reaches the level tried, by prices or by a search."""
    if kept.excluded:
        bracket.exclude(instance, goal, lowest_excluded(instance, goal, kept.proof, bracket.low, tried))
    else:
        bracket.shut_out(instance, goal, tried)


def _count(instance: Instance, goal: Goal, bracket: Bracket) -> None:
    """Lower the high end by what counting excludes, as long as that helps much."""
    ranked, narrowed = ranked_best(instance), True
    while narrowed:
        width = bracket.high - bracket.low
        floors = floors_of(instance, goal.slopes, bracket.highest(instance))
        proof = crowd_at(instance, ranked, floors)
        if proof is None or not out_of_reach(instance, proof, floors):
            return
        level, slope = highest_left(instance, goal.slopes, proof)
        bracket.exclude(instance, goal, Excluded(just_above(instance, goal, level, slope), proof))
        narrowed = bracket.high - bracket.low < MUCH * width
