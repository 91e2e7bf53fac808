"""Stages are registered once, started by name, once per key, and run to their end."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
from prefect.states import Scheduled

from flows.engine.deployments import create_run, deployment_name, prefect_client, register, restoring, run_state, start
from flows.engine.environment import home_tags
from flows.engine.errors import DeploymentMissing, EngineAway
from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.flows.engine.tiny_stages import FORMS

pytestmark = pytest.mark.prefect


def _ends(run: str) -> str:
    wait_for(f"the end of run {run}", lambda: run_state(run).final)
    return run_state(run).type


def _everything() -> list[tuple[object, ...]]:
    with prefect_client() as client:
        return sorted(
            (
                str(deployment.id),
                deployment.name,
                deployment.description,
                deployment.entrypoint,
                tuple(deployment.tags),
                tuple(deployment.schedules),
            )
            for deployment in client.read_deployments()
        )


def test_registering_twice_changes_nothing(running_engine: EngineProcess) -> None:
    names = register(FORMS)
    before = _everything()

    again = register(FORMS)

    assert again == names == [deployment_name(stage) for stage in FORMS]
    assert _everything() == before
    assert len(before) == len(FORMS)
    assert all(not schedules for *_, schedules in before)


def test_a_started_stage_runs_in_a_forked_process_and_completes(running_engine: EngineProcess) -> None:
    log = running_engine.home / "logs" / "worker.log"
    before = len(log.read_text("utf-8"))  # what was refused to others stands in it with its traceback

    run = start("tiny", {"season": 2026}, f"tiny/{uuid.uuid4()}")

    assert _ends(run) == "COMPLETED"
    assert "Traceback" not in log.read_text("utf-8")[before:]
    assert "refused a call" not in (running_engine.home / "logs" / "warm.log").read_text("utf-8")


def test_a_run_leaves_its_progress_and_outcome_as_artifacts(running_engine: EngineProcess) -> None:
    run = start("tiny", {"season": 2031}, f"tiny/{uuid.uuid4()}")

    assert _ends(run) == "COMPLETED"
    with prefect_client() as client:
        only = FlowRunFilter(id=FlowRunFilterId(any_=[uuid.UUID(run)]))
        wait_for("two artifacts", lambda: len(client.read_artifacts(flow_run_filter=only)) == 2, seconds=20)
        drawn = {artifact.type: artifact for artifact in client.read_artifacts(flow_run_filter=only)}
    assert drawn["progress"].data == 100.0
    assert drawn["progress"].key == "tiny-2031-progress"
    assert drawn["markdown"].key == "tiny-2031"
    assert "| 39 | 39 |" in drawn["markdown"].data


def test_a_run_tells_in_its_log_what_its_stage_did(running_engine: EngineProcess) -> None:
    run = start("tiny", {"season": 2026}, f"tiny/{uuid.uuid4()}")

    assert _ends(run) == "COMPLETED"
    with prefect_client() as client:
        only = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[uuid.UUID(run)]))
        wait_for("its log", lambda: "39 letters were written" in {line.message for line in client.read_logs(only)})


def test_the_same_key_starts_one_run(running_engine: EngineProcess) -> None:
    key = f"tiny/{uuid.uuid4()}"

    runs = {start("tiny", {"season": 2026}, key) for _ in range(3)}

    assert len(runs) == 1
    assert _ends(runs.pop()) == "COMPLETED"


def test_a_stage_that_nobody_registered_is_named(running_engine: EngineProcess) -> None:
    with pytest.raises(DeploymentMissing) as refusal:
        start("no_such_stage", {}, "key")

    assert refusal.value.stage == "no_such_stage"


def test_a_deployment_that_was_deleted_is_registered_again_with_the_next_look(running_engine: EngineProcess) -> None:
    register(FORMS)
    start("tiny", {"season": 2026}, f"tiny/{uuid.uuid4()}")
    look = restoring(lambda: register(FORMS))
    assert look() == []
    with prefect_client() as client:
        (deleted,) = (deployment for deployment in client.read_deployments() if "stage:tiny" in deployment.tags)
        client.delete_deployment(deleted.id)
    with pytest.raises(DeploymentMissing):
        start("tiny", {"season": 2026}, f"tiny/{uuid.uuid4()}")

    assert look() == ["stage:tiny"]

    assert look() == []
    assert _ends(start("tiny", {"season": 2026}, f"tiny/{uuid.uuid4()}")) == "COMPLETED"


def test_a_form_under_another_name_takes_waiting_runs_along_and_what_is_gone_says_so(
    running_engine: EngineProcess,
) -> None:
    later = {"state": Scheduled(scheduled_time=datetime(2199, 1, 1, tzinfo=UTC))}
    before = (replace(FORMS[0], label="示例 earlier"), replace(FORMS[0], name="dropped", label="示例 dropped"))
    register((*before, *FORMS[1:]))
    with prefect_client() as client:
        kept = create_run(client, "tiny", {"season": 2026}, f"kept/{uuid.uuid4()}", **later)
        lost = create_run(client, "dropped", {"season": 2026}, f"lost/{uuid.uuid4()}", **later)

    register(FORMS)

    with prefect_client() as client:
        assert {form.name for form in client.read_deployments()} == {form.label for form in FORMS}
        (taken,) = [run for run in client.read_flow_runs() if run.idempotency_key == kept.idempotency_key]
        assert (taken.name, taken.parameters) == (kept.name, kept.parameters)
        client.set_flow_run_state(taken.id, Scheduled(), force=True)
    assert (run_state(str(lost.id)).type, "请改用现有的表单" in run_state(str(lost.id)).message) == ("CANCELLED", True)
    assert _ends(str(taken.id)) == "COMPLETED"


def test_two_homes_on_one_server_leave_each_other_alone(
    running_engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(FORMS)
    ours = _everything()
    monkeypatch.setenv("GANGCHUANG_HOME_MARK", "abc123")
    try:
        theirs = register(FORMS[:2])
        run = start("tiny", {"season": 2026}, f"theirs/{uuid.uuid4()}")
        with prefect_client() as client:
            assert client.read_flow_run(uuid.UUID(run)).work_pool_name == "gangchuang-abc123"
            assert {*home_tags()} < {*client.read_flow_run(uuid.UUID(run)).tags}
        monkeypatch.delenv("GANGCHUANG_HOME_MARK")

        register(FORMS)

        names = {name for _, name, *_ in _everything()}
        assert {name.partition("/")[2] for name in theirs} < names
        assert {name for _, name, *_ in ours} < names
    finally:
        with prefect_client() as client:
            for form in client.read_deployments():
                if form.name.endswith("abc123"):
                    client.delete_deployment(form.id)


def test_a_run_that_prefect_does_not_know_has_no_state(running_engine: EngineProcess) -> None:
    assert run_state(str(uuid.uuid4())) is None


def test_a_server_that_is_away_is_a_clear_error(running_engine: EngineProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    nowhere = f"http://127.0.0.1:{free_port()}/api"

    with temporary_settings({PREFECT_API_URL: nowhere}), pytest.raises(EngineAway) as refusal:
        start("tiny", {"season": 2026}, "key")

    assert refusal.value.url == nowhere
