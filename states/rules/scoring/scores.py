"""Experts' scores of one round as given, and what comes of them: the leaf that the scoring rules share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm

from config.errors import GangchuangError
from states.rules.rounding import exact, settle, written

FULL_MARKS = 100
PLACES = 4


class ScoresMalformed(GangchuangError):
    """The scores cannot be counted; `problems` names each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("The scores cannot be counted: " + "; ".join(problems) + ". Nothing was computed.")


@dataclass(frozen=True, slots=True)
class GivenScore:
    """One expert's total for one submission, 0 to 100."""

    submission: str
    expert: str
    total: Decimal | float


@dataclass(frozen=True, slots=True)
class Merit:
    """What the scores say of one submission; `low` to `high` holds the merit with 95 %.

    `standard_error` is None where no submission has two scores, so that nothing tells how
    much experts differ; the interval is then the whole scale.
    """

    submission: str
    merit: Decimal
    standard_error: Decimal | None
    low: Decimal
    high: Decimal
    raw_mean: Decimal
    scores: int

    def facts(self) -> dict[str, str | int | None]:
        """The merit as recorded: decimals are text."""
        return {
            "merit": written(self.merit),
            "standard_error": written(self.standard_error),
            "low": written(self.low),
            "high": written(self.high),
            "raw_mean": written(self.raw_mean),
            "scores": self.scores,
        }


Totals = Mapping[str, Mapping[str, Fraction]]


def read_scores(scores: Iterable[GivenScore]) -> Totals:
    """Exact totals by submission and expert, both in sorted order. Raises ScoresMalformed."""
    totals: dict[str, dict[str, Fraction]] = defaultdict(dict)
    problems = []
    for score in scores:
        where = f"{score.submission} by {score.expert}"
        try:
            total = exact(score.total)
        except ValueError:
            problems.append(f"{where}: {score.total!r} is no number")
            continue
        if not 0 <= total <= FULL_MARKS:
            problems.append(f"{where}: {score.total} is not between 0 and {FULL_MARKS}")
        elif score.expert in totals[score.submission]:
            problems.append(f"{where}: scored twice")
        else:
            totals[score.submission][score.expert] = total
    if problems:
        raise ScoresMalformed(sorted(problems))
    return {submission: dict(sorted(totals[submission].items())) for submission in sorted(totals)}


def mean_of(totals: Iterable[Fraction]) -> Fraction:
    """The exact mean of at least one total."""
    whole, scale = over_one_scale(totals)
    return Fraction(sum(whole), scale * len(whole))


def over_one_scale(totals: Iterable[Fraction]) -> tuple[list[int], int]:
    """Totals as whole numbers of one common fraction 1/scale: whole numbers add up ten times faster."""
    listed = list(totals)
    scale = lcm(*(total.denominator for total in listed))
    return [total.numerator * (scale // total.denominator) for total in listed], scale


def make_merit(
    submission: str,
    totals: Mapping[str, Fraction],
    *,
    merit: Fraction,
    error: Fraction | None,
    reach: Fraction,
) -> Merit:
    """Round one submission's figures; the interval is merit ± reach · error, within the scale."""
    if error is None:
        low, high = Fraction(0), Fraction(FULL_MARKS)
    else:
        low, high = max(merit - reach * error, Fraction(0)), min(merit + reach * error, Fraction(FULL_MARKS))
    return Merit(
        submission=submission,
        merit=settle(merit, PLACES),
        standard_error=None if error is None else settle(error, PLACES),
        low=settle(min(low, merit), PLACES),
        high=settle(max(high, merit), PLACES),
        raw_mean=settle(mean_of(totals.values()), PLACES),
        scores=len(totals),
    )
