"""Plays a season in front of the administrator: people act, the clock is stepped, the system does the rest.

The pilot steps the rehearsal clock from one interesting instant to the next: the next milestone,
the next scene, or the night in which a correction lapses. Before each step it waits until nothing
is due, no stage is at work and the inbox is empty. What was done is read from the domain database,
so that a demo that was killed goes on from where its home stands.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from config.clock import step_to
from config.errors import GangchuangError
from config.local_time import ZONE
from config.season import load_season
from config.settings import Settings
from flows.demo.accounting import Account
from flows.demo.cast import Cast, cast_of
from flows.demo.clerks import Clerks
from flows.demo.officers import NothingToDecide, Officers, Start, command, start
from flows.demo.script import Scene, script_of
from flows.demo.sent_workbooks import day_of
from flows.demo.summary import Summary, show, summarise
from flows.demo.world import World
from flows.engine.environment import api_url, enter_environment

SEASON = 2026
_LOOK_SECONDS = 0.15
_RUN_SECONDS = 1.0
_PATIENCE_SECONDS = 180.0
_ATTEMPTS = 3


class DemoStuck(GangchuangError):
    """Something that had to happen did not; the season stands where it stands."""

    def __init__(self, what: str, waiting_for: list[str]) -> None:
        self.waiting_for = waiting_for
        listed = "; ".join(waiting_for) or "nothing that the database shows"
        super().__init__(
            f"{what} did not come to an end. Waiting for: {listed}. The dashboard shows the runs and their logs; "
            "start the demo again to go on from here."
        )


class HomeInUse(GangchuangError):
    def __init__(self, home: object) -> None:
        super().__init__(
            f"{home} holds a real season, and its clock is not stepped: the demo does not touch it. "
            "Name an empty folder in GANGCHUANG_HOME."
        )


class DemoStopped(GangchuangError):
    def __init__(self) -> None:
        super().__init__("The demo was stopped; start it again to go on from here.")


def play(
    own: Settings, *, exit_when_done: bool = False, boot_seconds: float = 0.0, stopped: threading.Event | None = None
) -> Summary:
    """Play season 2026 of a home from where it stands to its end, and show the summary.

    The engine (server, worker, clock) runs already; `boot_seconds` is what its start took, for the
    account of time. Raises DemoStuck, DemoStopped, HomeInUse, CommandFailed.
    """
    console = Console()
    pilot = Pilot(own, console, stopped or threading.Event())
    pilot.account.boot_seconds = boot_seconds
    with _engine_of(own):
        with pilot.progress:
            try:
                pilot.run()
            except Exception as problem:
                if pilot.stopped.is_set():
                    raise DemoStopped from problem  # what the people speak to stops before they do
                raise
        summary = summarise(pilot.world, pilot.account)
    show(console, summary)
    if not exit_when_done:
        console.print("The dashboard stays up until Ctrl-C.", style="bold")
    return summary


@contextmanager
def _engine_of(own: Settings) -> Iterator[None]:
    """This thread talks to the home's own Prefect, even where Prefect was imported before its address was known."""
    enter_environment(own)
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    signed_in = {PREFECT_API_AUTH_STRING: os.environ.get("PREFECT_API_AUTH_STRING")}
    with temporary_settings({PREFECT_API_URL: api_url(own), **signed_in}):
        yield


class Pilot:
    """One playing of the season."""

    def __init__(
        self,
        own: Settings,
        console: Console,
        stopped: threading.Event,
        *,
        cast: Cast | None = None,
        start: Start = start,
    ) -> None:
        self.own, self.console, self.stopped = own, console, stopped
        self.world = World(own, cast or cast_of(load_season(SEASON, own.home)))
        self.clerks = Clerks(self.world)
        self.officers = Officers(self.world, self.clerks, start)
        self.open_scenes = script_of(self.world.cast)
        self.account = Account()
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self.progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.bar = self.progress.add_task("season", total=None)

    def run(self) -> None:
        """From wherever the home stands to the season's end."""
        self._begin()
        while not self.stopped.is_set():
            self._settle()
            if self._act():
                continue
            if self.world.is_closed():
                self._await("The last mail", self.world.mails_waiting)
                return
            self._step()
        raise DemoStopped

    def _begin(self) -> None:
        """Plan the season, in a home whose clock is stepped from the beginning."""
        dates = self.world.season.dates
        start = day_of(dates.open_call, -14)
        if not self.own.clock.stepped:
            if self.world.is_planned():
                raise HomeInUse(self.own.home)
            step_to(self.own.home.absolute(), start)
        self.progress.update(self.bar, total=(dates.close_season - start) / timedelta(days=1))
        if not self.world.is_planned():
            with self.account.working():
                self._plan()
            self._tell("season planned 年度计划")

    def _plan(self) -> None:
        command(self.own, "season", "plan", str(SEASON), "--by", self.world.season.office.officers[0])

    def _step(self) -> None:
        """Move the clock to the next milestone, scene or lapse, whichever comes first."""
        now = self.world.now
        instants = [scene.at for scene in self.open_scenes if scene.at > now]
        instants += filter(None, (self.world.next_milestone_at(), self.world.next_lapse_at()))
        if not instants:
            raise DemoStuck("The season", ["a further milestone"])
        step_to(self.own.home.absolute(), min(instants))
        begun = day_of(self.world.season.dates.open_call, -14)
        self.progress.update(self.bar, completed=(self.world.now - begun) / timedelta(days=1))
        for label in self.world.due_at(self.world.now):
            self._tell(label)

    def _settle(self) -> None:
        """Wait until nothing is due, no stage is at work and the inbox is empty."""
        self._await("This instant", self.world.under_way)

    def _act(self) -> bool:
        """Do one round of what people have to do at this instant. Returns whether anything was done.

        Files go in together; decisions are taken one after the other.
        """
        due = [scene for scene in self.open_scenes if scene.at <= self.world.now]
        sending = [scene for scene in due if self.clerks.sends(scene)]
        if sending:
            self._send(sending)
            return True
        for scene in due:
            self.open_scenes.remove(scene)
            if self._decide(scene):
                return True
        return False

    def _send(self, scenes: list[Scene]) -> None:
        """Send what the scenes still owe; after a restart these are of several deeds, of which some are done."""
        with self.account.working():
            unsent = [(scene.deed, paper) for scene in scenes for paper in self.clerks.unsent(scene)]
            papers = [paper for _, paper in unsent]
            self.clerks.send(papers)
        for deed in dict.fromkeys(deed for deed, _ in unsent):
            ways = Counter(self.clerks.ways.of(paper.folder).value for sent, paper in unsent if sent is deed)
            self._tell(f"{deed.value}: " + ", ".join(f"{count} by {way}" for way, count in ways.items()))
        self._await("What was sent", lambda: self.clerks.on_the_way(papers))
        self._settle()
        for scene in scenes:
            self.open_scenes.remove(scene)

    def _decide(self, scene: Scene) -> bool:
        """Have one decision carried out, again if its run was lost. Returns whether there was anything to do."""
        try:
            if self.officers.has_done(scene):
                return False
            self._tell(" ".join(filter(None, (scene.deed.value, scene.subject, scene.reason))))
            for attempt in range(1, _ATTEMPTS + 1):
                run = self.officers.decide(scene, attempt=attempt)
                if self._carried_out(scene, run):
                    return True
        except NothingToDecide as problem:
            self._tell(str(problem), style="yellow")
            return False
        raise DemoStuck(f"{scene.deed} {scene.subject}", ["the decision's run, which failed each time"])

    def _carried_out(self, scene: Scene, run: str) -> bool:
        """Wait for the run's end; what counts is whether the decision stands in the database."""
        from flows.engine.deployments import run_state

        looked = monotonic()

        def pending() -> list[str]:
            nonlocal looked
            if self.officers.has_done(scene):
                return []
            if monotonic() - looked < _RUN_SECONDS:
                return [f"flow run {run}"]
            looked = monotonic()
            state = run_state(run)
            return [] if state is None or state.final else [f"flow run {run}"]

        self._await(f"{scene.deed} {scene.subject}", pending)
        return self.officers.has_done(scene)

    def _await(self, what: str, pending: Callable[[], list[str]]) -> None:
        """Look until nothing is pending; patience ends when the same things are pending for too long."""
        last, since = pending(), monotonic()
        while last:
            if self.stopped.wait(_LOOK_SECONDS):
                raise DemoStopped
            current = pending()
            if current != last:
                last, since = current, monotonic()
            if monotonic() - since > _PATIENCE_SECONDS:
                raise DemoStuck(what, current)

    def _tell(self, line: str, *, style: str = "") -> None:
        when: datetime = self.world.now.astimezone(ZONE)
        counts = "  ".join(f"{state.value} {count}" for state, count in self.world.counts().items())
        self.progress.update(self.bar, description=counts or "season")
        text = f"{when:%Y-%m-%d %H:%M}  {line}"
        self.progress.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
