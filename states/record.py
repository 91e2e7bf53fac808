"""The record (操作留痕): one append-only hash chain per subject.

    hash = SHA-256(previous hash ‖ canonical JSON of the entry)

The first previous hash is 32 zero bytes. The canonical JSON holds the entry's columns but
for the two hashes, keys sorted, no spaces, UTF-8, no floating-point numbers (their printing
differs between languages; decimals are strings).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from models import History
from models.database import insert_many
from models.enums import Trigger

ZERO = "0" * 64
# Of the record of a season, in its first entry: since 2, an entry is dated no earlier than the one before it.
VERSION = 2
_COLUMNS = tuple(History.__table__.columns.keys())
# What the hashed text of one entry shares with the other entries of the same step.
_SHARED = ("actor", "at", "flow_run", "from_state", "reason", "season", "to_state", "trigger")
_in_order = itemgetter(*_COLUMNS)
_WORDS = frozenset(Trigger)
Row = tuple[Any, ...]  # one history row, in the order of its columns
_Texts = tuple[str, str, str]
_dumps = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class NotRecordable(TypeError):
    """A programming error: a fact that has no one canonical form, or a word that the record does not have."""


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


class Link(NamedTuple):
    """Where an entry goes: after this sequence and hash."""

    sequence: int
    head: str


def canonical(facts: Mapping[str, Any]) -> str:
    """Facts as canonical JSON text. Raises NotRecordable for floats and other vague values."""
    _refuse_vague(facts)
    return _dumps(facts)


@lru_cache(maxsize=64)
def instant_text(at: datetime) -> str:
    """An aware instant as recorded: ISO 8601, UTC, microseconds."""
    if at.tzinfo is None:
        raise NotRecordable(f"the instant {at} has no zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def submission_subject(number: str) -> str:
    return f"submission/{number}"


def call_subject(season: int) -> str:
    return f"call/{season}"


def entry_hash(row: Mapping[str, Any]) -> str:
    """Hash of one history row given as a mapping of its columns."""
    shared = {name: row[name] for name in _SHARED}
    return _hash(row["previous_hash"], _texts(**shared), row["facts"], row["sequence"], row["subject"])


def chain(entry: Entry, after: Link) -> tuple[dict[str, Any], Link]:
    """The history row that puts an entry after a link, and the new link."""
    row = stamp(
        season=entry.season,
        at=entry.at,
        actor=entry.actor,
        trigger=entry.trigger,
        from_state=entry.from_state,
        to_state=entry.to_state,
        reason=entry.reason,
        flow_run=entry.flow_run,
    )(entry.subject, entry.facts, *after)
    return dict(zip(_COLUMNS, row, strict=True)), Link(after.sequence + 1, row[-1])


def stamp(
    *,
    season: int,
    at: datetime,
    actor: str,
    trigger: Trigger,
    from_state: str,
    to_state: str,
    reason: str,
    flow_run: str,
) -> Callable[[str, str, int, str], Row]:
    """Makes the rows of one step from (subject, facts as canonical JSON, *link); what they share is spelt once.

    Raises NotRecordable for a word that is no Trigger.
    """
    if trigger not in _WORDS:
        raise NotRecordable(f"the record has no word {trigger!r}; its words are those of Trigger")
    written_at, word = instant_text(at), str(trigger)
    texts = _texts(actor, written_at, flow_run, from_state, reason, season, to_state, word)
    shared = (season, written_at, actor, word, from_state, to_state, reason)

    def row(subject: str, facts: str, after: int, previous: str) -> Row:
        own = _hash(previous, texts, facts, after + 1, subject)
        return (subject, after + 1, *shared, facts, flow_run, previous, own)

    return row


def append(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write history rows. A sequence already taken fails: somebody else was faster."""
    append_rows(session, [_in_order(row) for row in rows])


def append_rows(session: Session, rows: Sequence[Row]) -> None:
    """`append` for rows as `stamp` makes them."""
    insert_many(session, History.__tablename__, _COLUMNS, rows)


def _texts(
    actor: str, at: str, flow_run: str, from_state: str, reason: str, season: int, to_state: str, trigger: str
) -> _Texts:
    # Keys in sorted order: actor, at, facts, flow_run, from_state, reason, season, sequence, subject, to_state, trigger.
    quoted = encode_basestring
    return (
        f'{{"actor":{quoted(actor)},"at":{quoted(at)},"facts":',
        f',"flow_run":{quoted(flow_run)},"from_state":{quoted(from_state)},"reason":{quoted(reason)},'
        f'"season":{season},"sequence":',
        f',"to_state":{quoted(to_state)},"trigger":{quoted(trigger)}}}',
    )


def _hash(previous: str, texts: _Texts, facts: str, sequence: int, subject: str) -> str:
    # `facts` is canonical JSON already and is embedded as it stands.
    before, between, after = texts
    body = f'{before}{facts}{between}{sequence},"subject":{encode_basestring(subject)}{after}'
    return sha256(bytes.fromhex(previous) + body.encode()).hexdigest()


_EXACT = frozenset({str, int, bool, type(None)})


def _refuse_vague(value: Any) -> None:
    if type(value) in _EXACT:
        return
    if isinstance(value, dict | Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotRecordable(f"the key {key!r} is not text")
            _refuse_vague(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_vague(item)
    elif value is not None and not isinstance(value, str | int | bool):
        raise NotRecordable(f"{value!r} ({type(value).__name__}) has no canonical form; record it as text")
