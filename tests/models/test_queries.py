"""Questions that more than one room asks."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select

from config.local_time import ZONE
from config.milestones import Milestone
from models import Message
from models.database import database_seconds, reading, writing
from models.enums import CallState, MessageState, MilestoneState, SubmissionState
from models.queries import (
    SeasonNotPlanned,
    call_state,
    counts_by_state,
    counts_by_unit,
    is_done,
    messages_due,
    milestone_rows,
    planned_seasons,
    season_in_force,
)
from states.maintenance.stuck_messages import post_message
from tests.support.builders import a_season, a_submission

AT = datetime(2026, 4, 1, 9, tzinfo=ZONE)


def letter(key: str, **changes: object) -> dict[str, object]:
    return {
        "key": key,
        "season": 2026,
        "recipient": "a@example.invalid",
        "subject": "示例",
        "body": "示例",
        "attachments": "[]",
        "state": MessageState.WAITING,
        "written_at": AT,
        "not_before": 0.0,
        "attempts": 0,
        "problem": "",
        **changes,
    }


def test_the_rules_in_force_are_those_recorded(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session)

        assert season_in_force(session, 2026) == season
        assert call_state(session, 2026) is CallState.OPEN


def test_a_season_that_is_not_planned_says_how_to_plan_it(engine: Engine) -> None:
    with reading(engine) as session:
        for ask in (season_in_force, call_state):
            with pytest.raises(SeasonNotPlanned, match="gangchuang season plan 2026"):
                ask(session, 2026)
        assert planned_seasons(session) == []
        assert milestone_rows(session, 2026) == []


def test_submissions_are_counted_by_state_and_unit_of_one_season(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, 2025, CallState.PUBLISHED)
        a_season(session)
        a_submission(session, year=2025)
        for state in (SubmissionState.SUBMITTED, SubmissionState.SUBMITTED, SubmissionState.DISTRICT_REVIEWED):
            a_submission(session, state)
        a_submission(session, unit="500101")

        assert planned_seasons(session) == [2025, 2026]
        assert counts_by_state(session, 2026) == {SubmissionState.SUBMITTED: 3, SubmissionState.DISTRICT_REVIEWED: 1}
        assert counts_by_unit(session, 2026) == {"500101": 1, "500103": 3}


def test_a_milestone_is_done_when_all_its_dates_are(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        rows = milestone_rows(session, 2026)
        reminders = [row for row in rows if row.milestone == "remind_call"]

        assert is_done(rows, Milestone.OPEN_CALL)
        assert not is_done(rows, "close_call")
        assert not is_done(rows, "no such")
        for row in reminders[1:]:
            row.state, row.settled_at = MilestoneState.SKIPPED, row.due_at
        reminders[0].state, reminders[0].settled_at = MilestoneState.PENDING, None
        assert not is_done(rows, "remind_call")


def test_a_message_is_kept_once_for_its_key(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)

        assert [post_message(session, **letter("a")), post_message(session, **letter("a", body="另一个"))] == [
            True,
            False,
        ]

        assert session.get_one(Message, "a").body == "示例"
        assert session.scalar(select(func.count()).select_from(Message)) == 1


def test_messages_that_may_go_out_now(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        later = database_seconds(session) + timedelta(hours=1).total_seconds()
        for key, changes in {
            "due": {},
            "begun": {"state": MessageState.SENDING},
            "later": {"not_before": later},
            "sent": {"state": MessageState.SENT, "sent_at": AT},
            "stuck": {"state": MessageState.STUCK},
            "other year": {"season": 2025},
        }.items():
            post_message(session, **letter(key, **changes))

        assert messages_due(session, 2026) == 2
