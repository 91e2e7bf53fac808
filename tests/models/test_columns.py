"""Columns that SQLite and PostgreSQL keep alike, and what the database itself refuses."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from config.local_time import ZONE
from models import Assignment, Contributor, DistrictVerdict, Lease, Objection, Score, Submission
from models.database import reading, writing
from models.enums import CallState, Outcome, SubmissionState, Tier
from tests.support.builders import a_season, a_submission


@pytest.fixture
def number(engine: Engine) -> str:
    """A submission with a verdict and scores."""
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        return a_submission(session, SubmissionState.FINAL_REVIEWED)


@pytest.mark.parametrize("value", ["12.50", "0.1", "100", "33.3333", "0"])
def test_a_decimal_is_kept_as_it_was_written(engine: Engine, number: str, value: str) -> None:
    with writing(engine) as session:
        session.get_one(DistrictVerdict, number).total = Decimal(value)
        session.get_one(Contributor, (number, 1)).share = Decimal(value)

    with reading(engine) as session:
        assert str(session.get_one(DistrictVerdict, number).total) == value
        assert str(session.get_one(Contributor, (number, 1)).share) == value


def test_nothing_is_kept_as_nothing(engine: Engine, number: str) -> None:
    with reading(engine) as session:
        assert session.get_one(Contributor, (number, 1)).share is None
        assert session.get_one(Submission, number).tier is None


def test_an_enum_comes_back_as_its_member_with_its_label(engine: Engine, number: str) -> None:
    with reading(engine) as session:
        state = session.get_one(Submission, number).state

        assert state is SubmissionState.FINAL_REVIEWED
        assert state.label == "已终评"
        assert SubmissionState.from_label("已终评") is state
        assert SubmissionState.from_label("没有") is None


def test_a_word_outside_the_list_is_refused_before_the_database_sees_it(engine: Engine, number: str) -> None:
    with pytest.raises(StatementError, match="lost"), writing(engine) as session:
        session.execute(update(Submission).where(Submission.number == number).values(state="lost"))


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 4, 30, 18, 0, 0, 123456, tzinfo=ZONE),
        datetime(2026, 4, 30, 18, tzinfo=UTC),
    ],
)
def test_an_instant_comes_back_as_the_same_instant_with_a_zone(engine: Engine, number: str, instant: datetime) -> None:
    with writing(engine) as session:
        session.get_one(Submission, number).eligible_at = instant

    with reading(engine) as session:
        kept = session.get_one(Submission, number).eligible_at
        assert kept == instant
        assert kept.tzinfo is not None
        assert kept - instant == timedelta(0)


# What no program of ours writes, the database refuses by itself.
BROKEN = {
    "an unknown state": "UPDATE submission SET state = 'lost'",
    "an unknown outcome": "UPDATE submission SET state = 'archived', archived_from = 'submitted', outcome = 'lost'",
    "archived without an outcome": "UPDATE submission SET state = 'archived', archived_from = 'submitted'",
    "an outcome without being archived": "UPDATE submission SET outcome = 'withdrawn'",
    "archived from nowhere": "UPDATE submission SET state = 'archived', outcome = 'withdrawn'",
    "awarded without a tier": "UPDATE submission SET state = 'awarded'",
    "a tier without an award": "UPDATE submission SET tier = 'first'",
    "a sequence of nought": "UPDATE submission SET sequence = 0",
    "an unknown call state": "UPDATE call SET state = 'lost'",
    "a milestone in an unknown state": "UPDATE milestone SET state = 'lost'",
    "an unknown verdict": "UPDATE district_verdict SET verdict = 'perhaps'",
    "a score of an unknown expert": "UPDATE score SET expert = 'E9999'",
    "a submission of an unknown season": "UPDATE submission SET season = 2031",
    "a hash that is none": "INSERT INTO history SELECT subject, 99, season, at, actor, trigger, from_state, to_state, "
    "reason, facts, flow_run, previous_hash, 'short' FROM history LIMIT 1",
    "a place taken twice": "UPDATE submission SET place = 1",
}


@pytest.mark.parametrize("statement", BROKEN.values(), ids=BROKEN.keys())
def test_the_database_itself_refuses(engine: Engine, number: str, statement: str) -> None:
    with writing(engine) as session:
        a_submission(session)

    with pytest.raises(IntegrityError), writing(engine) as session:
        session.execute(text(statement))
    assert number


def test_rows_of_their_own_that_belong_to_nothing_are_refused(engine: Engine) -> None:
    at = datetime(2026, 5, 1, tzinfo=ZONE)
    strays: list[Any] = [
        Objection(id=1, season=2026, number="2026-1-1", grounds="x", received_at=at, due_at=at),
        Score(number="2026-1-1", expert="E1", points="{}", total=Decimal(1), received_at=at, delivery="0" * 64),
        Assignment(season=2026, number="2026-1-1", expert="E1", assigned_at=at),
    ]
    for stray in strays:
        with pytest.raises(IntegrityError), writing(engine) as session:
            session.add(stray)


def test_an_award_keeps_its_tier_when_archived_as_completed_or_revoked(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        for outcome in (Outcome.COMPLETED, Outcome.REVOKED):
            number = a_submission(session, SubmissionState.ARCHIVED, outcome=outcome, tier=Tier.FIRST)

            assert session.get_one(Submission, number).tier is Tier.FIRST


def test_leases_count_seconds_with_their_fractions(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(Lease(name="x", owner="y", fence=1, expires=1795383825.123456))

    with reading(engine) as session:
        assert session.get_one(Lease, "x").expires == pytest.approx(1795383825.123456, abs=1e-5)
