"""The largest total among assignments that give every submission at least its floor.

A linear program over promising pairs, grown until its prices leave no pair outside worth
adding, bounds the total. A mixed-integer search then looks at the few pairs whose reduced
costs still allow them in a better assignment than the best one found. What was pruned is
thereby proven not to matter, and the search is repeated on more pairs until that holds.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from states.rules.assignment_bounds import Proof, out_of_reach, pairs_within, total_bound
from states.rules.assignment_cuts import needed_tops, top_bars
from states.rules.assignment_exchange import missing_of, raised_total, rounded, tradeable
from states.rules.assignment_flow import best_pairs, largest_total, pairs_worth_adding
from states.rules.assignment_instance import Floats, Instance, Ints, best_of_each
from states.rules.assignment_limits import AssignmentInfeasible
from states.rules.assignment_program import (
    FLOORS_FOR_SIMPLEX,
    Aims,
    Patience,
    Priced,
    Program,
    Searched,
    search_whole,
    too_much,
)
from states.rules.assignment_tilting import tilted

PENALTY = 1e5
PROMISING = 10
WIDER = 4
MANY_SHORT = 10
MANY_PAIRS, FEW_IN_MANY = 100_000, 1000


@dataclass(frozen=True)
class Asked:
    """What counts: floors float64[P] (-inf where none) and a least total, in working units; `any_will_do`
    stops at the first assignment that keeps them; `patience` is shared by all searches of an assignment."""

    floors: Floats
    least_total: float = -np.inf
    any_will_do: bool = False
    patience: Patience = field(default_factory=Patience)


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
    if flow.outcome is not None:
        return flow.outcome
    keys = promising_pairs(flow.instance, flow.proof, flow.chosen)
    if known is not None:
        keys = np.union1d(keys, known)
    fractions = _fractions(flow, asked, keys, possible=known is not None)
    if fractions is None:
        return _unreachable(instance)
    return _search(flow.instance, asked, fractions.proof, _by_trading(flow, asked, fractions, known))


def by_flow(instance: Instance, asked: Asked) -> ByFlow:
    """Whether the largest total alone keeps what is asked, or cannot."""
    nobody = np.array([], dtype=np.int64)
    proof = Proof(weights=np.ones(instance.shape[0]), prices=np.zeros(instance.shape[1]))
    if (instance.own_best() < asked.floors - instance.tolerance).any():
        return ByFlow(instance, _unreachable(instance), nobody, proof, nobody)
    instance = without_hopeless_pairs(instance, asked.floors)
    try:
        chosen, _, prices = largest_total(instance)
    except AssignmentInfeasible:
        return ByFlow(instance, _unreachable(instance), nobody, proof, nobody)
    proof = Proof(weights=proof.weights, prices=prices)
    bound = total_bound(instance, proof)
    short = np.flatnonzero(instance.served(chosen) < asked.floors - instance.tolerance)
    outcome = Kept(chosen, bound, bound, proof, finished=True, searched=0) if short.size == 0 else None
    if bound < asked.least_total - instance.tolerance:
        outcome = _unreachable(instance)
    return ByFlow(instance, outcome, chosen, proof, short)


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
        missing = pairs_worth_adding(instance, held, priced.weights, priced.prices, priced.bars, priced.tops)
        few = program.keys.size > MANY_PAIRS and missing.size * FEW_IN_MANY < program.keys.size
        if (missing.size == 0 or few) and not broken.any():
            return priced
        program.add_floors(np.flatnonzero(broken))
        program.add_pairs(missing)


def _broken_by_fractions(program: Program, priced: Priced) -> NDArray[np.bool_]:
    """bool[P]: submissions without rows in the program whose floor, or what it implies, the fractions break."""
    instance, aims = program.instance, program.aims
    papers, _ = instance.split(program.keys)
    scores, P = instance.scores_of(program.keys), instance.shape[0]
    served = np.bincount(papers, scores * priced.x, minlength=P)
    broken = served + aims.slopes * priced.aux < aims.floors - 1e-7
    for place, bar in enumerate([] if aims.bars is None else aims.bars.T):
        above = np.bincount(papers, priced.x * (scores >= bar[papers]), minlength=P)
        broken |= (bar > -np.inf) & (above < place + 1 - 1e-6)
    broken[program.floored] = False
    return np.asarray(broken)


def _unreachable(instance: Instance) -> Kept:
    nothing = Proof(weights=np.ones(instance.shape[0]), prices=np.zeros(instance.shape[1]))
    return Kept(None, -np.inf, -np.inf, nothing, finished=True, searched=0)


def _fractions(flow: ByFlow, asked: Asked, keys: Ints, *, possible: bool) -> Fractions | None:
    """The linear program's answer; None when even fractions of experts cannot keep the floors."""
    instance, floors = flow.instance, asked.floors
    many = flow.short.size * MANY_SHORT > instance.shape[0]
    if many and not possible and _out_of_reach(flow, asked, keys):
        return None
    aims = Aims(1.0, -PENALTY, np.ones(instance.shape[0]), floors, bars=None if many else top_bars(instance, floors))
    short = flow.short if flow.short.size <= FLOORS_FOR_SIMPLEX else np.flatnonzero(floors > -np.inf)
    program = Program(instance, aims, keys, short, patience=asked.patience)
    priced = grow(program)
    if priced.aux > 1e-7 and not many and not possible and _out_of_reach(flow, asked, keys):
        return None
    return fractions_of(program, priced)


def fractions_of(program: Program, priced: Priced) -> Fractions:
    order = np.argsort(program.keys)
    return Fractions(Proof(priced.weights, priced.prices, priced.tops), program.keys[order], priced.x[order])


def _by_trading(flow: ByFlow, asked: Asked, fractions: Fractions, known: Ints | None) -> Ints | None:
    """An assignment that trades find from a good start, or else from what is known; None if none is allowed."""
    instance, floors = flow.instance, asked.floors
    keys = tradeable(instance, fractions.proof, fractions.keys)
    for start in (_start(flow, asked, fractions, keys), known):
        found = None if start is None else raised_total(instance, floors, keys, start)
        if found is not None and missing_of(instance, floors, found) == 0.0:
            return found if _total(instance, found) >= asked.least_total else known
    return known


def _start(flow: ByFlow, asked: Asked, fractions: Fractions, keys: Ints) -> Ints | None:
    """Near the floors: where few miss them by tilting towards these, where many do from the fractions."""
    instance, floors = flow.instance, asked.floors
    few = flow.short.size * MANY_SHORT <= instance.shape[0]
    found = tilted(instance, floors, keys, top_bars(instance, floors)) if few else None
    return rounded(instance, fractions.keys, fractions.x) if found is None else found


def _out_of_reach(flow: ByFlow, asked: Asked, keys: Ints) -> bool:
    """Whether multipliers prove that all floors together ask for more than there is, even in fractions."""
    instance, floors = flow.instance, asked.floors
    aims = Aims(0.0, -1.0, np.ones(instance.shape[0]), floors, bars=top_bars(instance, floors))
    priced = grow(Program(instance, aims, keys, flow.short, patience=asked.patience))
    return out_of_reach(instance, Proof(priced.multipliers, priced.prices, priced.tops), floors)


def _search(instance: Instance, asked: Asked, proof: Proof, known: Ints | None) -> Kept:
    """Whole assignments among the pairs that prices cannot exclude, more of them until nothing excluded matters."""
    priced = total_bound(instance, proof, asked.floors)
    step = 1.0 if instance.grid else 1e-9 * max(1.0, abs(priced))
    least = asked.least_total - instance.tolerance
    loss = 1e-3 if instance.grid else 1e-4
    best, value, everything = known, _total(instance, known), instance.all_pairs().size
    if priced < value + step:
        return Kept(best, max(value, _whole(instance, priced)), priced, proof, finished=True, searched=0)
    if asked.any_will_do and best is not None:
        return Kept(best, priced, priced, proof, finished=True, searched=0)
    tried, bound = (-1, -1), priced
    while bound >= least:
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
        bound = min(bound, max(found.bound, excluded))
        settled = excluded == -np.inf or excluded < max(value + step, least)
        if settled or not found.finished:
            bound = max(value, _whole(instance, bound))
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
    if too_much(keys, forced, papers) or asked.patience.left <= 0:
        return Searched(chosen=None, bound=np.inf, finished=False)
    forbidden: list[Ints] = []
    while True:
        program = Program(instance, aims, keys, papers, patience=asked.patience)
        for tops, many in needed_tops(instance, asked.floors, keys, papers):
            program.require(tops, many)
        for choice in forbidden:
            program.forbid(choice)
        found = search_whole(program, fixed=forced, known=known, first_will_do=asked.any_will_do)
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
