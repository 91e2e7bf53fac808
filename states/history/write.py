"""Writes the record: what puts an entry into its subject's chain. `states.transitions` alone imports it."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from models import History
from models.database import insert_many, table_of
from models.enums import Trigger
from states.history.canonical import NotRecordable, hash_of, instant_text, shared_texts
from states.machine import Act

_COLUMNS = tuple(table_of(History).columns.keys())
_WORDS = frozenset(Trigger)
EntryValues = tuple[Any, ...]  # one history row, in the order of its columns; its hash is the last


def stamp(
    act: Act, season: int, trigger: Trigger, source: str, target: str, reason: str = ""
) -> Callable[[str, str, int, str], EntryValues]:
    """Makes the rows of one step from (subject, facts as canonical JSON, and sequence and hash of the entry before).

    What they share is spelt once. Raises NotRecordable for a word that is no Trigger.
    """
    if trigger not in _WORDS:
        raise NotRecordable(f"the record has no word {trigger!r}; its words are those of Trigger")
    # Plain words: a driver takes them as they are, members of an enum only after asking around.
    at, actor, word = instant_text(act.at), str(act.actor), str(trigger)
    texts = shared_texts(actor, at, act.flow_run, source, reason, season, target, word)
    shared = (season, at, actor, word, source, target, reason)

    def row(subject: str, facts: str, after: int, previous: str) -> EntryValues:
        own = hash_of(previous, texts, facts, after + 1, subject)
        return (subject, after + 1, *shared, facts, act.flow_run, previous, own)

    return row


def append(session: Session, rows: Sequence[EntryValues]) -> None:
    """Write history rows. A sequence already taken fails: somebody else was faster."""
    insert_many(session, table_of(History), _COLUMNS, rows)
