"""A step for many writes exactly what the same step for one writes, over and over."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Correction, DistrictVerdict, History, Objection, Placing, Submission
from models.database import writing
from models.enums import CallState, CorrectionState, Outcome, Role, SubmissionState, Tier, Verdict
from states.guard_facts import Ask
from states.machine import Act, Actor
from states.transitions import TransitionRefused, apply_to_many, apply_transition, note_submission, note_submissions
from tests.support.builders import OFFICE, a_season, a_submission
from tests.support.panel import a_scored_submission, an_eligible_submission

AT = datetime(2026, 5, 1, 10, tzinfo=ZONE)
S = SubmissionState
TRIGGERS = ("record_district_review", "record_final_review", "award", "archive", "reinstate", "revoke")


@pytest.fixture
def crowd(engine: Engine) -> Engine:
    """Submissions in every state, with the small records that guards look at in several conditions."""
    with writing(engine) as session:
        season = a_season(session, state=CallState.PUBLIC_NOTICE)
        numbers = [a_submission(session, state) for state in (S.SUBMITTED, S.DISTRICT_REVIEWED) for _ in range(3)]
        numbers += [a_scored_submission(session, (90, 80, 70, 60, 50)), an_eligible_submission(session)]
        numbers += [a_submission(session, S.FINAL_REVIEWED) for _ in range(3)]
        numbers += [
            a_submission(session, S.AWARDED),
            *(a_submission(session, S.ARCHIVED, outcome=outcome) for outcome in Outcome),
        ]
        session.add(
            Correction(
                number=numbers[0],
                asked_by="office:x",
                asked_at=AT,
                missing="x",
                due_at=AT,
                state=CorrectionState.OUTSTANDING,
            )
        )
        session.add(
            DistrictVerdict(
                number=numbers[1],
                verdict=Verdict.RECOMMENDED,
                points="{}",
                total=80,
                rank=1,
                received_at=AT,
                delivery="0" * 64,
            )
        )
        final = [number for number in numbers if session.get_one(Submission, number).state is S.FINAL_REVIEWED]
        for position, number in enumerate(final[:2], start=1):
            session.add(
                Placing(
                    number=number,
                    season=season.year,
                    position=50 + position,
                    rank=50,
                    merit=90,
                    raw_mean=90,
                    low=90,
                    high=90,
                    scores=5,
                    spread=0,
                    tier=Tier.SECOND,
                    approved=True,
                )
            )
        session.add(Objection(id=1, season=2026, number=final[1], grounds="x", received_at=AT, due_at=AT))
        session.execute(update(Submission).where(Submission.number == numbers[3]).values(completed_on=date(2025, 1, 1)))
    return engine


asks = st.builds(
    Ask,
    st.sampled_from(TRIGGERS),
    st.builds(
        Act,
        st.builds(Actor, st.sampled_from(Role), st.just("示例")),
        st.just(AT),
        st.sampled_from(("", "示例运行")),
    ),
    reason=st.sampled_from(("", "示例理由")),
    outcome=st.none() | st.sampled_from(Outcome),
    tier=st.none() | st.sampled_from(Tier),
    arrived_at=st.sampled_from(
        (None, datetime(2026, 5, 29, 18, tzinfo=ZONE), datetime(2026, 5, 29, 18, 0, 1, tzinfo=ZONE))
    ),
    admitted=st.booleans(),
    facts=st.sampled_from(({}, {"alike": True})),
    own=st.sampled_from((None, lambda number: {"about": number})),
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ask=asks)
def test_many_at_once_equals_one_by_one(crowd: Engine, ask: Ask) -> None:
    assert after(crowd, lambda session: together(session, ask)) == after(crowd, lambda session: singly(session, ask))


def test_a_note_for_many_equals_notes_one_by_one(crowd: Engine) -> None:
    ask = Ask("assign", Act(Actor(Role.SYSTEM, "x"), AT), own=lambda number: {"experts": [number]})

    def one_by_one(session: Session) -> None:
        for number in session.scalars(select(Submission.number).order_by(Submission.number)).all():
            note_submission(session, number, ask)

    assert after(crowd, lambda session: note_submissions(session, 2026, ask) and None) == after(crowd, one_by_one)


def together(session: Session, ask: Ask) -> dict[str, str]:
    applied = apply_to_many(session, 2026, ask)
    return {number: refusal.code for number, refusal in applied.refused.items()}


def singly(session: Session, ask: Ask) -> dict[str, str]:
    refused = {}
    for number in session.scalars(select(Submission.number).order_by(Submission.number)).all():
        try:
            apply_transition(session, number, ask)
        except TransitionRefused as refusal:
            refused[number] = refusal.refusal.code
    return refused


def after(engine: Engine, work: Callable[[Session], Any]) -> tuple[Any, ...]:
    """What a step answers and leaves behind; undone at the end."""
    with Session(engine) as session:
        answer = work(session)
        session.flush()
        rows = session.execute(select(Submission.__table__).order_by(Submission.number)).all()
        history = session.execute(select(History.__table__).order_by(History.subject, History.sequence)).all()
        session.rollback()
    return answer, rows, history


def test_the_comparison_sees_a_difference(crowd: Engine) -> None:
    ask = Ask("archive", Act(OFFICE, AT), outcome=Outcome.WITHDRAWN)

    assert after(crowd, lambda session: together(session, ask)) != after(crowd, lambda session: None)
