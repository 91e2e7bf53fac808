"""One playing of one stage, as its body sees it: its season, its instant, its transactions, its findings, its ending."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.season import Season
from config.settings import Settings
from flows.engine.artifacts import progress
from flows.engine.tasks import PieceKind, in_task, may_pass
from flows.home.files import write_atomically
from models.database import writing
from models.enums import Trigger
from states.leases import HeldLease, LeaseLost, hold
from states.machine import Act

log = logging.getLogger("gangchuang.stage")
Item = TypeVar("Item")
Made = TypeVar("Made")


class StageFailed(GangchuangError):
    """Some items of a stage failed; the others are done. The stage is not settled and may be run again."""

    def __init__(self, stage: str, failures: Mapping[str, str], lines: Mapping[str, str]) -> None:
        self.stage, self.failures, self.lines = stage, failures, lines
        listed = "\n".join(f"  - {piece}: {problem}" for piece, problem in failures.items())
        super().__init__(f"{stage}: {len(failures)} item(s) failed; the others are done. Run it again.\n{listed}")


class AskedInVain(GangchuangError):
    """What was asked of a stage is nothing that it does; asking otherwise mends it."""


@dataclass(frozen=True)
class Ending:
    """How a stage ends: the call's trigger (or only a note), and the facts that go into the record.

    `waiting` is what it still waits for, as operators read it; `chinese`, as the office does.
    """

    trigger: Trigger | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    case: Mapping[str, Any] = field(default_factory=dict)
    waiting: str = ""
    chinese: str = ""


@dataclass(frozen=True)
class Result:
    """What a stage did. `outcome`: done, already_done, not_due, waiting, failed or dry_run.

    `explanation` is the operators' sentence, `chinese` the office's.
    """

    stage: str
    season: int
    outcome: str
    at: datetime
    lines: tuple[tuple[str, str], ...] = ()
    explanation: str = ""
    chinese: str = ""

    def sentences(self) -> list[str]:
        return ([self.explanation] if self.explanation else []) + [f"{name}: {value}" for name, value in self.lines]


@dataclass
class Run:
    """One playing of one stage: its season, its act (with its one instant), its lease, its findings.

    Of its `failures`, `marks` tells each from what may come in its place; what is `resting` was not tried.
    It is `patient` while nothing failed that may pass in a moment. Of a stage that several runs share, `part` is what
    it works on, `whole` how many pieces of how many were done before, and `own` how many of them here.
    """

    stage: str
    season: Season
    act: Act
    engine: Engine
    settings: Settings
    unit: str = ""
    ordinal: int = 1
    dry_run: bool = False
    held: HeldLease | None = None
    part: HeldLease | None = None
    lines: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    resting: set[str] = field(default_factory=set)
    messages: int = 0
    pieces: tuple[int, int] = (0, 0)
    patient: bool = True
    discarded: list[Path] = field(default_factory=list)
    whole: tuple[int, int] | None = None
    own: int = 0
    _rehearsal: Session | None = None

    @property
    def at(self) -> datetime:
        return self.act.at

    @property
    def year(self) -> int:
        return self.season.year

    @contextmanager
    def step(self) -> Iterator[Session]:
        """One transaction, fenced by the lease; once it is committed, the files go that were `discarded` in it.

        A dry run's steps are undone together at its end.
        """
        if self._rehearsal is not None:
            with self._rehearsal.begin_nested():
                yield self._rehearsal
            return
        with writing(self.engine) as session:
            if self.held is not None:
                hold(session, self.held, *self.pieces)
            if self.part is not None:
                hold(session, self.part)
            yield session
        while self.discarded:
            self.discarded.pop().unlink(missing_ok=True)

    def write(self, path: Path, content: bytes) -> None:
        """Write one file whole or not at all; a dry run writes none."""
        if not self.dry_run:
            write_atomically(path, content)

    def tell(self, name: str, value: object) -> None:
        """One line of the outcome."""
        self.lines[name] = str(value)

    def piece(self, kind: PieceKind, subject: str, work: Callable[[], Made]) -> Made:
        """Do a piece of the work, in the dashboard as a task of its own; what failed and may pass is tried again there.

        Once that was in vain, further pieces are tried once: a full disk would hold each of them up.
        """
        messages = self.messages

        def attempt() -> Made:
            self.messages = messages
            return work()

        try:
            return in_task(kind, subject, attempt, patient=self.patient and not self.dry_run)
        except Exception as problem:
            self.patient = self.patient and not may_pass(problem)
            raise

    def each(
        self,
        items: Iterable[Item],
        work: Callable[[Item], None],
        *,
        kind: PieceKind,
        name: Callable[[Item], str] = str,
    ) -> None:
        """Do one thing for each item, as a piece; a failure is kept with its item, and the others go on."""
        everything = tuple(items)
        for done, piece in enumerate(everything):
            self.show_progress(done, len(everything))
            try:
                self.piece(kind, name(piece), partial(work, piece))
            except LeaseLost:
                raise  # nobody's failure, and nothing more to be done here
            except GangchuangError as problem:
                self.failures[name(piece)] = str(problem)
                log.warning("%s: %s failed: %s", self.stage, name(piece), problem)
        self.show_progress(len(everything), len(everything))

    def show_progress(self, done: int, total: int) -> None:
        """Show how far the stage is: as a bar in the dashboard, and with the lease at the next step."""
        if self.whole is not None:
            done, total = self.whole[0] + done, self.whole[1]
        self.pieces = (min(done, total), total)
        progress(done, total, key=f"{self.stage}-{self.year}-progress")
