"""What every command needs first: the installation's settings, database, clock and the acting officer.

Command modules import what loads SQLAlchemy within their commands, so that help and completion answer at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.errors import GangchuangError
from config.local_time import ZONE, minute

if TYPE_CHECKING:
    from prefect import Flow
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from config.settings import Settings
    from flows.run import Ending, Result, Run
    from states.machine import Act

Year = Annotated[int, typer.Argument(help="the season's year")]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable")]
ActingOfficer = Annotated[str, typer.Option("--by", help="the acting officer")]


class FileNotWritten(GangchuangError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} cannot be written ({reason}). Name a file in a folder that you may write to.")


@dataclass(frozen=True)
class Installation:
    """One installation, opened for one command at one instant."""

    settings: Settings
    engine: Engine
    at: datetime

    def reading(self) -> AbstractContextManager[Session]:
        from models.database import reading

        return reading(self.engine)

    def writing(self) -> AbstractContextManager[Session]:
        from models.database import writing

        return writing(self.engine)

    def act_of(self, session: Session, year: int, officer_name: str) -> Act:
        """An officer's act at this instant. Raises SeasonNotPlanned, NotAnOfficer."""
        from models.queries import season_in_force
        from states.machine import Act
        from states.officers import officer

        return Act(officer(season_in_force(session, year), officer_name), self.at)

    def play(self, stage: str, year: int, body: Callable[[Run], Ending], *, dry_run: bool = False) -> Result:
        """Play what is no stage of the year as one is played; raises what `flows.stage.play` raises."""
        from flows.stage import play

        return play(stage, year, body, engine=self.engine, settings=self.settings, at=self.at, dry_run=dry_run)


def opened() -> Installation:
    """Open the installation that the environment names. Raises HomeNotWritable, DatabaseUnreachable, DatabaseTooNew."""
    from config.settings import settings
    from models.database import make_engine
    from states.objections.earlier import encrypt_earlier
    from states.submissions.identity import bring_up

    own = settings()
    own.folder()
    engine = make_engine(own.database)
    bring_up(engine)
    encrypt_earlier(engine, own.objectors_key, own.clock.now())
    return Installation(own, engine, own.clock.now())


def acted(flow: Flow[..., Any], **given: Any) -> dict[str, Any]:
    """Do what a flow does, here; where a server is there, it stands in its dashboard. Raises what the flow does."""
    from config.settings import settings
    from flows.engine import recorded

    return recorded.acted(flow, settings(), **given)


def print_json(value: object) -> None:
    """A value for programs: dataclasses by their fields, instants in ISO 8601 and local time, words by their codes."""

    def told(other: Any) -> Any:
        if is_dataclass(other) and not isinstance(other, type):
            return asdict(other)
        return other.astimezone(ZONE).isoformat() if isinstance(other, datetime) else str(other)

    print(json.dumps(value, ensure_ascii=False, indent=2, default=told))


def print_result(result: dict[str, object]) -> None:
    """What a stage did, a line each."""
    for name, value in result.items():
        if value not in ("", None):
            print(f"{name}: {value}")


def local(instant: datetime) -> str:
    """An instant as operators read it, with its zone."""
    return f"{minute(instant)} {ZONE.key}"


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """What the disk refuses of a file that was asked for is a sentence. Raises FileNotWritten."""
    try:
        yield
    except OSError as problem:
        raise FileNotWritten(path, problem.strerror or str(problem)) from problem
