"""Twenty sessions do the same, or different things, at one moment: one does it, the others are told so in words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import ZONE
from models import Correction, Delivery, Duplicate, History, Objection, Submission
from models.database import reading, writing
from models.enums import CallState, DeliveryState, ObjectionResult, Outcome, PublicationKind, Role, SubmissionState
from models.queries import season_in_force
from states.audit.verify import verify
from states.call import CallCase
from states.final_round.approval import approve, list_digest, send_back
from states.guard_facts import Ask
from states.history.canonical import submission_subject
from states.machine import Act, Actor, TransitionRefused
from states.objections.process import answer_objection, investigate_objection
from states.officers import DecisionRefused
from states.panel.recusals import recuse
from states.roots import record_root
from states.submissions.admission import admit_late
from states.submissions.corrections import CorrectionRefused, ask_correction, lapse_corrections
from states.submissions.duplicates import decide_duplicate
from states.submissions.reinstatement import reinstate
from states.submissions.settle import revoke
from states.timeline import close_notice_after
from states.transitions import ChangedMeanwhile, apply_to_many, apply_transition, move_call
from tests.support import objections
from tests.support.builders import OFFICE, SYSTEM, a_season, a_submission, an_expert, season_rules
from tests.support.panel import a_ranked_season
from tests.support.threads import sessions_at_once

AT = datetime(2026, 8, 5, 10, tzinfo=ZONE)
DIGEST = "ab" * 32
S = SubmissionState


def officer(turn: int) -> Actor:
    return Actor(Role.OFFICE, season_rules().office.officers[turn % 2])


@dataclass(frozen=True)
class Race:
    """What is given, what all do with it, the trigger that may be recorded once, and what the others are told.

    Without `told`, the others find it done and change nothing.
    """

    given: Callable[[Session], Any]
    do: Callable[[Session, Any, int], Any]
    trigger: str
    told: type[GangchuangError] | None
    words: str = ""


def an_archived(session: Session) -> str:
    a_season(session, state=CallState.OPEN)
    return a_submission(session, S.ARCHIVED, outcome=Outcome.WITHDRAWN)


def an_award(session: Session) -> str:
    a_season(session, state=CallState.PUBLISHED)
    return a_submission(session, S.AWARDED)


def a_submitted(session: Session) -> str:
    a_season(session, state=CallState.DISTRICT_REVIEW)
    an_expert(session)
    return a_submission(session)


def an_open_call(session: Session) -> None:
    a_season(session, state=CallState.OPEN)


def a_list(session: Session) -> str:
    a_ranked_season(session)
    return list_digest(session, 2026)


def on_notice(session: Session) -> str:
    season = a_season(session, state=CallState.PUBLIC_NOTICE)
    close_notice_after(session, season, season.dates.open_public_notice, Act(SYSTEM, AT), reason="示例")
    return a_submission(session, S.FINAL_REVIEWED)


def an_objection(session: Session) -> int:
    number = on_notice(session)
    season = season_in_force(session, 2026)
    objection = objections.object_to(session, season, number, Act(OFFICE, season.dates.open_public_notice))
    investigate_objection(session, season, objection.id, Act(OFFICE, AT), person=objections.INVESTIGATOR)
    return objection.id


def two_alike(session: Session) -> tuple[str, str]:
    first = a_submitted(session)
    second = a_submission(session)
    session.add(Duplicate(number=first, other=second, similarity=95))
    return first, second


def a_late_delivery(session: Session) -> None:
    a_submitted(session)
    session.add(
        Delivery(
            digest=DIGEST,
            sender="500103",
            season=2026,
            file_name="示例.xlsx",
            arrived_at=AT,
            taken_at=AT,
            state=DeliveryState.REFUSED,
        )
    )


def close_call(session: Session, _: object, turn: int) -> CallState:
    case = CallCase(2026, AT, Role.OFFICE, CallState.OPEN, due_at=AT)
    return move_call(session, 2026, "close_call", Act(officer(turn), AT), case=case)


def correct(session: Session, number: str, turn: int) -> datetime:
    season = season_in_force(session, 2026)
    return ask_correction(session, season, number, Act(officer(turn), AT), missing="缺附件")


def object_to(session: Session, number: str, turn: int) -> Objection:
    season = season_in_force(session, 2026)
    return objections.entered(session, season, number, Act(officer(turn), season.dates.open_public_notice))


def answer(session: Session, objection: int, turn: int) -> object:
    act = objections.by(objections.INVESTIGATOR, Act(OFFICE, AT + timedelta(seconds=turn)))
    result = ObjectionResult.REMOVED
    return answer_objection(session, season_in_force(session, 2026), objection, act, result=result, answer="属实")


RACES = {
    "withdraw": Race(
        a_submitted,
        lambda session, number, turn: apply_transition(
            session, number, Ask("archive", Act(officer(turn), AT), outcome=Outcome.WITHDRAWN)
        ),
        "archive",
        TransitionRefused,
        "possible only from",
    ),
    "reinstate": Race(
        an_archived,
        lambda session, number, turn: reinstate(session, number, Act(officer(turn), AT), reason="示例"),
        "reinstate",
        TransitionRefused,
        "possible only from: archived",
    ),
    "revoke": Race(
        an_award,
        lambda session, number, turn: revoke(session, number, Act(officer(turn), AT), reason="示例"),
        "revoke",
        TransitionRefused,
        "only an award archived as completed can be revoked",
    ),
    "move the call along one edge": Race(an_open_call, close_call, "close_call", ChangedMeanwhile, "Look again"),
    "approve one list": Race(
        a_list,
        lambda session, digest, turn: approve(session, 2026, Act(officer(turn), AT), digest=digest),
        "approve",
        DecisionRefused,
        "it is approved already",
    ),
    "send one list back": Race(
        a_list,
        lambda session, digest, turn: send_back(session, 2026, Act(officer(turn), AT), digest=digest, reason="示例"),
        "send_back",
        DecisionRefused,
        "no ranking waits for a decision",
    ),
    "ask for one correction": Race(
        a_submitted, correct, "ask_correction", CorrectionRefused, "it had its one chance already"
    ),
    "raise one objection": Race(on_notice, object_to, "raise_objection", DecisionRefused, "was entered already"),
    "answer one objection": Race(
        an_objection,
        answer,
        "answer_objection",
        TransitionRefused,
        "possible only from: investigating, reconsidering",
    ),
    "judge one pair": Race(
        two_alike,
        lambda session, pair, turn: decide_duplicate(
            session, *pair, same=bool(turn % 2), act=Act(officer(turn), AT), reason="示例"
        ),
        "decide_duplicate",
        DecisionRefused,
        "decided already",
    ),
    "admit one late delivery": Race(
        a_late_delivery,
        lambda session, _, turn: admit_late(session, 2026, DIGEST, Act(officer(turn), AT), reason="示例"),
        "admit_late",
        None,
    ),
    "step back from one submission": Race(
        a_submitted,
        lambda session, number, turn: recuse(session, 2026, "E0001", number, Act(officer(turn), AT), reason="示例"),
        "recuse",
        None,
    ),
    "record one root": Race(
        an_award,
        lambda session, _, turn: record_root(session, 2026, PublicationKind.RESULTS, Act(officer(turn), AT)),
        "record_root",
        None,
    ),
}


@pytest.mark.parametrize("race", RACES.values(), ids=RACES.keys())
def test_of_twenty_at_once_one_does_it_and_the_others_are_told(engine: Engine, race: Race) -> None:
    with writing(engine) as session:
        given = race.given(session)

    through, refused = sessions_at_once(engine, lambda session, turn: race.do(session, given, turn))

    if race.told is None:
        assert refused == []
    else:
        assert (len(through), {type(error) for error in refused}) == (1, {race.told})
        assert all(race.words in str(error) for error in refused)
    with reading(engine) as session:
        assert session.scalar(select(func.count()).where(History.trigger == race.trigger)) == 1
        assert verify(session) == []


def test_of_twenty_that_let_a_correction_lapse_one_does_and_the_others_find_it_done(engine: Engine) -> None:
    with writing(engine) as session:
        number = a_submitted(session)
        correct(session, number, 0)
        overdue_at = session.get_one(Correction, number).due_at + timedelta(seconds=1)

    through, refused = sessions_at_once(
        engine, lambda session, _: lapse_corrections(session, 2026, Act(SYSTEM, overdue_at))
    )

    assert (sorted(through), refused) == ([[]] * 19 + [[number]], [])
    with reading(engine) as session:
        told = select(History.trigger).where(History.subject == submission_subject(number))
        assert session.scalars(told.order_by(History.sequence)).all() == ["submit", "ask_correction", "archive"]
        assert verify(session) == []


def test_a_round_closes_while_its_submissions_are_withdrawn_one_by_one(engine: Engine) -> None:
    """Given 18 withdrawals and 2 closings at once, each submission ends once, by one of them."""
    with writing(engine) as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        numbers = [a_submission(session) for _ in range(18)]

    def end(session: Session, turn: int) -> int:
        if turn >= len(numbers):
            ask = Ask("archive", Act(SYSTEM, AT), outcome=Outcome.NOT_REVIEWED)
            return len(apply_to_many(session, 2026, ask, Submission.state == S.SUBMITTED).moved)
        apply_transition(session, numbers[turn], Ask("archive", Act(OFFICE, AT), outcome=Outcome.WITHDRAWN))
        return 1

    through, refused = sessions_at_once(engine, end)

    assert {type(error) for error in refused} <= {TransitionRefused}
    assert sum(through) == len(numbers)
    with reading(engine) as session:
        assert session.scalar(select(func.count()).where(History.trigger == "archive")) == len(numbers)
        assert verify(session) == []


def test_nobody_waits_for_one_who_waits_for_him(engine: Engine) -> None:
    """Rounds, roots, dates and decisions mixed: whatever order they come in, none is broken off as a deadlock."""
    with writing(engine) as session:
        season = a_season(session, state=CallState.PUBLISHED)
        numbers = [a_submission(session, S.AWARDED) for _ in range(6)]

    def mixed(session: Session, turn: int) -> object:
        if turn % 4 == 0:
            apply_to_many(session, 2026, Ask("archive", Act(SYSTEM, AT), outcome=Outcome.COMPLETED))
            return record_root(session, 2026, PublicationKind.ARCHIVE, Act(SYSTEM, AT))
        if turn % 4 == 1:
            record_root(session, 2026, PublicationKind.ARCHIVE, Act(SYSTEM, AT))
            return apply_to_many(session, 2026, Ask("archive", Act(SYSTEM, AT), outcome=Outcome.COMPLETED))
        if turn % 4 == 2:
            return close_notice_after(session, season, AT, Act(OFFICE, AT), reason="示例")
        return revoke(session, numbers[turn % 6], Act(OFFICE, AT), reason="示例")

    _, refused = sessions_at_once(engine, mixed)

    assert {type(error) for error in refused} <= {TransitionRefused}
    with reading(engine) as session:
        assert verify(session) == []
