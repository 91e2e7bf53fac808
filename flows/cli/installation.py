"""What every command needs first: the installation's settings, database, clock and the acting officer.

Command modules import what loads SQLAlchemy within their commands, so that help and completion answer at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from config.errors import GangchuangError
from config.local_time import ZONE

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from config.season import Season
    from config.settings import Settings
    from states.machine import Actor


class FileNotWritten(GangchuangError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} cannot be written ({reason}). Name a file in a folder that you may write to.")


@dataclass(frozen=True)
class Opened:
    """One installation, opened for one command at one instant."""

    settings: Settings
    engine: Engine
    at: datetime

    def acting(self, session: Session, year: int, name: str) -> tuple[Season, Actor]:
        """The season in force and the officer who acts. Raises SeasonNotPlanned, NotAnOfficer."""
        from models.queries import season_in_force
        from states.officers import officer

        season = season_in_force(session, year)
        return season, officer(season, name)


def opened() -> Opened:
    """Open the installation that the environment names. Raises HomeNotWritable, DatabaseUnreachable, DatabaseTooNew."""
    from config.settings import settings
    from models.database import make_engine
    from states.submissions.identity import bring_up

    own = settings()
    own.folder()
    engine = make_engine(own.database)
    bring_up(engine)
    return Opened(own, engine, own.clock.now())


def show(result: dict[str, object]) -> None:
    """What a stage did, a line each."""
    for name, value in result.items():
        if value not in ("", None):
            print(f"{name}: {value}")


def local(instant: datetime) -> str:
    """An instant as operators read it, with its zone."""
    return f"{instant.astimezone(ZONE):%Y-%m-%d %H:%M} {ZONE.key}"


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """What the disk refuses of a file that was asked for is a sentence. Raises FileNotWritten."""
    try:
        yield
    except OSError as problem:
        raise FileNotWritten(path, problem.strerror or str(problem)) from problem
