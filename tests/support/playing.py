"""Plays stages in a home of their own: a stepped clock, people who fill workbooks, and a look at all that is kept."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from config.clock import step_to
from config.milestones import Milestone
from config.season import Season
from config.settings import Settings
from flows.home import paths
from flows.kinds.table import layout_of
from flows.run import Ending, Result, Run
from flows.stage import play
from flows.workbooks.columns.mark import Mark
from flows.workbooks.writer.filling import fill_template
from flows.workbooks.writer.template import write_template
from models import Message, MilestoneDate
from models.database import reading, writing
from models.enums import MilestoneState, WorkbookKind
from models.queries import milestone_rows, season_in_force
from states.panel.aliases import OF_EXPERTS, Aliases

# Who works on what right now is no part of what is kept.
_PASSING = {"claim", "failure"}


@dataclass(frozen=True)
class Player:
    """One home with its database and its stepped clock."""

    settings: Settings
    engine: Engine
    year: int = 2026

    @property
    def home(self) -> Path:
        return self.settings.home.absolute()

    @property
    def season(self) -> Season:
        with reading(self.engine) as session:
            return season_in_force(session, self.year)

    def at(self, instant: datetime) -> None:
        """Move the home's clock."""
        step_to(self.home, instant)

    def play(
        self, stage: str, body: Callable[[Run], Ending], milestone: Milestone | None = None, **options: Any
    ) -> Result:
        """Play one stage at the clock's present instant."""
        return play(
            stage,
            self.year,
            body,
            engine=self.engine,
            settings=self.settings,
            at=self.settings.clock.now(),
            milestone=milestone,
            **options,
        )

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with writing(self.engine) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with reading(self.engine) as session:
            yield session

    def come_to(self, milestone: Milestone) -> None:
        """Everything that comes before a milestone is settled, and it is due."""
        with writing(self.engine) as session:
            for row in milestone_rows(session, self.year):
                if list(Milestone).index(Milestone(row.milestone)) < list(Milestone).index(milestone):
                    row.state, row.settled_at = MilestoneState.DONE, row.due_at
        self.at(self.due_at(milestone))

    def due_at(self, milestone: Milestone, ordinal: int = 1, unit: str = "") -> datetime:
        with reading(self.engine) as session:
            return session.get_one(MilestoneDate, (self.year, milestone.value, ordinal, unit)).due_at

    def issue(self, kind: WorkbookKind, recipient: str, *, rows: Iterable[Mapping[str, Any]] = ()) -> Path:
        """Issue a workbook as a stage would."""
        path = paths.issued(self.settings, self.year, recipient, kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_template(
            path,
            mark=Mark(self.year, recipient, kind, 1),
            key=self.settings.signing_key(),
            layout=layout_of(kind, self.season, recipient),
            season=self.season,
            recipient_name="示例",
            deadline=self.season.dates.close_season,
            rows=tuple(rows),
            created_at=self.season.dates.open_call,
        )
        return path

    def deliver(
        self, recipient: str, kind: WorkbookKind, rows: Iterable[Mapping[str, Any]], *, issue: int = 1, name: str = ""
    ) -> Path:
        """Fill the workbook that was issued to somebody and put it into their inbox; who knows aliases types these."""
        with self.reading() as session:
            aliases = Aliases.before(session, self.season, recipient) if kind in OF_EXPERTS else None
        rows = list(rows) if aliases is None else aliases.hide(list(rows))
        source = paths.issued(self.settings, self.year, recipient, kind, issue)
        return fill_template(source, self.inbox(recipient) / (name or f"{kind.label}.xlsx"), rows)

    def inbox(self, sender: str) -> Path:
        folder = self.home / "inbox" / sender
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def letters(self, beginning: str = "") -> list[str]:
        """Keys of the messages written so far, without the season."""
        with reading(self.engine) as session:
            keys = session.scalars(select(Message.key).order_by(Message.key)).all()
        return [key.partition("/")[2] for key in keys if key.partition("/")[2].startswith(beginning)]

    def kept(self) -> dict[str, Any]:
        """Everything that is kept: the rows of every table, the digest of every file of the home."""
        found: dict[str, Any] = {}
        with reading(self.engine) as session:
            for name, table in SQLModel.metadata.tables.items():
                if name not in _PASSING:
                    found[name] = sorted(map(repr, session.execute(select(table)).all()))
        for path in self.home.rglob("*"):
            if path.is_file() and not path.name.startswith(("gangchuang.db", "rehearsal.json")):
                found[str(path.relative_to(self.home))] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def points(season: Season, total: int) -> dict[str, int]:
    """A total as a person types it under the headings of the final round's rubric."""
    typed = {}
    for criterion in season.final_round.rubric:
        typed[f"{criterion.name}（满分{criterion.maximum}）"] = min(total, criterion.maximum)
        total -= min(total, criterion.maximum)
    return typed
