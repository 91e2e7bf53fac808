"""What is wrong with an installation at this moment, from its database alone: `status`, `doctor` and `health` say it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from config.local_time import ZONE
from config.milestones import Chore, Milestone
from models import Lease, Message
from models.database import database_seconds
from models.enums import CallState, MessageState
from models.queries import call_state, milestone_rows, planned_seasons
from states.failures import TOLD_FROM, failures
from states.final_round.approval import waits_for_approval
from states.guard_facts import dated
from states.rules.calendar.timetable import due
from states.standstill import InstantImplausible, plausible_until

_LATE = timedelta(hours=1)


class Level(IntEnum):
    """How bad it is; the exit status of `health`."""

    FINE = 0
    WATCH = 1
    ACT = 2


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong, in a sentence that names the way out."""

    level: Level
    sentence: str


def troubles(session: Session, at: datetime, years: Sequence[int] | None = None) -> list[Trouble]:
    """Everything that is wrong, the worst first; `years` are all planned seasons unless named."""
    planned = planned_seasons(session)
    found = [*_clock(session, planned)]
    for year in planned if years is None else years:
        found += [
            *_ahead(session, year, at),
            *_failing(session, year),
            *_late(session, year, at),
            *_mail(session, year, at),
        ]
    return sorted(found, key=lambda trouble: -trouble.level)


def _clock(session: Session, planned: Sequence[int]) -> Iterator[Trouble]:
    if all(call_state(session, year) is CallState.CLOSED for year in planned):
        return
    expires = session.scalar(select(Lease.expires).where(Lease.name == "clock"))
    if expires is None:
        yield Trouble(Level.WATCH, "no clock has looked at this database yet: start `gangchuang serve`")
        return
    silent = database_seconds(session) - expires
    if silent > 0:
        sentence = f"the clock stands still: its lease ran out {timedelta(seconds=int(silent))} ago, nothing is started"
        yield Trouble(Level.ACT, f"{sentence}. Start `gangchuang serve` again; logs/clock.log says why it stopped")
        return
    heard = session.scalar(select(Lease.expires).where(Lease.name == "server"))
    dumb = 0.0 if heard is None else database_seconds(session) - heard
    if dumb > 0:
        sentence = f"the Prefect server gives no answer, and its lease ran out {timedelta(seconds=int(dumb))} ago"
        yield Trouble(Level.ACT, f"{sentence}: `serve` starts it again after two minutes; logs/server.log says more")


def _ahead(session: Session, year: int, at: datetime) -> Iterator[Trouble]:
    until = plausible_until(session, year)
    if at > until:
        yield Trouble(Level.ACT, str(InstantImplausible(year, at, until)))


def _failing(session: Session, year: int) -> Iterator[Trouble]:
    for failure in failures(session, year):
        what = f"{failure.stage} {year}" + (f", {failure.subject}" if failure.subject else "")
        times = f"failed {failure.attempts} time(s) since {_local(failure.first_failed_at)}, last at {_local(failure.failed_at)}"
        acute = failure.attempts >= TOLD_FROM or failure.stage == Chore.DELIVER_MESSAGES
        yield Trouble(Level.ACT if acute else Level.WATCH, f"{what} {times}: {failure.problem}")


def _late(session: Session, year: int, at: datetime) -> Iterator[Trouble]:
    waiting = {Milestone.OPEN_PUBLIC_NOTICE} if waits_for_approval(session, year) else set()
    for step in due(dated(milestone_rows(session, year)), at, waiting=waiting):
        if not step.skip and step.dated.due_at <= at - _LATE:
            since = f"was due at {_local(step.dated.due_at)} and is not done"
            stage = "remind" if step.dated.milestone.is_reminder else step.dated.milestone
            yield Trouble(
                Level.ACT, f"{step.key} of {year} {since}: `gangchuang run {stage} {year} --dry-run` says why"
            )


def _mail(session: Session, year: int, at: datetime) -> Iterator[Trouble]:
    own = select(func.count(), func.min(Message.written_at)).where(Message.season == year)
    stuck, _ = session.execute(own.where(Message.state == MessageState.STUCK)).one()
    if stuck:
        yield Trouble(Level.WATCH, f"{stuck} message(s) stuck: see `gangchuang mail {year}`")
    waiting = col(Message.state).in_((MessageState.WAITING, MessageState.SENDING))
    count, oldest = session.execute(own.where(waiting, Message.written_at <= at - _LATE)).one()
    if count:
        yield Trouble(Level.ACT, f"{count} message(s) wait since {_local(oldest)}: see `gangchuang mail {year}`")


def _local(instant: datetime) -> str:
    return f"{instant.astimezone(ZONE):%Y-%m-%d %H:%M}"
