"""A verdict workbook that comes after the round has closed, and that the office admits: it counts, and its unit is told."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.check_eligibility import checking
from flows.close_district_round import closing
from flows.close_eligibility import concluding
from flows.collect import collecting
from flows.decide import decide
from flows.decisions import Decision
from flows.demo.people import credit_code
from flows.run import Result
from flows.workbooks.writer.filling import submission_row
from models import Correction, Delivery, Message, Submission
from models.enums import CallState, DeliveryState, Outcome, SubmissionState, WorkbookKind
from models.forms import ContributorForm, OrganisationForm, SubmissionForm
from states.audit.invariants import broken_invariants
from states.machine import Act
from states.panel.draw import to_review
from states.submissions.reinstatement import reinstate
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission
from tests.support.playing import Player, points

K, M, S = WorkbookKind, Milestone, SubmissionState
WHY = "山区停电"


def sound(title: str) -> SubmissionForm:
    company = OrganisationForm(name=f"示例·{title}公司", credit_code=credit_code("91", 7))
    people = (ContributorForm(name="示例·甲", organisation=company.name, consent=True),)
    return a_form(title, organisations=(company,), contributors=people)


@pytest.fixture
def checked(player_on_both: Player) -> tuple[Player, str, str, str]:
    """One recommended, which passed the check; two that nobody judged, the second without a credit code."""
    player = player_on_both
    with player.writing() as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        good = a_submission(session, S.DISTRICT_REVIEWED, form=sound("良好成果"))
        unjudged, flawed = a_submission(session, form=sound("未评成果")), a_submission(session, form=a_form("缺码成果"))
    player.issue(K.SUBMISSIONS, UNIT)
    player.issue(K.VERDICTS, UNIT, rows=[{"number": number} for number in (good, unjudged, flawed)])
    player.come_to(M.CLOSE_DISTRICT_ROUND)
    player.play("close_district_round", closing, M.CLOSE_DISTRICT_ROUND)
    player.at(player.due_at(M.CHECK_ELIGIBILITY))
    player.play("check_eligibility", checking, M.CHECK_ELIGIBILITY)
    return player, good, unjudged, flawed


def judge_late(player: Player, *given: tuple[str, bool]) -> Delivery:
    """The unit sends its workbook an hour after the check; it is refused, admitted, and taken again."""
    player.at(player.due_at(M.CHECK_ELIGIBILITY) + timedelta(hours=1))
    rows = [
        {"申报编号": number, "初评结论": "推荐" if yes else "不推荐", **points(player.season, 80)}
        for number, yes in given
    ]
    player.deliver(UNIT, K.VERDICTS, rows, name="迟到.xlsx")
    player.play("collect", collecting)
    with player.reading() as session:
        refused = session.scalars(select(Delivery)).one()
        assert refused.state is DeliveryState.REFUSED
    decide.fn(2026, OFFICE.name, Decision.ADMIT_LATE, refused.digest[:8], WHY)
    player.play("collect", collecting)
    with player.reading() as session:
        return session.scalars(select(Delivery)).one()


def conclude(player: Player) -> Result:
    player.at(max(player.due_at(M.CLOSE_ELIGIBILITY), player.settings.clock.now()))
    return player.play("close_eligibility", concluding, M.CLOSE_ELIGIBILITY)


def standing(player: Player, number: str) -> tuple[SubmissionState, Outcome | None, bool]:
    with player.reading() as session:
        row = session.get_one(Submission, number)
        return row.state, row.outcome, row.eligible_at is not None


def letter(player: Player, kind: str) -> str:
    with player.reading() as session:
        return session.scalars(select(Message.body).where(Message.key.contains(f"/{kind}/"))).one()


def assert_sound(player: Player) -> None:
    with player.reading() as session:
        assert [str(broken) for broken in broken_invariants(session, player.home)] == []


def test_an_admitted_workbook_moves_what_it_concerns_and_its_unit_is_told(
    checked: tuple[Player, str, str, str],
) -> None:
    player, good, unjudged, flawed = checked
    assert [standing(player, number)[2] for number in (good, unjudged, flawed)] == [True, False, False]

    delivery = judge_late(player, (good, False), (unjudged, True))

    assert delivery.state is DeliveryState.ACCEPTED
    assert standing(player, good) == (S.ARCHIVED, Outcome.NOT_RECOMMENDED, False)
    assert standing(player, unjudged) == (S.DISTRICT_REVIEWED, None, False)
    assert standing(player, flawed) == (S.ARCHIVED, Outcome.NOT_REVIEWED, False)
    assert player.letters("late_verdicts") == [f"late_verdicts/{UNIT}/{delivery.digest[:16]}"]
    body = letter(player, "late_verdicts")
    assert f"推荐，已恢复并进入形式审查1项：\n\n1. {unjudged}《未评成果》" in body
    assert f"不推荐，已以“未推荐”归档1项：\n\n1. {good}《良好成果》" in body
    assert WHY in body
    assert_sound(player)


def test_what_came_back_is_checked_at_the_close_and_only_that_reaches_the_panel(
    checked: tuple[Player, str, str, str],
) -> None:
    player, good, unjudged, _ = checked
    judge_late(player, (good, False), (unjudged, True))
    with player.writing() as session:
        # An officer may bring it back, but nobody recommends it.
        reinstate(session, good, Act(OFFICE, player.settings.clock.now()), reason="示例")

    assert conclude(player).outcome == "done"

    with player.reading() as session:
        assert to_review(session, 2026) == [unjudged]
    body = letter(player, "eligibility_result")
    assert f"通过1项：{unjudged}。" in body
    assert good not in body
    assert_sound(player)


def test_what_came_back_with_a_fault_has_its_chance_before_the_check_closes(
    checked: tuple[Player, str, str, str],
) -> None:
    player, _, _, flawed = checked
    judge_late(player, (flawed, True))

    waiting = conclude(player)

    assert (waiting.outcome, waiting.explanation) == ("waiting", "1 correction(s) are still within their working days")
    assert player.letters("correction_asked") == [f"correction_asked/{UNIT}/{flawed}"]
    with player.reading() as session:
        due_at = session.get_one(Correction, flawed).due_at
    player.deliver(UNIT, K.SUBMISSIONS, [submission_row(sound("缺码成果").model_copy(update={"number": flawed}))])
    player.at(due_at)
    assert conclude(player).outcome == "done"
    assert standing(player, flawed) == (S.DISTRICT_REVIEWED, None, True)
    assert_sound(player)


def test_no_letter_follows_a_late_workbook_that_moves_nothing(checked: tuple[Player, str, str, str]) -> None:
    player, good, *_ = checked

    assert judge_late(player, (good, True)).state is DeliveryState.ACCEPTED

    assert standing(player, good) == (S.DISTRICT_REVIEWED, None, True)
    assert player.letters("late_verdicts") == []
    assert_sound(player)
