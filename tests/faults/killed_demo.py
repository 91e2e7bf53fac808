"""Two demos, one of them killed (SIGKILL) in the middle and started again: `python -m tests.faults.killed_demo`.

Prints what differs between their ends: submissions, ranking, assignments, history (but for hashes
and flow runs, which depend on each home's own key and salts) and letters by kind. Exit status 1 when
anything does. Takes about five minutes.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import Engine, text

from models.database import make_engine

TABLES = {
    "submissions": "select number, title, state, outcome, tier from submission",
    "ranking": "select * from placing",
    "assignments": "select number, expert, round, state from assignment",
    "history": 'select subject, sequence, at, actor, "trigger", from_state, to_state, reason from history',
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.killed_demo", description=__doc__)
    parser.add_argument("--after", type=float, default=55.0, help="seconds until the kill")
    parser.add_argument("--port", default="4290", help="loopback port of the demo's dashboard")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calm, killed = Path(folder) / "calm", Path(folder) / "killed"
        _demo(calm, asked.port).wait()
        first = _demo(killed, asked.port)
        time.sleep(asked.after)
        if first.poll() is not None:
            sys.exit("the demo was over before it could be killed")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        _demo(killed, asked.port).wait()
        return 1 if _differences(_opened(calm), _opened(killed)) else 0


def _demo(home: Path, port: str) -> subprocess.Popen[bytes]:
    variables = {**os.environ, "GANGCHUANG_HOME": str(home), "GANGCHUANG_DASHBOARD_PORT": port}
    command = [sys.executable, "-c", "from flows.cli import main; main()", "demo", "--exit"]
    return subprocess.Popen(command, env=variables, start_new_session=True, stdout=subprocess.DEVNULL)


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
