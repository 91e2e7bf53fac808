"""Between which two levels the highest lies: what is reached, and what is known to be out of reach.

A submission's level is its score over its slope: slope 1 for scores, its own best for shares.
"""

from dataclasses import dataclass, field

import numpy as np

from states.rules.assignment.bounds import Proof, exceeds, right_side
from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.program import Patience
from states.rules.assignment.search import Asked

COUNTED_LEVELS = 5000
NEAR_ENOUGH = 1e-3
BREATH = 2e-10
SHALLOW = 20_000


@dataclass(frozen=True)
class Goal:
    """slopes float64[P] (0 where a submission has no level), a least total, and the patience of all searches."""

    slopes: Floats
    least_total: float = -np.inf
    patience: Patience = field(default_factory=Patience)

    def own(self, own_best: Floats) -> Floats:
        """float64[P]: the level of each submission if it had its own best experts; infinite without a slope."""
        return np.divide(own_best, self.slopes, out=np.full(self.slopes.size, np.inf), where=self.slopes > 0)


@dataclass(frozen=True)
class Excluded:
    """No assignment reaches the level, by the proof."""

    level: float
    proof: Proof


@dataclass
class Bracket:
    """An assignment of level `low`; nothing above `high`, and nothing at it if `shut`; `certain` when the two are the
    same; `excluded` is the lowest level that prices exclude, None while a submission's own best is the limit."""

    low: float
    high: float
    chosen: Ints
    certain: bool = False
    shut: bool = False
    excluded: Excluded | None = None

    def raise_to(self, low: float, chosen: Ints) -> None:
        if low > self.low:
            self.low, self.chosen = low, chosen

    def exclude(self, instance: Instance, goal: Goal, excluded: Excluded) -> None:
        """Prices exclude a level."""
        self.excluded = excluded
        self.shut_out(instance, goal, excluded.level)

    def shut_out(self, instance: Instance, goal: Goal, level: float) -> None:
        """Lower the high end to just below a level."""
        below = 1.0 if whole_levels(instance, goal) else BREATH if instance.grid else 0.0
        self.high, self.shut = max(self.low, min(self.high, level - below)), True

    def highest(self, instance: Instance) -> float:
        """The highest level that nothing excludes."""
        return self.high if instance.grid or not self.shut else self.high - least_step(self.high) / 2

    def settle(self, instance: Instance, goal: Goal) -> None:
        if self.certain or next_level(instance, goal, self.low, self.high) is None:
            self.high, self.certain = self.low, True


def floors_of(instance: Instance, slopes: Floats, level: float) -> Floats:
    """float64[P]: what the level asks of each submission; on grid the next whole score."""
    floors = np.where(slopes > 0, slopes * level, -np.inf)
    return np.ceil(floors - 1e-6) if instance.grid else floors


def whole_levels(instance: Instance, goal: Goal) -> bool:
    return instance.grid and bool((goal.slopes[goal.slopes > 0] == 1.0).all())


def next_level(instance: Instance, goal: Goal, low: float, high: float, *, first: bool = False) -> float | None:
    """The middle one of the levels that whole scores can take; None when none is left.

    Of real scores the highest first, then the middle, and once that is near enough the next above the lowest.
    """
    width = high - low
    if not instance.grid or width * goal.slopes.max() > COUNTED_LEVELS:
        least = least_step(high)
        if width <= least * (1 + 1e-6):
            return None
        near = width <= NEAR_ENOUGH * abs(high)
        return high - least / 2 if first else low + least if near else low + width / 2
    found = [np.array([])]
    for slope in np.unique(goal.slopes[goal.slopes > 0]):
        first, last = np.floor(low * slope + 1e-6) + 1, np.floor(high * slope + 1e-6)
        found.append(np.arange(first, last + 1) / slope)
    levels = np.unique(np.concatenate(found))
    levels = levels[(levels > low + BREATH / 2) & (levels <= high + BREATH / 2)]
    return float(levels[levels.size // 2]) if levels.size else None


def least_step(level: float) -> float:
    """Levels of real scores that are nearer to each other count as the same."""
    return 1e-9 * max(1.0, abs(level))


def asked_at(instance: Instance, goal: Goal, level: float, *, any_will_do: bool = False) -> Asked:
    return Asked(floors_of(instance, goal.slopes, level), goal.least_total, any_will_do, goal.patience)


def level_of(instance: Instance, slopes: Floats, chosen: Ints) -> float:
    """The level that all submissions with a slope reach; infinite when there is none."""
    leveled = slopes > 0
    return float((instance.served(chosen)[leveled] / slopes[leveled]).min(initial=np.inf))


def reached_by(instance: Instance, goal: Goal, chosen: Ints, tried: float) -> float:
    """The level of an assignment that was found for `tried`: of real scores no less, only rounding could say so."""
    level = level_of(instance, goal.slopes, chosen)
    return level if instance.grid else max(tried, level)


def just_above(instance: Instance, goal: Goal, level: float, slope: float) -> float:
    """The next level that asks more of a submission with this slope."""
    if whole_levels(instance, goal):
        return float(np.floor(level + instance.tolerance)) + 1.0
    return level + instance.tolerance / slope + BREATH / 2 if instance.grid else level + least_step(level) / 4


def lowest_excluded(instance: Instance, goal: Goal, proof: Proof, low: float, high: float) -> Excluded:
    """The lowest level above `low` that these prices exclude; `high` is one. The weights are all alike."""
    supply, common = right_side(instance, proof, SHALLOW), float(proof.weights.min(initial=np.inf))
    demand = common * goal.least_total if common > 0 else 0.0
    width = 1.0 if whole_levels(instance, goal) else least_step(high) / 4
    while high - low > width:
        middle = float(np.floor((low + high) / 2)) if width == 1.0 else (low + high) / 2
        if exceeds(demand, supply(floors_of(instance, goal.slopes, middle))):
            high = middle
        else:
            low = middle
    return Excluded(high, proof)
