"""The highest level where the floors of too many submissions bind for whole teams: between fractions and trades.

A linear program that splits experts bounds the level and trades come near the bound; of a small instance levels between
are tried one by one, with whole scores the finitely many that there are.
"""

import numpy as np

from states.rules.assignment.bounds import Proof, level_bound
from states.rules.assignment.brackets import (
    BREATH,
    Bracket,
    Excluded,
    Goal,
    asked_at,
    floors_of,
    level_of,
    next_level,
    reached_by,
)
from states.rules.assignment.exchange import missing_of, raised_level, raised_total, rounded, tradeable
from states.rules.assignment.floors import (
    Fractions,
    fractions_of,
    grow,
    largest_total_with_floors,
    promising_pairs,
)
from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.program import FLOORS_FOR_SIMPLEX, Aims, Program
from states.rules.assignment.search import Kept

HALVINGS = 12
TRIES, PAIRS_TRIED = 20, 3_000_000


def leveled_by_fractions(instance: Instance, goal: Goal, bracket: Bracket, prices: Floats) -> Kept:
    """Bound the level by a linear program, come near it by trades, and close in on it."""
    fractions = _fractions(instance, goal, bracket.high, bracket.chosen, prices)
    priced = level_bound(instance, fractions.proof, goal.slopes, goal.least_total)
    if priced < bracket.high:
        bracket.high, bracket.shut, bracket.excluded = priced, False, Excluded(priced, fractions.proof)
    _trade(instance, goal, bracket, fractions)
    _try_levels(instance, goal, bracket)
    bracket.settle(instance, goal)
    return largest_total_with_floors(instance, asked_at(instance, goal, bracket.low), known=bracket.chosen)


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


def _trade(instance: Instance, goal: Goal, bracket: Bracket, fractions: Fractions) -> None:
    """Raise the low end by trades, from the fractions and from what is known."""
    keys = np.union1d(tradeable(instance, fractions.proof, fractions.keys), bracket.chosen)
    start = rounded(instance, fractions.keys, fractions.x)
    if goal.least_total > -np.inf:
        _trade_above_total(instance, goal, bracket, keys, start)
        return
    if start is None or level_of(instance, goal.slopes, start) < bracket.low:
        start = bracket.chosen
    found = raised_level(instance, goal.slopes, keys, start, bracket.high)
    bracket.raise_to(level_of(instance, goal.slopes, found), found)


def _trade_above_total(instance: Instance, goal: Goal, bracket: Bracket, keys: Ints, start: Ints | None) -> None:
    """Halve the way to the bound: floors first, then as much total as trades give."""
    high = bracket.high
    for _ in range(HALVINGS):
        asked = high if high == bracket.high else (bracket.low + high) / 2
        floors = floors_of(instance, goal.slopes, asked)
        for base in (bracket.chosen, start):
            found = bracket.chosen if base is None else raised_total(instance, floors, keys, base)
            kept = missing_of(instance, floors, found) == 0.0
            if kept and instance.scores_of(found).sum() >= goal.least_total - instance.tolerance:
                bracket.raise_to(reached_by(instance, goal, found, asked), found)
                break
        else:
            high = asked - BREATH if high == bracket.high else asked
        if high - bracket.low <= BREATH:
            return


def _try_levels(instance: Instance, goal: Goal, bracket: Bracket) -> None:
    ceiling = bracket.high
    for turn in range(min(TRIES, PAIRS_TRIED // max(instance.scores.size, 1))):
        tried = None if bracket.certain else next_level(instance, goal, bracket.low, ceiling, first=turn == 0)
        if tried is None or goal.patience.left <= 0:
            return
        kept = largest_total_with_floors(instance, asked_at(instance, goal, tried, any_will_do=True))
        if kept.chosen is not None:
            bracket.raise_to(reached_by(instance, goal, kept.chosen, tried), kept.chosen)
        else:
            ceiling = tried - BREATH if instance.grid else tried
            bracket.high = ceiling if kept.finished else bracket.high
