"""Migrations: up from nothing and from every earlier revision with data in it, on both databases."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlmodel import SQLModel

from models.database import make_engine, reading, writing
from models.enums import CallState, SubmissionState
from models.schema import DatabaseTooNew, revisions, upgrade
from states.verification import verify
from tests.support.builders import a_season, a_submission


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


def test_every_earlier_revision_with_data_comes_up(bare_engine: Engine) -> None:
    """The first revision is filled as a season leaves it; later ones carry those rows along."""
    first, *later = revisions()
    upgrade(bare_engine, first)
    if not later:
        with writing(bare_engine) as session:
            a_season(session, state=CallState.PUBLISHED)
            for state in SubmissionState:
                a_submission(session, state)

    for revision in later:
        upgrade(bare_engine, revision)
        assert version_of(bare_engine) == revision

    upgrade(bare_engine)
    with reading(bare_engine) as session:
        assert verify(session) == []


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
