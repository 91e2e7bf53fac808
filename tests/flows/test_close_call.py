"""The call closes: for all, or for one district with its own date; near duplicates go to the office."""

from datetime import date, timedelta

from sqlalchemy import select

from config.milestones import Milestone
from flows.check_eligibility import checking
from flows.close_call import closing
from flows.home import paths
from flows.run import Result
from flows.workbooks.writer.filling import submission_row
from models import Call, Delivery, Duplicate, MilestoneDate, Submission
from models.enums import CallState, DuplicateDecision, MilestoneState, Outcome, SubmissionState, WorkbookKind
from states.machine import Act
from states.submissions.duplicates import decide_duplicate
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission
from tests.support.playing import Player

M = Milestone
OTHER = "500101"


def play(player: Player, unit: str = "") -> Result:
    player.at(player.due_at(M.CLOSE_CALL, unit=unit))
    return player.play("close_call", closing, M.CLOSE_CALL, unit=unit)


def state(player: Player) -> CallState:
    with player.reading() as session:
        return session.get_one(Call, 2026).state


def issued(player: Player, unit: str) -> bool:
    return paths.issued(player.settings, 2026, unit, WorkbookKind.VERDICTS).is_file()


def test_what_lay_in_the_inbox_in_time_is_in(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
    player.issue(WorkbookKind.SUBMISSIONS, UNIT)
    player.at(season.dates.close_call)
    player.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(a_form("压线成果"))])

    lines = dict(play(player).lines)

    assert (lines["rows in"], lines["submissions"], lines["units without any"]) == ("1", "1", "38")
    assert (issued(player, UNIT), issued(player, OTHER)) == (True, False)


def test_a_district_with_a_later_date_is_closed_by_itself(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
        a_submission(session)
        a_submission(session, unit=OTHER)
        own = season.dates.close_call + timedelta(days=8)
        move_date(session, 2026, "close_call", Act(OFFICE, season.dates.open_call), to=own, reason="示例", unit=UNIT)

    assert dict(play(player).lines)["units closed"] == "38"
    assert (issued(player, UNIT), issued(player, OTHER), state(player)) == (False, True, CallState.DISTRICT_REVIEW)

    assert dict(play(player, UNIT).lines)["units closed"] == "1"
    assert issued(player, UNIT)
    with player.reading() as session:
        assert session.get_one(MilestoneDate, (2026, "close_call", 1, UNIT)).state is MilestoneState.DONE


def test_a_district_with_an_earlier_date_does_not_close_the_call_for_all(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
        a_submission(session)
        own = season.dates.close_call - timedelta(days=8)
        how = {"reason": "示例", "act": Act(OFFICE, season.dates.open_call), "unit": UNIT, "at_once": True}
        move_date(session, 2026, "close_call", to=own, **how)

    play(player, UNIT)

    assert (issued(player, UNIT), state(player)) == (True, CallState.OPEN)


def test_near_duplicates_are_shown_once_the_later_one_second(player: Player) -> None:
    with player.writing() as session:
        a_season(session, 2025, CallState.PUBLISHED)
        a_season(session)
        earlier = a_submission(
            session,
            SubmissionState.ARCHIVED,
            year=2025,
            outcome=Outcome.COMPLETED,
            form=a_form("输电线路智能巡检机器人", completed_on=date(2024, 6, 1)),
        )
        near = a_submission(session, form=a_form("输电线路智能巡检机器人一"))
        elsewhere = a_submission(session, unit=OTHER, form=a_form("输电线路智能巡检机器人二"))
        a_submission(session, form=a_form("果蔬保鲜盒"))

    lines = dict(play(player).lines)

    with player.reading() as session:
        pairs = {(row.number, row.other): row.decision for row in session.scalars(select(Duplicate))}
    assert pairs == dict.fromkeys([(earlier, near), (earlier, elsewhere), (elsewhere, near)], DuplicateDecision.PENDING)
    assert lines["near duplicates shown to the office"] == "3"
    assert len(player.letters("duplicate_found")) == 1


def test_pairs_that_come_up_later_get_a_letter_of_their_own(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
        a_submission(session, unit=OTHER, form=a_form("输电线路智能巡检机器人一"))
        a_submission(session, unit=OTHER, form=a_form("输电线路智能巡检机器人二"))
        own = season.dates.close_call + timedelta(days=8)
        move_date(session, 2026, "close_call", Act(OFFICE, season.dates.open_call), to=own, reason="示例", unit=UNIT)
    play(player)
    with player.writing() as session:
        a_submission(session, form=a_form("输电线路智能巡检机器人三"))

    play(player, UNIT)

    with player.reading() as session:
        assert len(session.scalars(select(Duplicate)).all()) == 3
    assert len(player.letters("duplicate_found")) == 2


def test_the_same_achievement_as_last_years_is_dropped_by_the_eligibility_check(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        a_season(session, 2025, CallState.PUBLISHED)
        earlier = a_submission(
            session,
            SubmissionState.ARCHIVED,
            year=2025,
            outcome=Outcome.COMPLETED,
            form=a_form("巡检机器人", completed_on=date(2024, 6, 1)),
        )
        again = a_submission(session, SubmissionState.DISTRICT_REVIEWED, form=a_form("巡检机器人一"))
        session.add(Duplicate(number=earlier, other=again, similarity=95))
        decide_duplicate(session, again, earlier, Act(OFFICE, season.dates.close_call), same=True, reason="示例")
    player.come_to(M.CHECK_ELIGIBILITY)

    lines = dict(player.play("check_eligibility", checking, M.CHECK_ELIGIBILITY).lines)

    with player.reading() as session:
        assert session.get_one(Submission, again).outcome is Outcome.INELIGIBLE
        assert session.get_one(Submission, earlier).outcome is Outcome.COMPLETED
        assert session.scalars(select(Delivery)).all() == []
    assert lines["dropped as duplicates"] == "1"
