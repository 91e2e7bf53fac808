"""What a named officer decides by hand, each with a reason that is kept."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from config.calendar import working_days_after
from config.errors import GangchuangError
from config.local_time import end_of_day, local_day
from config.milestones import Milestone
from config.season import Season
from models import Admission, Delivery, Objection, Submission
from models.enums import (
    CallState,
    DeliveryState,
    ObjectionState,
    Outcome,
    Role,
    SubmissionState,
    Trigger,
)
from models.queries import call_state, lock_call
from states.cases import Ask, load_frame
from states.door import apply_transition, note_call, note_submission
from states.machine import Act, Actor
from states.numbers import Number, UnknownSubmission
from states.record import instant_text

_OBJECTIONS_A_YEAR = 10_000


class NotAnOfficer(GangchuangError):
    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        super().__init__(
            f"{name!r} is no officer of this season. Officers: {', '.join(known)} (season file, [office])."
        )


class DecisionRefused(GangchuangError):
    def __init__(self, subject: str, reason: str) -> None:
        self.subject = subject
        super().__init__(f"{subject}: {reason}. Nothing was changed.")


def officer(season: Season, name: str) -> Actor:
    """The acting person, who must be an account of the season's office. Raises NotAnOfficer."""
    if name not in season.office.officers:
        raise NotAnOfficer(name, season.office.officers)
    return Actor(Role.OFFICE, name)


def withdraw(session: Session, number: str, act: Act, *, reason: str) -> None:
    """Take a submission back (撤回) at its unit's wish, before the award."""
    apply_transition(session, number, Ask(Trigger.ARCHIVE, act, reason=reason, outcome=Outcome.WITHDRAWN))


def revoke(session: Session, number: str, act: Act, *, reason: str) -> None:
    """Take an award away (撤销获奖)."""
    apply_transition(session, number, Ask(Trigger.REVOKE, act, reason=reason))


def admit_late(session: Session, year: int, digest: str, act: Act, *, reason: str) -> Delivery:
    """Let one late delivery in; it is taken again from where it lies. `digest` may be a unique beginning."""
    lock_call(session, year)
    beginning = col(Delivery.digest).startswith(digest, autoescape=True)
    found = session.query(Delivery).filter(Delivery.season == year, beginning).all()
    if len(digest) < 8:
        raise DecisionRefused(f"delivery {digest!r}", "give at least 8 characters of its digest")
    if len(found) != 1:
        raise DecisionRefused(f"delivery {digest}", f"{len(found)} deliveries begin so; see `gangchuang status`")
    delivery = found[0]
    if delivery.state is DeliveryState.ACCEPTED:
        raise DecisionRefused(f"delivery {digest}", "it was accepted already")
    if not reason.strip():
        raise DecisionRefused(f"delivery {digest}", "a reason is needed")
    if session.query(Admission).filter_by(digest=delivery.digest).first() is None:
        session.add(
            Admission(season=year, digest=delivery.digest, officer=act.actor.name, admitted_at=act.at, reason=reason)
        )
        facts = {"delivery": delivery.digest, "sender": delivery.sender}
        note_call(session, year, Trigger.ADMIT_LATE, act, reason=reason, facts=facts)
    return delivery


def raise_objection(
    session: Session, season: Season, number: str, act: Act, *, grounds: str, objector: str
) -> Objection:
    """Keep an objection (异议): written, with a real name, while the public notice runs."""
    lock_call(session, season.year)
    submission = submission_of(session, number)
    closes_at = load_frame(session, season.year).deadlines.at(Milestone.CLOSE_PUBLIC_NOTICE)
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
    facts = {"objection": objection.id, "due_at": instant_text(due_at)}
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


def submission_of(session: Session, number: str) -> Submission:
    Number.of(number)
    submission = session.get(Submission, number)
    if submission is None:
        raise UnknownSubmission(number)
    return submission
