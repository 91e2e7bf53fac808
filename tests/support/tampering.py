"""Changes the past as somebody with full rights over the database could, protections lifted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Inspector, inspect, select, text
from sqlalchemy.orm import Session

from models import History, Publication
from states.history.canonical import ZERO, entry_hash
from states.history.read import COLUMNS, read_entries
from states.roots import kept_root

Row = dict[str, Any]


def lift_protections(engine: Engine) -> None:
    """Take away every trigger and CHECK constraint that guards the record, for good."""
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX placing_one_a_position"))
        if engine.dialect.name == "sqlite":
            triggers = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in connection.execute(triggers).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
            return
        for table in ("history", "publication_leaf"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        inspector: Inspector = inspect(connection)
        for table in inspector.get_table_names():
            for check in inspector.get_check_constraints(table):
                connection.execute(text(f'ALTER TABLE "{table}" DROP CONSTRAINT "{check["name"]}"'))
            for key in inspector.get_foreign_keys(table):
                connection.execute(text(f'ALTER TABLE "{table}" DROP CONSTRAINT "{key["name"]}"'))


@contextmanager
def undone(engine: Engine) -> Iterator[Session]:
    """A session in which anything may be written; all of it is rolled back."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            connection.rollback()
            # A pragma on foreign keys does nothing within a transaction.
            connection.connection.driver_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        with Session(connection) as session:
            yield session
            session.rollback()


def chain_of(session: Session, subject: str) -> list[Row]:
    return [row for row in read_entries(session) if row["subject"] == subject]


def set_column(session: Session, row: Row, column: str, value: Any) -> None:
    """Change one column of one entry. Raw bytes become SQLite text as they are."""
    assert column in COLUMNS
    placed = "CAST(:value AS TEXT)" if isinstance(value, bytes) else ":value"
    statement = f'UPDATE history SET "{column}" = {placed} WHERE subject = :subject AND sequence = :sequence'
    changed = session.execute(text(statement), {"value": value, "subject": row["subject"], "sequence": row["sequence"]})
    assert changed.rowcount == 1


def delete_entry(session: Session, row: Row) -> None:
    key = {"subject": row["subject"], "sequence": row["sequence"]}
    session.execute(text("DELETE FROM history WHERE subject = :subject AND sequence = :sequence"), key)


def insert_entry(session: Session, row: Row) -> None:
    session.execute(History.__table__.insert(), [row])  # type: ignore[attr-defined]


def swap_entries(session: Session, entry: Row, other: Row) -> None:
    """Give each of two entries of a chain the other's place."""
    delete_entry(session, entry)
    delete_entry(session, other)
    insert_entry(session, {**entry, "sequence": other["sequence"]})
    insert_entry(session, {**other, "sequence": entry["sequence"]})


def hash_anew(session: Session, subject: str, start: int = 1, *, head: bool = False, leaves: bool = False) -> None:
    """Recompute a chain's hashes from an entry on; if asked, in its row and in the leaves too."""
    previous = ZERO
    for row in chain_of(session, subject):
        if row["sequence"] >= start:
            row = {**row, "previous_hash": previous}
            row["hash"] = entry_hash(row)
            set_column(session, row, "previous_hash", previous)
            set_column(session, row, "hash", row["hash"])
        previous = row["hash"]
        if leaves:
            key = {"hash": previous, "subject": subject, "sequence": row["sequence"]}
            where = "WHERE subject = :subject AND sequence = :sequence"
            session.execute(text(f"UPDATE publication_leaf SET hash = :hash {where}"), key)
    if head:
        set_head(session, subject, sequence=len(chain_of(session, subject)), head=previous)


def set_head(session: Session, subject: str, *, sequence: int, head: str) -> None:
    """Change what a subject's row knows of its chain's end."""
    kind, _, key = subject.partition("/")
    column, value = ("season", int(key)) if kind == "call" else ("number", key)
    statement = f"UPDATE {kind} SET sequence = :sequence, head = :head WHERE {column} = :key"
    changed = session.execute(text(statement), {"sequence": sequence, "head": head, "key": value})
    assert changed.rowcount == 1


def remove_subject(session: Session, subject: str, *, with_row: bool, with_leaves: bool, with_rest: bool) -> None:
    """Remove a submission's history; if asked its row, its leaves, and every row that belongs to it."""
    session.execute(text("DELETE FROM history WHERE subject = :subject"), {"subject": subject})
    number = subject.partition("/")[2]
    if with_leaves:
        session.execute(text("DELETE FROM publication_leaf WHERE subject = :subject"), {"subject": subject})
    if with_rest:
        for table in (
            "contact",
            "contributor",
            "organisation",
            "submission_version",
            "district_verdict",
            "score",
            "assignment",
            "placing",
        ):
            session.execute(text(f'DELETE FROM "{table}" WHERE number = :number'), {"number": number})
    if with_row:
        session.execute(text("DELETE FROM submission WHERE number = :number"), {"number": number})


def make_anew(session: Session, subject: str, entry: Row, facts: str) -> dict[str, str]:
    """What an insider can do: change one entry, and all hashes, leaves, roots and kept letters consistently after it.

    Returns the new root by the old one.
    """
    set_column(session, entry, "facts", facts)
    hash_anew(session, subject, head=True, leaves=True)
    became: dict[str, str] = {}
    for publication in session.scalars(select(Publication).order_by(Publication.published_at)).all():
        old, call = publication.root, f"call/{publication.season}"
        new = kept_root(session, publication.season, publication.kind, publication.ordinal).root
        became[old] = new
        for row in chain_of(session, call):
            if old in row["facts"]:
                set_column(session, row, "facts", row["facts"].replace(old, new))
        for table, column in (("publication", "root"), ("message", "body")):
            changed = f"UPDATE {table} SET {column} = replace({column}, :old, :new)"
            session.execute(text(changed), {"old": old, "new": new})
        hash_anew(session, call, head=True, leaves=True)
    session.expire_all()
    return became
