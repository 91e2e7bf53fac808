"""Many sessions do different things at one moment: each submission ends once, and nobody is broken off."""

from datetime import datetime

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import History, Submission
from models.database import reading, writing
from models.enums import CallState, Outcome, PublicationKind, SubmissionState
from states.cases import Ask
from states.door import apply_to_many, apply_transition
from states.machine import Act, TransitionRefused
from states.office import revoke
from states.planning import close_notice_after
from states.roots import record_root
from states.verification import verify
from tests.support.builders import OFFICE, SYSTEM, a_season, a_submission
from tests.support.threads import sessions_at_once

AT = datetime(2026, 8, 5, 10, tzinfo=ZONE)
S = SubmissionState


def test_a_round_closes_while_its_submissions_are_withdrawn_one_by_one(engine: Engine) -> None:
    """Given 18 withdrawals and 2 closings at once, each submission ends once, by one of them."""
    with writing(engine) as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        numbers = [a_submission(session) for _ in range(18)]

    def end(session: Session, place: int) -> int:
        if place >= len(numbers):
            ask = Ask("archive", Act(SYSTEM, AT), outcome=Outcome.NOT_REVIEWED)
            return len(apply_to_many(session, 2026, ask, Submission.state == S.SUBMITTED).moved)
        apply_transition(session, numbers[place], Ask("archive", Act(OFFICE, AT), outcome=Outcome.WITHDRAWN))
        return 1

    through, refused = sessions_at_once(engine, end)

    assert {type(one) for one in refused} <= {TransitionRefused}
    assert sum(through) == len(numbers)
    with reading(engine) as session:
        assert session.scalar(select(func.count()).where(History.trigger == "archive")) == len(numbers)
        assert verify(session) == []


def test_nobody_waits_for_one_who_waits_for_him(engine: Engine) -> None:
    """Rounds, roots, dates and decisions mixed: whatever order they come in, none is broken off as a deadlock."""
    with writing(engine) as session:
        season = a_season(session, state=CallState.PUBLISHED)
        numbers = [a_submission(session, S.AWARDED) for _ in range(6)]

    def mixed(session: Session, place: int) -> object:
        if place % 4 == 0:
            apply_to_many(session, 2026, Ask("archive", Act(SYSTEM, AT), outcome=Outcome.COMPLETED))
            return record_root(session, 2026, PublicationKind.ARCHIVE, Act(SYSTEM, AT))
        if place % 4 == 1:
            record_root(session, 2026, PublicationKind.ARCHIVE, Act(SYSTEM, AT))
            return apply_to_many(session, 2026, Ask("archive", Act(SYSTEM, AT), outcome=Outcome.COMPLETED))
        if place % 4 == 2:
            return close_notice_after(session, season, AT, Act(OFFICE, AT), reason="示例")
        return revoke(session, numbers[place % 6], Act(OFFICE, AT), reason="示例")

    _, refused = sessions_at_once(engine, mixed)

    assert {type(one) for one in refused} <= {TransitionRefused}
    with reading(engine) as session:
        assert verify(session) == []
