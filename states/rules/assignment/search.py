"""The best whole assignment under floors: a search of the teams and pairs that prices cannot exclude (HiGHS).

Within a loss of the bound a submission has few cores (`cores`). All of them, written out beside the pairs that
they are made of, leave the search no floors at all: experts who cannot keep one together are not on the list. The search
is repeated with more until nothing left out could be better than what is found.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from states.rules.assignment.bounds import Proof, pairs_within, total_bound
from states.rules.assignment.cores import Cores, cores_within
from states.rules.assignment.instance import Floats, Instance, Ints
from states.rules.assignment.program import Aims, Patience, Program, Searched, search_whole
from states.rules.assignment.teams import best_teams

CORES_AT_MOST, PAIRS_AT_MOST = 80_000, 30_000
FIRST_LOSS = {True: 1e-3, False: 4e-4}
WIDER = 4


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

    `chosen` is None when no assignment keeps what was asked (proven if `finished`, and by the proof alone if
    `excluded`). No assignment has a larger total than `bound`; `priced` is what the proof alone says, without
    the search over `searched` pairs and cores.
    """

    chosen: Ints | None
    bound: float
    priced: float
    proof: Proof
    finished: bool
    searched: int
    excluded: bool = False


@dataclass(frozen=True)
class _Space:
    """Sorted pairs, which of them are taken for certain, and the cores of submissions whose floor is at stake."""

    keys: Ints
    forced: NDArray[np.bool_]
    cores: Cores

    @property
    def size(self) -> int:
        return int(self.keys.size - self.forced.sum()) + self.cores.papers.size


def searched(instance: Instance, asked: Asked, proof: Proof, known: Ints | None) -> Kept:
    """The largest total under the floors; `known` keeps them. The proof's weights are one."""
    priced = total_bound(instance, proof, asked.floors)
    step = step_of(instance, priced)
    least, bound = max(asked.least_total - instance.tolerance, _lowest(instance)), priced
    best, loss, size = known, FIRST_LOSS[instance.grid], 0
    while bound >= max(total_of(instance, best) + step, least):
        if asked.any_will_do and best is not None:
            return Kept(best, bound, priced, proof, finished=True, searched=size)
        needed = priced - max(total_of(instance, best) + step, least)
        loss = needed + instance.tolerance if needed < WIDER * loss else loss
        space = _space(instance, asked.floors, proof, loss)
        found = Searched(None, np.inf, finished=False)
        if space is not None and asked.patience.left > 0:
            found, size = _search(instance, asked, space, best), space.size
        if total_of(instance, found.chosen) > total_of(instance, best):
            best = found.chosen
        bound = min(bound, max(total_of(instance, best), found.bound, priced - loss if loss < needed else -np.inf))
        if not found.finished:
            break
        loss *= WIDER
    return kept_at_most(instance, best, bound, Kept(best, bound, priced, proof, bound < least, size))


def kept_at_most(instance: Instance, chosen: Ints | None, bound: float, kept: Kept) -> Kept:
    """The outcome with this assignment, which is known to be the best if its total comes near the bound."""
    value = total_of(instance, chosen)
    bound = max(value, whole(instance, bound))
    finished = kept.finished or bound < value + step_of(instance, kept.priced)
    return replace(kept, chosen=chosen, bound=bound, finished=finished)


def step_of(instance: Instance, total: float) -> float:
    """Totals that are nearer to each other count as the same."""
    return 1.0 if instance.grid else 1e-9 * max(1.0, abs(total))


def _lowest(instance: Instance) -> float:
    """No assignment has a smaller total."""
    worst = replace(instance, scores=np.where(instance.scores > -np.inf, -instance.scores, -np.inf))
    return -float(worst.own_best().sum())


def whole(instance: Instance, bound: float) -> float:
    """A bound of a whole number is that number's too."""
    return float(np.floor(bound + instance.tolerance)) if instance.grid else bound


def total_of(instance: Instance, chosen: Ints | None) -> float:
    return -np.inf if chosen is None else float(instance.scores_of(chosen).sum())


def _space(instance: Instance, floors: Floats, proof: Proof, loss: float) -> _Space | None:
    """All that an assignment within `loss` of the bound can use; None where that is too much to search."""
    while True:
        keys, forced = pairs_within(instance, proof, loss)
        staked = _at_stake(instance, floors, keys)
        if not staked.any():
            break
        proof = replace(proof, teamed=staked if proof.teamed is None else proof.teamed | staked)
    if keys.size - forced.sum() > PAIRS_AT_MOST:
        return None
    papers = np.flatnonzero(proof.teamed) if proof.teamed is not None else np.array([], dtype=np.int64)
    best = best_teams(instance, papers, floors, proof.weights, proof.prices)
    cores = cores_within(instance, papers, floors, proof.prices, best.worth + best.gap - loss, CORES_AT_MOST)
    if cores is None:
        return None
    order = np.argsort(np.concatenate([keys, cores.keys]))
    return _Space(np.concatenate([keys, cores.keys])[order], np.concatenate([forced, cores.forced])[order], cores)


def _at_stake(instance: Instance, floors: Floats, keys: Ints) -> NDArray[np.bool_]:
    """bool[P]: the submissions whose worst experts among these pairs would leave them below their floor."""
    papers, _ = instance.split(keys)
    scores = instance.scores_of(keys)
    order = np.lexsort((scores, papers))
    place = np.arange(order.size) - np.searchsorted(papers, papers)
    worst = place < instance.wanted[papers]
    least = np.bincount(papers[worst], scores[order][worst], minlength=instance.shape[0])
    seen = np.bincount(papers, minlength=instance.shape[0]) > 0
    return np.asarray(seen & (least < floors - instance.tolerance))


def _search(instance: Instance, asked: Asked, space: _Space, known: Ints | None) -> Searched:
    aims = Aims(1.0, 0.0, np.zeros(instance.shape[0]), asked.floors, least_total=asked.least_total, aux_limit=0.0)
    program = Program(instance, aims, space.keys, patience=asked.patience)
    program.add_cores(space.cores.papers, space.cores.experts)
    return search_whole(program, fixed=space.forced, known=known, first_will_do=asked.any_will_do)
