"""What was planted in every column that holds words is looked for in everything public, and in its own place alone found."""

import json
from collections.abc import Iterator
from itertools import count, product
from typing import Any

from sqlalchemy import Column, String, Table, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from flows.publish.release import publish
from models import Contributor, Organisation
from models.columns import DecimalText, EnumText
from models.enums import Trigger
from states.history.canonical import call_subject
from states.history.read import latest_facts
from states.machine import Act
from states.submissions.settle import revoke
from states.transitions import note_call
from tests.support.builders import OFFICE
from tests.support.played import HIDDEN
from tests.support.playing import Player
from tests.support.tampering import lift_protections

# Columns of text that hold nobody's words: what the record itself says, words of closed lists, digests, keys, paths, codes.
NOT_WORDS = {
    "history": {
        *["at", "actor", "trigger", "from_state", "to_state", "reason", "facts", "flow_run", "previous_hash", "hash"]
    },
    "call": {"rules", "draw_seed", "seal_key", "head"},
    "submission": {"unit", "head", "fingerprint", "field"},
    "certificate": {"number"},
    "picture": {"digest", "encoded"},
    "follow_up": {"adoption"},
    "good_practice": {"unit", "content"},
    "follow_up_picture": {"digest", "encoded"},
    "placing": {"scores"},
    "publication": {"root"},
    "publication_leaf": {"hash"},
    "submission_version": {"content", "digest", "salt"},
    "score": {"points"},
    "district_verdict": {"points"},
}
# Where a word may be public: of an award or a report of good practice, what its people released.
RELEASED = {
    ("submission", "title"),
    ("organisation", "name"),
    ("contributor", "name"),
    ("picture", "alt"),
    ("follow_up_picture", "alt"),
    ("good_practice", "title"),
    ("good_practice", "organisation"),
}
# What the form says is printed: why something was struck from the list, and who decided that.
PRINTED = {("placing", "struck"), ("approval", "officer")}
SIGNS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳"
NAMES = iter([f"栽{first}{second}" for first, second in product(SIGNS, SIGNS)])


def planted(numbers: Iterator[int]) -> tuple[str, str, str]:
    """A name, a telephone and a firm that stand nowhere else."""
    name = next(NAMES)
    return name, f"139{next(numbers):08d}", f"示例{name}机械厂"


def words_of(table: Table) -> list[Column[Any]]:
    """The columns of a table into which somebody's words may have come."""
    keys = {*table.primary_key.columns, *(key.parent for key in table.foreign_keys)}
    of_text = (
        column
        for column in table.c
        if isinstance(getattr(column.type, "impl_instance", column.type), String) and column not in keys
    )
    bound = (EnumText, DecimalText)
    return [
        column
        for column in of_text
        if not isinstance(column.type, bound) and column.name not in NOT_WORDS.get(table.name, ())
    ]


def test_no_name_telephone_or_firm_that_was_planted_is_public(played: Player) -> None:
    sown: dict[tuple[str, ...], tuple[str, str]] = {}
    act, numbers = Act(OFFICE, played.settings.clock.now()), count(1)
    with played.writing() as session:
        for trigger in (Trigger.MOVE_DATE, Trigger.APPROVE, Trigger.ADMIT_LATE):
            sown[words := planted(numbers)] = "history", "reason"
            told = latest_facts(session, call_subject(2026), trigger)
            note_call(session, 2026, trigger, act, reason="，".join(words), facts=told)
    lift_protections(played.engine)
    with played.writing() as session:
        for table in SQLModel.metadata.sorted_tables:
            for column in words_of(table):
                sown |= dict.fromkeys(sow(session, table, column, numbers), (table.name, column.name))
        person, firm = (
            session.scalars(select(kind.name).where(kind.number == HIDDEN)).first()
            for kind in (Contributor, Organisation)
        )
        revoke(session, HIDDEN, act, reason=f"{firm}的{person}弄虚作假")

    publish(played.settings, played.engine, played.settings.clock.now(), afresh=True)

    pages = [path.read_bytes() for path in (played.home / "site").rglob("*") if path.is_file()]
    public = b"\n".join(pages).decode("utf-8", "ignore")
    found = {place for words, place in sown.items() for word in words if word in public}
    print(
        f"{played.engine.dialect.name}: {3 * len(sown)} words in {len({*sown.values()})} columns; public: {sorted(found)}"
    )
    assert found <= RELEASED | PRINTED
    assert found >= PRINTED, "the test sees what is there"
    assert len(sown) >= 200
    assert (person in public, firm in public) == (False, False)
    assert "（未公开）的（未公开）弄虚作假" in public, "the reason itself is printed, without whom nobody may name"


def sow(session: Session, table: Table, column: Column[Any], numbers: Iterator[int]) -> Iterator[tuple[str, str, str]]:
    """Plants words in a column of some rows; yields them, unless the database takes no such thing there."""
    # Only what was struck from the list has a reason for that.
    worded = (column != "",) if column.name == "struck" else ()
    for row in session.execute(select(*table.primary_key.columns).where(*worded)).all()[:4]:
        words = planted(numbers)
        own = (key == value for key, value in zip(table.primary_key.columns, row, strict=True))
        value = json.dumps(words) if column.name == "problems" else "，".join(words)
        try:
            with session.begin_nested():
                session.execute(update(table).where(*own).values({column.name: value}))
        except DBAPIError:
            continue
        yield words
