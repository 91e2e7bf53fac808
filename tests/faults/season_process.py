"""The small season in a process of its own, which a test may stop, kill or deprive of its database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.database import make_engine
from tests.faults.compare import Picture, take_picture
from tests.faults.season import LATER, UNTIL
from tests.flows.engine.engine_process import wait_for

ROOT = Path(__file__).parents[2]
# A third of the year: call opened, deliveries, decisions, call closed, district round begun.
FIRST_THIRD = "act send verdicts"


@contextmanager
def a_season(home: Path, *, url: str = "", later: float = 0.0, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Play the first third of a home's season, from wherever it stands. Killed at the end if it still runs."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GANGCHUANG_")}
    # On the smallest disk as on any other: that little room would be an alert.
    own |= {"GANGCHUANG_LEAST_FREE_MIB": "1"}
    own |= {UNTIL: FIRST_THIRD, "GANGCHUANG_DATABASE_URL": url, LATER: str(later), **variables}
    command = [sys.executable, "-m", "tests.faults.season", str(home)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=own, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def played(home: Path, *, url: str = "", later: float = 0.0, **variables: str) -> str:
    """Play it to where it leaves off; what it said. It must end well."""
    with a_season(home, url=url, later=later, **variables) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def picture(home: Path, url: str = "") -> Picture:
    """Everything that a home holds."""
    engine = make_engine(url or f"sqlite:///{home / 'gangchuang.db'}")
    try:
        return take_picture(engine, home)
    finally:
        engine.dispose()


def wait_until_stopped(process: subprocess.Popen[str]) -> None:
    """Until it has stopped itself (SIGSTOP)."""

    def stopped() -> bool:
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    wait_for("the process to stop", stopped)
