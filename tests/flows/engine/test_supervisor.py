"""The tree of processes: comes up, mends itself, goes down whole."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.states import Scheduled

from config.settings import Settings
from flows.engine.errors import PortInUse
from flows.engine.supervisor import Child, supervise
from tests.flows.engine.engine_process import EngineProcess, alive, free_port, wait_for
from tests.flows.engine.tiny_stages import FORMS

pytestmark = pytest.mark.prefect


@pytest.fixture
def own_engine(tmp_path: Path) -> Iterator[EngineProcess]:
    """An engine of this test's own, which it may kill; not started."""
    (tmp_path / "home").mkdir()
    engine = EngineProcess(tmp_path / "home", free_port())
    yield engine
    if engine.process is not None and engine.process.poll() is None:
        engine.process.kill()
        engine.process.wait()


def test_sigterm_ends_the_whole_tree_in_order_with_status_0(own_engine: EngineProcess) -> None:
    own_engine.start()
    own_engine.wait_until_up()
    tree = own_engine.children()
    assert len(tree) >= 4

    assert own_engine.stop() == 0

    assert [pid for pid in tree if alive(pid)] == []
    stopped = [line.split()[-1] for line in own_engine.said().splitlines() if line.startswith("stopping")]
    assert stopped == ["clock", "worker", "server", "warm"]


def test_a_killed_supervisor_takes_every_process_along(own_engine: EngineProcess) -> None:
    own_engine.start()
    own_engine.wait_until_up()
    tree = own_engine.children()

    own_engine.signal(signal.SIGKILL)

    wait_for("the children's end", lambda: not [pid for pid in tree if alive(pid)], seconds=15)


def test_a_worker_that_asks_seldom_is_told_of_every_run(own_engine: EngineProcess) -> None:
    """More runs than it has slots, and one that is brought forward."""
    from flows.engine.deployments import create_run, prefect_client, run_state, start

    own_engine.environment["PREFECT_WORKER_QUERY_SECONDS"] = "600"
    own_engine.start()
    own_engine.wait_until_up()
    with own_engine.spoken_to(), prefect_client() as client:
        later = Scheduled(scheduled_time=datetime(2099, 1, 1, tzinfo=UTC))
        runs = [str(create_run(client, "tiny", {"season": 2026}, "later", state=later).id)]
        client.set_flow_run_state(runs[0], Scheduled(), force=True)
        runs += [start("tiny", {"season": 2026}, f"soon/{number}") for number in range(3)]
        wait_for("all runs to end well", lambda: {run_state(run).type for run in runs} == {"COMPLETED"})


def test_sigterm_while_it_comes_up_ends_it_too(own_engine: EngineProcess) -> None:
    own_engine.start()
    wait_for("the first line", lambda: "starting the Prefect server" in own_engine.said())
    tree = own_engine.children()

    assert own_engine.stop() == 0

    assert [pid for pid in tree if alive(pid)] == []


def test_a_child_that_dies_alone_is_started_again(running_engine: EngineProcess) -> None:
    clock = running_engine.child("signal.pause")

    os.kill(clock, signal.SIGKILL)

    wait_for("another clock", lambda: not alive(clock) and "signal.pause" in str(running_engine.children()))
    assert "clock ended with -9; again in" in running_engine.said()


def test_without_its_warm_parent_a_stage_runs_in_a_cold_interpreter(running_engine: EngineProcess) -> None:
    from flows.engine.deployments import run_state, start

    os.kill(running_engine.child("flows.engine.warm"), signal.SIGKILL)
    run = start("tiny", {"season": 2026}, "without a warm parent")

    wait_for("the end of the run", lambda: run_state(run).final)
    assert run_state(run).type == "COMPLETED"
    wait_for("another warm parent", lambda: "flows.engine.warm" in str(running_engine.children()))


def test_a_second_engine_in_the_same_home_is_refused(running_engine: EngineProcess) -> None:
    second = EngineProcess(running_engine.home, free_port())
    second.output = second.output.with_name("second.log")

    second.start()

    assert second.process is not None
    assert second.process.wait(30) == 1
    assert "EngineRunning: Another `gangchuang serve` or `gangchuang demo` is running" in second.said()
    assert str(second.home) in second.said()


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(PortInUse) as refusal:
            supervise(Settings(home=tmp_path, dashboard_port=port), clock_command=["false"], stages="none")

    assert refusal.value.port == port
    assert str(port) in str(refusal.value)
    assert "GANGCHUANG_DASHBOARD_PORT" in str(refusal.value)
    assert not list((tmp_path / "logs").glob("*.log"))


def test_a_child_that_keeps_dying_is_started_less_and_less_often(tmp_path: Path) -> None:
    child = Child("broken", ["false"], dict(os.environ), tmp_path / "broken.log")
    child.start()

    pauses = []
    for _ in range(3):
        wait_for("its death", lambda: not child.alive)
        news = child.revive()
        pauses.append(news.split("again in ")[1].split(" (")[0])
        child.retry_at = 1e-9
        assert child.revive() == ""

    assert pauses == ["1 s", "2 s", "4 s"]
    child.stop()


@pytest.mark.parametrize("kind", ["stopped", "dumb"])
def test_a_child_that_falls_silent_is_killed_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("flows.engine.supervisor._PULSE_SECONDS", 0.05)
    monkeypatch.setattr("flows.engine.supervisor._SILENT_SECONDS", 0.5)
    child = Child("server", ["sleep", "600"], dict(os.environ), tmp_path / "server.log")
    child.answers = lambda: kind != "dumb"
    child.start()
    first = child.process
    assert first is not None
    assert child.check() == ""
    if kind == "stopped":
        first.send_signal(signal.SIGSTOP)

    news: list[str] = []
    wait_for("its end", lambda: news.append(child.check()) or first.poll() is not None, seconds=10)

    assert "gave no sign of life" in news[-1]
    assert first.returncode == -signal.SIGKILL
    assert "again in" in child.revive()
    child.retry_at = 1e-9
    child.revive()
    assert child.alive
    assert child.process is not first
    child.stop()


def test_a_child_that_answers_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.engine.supervisor._PULSE_SECONDS", 0.01)
    monkeypatch.setattr("flows.engine.supervisor._SILENT_SECONDS", 0.1)
    child = Child("server", ["sleep", "600"], dict(os.environ), tmp_path / "server.log")
    child.start()

    for _ in range(30):
        time.sleep(0.01)
        assert child.check() == ""

    assert child.alive
    child.stop()


def test_a_run_queued_before_an_upgrade_is_run_with_the_code_that_is_there_now(own_engine: EngineProcess) -> None:
    """Modules move; what a deployment says of them is registered anew whenever the engine comes up."""
    from flows.engine.deployments import deployment_name, prefect_client, run_state, start
    from flows.engine.environment import work_pool

    tiny = FORMS[0]
    own_engine.start()
    own_engine.wait_until_up()
    with own_engine.spoken_to():
        with prefect_client() as client:
            client.update_work_pool(work_pool(), WorkPoolUpdate(is_paused=True))
            known = client.read_deployment_by_name(deployment_name(tiny))
            before = {"entrypoint": "flows.tiny_of_an_earlier_version.tiny", "path": "."}
            client.create_deployment(known.flow_id, known.name, work_pool_name=work_pool(), tags=known.tags, **before)
            assert client.read_deployment(known.id).entrypoint == before["entrypoint"]
        queued = start("tiny", {"season": 2026}, "queued before the upgrade")
        assert own_engine.stop() == 0

        own_engine.output.unlink()
        own_engine.start()
        own_engine.wait_until_up()

        with prefect_client() as client:
            assert client.read_deployment(known.id).entrypoint == known.entrypoint
            client.update_work_pool(work_pool(), WorkPoolUpdate(is_paused=False))
        wait_for("the end of the run", lambda: run_state(queued).final)
        assert (run_state(queued).type, run_state(queued).message) == ("COMPLETED", "")


def test_a_run_of_a_stage_that_an_upgrade_took_away_ends_and_says_what_to_do(running_engine: EngineProcess) -> None:
    from flows.engine.deployments import prefect_client, run_state
    from flows.engine.environment import LAUNCH_COMMAND, work_pool

    with prefect_client() as client:
        gone = client.create_deployment(
            client.create_flow_from_name("gone"),
            "示例旧步 Gone",
            entrypoint="flows.gone.gone",
            path=".",
            work_pool_name=work_pool(),
            job_variables={"command": LAUNCH_COMMAND},
        )
        run = str(client.create_flow_run_from_deployment(gone).id)

    wait_for("the end of the run", lambda: run_state(run).final)

    assert run_state(run).type == "FAILED"
    assert "names flows.gone.gone, which is no stage" in run_state(run).message
    assert "restart `gangchuang serve`" in run_state(run).message
    with prefect_client() as client:
        client.delete_deployment(gone)
