"""The largest total among assignments that give every submission at least its floor.

Prices that whole teams agree on (`columns`) bound the total, and a search of what they leave
(`search`) closes in on it. Where the floors of too many submissions bind for that, a linear program that
splits experts bounds the total, trades come near it, and the gap between them is told.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from states.rules.assignment.bounds import Proof, out_of_reach, total_bound
from states.rules.assignment.columns import Agreed, agreed_prices
from states.rules.assignment.exchange import missing_of, raised_total, rounded, tradeable
from states.rules.assignment.flow import best_pairs, largest_total, pairs_worth_adding
from states.rules.assignment.instance import Floats, Instance, Ints, best_of_each
from states.rules.assignment.limits import AssignmentInfeasible
from states.rules.assignment.program import FLOORS_FOR_SIMPLEX, Aims, Priced, Program
from states.rules.assignment.search import Asked, Kept, kept_at_most, searched, total_of

PENALTY, MISSED = 1e5, 1e-9
PROMISING = 10
MANY_PAIRS, FEW_IN_MANY = 100_000, 1000


@dataclass(frozen=True)
class Fractions:
    """What a linear program leaves: its proof, and its sorted pairs with the part x of each that is taken."""

    proof: Proof
    keys: Ints
    x: Floats


@dataclass(frozen=True)
class ByFlow:
    """What a flow says that ignores the floors but not the pairs they exclude: an outcome, or an assignment
    of largest total whose submissions `short` miss their floors, with its proof."""

    instance: Instance
    outcome: Kept | None
    chosen: Ints
    proof: Proof
    short: Ints


def largest_total_with_floors(instance: Instance, asked: Asked, *, known: Ints | None = None) -> Kept:
    """The largest total with score >= floor for every submission; `known` is an assignment that keeps the floors."""
    flow = by_flow(instance, asked)
    kept = _with_teams(instance, flow, asked, known)
    return _by_fractions(flow, asked, known) if kept is None else kept


def largest_total_of_teams(instance: Instance, asked: Asked) -> Kept | None:
    """As `largest_total_with_floors`; None where the floors of too many submissions bind for whole teams to tell."""
    return _with_teams(instance, by_flow(instance, asked), asked, None)


def _with_teams(instance: Instance, flow: ByFlow, asked: Asked, known: Ints | None) -> Kept | None:
    agreed = None if flow.outcome else _agreed(flow, asked, known)
    if agreed is None:
        return flow.outcome
    excluding = _excluding(flow, asked, agreed, known)
    if excluding is not None:
        return _excluded(instance, flow.instance, excluding)
    if agreed.missed > MISSED:
        return None
    return _by_teams(flow, asked, agreed, known)


def _agreed(flow: ByFlow, asked: Asked, known: Ints | None, weight: float = 1.0) -> Agreed | None:
    keys = promising_pairs(flow.instance, flow.proof, flow.chosen)
    if known is not None:
        keys = np.union1d(keys, known)
    return agreed_prices(flow.instance, asked.floors, flow.proof.prices, keys, flow.chosen, asked.patience, weight)


def _excluding(flow: ByFlow, asked: Asked, agreed: Agreed, known: Ints | None) -> Proof | None:
    """Prices that prove that what is asked cannot be kept; None where nothing does."""
    proof = agreed.proof
    if agreed.missed > MISSED:
        possible = _agreed(flow, asked, known, weight=0.0)
        proof = proof if possible is None else possible.proof
    return proof if out_of_reach(flow.instance, proof, asked.floors, asked.least_total) else None


def _excluded(instance: Instance, able: Instance, proof: Proof) -> Kept:
    """What was asked cannot be kept, by the proof: where it relies on pairs being left out, floors are counted exactly."""
    every = [best_of_each(one, proof.weights, proof.prices) for one in (instance, able)]
    relying = np.array([mine.sum() > less.sum() for mine, less in zip(*every, strict=True)])
    proof = replace(proof, teamed=relying if proof.teamed is None else proof.teamed | relying)
    return Kept(None, -np.inf, -np.inf, proof, finished=True, searched=0, excluded=True)


def _keeps(instance: Instance, asked: Asked, chosen: Ints) -> bool:
    """Whether these pairs are an assignment within the limits that keeps what is asked."""
    papers, experts = instance.split(chosen)
    load = np.bincount(experts, minlength=instance.shape[1])
    return (
        np.array_equal(np.bincount(papers, minlength=instance.shape[0]), instance.wanted)
        and bool(((instance.least <= load) & (load <= instance.most)).all())
        and missing_of(instance, asked.floors, chosen) == 0.0
        and total_of(instance, chosen) >= asked.least_total - instance.tolerance
    )


def _by_teams(flow: ByFlow, asked: Asked, agreed: Agreed, known: Ints | None) -> Kept:
    """A search of what the agreed prices leave, or what trades find where that is too much."""
    instance = flow.instance
    taken = agreed.keys[agreed.x > 0.5]
    if total_of(instance, known) < total_of(instance, taken) and _keeps(instance, asked, taken):
        known = taken
    kept = searched(instance, asked, agreed.proof, known)
    if kept.finished:
        return kept
    fractions = Fractions(agreed.proof, agreed.keys, agreed.x)
    traded = _by_trading(flow, asked, fractions, kept.chosen, [_nearest(instance, fractions), kept.chosen])
    return kept_at_most(instance, traded, kept.bound, kept)


def _by_fractions(flow: ByFlow, asked: Asked, known: Ints | None) -> Kept:
    """The bound of a linear program that splits experts, and what trades find below it."""
    instance, floors = flow.instance, asked.floors
    keys = promising_pairs(instance, flow.proof, flow.chosen)
    if known is not None:
        keys = np.union1d(keys, known)
    elif _out_of_reach(flow, asked, keys):
        return _unreachable(instance)
    aims = Aims(1.0, -PENALTY, np.ones(instance.shape[0]), floors)
    short = flow.short if flow.short.size <= FLOORS_FOR_SIMPLEX else np.flatnonzero(floors > -np.inf)
    program = Program(instance, aims, keys, short, patience=asked.patience)
    fractions = fractions_of(program, grow(program))
    priced = total_bound(instance, fractions.proof, floors)
    open_ = Kept(known, priced, priced, fractions.proof, finished=False, searched=0)
    start = _nearest(instance, fractions) if known is None else known
    return kept_at_most(instance, _by_trading(flow, asked, fractions, known, [start]), priced, open_)


def by_flow(instance: Instance, asked: Asked) -> ByFlow:
    """Whether the largest total alone keeps what is asked, or cannot."""
    nobody = np.array([], dtype=np.int64)
    proof = Proof(weights=np.ones(instance.shape[0]), prices=np.zeros(instance.shape[1]))
    if (instance.own_best() < asked.floors - instance.tolerance).any():
        return ByFlow(instance, _unreachable(instance), nobody, proof, nobody)
    able = without_hopeless_pairs(instance, asked.floors)
    try:
        chosen, _, prices = largest_total(able)
    except AssignmentInfeasible:
        return ByFlow(able, _unreachable(instance), nobody, proof, nobody)
    proof = Proof(weights=proof.weights, prices=prices)
    bound = total_bound(able, proof)
    short = np.flatnonzero(able.served(chosen) < asked.floors - instance.tolerance)
    outcome = Kept(chosen, bound, bound, proof, finished=True, searched=0) if short.size == 0 else None
    if out_of_reach(able, proof, asked.floors, asked.least_total):
        outcome = _excluded(instance, able, proof)
    elif bound < asked.least_total - instance.tolerance:
        outcome = _unreachable(instance)
    return ByFlow(able, outcome, chosen, proof, short)


def without_hopeless_pairs(instance: Instance, floors: Floats) -> Instance:
    """The instance without the pairs that miss the floor even beside the submission's own best others."""
    own = best_of_each(instance, np.ones(instance.shape[0]), np.zeros(instance.shape[1]))
    others = np.array([row[1:].sum() if row.size else np.inf for row in own])
    hopeless = instance.scores < (floors - others - instance.tolerance)[:, None]
    return replace(instance, scores=np.where(hopeless, -np.inf, instance.scores))


def promising_pairs(instance: Instance, proof: Proof, chosen: Ints) -> Ints:
    """The chosen pairs and each submission's best few at the prices, and at no price at all."""
    depth = int(instance.wanted.max(initial=0)) + PROMISING
    priced = best_pairs(instance, proof.weights, proof.prices, depth)
    free = best_pairs(instance, proof.weights, np.zeros(instance.shape[1]), depth)
    return np.unique(np.concatenate([chosen, priced, free]))


def grow(program: Program) -> Priced:
    """Solve, add every floor that breaks and every pair that pays, and solve again until neither is left.

    Of many pairs a few may be left: the bound counts them, it only ends a little higher.
    """
    instance = program.instance
    while True:
        priced = program.solve()
        broken = _broken_by_fractions(program, priced)
        held = np.sort(program.keys)
        missing = pairs_worth_adding(instance, held, priced.weights, priced.prices, priced.bars)
        few = program.keys.size > MANY_PAIRS and missing.size * FEW_IN_MANY < program.keys.size
        if (missing.size == 0 or few) and not broken.any():
            return priced
        program.add_floors(np.flatnonzero(broken))
        program.add_pairs(missing)


def _broken_by_fractions(program: Program, priced: Priced) -> NDArray[np.bool_]:
    """bool[P]: submissions without rows in the program whose floor the fractions break."""
    instance, aims = program.instance, program.aims
    papers, _ = instance.split(program.keys)
    scores, P = instance.scores_of(program.keys), instance.shape[0]
    served = np.bincount(papers, scores * priced.x, minlength=P)
    broken = served + aims.slopes * priced.aux < aims.floors - 1e-7
    broken[program.floored] = False
    return np.asarray(broken)


def _unreachable(instance: Instance) -> Kept:
    nothing = Proof(weights=np.ones(instance.shape[0]), prices=np.zeros(instance.shape[1]))
    return Kept(None, -np.inf, -np.inf, nothing, finished=True, searched=0)


def fractions_of(program: Program, priced: Priced) -> Fractions:
    order = np.argsort(program.keys)
    return Fractions(Proof(priced.weights, priced.prices), program.keys[order], priced.x[order])


def _nearest(instance: Instance, fractions: Fractions) -> Ints | None:
    return rounded(instance, fractions.keys, fractions.x)


def _by_trading(
    flow: ByFlow, asked: Asked, fractions: Fractions, known: Ints | None, starts: list[Ints | None]
) -> Ints | None:
    """The best assignment that trades find from these starts, or what is known; None if none is allowed."""
    instance, floors, best = flow.instance, asked.floors, known
    keys = tradeable(instance, fractions.proof, fractions.keys)
    for start in starts:
        found = None if start is None else raised_total(instance, floors, keys, start)
        if found is not None and _keeps(instance, asked, found):
            best = found if total_of(instance, found) > total_of(instance, best) else best
    return best


def _out_of_reach(flow: ByFlow, asked: Asked, keys: Ints) -> bool:
    """Whether multipliers prove that all floors together ask for more than there is, even in fractions."""
    instance, floors = flow.instance, asked.floors
    aims = Aims(0.0, -1.0, np.ones(instance.shape[0]), floors)
    priced = grow(Program(instance, aims, keys, flow.short, patience=asked.patience))
    return out_of_reach(instance, Proof(priced.multipliers, priced.prices), floors)
