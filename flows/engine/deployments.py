"""Stages as Prefect deployments: registered from a table, started by name, once per key."""

import ssl
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import certifi
import httpx
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_SSL_CERT_FILE, PREFECT_API_URL
from prefect.states import Cancelled, Scheduled

from config.settings import settings
from flows.engine.environment import LAUNCH_COMMAND, home_tags, office_url, shared_with, work_pool
from flows.engine.errors import DeploymentMissing, EngineAway
from flows.engine.forms import Form, fitted, worded
from flows.engine.tasks import AT_ONCE
from flows.engine.words import run_name

_REQUEST_SECONDS = 15.0
_MOST = 200
_known: dict[tuple[str, str], tuple[UUID, str]] = {}


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


def deployment_name(form: Form) -> str:
    """The deployment's full name as Prefect writes it, `flow/deployment`."""
    return f"{form.flow.name}/{_named(form)}"


def register(forms: Iterable[Form], filled: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> list[str]:
    """Create or update one deployment a form, none with a schedule. Returns their full names, in order.

    `filled` puts the choices of the moment into a form's schema. What of this home is there under another name, or
    for no form any more, goes; runs that wait there are taken along, or end with a sentence.
    """
    kept: dict[UUID, Form] = {}
    with prefect_client() as client:
        _ensure_work_pool(client)
        _ensure_limits(client)
        for form in forms:
            identifier = client.create_deployment(
                flow_id=client.create_flow_from_name(form.flow.name),
                name=_named(form),
                description=_described(form.description),
                entrypoint=entrypoint(form.flow),
                path=".",
                work_pool_name=work_pool(),
                tags=[*home_tags(), _tag(form.name)],
                job_variables={"command": LAUNCH_COMMAND},
                parameters=dict(form.preset),
                parameter_openapi_schema=filled(form.schema()),
                enforce_parameter_schema=True,
                schedules=[],
                paused=False,
            )
            kept[identifier] = form
        for deployment in deployments(client):
            if deployment.id not in kept:
                heirs = [heir for heir, form in kept.items() if _tag(form.name) in deployment.tags]
                _retire(client, deployment, heirs[0] if heirs else None)
    _known.clear()
    return [deployment_name(form) for form in kept.values()]


def deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    """Every deployment of this home."""
    tags = DeploymentFilterTags(all_=home_tags())
    found = client.read_deployments(deployment_filter=DeploymentFilter(tags=tags), limit=_MOST)
    return [theirs for theirs in found if {tag for tag in theirs.tags if tag.startswith("home:")} <= {*home_tags()}]


def _described(description: str) -> str:
    """With the way to the page that shows everything: the dashboard's own navigation does not lead there."""
    return f"[办公室总览]({office_url(settings())})\n\n{description}"


def _retire(client: SyncPrefectClient, old: DeploymentResponse, heir: UUID | None) -> None:
    """Delete a deployment; what waits there waits with its heir, or is cancelled and says what to do."""
    waiting = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[old.id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED, StateType.PENDING])),
    )
    for run in client.read_flow_runs(flow_run_filter=waiting, limit=_MOST):
        if heir is None:
            sentence = f"表单“{old.name}”已不存在，没有执行，也没有任何改动；请改用现有的表单重新提交。"
            client.set_flow_run_state(run.id, Cancelled(message=sentence), force=True)
            continue
        # First gone, then anew: the idempotency key is the flow's, and so is a run that has it already.
        client.delete_flow_run(run.id)
        client.create_flow_run_from_deployment(
            heir,
            parameters=run.parameters,
            idempotency_key=run.idempotency_key,
            name=run.name,
            tags=run.tags,
            state=Scheduled(scheduled_time=run.next_scheduled_start_time or run.expected_start_time),
        )
    client.delete_deployment(old.id)


def refresh(filled: Callable[[dict[str, Any]], dict[str, Any]]) -> list[str]:
    """Bring the choices in the forms up to the moment. Returns the names of those that changed. Raises EngineAway."""
    changed = []
    with prefect_client() as client:
        for deployment in deployments(client):
            schema: dict[str, Any] = deployment.parameter_openapi_schema or {}
            fresh = filled(schema) if schema.get("properties") else schema
            if fresh != schema:
                body = {"parameter_openapi_schema": fresh}
                client.request("PATCH", "/deployments/{id}", path_params={"id": deployment.id}, json=body)
                changed.append(deployment.name)
    return changed


def restoring(register_all: Callable[[], object]) -> Callable[[], list[str]]:
    """A look that has everything registered again when a form has no deployment any more: somebody deleted it.

    It knows those that it saw before, and that there are some at all; it returns the names of what was gone, or is
    another one now, as after the loss of Prefect's database.
    """
    known: dict[str, UUID] = {}

    def all_there(client: SyncPrefectClient) -> bool:
        """Counted by the server: all forms' schemas are half a megabyte to read, again and again all year."""
        ours = {"deployments": {"id": {"any_": [str(deployment) for deployment in known.values()]}}}
        return bool(known) and client.request("POST", "/deployments/count", json=ours).json() == len(known)

    def present(client: SyncPrefectClient) -> dict[str, UUID]:
        ours = set(home_tags())
        return {tag: deployment.id for deployment in deployments(client) for tag in set(deployment.tags) - ours}

    def look() -> list[str]:
        with prefect_client() as client:
            if all_there(client):
                return []
            seen = present(client)
            gone = sorted(tag for tag, deployment in known.items() if seen.get(tag) != deployment)
            if not seen:
                gone = gone or ["everything"]
            if gone:
                register_all()
                seen = present(client)
        known.update(seen)
        return gone

    return look


def worker_polls() -> Callable[[], bool]:
    """A look that says whether a worker has asked the server for work since the look before. Raises EngineAway."""
    seen: list[str] = []

    def look() -> bool:
        with prefect_client() as client:
            queues = client.request(
                "POST",
                "/work_pools/{work_pool_name}/queues/filter",
                path_params={"work_pool_name": work_pool()},
                json={},
            )
            polled = [str(queue["last_polled"] or "") for queue in queues.json()]
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

    def create(worded_so: Mapping[str, Any]) -> FlowRun:
        deployment, label = _deployment(client, stage_name)
        name = run_name(stage_name, parameters, label.partition(" ")[2])
        given = {"parameters": dict(worded_so), "idempotency_key": idempotency_key, "name": name, **further}
        return client.create_flow_run_from_deployment(deployment, **given)

    try:
        return create(worded(parameters))
    except (ObjectNotFound, PrefectHTTPStatusError) as problem:
        status = problem.response.status_code if isinstance(problem, PrefectHTTPStatusError) else httpx.codes.NOT_FOUND
        if status == httpx.codes.CONFLICT:
            # The form offers whole lines where codes were given.
            deployment, _ = _deployment(client, stage_name)
            schema = client.read_deployment(deployment).parameter_openapi_schema or {}
            return create(fitted(schema, worded(parameters)))
        if status != httpx.codes.NOT_FOUND:
            raise
        # Deleted, or the server's database was replaced, since the id was learnt.
        _known.clear()
        return create(worded(parameters))


def keep_parameters(change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Change what Prefect keeps of the present run's parameters; when it is away, they stay."""
    identifier = flow_run.id
    with suppress(EngineAway), prefect_client() as client:
        given = client.read_flow_run(UUID(str(identifier))).parameters
        client.update_flow_run(UUID(str(identifier)), parameters=change(given))


def form_filled(name: str, given: Mapping[str, str]) -> tuple[UUID, dict[str, Any]]:
    """A form's deployment, and of what is given as text that for which it has fields, as these take it.

    Raises EngineAway, DeploymentMissing.
    """
    with prefect_client() as client:
        found = _find(client, name)
    schema = found.parameter_openapi_schema or {}
    fields = schema.get("properties", {})
    numbers = {key: int(text) for key, text in given.items() if key in ("season", "ordinal") and text.isdecimal()}
    taken = fitted(schema, {**given, **numbers})
    return found.id, {key: value for key, value in taken.items() if key in fields}


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


def _named(form: Form) -> str:
    """On a server that several homes share, each home's deployments bear its mark."""
    return f"{form.label} {shared_with()}".strip()


def _tag(stage_name: str) -> str:
    return f"stage:{stage_name}"


@lru_cache
def _certificates() -> ssl.SSLContext:
    """Loading the authorities takes longer than a request."""
    return ssl.create_default_context(cafile=PREFECT_API_SSL_CERT_FILE.value() or certifi.where())


def _deployment(client: SyncPrefectClient, stage_name: str) -> tuple[UUID, str]:
    """Id and name; looked up by tag, since the names are for people and may be reworded; learnt once a server."""
    server_and_stage = (str(client.api_url), stage_name)
    if server_and_stage not in _known:
        found = _find(client, stage_name)
        _known[server_and_stage] = found.id, found.name
    return _known[server_and_stage]


def _find(client: SyncPrefectClient, stage_name: str) -> DeploymentResponse:
    tags = DeploymentFilterTags(all_=[*home_tags(), _tag(stage_name)])
    found = client.read_deployments(deployment_filter=DeploymentFilter(tags=tags), limit=1)
    if not found:
        raise DeploymentMissing(stage_name)
    return found[0]


def _ensure_limits(client: SyncPrefectClient) -> None:
    """How many tasks with a tag run at once; what an administrator chose stays."""
    for tag, limit in AT_ONCE.items():
        try:
            client.read_concurrency_limit_by_tag(tag)
        except ObjectNotFound:
            client.create_concurrency_limit(tag, limit)


def free_slots() -> None:
    """Nobody runs yet, whatever an earlier server remembers. Raises EngineAway."""
    with prefect_client() as client:
        for tag in AT_ONCE:
            client.reset_concurrency_limit_by_tag(tag)


def _ensure_work_pool(client: SyncPrefectClient) -> None:
    """No limit on the pool: a run that died unnoticed would hold its slot. The worker's own limit counts."""
    try:
        client.read_work_pool(work_pool())
    except ObjectNotFound:
        from prefect.workers.process import ProcessWorker

        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=work_pool(), type="process", base_job_template=template))
