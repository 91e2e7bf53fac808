"""The whole engine with the stages of the year, the real clock and short patience, in a process of its own."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import httpx
from sqlalchemy import Engine, select

from config.clock import Clock, step_to
from config.milestones import Milestone
from config.season import load_season
from flows.engine.deployments import deployments, prefect_client
from flows.engine.environment import FORM_MODULES
from flows.engine.overview import KEY
from flows.engine.tasks import AT_ONCE
from models import Call, History, Lease, Message, MilestoneDate
from models.database import make_engine, reading, writing
from models.enums import CallState, MessageState, MilestoneState, TroubleKind
from models.schema import upgrade
from states.audit.verify import verify
from states.machine import Act
from states.officers import officer
from states.timeline import plan_season
from states.troubles import TroubleLevel, troubles
from tests.faults.people import OFFICER
from tests.faults.season import YEAR, prepare
from tests.flows.engine import engine_process
from tests.flows.engine.engine_process import EngineProcess, free_port

SERVE = """
import sys
from config.settings import settings
from flows.engine.supervisor import supervise

sys.exit(supervise(settings(), stages=sys.argv[1], drain_seconds=1.0))
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

    def red(self) -> list[TroubleKind]:
        """What `gangchuang health` ends with 2 for; a clock that has not looked yet counts too."""
        with reading(self.database) as session:
            found = troubles(session, Clock(self.home).now())
        return [
            trouble.kind
            for trouble in found
            if trouble.level is TroubleLevel.ACT or trouble.kind is TroubleKind.CLOCK_SILENT
        ]

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

    def view(self) -> dict[str, set[str]]:
        """What Prefect shows of the year and how it guards it, but for what has been."""
        with self.spoken_to(), prefect_client() as client:
            wanted = {"artifacts": {"key": {"any_": [KEY]}}}
            shown = client.request("POST", "/artifacts/filter", json=wanted).json()
            return {
                "forms": {form.name for form in deployments(client) if form.parameter_openapi_schema},
                "automations": {automation.name for automation in client.read_automations()},
                "limits": {tag for tag in AT_ONCE if client.read_concurrency_limit_by_tag(tag)},
                "overview": {artifact["data"].partition("\n")[0] for artifact in shown},
            }

    def lose_prefects_database(self) -> None:
        """As if somebody had deleted it: the server comes up with an empty one."""
        os.kill(self.child("flows.engine.server"), signal.SIGKILL)
        for file in (self.home / "prefect").glob("prefect.db*"):
            file.unlink()

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


@contextmanager
def served(home: Path) -> Iterator[Serving]:
    """A season planned in a fresh home, and its engine up."""
    prepare(home)
    engine = Serving(home)
    engine.plan()
    with patch.multiple(engine_process, SERVE=SERVE, STAGES=FORM_MODULES):
        engine.start()
    try:
        engine.wait_until_up()
        yield engine
    finally:
        engine.stop()
        engine.database.dispose()
