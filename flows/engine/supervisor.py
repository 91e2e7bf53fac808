"""The tree of processes: a warm parent, the server, worker and clock that it forks, and one that watches them.

It stays for the year, and loads neither Prefect nor a database. Children die with this process, whatever kills it, and
are started again when they die alone or fall silent. They stop in reverse order on SIGTERM, SIGINT or SIGHUP.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from config.errors import GangchuangError
from config.settings import Settings
from flows.engine.environment import (
    DRAIN_VARIABLE,
    LOOPBACK,
    WORKER_VARIABLE,
    api_url,
    child_environment,
    dashboard_url,
    entrypoints_file,
    external_api_url,
    form_modules,
    host,
    server_answers,
    worker_name,
)
from flows.engine.errors import EngineAway, EngineNotReady, NotForSeveral
from flows.engine.launch import SOCKET_VARIABLE, Fork
from flows.engine.processes import default_signals, die_with_parent, home_lock, place_among_workers, tell
from flows.engine.server import bind

_MODULE = (sys.executable, "-m")
CLOCK_COMMAND = (*_MODULE, "flows.clock")
# The clock asks again at its next sweep; Prefect's client would ask a silent server for two minutes.
_ONCE = {"PREFECT_CLIENT_MAX_RETRIES": "0"}
# What our server has beside Prefect: a path, and what makes the application for it.
BESIDE_PREFECT = ("/office=flows.office.application:application",)
_LOOK_SECONDS = 0.1
_WATCH_SECONDS = 0.3
_READY_SECONDS = 180.0
_CALM_SECONDS = 60.0
_LONGEST_PAUSE = 30.0
_PULSE_SECONDS = 10.0
_SILENT_SECONDS = 120.0


@dataclass
class Child:
    """One process of the tree, its log, and when it may be started again."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    patience: float = 5.0
    process: subprocess.Popen[bytes] | Fork | None = None
    started_at: float = 0.0
    failures: int = 0
    retry_at: float = field(default=0.0)
    answers: Callable[[], bool] = lambda: True
    checked_at: float = 0.0
    answered_at: float = 0.0

    def start(self) -> None:
        """Start it in a session of its own: a terminal's Ctrl-C reaches only the supervisor, which stops in order."""
        with self.log.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            try:
                self.process = self._forked([nothing.fileno(), log.fileno(), log.fileno()])
            except OSError:
                parent = os.getpid()
                self.process = subprocess.Popen(
                    self.command,
                    env=self.environment,
                    stdin=nothing,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=lambda: _settle_in(parent),
                )
        self.started_at = self.checked_at = self.answered_at = time.monotonic()

    def _forked(self, streams: list[int]) -> Fork:
        """A module of ours as a fork of the warm parent, with which it shares all that is imported. Raises OSError."""
        if (*self.command[:2],) != _MODULE:
            raise FileNotFoundError(self.command[0])
        return Fork(self.environment.get(SOCKET_VARIABLE, ""), self.command[2:], self.environment, streams)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def revive(self) -> str:
        """Start it again when it has died, with growing pauses. Returns what is worth telling."""
        if self.alive or self.process is None:
            return ""
        moment = time.monotonic()
        if self.retry_at == 0.0:
            self.failures = 1 if moment - self.started_at > _CALM_SECONDS else self.failures + 1
            pause = min(_LONGEST_PAUSE, 0.5 * 2**self.failures)
            self.retry_at = moment + pause
            return f"{self.name} ended with {self.process.returncode}; again in {pause:.0f} s (see {self.log})"
        if moment >= self.retry_at:
            self.retry_at = 0.0
            self.start()
        return ""

    def check(self) -> str:
        """Look now and then whether it still moves and answers; kill it after minutes of silence."""
        moment = time.monotonic()
        if not self.alive or moment - self.checked_at < _PULSE_SECONDS:
            return ""
        assert self.process is not None
        if not _is_stopped(self.process.pid) and self.answers():
            self.checked_at = self.answered_at = time.monotonic()
            return ""
        self.checked_at = time.monotonic()
        if self.checked_at - self.answered_at < _SILENT_SECONDS:
            return ""
        self.process.kill()
        self.process.wait()
        return f"{self.name} gave no sign of life for {self.checked_at - self.answered_at:.0f} s and was killed"

    def stop(self) -> None:
        """SIGTERM, patience, SIGKILL."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Engine:
    """Everything that runs a home's year. Start, watch, stop: all from the main thread."""

    def __init__(
        self,
        own: Settings,
        *,
        clock_command: Sequence[str] = CLOCK_COMMAND,
        stages: str = "",
        drain_seconds: float = 20.0,
    ) -> None:
        self.own, self.stages, self.drain_seconds = own, stages or form_modules(own), drain_seconds
        self.clock_command = clock_command
        self.api_url, self.dashboard_url = api_url(own), dashboard_url(own)
        self.socket_folder = Path(tempfile.mkdtemp(prefix="gangchuang-"))
        self.children: list[Child] = []
        self.stop_asked = threading.Event()
        self.environment = child_environment(own)
        self.environment |= {SOCKET_VARIABLE: str(self.socket_folder / "warm"), DRAIN_VARIABLE: str(drain_seconds)}

    def start(self) -> None:
        """Bring everything up. Raises PortInUse, EngineNotReady; what was started is stopped then."""
        try:
            bind(self.own.dashboard_port).close()
            self._start_warm()
            self._start_server()
            self._prepare()
            self._start_worker()
            self._add("clock", self.clock_command, patience=15, **_ONCE)
            tell("worker and clock started")
            if self.own.links_url:
                bind(self.own.links_port).close()
                self._add("links", [*_MODULE, "flows.links.server"], patience=10)
                tell(
                    f"link pages: http://{LOOPBACK}:{self.own.links_port}, for the reverse proxy under {self.own.links_url}"
                )
            if not external_api_url():
                tell(f"sign in once a browser: user and password, a colon between, stand in {self.own.sign_in_file}")
        except BaseException:
            self.stop()
            raise

    def _start_warm(self) -> None:
        tell("importing what all processes share")
        address = str(self.socket_folder / "warm")
        self._add("warm", [*_MODULE, "flows.engine.warm", address, *self.stages.split()])
        self._await("warm", (self.socket_folder / "warm").exists, self._log("warm"))

    def _start_server(self) -> None:
        tell(f"starting the Prefect server at {self.api_url}")
        self._add("server", [*_MODULE, "flows.engine.server", *BESIDE_PREFECT], patience=10)
        if not external_api_url():
            self.children[-1].answers = partial(server_answers, self.own)
        self._await("server", partial(server_answers, self.own), self._log("server"))
        tell(f"dashboard: {self.dashboard_url}")

    def _start_worker(self) -> None:
        self._add("worker", [*_MODULE, "flows.engine.worker"], patience=self.drain_seconds + 20)

    def _prepare(self) -> None:
        prepare = self._child("prepare", [*_MODULE, "flows.engine.prepare", *self.stages.split()])
        prepare.start()
        self._await("prepare", lambda: not prepare.alive, prepare.log)
        assert prepare.process is not None
        if prepare.process.returncode:
            raise EngineNotReady("prepare", prepare.log)
        tell("stages registered")

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep the children running until asked to stop or `until` says so."""
        while not (self.stop_asked.is_set() or until()):
            for child in self.children:
                if child.name == "warm" and not child.alive:
                    (self.socket_folder / "warm").unlink(missing_ok=True)
                for news in filter(None, (child.check(), child.revive())):
                    tell(news)
            self.stop_asked.wait(_WATCH_SECONDS)

    def ask_to_stop(self) -> None:
        """End `watch`; from any thread or signal handler."""
        self.stop_asked.set()

    def stop(self) -> None:
        """Stop in reverse order; runs in progress get `drain_seconds` to finish."""
        for child in reversed(self.children):
            if child.alive:
                tell(f"stopping {child.name}")
            child.stop()
        self.children.clear()
        shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _log(self, name: str) -> Path:
        return self.own.folder("logs") / f"{name}.log"

    def _child(self, name: str, command: Sequence[str], patience: float = 5.0, **variables: str) -> Child:
        return Child(name, list(command), self.environment | variables, self._log(name), patience)

    def _add(self, name: str, command: Sequence[str], patience: float = 5.0, **variables: str) -> None:
        child = self._child(name, command, patience, **variables)
        self.children.append(child)
        child.start()

    def _await(self, what: str, arrived: Callable[[], bool], log: Path) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not arrived():
            dead = [child for child in self.children if not child.alive]
            if dead or time.monotonic() > deadline:
                raise EngineNotReady(dead[0].name if dead else what, dead[0].log if dead else log)
            if self.stop_asked.wait(_LOOK_SECONDS):
                raise Stopped


class FurtherWorker(Engine):
    """One more worker for a home whose `serve` runs here or on another host: a warm parent and a worker."""

    def __init__(self, own: Settings, ordinal: int, *, stages: str, drain_seconds: float) -> None:
        super().__init__(own, stages=stages, drain_seconds=drain_seconds)
        self.place = f"{host()}-{ordinal}"
        self.environment[WORKER_VARIABLE] = worker_name(own, ordinal)

    def start(self) -> None:
        """Raises EngineAway, EngineNotReady; what was started is stopped then."""
        try:
            if not server_answers(self.own):
                raise EngineAway(self.api_url, "a further worker wants it there")
            self._start_warm()
            self._start_worker()
            tell(f"worker {self.environment[WORKER_VARIABLE]} started; its runs come from {self.api_url}")
        except BaseException:
            self.stop()
            raise

    def _log(self, name: str) -> Path:
        return self.own.folder("logs") / f"{name}-{self.place}.log"


class Stopped(GangchuangError):
    def __init__(self) -> None:
        super().__init__("Stopped before everything was up.")


def supervise(
    own: Settings,
    *,
    clock_command: Sequence[str] = CLOCK_COMMAND,
    on_ready: Callable[[Engine], None] | None = None,
    stages: str = "",
    drain_seconds: float = 20.0,
) -> int:
    """Run a home's year until SIGTERM, SIGINT or SIGHUP. Returns the exit status: 0 after such a signal.

    `on_ready` runs in a thread once everything is up; it may call `engine.ask_to_stop()`, and
    what it raises is raised here after everything has stopped. Raises PortInUse,
    EngineRunning, EngineNotReady.
    """
    failure: list[BaseException] = []
    own.close_home()
    with home_lock(own.folder("prefect")):
        engine = Engine(own, clock_command=clock_command, stages=stages, drain_seconds=drain_seconds)

        def play() -> None:
            assert on_ready is not None
            try:
                on_ready(engine)
            except BaseException as problem:
                failure.append(problem)
                engine.ask_to_stop()

        _run(engine, play if on_ready is not None else None)
    if failure:
        raise failure[0]
    return 0


def work_along(own: Settings, *, stages: str = "", drain_seconds: float = 20.0) -> int:
    """Run one more worker for a home until SIGTERM, SIGINT or SIGHUP. Returns the exit status, 0 after such a signal.

    Raises NotForSeveral, EngineAway, EngineNotReady.
    """
    if own.database.startswith("sqlite"):
        raise NotForSeveral(own.home, "its database is SQLite; move it to PostgreSQL (GANGCHUANG_DATABASE_URL)")
    if not entrypoints_file(own).exists():
        raise NotForSeveral(own.home, "`gangchuang serve` has never run there; start it first, on one host")
    with place_among_workers(own.folder("prefect"), host()) as ordinal:
        _run(FurtherWorker(own, ordinal, stages=stages, drain_seconds=drain_seconds))
    return 0


def _run(engine: Engine, play: Callable[[], None] | None = None) -> None:
    """Start, watch and stop; `play` in a thread of its own once everything is up."""
    with _signals(engine), suppress(Stopped):
        try:
            engine.start()
            if play is not None:
                threading.Thread(target=play, name="on_ready", daemon=True).start()
            engine.watch()
        finally:
            engine.stop()


class _signals:
    """Signals ask the engine to stop, and are as before afterwards."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        def ask(*_: object) -> None:
            self.engine.ask_to_stop()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self.before[number] = signal.signal(number, ask)

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _is_stopped(process: int) -> bool:
    """Whether the kernel keeps it stopped (SIGSTOP, a debugger), where it tells such things (Linux)."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")
    return False


def _settle_in(parent: int) -> None:
    default_signals()
    die_with_parent(parent)
