"""The databases that the tests run on are real, separate and can be stopped."""

import signal

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError

from config.settings import Settings
from models import Call
from models.database import DatabaseUnreachable, make_engine, reading, writing
from models.enums import CallState
from models.schema import upgrade
from tests.support.databases import Postgres


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
