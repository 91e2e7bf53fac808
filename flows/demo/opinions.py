"""What districts and experts think: points by rubric, ranks, comments. Pure, from the cast's seed.

An opinion depends on who judges what in which round, never on the order of asking: a demo that
was killed and started again thinks the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from random import Random

from config.season_parts import Criterion
from flows.demo.cast import Achievement, Cast
from flows.demo.vocabulary import sentences
from models.enums import Verdict
from models.forms import RecusalForm, ScoreForm, VerdictForm

WORTH_RECOMMENDING = 0.58
_HARSHNESS, _NOISE, _TASTE = 0.05, 0.035, 0.04


def district_verdicts(
    cast: Cast, unit: str, numbers: Mapping[str, str], *, beyond_quota: bool = False
) -> tuple[VerdictForm, ...]:
    """A unit's verdicts on its submissions, but for those that it forgets or that wait for a correction.

    `numbers` gives the number of each key that stands on the unit's verdict workbook. Ranks run from 1
    without gaps within the quota; `beyond_quota` recommends all.
    """
    numbers = {key: number for key, number in numbers.items() if key not in cast.plot.unjudged()}
    quota = len(numbers) if beyond_quota else cast.season.quota_of(unit)
    ranking = sorted((cast.entries[key] for key in numbers), key=lambda entry: (-entry.merit, entry.key))
    worthy = [entry for entry in ranking if beyond_quota or _is_worthy(cast, entry)]
    ranks = {entry.key: rank for rank, entry in enumerate(worthy[:quota], start=1)}
    rubric = cast.season.rubric_of(unit)
    return tuple(
        _verdict(cast, rubric, cast.entries[key], number, ranks.get(key)) for key, number in sorted(numbers.items())
    )


def expert_score(cast: Cast, expert: str, key: str, number: str, *, round: int = 1) -> ScoreForm:
    """One expert's score of one submission: merit, the expert's harshness and taste, and noise."""
    rubric = cast.season.final_round.rubric
    offset = Random(f"harshness/{cast.seed}/{expert}").gauss(0, _HARSHNESS)
    rng = Random(f"score/{cast.seed}/{expert}/{key}/{round}")
    shares = {criterion.key: cast.entries[key].merit + offset + _taste(cast, key, criterion) for criterion in rubric}
    points = _points(rng, rubric, shares)
    return ScoreForm(number=number, points=points, comment=_comment(rng, rubric, points))


def recusal(number: str) -> RecusalForm:
    """An expert steps back."""
    return RecusalForm(number=number, reason="曾参与该成果的前期技术论证，申请回避")


def drawn(cast: Cast, purpose: str, choices: Iterable[str], count: int) -> list[str]:
    """`count` of some choices by lot, always the same ones for a purpose and the same choices."""
    ordered: Sequence[str] = sorted(choices)
    return Random(f"{purpose}/{cast.seed}").sample(ordered, min(count, len(ordered)))


def _is_worthy(cast: Cast, entry: Achievement) -> bool:
    return entry.merit >= WORTH_RECOMMENDING or entry.key == cast.plot.no_prize


def _verdict(cast: Cast, rubric: Sequence[Criterion], entry: Achievement, number: str, rank: int | None) -> VerdictForm:
    rng = Random(f"verdict/{cast.seed}/{entry.key}")
    shares = {criterion.key: entry.merit + _taste(cast, entry.key, criterion) for criterion in rubric}
    points = _points(rng, rubric, shares)
    verdict = Verdict.RECOMMENDED if rank else Verdict.NOT_RECOMMENDED
    comment = _comment(rng, rubric, points) if rank else rng.choice(sentences().comments["declined"])
    return VerdictForm(number=number, verdict=verdict, points=points, rank=rank, comment=comment)


def _taste(cast: Cast, key: str, criterion: Criterion) -> float:
    """How a submission differs from its own merit on one criterion; all judges see the same."""
    return Random(f"taste/{cast.seed}/{key}/{criterion.key}").gauss(0, _TASTE)


def _points(rng: Random, rubric: Sequence[Criterion], shares: Mapping[str, float]) -> dict[str, Decimal]:
    """Whole points from 0 to each maximum."""
    wanted = {
        criterion: round(criterion.maximum * (shares[criterion.key] + rng.gauss(0, _NOISE))) for criterion in rubric
    }
    return {criterion.key: Decimal(min(criterion.maximum, max(0, points))) for criterion, points in wanted.items()}


def _comment(rng: Random, rubric: Sequence[Criterion], points: Mapping[str, Decimal]) -> str:
    ordered = sorted(rubric, key=lambda criterion: points[criterion.key] / criterion.maximum)
    level = sum(points.values()) / sum(criterion.maximum for criterion in rubric)
    tone = "good" if level >= Decimal("0.85") else "fair" if level >= Decimal("0.65") else "weak"
    return rng.choice(sentences().comments[tone]).format(best=ordered[-1].name, worst=ordered[0].name)
