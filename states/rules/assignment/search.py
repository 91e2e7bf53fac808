"""The largest total among assignments that give every submission at least its floor.

A flow that ignores the floors may keep them all the same. Otherwise prices that whole teams agree on (`columns`) bound the
total, or exclude the floors. A search of the pairs that an assignment near the bound can use closes in on it, repeated
with more pairs until nothing left out could be better than what is found. Where that is too much, trades come near.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from states.rules.assignment.bounds import PricedBound, demand, exceeds, excludes, supply
from states.rules.assignment.columns import Agreed, agreed_prices
from states.rules.assignment.exchange import missing_of, raised_total, rounded, tradeable
from states.rules.assignment.flow import best_pairs, largest_total
from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.limits import AssignmentInfeasible
from states.rules.assignment.solver import Patience, SolverResult, search_whole
from states.rules.assignment.teams import pairs_within

PAIRS_AT_MOST = 40_000
FIRST_LOSS = {True: 1e-3, False: 4e-4}
WIDER = 4
MISSED = 1e-9
PROMISING = 10


@dataclass(frozen=True)
class SearchGoal:
    """What counts: floors float64[P] (-inf where none) and a least total, in working units; `patience` is shared by all
    searches of an assignment."""

    floors: Floats
    least_total: float = -np.inf
    patience: Patience = field(default_factory=Patience)

    def kept_by(self, instance: Instance, chosen: Ints | None) -> bool:
        """Whether these pairs are an assignment within the limits that keeps what is asked."""
        if chosen is None:
            return False
        papers, experts = instance.split(chosen)
        load = np.bincount(experts, minlength=instance.shape[1])
        return (
            np.array_equal(np.bincount(papers, minlength=instance.shape[0]), instance.wanted)
            and bool(((instance.least <= load) & (load <= instance.most)).all())
            and missing_of(instance, self.floors, chosen) == 0.0
            and instance.total_of(chosen) >= self.least_total - instance.tolerance
        )


@dataclass(frozen=True)
class Kept:
    """An outcome under floors, in working units.

    `chosen` is None when no assignment keeps what was asked (if `finished`, and by the proof alone if `excluded`), or
    none was found. No assignment has a larger total than `bound`; `priced` is what the proof alone says, without the
    search of `searched` pairs.
    """

    chosen: Ints | None
    bound: float
    priced: float
    proof: PricedBound
    finished: bool
    searched: int = 0
    excluded: bool = False

    @property
    def told(self) -> bool:
        """Whether what was asked can be kept."""
        return self.finished or self.chosen is not None


NOTHING = Kept(None, -np.inf, -np.inf, PricedBound(1.0, np.zeros(0)), finished=True)


def largest_total_with_floors(instance: Instance, asked: SearchGoal, start: Ints | None = None) -> Kept:
    """The largest total with score >= floor for every submission; trades may begin at `start`, any assignment."""
    if (instance.own_best() < asked.floors - instance.tolerance).any():
        return NOTHING
    able = without_hopeless_pairs(instance, asked.floors)
    try:
        chosen, prices = largest_total(able)
    except AssignmentInfeasible as why:
        # The crowd, or the idle, whom the flow names: a price of one for each of them tells as much.
        prices = np.zeros(instance.shape[1])
        prices[list(why.experts)] = -1.0 if why.limit == "min_load" else 1.0
        return _out_of_reach(able, asked, PricedBound(0.0, prices))
    flow = PricedBound(1.0, prices)
    bound = able.whole(able.total_of(chosen))
    if bound < asked.least_total - able.tolerance:
        return _out_of_reach(able, asked, flow)
    if missing_of(able, asked.floors, chosen) == 0.0:
        return Kept(chosen, bound, supply(able, flow, asked.floors), flow, finished=True)
    agreed = _agreed(able, asked, flow, chosen)
    if agreed is not None:
        proof, missed = agreed.proof, agreed.missed > MISSED
        if missed:
            possible = _agreed(able, asked, flow, chosen, weight=0.0)
            proof = proof if possible is None else possible.proof
        priced = supply(able, proof, asked.floors)
        if exceeds(demand(able, proof, asked.floors, asked.least_total), priced):
            return replace(NOTHING, proof=proof, excluded=True)
        if not missed:
            whole = (found for found in (agreed.keys[agreed.x > 0.5], start) if asked.kept_by(able, found))
            kept = searched(able, asked, proof, priced, max(whole, key=able.total_of, default=None))
            starts = [rounded(able, agreed.keys, agreed.x), kept.chosen, start]
            return kept if kept.finished else _traded(instance, asked, kept, agreed.keys, starts)
    known = start if asked.kept_by(able, start) else None
    free = PricedBound(1.0, prices, floored=False)
    bound = supply(able, free, asked.floors)
    return _traded(instance, asked, Kept(known, bound, bound, free, finished=False), chosen, [start])


def without_hopeless_pairs(instance: Instance, floors: Floats) -> Instance:
    """The instance without the pairs that miss the floor even beside the submission's own best others."""
    hopeless = instance.scores < (floors - instance.own_best(fewer=1) - instance.tolerance)[:, None]
    return replace(instance, scores=np.where(hopeless, -np.inf, instance.scores))


def _out_of_reach(instance: Instance, asked: SearchGoal, proof: PricedBound) -> Kept:
    return replace(NOTHING, proof=proof, excluded=excludes(instance, proof, asked.floors, asked.least_total))


def _agreed(
    instance: Instance, asked: SearchGoal, flow: PricedBound, chosen: Ints, weight: float = 1.0
) -> Agreed | None:
    depth = int(instance.wanted.max(initial=0)) + PROMISING
    promising = [best_pairs(instance, part * flow.prices, depth) for part in (1.0, 0.0)]
    pairs = np.unique(np.concatenate([chosen, *promising]))
    return agreed_prices(instance, asked.floors, flow.prices, pairs, chosen, asked.patience, weight)


def searched(instance: Instance, asked: SearchGoal, proof: PricedBound, priced: float, known: Ints | None) -> Kept:
    """The largest total under the floors; `known` keeps them. The proof, of weight one, says that it is at most `priced`."""
    step = instance.step(priced)
    least, bound = max(asked.least_total - instance.tolerance, _lowest(instance)), priced
    best, loss, size = known, FIRST_LOSS[instance.grid], 0
    while bound >= max(instance.total_of(best) + step, least):
        needed = priced - max(instance.total_of(best) + step, least)
        loss = needed + instance.tolerance if needed < WIDER * loss else loss
        keys, staked = pairs_within(instance, asked.floors, proof.prices, loss)
        found = SolverResult(None, np.inf, finished=False)
        if keys.size <= PAIRS_AT_MOST and asked.patience.left > 0:
            found, size = (
                search_whole(instance, keys, asked.floors, staked, asked.least_total, best, asked.patience),
                keys.size,
            )
        if instance.total_of(found.chosen) > instance.total_of(best):
            best = found.chosen
        bound = min(bound, max(instance.total_of(best), found.bound, priced - loss if loss < needed else -np.inf))
        if not found.finished:
            break
        loss *= WIDER
    return _settled(instance, Kept(best, bound, priced, proof, finished=bound < least, searched=size))


def _settled(instance: Instance, kept: Kept) -> Kept:
    """What is found is the best if its total comes near the bound."""
    value = instance.total_of(kept.chosen)
    bound = max(value, instance.whole(kept.bound))
    return replace(kept, bound=bound, finished=kept.finished or bound < value + instance.step(kept.priced))


def _lowest(instance: Instance) -> float:
    """No assignment has a smaller total."""
    worst = replace(instance, scores=np.where(instance.scores > -np.inf, -instance.scores, -np.inf))
    return -float(worst.own_best().sum())


def _traded(instance: Instance, asked: SearchGoal, kept: Kept, keys: Ints, starts: list[Ints | None]) -> Kept:
    """The best assignment that trades find from these starts, or what is known."""
    best, keys = kept.chosen, tradeable(instance, kept.proof.prices, keys)
    for start in starts:
        if start is None:
            continue
        found = raised_total(instance, asked.floors, keys, start)
        if asked.kept_by(instance, found) and instance.total_of(found) > instance.total_of(best):
            best = found
    return _settled(instance, replace(kept, chosen=best))
