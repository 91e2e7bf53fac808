"""Stages as Prefect deployments: registered from a table, started by name, once per key."""

import ssl
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import certifi
import httpx
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_SSL_CERT_FILE, PREFECT_API_URL

from flows.engine.environment import LAUNCH_COMMAND, WORK_POOL
from flows.engine.errors import DeploymentMissing, EngineAway
from flows.engine.forms import form_of
from flows.engine.words import run_name

TAG = "gangchuang"
_REQUEST_SECONDS = 15.0
_MOST = 200
_known: dict[tuple[str, str], UUID] = {}


class Deployable(Protocol):
    """A row of the table of stages: `name` in snake_case, `label` for people."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def flow(self) -> Flow[..., Any]: ...


@dataclass(frozen=True)
class RunState:
    """A flow run as Prefect sees it. `type` is SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CRASHED…"""

    type: str
    name: str
    message: str
    final: bool


@contextmanager
def prefect_client() -> Iterator[SyncPrefectClient]:
    """A client that fails soon. Raises EngineAway when no server answers."""
    # A fresh client a call: one that has been connected before waits a minute for a server that is away.
    options = {"timeout": _REQUEST_SECONDS, "verify": _certificates()}
    try:
        with get_client(httpx_settings=options, sync_client=True) as client:
            yield client
    except (httpx.TransportError, OSError) as problem:
        raise EngineAway(str(PREFECT_API_URL.value()), str(problem) or type(problem).__name__) from problem


def deployment_name(stage: Deployable) -> str:
    """The deployment's full name as Prefect writes it, `flow/deployment`."""
    return f"{stage.flow.name}/{stage.label}"


def register(stages: Iterable[Deployable]) -> list[str]:
    """Create or update one deployment a stage, none with a schedule. Returns their full names, in order."""
    with prefect_client() as client:
        _ensure_work_pool(client)
        for stage in stages:
            client.create_deployment(
                flow_id=client.create_flow_from_name(stage.flow.name),
                name=stage.label,
                description=stage.description,
                entrypoint=entrypoint(stage.flow),
                path=".",
                work_pool_name=WORK_POOL,
                tags=[TAG, _tag(stage.name)],
                job_variables={"command": LAUNCH_COMMAND},
                parameter_openapi_schema=form_of(stage.flow),
                enforce_parameter_schema=True,
                schedules=[],
                paused=False,
            )
    _known.clear()
    return [deployment_name(stage) for stage in stages]


def restoring(stages: Callable[[], Iterable[Deployable]]) -> Callable[[], list[str]]:
    """A look that registers the stages again when one has no deployment any more, because somebody deleted it.

    It knows those that it saw before, and loads the stages only then; it returns the names of what was gone, or
    is another one now, as after the loss of Prefect's database.
    """
    known: dict[str, UUID] = {}

    def present(client: SyncPrefectClient) -> dict[str, UUID]:
        tags = DeploymentFilterTags(all_=[TAG])
        found = client.read_deployments(deployment_filter=DeploymentFilter(tags=tags), limit=_MOST)
        return {tag: deployment.id for deployment in found for tag in deployment.tags if tag != TAG}

    def look() -> list[str]:
        with prefect_client() as client:
            seen = present(client)
            gone = sorted(tag for tag, deployment in known.items() if seen.get(tag) != deployment)
            if gone:
                register(stages())
                seen = present(client)
        known.update(seen)
        return gone

    return look


def worker_polls() -> Callable[[], bool]:
    """A look that says whether a worker has asked the server for work since the look before. Raises EngineAway."""
    seen: list[str] = []

    def look() -> bool:
        with prefect_client() as client:
            path = f"/work_pools/{WORK_POOL}/queues/filter"
            polled = [str(queue["last_polled"] or "") for queue in client.request("POST", path, json={}).json()]
        has_polled, seen[:] = polled != seen and any(polled), polled
        return has_polled

    return look


def start(stage_name: str, parameters: Mapping[str, Any], idempotency_key: str) -> str:
    """Start a stage's deployment and return the flow run's id; the same key gives the same run.

    Prefect keeps the key with the run even if the run failed: put an attempt number in it.
    Raises EngineAway, DeploymentMissing.
    """
    with prefect_client() as client:
        return str(create_run(client, stage_name, parameters, idempotency_key).id)


def create_run(
    client: SyncPrefectClient, stage_name: str, parameters: Mapping[str, Any], idempotency_key: str, **further: Any
) -> FlowRun:
    """A run of a stage's deployment, or the one that has the key already. Raises DeploymentMissing."""

    def create() -> FlowRun:
        deployment = _deployment_id(client, stage_name)
        name = run_name(stage_name, parameters)
        given = {"parameters": dict(parameters), "idempotency_key": idempotency_key, "name": name, **further}
        return client.create_flow_run_from_deployment(deployment, **given)

    try:
        return create()
    except (ObjectNotFound, PrefectHTTPStatusError) as problem:
        # Deleted, or the server's database was replaced, since the id was learnt.
        if isinstance(problem, PrefectHTTPStatusError) and problem.response.status_code != httpx.codes.NOT_FOUND:
            raise
        _known.clear()
        return create()


def deployment_and_fields(stage_name: str) -> tuple[UUID, Mapping[str, Any]]:
    """A stage's deployment and the fields of its form, by name. Raises EngineAway, DeploymentMissing."""
    with prefect_client() as client:
        found = _find(client, stage_name)
        return found.id, (found.parameter_openapi_schema or {}).get("properties", {})


def run_state(flow_run_id: str) -> RunState | None:
    """What became of a run; None when Prefect no longer knows it. Raises EngineAway."""
    with prefect_client() as client:
        try:
            state = client.read_flow_run(UUID(flow_run_id)).state
        except ObjectNotFound:
            return None
    if state is None:
        return RunState("PENDING", "", "", False)
    return RunState(state.type.value, state.name or "", state.message or "", state.is_final())


def entrypoint(flow: Flow[..., Any]) -> str:
    """The dotted path under which a flow's module holds it; the module must be importable by the worker."""
    module = sys.modules[flow.fn.__module__]
    for name, value in vars(module).items():
        if value is flow:
            return f"{module.__name__}.{name}"
    raise LookupError(f"{module.__name__} holds the flow {flow.name} under no name")


def _tag(stage_name: str) -> str:
    return f"stage:{stage_name}"


@lru_cache
def _certificates() -> ssl.SSLContext:
    """Loading the authorities takes longer than a request."""
    return ssl.create_default_context(cafile=PREFECT_API_SSL_CERT_FILE.value() or certifi.where())


def _deployment_id(client: SyncPrefectClient, stage_name: str) -> UUID:
    """Looked up by tag, since the names are for people and may be reworded; learnt once a server."""
    server_and_stage = (str(client.api_url), stage_name)
    if server_and_stage not in _known:
        _known[server_and_stage] = _find(client, stage_name).id
    return _known[server_and_stage]


def _find(client: SyncPrefectClient, stage_name: str) -> DeploymentResponse:
    tags = DeploymentFilterTags(all_=[TAG, _tag(stage_name)])
    found = client.read_deployments(deployment_filter=DeploymentFilter(tags=tags), limit=1)
    if not found:
        raise DeploymentMissing(stage_name)
    return found[0]


def _ensure_work_pool(client: SyncPrefectClient) -> None:
    """No limit on the pool: a run that died unnoticed would hold its slot. The worker's own limit counts."""
    try:
        client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        from prefect.workers.process import ProcessWorker

        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=template))
