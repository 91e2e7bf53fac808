"""What districts and experts of the demo think: within the rubric and the quota, and always the same."""

from decimal import Decimal

import pytest

from config.season import load_season
from flows.demo.cast import Cast, cast_of
from flows.demo.opinions import district_verdicts, drawn, expert_score
from models.enums import Verdict

SEASON = load_season(2026)


@pytest.fixture(scope="module")
def cast() -> Cast:
    return cast_of(SEASON)


def _numbers(cast: Cast, unit: str) -> dict[str, str]:
    return {entry.key: f"2026-{unit}-{ordinal:04d}" for ordinal, entry in enumerate(cast.of_unit(unit), start=1)}


def test_verdicts_of_every_unit_lie_within_quota_and_rubric(cast: Cast) -> None:
    for unit in cast.units:
        verdicts = district_verdicts(cast, unit.code, _numbers(cast, unit.code))
        ranks = sorted(verdict.rank for verdict in verdicts if verdict.rank is not None)

        assert ranks == list(range(1, len(ranks) + 1))
        assert len(ranks) <= SEASON.quota_of(unit.code)
        assert all((verdict.verdict is Verdict.RECOMMENDED) == (verdict.rank is not None) for verdict in verdicts)
        for criterion in SEASON.rubric_of(unit.code):
            assert all(0 <= verdict.points[criterion.key] <= criterion.maximum for verdict in verdicts)


def test_unit_beyond_its_quota_recommends_within_it_the_second_time(cast: Cast) -> None:
    unit = cast.plot.over_quota_unit

    first = district_verdicts(cast, unit, _numbers(cast, unit), beyond_quota=True)
    second = district_verdicts(cast, unit, _numbers(cast, unit))

    assert sum(verdict.rank is not None for verdict in first) == SEASON.quota_of(unit) + 2
    assert 0 < sum(verdict.rank is not None for verdict in second) <= SEASON.quota_of(unit)


def test_parts_get_the_verdict_that_they_need(cast: Cast) -> None:
    keys = {number: key for unit in cast.units for key, number in _numbers(cast, unit.code).items()}
    verdicts = {
        keys[verdict.number]: verdict.verdict
        for unit in cast.units
        for verdict in district_verdicts(cast, unit.code, _numbers(cast, unit.code))
    }
    wanted = {*cast.plot.contenders(), *cast.plot.winners(), cast.plot.no_prize} - set(cast.plot.unjudged())

    assert {key for key in wanted if verdicts[key] is not Verdict.RECOMMENDED} == set()
    assert verdicts[cast.plot.not_recommended] is Verdict.NOT_RECOMMENDED
    assert not set(cast.plot.unjudged()) & set(verdicts)
    assert 270 <= sum(verdict is Verdict.RECOMMENDED for verdict in verdicts.values()) < len(verdicts)


def test_scores_lie_within_the_rubric_and_do_not_depend_on_the_order_of_asking(cast: Cast) -> None:
    keys = list(cast.entries)[:20]
    names = [expert.name for expert in cast.experts[:5]]

    there = {(name, key): expert_score(cast, name, key, "n") for name in names for key in keys}
    back = {(name, key): expert_score(cast, name, key, "n") for key in reversed(keys) for name in names}

    assert there == back
    for criterion in SEASON.final_round.rubric:
        assert all(0 <= score.points[criterion.key] <= criterion.maximum for score in there.values())
    assert expert_score(cast, names[0], keys[0], "n", round=2) != there[names[0], keys[0]]


def test_scores_follow_merit_and_harshness(cast: Cast) -> None:
    def mean(key: str, names: list[str]) -> Decimal:
        scores = [expert_score(cast, name, key, "n") for name in names]
        return sum((sum(score.points.values()) for score in scores), Decimal(0)) / len(scores)

    names = [expert.name for expert in cast.experts]
    totals = {name: mean(cast.plot.corrected, [name]) for name in names}

    assert all(mean(key, names) > 85 for key in cast.plot.winners())
    assert mean(cast.plot.no_prize, names) < 60
    assert max(totals.values()) - min(totals.values()) > 10


def test_lots_depend_on_the_purpose_only(cast: Cast) -> None:
    assert drawn(cast, "silent", ["c", "a", "b"], 1) == drawn(cast, "silent", ["b", "c", "a"], 1)
    assert len(drawn(cast, "recusing", ["a", "b"], 5)) == 2
