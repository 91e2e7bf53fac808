"""A real engine whose run, worker, server and clock die at the worst moment; the season goes on by itself."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, select

from config.clock import step_to
from config.milestones import Milestone
from config.season import load_season
from models import Call, History, Lease, Message, MilestoneDate
from models.database import make_engine, reading, writing
from models.enums import CallState, MessageState, MilestoneState
from models.schema import upgrade
from states.audit.verify import verify
from states.machine import Act
from states.officers import officer
from states.timeline import plan_season
from tests.faults.people import OFFICER
from tests.faults.season import YEAR, prepare
from tests.flows.engine import engine_process
from tests.flows.engine.engine_process import ROOT, EngineProcess, free_port, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.prefect, pytest.mark.timeout(600)]

M = Milestone
SERVE = """
import sys
from config.settings import settings
from flows.engine.supervisor import supervise

sys.exit(supervise(settings(), stages=sys.argv[1], drain_seconds=1.0))
"""
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


class Serving(EngineProcess):
    """The whole engine with the stages of the year, the real clock and short patience; and its database."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, free_port())
        patience = {"LEASE_SECONDS": "5", "SWEEP_SECONDS": "0.5", "MAIL_SECONDS": "1"}
        self.environment |= {f"GANGCHUANG_{name}": value for name, value in patience.items()}
        self.season = load_season(YEAR, home)
        self.database: Engine = make_engine(f"sqlite:///{home / 'gangchuang.db'}")

    def plan(self) -> None:
        upgrade(self.database)
        with writing(self.database) as session:
            at = self.season.dates.open_call
            plan_season(session, self.season, Act(officer(self.season, OFFICER), at))

    def state(self) -> CallState:
        with reading(self.database) as session:
            return session.get_one(Call, YEAR).state

    def is_settled(self, milestone: Milestone) -> bool:
        with reading(self.database) as session:
            row = session.get_one(MilestoneDate, (YEAR, milestone.value, 1, ""))
            return row.state is MilestoneState.DONE

    def comes_to(self, milestone: Milestone) -> None:
        """The milestone's instant has come."""
        with reading(self.database) as session:
            step_to(self.home, session.get_one(MilestoneDate, (YEAR, milestone.value, 1, "")).due_at)

    def entries(self) -> Counter[tuple[str, str]]:
        """(trigger, milestone) of the call's history, with how often it stands there."""
        with reading(self.database) as session:
            rows = session.execute(select(History.trigger, History.facts).where(History.subject == f"call/{YEAR}"))
            return Counter((trigger, str(json.loads(facts).get("milestone"))) for trigger, facts in rows)

    def whole(self) -> bool:
        with reading(self.database) as session:
            return verify(session) == []

    def all_sent(self) -> bool:
        with reading(self.database) as session:
            return set(session.scalars(select(Message.state).distinct())) == {MessageState.SENT}

    def process_of(self, stage: str) -> int:
        """The process that plays a stage at this moment, by the lease that it signed; 0 for none."""
        with reading(self.database) as session:
            lease = session.get(Lease, f"stage/{YEAR}/{stage}")
        parts = lease.owner.split("/") if lease is not None and lease.expires > 0 else []
        return int(parts[1]) if len(parts) > 1 else 0

    def kill_server(self) -> None:
        """Kill the Prefect server, if it has come up again."""
        for pid, command in self.children().items():
            if "flows.engine.server" in command:
                os.kill(pid, signal.SIGKILL)

    def _signed_in(self) -> tuple[str, str]:
        user, _, password = self.sign_in.partition(":")
        return user, password

    def runs(self, key: str) -> dict[str, str]:
        """The state of each flow run whose key begins so, by its key."""
        answer = httpx.post(
            f"http://127.0.0.1:{self.port}/api/flow_runs/filter", json={}, timeout=30, auth=self._signed_in()
        )
        found = {run["idempotency_key"] or "": run["state_type"] for run in answer.json()}
        return {own: state for own, state in found.items() if own.startswith(key)}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("serving") / "home"
    prepare(home)
    engine = Serving(home)
    engine.plan()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_process, "SERVE", SERVE)
        patch.setattr(engine_process, "STAGES", "flows.year")
        engine.start()
    try:
        engine.wait_until_up()
        yield engine
    finally:
        engine.stop()
        engine.database.dispose()


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


def test_time_that_jumps_backwards_does_nothing_again(serving: Serving) -> None:
    before = serving.entries()
    step_to(serving.home, serving.season.dates.open_call)

    time.sleep(3)  # several looks of the clock

    assert serving.entries() == before
    assert serving.state() is CallState.DISTRICT_REVIEW


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
