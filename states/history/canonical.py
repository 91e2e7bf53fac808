"""The record (操作留痕): one append-only hash chain per subject.

    hash = SHA-256(previous hash ‖ canonical JSON of the entry)

The first previous hash is 32 zero bytes. The canonical JSON holds the entry's columns but
for the two hashes, keys sorted, no spaces, UTF-8, no floating-point numbers (their printing
differs between languages; decimals are strings).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

ZERO = "0" * 64
# Of the record of a season, in its first entry: since 2, an entry is dated no earlier than the one before it; since 3,
# what people write (reasons, what is missing) stands in it as a seal; since 4, what came in has an entry, and who experts
# are, what they declared, sentences of the list and what units sent something back for are sealed in it.
VERSION = 4
SEALED_TEXTS_SINCE = 3
ROWS_BOUND_SINCE = 4
# What the hashed text of one entry shares with the other entries of the same step, as `shared_texts` takes it.
_shared_of = itemgetter("actor", "at", "flow_run", "from_state", "reason", "season", "to_state", "trigger")
Texts = tuple[str, str, str]
_dumps = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class NotRecordable(TypeError):
    """A programming error: a fact that has no one canonical form, or a word that the record does not have."""


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
    return hash_of(row["previous_hash"], shared_texts(*_shared_of(row)), row["facts"], row["sequence"], row["subject"])


@lru_cache(maxsize=256)
def shared_texts(
    actor: str, at: str, flow_run: str, from_state: str, reason: str, season: int, to_state: str, trigger: str
) -> Texts:
    """What the canonical JSON of all entries of one step shares: before, between and after what is each one's own."""
    # Keys in sorted order: actor, at, facts, flow_run, from_state, reason, season, sequence, subject, to_state, trigger.
    quoted = encode_basestring
    return (
        f'{{"actor":{quoted(actor)},"at":{quoted(at)},"facts":',
        f',"flow_run":{quoted(flow_run)},"from_state":{quoted(from_state)},"reason":{quoted(reason)},'
        f'"season":{season},"sequence":',
        f',"to_state":{quoted(to_state)},"trigger":{quoted(trigger)}}}',
    )


def hash_of(previous: str, texts: Texts, facts: str, sequence: int, subject: str) -> str:
    """An entry's hash, from the hash before it and its canonical JSON; `facts` is such already and stands as it is."""
    before, between, after = texts
    body = f'{before}{facts}{between}{sequence},"subject":{encode_basestring(subject)}{after}'
    return sha256(bytes.fromhex(previous) + body.encode()).hexdigest()


_EXACT = frozenset({str, int, bool, type(None)})


def _refuse_vague(value: Any) -> None:
    if type(value) in _EXACT:
        return
    if isinstance(value, dict | Mapping):
        for key, part in value.items():
            if not isinstance(key, str):
                raise NotRecordable(f"the key {key!r} is not text")
            _refuse_vague(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_vague(part)
    elif value is not None and not isinstance(value, str | int | bool):
        raise NotRecordable(f"{value!r} ({type(value).__name__}) has no canonical form; record it as text")
