"""The highest level that all submissions can reach at once: a score (aim "fair") or a share of their own best.

A submission's level is its score over its slope: slope 1 for scores, its own best for shares. If every submission can
have what the worst-off could have at best, nothing better exists; nor does anything above the mean of the largest total.
Otherwise the highest level that nothing excludes yet is tried, until one is reached: prices at which there are no whole
teams for all exclude levels, and so does a search. Where too many floors bind for either, trades come near.
"""

from dataclasses import dataclass, field

import numpy as np

from states.rules.assignment.bounds import SHALLOW, PricedBound, demand, exceeds, paid
from states.rules.assignment.columns import TEAMED_AT_MOST
from states.rules.assignment.exchange import raised_level, tradeable
from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.search import Kept, SearchGoal, largest_total_with_floors
from states.rules.assignment.solver import Patience
from states.rules.assignment.teams import best_teams

TRIES, SLOW, UNTOLD = 40, 0.75, 2
NEAREST = 1e-9


@dataclass(frozen=True)
class Goal:
    """slopes float64[P] (0 where a submission has no level), a least total, and the patience of all searches."""

    slopes: Floats
    least_total: float = -np.inf
    patience: Patience = field(default_factory=Patience)

    def own(self, scores: Floats) -> Floats:
        """float64[P]: the level of each submission at these scores; infinite without a slope."""
        return np.divide(scores, self.slopes, out=np.full(self.slopes.size, np.inf), where=self.slopes > 0)

    def asked(self, instance: Instance, level: float) -> SearchGoal:
        return SearchGoal(floors_of(instance, self.slopes, level), self.least_total, self.patience)


@dataclass(frozen=True)
class LevelBound:
    """`reached` by `kept`; no assignment has a higher one than `bound`. `proof` excludes the level `priced`; without
    one the submission `holder` can have no more than `priced` by itself."""

    reached: float
    bound: float
    priced: float
    kept: Kept
    holder: int | None
    proof: PricedBound | None
    proven: bool


@dataclass
class _Bracket:
    """`chosen` has the level `low`; nothing is above `high`; `excluded` is the lowest level that `proof` excludes."""

    instance: Instance
    goal: Goal
    low: float
    high: float
    chosen: Ints
    excluded: float = np.inf
    proof: PricedBound | None = None

    def raise_to(self, chosen: Ints, least: float = -np.inf) -> None:
        """To the level of an assignment; found for a level of real scores it is no less, only rounding could say so."""
        level = max(level_of(self.instance, self.goal.slopes, chosen), -np.inf if self.instance.grid else least)
        if level > self.low:
            self.low, self.chosen = level, chosen

    def shut(self, level: float) -> None:
        """Nothing reaches the level."""
        self.high = max(self.low, min(self.high, level_below(self.instance, self.goal.slopes, level)))

    def exclude(self, proof: PricedBound, level: float) -> None:
        """By prices; of whole scores, from the level that some submission can have."""
        slopes = self.goal.slopes
        if self.instance.grid:
            level = level_above(self.instance, slopes, level_below(self.instance, slopes, level))
        if level < self.excluded:
            self.excluded, self.proof = level, proof
        self.shut(level)

    @property
    def certain(self) -> bool:
        return bool(self.high < level_above(self.instance, self.goal.slopes, self.low) - NEAREST / 4)


def floors_of(instance: Instance, slopes: Floats, level: float) -> Floats:
    """float64[P]: what the level asks of each submission; on grid the next whole score."""
    floors = np.where(slopes > 0, slopes * level, -np.inf)
    return np.ceil(floors - 1e-6) if instance.grid else floors


def level_above(instance: Instance, slopes: Floats, level: float) -> float:
    """The next level that whole scores can have; real ones that are nearer to each other count as the same."""
    mine = slopes[slopes > 0]
    if instance.grid:
        return float(((np.floor(mine * level + 1e-6) + 1) / mine).min(initial=np.inf))
    return level + NEAREST * max(1.0, abs(level))


def level_below(instance: Instance, slopes: Floats, level: float) -> float:
    """The highest level that is to be told from this one and below it."""
    mine = slopes[slopes > 0]
    if instance.grid:
        return float(((np.ceil(mine * level - 1e-6) - 1) / mine).max(initial=-np.inf))
    return level - NEAREST / 2 * max(1.0, abs(level))


def level_of(instance: Instance, slopes: Floats, chosen: Ints) -> float:
    """The level that all submissions with a slope reach; infinite when there is none."""
    leveled = slopes > 0
    return float((instance.served(chosen)[leveled] / slopes[leveled]).min(initial=np.inf))


def highest_level(instance: Instance, goal: Goal, chosen: Ints, largest: PricedBound) -> LevelBound:
    """The highest level with the largest total there; `chosen` and `largest` are the largest total's and its proof."""
    own = goal.own(instance.own_best())
    holder, ceiling = int(np.argmin(own)), float(own.min())
    bracket = _Bracket(instance, goal, level_of(instance, goal.slopes, chosen), ceiling, chosen)
    mean = instance.total_of(chosen) / goal.slopes.sum()
    if (goal.slopes[instance.needy()] > 0).all() and mean < ceiling:
        bracket.exclude(largest, level_above(instance, goal.slopes, mean + 2e-7 * max(1.0, abs(mean))))
    kept = _by_teams(bracket)
    if kept is None:
        _trade(bracket, largest)
        kept = largest_total_with_floors(instance, goal.asked(instance, bracket.low), bracket.chosen)
    priced = ceiling if bracket.proof is None else bracket.excluded
    certain = bracket.certain
    bound = bracket.low if certain else bracket.high
    return LevelBound(bracket.low, bound, priced, kept, None if bracket.proof else holder, bracket.proof, certain)


def _by_teams(bracket: _Bracket) -> Kept | None:
    """Try the highest level that nothing excludes, or the middle where that helps little; None where that is given up.

    At `roof` and above it cannot be told.
    """
    instance, goal, middle, roof, untold = bracket.instance, bracket.goal, False, np.inf, 0
    if (goal.own(instance.served(bracket.chosen)) < bracket.high).sum() > TEAMED_AT_MOST:
        return None
    for _ in range(TRIES):
        high = min(roof, bracket.high)
        tried = (bracket.low + high) / 2 if middle or high < bracket.high else high
        kept = largest_total_with_floors(instance, goal.asked(instance, tried), bracket.chosen)
        untold += not kept.finished
        width = bracket.high - bracket.low
        if kept.chosen is not None:
            bracket.raise_to(kept.chosen, tried)
            middle = False
        elif not kept.finished:
            roof = tried
        else:
            if kept.excluded:
                bracket.exclude(kept.proof, _lowest_excluded(bracket, kept.proof, tried))
            bracket.shut(tried)
            middle = not middle and bracket.high - bracket.low > SLOW * width
        if bracket.certain:
            return kept if kept.chosen is not None else None
        if goal.patience.left <= 0 or untold > UNTOLD or roof <= level_above(instance, goal.slopes, bracket.low):
            break
    return None


def _lowest_excluded(bracket: _Bracket, proof: PricedBound, high: float) -> float:
    """The lowest level above the bracket's low that these prices exclude; `high` is one.

    Of submissions whose best team keeps its floor at `high` without being asked, no lower level asks anything.
    """
    instance, slopes = bracket.instance, bracket.goal.slopes
    needy, top = np.flatnonzero(instance.needy()), floors_of(instance, slopes, high)
    free = best_teams(instance, needy, np.full(top.size, -np.inf), proof.weight, proof.prices)
    bound = free.scores < top[needy] - instance.tolerance
    rest, binding = float(free.worth[~bound].sum()) + paid(instance, proof.prices), needy[bound]

    def out(level: float) -> bool:
        floors = floors_of(instance, slopes, level)
        best = best_teams(instance, binding, floors, proof.weight, proof.prices, SHALLOW)
        there = rest + float(best.worth.sum() + best.gap.sum())
        return exceeds(demand(instance, proof, floors, bracket.goal.least_total), there)

    low = bracket.low
    while high > level_above(instance, slopes, low) + NEAREST / 4:
        middle = (low + high) / 2
        low, high = (low, middle) if out(middle) else (middle, high)
    return high


def _trade(bracket: _Bracket, largest: PricedBound) -> None:
    """Raise the low end by trades alone."""
    if bracket.goal.least_total == -np.inf:
        keys = tradeable(bracket.instance, largest.prices, bracket.chosen)
        bracket.raise_to(raised_level(bracket.instance, bracket.goal.slopes, keys, bracket.chosen, bracket.high))
