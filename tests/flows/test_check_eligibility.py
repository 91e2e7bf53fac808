"""The eligibility check: the good pass, the others get one chance, what stays wrong ends."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.check_eligibility import checking
from flows.close_eligibility import concluding
from flows.collect import collecting
from flows.demo.people import credit_code
from flows.run import Result
from flows.workbooks.writer.filling import submission_row
from models import Correction, DistrictVerdict, Message, Submission
from models.enums import CallState, CorrectionState, Outcome, SubmissionState, Verdict, WorkbookKind
from models.forms import ContributorForm, OrganisationForm, SubmissionForm
from states.audit.verify import verify
from states.history.read import latest_facts
from states.machine import Act
from states.submissions.corrections import ask_correction
from states.submissions.reinstatement import reinstate
from states.submissions.settle import withdraw
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission
from tests.support.playing import Player

M, S = Milestone, SubmissionState


def sound(title: str) -> SubmissionForm:
    company = OrganisationForm(name=f"示例·{title}公司", credit_code=credit_code("91", 7))
    return a_form(
        title,
        organisations=(company,),
        contributors=(ContributorForm(name="示例·甲", organisation=company.name, consent=True),),
    )


@pytest.fixture
def recommended(player: Player) -> tuple[Player, str, str]:
    """One submission in order and one without a credit code; the check is due."""
    with player.writing() as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        good = a_submission(session, S.DISTRICT_REVIEWED, form=sound("良好成果"))
        flawed = a_submission(session, S.DISTRICT_REVIEWED, form=a_form("缺码成果"))
    player.issue(WorkbookKind.SUBMISSIONS, UNIT)
    player.come_to(M.CHECK_ELIGIBILITY)
    return player, good, flawed


def check(player: Player) -> Result:
    return player.play("check_eligibility", checking, M.CHECK_ELIGIBILITY)


def conclude(player: Player) -> Result:
    player.at(max(player.due_at(M.CLOSE_ELIGIBILITY), player.settings.clock.now()))
    return player.play("close_eligibility", concluding, M.CLOSE_ELIGIBILITY)


def row(player: Player, number: str) -> Submission:
    with player.reading() as session:
        return session.get_one(Submission, number)


def test_the_good_pass_and_the_others_are_sent_back_with_what_is_missing(recommended: tuple[Player, str, str]) -> None:
    player, good, flawed = recommended

    check(player)

    assert row(player, good).eligible_at == player.settings.clock.now()
    assert row(player, flawed).eligible_at is None
    with player.reading() as session:
        correction = session.get_one(Correction, flawed)
        assert correction.missing == "第1申报单位缺少统一社会信用代码"
        assert session.get(Correction, good) is None
        (message,) = session.scalars(select(Message)).all()
        assert (message.key, flawed in message.body) == (f"2026/correction_asked/{UNIT}/eligibility", True)


def test_what_was_corrected_passes_at_the_end(recommended: tuple[Player, str, str]) -> None:
    player, good, flawed = recommended
    check(player)
    corrected = sound("缺码成果").model_copy(update={"number": flawed})
    player.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(corrected)])
    player.at(player.due_at(M.CHECK_ELIGIBILITY) + timedelta(days=4))
    player.play("collect", collecting)
    lines = dict(conclude(player).lines)

    assert lines["passed after correction"] == "1"
    assert row(player, flawed).eligible_at == player.settings.clock.now()
    assert row(player, good).eligible_at == player.due_at(M.CHECK_ELIGIBILITY)
    with player.reading() as session:
        assert session.get_one(Correction, flawed).state is CorrectionState.ANSWERED
        assert verify(session) == []


@pytest.mark.parametrize("by_itself", [True, False], ids=["on the day after", "at the close"])
def test_what_was_not_corrected_lapses(recommended: tuple[Player, str, str], by_itself: bool) -> None:
    player, good, flawed = recommended
    check(player)
    if by_itself:
        with player.reading() as session:
            player.at(session.get_one(Correction, flawed).due_at + timedelta(seconds=1))
        player.play("collect", collecting)
        assert row(player, flawed).outcome is Outcome.INELIGIBLE

    lines = dict(conclude(player).lines)

    assert (lines["lapsed"], row(player, flawed).outcome, row(player, good).outcome) == ("1", Outcome.INELIGIBLE, None)
    assert lines["ineligible after correction"] == "0"
    assert player.letters("correction_lapsed") == [f"correction_lapsed/{UNIT}/{flawed}"]
    assert player.letters("eligibility_result") == [f"eligibility_result/{UNIT}"]


def test_what_is_still_wrong_after_its_one_chance_ends(recommended: tuple[Player, str, str]) -> None:
    player, _, flawed = recommended
    check(player)
    with player.writing() as session:
        correction = session.get_one(Correction, flawed)
        correction.state, correction.settled_at = CorrectionState.ANSWERED, correction.asked_at

    lines = dict(conclude(player).lines)

    assert (lines["ineligible after correction"], row(player, flawed).outcome) == ("1", Outcome.INELIGIBLE)


def test_a_correction_asked_for_late_keeps_its_working_days(recommended: tuple[Player, str, str]) -> None:
    player, good, _ = recommended
    check(player)
    late = player.due_at(M.CLOSE_ELIGIBILITY) - timedelta(hours=1)
    with player.writing() as session:
        due_at = ask_correction(session, player.season, good, Act(OFFICE, late), missing="缺证明")

    waiting = conclude(player)
    assert (waiting.outcome, waiting.explanation) == ("waiting", "1 correction(s) are still within their working days")
    player.at(due_at + timedelta(seconds=1))

    assert conclude(player).outcome == "done"
    assert row(player, good).outcome is Outcome.INELIGIBLE


def test_what_is_brought_back_after_the_check_has_its_one_chance_as_well(recommended: tuple[Player, str, str]) -> None:
    player, _, flawed = recommended
    how = {"act": Act(OFFICE, player.due_at(M.CHECK_ELIGIBILITY)), "reason": "示例"}
    with player.writing() as session:
        withdraw(session, flawed, **how)
    check(player)
    with player.writing() as session:
        reinstate(session, flawed, **how)

    waiting = conclude(player)

    assert (waiting.outcome, waiting.explanation) == ("waiting", "1 correction(s) are still within their working days")
    assert player.letters("correction_asked") == [f"correction_asked/{UNIT}/{flawed}"]
    with player.reading() as session:
        player.at(session.get_one(Correction, flawed).due_at + timedelta(seconds=1))
    assert dict(conclude(player).lines)["lapsed"] == "1"
    assert row(player, flawed).outcome is Outcome.INELIGIBLE


def test_what_an_officer_brings_back_without_a_recommendation_is_not_told_as_passed(
    recommended: tuple[Player, str, str],
) -> None:
    player, good, flawed = recommended
    with player.writing() as session:
        verdict = session.get_one(DistrictVerdict, flawed)
        verdict.verdict, verdict.rank = Verdict.NOT_RECOMMENDED, None
    check(player)

    conclude(player)

    with player.reading() as session:
        body = session.get_one(Message, f"2026/eligibility_result/{UNIT}").body
    assert f"通过1项：{good}。" in body
    assert flawed not in body


def test_what_is_out_for_correction_passes_only_when_it_is_answered(recommended: tuple[Player, str, str]) -> None:
    player, good, _ = recommended
    with player.writing() as session:
        ask_correction(
            session, player.season, good, Act(OFFICE, player.due_at(M.CLOSE_DISTRICT_ROUND)), missing="缺证明"
        )

    assert dict(check(player).lines)["passed"] == "0"
    assert row(player, good).eligible_at is None
    changed = sound("良好成果").model_copy(update={"number": good, "abstract": "示例，附证明"})
    player.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(changed)])
    player.play("collect", collecting)

    assert dict(conclude(player).lines)["passed after correction"] == "1"
    assert row(player, good).eligible_at == player.settings.clock.now()


def test_nobody_waits_for_a_correction_of_what_was_withdrawn(recommended: tuple[Player, str, str]) -> None:
    player, good, _ = recommended
    check(player)
    late = player.due_at(M.CLOSE_ELIGIBILITY) - timedelta(hours=1)
    with player.writing() as session:
        ask_correction(session, player.season, good, Act(OFFICE, late), missing="缺证明")
        withdraw(session, good, Act(OFFICE, late), reason="示例")

    assert conclude(player).outcome == "done"


def test_a_run_after_one_that_died_before_its_end_tells_the_same_of_the_work(
    recommended: tuple[Player, str, str],
) -> None:
    player, _, _ = recommended
    player.play("check_eligibility", checking)  # all its work, and no milestone settled

    check(player)

    with player.reading() as session:
        assert latest_facts(session, "call/2026", "settle_milestone") == {
            "milestone": "check_eligibility/1",
            "late_seconds": 0,
            "passed": 1,
            "corrections": 1,
            "duplicates": 0,
        }
