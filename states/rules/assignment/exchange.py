"""Good assignments under floors without a search: from fractions to whole, then by trading.

A round makes every submission give one of its experts up and hands all of them out again by one
minimum-cost flow. What each submission becomes depends on its one new expert alone, so the flow finds
the best of all such trades at once, however many submissions a cycle runs through (cyclic exchange;
Ahuja, Ergun, Orlin, Punnen: A survey of very large-scale neighborhood search techniques, 2002). The
rounds are counted, not timed, and who gives up whom follows from the round's number, so that every machine finds
the same. Nothing here proves anything: the bounds do.
"""

from collections.abc import Callable

import numpy as np

from states.rules.assignment.flow import FINEST, best_pairs, flow_within
from states.rules.assignment.instance import Floats, Instance, Ints

PAIRS_LOOKED_AT = 8_000_000
FEWEST_ROUNDS, MOST_ROUNDS = 12, 120
PROMISING_TO_TRADE = 60
TRADED_AT_MOST = 100_000
AROUND = (1.05, 1.0, 0.95)
FRUITLESS = 24
SHARPNESS = (6.0, 12.0, 24.0)
SHORTFALL = 2.0**14
Cost = Callable[[Ints, Floats], Floats]


def rounded(instance: Instance, keys: Ints, x: Floats) -> Ints | None:
    """The whole assignment within these sorted pairs that agrees best with the fractions x; None if there is none."""
    return flow_within(instance, keys, -np.rint(np.ldexp(x, 24)).astype(np.int64), instance.wanted, instance.least)


def tradeable(instance: Instance, prices: Floats, keys: Ints) -> Ints:
    """These pairs and each submission's best around the prices: more where submissions are few."""
    depth = min(PROMISING_TO_TRADE, TRADED_AT_MOST // max(instance.shape[0], 1))
    return np.unique(np.concatenate([keys, *(best_pairs(instance, part * prices, depth) for part in AROUND)]))


def raised_level(instance: Instance, slopes: Floats, keys: Ints, chosen: Ints, enough: float) -> Ints:
    """Trades that lift the worst level (score over slope); ends early where `enough` is reached.

    A submission counts by exp(-sharpness * (level - worst) / (mean - worst)): the worst most, none nothing.
    """
    keys, leveled = np.union1d(keys, chosen), slopes > 0
    divisor = np.where(leveled, slopes, 1.0)
    best, best_level, fruitless = chosen, -np.inf, 0
    for turn in range(rounds_for(keys)):
        level = instance.served(chosen) / divisor
        worst, mean = float(level[leveled].min()), float(level[leveled].mean())
        fruitless = fruitless + 1 if worst <= best_level else 0
        if worst > best_level:
            best, best_level = chosen, worst
        if worst >= enough - instance.tolerance or fruitless > FRUITLESS or mean <= worst:
            break
        sharpness = SHARPNESS[turn % len(SHARPNESS)] / (mean - worst)

        def cost(papers: Ints, served: Floats, worst: float = worst, sharpness: float = sharpness) -> Floats:
            harm = np.exp(np.minimum(-sharpness * (served / divisor[papers] - worst), 2.0))
            return np.where(leveled[papers], harm, 0.0)

        chosen = _round(instance, keys, chosen, turn, cost)
    return best


def raised_total(instance: Instance, floors: Floats, keys: Ints, chosen: Ints) -> Ints:
    """Trades that first shorten what misses the floors, then raise the total. Floors that are kept stay kept."""
    keys = np.union1d(keys, chosen)
    scale = float(np.abs(instance.scores_of(keys)).max(initial=0.0)) or 1.0
    fruitless, last = 0, _standing(instance, floors, chosen)
    for turn in range(rounds_for(keys)):
        below = np.minimum(floors, instance.served(chosen)) - instance.tolerance

        def cost(papers: Ints, served: Floats, below: Floats = below) -> Floats:
            missing = np.maximum(floors[papers] - served, 0.0)
            missing[missing <= instance.tolerance] = 0.0
            allowed = served >= below[papers]
            return np.where(allowed, SHORTFALL * missing / scale - served / scale, np.inf)

        traded = _round(instance, keys, chosen, turn, cost)
        standing = _standing(instance, floors, traded)
        fruitless = 0 if standing > last else fruitless + 1
        if standing > last:
            chosen, last = traded, standing
        if fruitless > FRUITLESS:
            break
    return chosen


def missing_of(instance: Instance, floors: Floats, chosen: Ints) -> float:
    """How much all submissions together miss their floors by; rounding counts as nothing."""
    missing = np.maximum(floors - instance.served(chosen), 0.0)
    return float(missing[missing > instance.tolerance].sum())


def _standing(instance: Instance, floors: Floats, chosen: Ints) -> tuple[float, float]:
    return -missing_of(instance, floors, chosen), float(instance.scores_of(chosen).sum())


def rounds_for(keys: Ints) -> int:
    return int(np.clip(PAIRS_LOOKED_AT // max(keys.size, 1), FEWEST_ROUNDS, MOST_ROUNDS))


def _round(instance: Instance, keys: Ints, chosen: Ints, turn: int, cost: Cost) -> Ints:
    """Every submission gives one expert up and gets the one that makes the sum of the costs smallest.

    The sorted `keys` hold the chosen pairs.
    """
    P, R = instance.shape
    papers, _ = instance.split(chosen)
    needy = instance.needy()
    starts = np.searchsorted(papers, np.arange(P))
    position = (starts + (np.arange(P) * 7919 + turn * (turn + 1) // 2) % np.maximum(instance.wanted, 1))[needy]
    kept = np.delete(chosen, position)
    rest = instance.served(kept)
    free = np.ones(keys.size, dtype=bool)
    free[np.searchsorted(keys, kept)] = False
    on_offer = keys[free]
    owners, _ = instance.split(on_offer)
    found = cost(owners, rest[owners] + instance.scores_of(on_offer))
    on_offer, found = on_offer[found < np.inf], found[found < np.inf]
    reach = max(float(np.abs(found).max(initial=0.0)), 1e-300)
    whole = np.rint(found * (FINEST / reach)).astype(np.int64)
    load = np.bincount(instance.split(kept)[1], minlength=R)
    least = np.maximum(instance.least - load, 0)
    back = flow_within(instance, on_offer, whole, needy.astype(np.int64), least, instance.most - load)
    return chosen if back is None else np.sort(np.concatenate([kept, back]))
