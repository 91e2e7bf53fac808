"""Everything the builders make is consistent."""

import itertools

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import Call, History, Submission
from models.database import writing
from models.enums import CallState, Outcome, SubmissionState
from states.history import canonical
from tests.support.builders import a_season, a_submission


@pytest.mark.parametrize("state", CallState)
def test_a_season_stands_in_the_state_asked_for(engine: Engine, state: CallState) -> None:
    with writing(engine) as session:
        a_season(session, state=state)

        assert session.get_one(Call, 2026).state is state


def test_a_submission_stands_in_the_state_asked_for(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, 2025, CallState.PUBLISHED)
        a_season(session, 2026, CallState.PUBLISHED)
        for year, state in itertools.product((2025, 2026), SubmissionState):
            number = a_submission(session, state, year=year)

            assert session.get_one(Submission, number).state is state
            assert_chained(session, number)


@pytest.mark.parametrize("outcome", Outcome)
def test_an_archived_submission_has_the_outcome_asked_for(engine: Engine, outcome: Outcome) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)

        number = a_submission(session, SubmissionState.ARCHIVED, outcome=outcome)

        assert session.get_one(Submission, number).outcome is outcome
        assert_chained(session, number)


def assert_chained(session: Session, number: str) -> None:
    """The chain of a submission holds and ends in its row."""
    subject = canonical.submission_subject(number)
    rows = session.scalars(select(History).where(History.subject == subject).order_by(History.sequence)).all()
    head = canonical.ZERO
    for sequence, row in enumerate(rows, start=1):
        assert (row.sequence, row.previous_hash) == (sequence, head)
        assert row.hash == canonical.entry_hash(row.model_dump())
        head = row.hash
    own = session.get_one(Submission, number)
    assert (own.sequence, own.head) == (len(rows), head)
