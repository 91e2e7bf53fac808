"""A real engine whose run, worker, server and clock die at the worst moment; the season goes on by itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from prefect.exceptions import ObjectNotFound

from config.clock import step_to
from config.milestones import Milestone
from flows.engine.errors import EngineAway
from models.enums import CallState, TroubleKind
from tests.faults.season import YEAR
from tests.faults.serving import Serving, served
from tests.flows.engine.engine_process import ROOT, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.prefect, pytest.mark.timeout(600)]

M = Milestone
STANDING = {
    "flows.clock": TroubleKind.CLOCK_SILENT,
    "flows.engine.server": TroubleKind.SERVER_SILENT,
    "flows.engine.worker": TroubleKind.WORKER_SILENT,
}
# A clock that stops itself at a request to Prefect.
LOOK = """
import sys
from config.settings import settings
from flows.clock import Timekeeper
from flows.engine.deployments import start
from flows.stage import open_database
from tests.faults import points

own = settings()
points.arm(halt_at=sys.argv[1])
Timekeeper(own, open_database(own.database), start).look(int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with served(tmp_path_factory.mktemp("serving") / "home") as engine:
        yield engine


def test_a_run_and_a_worker_that_are_killed_are_crashed_and_the_stage_gets_done_by_itself(serving: Serving) -> None:
    serving.comes_to(M.OPEN_CALL)
    wait_for("the stage to be under way", lambda: serving.process_of("open_call"))

    os.kill(serving.process_of("open_call"), signal.SIGKILL)
    os.kill(serving.child("flows.engine.worker"), signal.SIGKILL)
    assert serving.state() is CallState.PLANNED

    wait_for("the call to be opened", lambda: serving.state() is CallState.OPEN, seconds=180)
    first = f"{YEAR}/open_call/1/1"
    wait_for("the zombie to be marked", lambda: serving.runs(first)[first] == "CRASHED")
    assert serving.entries()["open_call", "open_call/1"] == 1
    assert serving.whole()


def test_while_prefect_is_away_time_jumps_past_several_milestones_and_nothing_is_lost(serving: Serving) -> None:
    clock = serving.home / "logs" / "clock.log"
    said = len(clock.read_text())

    serving.comes_to(M.CLOSE_CALL)
    while "could not be started" not in clock.read_text()[said:]:
        serving.kill_server()
        time.sleep(0.2)

    wait_for("the call to be closed", lambda: serving.state() is CallState.DISTRICT_REVIEW, seconds=180)
    assert serving.entries()["close_call", "close_call/1"] == 1
    assert serving.entries()["skip_milestone", "remind_call/1"] == 1
    wait_for("every letter to be sent", serving.all_sent)


def test_prefects_database_deleted_changes_nothing_but_a_view_that_comes_back(serving: Serving) -> None:
    wait_for("the overview", lambda: serving.view()["overview"])
    before, record = serving.view(), serving.entries()

    serving.lose_prefects_database()

    view: dict[str, set[str]] = {}
    deadline = time.monotonic() + 180
    while view != before and time.monotonic() < deadline:
        time.sleep(0.5)
        with suppress(EngineAway, ObjectNotFound):
            view = serving.view()

    assert view == before
    assert all(before.values())
    assert serving.entries() == record, "what follows in this season is started and settled as ever"


def test_time_that_jumps_backwards_does_nothing_again(serving: Serving) -> None:
    before = serving.entries()
    step_to(serving.home, serving.season.dates.open_call)

    time.sleep(3)  # several looks of the clock

    assert serving.entries() == before
    assert serving.state() is CallState.DISTRICT_REVIEW


@pytest.mark.parametrize("silent", ["flows.clock", "flows.engine.server", "flows.engine.worker"])
def test_what_stands_still_turns_health_red_within_two_minutes(serving: Serving, silent: str) -> None:
    wait_for("health", lambda: serving.red() == [])
    own = serving.child(silent)
    begun = time.monotonic()

    os.kill(own, signal.SIGSTOP)
    wait_for(f"{silent} to be missed", lambda: serving.red() == [STANDING[silent]], seconds=120)
    os.kill(own, signal.SIGCONT)

    assert time.monotonic() - begun < 120
    wait_for("health", lambda: serving.red() == [])


@pytest.mark.parametrize(
    ("moment", "milestone"),
    [("before", M.CLOSE_DISTRICT_ROUND), ("after", M.CHECK_ELIGIBILITY)],
)
def test_a_clock_killed_as_it_hands_over_to_prefect_starts_nothing_twice(
    serving: Serving, moment: str, milestone: Milestone
) -> None:
    own = serving.child("flows.clock")
    os.kill(own, signal.SIGSTOP)
    serving.comes_to(milestone)
    # Rehearsal or not, only this one looks now; two clocks at once is what happens when the other wakes.
    variables = serving.environment | {
        "PREFECT_API_URL": f"http://127.0.0.1:{serving.port}/api",
        "PREFECT_API_AUTH_STRING": serving.sign_in,
    }
    command = [sys.executable, "-c", LOOK, f"prefect {moment} POST /api/deployments/…/create_flow_run", str(YEAR)]
    with subprocess.Popen(command, cwd=ROOT, env=variables) as second:
        stat = Path(f"/proc/{second.pid}/stat")
        wait_for("the second clock", lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
        second.kill()
    os.kill(own, signal.SIGCONT)

    wait_for(f"{milestone} to be settled", lambda: serving.is_settled(milestone), seconds=180)

    assert serving.entries()["settle_milestone", f"{milestone}/1"] == 1
    assert len(serving.runs(f"{YEAR}/{milestone}/1/1")) == (0 if moment == "before" else 1)
    assert serving.whole()
