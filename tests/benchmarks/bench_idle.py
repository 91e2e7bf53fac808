"""What `gangchuang serve` costs while nothing is to be done: processor, memory, and growth of Prefect's database.

A closed season in a home of its own, served by the real command; after a time to settle, the processor's seconds of
every process of the tree are counted over some minutes, and the memory that is theirs (PSS: shared pages by parts).
The floor is Prefect's server alone.
"""

import argparse
import math
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from models.database import make_engine, writing
from models.enums import CallState
from states.submissions.identity import bring_up
from tests.support.builders import a_season

ROOT = Path(__file__).parents[2]
SETTLING_SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


def tree(root: int) -> dict[int, str]:
    """Every process below one, and itself, with its command."""
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").split()
                commands[int(entry.name)] = next((w.decode() for w in words if w.startswith(b"flows.")), "serve")
            except OSError:
                continue
    found, fresh = dict[int, str](), {root}
    while fresh:
        found |= {pid: commands[pid] for pid in fresh if pid in commands}
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found.keys()
    return found


def seconds_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_of(pid: int) -> float:
    """MiB that are this process's own, and its part of what it shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")) / MIB


def size_of(home: Path) -> int:
    """Bytes of what Prefect's database holds: its files wax and wane by what is yet to be moved from one to the other."""
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        return math.prod(database.execute(f"PRAGMA page_{what}").fetchone()[0] for what in ("count", "size"))


def measured(root: int, home: Path, minutes: float) -> Mapping[str, tuple[float, float]]:
    """By process, percent of a core and MiB; Prefect's database as `database`: growth in KiB, size in MiB."""
    processes, before, size = tree(root), {}, size_of(home)
    before = {pid: seconds_of(pid) for pid in processes}
    began = time.monotonic()
    time.sleep(minutes * 60)
    lasted = time.monotonic() - began
    found = {
        f"{name} ({pid})": ((seconds_of(pid) - before[pid]) / lasted * 100, memory_of(pid))
        for pid, name in processes.items()
    }
    found["together"] = (sum(one for one, _ in found.values()), sum(other for _, other in found.values()))
    return found | {"database": ((size_of(home) - size) / 1024, size_of(home) / MIB)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory(prefix="gangchuang-") as folder, socket.socket() as probe:
        home = Path(folder) / "home"
        home.mkdir()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        engine = make_engine(f"sqlite:///{home}/gangchuang.db")
        bring_up(engine)
        with writing(engine) as session:
            a_season(session, state=CallState.CLOSED)
        engine.dispose()
        given = {"GANGCHUANG_HOME": str(home), "GANGCHUANG_DASHBOARD_PORT": str(port), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", "import sys; from flows.cli import main; sys.argv[1:] = ['serve']; main()"]
        log = Path(folder) / "serve.log"
        with log.open("wb") as output:
            served = subprocess.Popen(command, env={**os.environ, **given}, stdout=output, stderr=output)
        try:
            while "worker and clock started" not in log.read_text("utf-8"):
                if served.poll() is not None:
                    sys.exit(log.read_text("utf-8"))
                time.sleep(0.5)
            time.sleep(SETTLING_SECONDS)
            for name, (first, second) in measured(served.pid, home, minutes).items():
                units = ("KiB more", "MiB") if name == "database" else ("% of a core", "MiB")
                print(f"{name:<34} {first:8.2f} {units[0]:<12} {second:8.1f} {units[1]}")
        finally:
            served.terminate()
            served.wait(60)


if __name__ == "__main__":
    main()
