"""Pieces of a stage are tasks in the dashboard: tried again where it may help, a few of a kind at once, or only done."""

import os
import signal
import uuid
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from config.errors import GangchuangError
from config.settings import HomeNotWritable
from flows.engine.deployments import prefect_client, register, run_state, start
from flows.engine.tasks import AT_ONCE, PieceKind, Tag, in_task, may_pass
from flows.outbox.mail.failures import PermanentFailure, TemporaryFailure
from models.database import DatabaseBusy, DatabaseFull
from states.leases import LeaseLost
from tests.flows.engine.engine_process import EngineProcess, wait_for
from tests.flows.engine.tiny_stages import FORMS


@pytest.mark.prefect
def test_pieces_are_tasks_and_only_what_may_pass_is_tried_again(running_engine: EngineProcess, tmp_path: Path) -> None:
    register(FORMS)
    run = start("pieces", {"where": str(tmp_path / "tries")}, f"pieces/{uuid.uuid4()}")
    wait_for("its end", lambda: run_state(run).final)

    assert run_state(run).type == "COMPLETED", run_state(run).message
    assert (tmp_path / "tries").read_text("utf-8") == "busy busy refused letters"
    wait_for("its tasks", lambda: {task["state_type"] for task in _tasks(run)} == {"COMPLETED", "FAILED"})
    assert {task["name"]: (task["state_type"], task["run_count"], task["tags"]) for task in _tasks(run)} == {
        "发放模板 500101": ("COMPLETED", 2, []),
        "收件 500102/报表{1}.xlsx": ("FAILED", 1, []),
        "发送邮件 第1批": ("COMPLETED", 1, [Tag.MAIL.value]),
    }


@pytest.mark.prefect
def test_limits_are_there_and_an_administrators_choice_stays(running_engine: EngineProcess) -> None:
    register(FORMS)
    with prefect_client() as client:
        limits = {tag: client.read_concurrency_limit_by_tag(tag).concurrency_limit for tag in AT_ONCE}
        client.create_concurrency_limit(Tag.MAIL, 7)
        register(FORMS)
        chosen = client.read_concurrency_limit_by_tag(Tag.MAIL).concurrency_limit
        client.delete_concurrency_limit_by_tag(Tag.MAIL)
        register(FORMS)

    assert (limits, chosen) == (AT_ONCE, 7)


@pytest.mark.prefect
def test_a_server_that_died_still_knows_who_has_a_slot(running_engine: EngineProcess) -> None:
    name = f"tag:{Tag.MAIL}"

    def taken() -> int:
        with prefect_client() as client:
            return client.read_global_concurrency_limit_by_name(name).active_slots

    with prefect_client() as client:
        answer = client.increment_concurrency_slots_with_lease([name], 2, "concurrency", lease_duration=60)
    assert taken() == 2
    os.kill(running_engine.child("flows.engine.server"), signal.SIGKILL)
    running_engine.wait_until_up()

    assert taken() == 2
    with prefect_client() as client:
        client.release_concurrency_slots_with_lease(UUID(answer.json()["lease_id"]))
    assert taken() == 0


def test_without_a_flow_run_a_piece_is_only_done() -> None:
    tries = []

    def busy() -> None:
        tries.append(1)
        raise DatabaseBusy("locked")

    assert in_task(PieceKind.LETTERS, "第1批", lambda: 7) == 7
    with pytest.raises(DatabaseBusy):
        in_task(PieceKind.TEMPLATE, "500101", busy)
    assert tries == [1]


@pytest.mark.parametrize(
    ("problem", "passes"),
    [
        (DatabaseBusy("locked"), True),
        (DatabaseFull("disk"), True),
        (HomeNotWritable(Path("home"), "read-only"), True),
        (OSError("disk"), True),
        (TemporaryFailure("try later"), True),
        (PermanentFailure("no such user"), False),
        (LeaseLost("stage/2026/collect"), False),
        (GangchuangError("it is not yours"), False),
        (ValueError("a fault of ours"), False),
        (None, False),
    ],
)
def test_what_may_pass(problem: Exception | None, passes: bool) -> None:
    wrapped = GangchuangError("a delivery could not be taken")
    wrapped.__cause__ = problem

    assert may_pass(problem) is may_pass(wrapped) is passes


def _tasks(run: str) -> list[dict[str, Any]]:
    body = {"flow_runs": FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run)])).model_dump(mode="json")}
    with prefect_client() as client:
        return list(client.request("POST", "/task_runs/filter", json=body).json())
