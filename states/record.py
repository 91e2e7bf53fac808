"""The record (操作留痕): one append-only hash chain per subject.

    hash = SHA-256(previous hash ‖ canonical JSON of the entry)

The first previous hash is 32 zero bytes. The canonical JSON holds the entry's columns but
for the two hashes, keys sorted, no spaces, UTF-8, no floating-point numbers (their printing
differs between languages; decimals are strings).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from models import History
from models.database import insert_many

ZERO = "0" * 64
_COLUMNS = tuple(History.__table__.columns.keys())
_in_order = itemgetter(*_COLUMNS)
_dumps = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class NotRecordable(TypeError):
    """A programming error: a fact that has no one canonical form."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry before it has its place in the chain. `facts` is canonical JSON."""

    subject: str
    season: int
    at: datetime
    actor: str
    trigger: str
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
    return _hash(
        row["previous_hash"],
        at=row["at"],
        actor=row["actor"],
        facts=row["facts"],
        flow_run=row["flow_run"],
        from_state=row["from_state"],
        reason=row["reason"],
        season=row["season"],
        sequence=row["sequence"],
        subject=row["subject"],
        to_state=row["to_state"],
        trigger=row["trigger"],
    )


def chain(entry: Entry, after: Link) -> tuple[dict[str, Any], Link]:
    """The history row that puts an entry after a link, and the new link."""
    row = {
        "subject": entry.subject,
        "sequence": after.sequence + 1,
        "season": entry.season,
        "at": instant_text(entry.at),
        "actor": entry.actor,
        "trigger": entry.trigger,
        "from_state": entry.from_state,
        "to_state": entry.to_state,
        "reason": entry.reason,
        "facts": entry.facts,
        "flow_run": entry.flow_run,
        "previous_hash": after.head,
    }
    row["hash"] = entry_hash(row)
    return row, Link(row["sequence"], row["hash"])


def append(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write history rows. A sequence already taken fails: somebody else was faster."""
    insert_many(session, History.__tablename__, _COLUMNS, [_in_order(row) for row in rows])


def _hash(
    previous_hash: str,
    *,
    at: str,
    actor: str,
    facts: str,
    flow_run: str,
    from_state: str,
    reason: str,
    season: int,
    sequence: int,
    subject: str,
    to_state: str,
    trigger: str,
) -> str:
    # Keys in sorted order; `facts` is canonical JSON already and is embedded as it stands.
    quoted = encode_basestring
    body = (
        f'{{"actor":{quoted(actor)},"at":{quoted(at)},"facts":{facts},"flow_run":{quoted(flow_run)},'
        f'"from_state":{quoted(from_state)},"reason":{quoted(reason)},"season":{season},"sequence":{sequence},'
        f'"subject":{quoted(subject)},"to_state":{quoted(to_state)},"trigger":{quoted(trigger)}}}'
    )
    return hashlib.sha256(bytes.fromhex(previous_hash) + body.encode()).hexdigest()


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
