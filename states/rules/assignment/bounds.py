"""What no assignment can exceed, from prices alone: the proof that an outsider can repeat with a table and sums.

For any prices v of the experts and any weights w >= 0 of the submissions, every assignment within the limits has

    sum_p w_p score_p  <=  sum_p (the `wanted` largest of w_p s_pr - v_r)  +  sum_r max(v_r most_r, v_r least_r)

(Lagrangian duality; the loads are what the prices pay for.) With w = 1 + lambda and floors f
that every assignment in question keeps, the total is at most the right side less sum lambda_p f_p;
with sum w_p slope_p = 1 the right side bounds the level that all submissions reach.

For a submission whose floor is counted exactly (`teamed`) the right side has its best whole team at these prices among
those that keep the floor (`teams`), in place of the `wanted` largest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import fsum

import numpy as np
from numpy.typing import NDArray

from states.rules.assignment.instance import ROWS_AT_A_TIME, Floats, Instance, Ints, best_of_each, worth_of
from states.rules.assignment.teams import LOOKED_THROUGH, Teams, best_teams


@dataclass(frozen=True)
class Proof:
    """Prices float64[R] and weights float64[P] in working units; anyone can recompute the bound from them.

    With `teamed` (bool[P]) it holds only for assignments that keep the floors of these.
    """

    weights: Floats
    prices: Floats
    teamed: NDArray[np.bool_] | None = None


def priced_bound(instance: Instance, proof: Proof, floors: Floats | None = None) -> float:
    """The right side of the inequality above, in working units."""
    if floors is None:
        return _rest(instance, replace(proof, teamed=None))
    return right_side(instance, proof)(floors)


def right_side(instance: Instance, proof: Proof, effort: int = LOOKED_THROUGH) -> Callable[[Floats], float]:
    """The right side for any floors: what does not depend on them is added up once."""
    rest = _rest(instance, proof)
    papers = np.array([], dtype=np.int64) if proof.teamed is None else np.flatnonzero(proof.teamed)

    def at(floors: Floats) -> float:
        best = best_teams(instance, papers, floors, proof.weights, proof.prices, effort)
        return rest + fsum(best.worth) + fsum(best.gap)

    return at


def bound_with_teams(instance: Instance, proof: Proof, best: Teams) -> float:
    """The right side, given the best teams at its prices of the submissions that it counts exactly."""
    return _rest(instance, proof) + fsum(best.worth) + fsum(best.gap)


def _rest(instance: Instance, proof: Proof) -> float:
    """The right side without the submissions that are counted exactly."""
    if proof.teamed is not None:
        instance = replace(instance, wanted=np.where(proof.teamed, 0, instance.wanted))
    paid = np.maximum(proof.prices * instance.most, proof.prices * instance.least)
    served = (fsum(best) for best in best_of_each(instance, proof.weights, proof.prices))
    return fsum(served) + fsum(paid)


def total_bound(instance: Instance, proof: Proof, floors: Floats | None = None) -> float:
    """The largest total that any assignment keeping the floors can have, in working units."""
    if floors is None:
        return priced_bound(instance, proof)
    asked = floors > -np.inf
    return priced_bound(instance, proof, floors) - fsum((proof.weights[asked] - 1.0) * floors[asked])


def out_of_reach(instance: Instance, proof: Proof, floors: Floats, least_total: float = -np.inf) -> bool:
    """Whether the weighted floors, and the least total, together ask for more than the proof's prices leave."""
    common = _common(proof, least_total)
    weighty = proof.weights > common
    demand = fsum((proof.weights[weighty] - common) * floors[weighty]) + (common * least_total if common > 0 else 0.0)
    return exceeds(demand, priced_bound(instance, proof, floors))


def exceeds(demand: float, supply: float) -> bool:
    """By more than rounding."""
    return demand > supply + 1e-7 * max(1.0, abs(demand))


def level_bound(instance: Instance, proof: Proof, slopes: Floats, least_total: float = -np.inf) -> float:
    """The highest level (score over slope) that all submissions can reach, in working units.

    With a least total, the least weight of all is the total's own multiplier, and what a
    submission's weight has above it is the submission's.
    """
    common = _common(proof, least_total)
    own = fsum((proof.weights - common) * slopes)
    if own <= 0:
        return np.inf
    paid = common * least_total if common > 0 else 0.0
    return (priced_bound(instance, proof) - paid) / own


def _common(proof: Proof, least_total: float) -> float:
    return 0.0 if least_total == -np.inf else float(proof.weights.min(initial=np.inf))


def pairs_within(instance: Instance, proof: Proof, loss: float) -> tuple[Ints, NDArray[np.bool_]]:
    """The pairs that an assignment within `loss` of the bound can use, and which of them all such ones must use.

    Those of submissions that the proof counts exactly are left to `limits_of`. A pair left out costs more than `loss` when used, a pair marked costs more when not used
    (reduced costs); pairs without any alternative are not marked. Sorted keys and a bool of the same length.
    """
    found, forced = [np.array([], dtype=np.int64)], [np.array([], dtype=bool)]
    wanted = instance.wanted if proof.teamed is None else np.where(proof.teamed, 0, instance.wanted)
    for start in range(0, instance.shape[0], ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        worth = worth_of(instance.scores[rows], proof.weights[rows], proof.prices)
        last_in, first_out = _edges(worth, wanted[rows])
        row, column = np.nonzero((worth >= last_in[:, None] - loss) & (worth > -np.inf))
        found.append((row + start) * instance.shape[1] + column)
        beaten = first_out[row]
        forced.append((beaten > -np.inf) & (worth[row, column] > beaten + loss))
    return np.concatenate(found), np.concatenate(forced)


def _edges(worth: Floats, wanted: Ints) -> tuple[Floats, Floats]:
    """The worth of each submission's last chosen and first unchosen expert; +inf where none is wanted."""
    height, width = worth.shape
    deepest = min(width, int(wanted.max(initial=0)) + 1)
    ranked = np.full((height, deepest + 2), -np.inf)
    ranked[:, 1 : deepest + 1] = -np.sort(-np.partition(worth, width - deepest, axis=1)[:, width - deepest :], axis=1)
    ranked[:, 0] = np.inf
    rows = np.arange(height)
    last_in = ranked[rows, np.minimum(wanted, deepest + 1)]
    return last_in, ranked[rows, np.minimum(wanted + 1, deepest + 1)]
