"""Good assignments where a few submissions can hardly have their floor: each first gets the experts it cannot do without.

A floor makes a submission need so many of its best experts (`assignment_cuts`). The tops of one submission lie
within one another, so a minimum-cost flow can promise them all: a chain of nodes for each submission, where a place in a
top may also be filled from a smaller one. What still misses its floor weighs more in the next round (a counted
subgradient method; Held, Wolfe, Crowder: Validation of subgradient optimization, 1974). Proves nothing.
"""

import numpy as np
from ortools.graph.python import min_cost_flow

from states.rules.assignment_exchange import missing_of, rounds_for
from states.rules.assignment_flow import FINEST
from states.rules.assignment_instance import Floats, Instance, Ints

PROMISING_TO_TILT = 60
HEAVIER, LIGHTER = (0.05, 1.0), 0.98


def tilted(instance: Instance, floors: Floats, keys: Ints, bars: Floats) -> Ints | None:
    """An assignment that keeps the tops and misses the floors by little; None if these pairs allow none."""
    keys = np.union1d(keys, _best_of(instance, np.flatnonzero((bars > -np.inf).any(axis=1))))
    papers, _ = instance.split(keys)
    scores, weights = instance.scores_of(keys), np.ones(instance.shape[0])
    scale = float(np.abs(scores).max(initial=0.0)) or 1.0
    best, least = None, np.inf
    for _ in range(rounds_for(keys) // 2):
        found = flow_with_tops(instance, keys, -weights[papers] * scores, bars)
        if found is None:
            return None
        missing = missing_of(instance, floors, found)
        if missing < least:
            best, least = found, missing
        if missing == 0.0:
            break
        short = np.maximum(floors - instance.served(found), 0.0) / scale
        heavier = weights * (1 + np.clip(10 * short, *HEAVIER))
        weights = np.where(short * scale > instance.tolerance, heavier, np.maximum(1.0, weights * LIGHTER))
    return best


def flow_with_tops(instance: Instance, keys: Ints, costs: Floats, bars: Floats) -> Ints | None:
    """The sorted pairs of least cost within the limits that give each submission m + 1 of its pairs above each bar."""
    P, R = instance.shape
    papers, experts = instance.split(keys)
    held = bars > -np.inf
    owners, places = np.nonzero(held)
    node = np.full((P, bars.shape[1] + 1), -1)
    node[:, 0], node[owners, places + 1] = np.arange(P), P + np.arange(owners.size)
    many = held.sum(axis=1)
    around = ((instance.scores_of(keys)[:, None] >= bars[papers]) & held[papers]).sum(axis=1)
    smallest = np.where(around > 0, many[papers] - around + 1, 0)
    inner, topped = np.flatnonzero(places > 0), np.flatnonzero(many > 0)
    first, last = P + owners.size, P + owners.size + R
    tails = [node[papers, smallest], node[owners[inner], places[inner] + 1], topped, np.arange(first, last)]
    heads = [first + experts, node[owners[inner], places[inner]], node[topped, many[topped]], np.full(R, last)]
    links = inner.size + topped.size
    room = [np.ones(keys.size), np.full(links, bars.shape[1] + 1), instance.most - instance.least]
    whole = np.rint(costs * (FINEST / max(float(np.abs(costs).max(initial=0.0)), 1e-300)))
    prices = np.concatenate([whole, np.zeros(links + R)]).astype(np.int64)
    flow = min_cost_flow.SimpleMinCostFlow()
    arcs = flow.add_arcs_with_capacity_and_unit_cost(
        np.concatenate(tails).astype(np.int32),
        np.concatenate(heads).astype(np.int32),
        np.concatenate(room).astype(np.int64),
        prices,
    )
    spare = int(instance.least.sum()) - int(instance.wanted.sum())
    supply = np.concatenate([instance.wanted - many, np.ones(owners.size), -instance.least, [spare]])
    flow.set_nodes_supplies(np.arange(last + 1, dtype=np.int32), supply.astype(np.int64))
    if flow.solve() != flow.OPTIMAL:
        return None
    return keys[np.flatnonzero(np.asarray(flow.flows(arcs[: keys.size])) > 0)]


def _best_of(instance: Instance, papers: Ints) -> Ints:
    """Each of these submissions' best pairs, whatever they are worth to others."""
    depth = min(PROMISING_TO_TILT, instance.shape[1])
    columns = np.argsort(-instance.scores[papers], axis=1, kind="stable")[:, :depth]
    keys = (papers[:, None] * instance.shape[1] + columns).ravel()
    return keys[instance.scores_of(keys) > -np.inf]
