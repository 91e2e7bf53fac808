"""Engines and sessions: one transaction, one consistent view, clear errors, the same on both."""

import signal
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from config.settings import Settings
from models import Call, Lease
from models.database import DatabaseUnreachable, database_seconds, make_engine, reading, writing
from models.enums import CallState
from models.schema import upgrade
from tests.support.databases import Postgres


def names(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return list(session.scalars(select(Lease.name).order_by(Lease.name)))


def a_lease(name: str) -> Lease:
    return Lease(name=name, owner="示例", fence=1, expires=0)


def test_a_transaction_is_committed_at_its_end(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(a_lease("kept"))

    assert names(engine) == ["kept"]


def test_an_error_undoes_the_whole_transaction(engine: Engine) -> None:
    with pytest.raises(RuntimeError), writing(engine) as session:
        session.add(a_lease("lost"))
        session.flush()
        raise RuntimeError

    assert names(engine) == []


def test_a_reader_sees_one_moment_and_blocks_no_writer(engine: Engine) -> None:
    with reading(engine) as session:
        assert session.scalars(select(Lease.name)).all() == []
        with writing(engine) as other:
            other.add(a_lease("meanwhile"))

        assert session.scalars(select(Lease.name)).all() == []
    assert names(engine) == ["meanwhile"]


def test_a_reader_writes_nothing(engine: Engine) -> None:
    try:
        with reading(engine) as session:
            session.add(a_lease("sneaked in"))
            session.flush()
    except DBAPIError as refusal:  # PostgreSQL refuses at once, SQLite forgets
        assert "read-only" in str(refusal)

    assert names(engine) == []


def test_what_was_read_can_be_used_after_the_session(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(a_lease("x"))
    with reading(engine) as session:
        lease = session.get_one(Lease, "x")

    assert lease.owner == "示例"


def test_sqlite_checks_foreign_keys_and_writes_ahead(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'x.db'}")
    upgrade(engine)

    with reading(engine) as session:
        pragmas = [session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys", "synchronous")]
        assert pragmas == ["wal", 1, 2]
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.execute(text("INSERT INTO contact (number, name, phone, mail) VALUES ('x', '', '', '')"))
    engine.dispose()


def test_the_database_has_a_clock_of_its_own(engine: Engine) -> None:
    with reading(engine) as session:
        first, second = database_seconds(session), database_seconds(session)

    assert 1_700_000_000 < first <= second


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_way_to_write_a_postgresql_address_is_understood(postgres: Postgres, scheme: str) -> None:
    url = postgres.create("gangchuang_scheme").replace("postgresql+psycopg", scheme)
    engine = make_engine(url)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    postgres.drop("gangchuang_scheme")


def test_a_server_that_does_not_answer_is_an_error_without_the_password(tmp_path: Path) -> None:
    engine = make_engine(f"postgresql://gangchuang:secret@/db?host={tmp_path}")

    with (
        pytest.raises(DatabaseUnreachable, match="does not answer.*GANGCHUANG_DATABASE_URL") as caught,
        reading(engine) as session,
    ):
        session.execute(text("SELECT 1"))
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is a shopping list" * 100)

    with (
        pytest.raises(DatabaseUnreachable, match="not a database"),
        writing(make_engine(f"sqlite:///{path}")) as session,
    ):
        session.execute(text("SELECT 1"))


def test_a_folder_that_is_not_there_is_an_error_that_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(DatabaseUnreachable, match="unable to open"),
        writing(make_engine(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")) as session,
    ):
        session.execute(text("SELECT 1"))


def test_parameters_do_not_reach_an_error_text(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(a_lease("personal data"))

    with pytest.raises(IntegrityError) as caught, writing(engine) as session:
        session.execute(
            Lease.__table__.insert().values(name="personal data", owner="someone@example.invalid", fence=1, expires=0)
        )  # type: ignore[attr-defined]
    assert "someone@example.invalid" not in str(caught.value).split("DETAIL")[0]


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_begins_with_an_empty_migrated_database(engine: Engine, turn: int) -> None:
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(Call)) == 0, f"turn {turn}"
        assert session.scalar(text("SELECT version_num FROM alembic_version"))

    with writing(engine) as session:
        session.add(Call(season=2026, state=CallState.PLANNED, rules="{}", sequence=1, head="0" * 64))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["broken off", "crashed"])
def test_a_stopped_server_keeps_what_was_committed(postgres: Postgres, how: signal.Signals) -> None:
    engine = make_engine(postgres.create("stopped"))
    upgrade(engine)
    with writing(engine) as session:
        session.add(Call(season=2026, state=CallState.PLANNED, rules="{}", sequence=1, head="0" * 64))

    postgres.stop(how)
    with pytest.raises((DatabaseUnreachable, OperationalError)), reading(engine) as session:
        session.scalar(select(Call.season))

    postgres.start()
    with reading(engine) as session:
        assert session.scalar(select(Call.season)) == 2026
    engine.dispose()
    postgres.drop("stopped")


def test_a_home_has_settings_of_its_own(home_settings: Settings, database_url: str) -> None:
    assert home_settings.database == database_url
    assert home_settings.folder("inbox").is_dir()
