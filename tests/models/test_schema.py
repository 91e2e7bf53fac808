"""Migrations: up from nothing and from every earlier revision with data in it, on both databases."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel

from models import Consent
from models.database import make_engine, reading, writing
from models.enums import ConsentKind, MessageState
from models.migrations.rules import DataBreaksRule
from models.schema import DatabaseTooNew, RowsOfNothing, revisions, upgrade
from states.audit.verify import verify
from states.maintenance.stuck_messages import post_message
from tests.support.builders import a_season, a_submission
from tests.support.revision_data import bring_to
from tests.support.tampering import lift_protections

A_MESSAGE = {
    "key": "2026/one",
    "season": 2026,
    "recipient": "a@example.invalid",
    "subject": "示例",
    "body": "示例",
    "attachments": "[]",
    "state": MessageState.WAITING,
    "written_at": datetime(2026, 3, 2, tzinfo=UTC),
    "not_before": 0.0,
    "attempts": 0,
    "problem": "",
}


BECAME_TABLES = {"submission": {"consent"}}


def version_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def test_an_empty_database_comes_up_to_the_newest_revision(bare_engine: Engine) -> None:
    upgrade(bare_engine)

    assert version_of(bare_engine) == revisions()[-1]
    assert set(inspect(bare_engine).get_table_names()) == {*SQLModel.metadata.tables, "alembic_version"}


def test_the_migrated_schema_is_the_one_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, SQLModel.metadata) == []


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        a_submission(session)

    upgrade(engine)

    with reading(engine) as session:
        assert verify(session) == []


@pytest.mark.parametrize("revision", revisions())
def test_every_revision_with_data_comes_up_whole(bare_engine: Engine, revision: str) -> None:
    """Given the rows that a season left in a schema, when it is upgraded, then they are all there, guarded, and go on."""
    bring_to(bare_engine, revision)
    before = rows_of(bare_engine)
    assert all(before.values()), "there are rows in every table"
    if revision < "0019":
        before.pop("objection")  # cut anew: `test_what_earlier_versions_answered_keeps_its_meaning`

    upgrade(bare_engine)

    assert version_of(bare_engine) == revisions()[-1]
    assert _but_emptied(rows_of(bare_engine, like=before), revision) == _but_emptied(before, revision)
    with reading(bare_engine) as session:
        assert verify(session) == []
    with writing(bare_engine) as session:
        a_submission(session)
        assert verify(session) == [], "the record goes on"
    for table in ("history", "publication_leaf"):
        for statement in (f"UPDATE {table} SET hash = hash", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), writing(bare_engine) as session:
                session.execute(text(statement))
    assert leftovers(bare_engine) == []
    with bare_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_one_consent_for_everybody_becomes_what_it_asked_for(bare_engine: Engine) -> None:
    """Given one with consent, one without, when the schema is upgraded, each name and the abstract have that answer."""
    bring_to(bare_engine, "0016")
    refused = "2026-500103-0001"
    lift_protections(bare_engine)
    with bare_engine.begin() as connection:
        change = text("UPDATE history SET facts = replace(facts, :given, :refused) WHERE subject = :subject")
        words = {"given": '"consent":true', "refused": '"consent":false', "subject": f"submission/{refused}"}
        connection.execute(change, words)
        people = connection.scalar(text("SELECT count(*) FROM contributor"))
        submissions = connection.scalar(text("SELECT count(*) FROM submission"))

    upgrade(bare_engine)

    with reading(bare_engine) as session:
        rows = session.scalars(select(Consent).order_by(Consent.number, Consent.kind)).all()
    assert [(row.kind, row.given) for row in rows if row.number == refused] == [
        (ConsentKind.ABSTRACT, False),
        (ConsentKind.NAME, False),
    ]
    assert Counter(row.kind for row in rows if row.number != refused and row.given) == {
        ConsentKind.ABSTRACT: submissions - 1,
        ConsentKind.NAME: people - 1,
    }


@pytest.mark.parametrize("revision", ["0001", "0018"])
def test_what_earlier_versions_answered_keeps_its_meaning(bare_engine: Engine, revision: str) -> None:
    """An open objection stands as accepted, an answered one as closed, with what was found and by whom."""
    bring_to(bare_engine, revision)
    before = rows_of(bare_engine)["objection"]

    upgrade(bare_engine)

    after = rows_of(bare_engine)
    rulings = {row["objection"]: row for row in after["objection_ruling"]}
    assert [row["id"] for row in after["objection"]] == [row["id"] for row in before] == [1, 2]
    for old, new in zip(before, after["objection"], strict=True):
        kept = ("number", "grounds", "objector", "received_at", "due_at")
        assert [new[name] for name in kept] == [old[name] for name in kept]
        assert (new["season"], new["kind"], new["contact"]) == (2026, None, "")
        assert new["state"] == ("accepted" if old["state"] == "open" else "closed")
        assert new["settled_at"] == old["answered_at"]
        found = rulings.get(old["id"])
        assert (found is None) == (old["state"] == "open")
        if found is not None:
            assert (found["result"], found["answer"]) == ("removed", old["answer"])
            assert (found["investigator"], found["decided_at"]) == (old["officer"], old["answered_at"])


def test_the_migrated_rules_are_those_of_the_models(bare_engine: Engine) -> None:
    """Checks, keys, references and indexes: after all revisions with data in them, and made straight from the models."""
    bring_to(bare_engine, revisions()[0])
    upgrade(bare_engine)
    migrated = rules_of(bare_engine)
    everything = MetaData()
    everything.reflect(bare_engine)
    everything.drop_all(bare_engine)

    SQLModel.metadata.create_all(bare_engine)

    assert migrated == rules_of(bare_engine)


def test_rows_that_break_a_new_rule_stop_the_upgrade_and_are_named(bare_engine: Engine) -> None:
    bring_to(bare_engine, "0004")
    with bare_engine.begin() as connection:
        connection.execute(text("UPDATE submission SET place = 0 WHERE state = 'awarded'"))
    before = rows_of(bare_engine)

    with pytest.raises(DataBreaksRule, match=r"1 row\(s\) of the table submission break the rule \(place >= 1\)"):
        upgrade(bare_engine)

    assert (version_of(bare_engine), rows_of(bare_engine)) == ("0004", before)


def test_rows_of_nothing_stop_the_upgrade_and_are_named(tmp_path: Path) -> None:
    """Only SQLite can hold such rows: PostgreSQL looks all the time."""
    engine = make_engine(f"sqlite:///{tmp_path / 'strays.db'}")
    bring_to(engine, "0004")
    with sqlite3.connect(tmp_path / "strays.db") as careless:
        careless.execute("DELETE FROM expert WHERE id = 'E0001'")

    with pytest.raises(RowsOfNothing, match=r"score \(to expert\)"):
        upgrade(engine)

    assert version_of(engine) == "0004"
    engine.dispose()


def test_a_migrated_database_still_guards_its_words(bare_engine: Engine) -> None:
    for revision in revisions():
        upgrade(bare_engine, revision)
    with writing(bare_engine) as session:
        post_message(session, **A_MESSAGE)

    with pytest.raises(IntegrityError), writing(bare_engine) as session:
        session.execute(text("UPDATE message SET state = 'lost'"))


def rows_of(engine: Engine, like: Mapping[str, list[dict[str, object]]] | None = None) -> dict[str, list[Any]]:
    """Every row of every table as the driver gives it; with `like`, only the tables and columns that are there."""
    found = {}
    with engine.connect() as connection:
        inspector = inspect(connection)
        known = inspector.get_table_names() if like is None else like
        for name in set(known) - {"alembic_version"}:
            columns = [column["name"] for column in inspector.get_columns(name)]
            if like:
                assert set(like[name][0]) - set(columns) <= BECAME_TABLES.get(name, set())
                columns = [column for column in like[name][0] if column in columns]
            listed = ", ".join(f'"{column}"' for column in columns)
            rows = connection.execute(text(f'SELECT {listed} FROM "{name}"')).mappings().all()
            found[name] = sorted((dict(row) for row in rows), key=repr)
    return found


def _but_emptied(rows: dict[str, list[Any]], revision: str) -> dict[str, list[Any]]:
    """Without the keys of names, which a step empties for `bring_up` to make them anew, and what became a table."""
    emptied = {"submission": {"title_key"}, "expert": {"name_key", "organisation_key"}} if revision < "0009" else {}
    emptied["submission"] = {*emptied.get("submission", ()), "consent"}
    return {
        table: [{name: value for name, value in row.items() if name not in emptied.get(table, ())} for row in found]
        for table, found in rows.items()
    }


def rules_of(engine: Engine) -> dict[str, Any]:
    """Checks, keys, indexes and references of every table, by name and by what they say."""
    inspector = inspect(engine)
    return {
        name: (
            sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(name)),
            sorted(sorted(constraint["column_names"]) for constraint in inspector.get_unique_constraints(name)),
            sorted((index["name"], index["column_names"]) for index in inspector.get_indexes(name)),
            sorted((key["constrained_columns"], key["referred_table"]) for key in inspector.get_foreign_keys(name)),
            inspector.get_pk_constraint(name)["constrained_columns"],
        )
        for name in SQLModel.metadata.tables
    }


def leftovers(engine: Engine) -> list[str]:
    return sorted({*inspect(engine).get_table_names()} - {*SQLModel.metadata.tables, "alembic_version"})


def test_a_database_of_a_newer_version_is_refused_and_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseTooNew, match="schema 9999"):
        upgrade(engine)

    assert version_of(engine) == "9999"


def test_an_upgrade_that_fails_leaves_nothing_behind(bare_engine: Engine) -> None:
    with bare_engine.begin() as connection:
        connection.execute(text("CREATE TABLE submission (number INTEGER)"))

    with pytest.raises(Exception, match="already exists"):
        upgrade(bare_engine)

    assert inspect(bare_engine).get_table_names() == ["submission"]


def test_two_processes_that_start_together_upgrade_one_after_the_other(bare_database_url: str) -> None:
    problems: list[Exception] = []

    def start() -> None:
        engine = make_engine(bare_database_url)
        try:
            upgrade(engine)
        except Exception as problem:
            problems.append(problem)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert problems == []
    engine = make_engine(bare_database_url)
    assert version_of(engine) == revisions()[-1]
    engine.dispose()


def test_workbooks_that_only_letters_numbered_keep_their_numbers(bare_engine: Engine) -> None:
    bring_to(bare_engine, "0006")
    told = ("expert_invitation/E0001/1", "expert_replacement/E0001/2", "expert_replacement/E0001/900")
    with writing(bare_engine) as session:
        year = session.scalar(text("SELECT max(season) FROM call"))
        for key in (*told, "expert_reminder/E0001/1", "ballot/office/office/1", "ballot/E0002/2"):
            # As the revision's own program wrote it: today's knows more columns.
            row = {**A_MESSAGE, "key": f"{year}/{key}", "season": year, "state": MessageState.WAITING.value}
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            session.execute(text(f"INSERT INTO message ({names}) VALUES ({values})"), row)

    upgrade(bare_engine)

    with reading(bare_engine) as session:
        query = "SELECT recipient, kind, occasion, issue FROM issued_workbook WHERE kind <> 'submissions' ORDER BY 1, 4"
        assert [tuple(row) for row in session.execute(text(query))] == [
            ("E0001", "scores", "", 1),
            ("E0001", "scores", "further/2", 2),
            ("E0001", "scores", "re_review", 900),
            ("E0002", "votes", "further/2", 2),
            ("office", "votes", "further/1", 1),
        ]
