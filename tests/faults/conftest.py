"""The undisturbed beginning of the small season, once a process."""

from pathlib import Path

import pytest

from tests.faults.compare import Picture
from tests.faults.season_process import picture, played
from tests.flows.conftest import player, player_on_both


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """What a home holds after the first third of the season, on SQLite; it is the same on PostgreSQL."""
    home: Path = tmp_path_factory.mktemp("undisturbed") / "home"
    played(home)
    return picture(home)


__all__ = ["player", "player_on_both", "undisturbed"]
