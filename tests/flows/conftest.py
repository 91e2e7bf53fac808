"""Homes in which stages are played."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.settings import Settings, settings
from models.database import make_engine
from tests.support.playing import Player


@pytest.fixture
def player(fresh_home: Path, _sqlite_template: Path) -> Iterator[Player]:
    """A home on SQLite with an empty, migrated database."""
    shutil.copy(_sqlite_template, fresh_home / "gangchuang.db")
    engine = make_engine(settings().database)
    yield Player(settings(), engine)
    engine.dispose()


@pytest.fixture
def player_on_both(home_settings: Settings, engine: Engine) -> Player:
    """A home with an empty, migrated database, once on SQLite and once on PostgreSQL."""
    return Player(home_settings, engine)
