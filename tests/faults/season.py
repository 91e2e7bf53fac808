"""The small season as a program: plays from wherever a home stands to the end. `python -m tests.faults.season HOME`

Real files, a real database, the real clock (`Timekeeper`) and the real flows; only Prefect's
worker is stood in for: what the clock starts runs at once, in this process. Season time is
stepped, and chance is fixed, so that two seasons can be compared to the last byte.
"""

import logging
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, func, select

import config.settings
import flows.open_call
import states.history.seals
import states.objections.encryption
import states.practice
import states.submissions.versions
from config.clock import step_to
from config.errors import GangchuangError
from config.milestones import Milestone
from config.season import Season, load_season
from config.settings import Settings, settings
from config.units import all_units
from flows.clock import Timekeeper
from flows.engine import hung_runs
from flows.intake.inbox import waiting_files
from flows.objections import anything_to_tend
from flows.stage import open_database
from flows.year import stage_named
from models import Call, History, Message, Objection, database, queries
from models.database import reading, writing
from models.enums import CallState, MessageState
from models.queries import messages_due, milestone_rows, next_correction_due
from states import failures, leases
from states.final_round.approval import waits_for_approval
from states.guard_facts import dated
from states.machine import Act
from states.maintenance import stuck_messages
from states.officers import officer
from states.rules.calendar.timetable import due, next_dates
from states.submissions.corrections import overdue_corrections
from states.timeline import plan_season
from tests.faults import points
from tests.faults.people import OFFICER, UNITS, People, Scene, acts

YEAR = 2026
SEASON_FILE = Path(__file__).with_name("season.toml")
LATER = "GANGCHUANG_FAULTS_LATER_SECONDS"
# The process stops itself (SIGSTOP) at the first kill point whose description begins so.
HALT = "GANGCHUANG_FAULTS_HALT"
# It leaves off before the first move whose name begins so; and signs its leases as a process of another machine.
UNTIL, MACHINE = "GANGCHUANG_FAULTS_UNTIL", "GANGCHUANG_FAULTS_MACHINE"
STEP = "step "
_PATIENCE = 12
_LONGEST_WAIT = 2 * 3600.0

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)

log = logging.getLogger("gangchuang.faults")


class SeasonStuck(GangchuangError):
    """What had to happen does not, however long one waits."""


@dataclass(frozen=True)
class Move:
    """One move: `ours` is what the system does, all else is people and time."""

    name: str
    make: Callable[[], None]
    ours: bool = True


class _Waited:
    """Real seconds that have passed by the database's clock although nobody waited for them."""

    seconds = 0.0


def fix_chance(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Three units, the same seed, salts and key in every season, and a database clock that can be put forward."""
    put(Season, "units", lambda self: [all_units()[code] for code in UNITS])
    fixed = SimpleNamespace(token_hex=lambda count: "5a" * count)
    put(flows.open_call, "secrets", fixed)
    put(states.submissions.versions, "secrets", fixed)
    put(states.practice, "secrets", fixed)
    put(states.history.seals, "secrets", fixed)
    put(states.objections.encryption, "secrets", SimpleNamespace(token_bytes=lambda count: b"n" * count))
    kept = SimpleNamespace(token_hex=config.settings.secrets.token_hex, token_bytes=lambda count: b"k" * count)
    put(config.settings, "secrets", kept)
    by_database = database.database_seconds
    for module in (leases, queries, failures, stuck_messages, hung_runs):
        put(module, "database_seconds", lambda session: by_database(session) + waited())


def waited() -> float:
    """Seconds by which the database's clock is ahead: the season's own time, and every wait."""
    return _Waited.seconds + (settings().clock.now() - BEGINNING).total_seconds()


def prepare(home: Path) -> None:
    """An empty home with the season file, its clock before the call."""
    (home / "seasons").mkdir(parents=True)
    (home / "inbox").mkdir()
    shutil.copyfile(SEASON_FILE, home / "seasons" / f"{YEAR}.toml")
    step_to(home, load_season(YEAR, home).dates.open_call - timedelta(days=14))


class Player:
    """Plays one home move by move. A move is an act of somebody, a sweep of the clock, or a step of season time."""

    def __init__(self, start: Callable[[str, dict[str, Any], str], str] | None = None) -> None:
        self.own: Settings = settings()
        self.season = load_season(YEAR, self.own.home)
        self.engine: Engine = open_database(self.own.database)
        self.keeper = Timekeeper(self.own, self.engine, start or self.run_flow)
        self.people = People(self.own, self.engine, self.season)
        self.failures: list[str] = []
        self.in_vain = 0

    def next_move(self) -> Move | None:
        """The next move; None when the season is over."""
        now = self.own.clock.now()
        if not self._is_planned():
            return Move("plan", self._plan)
        act = self.people.next_act(now)
        if act is not None:
            return Move(f"act {act.name}", lambda: self._act(act), ours=act.decide is not None)
        pending = self._pending()
        if pending:
            return Move(f"sweep {now:%m-%d} {pending}", self._sweep)
        instants = [deed.at for deed in acts(self.season) if deed.at > now]
        with reading(self.engine) as session:
            instants += [date.due_at for date in next_dates(dated(milestone_rows(session, YEAR)), now)]
            correction_due = next_correction_due(session, YEAR, now)
            instants += [correction_due + timedelta(seconds=1)] if correction_due else []
            final = session.scalar(select(func.min(Objection.reconsider_until)).where(Objection.reconsider_until > now))
            instants += [final + timedelta(seconds=1)] if final else []
        if instants:
            to = min(instants)
            return Move(f"{STEP}{to:%Y-%m-%d %H:%M}", lambda: step_to(self.own.home.absolute(), to), ours=False)
        return Move("wait for mail", lambda: self._wait(4 * 3600.0), ours=False) if self._unsent() else None

    def play(self) -> None:
        """To the end. Raises SeasonStuck."""
        while (move := self.next_move()) is not None:
            move.make()

    def run_flow(self, stage: str, parameters: dict[str, Any], key: str) -> str:
        """What Prefect's worker does with a run: its failure is its own, not the clock's."""
        flow = stage_named(stage).flow  # type: ignore[union-attr]
        kinds = {name: parameter.annotation for name, parameter in signature(flow.fn).parameters.items()}
        given = {
            name: kinds[name](value) if isinstance(kinds[name], type) and issubclass(kinds[name], Enum) else value
            for name, value in parameters.items()
        }
        try:
            flow.fn(**given)
        except GangchuangError as problem:
            self.failures.append(f"{key}: {problem}")
            log.warning("%s failed: %s", key, problem)
        return key

    def _plan(self) -> None:
        with writing(self.engine) as session:
            plan_season(session, self.season, Act(officer(self.season, OFFICER), self.own.clock.now()))

    def _act(self, act: Scene) -> None:
        if act.send is not None:
            act.send(self.people)
        elif act.decide is not None:
            again = self.people.has(f"{act.name}.begun")
            self.people.note(f"{act.name}.begun")
            stage, parameters = act.decide(self.people)
            failed = len(self.failures)
            self.run_flow(stage, {"season": YEAR, **parameters}, f"{'again/' if again else ''}{act.name}")
            if len(self.failures) > failed and not again:
                raise SeasonStuck(self.failures[-1])
        self.people.note(f"{act.name}.done")

    def _sweep(self) -> None:
        before = self._standing()
        self.keeper.sweep()
        if self._standing() != before:
            self.in_vain = 0
            return
        self.in_vain += 1
        if self.in_vain > _PATIENCE:
            raise SeasonStuck(f"{self._pending()} does not come to an end: {self.failures[-3:]}")
        self._wait(_LONGEST_WAIT)

    def _wait(self, seconds: float) -> None:
        _Waited.seconds += seconds

    def leave(self) -> None:
        """Close every connection, so that the home can be copied."""
        self.engine.dispose()

    def _is_planned(self) -> bool:
        with reading(self.engine) as session:
            return session.get(Call, YEAR) is not None

    def _pending(self) -> str:
        with reading(self.engine) as session:
            if session.get_one(Call, YEAR).state is CallState.CLOSED and not messages_due(session, YEAR):
                return ""
            waiting = {Milestone.OPEN_PUBLIC_NOTICE} if waits_for_approval(session, YEAR) else set()
            found = [
                due_date.key
                for due_date in due(dated(milestone_rows(session, YEAR)), self.own.clock.now(), waiting=waiting)
            ]
            found += ["messages"] if messages_due(session, YEAR) else []
            found += ["objections"] if anything_to_tend(session, self.season, self.own.clock.now()) else []
            found += ["corrections"] if overdue_corrections(session, YEAR, self.own.clock.now()) else []
        found += ["files"] if next(waiting_files(self.own), None) is not None else []
        return " ".join(found)

    def _unsent(self) -> int:
        with reading(self.engine) as session:
            states = (MessageState.WAITING, MessageState.SENDING)
            return session.scalar(select(func.count()).select_from(Message).where(Message.state.in_(states))) or 0

    def _standing(self) -> tuple[Any, ...]:
        with reading(self.engine) as session:
            entries = session.scalar(select(func.count()).select_from(History))
            return entries, self._unsent(), self._pending()


def enter(home: Path, **variables: str) -> None:
    """Make this process one of that home."""
    os.environ |= {"GANGCHUANG_HOME": str(home), **variables}
    settings.cache_clear()
    open_database.cache_clear()
    _Waited.seconds = float(os.environ.get(LATER, "0"))


def main(arguments: list[str]) -> int:
    home = Path(arguments[0]).absolute()
    logging.basicConfig(level=logging.WARNING)
    fix_chance()
    if not home.exists():
        prepare(home)
    enter(home)
    if os.environ.get(MACHINE):
        hung_runs._machine = lambda: os.environ[MACHINE]
    if os.environ.get(HALT):
        points.arm(halt_at=os.environ[HALT], home=home)
    player, until = Player(), os.environ.get(UNTIL, "the end")
    while (move := player.next_move()) is not None and not move.name.startswith(until):
        print(move.name, flush=True)
        move.make()
    print(f"{len(player.failures)} run(s) failed", *player.failures, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
