"""Plays a coming season in a scratch home on a stepped clock: its real file, units, experts and wording; invented people.

The people of the demo submit, judge and decide; the clock and the stages are the real ones, called here one after the
other, without Prefect. What a stage refuses or fails in is kept for the report, and the year goes on as far as it can.
"""

import gc
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlalchemy import func, select

from config import overrides
from config.errors import GangchuangError
from config.local_time import local_day
from config.season import Season, load_season
from config.settings import Settings, settings
from flows.clock import Timekeeper
from flows.demo.cast import Cast, cast_of
from flows.demo.pilot import Pilot
from flows.year import form_named
from models import Expert
from models.database import make_engine, reading, writing
from models.enums import Trigger
from models.forms import ExpertForm
from models.history import History
from states.history.canonical import call_subject
from states.machine import Act
from states.officers import officer
from states.panel.pool import carried_over
from states.submissions.identity import bring_up
from states.timeline import plan_season

log = logging.getLogger("gangchuang.rehearsal")
_MOST_LOOKS = 12
FEWEST_UNITS = 33
OWN_FOLDERS = (overrides.HOLIDAYS, overrides.SEASONS, "templates", "units")


class RehearsalRefused(GangchuangError):
    """The season cannot be rehearsed as it is."""


class YearStuck(GangchuangError):
    """The rehearsed year went no further; what happened until then is in the report."""


@dataclass
class Played:
    """One rehearsal: its home, the season as its file has it, what went wrong, and the pool it began with."""

    home: Path
    season: Season
    experts: tuple[ExpertForm, ...]
    invented: int = 0
    problems: list[str] = field(default_factory=list)


def rehearse(own: Settings, year: int, home: Path) -> Played:
    """Play a season from its plan to its end in an empty home. Raises RehearsalRefused, UnknownSeason, SeasonFileBroken."""
    season = load_season(year, own.home)
    if len(season.units()) < FEWEST_UNITS:
        raise RehearsalRefused(
            f"Season {year} has {len(season.units())} reporting units; the invented people need {FEWEST_UNITS} or more."
        )
    experts = _pool(own, season)
    for folder in OWN_FOLDERS:
        source = own.home.absolute() / folder
        if source.is_dir():
            shutil.copytree(source, home / folder, dirs_exist_ok=True)
    cast, invented = _with_experts(cast_of(season), experts)
    played = Played(home, season, experts, invented)
    with _in_home(home) as scratch, _seldom_collecting():
        scratch.folder("inbox")
        engine = make_engine(scratch.database)
        bring_up(engine)
        pilot = _Rehearsal(scratch, played, cast)
        try:
            pilot.run()
            pilot.assess()
        except GangchuangError as problem:
            played.problems.append(str(problem))
        except (LookupError, ValueError) as problem:
            # The invented people find nothing to do: what came before them went wrong, and the report shows how far.
            log.exception("the invented people could not go on")
            played.problems.append(f"the invented people could not go on ({type(problem).__name__}: {problem})")
        finally:
            pilot.world.engine.dispose()
            engine.dispose()
    return played


def _pool(own: Settings, season: Season) -> tuple[ExpertForm, ...]:
    """The experts who will be asked again, as if each had signed; none where there is no database yet."""
    engine = make_engine(own.database)
    try:
        bring_up(engine)
        with reading(engine) as session:
            carried, _ = carried_over(session, season)
            return tuple(_form(expert, season) for expert in carried)
    finally:
        engine.dispose()


def _form(expert: Expert, season: Season) -> ExpertForm:
    known = expert.model_dump(include=set(ExpertForm.model_fields) - {"fields", "declared", "statement_on"})
    signed = local_day(season.dates.close_eligibility)
    return ExpertForm(**known, fields=tuple(expert.fields.split("、")), statement_on=signed)


def _with_experts(cast: Cast, experts: tuple[ExpertForm, ...]) -> tuple[Cast, int]:
    """The real pool, filled up with invented experts where it is too small to draw from, so that the year goes on."""
    rules, chosen = cast.season.final_round, list(experts)
    if not experts:
        return cast, len(cast.experts)
    for candidate in cast.experts:
        by_field = sum(candidate.fields[0] in expert.fields for expert in chosen)
        if by_field < rules.panel_per_field + 2 or len(chosen) < rules.panel_size + rules.reserves:
            chosen.append(candidate)
    return replace(cast, experts=tuple(chosen)), len(chosen) - len(experts)


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Python's collector looked through every module 7,700 times in a rehearsed year, a tenth of its time."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def _in_home(home: Path) -> Iterator[Settings]:
    """This process's installation is the scratch home meanwhile: SQLite, mail as files."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("GANGCHUANG_")}
    for name in kept:
        del os.environ[name]
    os.environ |= {"GANGCHUANG_HOME": str(home), "GANGCHUANG_LEASE_SECONDS": "0.05", "GANGCHUANG_MAIL_SECONDS": "0.01"}
    os.environ |= {name: kept[name] for name in ("GANGCHUANG_SITE_URL", "GANGCHUANG_MAIL_FROM") if name in kept}
    settings.cache_clear()
    try:
        yield settings()
    finally:
        for name in [name for name in os.environ if name.startswith("GANGCHUANG_")]:
            del os.environ[name]
        os.environ |= kept
        settings.cache_clear()


class _Rehearsal(Pilot):
    """The demo's pilot without an engine: whatever the clock starts is run at once."""

    def __init__(self, own: Settings, played: Played, cast: Cast) -> None:
        quiet = Console(quiet=True)
        super().__init__(own, quiet, threading.Event(), cast=cast, start=self._start)
        self.played = played
        self.keeper = Timekeeper(own, self.world.engine, self._start)

    def _plan(self) -> None:
        season, at = self.world.season, self.world.now
        with writing(self.world.engine) as session:
            plan_season(session, season, Act(officer(season, season.office.officers[0]), at))

    def _start(self, stage: str, parameters: dict[str, Any], key: str) -> str:
        found = form_named(stage)
        assert found is not None, stage
        try:
            found.flow.fn(**found.flow.validate_parameters({**found.preset, **parameters}))
        except GangchuangError as problem:
            told = f"{found.label}: {problem}"
            if told not in self.played.problems:
                self.played.problems.append(told)
        return key

    def assess(self) -> None:
        """What an officer makes of the year once it is over: the units' scorecards."""
        self._start("assess_units", {"season": self.world.season.year}, "scorecards")

    def _settle(self) -> None:
        """Look as the clock does until nothing is due, nothing lies in the inbox and no letter waits."""
        for _ in range(_MOST_LOOKS):
            self.keeper.sweep()
            self._enter_randomness()
            if not self.world.under_way() and not self.world.mails_waiting():
                return
        raise YearStuck(f"the year went no further: {'; '.join(self.world.under_way() or self.world.mails_waiting())}")

    def _enter_randomness(self) -> None:
        """Where the season names public numbers, an officer enters some once the pool is frozen."""
        season = self.world.season
        if not season.final_round.public_randomness:
            return
        with reading(self.world.engine) as session:
            of_call = select(func.count()).where(History.subject == call_subject(season.year))
            frozen = session.scalar(of_call.where(History.trigger == Trigger.FREEZE_POOL))
            entered = session.scalar(of_call.where(History.trigger == Trigger.ENTER_RANDOMNESS))
        if frozen and not entered:
            given = {"officer_name": season.office.officers[0], "subject": "2027000", "reason": "演练用数字"}
            self._start(Trigger.ENTER_RANDOMNESS.value, {"season": season.year, **given}, "public")

    def _await(self, what: str, pending: Any) -> None:
        if pending():
            self._settle()
        if left := pending():
            raise YearStuck(f"{what}: {'; '.join(left)}")

    def _tell(self, line: str, *, style: str = "") -> None:
        log.debug("%s %s", self.world.now, line)
