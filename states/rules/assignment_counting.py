"""Levels that cannot be reached because some submissions need more of the same experts than there are places.

A level makes a submission need so many of its best experts (`assignment_cuts`). A maximum flow tells whether all can have
theirs at once; its minimum cut is a proof with weights of zero: prices of one for the experts in question,
one paid for each of them that a submission needs (Hall's theorem with capacities).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ortools.graph.python import max_flow

from states.rules.assignment_bounds import Proof, out_of_reach
from states.rules.assignment_cuts import DEEPEST, top_bars
from states.rules.assignment_floors import without_hopeless_pairs
from states.rules.assignment_instance import Floats, Instance, Ints, Tops

FloorsOf = Callable[[float], Floats]


@dataclass(frozen=True)
class Ranked:
    """Each submission's best experts and their scores, descending: int64[P,D] and float64[P,D]."""

    experts: Ints
    scores: Floats


@dataclass(frozen=True)
class Crowd:
    """A minimum cut: bool-like int64[P], how many tops of each submission are in it (0 for none), and bool[R]."""

    needs: Ints
    experts: Ints


def lowest_uncountable(
    instance: Instance, floors_of: FloorsOf, reached: float, unreached: float, width: float
) -> tuple[float, Proof] | None:
    """A level above `reached` that counting excludes, the lowest within `width`, with its proof; None without any.

    `unreached` is the highest level to try.
    """
    ranked = ranked_best(instance)
    low, high, proof = reached, unreached, None
    tried = unreached
    while high - low > width:
        crowd = crowd_at(instance, ranked, floors_of(tried))
        found = None if crowd is None else _proof(instance, crowd, floors_of(tried))
        if found is not None:
            high, proof = tried, found
        elif proof is None:
            return None
        else:
            low = tried
        tried = (low + high) / 2
    return None if proof is None else (high, proof)


def ranked_best(instance: Instance) -> Ranked:
    depth = min(instance.shape[1], DEEPEST + int(instance.wanted.max(initial=0)))
    order = np.argsort(-instance.scores, axis=1, kind="stable")[:, :depth]
    return Ranked(order, np.take_along_axis(instance.scores, order, axis=1))


def crowd_at(instance: Instance, ranked: Ranked, floors: Floats) -> Crowd | None:
    """Submissions that together need more of some experts than these may see; None where all can have theirs."""
    P, R = instance.shape
    depth = _depths(instance, ranked, floors)
    papers, tops = np.nonzero(depth)
    slots = np.arange(papers.size)
    before = np.where(tops > 0, depth[papers, np.maximum(tops - 1, 0)], 0)
    many = depth[papers, tops] - before
    owner = np.repeat(slots, many)
    place = np.arange(owner.size) - np.repeat(np.cumsum(many) - many, many) + np.repeat(before, many)
    expert = ranked.experts[papers[owner], place]
    inner = slots[tops > 0]
    source, sink = papers.size + R, papers.size + R + 1
    tails = np.concatenate([owner, inner, np.full(slots.size, source), papers.size + np.arange(R)])
    heads = np.concatenate([papers.size + expert, inner - 1, slots, np.full(R, sink)])
    room = [np.ones(owner.size), np.full(inner.size, P * R), np.ones(slots.size), instance.most]
    flow = max_flow.SimpleMaxFlow()
    flow.add_arcs_with_capacity(tails.astype(np.int32), heads.astype(np.int32), np.concatenate(room).astype(np.int64))
    flow.solve(source, sink)
    if flow.optimal_flow() == slots.size:
        return None
    side = np.zeros(sink + 1, dtype=bool)
    side[np.asarray(flow.get_source_side_min_cut(), dtype=np.int64)] = True
    needs = np.bincount(papers[side[: slots.size]], minlength=P)
    return Crowd(needs, np.flatnonzero(side[papers.size : papers.size + R]))


def _depths(instance: Instance, ranked: Ranked, floors: Floats) -> Ints:
    """int64[P,k]: how deep the top is of which m + 1 are needed; 0 where there is none or it is too deep to tell."""
    bars = np.full((instance.shape[0], int(instance.wanted.max(initial=0))), -np.inf)
    bars[:, :-1] = top_bars(instance, floors, ranked.scores)
    sums = np.concatenate([np.zeros((bars.shape[0], 1)), np.cumsum(ranked.scores, axis=1)], axis=1)
    rows = np.flatnonzero(instance.wanted > 0)
    last = instance.wanted[rows] - 1
    bars[rows, last] = floors[rows] - sums[rows, last] - instance.tolerance
    depth = (ranked.scores[:, None, :] >= bars[:, :, None]).sum(axis=2)
    told = (bars > -np.inf) & ((depth < ranked.scores.shape[1]) | (depth == instance.shape[1]))
    return np.where(np.logical_and.accumulate(told, axis=1), depth, 0)


def _proof(instance: Instance, crowd: Crowd, floors: Floats) -> Proof | None:
    """The cut as prices; None where it does not bear being counted again."""
    able = without_hopeless_pairs(instance, floors)
    bars = top_bars(able, floors)
    worth, prices = np.zeros(bars.shape), np.zeros(instance.shape[1])
    some = np.flatnonzero((crowd.needs > 0) & (crowd.needs < instance.wanted))
    worth[some, crowd.needs[some] - 1] = 1.0
    prices[crowd.experts] = 1.0
    proof = Proof(np.zeros(instance.shape[0]), prices, Tops(bars, worth))
    return proof if out_of_reach(able, proof, floors) else None
