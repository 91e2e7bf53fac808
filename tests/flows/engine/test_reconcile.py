"""No run stays "Running" that nobody runs, whichever process died."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags, FlowRunFilter
from prefect.client.schemas.filters import FlowRunFilterIdempotencyKey as KeyFilter
from prefect.client.schemas.objects import StateType
from prefect.states import Completed, State

from config.settings import Settings
from flows.engine.deployments import prefect_client, run_state, start, worker_polls
from flows.engine.environment import worker_name
from flows.engine.reconcile import (
    ZOMBIE_AUTOMATION,
    ensure_zombie_automation,
    forget_objectors,
    reconcile,
    rerun_crashed,
)
from tests.flows.engine.engine_process import ROOT, EngineProcess, alive, wait_for

pytestmark = pytest.mark.prefect


def _a_run_left_behind(state: StateType, worker: str) -> str:
    """A run of the stage `tiny` that its worker never finished, far from any worker's reach."""
    with prefect_client() as client:
        tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=["stage:tiny"]))
        deployment = client.read_deployments(deployment_filter=tagged)[0]
        run = client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"season": 2026},
            state=State(type=StateType.PAUSED),
            idempotency_key=uuid.uuid4().hex,
        )
        label = {"prefect.worker.name": worker}
        client.request("PATCH", "/flow_runs/{id}/labels", path_params={"id": run.id}, json=label)
        client.set_flow_run_state(run.id, State(type=state), force=True)
    return str(run.id)


def _runs_with_key(key: str) -> list[UUID]:
    with prefect_client() as client:
        wanted = FlowRunFilter(idempotency_key=KeyFilter(any_=[key]))
        return [run.id for run in client.read_flow_runs(flow_run_filter=wanted)]


@flow(name="office-decision")
def a_decision(decision: str, subject: str, other: str, reason: str) -> None:
    """As an earlier version had it."""


@pytest.mark.usefixtures("running_engine")
def test_no_run_keeps_who_objected() -> None:
    told = {"subject": "2026-500103-0001", "other": "示例·举报人 13800000000", "reason": "示例事由"}
    polls = worker_polls()
    polls()
    # It looks for such runs itself as it starts, before it asks for work.
    wait_for("the worker to be at work", polls)
    with prefect_client() as client:
        objection, recusal = (
            client.create_flow_run(a_decision, parameters={"decision": decision, **told}, state=Completed()).id
            for decision in ("raise_objection", "recuse")
        )

        assert (forget_objectors(), forget_objectors()) == (1, 0)

        assert client.read_flow_run(objection).parameters == {
            **{"decision": "raise_objection", "subject": told["subject"]},
            **{"other": "", "reason": ""},
        }
        assert client.read_flow_run(recusal).parameters == {"decision": "recuse", **told}


@pytest.mark.parametrize(
    ("left", "settled"),
    [
        (StateType.RUNNING, "CRASHED"),
        (StateType.PENDING, "CRASHED"),
        (StateType.CANCELLING, "CANCELLED"),
    ],
)
def test_what_this_worker_left_behind_is_settled(running_engine: EngineProcess, left: StateType, settled: str) -> None:
    run = _a_run_left_behind(left, "a-worker-that-died")

    assert reconcile("a-worker-that-died") == [run]

    assert run_state(run).type == settled
    assert reconcile("a-worker-that-died") == []


def test_what_another_worker_runs_is_left_alone(running_engine: EngineProcess) -> None:
    run = _a_run_left_behind(StateType.RUNNING, "a-worker-elsewhere")

    assert run not in reconcile("a-worker-that-died")

    assert run_state(run).type == "RUNNING"
    reconcile("a-worker-elsewhere")


def test_a_run_killed_alone_is_crashed_at_once(running_engine: EngineProcess, tmp_path: Path) -> None:
    run = start("slow", {"season": 2026, "where": str(tmp_path / "pid")}, uuid.uuid4().hex)
    wait_for("the slow stage", lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())

    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    wait_for("the crash to be noted", lambda: run_state(run).final, seconds=30)
    assert run_state(run).type == "CRASHED"


def test_a_crashed_run_without_a_key_is_run_again_once(running_engine: EngineProcess, tmp_path: Path) -> None:
    with prefect_client() as client:
        tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=["stage:dying"]))
        deployment = client.read_deployments(deployment_filter=tagged)[0]
        by_hand = client.create_flow_run_from_deployment(
            deployment.id, parameters={"season": 2026, "where": str(tmp_path / "first")}
        )
    wait_for("the crash", lambda: run_state(str(by_hand.id)).type == "CRASHED")

    again = rerun_crashed()

    assert rerun_crashed() == again
    assert [str(run) for run in _runs_with_key(f"again/{by_hand.id}")] == again
    wait_for("the second run", lambda: run_state(again[0]).final)
    assert run_state(again[0]).type == "COMPLETED"


def test_a_killed_worker_takes_its_runs_along_and_the_next_one_says_so(
    running_engine: EngineProcess, tmp_path: Path
) -> None:
    run = start("slow", {"season": 2026, "where": str(tmp_path / "pid")}, uuid.uuid4().hex)
    wait_for("the slow stage", lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    stage = int((tmp_path / "pid").read_text())

    os.kill(running_engine.child("flows.engine.worker"), signal.SIGKILL)

    wait_for("the stage's process to end", lambda: not alive(stage), seconds=10)
    wait_for("the next worker's word", lambda: run_state(run).final, seconds=60)
    assert run_state(run).type == "CRASHED"


def test_a_worker_that_is_asked_to_stop_reports_what_it_could_not_finish(
    running_engine: EngineProcess, tmp_path: Path
) -> None:
    run = start("slow", {"season": 2026, "where": str(tmp_path / "pid")}, uuid.uuid4().hex)
    wait_for("the slow stage", lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    worker = running_engine.child("flows.engine.worker")

    os.kill(worker, signal.SIGTERM)

    wait_for("the worker's end", lambda: not alive(worker), seconds=30)
    assert run_state(run).type == "CRASHED"


def test_a_run_that_is_cancelled_ends_its_process(running_engine: EngineProcess, tmp_path: Path) -> None:
    run = start("slow", {"season": 2026, "where": str(tmp_path / "pid")}, uuid.uuid4().hex)
    wait_for("the slow stage", lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    wait_for("the run to be under way", lambda: run_state(run).type == "RUNNING")

    with prefect_client() as client:
        client.set_flow_run_state(UUID(run), State(type=StateType.CANCELLING))

    wait_for("the stage's process to end", lambda: not alive(int((tmp_path / "pid").read_text())), seconds=60)
    wait_for("the run to be cancelled", lambda: run_state(run).final, seconds=30)
    assert run_state(run).type == "CANCELLED"


def test_a_run_whose_whole_machine_is_gone_is_crashed_by_the_silence(
    running_engine: EngineProcess, tmp_path: Path
) -> None:
    ensure_zombie_automation(within_seconds=10)
    code = (
        "import sys, prefect\nfrom flows.engine.environment import TAG\n"
        "from tests.flows.engine.tiny_stages import lonely\n"
        "with prefect.tags(TAG): lonely(sys.argv[1])"
    )
    environment = running_engine.environment | {
        name: os.environ[name] for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")
    }
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], env=environment, cwd=ROOT)
    wait_for("the run", lambda: (tmp_path / "run").exists() and (tmp_path / "run").read_text())
    run = (tmp_path / "run").read_text()
    _wait_for_heartbeat(run)

    process.kill()
    process.wait()

    wait_for("the automation", lambda: run_state(run).final, seconds=60)
    assert run_state(run).type == "CRASHED"
    ensure_zombie_automation()


def test_there_is_one_zombie_automation_however_often_it_is_asked_for(running_engine: EngineProcess) -> None:
    first = ensure_zombie_automation()

    assert ensure_zombie_automation() == first
    with prefect_client() as client:
        assert [automation.id for automation in client.read_automations_by_name(ZOMBIE_AUTOMATION)] == [first]


def test_a_worker_has_the_same_name_after_every_start(tmp_path: Path) -> None:
    own, other = Settings(home=tmp_path / "one"), Settings(home=tmp_path / "other")

    assert worker_name(own) == worker_name(Settings(home=tmp_path / "one"))
    assert worker_name(own) != worker_name(other)


def _wait_for_heartbeat(run: str) -> None:
    which = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    body = {"filter": which}
    with prefect_client() as client:
        wait_for("a heartbeat", lambda: client.request("POST", "/events/filter", json=body).json()["total"])
