"""Fixtures of every test: databases of both kinds, and an empty home."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from config.settings import Settings, settings
from models.database import make_engine
from tests.support.databases import TEMPLATE, Postgres, migrated_sqlite

if TYPE_CHECKING:
    from tests.support.playing import Player

BOTH = ("sqlite", "postgresql")

# As every process of a home has it.
os.umask(0o077)
# Processes that tests start have this checkout's packages, which are installed below another name.
ROOT = str(Path(__file__).parents[1])
os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([ROOT, *os.environ.get("PYTHONPATH", ROOT).split(os.pathsep)]))


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Postgres]:
    """One server a process: with pytest-xdist every worker has its own and may stop it."""
    server = Postgres()
    try:
        server.start()
        server.make_template()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres(_cluster: Postgres) -> Postgres:
    """A running PostgreSQL server that the test may stop and start."""
    _cluster.start()
    return _cluster


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated_sqlite(tmp_path_factory.mktemp("template") / "gangchuang.db")


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty, migrated database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        template = request.getfixturevalue("_sqlite_template")
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'gangchuang.db')}"
        return
    server = request.getfixturevalue("postgres")
    yield server.create("gangchuang_test", TEMPLATE)
    server.start()
    server.drop("gangchuang_test")


@pytest.fixture(params=BOTH)
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    server = request.getfixturevalue("postgres")
    yield server.create("gangchuang_bare")
    server.start()
    server.drop("gangchuang_bare")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty, migrated database; the test runs on SQLite and on PostgreSQL."""
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def bare_engine(bare_database_url: str) -> Iterator[Engine]:
    """An engine on a database without any table; the test runs on SQLite and on PostgreSQL."""
    made = make_engine(bare_database_url)
    yield made
    made.dispose()


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """An empty folder as the installation's home; nothing of the caller's environment shows through.

    Nor of an engine that runs beside the tests, but for those that ask for it.
    """
    others = ("GANGCHUANG_",) if "running_engine" in request.fixturenames else ("GANGCHUANG_", "PREFECT_API_")
    for name in [name for name in os.environ if name.startswith(others)]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("GANGCHUANG_HOME", str(home))
    monkeypatch.setenv("GANGCHUANG_LEAST_FREE_MIB", "1")
    settings.cache_clear()
    yield home
    settings.cache_clear()


@pytest.fixture(scope="session")
def played_backup(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Path:
    """A backup of a small season that was played to its end, on SQLite; tests that use it share a worker."""
    from states.maintenance.backup import backup
    from tests.support.played import play_season
    from tests.support.playing import Player

    folder = tmp_path_factory.mktemp("played")
    own = Settings(home=folder / "home", database_url="")
    own.folder()
    shutil.copy(_sqlite_template, own.home / "gangchuang.db")
    made = make_engine(own.database)
    play_season(Player(own, made))
    backup(made, own.home, folder / "played.zip")
    made.dispose()
    return folder / "played.zip"


@pytest.fixture
def played(home_settings: Settings, engine: Engine, played_backup: Path) -> "Player":
    """The played season in a home of its own, restored once into SQLite and once into PostgreSQL, its pages out."""
    from flows.publish.release import publish
    from states.maintenance.restore import restore
    from tests.support.playing import Player

    restore(played_backup, engine, home_settings.home, invariants=())
    publish(home_settings, engine, home_settings.clock.now())
    return Player(home_settings, engine)


@pytest.fixture
def home_settings(fresh_home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home whose database is empty and migrated, on both kinds of database."""
    assert fresh_home.is_dir()
    monkeypatch.setenv("GANGCHUANG_DATABASE_URL", database_url)
    settings.cache_clear()
    return settings()
