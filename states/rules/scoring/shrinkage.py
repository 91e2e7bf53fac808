"""Merits corrected for harsh and lenient experts.

    score(i, j) = level + merit(i) + offset(j) + noise(i, j)

Merits, offsets and noise are random, their variances estimated (`states.rules.scoring.variances`);
merit and offset are the best linear unbiased predictions (Henderson 1975; Robinson 1991), so
an expert with few scores is hardly corrected and a submission with few scores is drawn
towards the level. A merit here is level + merit(i), on the scale of the scores.

Every score tells something about its expert, so one submission more or less moves all merits
a little: a ranking rests on the merits frozen when the round closed, and who withdraws later
leaves them alone. With the variances on record a better score never lowers its own merit; it
may lower another's, whose expert now looks more lenient.

The linear system is solved in floating point and corrected with exact residuals until they
vanish (iterative refinement).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from config.errors import GangchuangError
from states.rules.rounding import DIGITS, exact, settle
from states.rules.scoring.scores import PLACES, Merit, Totals, make_merit, mean_of
from states.rules.scoring.variances import ONE, ScoreMatrix, Variances, estimate_variances, score_matrix

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Digits that are certain after the refinement, and those of a float that are the same on every machine.
_CERTAIN, _FLOAT_PLACES = 18, 9
_SMALL = 10 ** (DIGITS - 24)
_ROUNDS = 60
_REACH = Fraction("1.959964")
_ROWS_AT_A_TIME = 2048


class ModelUnsettled(GangchuangError):
    """The linear system cannot be solved to the digits that are recorded."""

    def __init__(self) -> None:
        super().__init__(
            "The shrinkage model did not settle on these scores and variances. Nothing was computed; "
            "check the variances on record, or rank by another method with the office's decision."
        )


@dataclass(frozen=True, slots=True)
class Offset:
    """How much higher (lenient) or lower (harsh) than the panel an expert scores, shrunk; in points."""

    expert: str
    offset: Decimal
    standard_error: Decimal
    scores: int


@dataclass(frozen=True)
class Shrunk:
    merits: Mapping[str, Merit]
    offsets: tuple[Offset, ...]
    variances: Variances | None


def shrink(totals: Totals, *, variances: Variances | None = None) -> Shrunk:
    """Merits and offsets; raw means where the round cannot tell merit from noise. Raises ModelUnsettled."""
    scores = score_matrix(totals)
    found = variances or estimate_variances(totals)
    if found is None or found.noise == 0:
        error = None if found is None else Fraction(0)
        return Shrunk(_as_they_are(totals, error), (), found)
    return _predict(totals, scores, found)


def _as_they_are(totals: Totals, error: Fraction | None) -> dict[str, Merit]:
    return {
        submission: make_merit(submission, given, merit=mean_of(given.values()), error=error, reach=_REACH)
        for submission, given in totals.items()
    }


@dataclass(frozen=True)
class _System:
    """The equations with the merits eliminated: unknowns are the level (0) and the experts' offsets (1 + j).

    Ratios are noise over merit and noise over offset; without offsets their ratio is None and the only
    unknown is the level.
    """

    scores: ScoreMatrix
    merit_ratio: Fraction
    offset_ratio: Fraction | None

    def divided(self, total: int, count: int) -> int:
        """total / (count + merit ratio)."""
        ratio = self.merit_ratio
        return total * ratio.denominator // (count * ratio.denominator + ratio.numerator)

    def matrix(self) -> "tuple[csr_array, NDArray[np.float64]]":
        """How often each unknown stands in a submission's scores, [P, 1+R], and the matrix [1+R, 1+R]."""
        # Scipy is heavy, and only the closing of a round needs it.
        from scipy.sparse import csr_array

        counts = np.array([len(row) for row in self.scores.rows], dtype=float)
        columns = [[0, *(1 + expert for expert, _ in row if self.offset_ratio is not None)] for row in self.scores.rows]
        lengths = np.array([len(column) for column in columns])
        places = np.concatenate([np.array(column) for column in columns])
        starts = np.concatenate([[0], np.cumsum(lengths)])
        values = np.ones(len(places))
        values[starts[:-1]] = counts
        width = 1 if self.offset_ratio is None else 1 + len(self.scores.experts)
        incidence = csr_array((values, places, starts), shape=(len(counts), width))
        weights = 1.0 / (counts + float(self.merit_ratio))
        matrix = -(incidence.T @ incidence.multiply(weights[:, None]).tocsr()).toarray()
        matrix[0, 0] += counts.sum()
        if self.offset_ratio is not None:
            loads = np.array(self.scores.loads, dtype=float)
            matrix[0, 1:] += loads
            matrix[1:, 0] += loads
            matrix[np.arange(1, width), np.arange(1, width)] += loads + float(self.offset_ratio)
        return incidence, matrix

    def merits(self, unknowns: Sequence[int]) -> list[int]:
        """The merits that go with a level and offsets."""
        found = []
        for row in self.scores.rows:
            rest = sum(score - self._offset(unknowns, expert) for expert, score in row) - len(row) * unknowns[0]
            found.append(self.divided(rest, len(row)))
        return found

    def residuals(self, unknowns: Sequence[int]) -> list[int]:
        """What each equation lacks, in units of 10^-30."""
        lacks = [0] * len(unknowns)
        for row, merit in zip(self.scores.rows, self.merits(unknowns), strict=True):
            for expert, score in row:
                rest = score - unknowns[0] - merit - self._offset(unknowns, expert)
                lacks[0] += rest
                if self.offset_ratio is not None:
                    lacks[1 + expert] += rest
        if self.offset_ratio is not None:
            ratio = self.offset_ratio
            for index in range(1, len(unknowns)):
                lacks[index] -= ratio.numerator * unknowns[index] // ratio.denominator
        return lacks

    def _offset(self, unknowns: Sequence[int], expert: int) -> int:
        return 0 if self.offset_ratio is None else unknowns[1 + expert]


def _predict(totals: Totals, scores: ScoreMatrix, variances: Variances) -> Shrunk:
    merit, offset, noise = (exact(value) for value in (variances.merit, variances.offset, variances.noise))
    if merit <= 0 or offset < 0 or noise < 0:
        raise ModelUnsettled
    system = _System(scores, noise / merit, noise / offset if offset else None)
    incidence, matrix = system.matrix()
    inverse: NDArray[np.float64] = np.linalg.inv(matrix).astype(np.float64, copy=False)
    unknowns = _solve(system, inverse)
    errors = _errors(
        incidence, inverse, np.array([len(row) for row in scores.rows]), float(noise / merit), float(noise)
    )
    merits = {}
    for (submission, given), found, error in zip(totals.items(), system.merits(unknowns), errors, strict=True):
        value = exact(settle(Fraction(unknowns[0] + found, ONE), _CERTAIN))
        merits[submission] = make_merit(submission, given, merit=value, error=_fixed(error), reach=_REACH)
    return Shrunk(merits, _offsets(system, unknowns, inverse, float(noise)), variances)


def _solve(system: _System, inverse: NDArray[np.float64]) -> list[int]:
    """Level and offsets in units of 10^-30: float corrections until the exact residuals vanish."""
    unknowns = [0] * len(inverse)
    for _ in range(_ROUNDS):
        lacks = system.residuals(unknowns)
        worst = max(map(abs, lacks))
        if worst <= _SMALL:
            return unknowns
        step = inverse @ np.array([lack / worst for lack in lacks])
        unknowns = [value + int(Fraction(part) * worst) for value, part in zip(unknowns, step.tolist(), strict=True)]
    raise ModelUnsettled


def _errors(
    incidence: "csr_array", inverse: NDArray[np.float64], counts: NDArray[np.int64], ratio: float, noise: float
) -> NDArray[np.float64]:
    """Standard errors of level + merit, float64[P]: the mixed-model inverse's diagonal, by blocks."""
    weights = 1.0 / (counts + ratio)
    variances = np.empty(len(counts))
    for start in range(0, len(counts), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        part = -incidence[rows].toarray() * weights[rows, None]
        part[:, 0] += 1.0
        variances[rows] = np.einsum("ij,ij->i", part @ inverse, part)
    errors: NDArray[np.float64] = np.sqrt(noise * (weights + np.maximum(variances, 0.0)))
    return errors


def _offsets(
    system: _System, unknowns: Sequence[int], inverse: NDArray[np.float64], noise: float
) -> tuple[Offset, ...]:
    experts, loads = system.scores.experts, system.scores.loads
    if system.offset_ratio is None:
        zero = settle(Fraction(0), PLACES)
        return tuple(Offset(expert, zero, zero, load) for expert, load in zip(experts, loads, strict=True))
    errors = np.sqrt(noise * np.diag(inverse)[1:])
    return tuple(
        Offset(
            expert,
            settle(exact(settle(Fraction(value, ONE), _CERTAIN)), PLACES),
            settle(_fixed(error), PLACES),
            load,
        )
        for expert, value, error, load in zip(experts, unknowns[1:], errors, loads, strict=True)
    )


def _fixed(value: float) -> Fraction:
    return exact(f"{value:.{_FLOAT_PLACES}f}")
