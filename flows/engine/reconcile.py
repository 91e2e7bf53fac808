"""Makes the dashboard true: no run stays "Running" that nobody runs, and a crashed one is run again.

The domain database does not need any of this: every stage may be run again at any time,
and the clock starts a milestone that is still due under its next attempt's key. So a run
that was started with a key is its starter's to repeat; only a run that a person started
in the dashboard (no key) is repeated here, once.
"""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from prefect.automations import AutomationCore
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from flows.engine.deployments import prefect_client
from flows.engine.environment import HEARTBEAT_SECONDS, TAG, home_tags
from flows.engine.hung_runs import is_gone
from flows.engine.recorded import COMMAND
from models.enums import Trigger

ZOMBIE_AUTOMATION = "gangchuang: a run whose process died is marked crashed"
_WORKER_LABEL = "prefect.worker.name"
_UNDER_WAY = [StateType.RUNNING, StateType.CANCELLING, StateType.PENDING]
_PAGE = 200
# The flow of the office's decisions, the one that had an objector as parameter, and which parameters told of them.
_DECISIONS, _RAISED, _OBJECTORS = "office-decision", Trigger.RAISE_OBJECTION.value, ("other", "reason")


def reconcile(worker: str) -> list[str]:
    """Settle what a worker of this name left behind; call it before that worker takes a run.

    Returns the ids of the runs that were marked crashed or cancelled. Raises EngineAway.
    """
    with prefect_client() as client:
        lost = [run for run in _runs(client, FlowRunFilterStateType(any_=_UNDER_WAY)) if _was_ours(run, worker)]
        for run in lost:
            message = "The process of this run is gone; found when the worker started."
            cancelling = run.state_type is StateType.CANCELLING
            state: State[Any] = Cancelled(message=message) if cancelling else Crashed(message=message)
            client.set_flow_run_state(run.id, state, force=True)
    rerun_crashed()
    return [str(run.id) for run in lost]


def rerun_crashed() -> list[str]:
    """Start again, once, each crashed run that a person had started. Returns the new runs' ids. Raises EngineAway."""
    with prefect_client() as client:
        crashed = _runs(client, FlowRunFilterStateType(any_=[StateType.CRASHED]))
        again = (_run_again(client, run) for run in crashed if not run.idempotency_key)
        return [run for run in again if run]


def forget_objectors() -> int:
    """Take objectors' names and what they wrote out of runs that an earlier version started; how many had any.

    Such a run had them as parameters; now it has the name of a letter's folder. Raises EngineAway.
    """
    forgotten = 0
    decisions = FlowFilter(name=FlowFilterName(any_=[_DECISIONS]))
    with prefect_client() as client:
        for page in count():
            runs = client.read_flow_runs(flow_filter=decisions, limit=_PAGE, offset=page * _PAGE)
            for run in runs:
                told = [name for name in _OBJECTORS if run.parameters.get(name)]
                if told and run.parameters.get("decision") == _RAISED:
                    client.update_flow_run(run.id, parameters={**run.parameters, **dict.fromkeys(told, "")})
                    forgotten += 1
            if len(runs) < _PAGE:
                return forgotten
    return forgotten


def ensure_zombie_automation(*, within_seconds: float = 3 * HEARTBEAT_SECONDS) -> UUID:
    """The automation that marks a run crashed when its heartbeats stop; looked up by name, so there is one.

    Prefect demands at least 10 seconds, and no fewer than three heartbeats avoid false alarms.
    """
    wanted = AutomationCore(
        name=ZOMBIE_AUTOMATION,
        description="Heartbeats stopped and no end was reported: the process, or its whole machine, is gone.",
        tags=[TAG],
        trigger=EventTrigger(
            # Not the start of a run: each trigger that waits is a row to write, and most runs take a second.
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            match_related={"prefect.resource.id": f"prefect.tag.{TAG}"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=within_seconds),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="No heartbeat: the process of this run is gone.")],
    )
    with prefect_client() as client:
        found = client.read_automations_by_name(ZOMBIE_AUTOMATION)
        for surplus in found[1:]:
            client.delete_automation(surplus.id)
        if not found:
            return client.create_automation(wanted)
        if AutomationCore.model_validate(found[0].model_dump(exclude={"id"})) != wanted:
            client.update_automation(found[0].id, wanted)
        return found[0].id


def _runs(client: SyncPrefectClient, states: FlowRunFilterStateType) -> list[FlowRun]:
    wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=home_tags()), state=FlowRunFilterState(type=states))
    return client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=_PAGE)


def _was_ours(run: FlowRun, worker: str) -> bool:
    """A pending run that no worker has labelled was taken by one that died between two requests.

    A command's run is lost when its process is gone.
    """
    commands = [tag.removeprefix(COMMAND) for tag in run.tags if tag.startswith(COMMAND)]
    if commands:
        return all(map(is_gone, commands))
    labelled = run.labels.get(_WORKER_LABEL)
    return labelled == worker or (labelled is None and run.state_type is StateType.PENDING)


def _run_again(client: SyncPrefectClient, run: FlowRun) -> str:
    if run.deployment_id is None:
        return ""
    try:
        again = client.create_flow_run_from_deployment(
            run.deployment_id, parameters=run.parameters, idempotency_key=f"again/{run.id}"
        )
    except ObjectNotFound:
        return ""
    return str(again.id)
