"""A whole engine in a process of its own, as an administrator starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
STAGES = "tests.flows.engine.tiny_stages"
SERVE = """
import sys
from config.errors import GangchuangError
from config.settings import settings
from flows.engine.supervisor import supervise

sleeping = [sys.executable, "-c", "import signal; signal.pause()"]
try:
    sys.exit(supervise(settings(), clock_command=sleeping, stages=sys.argv[1], drain_seconds=1.0))
except GangchuangError as problem:
    sys.exit(f"{type(problem).__name__}: {problem}")
"""


def free_port() -> int:
    """A port of loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, arrived: Callable[[], object], *, seconds: float = 120.0) -> None:
    """Wait until something is so; a test that waits in vain fails with its name."""
    deadline = time.monotonic() + seconds
    while not arrived():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.05)


class EngineProcess:
    """Starts `supervise` with tiny or other stages in a given home, and knows the processes of its tree."""

    def __init__(self, home: Path, port: int, stages: str = "") -> None:
        self.home, self.port, self.stages = home, port, stages
        self.output = home.with_suffix(".log")
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("GANGCHUANG_", "PREFECT_"))}
        self.environment = mine | {
            "GANGCHUANG_HOME": str(home),
            "GANGCHUANG_DASHBOARD_PORT": str(port),
            "PYTHONPATH": str(ROOT),
            # As chosen for a year, tests would wait for each run.
            "PREFECT_WORKER_QUERY_SECONDS": "0.5",
            "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "PT5S",
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.began = 0

    def start(self) -> None:
        self.began = len(self.said())
        with self.output.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, self.stages or STAGES],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def wait_until_up(self) -> None:
        assert self.process is not None
        wait_for("the engine", lambda: self._is_up() or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()

    def _is_up(self) -> bool:
        # What it said before an earlier end does not count.
        return "worker and clock started" in self.said()[self.began :]

    def said(self) -> str:
        return self.output.read_text("utf-8") if self.output.exists() else ""

    def children(self) -> dict[int, str]:
        """Every living process below the supervisor, by id, with its command."""
        assert self.process is not None
        return _descendants(self.process.pid)

    def child(self, module: str) -> int:
        """The id of the direct child that runs a module."""
        found = [pid for pid, command in self.children().items() if module in command]
        assert found, f"no {module} among {self.children()}"
        return found[0]

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    @property
    def sign_in(self) -> str:
        """`user:password` of this engine's dashboard."""
        return (self.home / "prefect" / "sign-in").read_text("utf-8")

    @contextmanager
    def spoken_to(self) -> Iterator[None]:
        """This process speaks to this engine."""
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

        address = f"http://127.0.0.1:{self.port}/api"
        with temporary_settings({PREFECT_API_URL: address, PREFECT_API_AUTH_STRING: self.sign_in}):
            yield

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(60)


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits for its parent's notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _descendants(root: int) -> dict[int, str]:
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                commands[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    found: dict[int, str] = {}
    fresh = {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh}
        found |= {pid: commands[pid] for pid in fresh}
    return found
