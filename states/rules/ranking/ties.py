"""How equal merits at a cut are told apart: re-review, then the declared criteria, then a recorded draw.

Each step is used only where the one before left the outcome open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from config.errors import GangchuangError
from models.enums import Labelled
from states.rules.reviewers.draw import draw_order
from states.rules.rounding import written


class SettledBy(Labelled):
    """What told equals apart."""

    RE_REVIEW = "re_review", "复评"
    CRITERION = "criterion", "评审指标"
    DRAW = "draw", "抽签"


class CriterionIncomplete(GangchuangError):
    """A declared criterion cannot be applied, since a tied submission has no figure for it."""

    def __init__(self, criterion: str, submissions: list[str]) -> None:
        self.criterion, self.submissions = criterion, submissions
        super().__init__(
            f"The tie-break criterion {criterion} has no figure for {'、'.join(submissions)}. "
            "Give the mean of that criterion for every submission with scores."
        )


@dataclass(frozen=True, slots=True)
class TieCriterion:
    """One tie-break criterion: its key, its Chinese name, and the mean points by submission."""

    key: str
    name: str
    means: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Settlers:
    """What is at hand to settle ties, in the declared order.

    `re_review`: merits of the re-review by submission, or None as long as it has not been held.
    `seed`: of the recorded draw, or None as long as it is not revealed.
    """

    re_review: Mapping[str, Decimal] | None = None
    criteria: tuple[TieCriterion, ...] = ()
    seed: bytes | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one submission's tie was settled: `key` names the criterion, `figure` what counted."""

    by: SettledBy
    key: str
    figure: str
    sentence: str

    def facts(self) -> dict[str, str]:
        return {"by": self.by.value, "key": self.key, "figure": self.figure}


# A submission with how its place within the tie was found.
Part = list[tuple[str, Settlement]]


def next_step(settlers: Settlers, step: int) -> SettledBy | None:
    """The settler that a step needs and that is not at hand yet; None when the step can be taken."""
    if step == 0 and settlers.re_review is None:
        return SettledBy.RE_REVIEW
    if step == 1 + len(settlers.criteria) and settlers.seed is None:
        return SettledBy.DRAW
    return None


def split(submissions: Sequence[str], settlers: Settlers, step: int) -> list[Part]:
    """Tied submissions in smaller groups of equals, the best first.

    Step 0 is the re-review, then the criteria, last the draw, which leaves nobody tied. A
    re-review that is not there for all of them is passed over, since it would compare one
    panel's figure with nothing. Raises CriterionIncomplete.
    """
    if step == 0:
        given = settlers.re_review or {}
        if not all(number in given for number in submissions):
            return [[(number, _by_re_review("")) for number in sorted(submissions)]]
        return [
            [(number, _by_re_review(figure)) for number in equals] for figure, equals in _groups(submissions, given)
        ]
    if step <= len(settlers.criteria):
        criterion = settlers.criteria[step - 1]
        missing = sorted(number for number in submissions if number not in criterion.means)
        if missing:
            raise CriterionIncomplete(criterion.key, missing)
        parts = _groups(submissions, criterion.means)
        return [[(number, _by_criterion(criterion, figure)) for number in equals] for figure, equals in parts]
    order = draw_order(settlers.seed or b"", submissions)
    return [[(number, _by_draw(lot))] for lot, number in enumerate(order, 1)]


def _groups(submissions: Sequence[str], figures: Mapping[str, Decimal]) -> Iterator[tuple[str, list[str]]]:
    ordered = sorted(submissions, key=lambda number: (-figures[number], number))
    for figure, equals in groupby(ordered, key=lambda number: figures[number]):
        yield written(figure) or "", list(equals)


def _by_re_review(figure: str) -> Settlement:
    return Settlement(SettledBy.RE_REVIEW, "", figure, f"同分，经复评确定（复评分{figure}）")


def _by_criterion(criterion: TieCriterion, figure: str) -> Settlement:
    sentence = f"同分，按“{criterion.name}”得分确定（{figure}）"
    return Settlement(SettledBy.CRITERION, criterion.key, figure, sentence)


def _by_draw(lot: int) -> Settlement:
    return Settlement(SettledBy.DRAW, "", str(lot), f"同分，经抽签确定（第{lot}签）")
