"""Who gets which prize: by the mean of the scores; equals at a cut by re-review, the criteria, a lot."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import groupby

from tests.support.seasons.model import Row

TIERS = ("first", "second", "third")
CRITERIA = ("innovation", "benefit", "practicality", "spread")
Lots = Callable[[Sequence[str]], Sequence[str]]


class PrizeList:
    """The list while it is filled from the top; `tied` are equals at a cut, to be reviewed once more."""

    def __init__(self, rows: Mapping[str, Row], sizes: Sequence[int], lots: Lots | None = None) -> None:
        self.rows, self.lots = rows, lots
        self.left = [tier for tier, size in zip(TIERS, sizes, strict=True) for _ in range(size)]
        self.tier_of: dict[str, str | None] = {}
        self.tied: list[str] = []
        for equals in self._groups([*rows], lambda number: mean([points.total for points in rows[number].scores])):
            self._seat(equals, 0)

    def _seat(self, equals: Sequence[str], step: int) -> None:
        places = self.left[: len(equals)]
        contested = bool(places) and (len(places) < len(equals) or len(set(places)) > 1)
        if not contested:
            del self.left[: len(equals)]
            self.tier_of.update((number, places[0] if places else None) for number in equals)
        elif self.lots is None:
            del self.left[: len(equals)]
            self.tied += equals
        else:
            for part in self._told_apart(equals, step, self.lots):
                self._seat(part, step + 1)

    def _told_apart(self, equals: Sequence[str], step: int, lots: Lots) -> list[list[str]]:
        if step == 0:
            again = {number: _re_reviewed(self.rows[number]) for number in equals}
            # Where one of them has none, the others' compares with nothing.
            return (
                [[*equals]]
                if None in again.values()
                else self._groups(equals, lambda number: again[number] or Fraction(0))
            )
        if step <= len(CRITERIA):
            key = CRITERIA[step - 1]
            return self._groups(
                equals, lambda number: mean([points.shared[key] for points in self.rows[number].scores])
            )
        return [[number] for number in lots(equals)]

    @staticmethod
    def _groups(numbers: Sequence[str], figure: Callable[[str], Fraction]) -> list[list[str]]:
        ordered = sorted(numbers, key=lambda number: (-figure(number), number))
        return [list(equals) for _, equals in groupby(ordered, key=figure)]


def mean(figures: Sequence[int]) -> Fraction:
    return Fraction(sum(figures), len(figures))


def _re_reviewed(row: Row) -> Fraction | None:
    """Nothing, unless everybody who was asked has answered."""
    given = [points.total for points in row.re_review.values() if points is not None]
    return mean(given) if given and len(given) == len(row.re_review) else None
