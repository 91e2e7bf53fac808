"""How a stage of the year is played: once, by one, in fenced transactions, or as a dry run.

A stage module holds one flow whose docstring has four headings (Runs, Before, After, Undo)
and a body that takes a `Run`. The body does its work in `run.step()` transactions, each of
which first proves that this run still holds the stage's claim; it ends by returning an
`Ending`, which `play` writes together with the settled milestone: the call's state, its
history and the milestone change in one transaction, or not at all.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import ZONE
from config.milestones import Chore, Milestone
from config.season import Season
from config.settings import Settings
from flows.engine.artifacts import progress
from flows.files import write_atomically
from flows.hung_runs import end_silent, own_name
from models import MilestoneDate
from models.database import writing
from models.enums import MilestoneState, Role, Trigger
from models.queries import milestone_rows, season_in_force
from states.cases import dated
from states.claims import ClaimLost, Held, hold, release, take
from states.failures import keep_failures
from states.machine import Act, Actor
from states.planning import settle_milestone
from states.rules.timetable import first_unsettled
from states.standstill import believe

log = logging.getLogger("gangchuang.stage")
Item = TypeVar("Item")


class StageFailed(GangchuangError):
    """Some items of a stage failed; the others are done. The stage is not settled and may be run again."""

    def __init__(self, stage: str, failures: Mapping[str, str], lines: Mapping[str, str]) -> None:
        self.stage, self.failures, self.lines = stage, failures, lines
        listed = "\n".join(f"  - {item}: {problem}" for item, problem in failures.items())
        super().__init__(f"{stage}: {len(failures)} item(s) failed; the others are done. Run it again.\n{listed}")


@dataclass(frozen=True)
class Ending:
    """How a stage ends: the call's trigger (or only a note), and the facts that go into the record."""

    trigger: Trigger | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    case: Mapping[str, Any] = field(default_factory=dict)
    waiting: str = ""


@dataclass(frozen=True)
class Result:
    """What a stage did. `outcome`: done, already_done, not_due, waiting, failed or dry_run."""

    stage: str
    season: int
    outcome: str
    at: datetime
    lines: tuple[tuple[str, str], ...] = ()
    explanation: str = ""

    def sentences(self) -> list[str]:
        return ([self.explanation] if self.explanation else []) + [f"{name}: {value}" for name, value in self.lines]


@dataclass
class Run:
    """One playing of one stage: its season, its act (with its one instant), its claim, its findings.

    Of its `failures`, `marks` tells each from what may come in its place; what is `resting` was not tried.
    """

    stage: str
    season: Season
    act: Act
    engine: Engine
    settings: Settings
    unit: str = ""
    ordinal: int = 1
    dry_run: bool = False
    held: Held | None = None
    lines: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    resting: set[str] = field(default_factory=set)
    messages: int = 0
    _rehearsal: Session | None = None

    @property
    def at(self) -> datetime:
        return self.act.at

    @property
    def year(self) -> int:
        return self.season.year

    @contextmanager
    def step(self) -> Iterator[Session]:
        """One transaction, fenced by the claim. A dry run's steps are undone together at its end."""
        if self._rehearsal is not None:
            with self._rehearsal.begin_nested():
                yield self._rehearsal
            return
        with writing(self.engine) as session:
            if self.held is not None:
                hold(session, self.held)
            yield session

    def write(self, path: Path, content: bytes) -> None:
        """Write one file whole or not at all; a dry run writes none."""
        if not self.dry_run:
            write_atomically(path, content)

    def tell(self, name: str, value: object) -> None:
        """One line of the outcome."""
        self.lines[name] = str(value)

    def each(self, items: Iterable[Item], work: Callable[[Item], None], *, name: Callable[[Item], str] = str) -> None:
        """Do one thing for each item, in sight; a failure is kept with its item, and the others go on."""
        everything = tuple(items)
        for place, item in enumerate(everything):
            self.show_progress(place, len(everything))
            try:
                work(item)
            except GangchuangError as problem:
                self.failures[name(item)] = str(problem)
                log.warning("%s: %s failed: %s", self.stage, name(item), problem)
        self.show_progress(len(everything), len(everything))

    def show_progress(self, done: int, total: int) -> None:
        """Show how far the stage is, as a bar in the dashboard."""
        progress(done, total, key=f"{self.stage}-{self.year}-progress")


def play(
    stage: str,
    year: int,
    body: Callable[[Run], Ending],
    *,
    engine: Engine,
    settings: Settings,
    at: datetime,
    milestone: Milestone | None = None,
    unit: str = "",
    ordinal: int = 1,
    dry_run: bool = False,
    flow_run: str = "",
) -> Result:
    """Play a stage once. Raises InstantImplausible, ClaimTaken, StageFailed, TransitionRefused or what the body raises."""
    with writing(engine) as session:
        season = season_in_force(session, year)
        believe(session, year, at, settings.believed_until)
        too_soon = _not_now(session, stage, season, milestone, unit, ordinal, at)
    if too_soon is not None:
        return too_soon
    act = Act(Actor(Role.SYSTEM, stage), at, flow_run)
    run = Run(stage, season, act, engine, settings, unit, ordinal, dry_run)
    with ExitStack() as stack:
        unattended = milestone is not None or stage in set(Chore)
        stack.enter_context(_undone(run) if dry_run else _claimed(run, unattended=unattended))
        with run.step() as session:
            # Whoever waited for the claim may find that the one before has done it.
            done_meanwhile = _not_now(session, stage, season, milestone, unit, ordinal, at)
        if done_meanwhile is not None:
            return done_meanwhile
        ending = body(run)
        if run.failures:
            raise StageFailed(stage, run.failures, run.lines)
        if milestone is not None and not ending.waiting:
            with run.step() as session:
                settle_milestone(
                    session,
                    year,
                    milestone,
                    run.act,
                    ordinal=ordinal,
                    unit=unit,
                    trigger=ending.trigger,
                    case=ending.case,
                    facts=ending.facts,
                )
    if run.messages:
        run.tell("messages written", run.messages)
    outcome = "waiting" if ending.waiting else "dry_run" if dry_run else "done"
    return Result(stage, year, outcome, at, tuple(run.lines.items()), ending.waiting)


def _not_now(
    session: Session, stage: str, season: Season, milestone: Milestone | None, unit: str, ordinal: int, at: datetime
) -> Result | None:
    if milestone is None:
        return None
    row = session.get(MilestoneDate, (season.year, milestone.value, ordinal, unit))
    if row is None:
        missing = f"season {season.year} has no {milestone.value} number {ordinal} for {unit or 'all'}"
        return Result(stage, season.year, "not_due", at, explanation=f"not due: {missing}")
    if row.state is not MilestoneState.PENDING:
        settled = f"{row.settled_at.astimezone(ZONE):%Y-%m-%d %H:%M}" if row.settled_at else "before"
        return Result(stage, season.year, "already_done", at, explanation=f"already {row.state} at {settled}")
    if row.due_at > at:
        when = f"not due before {row.due_at.astimezone(ZONE):%Y-%m-%d %H:%M} ({ZONE.key}); nothing was changed"
        return Result(stage, season.year, "not_due", at, explanation=when)
    before = first_unsettled(dated(milestone_rows(session, season.year)))
    if not milestone.is_reminder and before is not None and before.milestone is not milestone:
        turn = f"not its turn: {before.milestone} {before.unit}".rstrip() + " comes first and is not settled"
        return Result(stage, season.year, "not_due", at, explanation=f"{turn}; nothing was changed")
    return None


@contextmanager
def _claimed(run: Run, *, unattended: bool) -> Iterator[None]:
    """Hold the stage's claim; what fails while nobody looks on is kept, and forgotten when it succeeds."""
    name, owner = f"stage/{run.year}/{run.stage}", own_name()
    with writing(run.engine) as session:
        run.held = take(session, name, owner=owner, seconds=run.settings.lease_seconds)
    if run.held.silent:
        end_silent(name, run.held.silent)
    try:
        yield
    except BaseException as problem:
        # Where even that fails (the database is away, its disk is full), the claim runs out by itself.
        with suppress(GangchuangError, SQLAlchemyError), writing(run.engine) as session:
            release(session, run.held)
            if unattended and isinstance(problem, Exception) and not isinstance(problem, ClaimLost):
                problems = problem.failures if isinstance(problem, StageFailed) else {"": _sentence(problem)}
                _keep_failures(session, run, problems)
        raise
    with writing(run.engine) as session:
        release(session, run.held)
        if unattended:
            _keep_failures(session, run, {})


def _keep_failures(session: Session, run: Run, problems: Mapping[str, str]) -> None:
    stage = "/".join(filter(None, (run.stage, run.unit)))
    kept = {"at": run.at, "seconds": run.settings.lease_seconds, "marks": run.marks, "resting": run.resting}
    keep_failures(session, run.year, stage, problems, **kept)


def _sentence(problem: Exception) -> str:
    return str(problem) if isinstance(problem, GangchuangError) else f"{type(problem).__name__}: {problem}"


@contextmanager
def _undone(run: Run) -> Iterator[None]:
    with run.engine.connect() as connection, connection.begin() as outer:
        run._rehearsal = Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")
        try:
            yield
        finally:
            run._rehearsal.close()
            outer.rollback()
