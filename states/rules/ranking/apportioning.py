"""Shares out whole seats or prizes in proportion, by largest remainders (Hare-Niemeyer)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import TypeVar

from config.errors import GangchuangError

Key = TypeVar("Key")


class CannotApportion(GangchuangError):
    """Nothing to divide by, or fewer to share out than the least of all together."""

    def __init__(self, total: int, needed: int) -> None:
        self.total, self.needed = total, needed
        super().__init__(
            f"{total} cannot be shared out: the least shares ask for {needed}, "
            "and the rest needs a positive weight. "
            "Raise the total, lower the least share, or give a weight."
        )


def apportion(total: int, weights: Mapping[Key, int], *, least: int = 0) -> dict[Key, int]:
    """Whole shares in proportion to `weights` that add up to `total`, each at least `least`.

    Where the proportion would give less than `least`, the share is `least` and the others
    divide what is left. Equal remainders go to the key that stands first. Raises CannotApportion.
    """
    if total < least * len(weights) or any(weight < 0 for weight in weights.values()):
        raise CannotApportion(total, least * len(weights))
    if total == least * len(weights):
        return dict.fromkeys(weights, least)
    held: dict[Key, int] = {}
    while True:
        free = {key: weight for key, weight in weights.items() if key not in held}
        shares = _largest_remainders(total - sum(held.values()), free)
        short = [key for key, share in shares.items() if share < least]
        if not short:
            return {key: held.get(key, shares.get(key, 0)) for key in weights}
        held.update(dict.fromkeys(short, least))


def _largest_remainders(total: int, weights: Mapping[Key, int]) -> dict[Key, int]:
    whole = sum(weights.values())
    if whole == 0:
        if total:
            raise CannotApportion(total, 0)
        return dict.fromkeys(weights, 0)
    quotas = {key: Fraction(total * weight, whole) for key, weight in weights.items()}
    shares = {key: int(quota) for key, quota in quotas.items()}
    left = total - sum(shares.values())
    by_remainder = sorted(quotas, key=lambda key: shares[key] - quotas[key])
    for key in by_remainder[:left]:
        shares[key] += 1
    return shares
