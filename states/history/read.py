"""Reads the record as it lies in the database: in order, without trust, row after row."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, String, literal, or_, select, type_coerce
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from models import (
    Call,
    History,
    Submission,
)
from models.database import row_batches
from models.enums import Cause, SubmissionState, Trigger
from models.history import PublicationLeaf
from states.history import canonical
from states.history.canonical import call_subject
from states.machine import Actor

COLUMNS = tuple(History.model_fields)
_BATCH = 100
Row = Mapping[str, Any]


def read_entries(session: Session, season: int | None = None) -> Iterator[dict[str, Any]]:
    """Every history entry (of a season) by subject and sequence, exactly as kept, however bent."""
    query = select(*(getattr(History, name) for name in COLUMNS))
    if season is not None:
        query = query.where(or_(*_of_season(History.subject, season), History.season == season))
    return _stream(session, query.order_by(in_byte_order(session, History.subject), History.sequence))


def latest_trigger(session: Session, subject: str, triggers: Sequence[Trigger]) -> str:
    """The latest of some triggers in a subject's history; empty when there was none."""
    last = (
        select(History.trigger)
        .where(History.subject == subject, History.trigger.in_(triggers))
        .order_by(History.sequence.desc())
        .limit(1)
    )
    return session.scalar(last) or ""


def count_causes(
    session: Session, season: int, actor: Actor, trigger: Trigger, source: SubmissionState | None = None
) -> Counter[Cause | None]:
    """How often somebody did something to submissions of a season (in a state, or any), by the record and by cause.

    A run that follows a killed one finds the work done, and tells the same of it.
    """
    session.flush()
    query = select(History.reason, History.facts).where(
        History.season == season,
        History.actor == str(actor),
        History.trigger == trigger,
        History.subject.like(canonical.submission_subject("%")),
    )
    if source is not None:
        query = query.where(History.from_state == source.value)
    return Counter(cause_of(reason, json.loads(facts)) for reason, facts in session.execute(query))


def cause_of(reason: str, facts: Mapping[str, Any]) -> Cause | None:
    """The cause that an entry has as a fact.

    Entries of earlier versions have only their sentence, and cannot be given the fact: the record is append-only,
    and its hashes are published. Here, and nowhere else, is such a sentence read.
    """
    if "cause" in facts:
        return Cause(facts["cause"])
    return next((cause for cause in Cause if reason.partition("：")[0] == cause.label), None)


def latest_entry(session: Session, subject: str, trigger: Trigger) -> tuple[str, dict[str, Any]]:
    """Instant (as text) and facts of the latest entry of a trigger in a subject's history; empty when there was none."""
    last = (
        select(History.at, History.facts)
        .where(History.subject == subject, History.trigger == trigger)
        .order_by(History.sequence.desc())
        .limit(1)
    )
    at, written = session.execute(last).one_or_none() or ("", "{}")
    facts = json.loads(written)
    return facts.get("as_of", at), facts


def latest_facts(session: Session, subject: str, trigger: Trigger) -> dict[str, Any]:
    """The facts alone of `latest_entry`."""
    return latest_entry(session, subject, trigger)[1]


def entries_of(session: Session, subject: str, triggers: Sequence[Trigger]) -> list[dict[str, Any]]:
    """The entries of some triggers in a subject's history, in their order, exactly as kept."""
    query = select(*(getattr(History, name) for name in COLUMNS)).where(
        History.subject == subject, History.trigger.in_(triggers)
    )
    return [dict(zip(COLUMNS, row, strict=True)) for row in session.execute(query.order_by(History.sequence))]


def every_facts(session: Session, subject: str, trigger: Trigger) -> list[dict[str, Any]]:
    """The facts of every entry of a trigger in a subject's history, in their order."""
    query = select(History.facts).where(History.subject == subject, History.trigger == trigger)
    return [json.loads(written) for written in session.scalars(query.order_by(History.sequence))]


def read_standings(session: Session, season: int | None = None) -> Iterator[dict[str, Any]]:
    """Where every call and submission stands by its own row, with its subject; enums as plain text."""
    yield from sorted(_calls(session, season), key=lambda call: str(call["subject"]))
    subject = (literal(canonical.submission_subject("")) + Submission.number).label("subject")
    words = [
        type_coerce(getattr(Submission, name), String).label(name)
        for name in ("state", "archived_from", "outcome", "tier")
    ]
    query = select(subject, Submission.season, *words, Submission.sequence, Submission.head)
    if season is not None:
        query = query.where(Submission.season == season)
    yield from _stream(session, query.order_by(in_byte_order(session, Submission.number)))


def read_leaves(session: Session, season: int | None = None) -> Iterator[dict[str, Any]]:
    """The leaves kept of every publication, by subject."""
    leaf = PublicationLeaf
    kind = type_coerce(leaf.kind, String).label("kind")
    query = select(leaf.season, kind, leaf.ordinal, leaf.subject, leaf.sequence, leaf.hash)
    if season is not None:
        query = query.where(leaf.season == season)
    return _stream(session, query.order_by(in_byte_order(session, leaf.subject), leaf.season, "kind", leaf.ordinal))


def by_subject(*streams: Iterator[Mapping[str, Any]]) -> Iterator[tuple[str, tuple[list[Mapping[str, Any]], ...]]]:
    """Streams of rows, each ordered by subject, as one: every subject in order with its rows of each stream."""
    groups = [groupby(stream, key=itemgetter("subject")) for stream in streams]
    heads = [_head(group) for group in groups]
    while names := [head[0] for head in heads if head]:
        subject = min(names)
        parts: list[list[Mapping[str, Any]]] = []
        for index, head in enumerate(heads):
            if head and head[0] == subject:
                parts.append(list(head[1]))
                heads[index] = _head(groups[index])
            else:
                parts.append([])
        yield subject, tuple(parts)


def _head(groups: Iterator[tuple[Any, Iterator[Row]]]) -> tuple[str, Iterator[Row]] | None:
    """The next subject of a stream with its rows; None at its end."""
    for subject, rows in groups:
        if isinstance(subject, str):
            return subject, rows
        # What a bent column may hold on SQLite: numbers and nothing lie before all text there, bytes after it.
        return f"\U0010ffff{subject!r}" if isinstance(subject, bytes) else f"\0{subject!r}", rows
    return None


def in_byte_order(session: Session, column: Any) -> ColumnElement[Any]:
    """The column ordered as its UTF-8 bytes, whatever the database's own language."""
    collation = "C" if session.get_bind().dialect.name == "postgresql" else "BINARY"
    ordered: ColumnElement[Any] = column.collate(collation)
    return ordered


@lru_cache(maxsize=16)
def season_of_subject(subject: str) -> int | None:
    """The season that a subject bears, or None for what is no subject."""
    kind, _, name = subject.partition("/")
    year = name if kind == "call" else name.partition("-")[0] if kind == "submission" else ""
    return int(year) if year.isascii() and year.isdigit() else None


def _of_season(column: Any, season: int) -> tuple[ColumnElement[bool], ...]:
    return column == canonical.call_subject(season), column.like(canonical.submission_subject(f"{season}-%"))


def _calls(session: Session, season: int | None) -> Iterator[dict[str, Any]]:
    query = select(Call.season, type_coerce(Call.state, String).label("state"), Call.sequence, Call.head)
    if season is not None:
        query = query.where(Call.season == season)
    for row in session.execute(query):
        blank = {"archived_from": None, "outcome": None, "tier": None}
        yield {"subject": canonical.call_subject(row.season), **row._mapping, **blank}


def _stream(session: Session, query: Executable) -> Iterator[dict[str, Any]]:
    session.flush()
    return chain.from_iterable(_batches(session.connection(), query))


def _batches(connection: Connection, query: Executable) -> Iterator[list[dict[str, Any]]]:
    """The rows of a query in batches. Text of broken bytes comes through, where SQLite would not read such a row."""
    done = 0
    try:
        for batch in row_batches(connection, query, _BATCH):
            yield batch
            done += 1
    except OperationalError:
        if connection.dialect.name != "sqlite":
            raise
        with _undecoded(connection):
            yield from islice(row_batches(connection, query, _BATCH), done, None)


@contextmanager
def _undecoded(connection: Connection) -> Iterator[None]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    before, driver.text_factory = driver.text_factory, _lenient
    try:
        yield
    finally:
        driver.text_factory = before


def _lenient(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def is_erased(session: Session, year: int) -> bool:
    """Whether the record says that a season's personal data is deleted."""
    return latest_trigger(session, call_subject(year), (Trigger.ERASE_PERSONAL_DATA,)) == Trigger.ERASE_PERSONAL_DATA


def forgotten_deliveries(session: Session) -> set[tuple[int, str]]:
    """Season and digest of the deliveries whose files were deleted because somebody named in them asked for it."""
    rows = session.execute(select(History.season, History.facts).where(History.trigger == Trigger.ERASE_PERSON))
    return {(season, digest) for season, facts in rows for digest in json.loads(facts).get("deliveries", ())}


def told_by_deletions(session: Session, year: int) -> list[tuple[str, dict[str, Any]]]:
    """Instant and facts of every deletion at somebody's request in a season, in their order."""
    query = select(History.at, History.facts).where(History.season == year, History.trigger == Trigger.ERASE_PERSON)
    rows = session.execute(query.order_by(History.at, History.subject, History.sequence))
    return [(at, json.loads(facts)) for at, facts in rows]


def erased_seasons(session: Session) -> set[int]:
    """The seasons whose personal data the record says is deleted."""
    return set(session.scalars(select(History.season).where(History.trigger == Trigger.ERASE_PERSONAL_DATA).distinct()))
