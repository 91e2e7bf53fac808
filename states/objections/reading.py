"""What others may know of objections: counts and changes for the public, what is owed for the office. No names."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.calendar import is_working_day
from config.local_time import ZONE, end_of_day, local_day
from config.season import Season
from models import Objection, ObjectionRuling, Placing
from models.enums import (
    OPEN_OBJECTIONS,
    NotAccepted,
    ObjectionKind,
    ObjectionResult,
    ObjectionState,
    Tier,
    Trigger,
)
from states.history.canonical import call_subject
from states.history.read import every_facts
from states.rules.grouping import grouped

_BEFORE_DUE = 3  # working days


@dataclass(frozen=True, slots=True)
class ObjectionLine:
    """One objection as anybody may see it. `result` is that of the answer in force; None while there is none.

    `number`: of the submission, empty where it is about none. `settled_on`: day after which nothing can follow.
    """

    objection: int
    number: str
    kind: ObjectionKind | None
    state: ObjectionState
    refusal: NotAccepted | None
    result: ObjectionResult | None
    tier: Tier | None
    received_on: date
    answered_on: date | None
    settled_on: date | None

    @property
    def published_reason(self) -> str:
        """What a page says of it: words of closed lists alone."""
        kind = f"（{self.kind.label}）" if self.kind else ""
        tier = f"为{self.tier.label}" if self.tier else ""
        found = self.refusal or self.result or self.state
        return f"{found.label}{tier}{kind}"


@dataclass(frozen=True, slots=True)
class OwedAnswer:
    """An objection whose answer the office owes; `overdue` since `due_at`."""

    objection: int
    number: str
    state: ObjectionState
    due_at: datetime
    overdue: bool
    investigator: str


@dataclass(frozen=True, slots=True)
class MovedUp:
    """Who took the place of one that an objection had removed, and until when their own notice runs."""

    number: str
    before: Tier | None
    tier: Tier
    notice_until: datetime | None


def objection_lines(session: Session, year: int) -> list[ObjectionLine]:
    """Every objection of a season, in the order in which they were entered."""
    decided = (
        select(ObjectionRuling)
        .join(Objection, Objection.id == ObjectionRuling.objection)
        .where(Objection.season == year, ObjectionRuling.result.is_not(None))
        .order_by(ObjectionRuling.objection, ObjectionRuling.ordinal)
    )
    rulings = grouped((ruling.objection, ruling) for ruling in session.scalars(decided))
    rows = session.scalars(select(Objection).where(Objection.season == year).order_by(Objection.id))
    return [_line(row, rulings.get(row.id, ())) for row in rows]


def _line(row: Objection, rulings: Sequence[ObjectionRuling]) -> ObjectionLine:
    last = rulings[-1] if rulings else None
    return ObjectionLine(
        objection=row.id,
        number=row.number or "",
        kind=row.kind,
        state=row.state,
        refusal=row.refusal,
        result=last.result if last else None,
        tier=last.tier if last else None,
        received_on=row.received_on or local_day(row.received_at),
        answered_on=local_day(last.decided_at) if last and last.decided_at else None,
        settled_on=local_day(row.settled_at) if row.settled_at else None,
    )


def objection_counts(session: Session, year: int) -> Counter[tuple[ObjectionKind | None, str]]:
    """How many objections by kind and by what became of them: the label of a result, a refusal or a state."""
    return Counter(
        (line.kind, (line.refusal and ObjectionState.NOT_ACCEPTED.label) or (line.result or line.state).label)
        for line in objection_lines(session, year)
    )


def owed_answers(session: Session, year: int, at: datetime) -> list[OwedAnswer]:
    """What the office still has to decide or answer, the most urgent first."""
    waiting = select(Objection).where(Objection.season == year, Objection.state.in_(OPEN_OBJECTIONS))
    rows = session.scalars(waiting.order_by(Objection.due_at, Objection.id)).all()
    named = select(ObjectionRuling.objection, ObjectionRuling.investigator).order_by(ObjectionRuling.ordinal)
    who = {row.objection: row.investigator for row in session.execute(named)}
    return [
        OwedAnswer(row.id, row.number or "", row.state, row.due_at, row.due_at < at, who.get(row.id, ""))
        for row in rows
    ]


def suspended_numbers(session: Session, year: int) -> list[str]:
    """The submissions whose award waits for the answer to an objection."""
    query = select(Objection.number).where(
        Objection.season == year, Objection.number.is_not(None), Objection.state.in_(OPEN_OBJECTIONS)
    )
    return sorted({number for number in session.scalars(query) if number})


def to_be_closed(session: Session, year: int, at: datetime) -> list[int]:
    """Answered objections of which nobody asked for a reconsideration in time."""
    answered = (ObjectionState.REJECTED, ObjectionState.UPHELD)
    query = select(Objection.id).where(
        Objection.season == year, Objection.state.in_(answered), Objection.reconsider_until < at
    )
    return list(session.scalars(query.order_by(Objection.id)))


def noticed_by_now(session: Session, year: int, at: datetime) -> list[str]:
    """Those who moved up and whose own notice is over."""
    query = select(Placing.number).where(Placing.season == year, Placing.notice_until < at)
    return list(session.scalars(query.order_by(Placing.number)))


def moved_up(session: Session, year: int) -> list[MovedUp]:
    """Everybody who moved up in a season, in the order in which it happened."""
    found = []
    for facts in every_facts(session, call_subject(year), Trigger.MOVE_UP):
        for number, before, tier in facts["moved"]:
            until = None if before else datetime.fromisoformat(facts["notice_until"])
            found.append(MovedUp(number, Tier(before) if before else None, Tier(tier), until))
    return found


def reminders_of(season: Season, objection: Objection) -> tuple[datetime, datetime]:
    """When an answer that is owed is called to mind: at half time, and three working days before it is due."""
    received = end_of_day(objection.received_on) if objection.received_on else objection.received_at
    day, left = local_day(objection.due_at), _BEFORE_DUE
    while left:
        day -= timedelta(days=1)
        left -= is_working_day(day)
    early = datetime(day.year, day.month, day.day, season.reminders.hour, tzinfo=ZONE)
    return received + (objection.due_at - received) / 2, early
