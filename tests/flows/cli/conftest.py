"""The command line as people call it: words in; exit status and what was printed out."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from config.settings import settings
from flows.cli import main
from models.enums import CallState
from tests.support.builders import a_season
from tests.support.playing import Player

Gangchuang = Callable[..., "Answer"]


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    status: int
    out: str
    err: str


@pytest.fixture
def gangchuang(player: Player, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gangchuang:
    """Runs one command in the player's home."""
    monkeypatch.setenv("COLUMNS", "200")
    # No server of another test is asked to record what is done here.
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert settings() == player.settings

    def run(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["gangchuang", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as ending:
            status = int(ending.code or 0)
        said = capsys.readouterr()
        return Answer(status, said.out, said.err)

    return run


@pytest.fixture
def opened(player: Player) -> Player:
    """A season whose call is open; the clock stands in April."""
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
    player.at(season.dates.open_call.replace(month=4))
    return player
