"""Objections (异议) to what the public notice proposes: written, with a real name, decided by a named officer."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from config.calendar import working_days_after
from config.local_time import end_of_day, local_day
from config.milestones import Milestone
from config.season import Season
from models import Objection
from models.enums import (
    CallState,
    ObjectionState,
    Outcome,
    SubmissionState,
    Trigger,
)
from models.queries import call_state, lock_call
from states.guard_facts import Ask, load_season_facts
from states.history.canonical import instant_text
from states.history.seals import Seals
from states.machine import Act
from states.officers import DecisionRefused
from states.submissions.identity import submission_of
from states.transitions import apply_transition, note_submission

_OBJECTIONS_A_YEAR = 10_000


def raise_objection(
    session: Session, season: Season, number: str, act: Act, *, grounds: str, objector: str
) -> Objection:
    """Keep an objection (异议): written, with a real name, while the public notice runs."""
    lock_call(session, season.year)
    submission = submission_of(session, number)
    closes_at = load_season_facts(session, season.year).deadlines.at(Milestone.CLOSE_PUBLIC_NOTICE)
    if call_state(session, season.year) is not CallState.PUBLIC_NOTICE or closes_at is None or act.at >= closes_at:
        raise DecisionRefused(number, "objections are taken while the public notice runs")
    if not grounds.strip() or not objector.strip():
        raise DecisionRefused(number, "an objection is written and bears a real name")
    if submission.state is not SubmissionState.FINAL_REVIEWED:
        raise DecisionRefused(number, f"it is {submission.state}")
    open_ones = select(Objection.id).where(Objection.number == number, Objection.state == ObjectionState.OPEN)
    known = session.scalar(open_ones.where(Objection.objector == objector, Objection.grounds == grounds))
    if known is not None:
        raise DecisionRefused(number, f"this objection was taken already, as number {known}")
    due_at = end_of_day(working_days_after(local_day(act.at), season.public_notice.answer_working_days))
    objection = Objection(
        id=_next_objection(session, season.year),
        number=number,
        grounds=grounds,
        objector=objector,
        received_at=act.at,
        due_at=due_at,
    )
    session.add(objection)
    session.flush()
    sealed = Seals(session, season.year).sealed("objection", objection.id, objector, grounds)
    facts = {"objection": objection.id, "due_at": instant_text(due_at), **sealed}
    note_submission(session, number, Ask(Trigger.RAISE_OBJECTION, act, facts=facts))
    return objection


def _next_objection(session: Session, year: int) -> int:
    """The season's next number, counted from year × 10,000, under the call's lock.

    Not the database's own counter: that keeps a hole where a transaction was cut off, and the history is the same
    whatever was cut off.
    """
    first = year * _OBJECTIONS_A_YEAR
    within = col(Objection.id).between(first, first + _OBJECTIONS_A_YEAR - 1)
    last = session.scalar(select(func.max(Objection.id)).where(within))
    return (last or first) + 1


def answer_objection(session: Session, objection_id: int, act: Act, *, upheld: bool, answer: str) -> Objection:
    """Decide an objection with a reasoned answer; upheld, it ends that one award, if nothing else has."""
    objection = session.get(Objection, objection_id, with_for_update=True)
    if objection is None:
        raise DecisionRefused(f"objection {objection_id}", "there is no such objection")
    if objection.state is not ObjectionState.OPEN:
        raise DecisionRefused(f"objection {objection_id}", f"{objection.officer} answered it already")
    if not answer.strip():
        raise DecisionRefused(f"objection {objection_id}", "an answer with its reasons is needed")
    objection.state = ObjectionState.UPHELD if upheld else ObjectionState.DISMISSED
    objection.officer, objection.answered_at, objection.answer = act.actor.name, act.at, answer
    session.flush()
    facts = {"objection": objection_id, "decision": objection.state.value}
    ask = Ask(Trigger.ANSWER_OBJECTION, act, reason=answer, facts=facts)
    note_submission(session, objection.number, ask)
    if upheld and submission_of(session, objection.number).state is not SubmissionState.ARCHIVED:
        ending = Ask(Trigger.ARCHIVE, act, reason=answer, outcome=Outcome.OBJECTION_UPHELD)
        apply_transition(session, objection.number, ending)
    return objection
