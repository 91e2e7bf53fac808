"""What a command does stands in the dashboard where a server is there, and is done where none is."""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Running

from config.errors import GangchuangError
from config.settings import Settings
from flows.engine.artifacts import current_flow_run_id
from flows.engine.deployments import prefect_client
from flows.engine.hung_runs import own_name
from flows.engine.reconcile import reconcile
from flows.engine.recorded import COMMAND, acted
from flows.run import AskedInVain, StageFailed
from flows.stage import stage_flow
from tests.flows.engine.engine_process import EngineProcess, free_port


@stage_flow(name="noted")
def noted(season: int, officer_name: str, dry_run: bool = False) -> dict[str, object]:
    """Says in which run it was done, refuses one officer and fails for another."""
    if officer_name == "路人":
        raise AskedInVain("not yours")
    if officer_name == "故障":
        raise StageFailed("noted", {"500101": "broken"}, {})
    return {"outcome": "done", "explanation": "", "run": current_flow_run_id()}


@pytest.mark.prefect
def test_an_act_is_a_flow_run_with_the_outcome_of_a_forms(running_engine: EngineProcess) -> None:
    own = _settings(running_engine.home, running_engine.port)

    done = acted(noted, own, season=2031, officer_name="王主任")
    with pytest.raises(AskedInVain, match="not yours"):
        acted(noted, own, season=2032, officer_name="路人")
    with pytest.raises(StageFailed, match="broken"):
        acted(noted, own, season=2033, officer_name="故障")

    runs = {run.parameters["season"]: run for run in _runs()}
    assert {year: run.state_name for year, run in runs.items()} == {2031: "已完成", 2032: "被拒绝", 2033: "Failed"}
    assert done == {"outcome": "done", "explanation": "", "run": str(runs[2031].id)}
    assert runs[2031].name == "2031 noted"
    assert {"gangchuang"} < set(runs[2031].tags)


@pytest.mark.prefect
def test_the_run_of_a_command_that_was_killed_ends_as_crashed(running_engine: EngineProcess) -> None:
    with prefect_client() as client:
        tagged = {
            owner: client.create_flow_run(
                noted,
                parameters={"season": 2034, "officer_name": ""},
                tags=["gangchuang", f"{COMMAND}{owner}"],
                state=Running(),
            ).id
            for owner in (own_name(), own_name().replace("/", "/1", 1))
        }
        living, dead = tagged.values()

        lost = reconcile("another worker")

        assert (str(living) in lost, str(dead) in lost) == (False, True)
        states = {run: client.read_flow_run(run).state_type for run in (living, dead)}
        client.delete_flow_run(living)
    assert states == {living: StateType.RUNNING, dead: StateType.CRASHED}


def test_without_a_server_it_is_only_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    own = _settings(tmp_path, free_port())

    assert acted(noted, own, season=2031, officer_name="王主任") == {"outcome": "done", "explanation": "", "run": ""}
    with pytest.raises(GangchuangError, match="not yours"):
        acted(noted, own, season=2032, officer_name="路人")


def _settings(home: Path, port: int) -> Settings:
    given: dict[str, Any] = {"home": home, "dashboard_port": port}
    return Settings(**given)


def _runs() -> list[FlowRun]:
    with prefect_client() as client:
        return client.read_flow_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(like_="noted")))
