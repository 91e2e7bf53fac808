"""How far experts differ on one submission, and which cases the office should look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from states.rules.rounding import root, settle
from states.rules.scoring.scores import PLACES, GivenScore, mean_of, read_scores


@dataclass(frozen=True, slots=True)
class Spread:
    """How far one submission's scores lie apart, in points.

    `range` highest less lowest; `deviation` the standard deviation (n - 1; 0 for one score);
    `furthest` the expert furthest from the mean of the others, None where nobody or more than one is.
    """

    submission: str
    range: Decimal
    deviation: Decimal
    furthest: str | None


def wide_spreads(scores: Iterable[GivenScore], least: Decimal | int | None) -> list[Spread]:
    """The submissions whose range reaches a threshold, the widest first; none without one. Raises ScoresMalformed."""
    found = [_spread(submission, given) for submission, given in read_scores(scores).items()]
    wide = [spread for spread in found if least is not None and spread.range >= least]
    return sorted(wide, key=lambda spread: (-spread.range, -spread.deviation, spread.submission))


def _spread(submission: str, given: Mapping[str, Fraction]) -> Spread:
    values = list(given.values())
    middle = mean_of(values)
    freedom = max(len(values) - 1, 1)
    variance = sum(((value - middle) ** 2 for value in values), Fraction(0)) / freedom
    # Distance from the others' mean is n/(n-1) times the distance from the mean: the order is the same.
    distance = {expert: abs(value - middle) for expert, value in given.items()}
    widest = [expert for expert, value in distance.items() if value == max(distance.values())]
    return Spread(
        submission,
        settle(max(values) - min(values), PLACES),
        settle(root(variance), PLACES),
        widest[0] if len(widest) == 1 and len(values) > 1 else None,
    )
