"""Two workers of one home share its runs; what one loses the other does, once, and keeps its own."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import State

from config.settings import Settings
from flows.engine.deployments import prefect_client
from flows.engine.environment import child_environment, host, worker_name
from flows.engine.errors import NotForSeveral
from flows.engine.processes import place_among_workers
from flows.engine.reconcile import reconcile, rerun_crashed, settling
from flows.engine.supervisor import work_along
from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.support.databases import Postgres
from tests.support.several import (
    FurtherWorkerProcess,
    on_postgresql_and_redis,
    postgres_with_extensions,
    serving_redis,
)

LABEL = "prefect.worker.name"
# A silent worker is noticed in seconds.
HASTE = {"PREFECT_WORKER_HEARTBEAT_SECONDS": "2", "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "1"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    server = postgres_with_extensions()
    try:
        server.start()
        server.make_template()
        yield server
    finally:
        server.remove()


@pytest.fixture
def engine(cluster: Postgres, tmp_path: Path) -> Iterator[EngineProcess]:
    """An engine whose server keeps everything in PostgreSQL and Redis, and this process speaking to it."""
    engine = EngineProcess(tmp_path / "home", free_port())
    engine.home.mkdir()
    with serving_redis(tmp_path) as (redis, _):
        engine.environment |= on_postgresql_and_redis(cluster.create("prefect"), redis) | HASTE
        engine.environment["GANGCHUANG_DATABASE_URL"] = cluster.create("gangchuang", "gangchuang_template")
        engine.start()
        try:
            engine.wait_until_up()
            with engine.spoken_to():
                yield engine
        finally:
            engine.stop()


def _read(run: str) -> FlowRun:
    with prefect_client() as client:
        return client.read_flow_run(UUID(run))


def _begun_by_hand(where: Path) -> str:
    """A slow run that a person started: nobody but the engine repeats it."""
    with prefect_client() as client:
        tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=["stage:slow"]))
        deployment = client.read_deployments(deployment_filter=tagged)[0]
        given = {"season": 2026, "where": str(where)}
        return str(client.create_flow_run_from_deployment(deployment.id, parameters=given).id)


def _taken_by_nobody() -> str:
    """A run that is pending and bears no worker's name, far from any worker's reach."""
    with prefect_client() as client:
        tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=["stage:tiny"]))
        deployment = client.read_deployments(deployment_filter=tagged)[0]
        given = {"parameters": {"season": 2026}, "idempotency_key": "taken by nobody"}
        run = client.create_flow_run_from_deployment(deployment.id, state=State(type=StateType.PAUSED), **given)
        client.set_flow_run_state(run.id, State(type=StateType.PENDING), force=True)
    return str(run.id)


@pytest.mark.prefect
@pytest.mark.timeout(600)
def test_two_workers_share_the_runs_and_one_goes_on_with_what_the_other_lost(
    engine: EngineProcess, tmp_path: Path
) -> None:
    first = worker_name(Settings(home=engine.home))
    second = FurtherWorkerProcess(engine)
    second.start()
    try:
        second.wait_until_up()
        files = [tmp_path / f"slow-{number}" for number in range(4)]
        runs = {_begun_by_hand(where): where for where in files}
        wait_for("four runs at once", lambda: all(where.exists() for where in files))
        labels = {run: str(_read(run).labels[LABEL]) for run in runs}
        assert Counter(labels.values()) == {first: 2, f"{first}-2": 2}

        # A run that some worker has taken and not labelled is nobody's loss at first sight.
        nobodys = _taken_by_nobody()
        look = settling()
        assert look() == []
        assert nobodys not in reconcile(first + "-that-was")
        assert look() == [nobodys]

        second.kill()
        lost = {run for run, label in labels.items() if label != first}
        for run in lost:
            runs[run].unlink()
        settled: set[str] = set()
        wait_for("the loss to be noticed", lambda: settled.update(look()) or lost <= settled, seconds=60)

        assert settled == lost
        for run, where in runs.items():
            state = StateType.CRASHED if run in lost else StateType.RUNNING
            assert _read(run).state_type is state
            if run not in lost:
                where.unlink()
                wait_for("a run of the other worker to end well", lambda own=run: _read(own).state.is_completed())
        again = rerun_crashed()
        assert len({*again}) == len(lost)
        for run in again:
            where = Path(str(_read(run).parameters["where"]))
            wait_for("the repeated run", where.exists)
            where.unlink()
            wait_for("its end", lambda own=run: _read(own).state.is_completed())
        assert {str(_read(run).labels[LABEL]) for run in again} == {first}
        assert {_read(run).run_count for run in (*runs, *again)} == {1}
    finally:
        second.stop()


def test_further_workers_of_one_host_take_the_first_free_place(tmp_path: Path) -> None:
    with place_among_workers(tmp_path, "one") as second:
        with place_among_workers(tmp_path, "one") as third, place_among_workers(tmp_path, "other") as elsewhere:
            assert (second, third, elsewhere) == (2, 3, 2)
        with place_among_workers(tmp_path, "one") as free_again:
            assert free_again == 3


def test_every_host_has_the_mark_of_the_home_on_a_server_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, given = Settings(home=tmp_path), {"PREFECT_API_URL": "https://prefect.example/api"}
    here = child_environment(own, given)["GANGCHUANG_HOME_MARK"]

    monkeypatch.setattr("platform.node", lambda: "another-host")

    assert host() == "another-host"
    assert child_environment(own, given)["GANGCHUANG_HOME_MARK"] == here != ""
    assert child_environment(Settings(home=tmp_path / "other"), given)["GANGCHUANG_HOME_MARK"] != here


def test_a_home_that_several_cannot_serve_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotForSeveral, match="SQLite; move it to PostgreSQL"):
        work_along(Settings(home=tmp_path))
    with pytest.raises(NotForSeveral, match="`gangchuang serve` has never run there"):
        work_along(Settings(home=tmp_path, database_url="postgresql://award@/award"))
