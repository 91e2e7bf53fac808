"""Two demos beside each other, one of them killed (SIGKILL) in the middle and started again: `python -m tests.faults.killed_demo`.

With `--forget 2026-07-01` one demo is played to that day, ended, and its home copied, since each home has keys of its
own and draws other experts with them. Both go on; Prefect's server of one is killed and its database deleted.

Prints what differs between their ends: submissions, ranking, assignments, history (but for hashes
and flow runs, which depend on each home's own key and salts, and for the order of what came at one instant)
and letters by kind. Exit status 1 when anything does. Takes about six minutes.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, text

from config.clock import Clock
from config.local_time import ZONE
from models.database import make_engine
from tests.benchmarks.bench_idle import tree

_APART = 10  # a demo's mailbox listens right beside its link pages
TABLES = {
    "submissions": "select number, title, state, outcome, tier from submission",
    "ranking": 'select * from "placing"',
    "assignments": "select number, expert, round, state from assignment",
    "history": 'select subject, at, actor, "trigger", from_state, to_state, reason from history',
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.killed_demo", description=__doc__)
    parser.add_argument("--after", type=float, default=55.0, help="seconds until the kill")
    parser.add_argument(
        "--port", type=int, default=4290, help="loopback port of a dashboard; ten further on is the other's"
    )
    parser.add_argument("--forget", metavar="DAY", help="delete Prefect's database on this day of the demo instead")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calm, killed = Path(folder) / "calm", Path(folder) / "killed"
        if asked.forget:
            _play_to(calm, asked.port, datetime.fromisoformat(asked.forget).replace(tzinfo=ZONE))
            shutil.copytree(calm, killed, symlinks=True)
        with _demo(calm, asked.port) as undisturbed:
            if not asked.forget:
                with _demo(killed, asked.port + _APART) as disturbed:
                    time.sleep(asked.after)
                    if disturbed.poll() is not None:
                        sys.exit("the demo was over before it could be killed")
            with _demo(killed, asked.port + _APART) as disturbed:
                if asked.forget:
                    _forget(killed / "demo", disturbed)
                if undisturbed.wait() or disturbed.wait():
                    sys.exit("a demo did not come to its end")
        return 1 if _differences(_opened(calm), _opened(killed)) else 0


@contextmanager
def _demo(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A demo at work, killed in the end if it still is."""
    variables = {**os.environ, "GANGCHUANG_HOME": str(home), "GANGCHUANG_DASHBOARD_PORT": str(port)}
    command = [sys.executable, "-c", "from flows.cli import main; main()", "demo", "--exit"]
    demo = subprocess.Popen(command, env=variables, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        yield demo
    finally:
        with suppress(ProcessLookupError):
            os.killpg(demo.pid, signal.SIGKILL)
        demo.wait()


def _play_to(folder: Path, port: int, day: datetime) -> None:
    """Play a demo until its clock has come to a day, and end it there."""
    clock = Clock(folder / "demo")
    with _demo(folder, port) as demo:
        while not clock.stepped or clock.now() < day:
            _wait(demo)
        demo.terminate()
        demo.wait()
    print(f"{clock.now():%Y-%m-%d %H:%M}: the demo was ended, and its home copied", flush=True)


def _forget(home: Path, demo: subprocess.Popen[bytes]) -> None:
    """Kill a demo's Prefect server while it plays, and delete its database; what runs meanwhile runs on."""
    clock = Clock(home)
    begun = clock.now()
    while clock.now() == begun:
        _wait(demo)
    for pid, command in tree(demo.pid).items():
        if command == "flows.engine.server":
            os.kill(pid, signal.SIGKILL)
    for file in (home / "prefect").glob("prefect.db*"):
        file.unlink()
    print(f"{clock.now():%Y-%m-%d %H:%M}: Prefect's database was deleted", flush=True)


def _wait(demo: subprocess.Popen[bytes]) -> None:
    if demo.poll() is not None:
        sys.exit("the demo was over before anything was done to it")
    time.sleep(0.1)


def _opened(home: Path) -> Engine:
    return make_engine(f"sqlite:///{home / 'demo' / 'gangchuang.db'}")


def _differences(calm: Engine, killed: Engine) -> int:
    total = 0
    for name, query in TABLES.items():
        here, there = _rows(calm, query), _rows(killed, query)
        total += _told(name, here, there)
    # A receipt's key bears the digest of a workbook that is signed with its own home's key.
    kinds = "select key, state from message"
    return total + _told("letters by kind", *(_by_kind(_rows(home, kinds)) for home in (calm, killed)))


def _rows(engine: Engine, query: str) -> Counter[tuple[object, ...]]:
    with engine.connect() as connection:
        return Counter(tuple(row) for row in connection.execute(text(query)))


def _by_kind(letters: Counter[tuple[object, ...]]) -> Counter[tuple[object, ...]]:
    return Counter(("/".join(str(key).split("/")[:3]), state) for (key, state) in letters.elements())


def _told(name: str, here: Counter[tuple[object, ...]], there: Counter[tuple[object, ...]]) -> int:
    lost, more = here - there, there - here
    print(f"{name}: {here.total()} undisturbed, {there.total()} killed, {(lost + more).total()} differing", flush=True)
    for row in (lost + more).elements():
        print(f"  {'-' if row in lost else '+'} {row}")
    return (lost + more).total()


if __name__ == "__main__":
    sys.exit(main())
