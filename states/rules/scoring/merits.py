"""From scores to merits by the method that the season declared before the first score was open.

mean          the mean of a submission's scores.
trimmed_mean  the mean without the highest and the lowest, where there are five scores or more.
shrinkage     merit + expert's offset + noise; see `states.rules.scoring.shrinkage`.

Merits, raw means and variances are exact: totals are fractions, only the result is rounded,
half to even, so every machine and every Python writes the same digits, and equal merits are
equal. Floating point enters in two places, neither of which can move a merit: the solver
inside the shrinkage is corrected with exact residuals until 18 decimals stand still, and a
shrinkage standard error is rounded to 9 decimals first. (A bound of its interval could differ
in the last recorded digit between two machines, with a chance below 1 in 10,000 a round;
compare bounds with one unit to spare.)

The interval of the means: noise is estimated from all submissions together, because five scores
say little about their own spread (five experts who happen to agree are not certain). With h
scores kept of n and W the sum of squares about the mean, winsorised where scores were
dropped (Tukey and McLaughlin 1963), s² = Σ W / Σ (h - 1), standard error = s / √h, interval
= ± t(97.5 %, Σ (h - 1)) standard errors; trimmed and untrimmed submissions are pooled apart.
So a merit rests on the submission's own scores alone, an interval on those of the round.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from states.rules.rounding import root, written
from states.rules.scoring.scores import (
    GivenScore,
    Merit,
    Totals,
    make_merit,
    mean_of,
    over_one_scale,
    read_scores,
)
from states.rules.scoring.shrinkage import Offset, shrink
from states.rules.scoring.variances import Variances

TRIM_FROM = 5
_UPPER = 0.975


class Method(StrEnum):
    MEAN = "mean"
    TRIMMED_MEAN = "trimmed_mean"
    SHRINKAGE = "shrinkage"


@dataclass(frozen=True)
class Scoring:
    """All merits of a round by submission; offsets and variances only of the shrinkage model."""

    method: Method
    merits: Mapping[str, Merit]
    offsets: tuple[Offset, ...] = ()
    variances: Variances | None = None

    def facts(self) -> dict[str, object]:
        """The round as recorded: decimals are text."""
        return {
            "method": self.method.value,
            "merits": {submission: merit.facts() for submission, merit in self.merits.items()},
            "offsets": {offset.expert: written(offset.offset) for offset in self.offsets},
            "variances": self.variances.facts() if self.variances else None,
        }


def score_submissions(
    scores: Iterable[GivenScore], *, method: Method | str, variances: Variances | None = None
) -> Scoring:
    """Merits of all submissions that have a score, rounded to PLACES decimals.

    `variances` (shrinkage only) are those on record; without them they are estimated.
    Raises ScoresMalformed, and ValueError for a method unknown.
    """
    chosen, totals = Method(method), read_scores(scores)
    if chosen is Method.SHRINKAGE:
        shrunk = shrink(totals, variances=variances)
        return Scoring(chosen, shrunk.merits, shrunk.offsets, shrunk.variances)
    return Scoring(chosen, _means(totals, trim=chosen is Method.TRIMMED_MEAN))


@dataclass(frozen=True, slots=True)
class _Kept:
    """One submission's scores as counted: the mean, how many, and the sum of squares about the mean."""

    merit: Fraction
    count: int
    squares: Fraction
    trimmed: bool


def _means(totals: Totals, *, trim: bool) -> dict[str, Merit]:
    kept = {submission: _keep(sorted(given.values()), trim) for submission, given in totals.items()}
    noise = {trimmed: _noise([mean for mean in kept.values() if mean.trimmed is trimmed]) for trimmed in (False, True)}
    merits = {}
    for submission, mean in kept.items():
        variance, reach = noise[mean.trimmed] or noise[not mean.trimmed] or (None, Fraction(0))
        error = None if variance is None else root(variance / mean.count)
        merits[submission] = make_merit(submission, totals[submission], merit=mean.merit, error=error, reach=reach)
    return merits


def _keep(ordered: list[Fraction], trim: bool) -> _Kept:
    if not trim or len(ordered) < TRIM_FROM:
        return _Kept(mean_of(ordered), len(ordered), _squares(ordered), False)
    inner = ordered[1:-1]
    return _Kept(mean_of(inner), len(inner), _squares([inner[0], *inner, inner[-1]]), True)


def _squares(values: list[Fraction]) -> Fraction:
    """The exact sum of squares about the mean."""
    whole, scale = over_one_scale(values)
    count = len(whole)
    return Fraction(count * sum(value * value for value in whole) - sum(whole) ** 2, count * scale * scale)


def _noise(group: list[_Kept]) -> tuple[Fraction, Fraction] | None:
    """(variance of one kept score, standard errors to either side); None where no submission has two."""
    freedom = sum(mean.count - 1 for mean in group)
    if freedom == 0:
        return None
    return sum((mean.squares for mean in group), Fraction(0)) / freedom, _t_quantile(freedom)


def _t_quantile(freedom: int) -> Fraction:
    # Scipy is heavy, and only the closing of a round needs it.
    from scipy.special import stdtrit

    # Six decimals are the same in every build of scipy, and more than an interval needs.
    return Fraction(Decimal(f"{stdtrit(freedom, _UPPER):.6f}"))
