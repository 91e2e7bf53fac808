"""Migrations: up from nothing and from every earlier revision with data in it, on both databases."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from models.database import make_engine, reading, writing
from models.enums import CallState, MessageState, SubmissionState
from models.queries import post_message
from models.schema import DatabaseTooNew, revisions, upgrade
from states.verification import verify
from tests.support.builders import a_season, a_submission
from tests.support.databases import TEMPLATE, migrated_sqlite

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


@pytest.fixture
def filled(bare_engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A season in the newest schema, in a database of the same kind as the bare one."""
    if bare_engine.dialect.name == "sqlite":
        made = make_engine(f"sqlite:///{migrated_sqlite(tmp_path / 'filled.db')}")
    else:
        made = make_engine(request.getfixturevalue("postgres").create("gangchuang_filled", TEMPLATE))
    with writing(made) as session:
        a_season(session, state=CallState.PUBLISHED)
        for state in SubmissionState:
            a_submission(session, state)
        post_message(session, **A_MESSAGE)
    yield made
    made.dispose()


@pytest.mark.parametrize("revision", revisions())
def test_every_earlier_revision_with_data_comes_up(bare_engine: Engine, filled: Engine, revision: str) -> None:
    """An older schema holds a season as far as it has its columns; the upgrade carries those rows along."""
    upgrade(bare_engine, revision)
    kept = copy_rows(filled, bare_engine)

    upgrade(bare_engine)

    assert version_of(bare_engine) == revisions()[-1]
    assert {name: count for name, count in rows_of(bare_engine).items() if name in kept} == kept
    with reading(bare_engine) as session:
        assert verify(session) == []


def test_a_migrated_database_still_guards_its_words(bare_engine: Engine) -> None:
    for revision in revisions():
        upgrade(bare_engine, revision)
    with writing(bare_engine) as session:
        post_message(session, **A_MESSAGE)

    with pytest.raises(IntegrityError), writing(bare_engine) as session:
        session.execute(text("UPDATE message SET state = 'lost'"))


def copy_rows(source: Engine, target: Engine) -> dict[str, int]:
    """Copy what an older schema has room for. Returns how many rows of each table."""
    inspector, counts = inspect(target), {}
    tables = [one.name for one in SQLModel.metadata.sorted_tables if inspector.has_table(one.name)]
    known = {name: [one["name"] for one in inspector.get_columns(name)] for name in tables}
    with source.connect() as old, target.begin() as new:
        for name, columns in known.items():
            listed = ", ".join(f'"{one}"' for one in columns)
            rows = old.execute(text(f'SELECT {listed} FROM "{name}"')).mappings().all()
            if rows:
                marks = ", ".join(f":{one}" for one in columns)
                new.execute(text(f'INSERT INTO "{name}" ({listed}) VALUES ({marks})'), [dict(row) for row in rows])
            counts[name] = len(rows)
    return counts


def rows_of(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        names = SQLModel.metadata.tables
        return {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in names}


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
