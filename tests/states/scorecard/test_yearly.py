"""The yearly report's figures: what the correction of severity changed, and how little is read out of few cases."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from models.enums import Carrier, Category, Tier, Trigger, Use
from states.scorecard.facts import CaseRecord, EntryPlace, Said, SeasonTold
from states.scorecard.yearly import LEAST, Section, compared, yearly
from tests.support.builders import season_rules

AT = datetime(2026, 7, 24, 10, tzinfo=UTC)


def said(trigger: Trigger, facts: Mapping[str, Any], sequence: int = 1) -> Said:
    return Said(EntryPlace("call/2026", sequence), trigger.value, AT, "", facts)


def a_case(place: int, **facts: Any) -> CaseRecord:
    subject = EntryPlace(f"submission/2026-500101-{place:04d}", 1)
    number = f"2026-500101-{place:04d}"
    return CaseRecord(number, "500101", subject, False, Category.INVENTION, Carrier.TEAM, 3, **facts)


def a_year(cases: list[CaseRecord], *more: Said) -> SeasonTold:
    return SeasonTold({case.number: case for case in cases}, [said(Trigger.PLAN, {"dates": {}}), *more])


def sections(years: dict[int, SeasonTold]) -> dict[str, Section]:
    known = {year: compared(told) for year, told in years.items()}
    made = yearly(season_rules(), years[2026], known, {"500101": "万州区"})
    return {section.title: section for section in made.sections}


def placed(number: str, merit: int, raw_mean: int, position: int, tier: str | None) -> dict[str, Any]:
    return {"submission": number, "merit": f"{merit}", "raw_mean": f"{raw_mean}", "position": position, "tier": tier}


def test_what_correcting_the_experts_severity_changed_is_told_beside_plain_means() -> None:
    ranking = [placed("a", 90, 80, 1, "first"), placed("b", 85, 84, 2, "second"), placed("c", 80, 88, 3, None)]
    frozen = said(Trigger.FREEZE_RANKING, {"method": "shrinkage", "ranking": {"placed": ranking}}, 9)

    fair = sections({2026: a_year([], frozen)})["公平：回避、分歧和评分方法"]

    assert "校正专家宽严的得分" in fair.sentences[0]
    assert "拟奖的2项中有1项不同，位次变动最大2位" in fair.sentences[0]


def test_years_differ_only_where_chance_does_not_explain_it() -> None:
    """Of six cases nothing is read; of sixty something is."""
    for count, word in ((6, "区间重叠，不作判断"), (60, "下降")):
        before = [a_case(place) for place in range(count)]
        now = [a_case(place, changed=[EntryPlace("x", 2)] if place % 2 else []) for place in range(count)]
        rows = {row[0]: row for row in sections({2025: a_year(before), 2026: a_year(now)})["总体情况和历年比较"].rows}
        assert rows["一次合格率"][-1] == word
        assert rows["申报数"][-1] == "+0"


def test_a_sum_of_few_answers_is_not_given() -> None:
    """It would tell what one unit said."""
    for count in (LEAST - 1, LEAST):
        facts = {
            "asked": True,
            "answered": EntryPlace("x", 9),
            "use": Use.IN_USE,
            "benefit": Decimal(10),
            "tier": Tier.FIRST,
        }
        adopted = sections({2026: a_year([a_case(place, **facts) for place in range(count)])})["成果转化"]
        told = dict(adopted.rows)["近一年经济效益合计"]
        assert told == ("填报不足3项，不合计" if count < LEAST else "30万元（3项填报）")


def test_before_a_year_has_gone_by_nothing_is_said_of_adoption() -> None:
    assert sections({2026: a_year([a_case(1, tier=Tier.FIRST)])})["成果转化"].rows == ()
