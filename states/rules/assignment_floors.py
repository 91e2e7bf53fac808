"""The largest total among assignments that give every submission at least its floor.

A linear program over promising pairs, grown until its prices leave no pair outside worth
adding, bounds the total. A mixed-integer search then looks at the few pairs whose reduced
costs still allow them in a better assignment than the best one found. What was pruned is
thereby proven not to matter, and the search is repeated on more pairs until that holds.
"""

from dataclasses import dataclass, replace
from math import fsum

import numpy as np
from numpy.typing import NDArray

from states.rules.assignment_bounds import Proof, pairs_within, priced_bound, total_bound
from states.rules.assignment_cuts import needed_tops
from states.rules.assignment_flow import best_pairs, largest_total, pairs_worth_adding
from states.rules.assignment_instance import Floats, Instance, Ints, best_of_each
from states.rules.assignment_limits import AssignmentInfeasible
from states.rules.assignment_program import Aims, Priced, Program, Searched, search_whole

PENALTY = 1e5
PROMISING = 10
WIDER = 4
MANY_SHORT = 10


@dataclass(frozen=True)
class Asked:
    """What counts: floors float64[P] (-inf where none) and a least total, in working units; `any_will_do`
    stops at the first assignment that keeps them; `patience` limits each search in seconds."""

    floors: Floats
    least_total: float = -np.inf
    any_will_do: bool = False
    patience: float = np.inf


@dataclass(frozen=True)
class Kept:
    """An outcome under floors, in working units.

    `chosen` is None when no assignment keeps what was asked (proven if `finished`). No assignment
    has a larger total than `bound`; `priced` is what the proof alone says, without the search
    over `searched` pairs.
    """

    chosen: Ints | None
    bound: float
    priced: float
    proof: Proof
    finished: bool
    searched: int


def largest_total_with_floors(instance: Instance, asked: Asked, *, known: Ints | None = None) -> Kept:
    """The largest total with score >= floor for every submission; `known` is an assignment that keeps the floors."""
    floors = asked.floors
    if (instance.own_best() < floors - instance.tolerance).any():
        return _unreachable(instance)
    instance = without_hopeless_pairs(instance, floors)
    try:
        chosen, _, prices = largest_total(instance)
    except AssignmentInfeasible:
        return _unreachable(instance)
    proof = Proof(weights=np.ones(instance.shape[0]), prices=prices)
    bound = total_bound(instance, proof)
    if bound < asked.least_total - instance.tolerance:
        return _unreachable(instance)
    short = instance.served(chosen) < floors - instance.tolerance
    if not short.any():
        return Kept(chosen, bound, bound, proof, finished=True, searched=0)
    fractions = _proof_by_fractions(instance, floors, promising_pairs(instance, proof, chosen), np.flatnonzero(short))
    if fractions is None:
        return _unreachable(instance)
    return _search(instance, asked, fractions, known)


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
    """Solve, add every floor that breaks and every pair that pays, and solve again until neither is left."""
    instance, aims = program.instance, program.aims
    while True:
        priced = program.solve()
        papers, _ = instance.split(program.keys)
        served = np.bincount(papers, instance.scores_of(program.keys) * priced.x, minlength=instance.shape[0])
        broken = served + aims.slopes * priced.aux < aims.floors - 1e-7
        broken[program.floored] = False
        missing = pairs_worth_adding(instance, np.sort(program.keys), priced.weights, priced.prices, priced.bars)
        if missing.size == 0 and not broken.any():
            return priced
        program.add_floors(np.flatnonzero(broken))
        program.add_pairs(missing)


def _unreachable(instance: Instance) -> Kept:
    nothing = Proof(weights=np.ones(instance.shape[0]), prices=np.zeros(instance.shape[1]))
    return Kept(None, -np.inf, -np.inf, nothing, finished=True, searched=0)


def _proof_by_fractions(instance: Instance, floors: Floats, keys: Ints, short: Ints) -> Proof | None:
    """Multipliers from the linear program; None when even fractions of experts cannot keep the floors."""
    many = short.size * MANY_SHORT > instance.shape[0]
    if many and _out_of_reach(instance, floors, keys, short):
        return None
    aims = Aims(1.0, -PENALTY, np.ones(instance.shape[0]), floors)
    priced = grow(Program(instance, aims, keys, short))
    if priced.aux > 1e-7 and not many and _out_of_reach(instance, floors, keys, short):
        return None
    return Proof(weights=priced.weights, prices=priced.prices)


def _out_of_reach(instance: Instance, floors: Floats, keys: Ints, short: Ints) -> bool:
    """Whether multipliers prove that all floors together ask for more than there is, even in fractions."""
    priced = grow(Program(instance, Aims(0.0, -1.0, np.ones(instance.shape[0]), floors), keys, short))
    asked = priced.multipliers > 0
    demand = fsum(priced.multipliers[asked] * floors[asked])
    return demand > priced_bound(instance, Proof(priced.multipliers, priced.prices)) + 1e-7 * max(1.0, abs(demand))


def _search(instance: Instance, asked: Asked, proof: Proof, known: Ints | None) -> Kept:
    """Whole assignments among the pairs that prices cannot exclude, more of them until nothing excluded matters."""
    priced = total_bound(instance, proof, asked.floors)
    step = 1.0 if instance.grid else 1e-9 * max(1.0, abs(priced))
    least = asked.least_total - instance.tolerance
    loss = 1e-3 if instance.grid else 1e-4
    best, value, everything = known, _total(instance, known), instance.all_pairs().size
    if priced < value + step:
        return Kept(best, max(value, _whole(instance, priced)), priced, proof, finished=True, searched=0)
    tried = (-1, -1)
    while priced >= least:
        keys, forced = pairs_within(instance, proof, loss)
        if best is None and tried == (keys.size, forced.sum()):
            loss *= WIDER
            continue
        tried = (keys.size, forced.sum())
        found = _search_core(instance, asked, keys, forced, best)
        if found.chosen is not None and _total(instance, found.chosen) > value:
            best, value = found.chosen, _total(instance, found.chosen)
        if asked.any_will_do and found.chosen is not None:
            return Kept(best, priced, priced, proof, finished=True, searched=keys.size)
        excluded = priced - loss if keys.size < everything or forced.any() else -np.inf
        settled = excluded == -np.inf or excluded < max(value + step, least)
        if settled or not found.finished:
            bound = max(value, _whole(instance, min(priced, max(found.bound, excluded))))
            return Kept(best, bound, priced, proof, settled and found.finished, keys.size)
        needed = priced - value + step
        loss = needed if needed < WIDER * WIDER * loss else WIDER * loss
    return _unreachable(instance)


def _whole(instance: Instance, bound: float) -> float:
    """A bound of a whole number is that number's too."""
    return float(np.floor(bound + instance.tolerance)) if instance.grid else bound


def _total(instance: Instance, chosen: Ints | None) -> float:
    return -np.inf if chosen is None else float(instance.scores_of(chosen).sum())


def _search_core(
    instance: Instance, asked: Asked, keys: Ints, forced: NDArray[np.bool_], known: Ints | None
) -> Searched:
    """Search these pairs; a choice that passes only by the solver's tolerance is forbidden and searched again."""
    aims = Aims(1.0, 0.0, np.zeros(instance.shape[0]), asked.floors, least_total=asked.least_total, aux_limit=0.0)
    papers = _floors_at_stake(instance, asked.floors, keys)
    forbidden: list[Ints] = []
    while True:
        program = Program(instance, aims, keys, papers)
        for tops, many in needed_tops(instance, asked.floors, keys, papers):
            program.require(tops, many)
        for choice in forbidden:
            program.forbid(choice)
        found = search_whole(
            program, fixed=forced, known=known, first_will_do=asked.any_will_do, patience=asked.patience
        )
        broken = [] if found.chosen is None else _broken(instance, asked.floors, found.chosen)
        if not broken:
            return found
        forbidden.extend(broken)


def _broken(instance: Instance, floors: Floats, chosen: Ints) -> list[Ints]:
    """The choices of those submissions that are below their floor by more than rounding."""
    papers, _ = instance.split(chosen)
    below = np.flatnonzero(instance.served(chosen) < floors - instance.tolerance)
    return [chosen[papers == paper] for paper in below]


def _floors_at_stake(instance: Instance, floors: Floats, keys: Ints) -> Ints:
    """The submissions whose worst experts among these pairs would leave them below their floor."""
    papers, _ = instance.split(keys)
    scores = instance.scores_of(keys)
    order = np.lexsort((scores, papers))
    place = np.arange(order.size) - np.searchsorted(papers, papers)
    worst = place < instance.wanted[papers]
    least = np.bincount(papers[worst], scores[order][worst], minlength=instance.shape[0])
    return np.flatnonzero((least < floors - instance.tolerance) & instance.needy())
