"""Duplicates and quotas as units meet them: refused in the receipt with the other's number, or the choice explained."""

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.check_eligibility import checking
from flows.close_call import closing
from flows.collect import collecting
from flows.decide import decide
from flows.decisions import Decision
from flows.home import paths
from flows.workbooks.writer.filling import submission_row
from models import Call, Delivery, DistrictVerdict, Duplicate, History, Submission
from models.enums import CallState, Category, DuplicateDecision, Outcome, SubmissionState, WorkbookKind
from models.forms import ContributorForm, OrganisationForm
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission
from tests.support.entries import words
from tests.support.playing import Player, points

K, S = WorkbookKind, SubmissionState
OTHER = "500101"


def collect(player: Player) -> list[Delivery]:
    player.play("collect", collecting)
    with player.reading() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.sender, Delivery.file_name)))


@pytest.mark.parametrize("year_of_other", [2025, 2026], ids=["an earlier season", "another unit"])
def test_an_exact_duplicate_comes_back_with_the_number_of_the_other(player: Player, year_of_other: int) -> None:
    awarded = a_form("ＸＹ型 夹具", completed_on=date(year_of_other - 1, 6, 1), **_parties())
    with player.writing() as session:
        if year_of_other == 2025:
            a_season(session, 2025, CallState.PUBLISHED)
        season = a_season(session)
        state, outcome = (S.ARCHIVED, Outcome.COMPLETED) if year_of_other == 2025 else (S.SUBMITTED, None)
        other = a_submission(session, state, OTHER, year=year_of_other, outcome=outcome, form=awarded)
    player.at(season.dates.close_call - timedelta(days=1))
    player.issue(K.SUBMISSIONS, UNIT)
    rows = [submission_row(a_form("XY型夹具", **_parties())), submission_row(a_form("别的成果"))]
    player.deliver(UNIT, K.SUBMISSIONS, rows)

    (row,) = collect(player)

    (problem,) = json.loads(row.problems)
    assert (row.rows_in, row.rows_back, problem[1]) == (1, 1, "B5")
    assert problem[2] == f"与已有申报 {other} 为同一成果（名称、单位、完成人相同），不能重复申报"


def _parties() -> dict[str, object]:
    return {
        "organisations": (OrganisationForm(name="示例公司", credit_code="91500000MA5U000010"),),
        "contributors": (ContributorForm(name="示例·甲", organisation="示例公司", consent=True),),
    }


def test_a_near_duplicate_of_an_award_is_decided_by_the_office_and_ends_with_a_record(player: Player) -> None:
    won = a_form("井下皮带机自动清扫装置", completed_on=date(2024, 6, 1))
    with player.writing() as session:
        a_season(session, 2025, CallState.PUBLISHED)
        a_season(session)
        earlier = a_submission(session, S.ARCHIVED, year=2025, outcome=Outcome.COMPLETED, form=won)
        number = a_submission(session, S.SUBMITTED, form=a_form("井下皮带机自动清扫装置一"))
    player.come_to(Milestone.CLOSE_CALL)
    player.play("close_call", closing, Milestone.CLOSE_CALL)
    with player.reading() as session:
        (pair,) = session.scalars(select(Duplicate))
        assert (pair.number, pair.other, pair.decision) == (earlier, number, DuplicateDecision.PENDING)

    decide.fn(2026, OFFICE.name, Decision.SAME_ACHIEVEMENT, earlier, "与上年获奖项目相同", number)
    with player.writing() as session:
        session.get_one(Call, 2026).state = CallState.DISTRICT_REVIEW
    judge(player, {number: 90})
    player.at(player.season.dates.check_eligibility)
    player.play("check_eligibility", checking)

    with player.reading() as session:
        assert session.get_one(Submission, number).outcome is Outcome.INELIGIBLE
        entry = session.scalars(select(History).where(History.trigger == "decide_duplicate")).one()
        assert (entry.actor, words(session, entry)) == (str(OFFICE), "与上年获奖项目相同")
        assert json.loads(entry.facts)["other"] == earlier


def test_found_the_same_during_the_final_review_its_unit_has_a_letter(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        first, second = (a_submission(session, S.DISTRICT_REVIEWED) for _ in range(2))
        session.add(Duplicate(number=first, other=second, similarity=95))
    player.at(season.dates.draw_panel)

    decide.fn(2026, OFFICE.name, Decision.SAME_ACHIEVEMENT, first, "两项为同一装置", second)

    assert player.letters("duplicate_dropped") == [f"duplicate_dropped/{UNIT}/{second}/4"]
    with player.reading() as session:
        assert session.get_one(Submission, second).outcome is Outcome.INELIGIBLE


def judge(player: Player, totals: dict[str, int], name: str = "初评.xlsx") -> Delivery:
    """The unit recommends some with these totals, in the workbook that was issued to it."""
    player.issue(K.VERDICTS, UNIT, rows=[{"number": number} for number in totals])
    rows = [
        {"申报编号": number, "初评结论": "推荐", **points(player.season, total)} for number, total in totals.items()
    ]
    player.deliver(UNIT, K.VERDICTS, rows, name=name)
    return next(row for row in collect(player) if row.file_name == name)


def test_more_than_a_categorys_quota_is_refused_with_the_choice_and_then_taken(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        call = session.get_one(Call, 2026)
        round_rules = season.district_round.model_copy(update={"quota_by_category": {"design": 1}})
        call.rules = season.model_copy(update={"district_round": round_rules}).model_dump_json()
        forms = [a_form(f"设计{n}", category=Category.DESIGN) for n in range(2)] + [a_form("发明")]
        numbers = [a_submission(session, form=form) for form in forms]
    player.at(season.dates.close_district_round - timedelta(days=2))

    over = judge(player, dict.fromkeys(numbers, 80))
    fits = judge(player, dict.fromkeys(numbers[1:], 80), name="改后.xlsx")

    assert (over.rows_in, over.rows_back) == (0, 3)
    assert "“小设计”推荐名额为1项，共推荐了2项；请从中选定不超过1项填“推荐”" in over.problems
    assert fits.rows_in == 2
    with player.reading() as session:
        ranked = session.execute(select(DistrictVerdict.number, DistrictVerdict.rank).order_by(DistrictVerdict.rank))
        assert [tuple(row) for row in ranked] == [(numbers[1], 1), (numbers[2], 2)]


def test_a_unit_with_a_rubric_of_its_own_gets_it_in_its_workbook_and_is_judged_by_it(player: Player) -> None:
    from config.season_parts import Criterion, UnitRules

    own = (Criterion(key="innovation", name="创新", maximum=60), Criterion(key="benefit", name="效益", maximum=40))
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
        units = {UNIT: UnitRules(rubric=own, quota=1)}
        round_rules = season.district_round.model_copy(update={"units": units})
        session.get_one(Call, 2026).rules = season.model_copy(update={"district_round": round_rules}).model_dump_json()
        first, second = (a_submission(session, form=a_form(title)) for title in ("一号成果", "二号成果"))
    player.come_to(Milestone.CLOSE_CALL)
    player.play("close_call", closing, Milestone.CLOSE_CALL)
    assert paths.issued(player.settings, 2026, UNIT, K.VERDICTS).is_file()
    player.at(player.settings.clock.now() + timedelta(hours=1))
    good = {"初评结论": "推荐", "创新（满分60）": 55, "效益（满分40）": 30}
    player.deliver(UNIT, K.VERDICTS, [{"申报编号": first, **good}, {"申报编号": second, **good}], name="超额.xlsx")
    poor = {"初评结论": "不推荐", "创新（满分60）": 5, "效益（满分40）": 3}
    player.deliver(UNIT, K.VERDICTS, [{"申报编号": first, **good}, {"申报编号": second, **poor}], name="合适.xlsx")

    by_name = {row.file_name: row for row in collect(player)}

    assert "本单位推荐名额为1项，连同已接收的共推荐了2项" in by_name["超额.xlsx"].problems
    assert by_name["合适.xlsx"].rows_in == 2
    with player.reading() as session:
        verdict = session.get_one(DistrictVerdict, first)
        assert (json.loads(verdict.points), verdict.rank) == ({"benefit": "30", "innovation": "55"}, 1)
