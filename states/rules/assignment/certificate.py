"""What an assignment is worth, what no assignment can exceed, and how an outsider checks both without a solver."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from states.rules.assignment.bounds import PricedBound, excludes, supply
from states.rules.assignment.instance import Floats, Instance, Ints, read_instance
from states.rules.assignment.levels import floors_of

ROUNDING = 1e-7


@dataclass(frozen=True)
class OptimalityCertificate:
    """Values and proven bounds of one assignment, in the caller's units; level = worst score or worst share.

    `total`, `worst`, `worst_share` are reached. `largest_total` bounds every assignment within the limits,
    with `largest_proof` alone. `level_at_most` bounds the level (aims "fair", "share"): because submission
    `level_holder` could not get more from its own best experts, or by `level_proof`, or where
    `level_from_prices` is above it, by an exhaustive search. `total_at_most` bounds the total of all
    assignments that reach `level` (and `least_total`): by `total_proof`, or where `total_from_prices` is
    above it, by an exhaustive search over the `searched` pairs that the prices leave.

    `level_proven` and `total_proven` say that value and bound coincide: on whole-number scores exactly,
    on real ones within 1e-9 of the total.
    """

    aim: str
    total: float
    worst: float
    worst_share: float
    largest_total: float
    largest_proof: PricedBound
    total_at_most: float
    total_from_prices: float
    total_proof: PricedBound
    total_proven: bool
    level: float | None = None
    level_at_most: float | None = None
    level_from_prices: float | None = None
    level_holder: int | None = None
    level_proof: PricedBound | None = None
    level_proven: bool = True
    least_total: float | None = None
    searched: int = 0

    @property
    def proven(self) -> bool:
        return self.level_proven and self.total_proven


def written(
    certificate: OptimalityCertificate,
    numbers: Sequence[str],
    *,
    similarity: ArrayLike,
    per_paper: ArrayLike,
    max_load: ArrayLike,
    conflicts: ArrayLike,
) -> dict[str, Any]:
    """The certificate as exact decimals for the record, of scores with six places and limits that are all alike.

    `verify_history.py` checks it: no level is at `excluded` or above, by the prices of the level or because `holder`
    could have no more by itself, and no total above `total_from_prices`. Empty where nobody is served.
    """
    if certificate.level is None or certificate.level_at_most is None or certificate.level_from_prices is None:
        return {}
    instance = read_instance(similarity, per_paper, max_load, conflicts, None)
    level = certificate.level * level_unit(instance, certificate.aim)
    floors = floors_of(instance, slopes_of(instance, certificate.aim), level)
    proofs = {"largest_total": certificate.largest_proof, "total": certificate.total_proof}
    prices = {name: [f"{price / instance.unit:.12f}" for price in proof.prices] for name, proof in proofs.items()}
    bounds = {}
    for name, asked in (("largest_total", np.full(floors.size, -np.inf)), ("total", floors)):
        bound = supply(instance, PricedBound(1.0, np.array(prices[name], dtype=float) * instance.unit), asked)
        bounds[name] = _places(np.floor(bound / instance.unit * 1e6 + 1e-3) / 1e6, 6)
    proof, holder = certificate.level_proof, certificate.level_holder
    prices["level"] = [] if proof is None else [f"{price / instance.unit:.12f}" for price in proof.prices]
    exact = 6 if certificate.aim == "fair" else 12
    return {
        "aim": str(certificate.aim),
        "wanted": int(instance.wanted.max()),
        "most": int(instance.most.max()),
        "level": _places(certificate.level, exact),
        "level_at_most": _places(certificate.level_at_most, exact),
        "excluded": _places(certificate.level_from_prices, exact, up=True),
        "holder": "" if holder is None else numbers[holder],
        "weight": 0 if proof is None else int(proof.weight),
        "least_total": "" if certificate.least_total is None else _places(certificate.least_total, 6),
        "largest_total": bounds["largest_total"],
        "total": _places(certificate.total, 6),
        "total_at_most": min(_places(certificate.total_at_most, 6), bounds["total"], key=Decimal),
        "total_from_prices": bounds["total"],
        "searched": certificate.searched,
        "proven": bool(certificate.proven),
        "prices": prices,
    }


def _places(figure: float, places: int, *, up: bool = False) -> str:
    """So many places, cut off or up; what is only a float's error away from a decimal is that decimal."""
    near = Decimal(repr(round(float(figure), 14)))
    snapped = round(near, places)
    rest = near if abs(near - snapped) > Decimal("1e-9") * Decimal(10) ** (6 - places) else snapped
    return str(rest.quantize(Decimal(1).scaleb(-places), ROUND_CEILING if up else ROUND_FLOOR))


def slopes_of(instance: Instance, aim: str) -> Floats:
    """float64[P]: what a level multiplies: 1 for scores, the submission's own best for shares, 0 where none counts."""
    if aim == "fair":
        return instance.needy().astype(np.float64)
    return np.maximum(instance.own_best(), 0.0) if aim == "share" else np.zeros(instance.shape[0])


def level_unit(instance: Instance, aim: str) -> float:
    """Working units of a level per caller's unit: shares have none."""
    return instance.unit if aim == "fair" else 1.0


def faults(
    experts: Ints,
    certificate: OptimalityCertificate,
    *,
    similarity: ArrayLike,
    per_paper: ArrayLike,
    max_load: ArrayLike,
    conflicts: ArrayLike,
    min_load: ArrayLike | None = None,
) -> list[str]:
    """Everything wrong with an assignment and its certificate, in sentences; empty when all is well.

    Repeats every sum and every bound that rests on prices, with tables and sums only. What rests on an
    exhaustive search is named by the certificate and can be repeated by assigning again.
    """
    instance = read_instance(similarity, per_paper, max_load, conflicts, min_load)
    found = _broken_limits(instance, experts)
    if found:
        return found
    chosen = chosen_pairs(instance, experts)
    return _wrong_values(instance, chosen, certificate) + _wrong_bounds(instance, certificate)


def chosen_pairs(instance: Instance, experts: Ints) -> Ints:
    rows, columns = np.nonzero(experts >= 0)
    return np.sort(rows * instance.shape[1] + experts[rows, columns])


def _broken_limits(instance: Instance, experts: Ints) -> list[str]:
    P, R = instance.shape
    if experts.ndim != 2 or experts.shape[0] != P or (experts >= R).any() or (experts < -1).any():
        return ["The assignment does not fit the submissions and experts."]
    chosen = chosen_pairs(instance, experts)
    papers, seen = instance.split(chosen)
    load = np.bincount(seen, minlength=R)
    checks = [
        (np.flatnonzero(np.bincount(papers, minlength=P) != instance.wanted), "submission {} has a wrong number."),
        (np.unique(papers[1:][np.diff(chosen) == 0]), "submission {} has an expert twice."),
        (np.unique(papers[instance.scores_of(chosen) == -np.inf]), "submission {} has an expert in conflict."),
        (np.flatnonzero(load > instance.most), "expert {} is above the maximum load."),
        (np.flatnonzero(load < instance.least), "expert {} is below the minimum load."),
    ]
    return [sentence.format(int(number)).capitalize() for numbers, sentence in checks for number in numbers]


def _wrong_values(instance: Instance, chosen: Ints, certificate: OptimalityCertificate) -> list[str]:
    values = {name: getattr(certificate, name) for name in ("total", "worst", "worst_share")}
    found = values_of(instance, chosen)
    wrong = [
        f"The {name.replace('_', ' ')} is {found[name]}, not {value}."
        for name, value in values.items()
        if not np.isclose(found[name], value, rtol=ROUNDING, atol=ROUNDING)
    ]
    reached = found["worst" if certificate.aim == "fair" else "worst_share"]
    if certificate.level is not None and reached < certificate.level - ROUNDING * max(1.0, abs(certificate.level)):
        wrong.append(f"The level {certificate.level} is not reached: it is {reached}.")
    return wrong


def values_of(instance: Instance, chosen: Ints) -> dict[str, Any]:
    """total, worst and worst_share of an assignment in the caller's units; 0, 0 and 1 when nobody is served."""
    served, own, needy = instance.served(chosen), instance.own_best(), instance.needy()
    share = np.divide(served, own, out=np.ones(served.size), where=own > 0)
    return {
        "total": instance.total_of(chosen) / instance.unit,
        "worst": float(served[needy].min()) / instance.unit if needy.any() else 0.0,
        "worst_share": float(share.min(initial=1.0)),
    }


def _wrong_bounds(instance: Instance, certificate: OptimalityCertificate) -> list[str]:
    unit, slopes = instance.unit, slopes_of(instance, certificate.aim)
    scale = level_unit(instance, certificate.aim)
    nothing = np.full(instance.shape[0], -np.inf)
    floors = nothing if certificate.level is None else floors_of(instance, slopes, certificate.level * scale)
    claims = [
        ("largest total", certificate.largest_total, supply(instance, certificate.largest_proof, nothing) / unit),
        ("total from prices", certificate.total_from_prices, supply(instance, certificate.total_proof, floors) / unit),
    ]
    if certificate.level_from_prices is not None:
        claims.append(("level from prices", certificate.level_from_prices, _level_again(instance, certificate)))
    return [
        f"The bound of the {name} is {again}, not {claimed}."
        for name, claimed, again in claims
        if not np.isclose(again, claimed, rtol=ROUNDING, atol=ROUNDING)
    ]


def _level_again(instance: Instance, certificate: OptimalityCertificate) -> float:
    """The level that the proof excludes, or that the holder cannot exceed."""
    slopes, scale = slopes_of(instance, certificate.aim), level_unit(instance, certificate.aim)
    proof, holder, level = certificate.level_proof, certificate.level_holder, certificate.level_from_prices
    if proof is not None and level is not None:
        least = -np.inf if certificate.least_total is None else certificate.least_total * instance.unit
        out = excludes(instance, proof, floors_of(instance, slopes, level * scale), least)
        return level if out else np.inf
    return np.nan if holder is None else float(instance.own_best()[holder] / slopes[holder] / scale)
