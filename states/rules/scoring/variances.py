"""How much merits, experts and chance each vary, from the scores of one round.

    score(i, j) = level + merit(i) + offset(j) + noise(i, j), variances m, o and e

Variances come in closed form, from two sets of quadratic forms whose expectations are known
(MINQUE(0) within submissions; Searle, Casella and McCulloch 1992, ch. 5 and 11). With d = score less
the submission's mean, T(j) = sum of an expert's d, n(i) scores of i, and the symmetric matrix
L(j,l) = [j = l] n(j) - sum over i scored by both of 1/n(i):

    E sum d²            = (o + e) · tr L
    E sum T(j)²/L(j,j)  = o · sum over j,l of L(j,l)²/L(j,j)  +  e · (experts with L(j,j) > 0)
    E sum (mean(i) - mean of means)²
        = m (P - 1) + e (1 - 1/P) sum 1/n(i) + o (sum 1/n(i) - sum c(j)²/P),   c(j) = sum over j's i of 1/n(i)

The first two hold no merit at all, so they estimate o and e whatever the submissions are. A
negative variance becomes 0; m is at least e/10 (a round too small to show that submissions
differ must still rank them), e at least a thousandth of o + e.

All sums are whole numbers in units of 10^-30, so every machine finds the same digits.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from states.rules.rounding import DIGITS, settle, written
from states.rules.scoring.scores import Totals

ONE = 10**DIGITS
VARIANCE_PLACES = 6
_LEAST_MERIT_SHARE = 10
_LEAST_NOISE_SHARE = 1000
# Squared points; experts who differ by less than this agree entirely.
_LEAST_NOISE = Fraction(1, 100_000)


@dataclass(frozen=True, slots=True)
class Variances:
    """Estimated variances in squared points, VARIANCE_PLACES decimals."""

    merit: Decimal
    offset: Decimal
    noise: Decimal

    def facts(self) -> dict[str, str | None]:
        return {"merit": written(self.merit), "offset": written(self.offset), "noise": written(self.noise)}


@dataclass(frozen=True)
class ScoreMatrix:
    """Scores in units of 10^-30 by submission, with the experts' places: rows[i][k] = (expert, score)."""

    experts: tuple[str, ...]
    rows: Sequence[Sequence[tuple[int, int]]]

    @property
    def loads(self) -> list[int]:
        loads = [0] * len(self.experts)
        for row in self.rows:
            for expert, _ in row:
                loads[expert] += 1
        return loads


def score_matrix(totals: Totals) -> ScoreMatrix:
    experts = tuple(sorted({expert for given in totals.values() for expert in given}))
    column_of = {expert: column for column, expert in enumerate(experts)}
    rows = [[(column_of[expert], round(total * ONE)) for expert, total in given.items()] for given in totals.values()]
    return ScoreMatrix(experts, rows)


def estimate_variances(totals: Totals) -> Variances | None:
    """The three variances; no noise where experts agree entirely, None where no submission has two scores."""
    matrix = score_matrix(totals)
    within, by_expert = _deviations(matrix)
    if all(len(row) < 2 for row in matrix.rows):
        return None
    offset, noise = _offset_and_noise(matrix, within, by_expert)
    noise = max(noise, (offset + noise) / _LEAST_NOISE_SHARE)
    if noise < _LEAST_NOISE:
        return Variances(settle(_merit(matrix, Fraction(0), Fraction(0)), VARIANCE_PLACES), Decimal(0), Decimal(0))
    merit = max(_merit(matrix, offset, noise), noise / _LEAST_MERIT_SHARE)
    return Variances(*(settle(value, VARIANCE_PLACES) for value in (merit, offset, noise)))


def _deviations(matrix: ScoreMatrix) -> tuple[int, list[int]]:
    """The sum of squared deviations from the submissions' means (in 10^-60), and T(j) (in 10^-30)."""
    squares, by_expert = 0, [0] * len(matrix.experts)
    for row in matrix.rows:
        middle = sum(score for _, score in row) // len(row)
        for expert, score in row:
            squares += (score - middle) ** 2
            by_expert[expert] += score - middle
    return squares, by_expert


def _offset_and_noise(matrix: ScoreMatrix, within: int, by_expert: Sequence[int]) -> tuple[Fraction, Fraction]:
    diagonal, square_rows = _contrasts(matrix)
    both = Fraction(within, ONE) / sum(diagonal)
    seen = [expert for expert, value in enumerate(diagonal) if value > 0]
    spread = Fraction(sum(by_expert[expert] ** 2 // diagonal[expert] for expert in seen), ONE)
    weight = Fraction(sum(square_rows[expert] // diagonal[expert] for expert in seen), ONE)
    if weight - len(seen) < Fraction(1, 10**6):
        return Fraction(0), both
    offset = (spread - both * len(seen)) / (weight - len(seen))
    offset = min(max(offset, Fraction(0)), both)
    return offset, both - offset


def _contrasts(matrix: ScoreMatrix) -> tuple[list[int], list[int]]:
    """The diagonal of L (in 10^-30) and the row sums of squares of L (in 10^-60)."""
    entries: dict[tuple[int, int], int] = defaultdict(int)
    for row in matrix.rows:
        share = ONE // len(row)
        for expert, _ in row:
            entries[expert, expert] += ONE
            for other, _ in row:
                entries[expert, other] -= share
    square_rows = [0] * len(matrix.experts)
    for (expert, _), value in entries.items():
        square_rows[expert] += value * value
    return [entries[expert, expert] for expert in range(len(matrix.experts))], square_rows


def _merit(matrix: ScoreMatrix, offset: Fraction, noise: Fraction) -> Fraction:
    count = len(matrix.rows)
    if count < 2:
        return Fraction(0)
    means = [sum(score for _, score in row) // len(row) for row in matrix.rows]
    middle = sum(means) // count
    spread = Fraction(sum((mean - middle) ** 2 for mean in means), ONE * ONE)
    shares = Fraction(sum(ONE // len(row) for row in matrix.rows), ONE)
    column = [0] * len(matrix.experts)
    for row in matrix.rows:
        for expert, _ in row:
            column[expert] += ONE // len(row)
    common = Fraction(sum(value * value for value in column), ONE * ONE * count)
    return (spread - noise * (1 - Fraction(1, count)) * shares - offset * (shares - common)) / (count - 1)
