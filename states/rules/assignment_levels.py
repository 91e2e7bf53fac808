"""The highest level that all submissions can reach at once: a score (aim "fair") or a share of their own best.

A submission's level is its score over its slope: slope 1 for scores, its own best for shares.
If every submission can have what the worst-off could have at best, nothing better exists.
Otherwise a linear program bounds the level and trades come near the bound; a search of the pairs that the
bound's prices leave for anything better closes in on it: with whole scores on the finitely many levels there are.
"""

from dataclasses import dataclass, field

import numpy as np

from states.rules.assignment_bounds import Proof, level_bound, level_worth, pairs_within
from states.rules.assignment_counting import lowest_uncountable
from states.rules.assignment_cuts import top_bars
from states.rules.assignment_exchange import missing_of, raised_level, raised_total, rounded, tradeable
from states.rules.assignment_floors import (
    Asked,
    Fractions,
    Kept,
    by_flow,
    fractions_of,
    grow,
    largest_total_with_floors,
    promising_pairs,
    without_hopeless_pairs,
)
from states.rules.assignment_flow import FEW_PAIRS
from states.rules.assignment_instance import Floats, Instance, Ints
from states.rules.assignment_program import FLOORS_FOR_SIMPLEX, Aims, Patience, Program, search_whole, too_much
from states.rules.assignment_tilting import tilted

COUNTED_LEVELS = 5000
HALVINGS = 12
TRIES, PAIRS_TRIED = 20, 3_000_000
NEAR_ENOUGH = 1e-3
BREATH = 2e-10
COARSELY, FINELY = 1e-2, 2e-10


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


def floors_of(instance: Instance, slopes: Floats, level: float) -> Floats:
    """float64[P]: what the level asks of each submission; on grid the next whole score."""
    floors = np.where(slopes > 0, slopes * level, -np.inf)
    return np.ceil(floors - 1e-6) if instance.grid else floors


def highest_level(instance: Instance, goal: Goal, chosen: Ints, prices: Floats) -> Level:
    """The highest level with the largest total there; `chosen` and `prices` are the largest total's and its proof."""
    own = goal.own(instance.own_best())
    holder, ceiling = int(np.argmin(own)), float(own.min())
    kept = by_flow(instance, _asked(instance, goal, ceiling)).outcome
    if kept is not None and kept.chosen is not None:
        return Level(ceiling, ceiling, ceiling, kept, holder, None, proven=True)
    bracket = _Bracket(low=level_of(instance, goal.slopes, chosen), high=ceiling, chosen=chosen)
    counted = _count(instance, goal, bracket, COARSELY)
    fractions = _fractions(instance, goal, bracket.high, chosen, prices)
    priced = level_bound(instance, fractions.proof, goal.slopes, goal.least_total)
    pricing = fractions.proof if priced < bracket.high else None
    if pricing is None:
        counted = _count(instance, goal, bracket, FINELY, counted)
    proof, bracket.counted = pricing, pricing is None and counted is not None
    if bracket.counted and counted is not None:
        proof, priced = counted.proof, counted.level
    else:
        bracket.high = priced = min(bracket.high, priced)
    _trade(instance, goal, bracket, fractions)
    _close_in(instance, goal, bracket, pricing)
    kept = largest_total_with_floors(instance, _asked(instance, goal, bracket.low), known=bracket.chosen)
    return Level(bracket.low, bracket.high, priced, kept, None if proof else holder, proof, bracket.certain)


@dataclass
class _Bracket:
    """An assignment of level `low`; nothing above `high`; `certain` when the two are the same; `counted`
    when counting is what limits the level."""

    low: float
    high: float
    chosen: Ints
    certain: bool = False
    counted: bool = False

    def raise_to(self, low: float, chosen: Ints) -> None:
        if low > self.low:
            self.low, self.chosen = low, chosen


@dataclass(frozen=True)
class _Counted:
    """No assignment reaches the level, by the proof."""

    level: float
    proof: Proof


def _count(
    instance: Instance, goal: Goal, bracket: _Bracket, width: float, known: _Counted | None = None
) -> _Counted | None:
    """Lower the high end to what counting leaves, within a width of it; what is known where it says nothing more."""
    whole = _whole_levels(instance, goal)
    highest = bracket.high if known is None else known.level
    width = 1.0 if whole else width * max(1.0, abs(highest))
    found = lowest_uncountable(
        instance, lambda level: floors_of(instance, goal.slopes, level), bracket.low, highest, width
    )
    if found is None:
        return known
    level = float(np.ceil(found[0] - instance.tolerance)) if whole else found[0]
    bracket.high = max(bracket.low, level - (1.0 if whole else BREATH if instance.grid else 0.0))
    return _Counted(level, found[1])


def _fractions(instance: Instance, goal: Goal, ceiling: float, chosen: Ints, prices: Floats) -> Fractions:
    """The linear program that may split experts: multipliers that bound the level, and where whole ones may start."""
    keys = promising_pairs(instance, Proof(np.ones(instance.shape[0]), prices), chosen)
    level = goal.own(instance.served(chosen))
    short = np.flatnonzero(level < ceiling)
    if short.size > FLOORS_FOR_SIMPLEX:
        short = np.flatnonzero(goal.slopes > 0)
    program = Program(instance, _aims(goal, ceiling), keys, short, patience=goal.patience)
    return fractions_of(program, grow(program))


def _aims(goal: Goal, ceiling: float) -> Aims:
    """The level itself as the one thing to raise, up to what is known to be impossible to exceed."""
    floors = np.where(goal.slopes > 0, 0.0, -np.inf)
    return Aims(0.0, 1.0, -goal.slopes, floors, goal.least_total, aux_limit=ceiling, aux_least=-np.inf)


def _trade(instance: Instance, goal: Goal, bracket: _Bracket, fractions: Fractions) -> None:
    """Raise the low end by trades, from the fractions and from what is known."""
    keys = np.union1d(tradeable(instance, fractions.proof, fractions.keys), bracket.chosen)
    start = rounded(instance, fractions.keys, fractions.x)
    if goal.least_total > -np.inf:
        _trade_above_total(instance, goal, bracket, keys, start)
        return
    if start is None or level_of(instance, goal.slopes, start) < bracket.low:
        start = bracket.chosen
    found = raised_level(instance, goal.slopes, keys, _nearer(instance, goal, bracket, keys, start), bracket.high)
    bracket.raise_to(level_of(instance, goal.slopes, found), found)


def _nearer(instance: Instance, goal: Goal, bracket: _Bracket, keys: Ints, start: Ints) -> Ints:
    """A better start where counting limits the level: the few submissions that it is about get theirs first."""
    if not bracket.counted:
        return start
    floors = floors_of(
        instance, goal.slopes, bracket.high - (0.0 if instance.grid else 2 * _least_step(bracket.high) / 5)
    )
    able = without_hopeless_pairs(instance, floors)
    kept = keys[able.scores_of(keys) > -np.inf]
    found = tilted(able, floors, kept, top_bars(able, floors))
    return start if found is None else raised_total(able, floors, kept, found)


def _trade_above_total(instance: Instance, goal: Goal, bracket: _Bracket, keys: Ints, start: Ints | None) -> None:
    """Halve the way to the bound: floors first, then as much total as trades give."""
    high = bracket.high
    for _ in range(HALVINGS):
        asked = high if high == bracket.high else (bracket.low + high) / 2
        floors = floors_of(instance, goal.slopes, asked)
        for base in (bracket.chosen, start):
            found = bracket.chosen if base is None else raised_total(instance, floors, keys, base)
            kept = missing_of(instance, floors, found) == 0.0
            if kept and instance.scores_of(found).sum() >= goal.least_total - instance.tolerance:
                bracket.raise_to(max(asked, level_of(instance, goal.slopes, found)), found)
                break
        else:
            high = asked - BREATH if high == bracket.high else asked
        if high - bracket.low <= BREATH:
            return


def _close_in(instance: Instance, goal: Goal, bracket: _Bracket, proof: Proof | None) -> None:
    """Search for anything better: levels between one by one where they or the rivals are few, else all at once."""
    few = proof is None or np.count_nonzero(proof.weights > proof.weights.min()) <= FLOORS_FOR_SIMPLEX
    if bracket.counted or (instance.grid and instance.all_pairs().size <= FEW_PAIRS):
        _try_levels(instance, goal, bracket)
        _search_level(instance, goal, bracket, proof)
    else:
        _search_level(instance, goal, bracket, proof)
        if few:
            _try_levels(instance, goal, bracket)
    if bracket.certain or _next_level(instance, goal, bracket.low, bracket.high) is None:
        bracket.high, bracket.certain = bracket.low, True


def _try_levels(instance: Instance, goal: Goal, bracket: _Bracket) -> None:
    ceiling = bracket.high
    for turn in range(min(TRIES, PAIRS_TRIED // max(instance.scores.size, 1))):
        tried = None if bracket.certain else _next_level(instance, goal, bracket.low, ceiling, first=turn == 0)
        if tried is None or goal.patience.left <= 0:
            return
        kept = largest_total_with_floors(instance, _asked(instance, goal, tried, any_will_do=True))
        if kept.chosen is not None:
            bracket.raise_to(max(tried, level_of(instance, goal.slopes, kept.chosen)), kept.chosen)
        else:
            ceiling = tried - BREATH if instance.grid else tried
            bracket.high = ceiling if kept.finished else bracket.high


def _search_level(instance: Instance, goal: Goal, bracket: _Bracket, proof: Proof | None) -> None:
    """One search for the level itself over the pairs that anything better than what is known could use."""
    if _next_level(instance, goal, bracket.low, bracket.high) is None:
        return
    able = without_hopeless_pairs(instance, floors_of(instance, goal.slopes, bracket.low))
    if proof is None:
        keys, forced = able.all_pairs(), np.zeros(able.all_pairs().size, dtype=bool)
    else:
        loss = (bracket.high - bracket.low) * level_worth(proof, goal.slopes, goal.least_total)
        keys, forced = pairs_within(able, proof, loss + instance.tolerance)
    aims, papers = _aims(goal, bracket.high), np.flatnonzero(goal.slopes > 0)
    if too_much(keys, forced, papers):
        return
    gap = 0.5 if _whole_levels(instance, goal) else 1e-9
    program = Program(able, aims, keys, papers, gap=gap, patience=goal.patience)
    found = search_whole(program, fixed=forced, known=bracket.chosen, level=bracket.low, first_will_do=False)
    if found.chosen is not None:
        bracket.raise_to(level_of(instance, goal.slopes, found.chosen), found.chosen)
    bracket.high = max(bracket.low, min(bracket.high, found.bound))
    bracket.certain = found.finished and not instance.grid


def _whole_levels(instance: Instance, goal: Goal) -> bool:
    return instance.grid and bool((goal.slopes[goal.slopes > 0] == 1.0).all())


def _next_level(instance: Instance, goal: Goal, low: float, high: float, *, first: bool = False) -> float | None:
    """The middle one of the levels that whole scores can take; None when none is left.

    Of real scores the highest first, then the middle, and once that is near enough the next above the lowest.
    """
    width = high - low
    if not instance.grid or width * goal.slopes.max() > COUNTED_LEVELS:
        least = _least_step(high)
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


def _least_step(level: float) -> float:
    """Levels of real scores that are nearer to each other count as the same."""
    return 1e-9 * max(1.0, abs(level))


def _asked(instance: Instance, goal: Goal, level: float, *, any_will_do: bool = False) -> Asked:
    return Asked(floors_of(instance, goal.slopes, level), goal.least_total, any_will_do, goal.patience)


def level_of(instance: Instance, slopes: Floats, chosen: Ints) -> float:
    """The level that all submissions with a slope reach; infinite when there is none."""
    leveled = slopes > 0
    return float((instance.served(chosen)[leveled] / slopes[leveled]).min(initial=np.inf))
