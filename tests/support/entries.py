"""Entries of the record as a test spells them out, put into a chain by what the transitions write with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from models import History
from models.enums import Trigger
from states.history import write
from states.history.seals import Seals
from states.machine import Act


def words(session: Session, entry: Any) -> str:
    """What somebody wrote as an entry's reason, which the entry itself bears as a seal."""
    return str(Seals(session, entry.season).show(entry.reason))


COLUMNS = tuple(History.__table__.columns.keys())  # type: ignore[attr-defined]


class Link(NamedTuple):
    """Where an entry goes: after this sequence and hash."""

    sequence: int
    head: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry before it has its place in the chain. `facts` is canonical JSON."""

    subject: str
    season: int
    at: datetime
    actor: str
    trigger: Trigger
    from_state: str
    to_state: str
    reason: str
    facts: str
    flow_run: str


def chain(entry: Entry, after: Link) -> tuple[dict[str, Any], Link]:
    """The history row that puts an entry after a link, and the new link."""
    act = Act(entry.actor, entry.at, entry.flow_run)  # type: ignore[arg-type]
    made = write.stamp(act, entry.season, entry.trigger, entry.from_state, entry.to_state, entry.reason)
    row = made(entry.subject, entry.facts, *after)
    return dict(zip(COLUMNS, row, strict=True)), Link(after.sequence + 1, row[-1])


def append(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write history rows given by their columns' names."""
    write.append(session, [tuple(row[name] for name in COLUMNS) for row in rows])
