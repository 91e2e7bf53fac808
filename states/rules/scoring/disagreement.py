"""How far experts differ on one submission, and which cases the office should look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from models.enums import Labelled
from states.rules.rounding import root, settle, written
from states.rules.scoring.scores import PLACES, GivenScore, mean_of, read_scores


class LookReason(Labelled):
    """Why a case needs a look."""

    RANGE = "range", "专家评分的最高分与最低分相差过大"
    DEVIATION = "deviation", "专家评分的标准差过大"


@dataclass(frozen=True, slots=True)
class Spread:
    """How far one submission's scores lie apart, in points.

    `range` highest less lowest; `deviation` the standard deviation (n - 1; 0 for one score);
    `furthest` the expert furthest from the mean of the others, None where nobody or more than one is.
    """

    submission: str
    scores: int
    lowest: Decimal
    highest: Decimal
    range: Decimal
    deviation: Decimal
    furthest: str | None

    def facts(self) -> dict[str, str | int | None]:
        """The spread as recorded: decimals are text."""
        return {
            "scores": self.scores,
            "lowest": written(self.lowest),
            "highest": written(self.highest),
            "range": written(self.range),
            "deviation": written(self.deviation),
            "furthest": self.furthest,
        }


@dataclass(frozen=True, slots=True)
class Look:
    """One case for the office, with every reason."""

    spread: Spread
    reasons: tuple[LookReason, ...]


def spreads(scores: Iterable[GivenScore], *, places: int = PLACES) -> dict[str, Spread]:
    """The spread of each submission's scores. Raises ScoresMalformed."""
    return {submission: _spread(submission, given, places) for submission, given in read_scores(scores).items()}


def cases_to_look_at(
    found: Mapping[str, Spread],
    *,
    range_from: Decimal | int | None = None,
    deviation_from: Decimal | int | None = None,
) -> tuple[Look, ...]:
    """The submissions whose range or deviation reaches a threshold, the widest range first."""
    looks = [Look(spread, _reasons(spread, range_from, deviation_from)) for spread in found.values()]
    needed = [look for look in looks if look.reasons]
    return tuple(sorted(needed, key=lambda look: (-look.spread.range, -look.spread.deviation, look.spread.submission)))


def _reasons(
    spread: Spread, range_from: Decimal | int | None, deviation_from: Decimal | int | None
) -> tuple[LookReason, ...]:
    reached = {
        LookReason.RANGE: range_from is not None and spread.range >= range_from,
        LookReason.DEVIATION: deviation_from is not None and spread.deviation >= deviation_from,
    }
    return tuple(reason for reason, there in reached.items() if there)


def _spread(submission: str, given: Mapping[str, Fraction], places: int) -> Spread:
    values = list(given.values())
    middle = mean_of(values)
    freedom = max(len(values) - 1, 1)
    variance = sum(((value - middle) ** 2 for value in values), Fraction(0)) / freedom
    # Distance from the others' mean is n/(n-1) times the distance from the mean: the order is the same.
    distance = {expert: abs(value - middle) for expert, value in given.items()}
    widest = [expert for expert, value in distance.items() if value == max(distance.values())]
    return Spread(
        submission=submission,
        scores=len(values),
        lowest=settle(min(values), places),
        highest=settle(max(values), places),
        range=settle(max(values) - min(values), places),
        deviation=settle(root(variance), places),
        furthest=widest[0] if len(widest) == 1 and len(values) > 1 else None,
    )
