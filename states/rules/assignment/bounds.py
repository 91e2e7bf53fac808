"""What no assignment can exceed, from prices alone: the proof that an outsider can repeat with a table and sums.

For any prices v of the experts and a weight w of 0 or 1, every assignment within the limits that keeps the floors has

    w * total  <=  sum_p max(w * score(T) - price(T) over the teams T of p that keep its floor)
                   + sum_r max(v_r most_r, v_r least_r)

(Lagrangian duality over whole teams, Dantzig-Wolfe; the loads are what the prices pay for.) So a total has a bound, and
floors are out of reach where the right side is below w times what is asked for: a least total, or the floors' own sum.
With w = 0 that is a right side below nothing: the teams cannot pay for the places that they need.
"""

from dataclasses import dataclass
from math import fsum

import numpy as np

from states.rules.assignment.instance import Floats, Instance
from states.rules.assignment.teams import LOOKED_THROUGH, best_teams

SHALLOW = 20_000


@dataclass(frozen=True)
class PricedBound:
    """A weight and prices float64[R] in working units; `floored`: only teams that keep their floor count."""

    weight: float
    prices: Floats
    floored: bool = True


def supply(instance: Instance, proof: PricedBound, floors: Floats, effort: int = LOOKED_THROUGH) -> float:
    """The right side of the inequality above, in working units."""
    floors = floors if proof.floored else np.full(floors.size, -np.inf)
    best = best_teams(instance, np.flatnonzero(instance.needy()), floors, proof.weight, proof.prices, effort)
    return fsum(best.worth) + fsum(best.gap) + paid(instance, proof.prices)


def paid(instance: Instance, prices: Floats) -> float:
    return fsum(np.maximum(prices * instance.most, prices * instance.least))


def demand(instance: Instance, proof: PricedBound, floors: Floats, least_total: float) -> float:
    """The left side of what is asked for."""
    return max(least_total, float(floors[instance.needy()].sum())) if proof.weight else 0.0


def excludes(instance: Instance, proof: PricedBound, floors: Floats, least_total: float = -np.inf) -> bool:
    """Whether no assignment keeps the floors and the least total, by the proof."""
    return exceeds(demand(instance, proof, floors, least_total), supply(instance, proof, floors))


def exceeds(asked: float, there: float) -> bool:
    """By more than rounding."""
    return asked > there + 1e-7 * max(1.0, abs(asked))
