"""The largest total: a minimum-cost flow over few pairs, widened until prices prove that no other pair helps."""

import numpy as np

from states.rules.assignment.instance import ROWS_AT_A_TIME, Floats, Instance, Ints, worth_of
from states.rules.assignment.limits import explained

FEW_PAIRS = 400_000
FIRST_CHOICES = 14
NEW_PAIRS_A_ROUND = 8
# The largest cost that the flow solver takes at 25,000 nodes, with room to spare.
FINEST = 2.0**40


def largest_total(instance: Instance) -> tuple[Ints, Floats]:
    """The pairs of an assignment of largest total, and float64[R] prices that prove it.

    The prices are shadow prices: what one more place at that expert would add (from 0 up
    where the maximum load binds, below 0 where the minimum does). Raises AssignmentInfeasible.
    """
    P, R = instance.shape
    depth = R if P * R <= FEW_PAIRS else int(instance.wanted.max(initial=0)) + FIRST_CHOICES
    keys = best_pairs(instance, np.zeros(R), depth)
    while True:
        chosen = _cheapest_flow(instance, keys)
        if chosen is None:
            if depth >= R:
                raise explained(instance)
            depth *= 2
            keys = np.union1d(keys, best_pairs(instance, np.zeros(R), depth))
            continue
        prices = _expert_prices(instance, keys, chosen)
        missing = pairs_worth_adding(instance, keys, 1.0, prices, _bars(instance, chosen, prices))
        if missing.size == 0:
            return chosen, prices
        keys = np.union1d(keys, missing)


def best_pairs(instance: Instance, prices: Floats, depth: int) -> Ints:
    """Sorted keys of each submission's `depth` pairs of largest score - price, ties spread over the experts."""
    P, R = instance.shape
    if depth >= R:
        return instance.all_pairs()
    nudge = 2.0**-12 if instance.grid else 2.0**-40
    found = [np.array([], dtype=np.int64)]
    for start in range(0, P, ROWS_AT_A_TIME):
        worth = worth_of(instance.scores[start : start + ROWS_AT_A_TIME], 1.0, prices)
        rows = np.arange(start, start + worth.shape[0])[:, None]
        worth += nudge * (((rows * 7919 + np.arange(R) * 104_729) % 1009) / 1009)
        columns = np.argpartition(worth, R - depth, axis=1)[:, R - depth :]
        found.append((rows * R + columns)[np.take_along_axis(worth, columns, axis=1) > -np.inf])
    return np.sort(np.concatenate(found)).astype(np.int64)


def pairs_worth_adding(instance: Instance, keys: Ints, weight: float, prices: Floats, bars: Floats) -> Ints:
    """Pairs outside `keys` whose worth exceeds the submission's bar: the best few of each."""
    found = [np.array([], dtype=np.int64)]
    slack = 1e-9 * max(1.0, float(np.abs(prices).max(initial=0.0)))
    for start in range(0, instance.shape[0], ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        gain = worth_of(instance.scores[rows], weight, prices) - bars[rows][:, None]
        row, column = np.nonzero(gain > slack)
        new = (row + start) * instance.shape[1] + column
        fresh = ~np.isin(new, keys[slice(*np.searchsorted(keys, [new[0], new[-1] + 1]))] if new.size else keys)
        order = np.lexsort((-gain[row[fresh], column[fresh]], row[fresh]))
        ranked = row[fresh][order]
        position = np.arange(ranked.size) - np.searchsorted(ranked, ranked)
        found.append(new[fresh][order][position < NEW_PAIRS_A_ROUND])
    return np.concatenate(found)


def flow_within(
    instance: Instance, keys: Ints, costs: Ints, wanted: Ints, least: Ints, most: Ints | None = None
) -> Ints | None:
    """The pairs of least cost that give each submission `wanted` of these pairs and keep the loads; None if none do.

    costs int64 of the length of the keys; the loads are the instance's unless given.
    """
    from ortools.graph.python import min_cost_flow

    P, R = instance.shape
    papers, experts = instance.split(keys)
    tails = np.concatenate([papers, np.arange(P, P + R)]).astype(np.int32)
    heads = np.concatenate([experts + P, np.full(R, P + R)]).astype(np.int32)
    spare = (instance.most if most is None else most) - least
    room = np.concatenate([np.ones(keys.size, dtype=np.int64), spare])
    flow = min_cost_flow.SimpleMinCostFlow()
    arcs = flow.add_arcs_with_capacity_and_unit_cost(tails, heads, room, np.append(costs, np.zeros(R, dtype=np.int64)))
    supply = np.concatenate([wanted, -least, [int(least.sum()) - int(wanted.sum())]])
    flow.set_nodes_supplies(np.arange(P + R + 1, dtype=np.int32), supply)
    status = flow.solve()
    if status == flow.BAD_COST_RANGE:
        raise _CostsTooLarge
    if status != flow.OPTIMAL:
        return None
    return keys[np.flatnonzero(np.asarray(flow.flows(arcs[: keys.size])) > 0)]


class _CostsTooLarge(ArithmeticError):
    """The costs do not fit the flow solver's 64 bits."""


def _cheapest_flow(instance: Instance, keys: Ints) -> Ints | None:
    """The chosen pairs of a largest-total assignment within `keys`; None when they do not suffice."""
    for bits in _bits_to_try(instance):
        costs = -np.rint(np.ldexp(instance.scores_of(keys), bits)).astype(np.int64)
        try:
            return flow_within(instance, keys, costs, instance.wanted, instance.least)
        except _CostsTooLarge:
            continue
    raise ArithmeticError("The scores do not fit the 64-bit costs of the flow solver.")


def _bits_to_try(instance: Instance) -> tuple[int, ...]:
    """Whole working scores are exact as they are; real ones keep as many bits as the solver's int64 allows."""
    most = 61 - int(np.ceil(np.log2(sum(instance.shape) + 2)))
    return (0,) if instance.grid else tuple(range(min(most, 52), 20, -2))


def _bars(instance: Instance, chosen: Ints, prices: Floats) -> Floats:
    """float64[P]: the least worth among each submission's chosen experts; infinite where none is wanted."""
    papers, experts = instance.split(chosen)
    bars = np.full(instance.shape[0], np.inf)
    np.minimum.at(bars, papers, instance.scores_of(chosen) - prices[experts])
    return bars


def _expert_prices(instance: Instance, keys: Ints, chosen: Ints) -> Floats:
    """Shadow prices from shortest paths among experts (Bellman-Ford on the residual graph, which has no
    negative cycle at an optimum; Ahuja, Magnanti, Orlin: Network Flows, section 9.1).

    Node R stands for the spare places. Handing a review from one expert to another costs
    the difference of scores; the cheapest hand-over of each pair of experts is an edge.
    """
    R = instance.shape[1]
    cost = _cheapest_hand_overs(instance, keys, chosen)
    load = np.bincount(instance.split(chosen)[1], minlength=R)
    cost[:R, R] = np.where(load < instance.most, 0.0, np.inf)
    cost[R, :R] = np.where(load > instance.least, 0.0, np.inf)
    price, changed = np.zeros(R + 1), np.arange(R + 1)
    onward = np.ascontiguousarray(cost.T)
    for _ in range(R + 1):
        nearer = np.minimum(price, (onward[changed] + price[changed, None]).min(axis=0))
        changed = np.flatnonzero(price - nearer > 1e-13)
        price[changed] = nearer[changed]
        if changed.size == 0:
            break
    return np.asarray(price[:R] - price[R])


def _cheapest_hand_overs(instance: Instance, keys: Ints, chosen: Ints) -> Floats:
    """float64[R+1,R+1]: least loss of score when a review goes from row's to column's expert; inf if none can."""
    P, R = instance.shape
    papers, experts = instance.split(keys)
    scores = instance.scores_of(keys)
    taken = np.isin(keys, chosen, assume_unique=True)
    free_paper, free_expert, free_score = papers[~taken], experts[~taken], scores[~taken]
    starts = np.searchsorted(papers[taken], np.arange(P))
    cost = np.full((R + 1) * (R + 1), np.inf)
    for seat in range(int(instance.wanted.max(initial=0))):
        holds = instance.wanted[free_paper] > seat
        held = np.flatnonzero(taken)[starts[free_paper[holds]] + seat]
        edge = experts[held] * (R + 1) + free_expert[holds]
        np.minimum.at(cost, edge, scores[held] - free_score[holds])
    return np.asarray(cost.reshape(R + 1, R + 1))
