"""An objection (异议) from the day on which it came to the day on which nothing can follow any more."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.calendar import working_days_after
from config.local_time import end_of_day, local_day
from config.season import Season
from models import Objection, ObjectionEvidence, ObjectionRuling
from models.enums import (
    NotAccepted,
    ObjectionChannel,
    ObjectionKind,
    ObjectionParty,
    ObjectionResult,
    ObjectionState,
    Tier,
    Trigger,
)
from models.queries import lock_call
from states.history.canonical import instant_text
from states.history.read import is_erased
from states.machine import Act
from states.objections.encryption import conceal, reveal
from states.objections.measures import Corrected, carry_out, give_award, take_back
from states.objections.moving_up import move_up
from states.objections.standing import case_of, objection_of, place_of, rulings_of, sealed_person
from states.officers import DecisionRefused, investigator
from states.submissions.attachments import AttachedFile
from states.submissions.certificates import keep_in_step
from states.submissions.identity import submission_of
from states.transitions import move_objection, note_objection

_OBJECTIONS_A_YEAR = 10_000


@dataclass(frozen=True)
class Filed:
    """What came in. `number` is empty where it is about no submission; no name means that it bears none."""

    number: str
    kind: ObjectionKind
    channel: ObjectionChannel
    received_on: date
    grounds: str
    objector: str = field(default="", repr=False)
    contact: str = field(default="", repr=False)
    evidence: tuple[AttachedFile, ...] = ()


@dataclass(frozen=True)
class Answered:
    """What an answer did: the tiers of those who moved up, and whether the suspended award was given at once."""

    objection: Objection
    moved_up: dict[str, Tier]
    awarded: bool


def raise_objection(session: Session, season: Season, filed: Filed, act: Act, *, key: bytes) -> Objection:
    """Enter an objection as it came, whatever becomes of it; who objected is encrypted by `key`.

    Raises DecisionRefused for one that was entered before, TransitionRefused.
    """
    lock_call(session, season.year)
    if is_erased(session, season.year):
        raise DecisionRefused(
            f"season {season.year}",
            "its personal data are deleted, and nothing can be examined",
            "本年度个人信息已经删除，无从核查",
        )
    if filed.number and submission_of(session, filed.number).season != season.year:
        raise DecisionRefused(
            filed.number, f"it is not of season {season.year}", f"{filed.number}不是{season.year}年度的项目"
        )
    known = entered_as(session, season.year, filed, key)
    if known is not None:
        raise DecisionRefused(
            filed.number or "the objection", f"it was entered already, as number {known}", f"该异议已登记，编号{known}"
        )
    number = _next_objection(session, season.year)
    answer_days = season.public_notice.answer_working_days
    objection = Objection(
        id=number,
        season=season.year,
        number=filed.number or None,
        state=ObjectionState.RECEIVED,
        kind=filed.kind,
        channel=filed.channel,
        received_on=filed.received_on,
        received_at=act.at,
        grounds=filed.grounds.strip(),
        objector=conceal(key, filed.objector.strip(), place_of(number, "objector")),
        contact=conceal(key, filed.contact.strip(), place_of(number, "contact")),
        due_at=end_of_day(working_days_after(filed.received_on, answer_days)),
    )
    # Nothing stands before its first step.
    case = replace(case_of(session, season, objection, act), state=None)
    facts: dict[str, Any] = {
        "kind": filed.kind.value,
        "channel": filed.channel.value,
        "received_on": filed.received_on.isoformat(),
        "due_at": instant_text(objection.due_at),
        "evidence": [file.digest for file in filed.evidence],
        **sealed_person(session, objection),
    }
    move_objection(session, objection, Trigger.RAISE_OBJECTION, act, case=case, facts=facts)
    _keep_evidence(session, number, filed.evidence)
    return objection


def refused_at_once(
    session: Session, season: Season, objection: Objection, act: Act, *, key: bytes
) -> NotAccepted | None:
    """Why an objection cannot be taken up, where the record alone says so; else an officer decides."""
    case = case_of(session, season, objection, act, key=key)
    found = {
        NotAccepted.REPEATED: case.repeats is not None,
        NotAccepted.ANONYMOUS: case.is_anonymous,
        NotAccepted.LATE: case.is_late,
    }
    return next((refusal for refusal, holds in found.items() if holds), None)


def accept_objection(session: Session, season: Season, objection: int, act: Act, *, key: bytes) -> Objection:
    """Take an objection up: the award waits for its answer. Raises TransitionRefused."""
    row = objection_of(session, season, objection)
    case = case_of(session, season, row, act, key=key)
    move_objection(session, row, Trigger.ACCEPT_OBJECTION, act, case=case)
    return row


def decline_objection(
    session: Session, season: Season, objection: int, act: Act, *, refusal: NotAccepted, answer: str, key: bytes
) -> Objection:
    """Not take an objection up, and say why. Raises TransitionRefused."""
    row = objection_of(session, season, objection)
    case = case_of(session, season, row, act, key=key, refusal=refusal, answer=answer)
    said: dict[str, Any] = {"reason": answer, "facts": {"refusal": refusal.value}}
    columns = {"refusal": refusal, "answer": answer, "settled_at": act.at}
    move_objection(session, row, Trigger.DECLINE_OBJECTION, act, case=case, columns=columns, **said)
    return row


def investigate_objection(session: Session, season: Season, objection: int, act: Act, *, person: str) -> Objection:
    """Give an objection to somebody to investigate, or to somebody else; asked again for the same, it changes nothing.

    Raises NotAnOfficer, TransitionRefused.
    """
    row = objection_of(session, season, objection)
    named = investigator(season, person).name
    given = session.get(ObjectionRuling, (row.id, 1))
    if row.state is ObjectionState.INVESTIGATING and given is not None and given.investigator == named:
        return row
    case = case_of(session, season, row, act, investigator=named)
    facts = {"investigator": named, "ordinal": 1}
    move_objection(session, row, Trigger.INVESTIGATE_OBJECTION, act, case=case, facts=facts)
    if given is None:
        session.add(ObjectionRuling(objection=row.id, ordinal=1, investigator=named, begun_at=act.at))
    else:
        given.investigator, given.begun_at = named, act.at
    session.flush()
    return row


def reconsider_objection(
    session: Session,
    season: Season,
    objection: int,
    act: Act,
    *,
    asked_by: ObjectionParty,
    person: str,
    reason: str,
) -> Objection:
    """Take up the one reconsideration: somebody else investigates. Raises NotAnOfficer, TransitionRefused."""
    row = objection_of(session, season, objection)
    named = investigator(season, person).name
    if not reason.strip():
        raise DecisionRefused(f"objection {objection}", "say what is held against the answer", "须写明对答复有何异议")
    case = case_of(session, season, row, act, investigator=named, ordinal=2)
    due_at = end_of_day(working_days_after(local_day(act.at), season.public_notice.answer_working_days))
    facts = {"investigator": named, "ordinal": 2, "asked_by": asked_by.value, "due_at": instant_text(due_at)}
    columns = {"due_at": due_at, "reconsider_until": None}
    said: dict[str, Any] = {"reason": reason, "facts": facts, "columns": columns}
    move_objection(session, row, Trigger.RECONSIDER_OBJECTION, act, case=case, **said)
    session.add(ObjectionRuling(objection=row.id, ordinal=2, investigator=named, begun_at=act.at, asked_by=asked_by))
    session.flush()
    return row


def answer_objection(
    session: Session,
    season: Season,
    objection: int,
    act: Act,
    *,
    result: ObjectionResult,
    answer: str,
    tier: Tier | None = None,
    people: Corrected | None = None,
) -> Answered:
    """Answer an objection with reasons, and carry out what follows for the award.

    The acting person must be the one who investigated. Raises DecisionRefused, TransitionRefused.
    """
    row = objection_of(session, season, objection)
    rulings = rulings_of(session, objection)
    # What nobody has looked into yet has no investigator, and the table says that it cannot be answered.
    ruling = rulings[-1] if rulings else ObjectionRuling(objection=row.id, investigator="", begun_at=act.at)
    request: dict[str, Any] = {"result": result, "answer": answer, "tier": tier, "people": people is not None}
    case = case_of(session, season, row, act, investigator=ruling.investigator, ordinal=ruling.ordinal, **request)
    final = row.state is ObjectionState.RECONSIDERING
    until = None if final else _reconsider_until(season, act)
    facts: dict[str, Any] = {"ordinal": ruling.ordinal, "result": result.value}
    facts |= {"tier": tier.value} if tier else {}
    facts |= {"reconsider_until": instant_text(until)} if until else {}
    facts |= {"evidence": [people.file.digest]} if people else {}
    said: dict[str, Any] = {"reason": answer, "facts": facts}
    said["columns"] = {"reconsider_until": until, "settled_at": act.at if final else None}
    move_objection(session, row, Trigger.ANSWER_OBJECTION, act, case=case, **said)
    ruling.result, ruling.tier, ruling.answer, ruling.decided_at = result, tier, answer, act.at
    session.flush()
    _keep_evidence(session, row.id, (people.file,) if people else ())
    if row.number is None:
        raise DecisionRefused(f"objection {objection}", "it is about no submission", "该异议不涉及具体项目")
    earlier = rulings[0] if final else None
    if earlier is None or earlier.result is None:
        carry_out(session, row.number, act, result, reason=answer, tier=tier, people=people)
    elif (earlier.result, earlier.tier) != (result, tier) or people is not None:
        take_back(session, row.number, act, earlier.result, reason=answer)
        carry_out(session, row.number, act, result, reason=answer, tier=tier, people=people)
    moved = move_up(session, season, row, act) if final else {}
    awarded = give_award(session, season.year, row.number, act)
    keep_in_step(session, season.year, act)
    return Answered(row, moved, awarded)


def close_objection(session: Session, season: Season, objection: int, act: Act) -> dict[str, Tier]:
    """End an objection when nobody asked for a reconsideration in time; the tiers of those who move up."""
    row = objection_of(session, season, objection)
    case = case_of(session, season, row, act)
    move_objection(session, row, Trigger.CLOSE_OBJECTION, act, case=case, columns={"settled_at": act.at})
    moved = move_up(session, season, row, act)
    keep_in_step(session, season.year, act)
    return moved


def show_objector(
    session: Session, season: Season, objection: int, act: Act, *, reason: str, key: bytes
) -> tuple[str, str]:
    """Who objected and how they are reached; that somebody looked is itself an entry. Raises CannotReveal."""
    row = objection_of(session, season, objection)
    if not reason.strip():
        raise DecisionRefused(f"objection {objection}", "say why it has to be shown", "须写明为何查看")
    shown = tuple(reveal(key, getattr(row, name), place_of(row.id, name)) for name in ("objector", "contact"))
    note_objection(session, row, Trigger.SHOW_OBJECTOR, act, reason=reason)
    return shown[0], shown[1]


def _keep_evidence(session: Session, objection: int, files: Sequence[AttachedFile]) -> None:
    """Keep that files came with an objection, or with its answer, after those that are there."""
    known = select(func.count()).where(ObjectionEvidence.objection == objection)
    for position, file in enumerate(files, start=(session.scalar(known) or 0) + 1):
        session.add(
            ObjectionEvidence(
                objection=objection, position=position, name=file.name, digest=file.digest, size=file.size
            )
        )
    session.flush()


def _reconsider_until(season: Season, act: Act) -> datetime:
    return end_of_day(working_days_after(local_day(act.at), season.objections.reconsider_working_days))


def entered_as(session: Session, year: int, filed: Filed, key: bytes) -> int | None:
    """The number under which this letter was entered before; the same objection on another day is another one."""
    alike = select(Objection).where(
        Objection.season == year,
        Objection.number.is_not_distinct_from(filed.number or None),
        Objection.kind == filed.kind,
        Objection.received_on == filed.received_on,
        Objection.grounds == filed.grounds.strip(),
    )
    for known in session.scalars(alike.order_by(Objection.id)):
        if reveal(key, known.objector, place_of(known.id, "objector")) == filed.objector.strip():
            return known.id
    return None


def _next_objection(session: Session, year: int) -> int:
    """The season's next number, counted from year × 10,000, under the call's lock.

    Not the database's own counter: that keeps a hole where a transaction was cut off, and the history is the same
    whatever was cut off.
    """
    first = year * _OBJECTIONS_A_YEAR
    within = Objection.id.between(first, first + _OBJECTIONS_A_YEAR - 1)
    last = session.scalar(select(func.max(Objection.id)).where(within))
    return (last or first) + 1
