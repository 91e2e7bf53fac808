"""One assignment problem as the solvers read it: checked, masked, and in exact units where the scores allow.

A *pair* is a submission and an expert who may review it. Pairs are kept as sorted
int64 keys `submission * R + expert`, so that sets of pairs are plain arrays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from config.errors import GangchuangError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Denominators that written scores use: halves to sixty-fourths, thirds, twelfths, decimals up to six places.
DENOMINATORS = (1, 2, 4, 8, 16, 64, 3, 6, 12, 60, 10, 20, 100, 1000, 10_000, 100_000, 1_000_000)
ROWS_AT_A_TIME = 128


class AssignmentMalformed(GangchuangError):
    """The arrays do not describe an assignment: wrong shapes, scores that are no numbers, negative counts."""


@dataclass(frozen=True)
class Instance:
    """scores float64[P,R] in working units, -inf where the pair is forbidden; counts int64.

    `unit` working units make one of the caller's. On `grid` every working score is a
    whole number, so sums and comparisons are exact; otherwise scores lie in [-1, 1] and
    two sums within `tolerance` count as equal.
    """

    scores: Floats
    wanted: Ints
    most: Ints
    least: Ints
    unit: float
    grid: bool

    @property
    def shape(self) -> tuple[int, int]:
        return self.scores.shape[0], self.scores.shape[1]

    @property
    def tolerance(self) -> float:
        return 1e-6 if self.grid else 1e-12

    def split(self, keys: Ints) -> tuple[Ints, Ints]:
        """Submissions and experts of the pairs."""
        papers, experts = np.divmod(keys, max(self.shape[1], 1))
        return papers, experts

    def scores_of(self, keys: Ints) -> Floats:
        return self.scores.ravel()[keys]

    def served(self, keys: Ints) -> Floats:
        """float64[P]: what each submission gets from the chosen pairs, in working units."""
        papers, _ = self.split(keys)
        return np.bincount(papers, self.scores_of(keys), minlength=self.shape[0]).astype(np.float64)

    def total_of(self, keys: Ints | None) -> float:
        return -np.inf if keys is None else float(self.scores_of(keys).sum())

    def own_best(self, fewer: int = 0) -> Floats:
        """float64[P]: what each submission's own best experts, or so many fewer, would give it if it were alone."""
        deepest = min(int(self.wanted.max(initial=0)), self.shape[1])
        if deepest == 0:
            return np.zeros(self.shape[0])
        ranked = -np.sort(-np.partition(self.scores, self.shape[1] - deepest, axis=1)[:, self.shape[1] - deepest :])
        sums = np.concatenate([np.zeros((self.shape[0], 1)), np.cumsum(ranked, axis=1)], axis=1)
        return np.asarray(sums[np.arange(self.shape[0]), np.maximum(self.wanted - fewer, 0)])

    def all_pairs(self) -> Ints:
        return np.flatnonzero(self.scores > -np.inf).astype(np.int64)

    def needy(self) -> NDArray[np.bool_]:
        """bool[P]: the submissions that want anybody at all; the others have no score to be fair about."""
        return self.wanted > 0

    def step(self, total: float) -> float:
        """Totals that are nearer to each other count as the same."""
        return 1.0 if self.grid else 1e-9 * max(1.0, abs(total))

    def whole(self, bound: float) -> float:
        """A bound of a whole number is that number's too."""
        return float(np.floor(bound + self.tolerance)) if self.grid else bound

    def table(self, keys: Ints) -> Ints:
        """int64[P,k] from sorted pairs: experts ascending in each row, -1 where a submission wants fewer."""
        papers, experts = self.split(keys)
        table = np.full((self.shape[0], int(self.wanted.max(initial=0))), -1, dtype=np.int64)
        table[papers, np.arange(papers.size) - np.searchsorted(papers, papers)] = experts
        return table


def read_instance(
    similarity: ArrayLike, per_paper: ArrayLike, max_load: ArrayLike, conflicts: ArrayLike, min_load: ArrayLike | None
) -> Instance:
    """Check the arrays and bring the scores to working units. Raises AssignmentMalformed."""
    given = np.asarray(similarity, dtype=np.float64)
    if given.ndim != 2:
        raise AssignmentMalformed(f"The similarities must be a table of submissions by experts, not {given.ndim}-d.")
    papers, experts = given.shape
    forbidden = np.asarray(conflicts, dtype=bool)
    if forbidden.shape != given.shape:
        raise AssignmentMalformed(f"The conflicts are {forbidden.shape}, but the similarities are {given.shape}.")
    wanted = _counts(per_paper, papers, "experts per submission")
    most = _counts(max_load, experts, "maximum loads")
    least = _counts(np.zeros(experts) if min_load is None else min_load, experts, "minimum loads")
    usable = ~forbidden & (wanted > 0)[:, None] & (most > 0)[None, :]
    if not np.isfinite(given, where=usable, out=np.ones(given.shape, bool)).all():
        raise AssignmentMalformed("A similarity of a pair that may be assigned is not a finite number.")
    unit, grid = _working_unit(given, usable)
    scores = np.full(given.shape, -np.inf)
    np.multiply(given, unit, out=scores, where=usable)
    if grid:
        np.rint(scores, out=scores)
    return Instance(scores=scores, wanted=wanted, most=most, least=least, unit=unit, grid=grid)


def worth_of(scores: Floats, weight: float, prices: Floats) -> Floats:
    """float64 like `scores`: weight * score - price; -inf where the score is."""
    return np.where(scores > -np.inf, scores if weight else 0.0, -np.inf) - prices


def _counts(given: ArrayLike, length: int, name: str) -> Ints:
    counts = np.asarray(given)
    if counts.shape != (length,):
        raise AssignmentMalformed(f"The {name} must be {length} numbers, but their shape is {counts.shape}.")
    whole = counts.astype(np.int64)
    if (whole != counts).any() or (whole < 0).any():
        raise AssignmentMalformed(f"The {name} must be whole numbers from 0.")
    return whole


def _working_unit(given: Floats, usable: NDArray[np.bool_]) -> tuple[float, bool]:
    """The smallest denominator that makes every usable score whole, or else a scale to [-1, 1]."""
    peak = float(max(given.max(where=usable, initial=0.0), -given.min(where=usable, initial=0.0)))
    step = max(1, given.size // 2**18)
    sample = given[::step][usable[::step]]
    for denominator in DENOMINATORS:
        if peak * denominator > 2e6:
            break
        if _whole(sample * denominator) and _whole(given[usable] * denominator):
            return float(denominator), True
    return (1.0 / peak if peak > 0 else 1.0), False


def _whole(scaled: Floats) -> bool:
    return bool((np.abs(scaled - np.rint(scaled)) <= 1e-9).all())
