"""Left alone, then plagued: `python -m tests.faults.soak --idle 60` (`make soak ARGS=…`).

`serve` idles for some minutes; then a fortnight of the call passes on a stepped clock, an hour at a time, and each hour
has a fault: a file that is no workbook, a run, worker, clock, warm parent or server that is killed, a database (ours,
Prefect's) that somebody holds, a mail folder that cannot be written. After each fault everything must come to rest by
itself. A line a day says what the whole tree of processes has of memory, descriptors and threads, and how large files,
logs and databases are. Exit status 1 when something did not come to rest, the record does not hold, or memory or
descriptors have grown from the second day to the last by more than a tenth.
"""

import argparse
import os
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from config.clock import step_to
from config.milestones import Milestone
from models.enums import CallState
from tests.benchmarks.bench_idle import memory_of, seconds_of, tree
from tests.faults.people import UNITS
from tests.faults.serving import Serving, served
from tests.flows.engine.engine_process import wait_for

_DAY = 24
_REST_SECONDS = 300.0
_HELD_SECONDS = 2.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Reading:
    """What there is at one moment. Memory in MiB (PSS), sizes in MiB; `kept` files are those that deliveries leave."""

    memory: float
    descriptors: int
    threads: int
    files: int
    kept: int
    database: float
    prefect: float
    logs: float
    seconds: float

    def line(self, label: str) -> str:
        return (
            f"{label:<10} {self.memory:7.0f} MiB {self.descriptors:5d} descriptors {self.threads:4d} threads "
            f"{self.files:5d} files ({self.kept} more from deliveries) {self.database:6.1f} MiB ours "
            f"{self.prefect:6.1f} MiB Prefect's {self.logs:6.2f} MiB logs {self.seconds:7.1f} CPU s"
        )


def reading_of(engine: Serving) -> Reading:
    assert engine.process is not None
    processes, home = tree(engine.process.pid), engine.home
    files = [path for path in home.rglob("*") if path.is_file()]
    kept = [path for path in files if path.relative_to(home).parts[0] in ("taken", "receipts", "mail", "issued")]
    return Reading(
        memory=sum(map(memory_of, processes)),
        descriptors=sum(_entries(f"/proc/{pid}/fd") for pid in processes),
        threads=sum(_entries(f"/proc/{pid}/task") for pid in processes),
        files=len(files) - len(kept),
        kept=len(kept),
        database=_size(home, "gangchuang.db*"),
        prefect=_size(home / "prefect", "prefect.db*"),
        logs=_size(home / "logs", "*"),
        seconds=sum(map(seconds_of, processes)),
    )


def _entries(folder: str) -> int:
    try:
        return len(list(Path(folder).iterdir()))
    except OSError:
        return 0


def _size(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern)) / MIB


class Plague:
    """One fault an hour, in turn."""

    def __init__(self, engine: Serving) -> None:
        self.engine = engine
        self.faults: tuple[Callable[[int], None], ...] = (
            self.no_workbook,
            lambda _: self.kill("flows.engine.worker"),
            self.no_workbook,
            lambda _: self.kill("flows.clock"),
            lambda _: self.hold(self.engine.home / "gangchuang.db"),
            self.no_workbook,
            lambda _: self.hold(self.engine.home / "prefect" / "prefect.db"),
            self.run_killed,
            self.mail_refused,
            lambda _: self.kill("flows.engine.warm"),
            self.no_workbook,
            lambda _: self.kill("flows.engine.server"),
        )

    def strike(self, hour: int) -> None:
        self.faults[hour % len(self.faults)](hour)

    def no_workbook(self, hour: int) -> None:
        folder = self.engine.home / "inbox" / UNITS[hour % len(UNITS)]
        folder.mkdir(exist_ok=True)
        (folder / f"{hour}.xlsx").write_bytes(b"no workbook, %d\n" % hour * 100)

    def kill(self, module: str) -> None:
        assert self.engine.process is not None
        wait_for(module, lambda: module in tree(self.engine.process.pid).values())
        for pid, command in tree(self.engine.process.pid).items():
            if command == module:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def run_killed(self, hour: int) -> None:
        """The run that takes a file, in its midst; where it was too quick, nothing."""
        self.no_workbook(hour)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            process = self.engine.process_of("collect")
            if process:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                return
            time.sleep(0.02)

    def hold(self, database: Path) -> None:
        """Somebody writes by hand and takes their time."""

        def holding() -> None:
            with sqlite3.connect(database, timeout=30, isolation_level=None) as connection:
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(_HELD_SECONDS)
                connection.execute("ROLLBACK")
            connection.close()

        thread = threading.Thread(target=holding)
        thread.start()
        thread.join()

    def mail_refused(self, hour: int) -> None:
        """A file stands where mail should lie, while a receipt is to go out."""
        mail, aside = self.engine.home / "mail", self.engine.home / "mail.aside"
        if mail.exists():
            mail.rename(aside)
        mail.write_text("in the way", "utf-8")
        self.no_workbook(hour)
        time.sleep(_HELD_SECONDS)
        mail.unlink(missing_ok=True)
        if aside.exists():
            aside.rename(mail)


def _at_rest(engine: Serving) -> bool:
    """Nothing lies in the inbox, nothing waits to be sent, and whoever should run runs."""
    assert engine.process is not None
    running = set(tree(engine.process.pid).values())
    wanted = {"flows.engine.server", "flows.engine.warm", "flows.engine.worker", "flows.clock"}
    inbox = any(path.is_file() for path in (engine.home / "inbox").rglob("*"))
    return wanted <= running and not inbox and engine.all_sent()


@contextmanager
def _home(given: str) -> Iterator[Path]:
    if given:
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="gangchuang-soak-") as folder:
        yield Path(folder) / "home"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--idle", type=float, default=60.0, help="minutes of quiet before the fortnight")
    parser.add_argument("--hours", type=int, default=14 * _DAY, help="hours of the fortnight, with a fault each")
    parser.add_argument("--home", default="", help="an empty folder to keep; otherwise a passing one")
    asked = parser.parse_args()
    stuck: list[int] = []
    with _home(asked.home) as home, served(home) as engine:
        engine.comes_to(Milestone.OPEN_CALL)
        wait_for("the call to be open", lambda: engine.state() is CallState.OPEN, seconds=300)
        wait_for("rest", lambda: _at_rest(engine), seconds=300)
        print(reading_of(engine).line("open"), flush=True)
        before = reading_of(engine)
        time.sleep(asked.idle * 60)
        idle = reading_of(engine)
        print(idle.line("idled"), flush=True)
        if asked.idle:
            share = (idle.seconds - before.seconds) / (asked.idle * 60)
            print(f"idle for {asked.idle:g} min: {share:.2%} of a core, looks twice a second", flush=True)
        plague, days, begin = Plague(engine), list[Reading](), time.monotonic()
        for hour in range(asked.hours):
            step_to(home, engine.season.dates.open_call + timedelta(hours=hour + 1))
            plague.strike(hour)
            deadline = time.monotonic() + _REST_SECONDS
            while not _at_rest(engine) and time.monotonic() < deadline:
                time.sleep(0.1)
            if time.monotonic() >= deadline:
                stuck.append(hour)
                print(f"hour {hour}: not at rest after {_REST_SECONDS:.0f} s", flush=True)
            if (hour + 1) % _DAY == 0:
                days.append(reading_of(engine))
                print(days[-1].line(f"day {len(days)}"), flush=True)
        print(
            f"{asked.hours} hours, a fault each, in {time.monotonic() - begin:.0f} s; the record holds: {engine.whole()}"
        )
        grown = len(days) > 2 and (
            days[-1].memory > 1.1 * days[1].memory or days[-1].descriptors > 1.1 * days[1].descriptors
        )
        return 1 if stuck or grown or not engine.whole() else 0


if __name__ == "__main__":
    sys.exit(main())
