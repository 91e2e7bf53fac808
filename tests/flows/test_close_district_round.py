"""The district round closes: what was not judged or not recommended is archived, district by district."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows import stage
from flows.close_district_round import closing
from flows.run import Result
from models import DistrictVerdict, Message, MilestoneDate, Submission
from models.enums import CallState, MilestoneState, Outcome, SubmissionState, Verdict
from states.machine import Act
from states.submissions.corrections import ask_correction
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_season, a_submission
from tests.support.playing import Player

M, S = Milestone, SubmissionState
OTHER = "500101"


def play(player: Player, unit: str = "") -> Result:
    player.at(player.due_at(M.CLOSE_DISTRICT_ROUND, unit=unit))
    return player.play("close_district_round", closing, M.CLOSE_DISTRICT_ROUND, unit=unit)


def outcomes(player: Player) -> dict[str, Outcome | None]:
    with player.reading() as session:
        return {row.number: row.outcome for row in session.scalars(select(Submission))}


def test_each_submission_ends_or_goes_on_and_its_unit_is_told(player: Player) -> None:
    with player.writing() as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        good, bad = a_submission(session, S.DISTRICT_REVIEWED), a_submission(session, S.DISTRICT_REVIEWED)
        verdict = session.get_one(DistrictVerdict, bad)
        verdict.verdict, verdict.rank = Verdict.NOT_RECOMMENDED, None
        unjudged = a_submission(session)
        elsewhere = a_submission(session, S.DISTRICT_REVIEWED, OTHER)

    lines = dict(play(player).lines)

    assert outcomes(player) == {
        good: None,
        bad: Outcome.NOT_RECOMMENDED,
        unjudged: Outcome.NOT_REVIEWED,
        elsewhere: None,
    }
    assert (lines["recommended"], lines["not recommended"], lines["not reviewed"]) == ("2", "1", "1")
    assert player.letters("district_round_closed") == [f"district_round_closed/{unit}" for unit in (OTHER, UNIT)]
    with player.reading() as session:
        body = session.get_one(Message, f"2026/district_round_closed/{UNIT}").body
        assert elsewhere not in body
        assert all(number in body for number in (good, bad, unjudged))


def test_a_district_with_a_later_date_is_closed_by_itself(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        mine, theirs = a_submission(session), a_submission(session, unit=OTHER)
        own = season.dates.close_district_round + timedelta(days=2)
        move_date(
            session,
            2026,
            "close_district_round",
            Act(OFFICE, season.dates.close_call),
            to=own,
            reason="示例",
            unit=UNIT,
        )

    play(player)
    assert outcomes(player) == {mine: None, theirs: Outcome.NOT_REVIEWED}

    play(player, UNIT)
    assert outcomes(player)[mine] is Outcome.NOT_REVIEWED
    with player.reading() as session:
        assert session.get_one(MilestoneDate, (2026, "close_district_round", 1, UNIT)).state is MilestoneState.DONE


def test_a_correction_whose_time_is_over_lapses_first(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        number = a_submission(session)
        ask_correction(session, season, number, Act(OFFICE, season.dates.close_call), missing="缺附件")

    play(player)

    assert outcomes(player) == {number: Outcome.INELIGIBLE}


def test_a_crash_before_the_end_is_made_good_by_the_next_run(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    with player.writing() as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        number = a_submission(session)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "settle_milestone", die)
    with pytest.raises(KeyboardInterrupt):
        play(player)
    monkeypatch.undo()

    assert play(player).outcome == "done"
    assert outcomes(player) == {number: Outcome.NOT_REVIEWED}
    assert len(player.letters("district_round_closed")) == 1
