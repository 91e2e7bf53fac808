"""The highest level that all submissions can reach at once: a score (aim "fair") or a share of their own best.

A submission's level is its score over its slope: slope 1 for scores, its own best for shares.
If every submission can have what the worst-off could have at best, nothing better exists.
Otherwise a linear program bounds the level, and searches between the best level found and
the bound close in on it: with whole scores on the finitely many levels there are.
"""

from dataclasses import dataclass

import numpy as np

from states.rules.assignment_bounds import Proof, level_bound
from states.rules.assignment_floors import Asked, Kept, grow, largest_total_with_floors, promising_pairs
from states.rules.assignment_flow import largest_total
from states.rules.assignment_instance import Floats, Instance, Ints
from states.rules.assignment_program import Aims, Program, search_whole

COUNTED_LEVELS = 5000
SEARCHED_WHOLE = 20_000
BREATH = 2e-10


@dataclass(frozen=True)
class Goal:
    """slopes float64[P] (0 where a submission has no level), a least total, seconds for each search, how
    finely levels of real scores are told apart, and whether the effort of a proof by prices is wanted."""

    slopes: Floats
    least_total: float = -np.inf
    patience: float = np.inf
    precision: float = 1e-9
    proof_by_prices: bool = True


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


def highest_level(instance: Instance, goal: Goal) -> Level:
    """The highest level with the largest total there. The instance must admit an assignment."""
    own = np.divide(instance.own_best(), goal.slopes, out=np.full(goal.slopes.size, np.inf), where=goal.slopes > 0)
    holder = int(np.argmin(own))
    ceiling = float(own[holder])
    kept = _try(instance, goal, ceiling, any_will_do=False, known=None)
    if kept.chosen is not None:
        return Level(ceiling, ceiling, ceiling, kept, holder, None, proven=True)
    chosen, _, prices = largest_total(instance)
    proof, priced = None, ceiling
    if goal.proof_by_prices:
        proof = _proof_by_fractions(instance, goal, ceiling, chosen, prices)
        priced = level_bound(instance, proof, goal.slopes, goal.least_total)
        proof, priced = (proof, priced) if priced < ceiling else (None, ceiling)
    found = _close_in(instance, goal, chosen, priced)
    kept = _try(instance, goal, found.low, any_will_do=False, known=found.chosen)
    return Level(found.low, found.high, priced, kept, None if proof else holder, proof, found.certain)


@dataclass
class _Bracket:
    """An assignment of level `low`; nothing above `high`, for certain or as far as the searches went."""

    low: float
    high: float
    chosen: Ints
    certain: bool = True


def _close_in(instance: Instance, goal: Goal, chosen: Ints, bound: float) -> _Bracket:
    """Halve the levels between found and impossible, up to the first search that does not finish."""
    bracket = _Bracket(low=level_of(instance, goal.slopes, chosen), high=bound, chosen=chosen)
    if goal.proof_by_prices and instance.all_pairs().size <= SEARCHED_WHOLE:
        _search_level(instance, goal, bracket)
    while bracket.certain and (tried := _next_level(instance, goal, bracket)) is not None:
        kept = _try(instance, goal, tried, any_will_do=True, known=None)
        if kept.chosen is not None:
            bracket.chosen = kept.chosen
            bracket.low = max(tried, level_of(instance, goal.slopes, kept.chosen))
        elif kept.finished:
            bracket.high = tried - BREATH if instance.grid else tried
        else:
            bracket.certain = False
    if bracket.certain:
        bracket.high = bracket.low
    return bracket


def _search_level(instance: Instance, goal: Goal, bracket: _Bracket) -> None:
    """One search for the level itself over all pairs: the quicker way where there are few."""
    papers = np.flatnonzero(goal.slopes > 0)
    aims = _aims(goal, bracket.high)
    keys = instance.all_pairs()
    program = Program(instance, aims, keys, papers, gap=0.5 if _whole_levels(instance, goal) else 1e-9)
    fixed = np.zeros(keys.size, dtype=bool)
    found = search_whole(program, fixed=fixed, known=None, first_will_do=False, patience=goal.patience / 2)
    if found.chosen is not None:
        low = level_of(instance, goal.slopes, found.chosen)
        if low > bracket.low:
            bracket.low, bracket.chosen = low, found.chosen
    bracket.high = max(bracket.low, min(bracket.high, found.bound))


def _whole_levels(instance: Instance, goal: Goal) -> bool:
    return instance.grid and bool((goal.slopes[goal.slopes > 0] == 1.0).all())


def _next_level(instance: Instance, goal: Goal, bracket: _Bracket) -> float | None:
    """The middle one of the levels that whole scores can take, or else the middle; None when none is left."""
    width = bracket.high - bracket.low
    if not instance.grid or width * goal.slopes.max() > COUNTED_LEVELS:
        enough = goal.precision * max(1.0, abs(bracket.high))
        return bracket.low + width / 2 if width > enough else None
    found = [np.array([])]
    for slope in np.unique(goal.slopes[goal.slopes > 0]):
        first, last = np.floor(bracket.low * slope + 1e-6) + 1, np.floor(bracket.high * slope + 1e-6)
        found.append(np.arange(first, last + 1) / slope)
    levels = np.unique(np.concatenate(found))
    levels = levels[(levels > bracket.low + BREATH / 2) & (levels <= bracket.high + BREATH / 2)]
    return float(levels[levels.size // 2]) if levels.size else None


def _try(instance: Instance, goal: Goal, level: float, *, any_will_do: bool, known: Ints | None) -> Kept:
    patience = goal.patience / 2 if any_will_do else goal.patience
    asked = Asked(floors_of(instance, goal.slopes, level), goal.least_total, any_will_do, patience)
    return largest_total_with_floors(instance, asked, known=known)


def level_of(instance: Instance, slopes: Floats, chosen: Ints) -> float:
    """The level that all submissions with a slope reach; infinite when there is none."""
    leveled = slopes > 0
    return float((instance.served(chosen)[leveled] / slopes[leveled]).min(initial=np.inf))


def _proof_by_fractions(instance: Instance, goal: Goal, ceiling: float, chosen: Ints, prices: Floats) -> Proof:
    """Multipliers that bound the level, from the linear program that may split experts."""
    keys = promising_pairs(instance, Proof(np.ones(instance.shape[0]), prices), chosen)
    aims = _aims(goal, ceiling)
    leveled = np.flatnonzero(goal.slopes > 0)
    worst_first = leveled[np.argsort(instance.served(chosen)[leveled] / goal.slopes[leveled], kind="stable")]
    priced = grow(Program(instance, aims, keys, worst_first[: max(1, leveled.size // 20)]))
    return Proof(priced.weights, priced.prices)


def _aims(goal: Goal, ceiling: float) -> Aims:
    """The level itself as the one thing to raise, up to what is known to be impossible to exceed."""
    floors = np.where(goal.slopes > 0, 0.0, -np.inf)
    return Aims(0.0, 1.0, -goal.slopes, floors, goal.least_total, aux_limit=ceiling, aux_least=-np.inf)
