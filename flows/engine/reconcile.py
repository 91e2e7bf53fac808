"""Makes the dashboard true: no run stays "Running" that nobody runs, and a crashed one is run again.

The domain database does not need any of this: every stage may be run again at any time,
and the clock starts a milestone that is still due under its next attempt's key. So a run
that was started with a key is its starter's to repeat; only a run that a person started
in the dashboard (no key) is repeated here, once.
"""

from collections.abc import Callable, Iterable
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
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkerStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from flows.engine.deployments import prefect_client
from flows.engine.environment import HEARTBEAT_SECONDS, TAG, home_tags, work_pool
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
        others = {name for name, answers in _workers(client).items() if answers} - {worker}
        # One that no worker has labelled was taken by one that died between two requests, or by another at this moment.
        lost = [
            run
            for run in _under_way(client)
            if _is_lost(run, lambda name: name == worker) or (_is_unlabelled(run) and not others)
        ]
        _settle(client, lost, "found when the worker started")
    rerun_crashed()
    return [str(run.id) for run in lost]


def settling() -> Callable[[], list[str]]:
    """A look that settles what the silent ones of several workers left behind; what the others run is left alone.

    A run that no worker has labelled is lost when two looks after one another find it so. Returns the ids of the runs
    that were settled. Raises EngineAway.
    """
    unlabelled: set[Any] = set()
    known: set[UUID] = set()

    def look() -> list[str]:
        with prefect_client() as client:
            workers = _workers(client)
            if len(workers) < 2:
                return []
            under_way = _under_way(client)
            waiting = {run.state_id for run in under_way if _is_unlabelled(run)}
            lost = [
                run
                for run in under_way
                if _is_lost(run, lambda name: not workers.get(name))
                or (_is_unlabelled(run) and run.state_id in unlabelled)
            ]
            unlabelled.clear()
            unlabelled.update(waiting)
            _settle(client, lost, "its worker gave no sign of life")
        rerun_crashed(known)
        return [str(run.id) for run in lost]

    return look


def rerun_crashed(known: set[UUID] | None = None) -> list[str]:
    """Start again, once, each crashed run that a person had started, but for those known, to which they are added.

    Returns the new runs' ids. Raises EngineAway.
    """
    seen = set() if known is None else known
    with prefect_client() as client:
        crashed = _runs(client, FlowRunFilterStateType(any_=[StateType.CRASHED]))
        fresh = [run for run in crashed if not run.idempotency_key and run.id not in seen]
        again = [_run_again(client, run) for run in fresh]
    seen.update(run.id for run in fresh)
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


def _under_way(client: SyncPrefectClient) -> list[FlowRun]:
    return _runs(client, FlowRunFilterStateType(any_=_UNDER_WAY))


def _workers(client: SyncPrefectClient) -> dict[str, bool]:
    """Every worker that this home ever had, and whether the server hears of it."""
    found = client.read_workers_for_work_pool(work_pool())
    return {worker.name: worker.status is WorkerStatus.ONLINE for worker in found}


def _settle(client: SyncPrefectClient, lost: Iterable[FlowRun], how: str) -> None:
    for run in lost:
        message = f"The process of this run is gone; {how}."
        cancelling = run.state_type is StateType.CANCELLING
        state: State[Any] = Cancelled(message=message) if cancelling else Crashed(message=message)
        client.set_flow_run_state(run.id, state, force=True)


def _is_lost(run: FlowRun, is_lost: Callable[[str], bool]) -> bool:
    """Whether the worker that labelled a run has lost it; a command's run is lost when its process is gone."""
    commands = [tag.removeprefix(COMMAND) for tag in run.tags if tag.startswith(COMMAND)]
    if commands:
        return all(map(is_gone, commands))
    labelled = run.labels.get(_WORKER_LABEL)
    return labelled is not None and is_lost(str(labelled))


def _is_unlabelled(run: FlowRun) -> bool:
    """Taken by a worker that has not yet said who it is."""
    commanded = any(tag.startswith(COMMAND) for tag in run.tags)
    return not commanded and _WORKER_LABEL not in run.labels and run.state_type is StateType.PENDING


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
