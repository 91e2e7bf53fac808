"""A process worker of this home: `python -m flows.engine.worker`.

Prefect's own worker with two things added. An honest end: on SIGTERM it takes no new run,
lets those in progress finish for a while, kills the rest and reports them crashed. And a closed
hand: what a run executes is this installation's, whatever the server's records say.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any
from uuid import UUID

import anyio.abc
from sqlalchemy.exc import SQLAlchemyError

from config.errors import GangchuangError
from config.settings import Settings, settings
from flows.engine.environment import (
    DRAIN_VARIABLE,
    LAUNCH_COMMAND,
    WORKER_VARIABLE,
    enter_environment,
    entrypoints_file,
    work_pool,
    worker_name,
)
from flows.engine.errors import RunRefused
from flows.engine.hung_runs import end_hung_runs
from flows.engine.processes import tell
from flows.engine.wake import wake, woken
from models.database import make_engine

_REPORTING_SECONDS = 10.0
_FREE_SECONDS = 0.1

# What every deployment of ours has the worker do.
_OURS = {"command": LAUNCH_COMMAND}


def make_worker(own: Settings, name: str) -> Any:
    """A worker of at most `worker_slots` runs at once; the class needs Prefect, which wants its environment first."""
    from prefect import Flow
    from prefect.states import Failed
    from prefect.workers import process
    from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

    entrypoints = frozenset(entrypoints_file(own).read_text("utf-8").split())
    template = ProcessWorker.get_default_base_job_template()

    class OurJob(ProcessJobConfiguration):
        """Takes nothing that can be changed over the API: neither from the run nor its deployment nor the pool."""

        @classmethod
        async def resolve_for_flow_run(cls, flow_run: Any, *, client: Any, work_pool: Any, **others: Any) -> Any:
            deployment = flow_run.deployment_id and await client.read_deployment(flow_run.deployment_id)
            foreign = what_is_foreign(flow_run, deployment, entrypoints)
            if foreign:
                refusal = RunRefused(flow_run.name, foreign)
                # Failed and not crashed: a crashed run would be repeated.
                await client.set_flow_run_state(flow_run.id, Failed(message=str(refusal)), force=True)
                raise refusal
            pool = work_pool.model_copy(update={"base_job_template": template})
            others["deployment"] = deployment
            job = await super().resolve_for_flow_run(flow_run, client=client, work_pool=pool, **others)
            # The run's process asks the server for its code no more.
            job.env["PREFECT__FLOW_ENTRYPOINT"] = deployment.entrypoint
            return job

    async def without_hooks(_: Any) -> Flow[..., Any]:
        return Flow(lambda: None, name="ended")

    # After a crash or a cancellation Prefect loads the flow as the deployment says, pull steps and all, into the
    # worker itself, to ask it for hooks; ours have none.
    vars(process)["load_flow_from_flow_run"] = without_hooks

    class HonestWorker(ProcessWorker):
        job_configuration = OurJob
        running: dict[UUID, int]
        draining = False
        looking: asyncio.Lock

        async def get_and_submit_flow_runs(self) -> list[Any]:
            async with self.looking:
                return [] if self.draining else await super().get_and_submit_flow_runs()

        async def run(
            self,
            flow_run: Any,
            configuration: ProcessJobConfiguration,
            task_status: anyio.abc.TaskStatus[int] | None = None,
        ) -> ProcessWorkerResult:
            noted: Any = _Noted(task_status, lambda pid: self.running.__setitem__(flow_run.id, pid))
            try:
                return await super().run(flow_run, configuration, noted)
            finally:
                self.running.pop(flow_run.id, None)
                if not self.limiter.available_tokens:
                    # What found no slot need not wait until the next look; this run's is free in a moment.
                    asyncio.get_running_loop().call_later(_FREE_SECONDS, wake)

    worker = HonestWorker(work_pool(), name=name, limit=own.worker_slots, create_pool_if_not_found=False)
    worker.running, worker.looking = {}, asyncio.Lock()
    return worker


def what_is_foreign(flow_run: Any, deployment: Any, entrypoints: Collection[str]) -> str:
    """What in a run or its deployment would have the worker execute anything but a stage of ours; "" is nothing."""
    if not deployment:
        return "it belongs to no deployment"
    # The page of a form sends the deployment's own along.
    if flow_run.job_variables and flow_run.job_variables != _OURS:
        return f"its job variables set {', '.join(sorted(flow_run.job_variables))}"
    if deployment.job_variables != _OURS:
        return f"the job variables of its deployment {deployment.name} were changed"
    if deployment.pull_steps or deployment.storage_document_id:
        return f"its deployment {deployment.name} would fetch code from elsewhere"
    if deployment.entrypoint not in entrypoints:
        return f"its deployment {deployment.name} names {deployment.entrypoint}, which is no stage"
    return ""


class _Noted:
    """A task status that also tells the process id to somebody else."""

    def __init__(self, inner: Any, note: Any) -> None:
        self._inner, self._note = inner, note

    def started(self, value: int) -> None:
        self._note(value)
        if self._inner is not None:
            self._inner.started(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def work(own: Settings, name: str, drain_seconds: float) -> None:
    """Work until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    worker = make_worker(own, name)
    working = asyncio.create_task(worker.start())
    stopping = asyncio.create_task(stop.wait())
    looks = set[asyncio.Task[Any]]()

    def look() -> None:
        looking = asyncio.create_task(_survived(worker.get_and_submit_flow_runs))
        looks.add(looking)
        looking.add_done_callback(looks.discard)

    with woken(look):
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        working.result()
        return
    worker.draining = True
    await _until_idle(worker, drain_seconds)
    for process in list(worker.running.values()):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    await _until_idle(worker, _REPORTING_SECONDS)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def _survived(look: Callable[[], Awaitable[object]]) -> None:
    """A look out of turn that fails, for instance since the server is away, is made up for by the next regular one."""
    try:
        await look()
    except Exception as problem:  # whatever Prefect raises
        tell(f"a look for runs failed and is repeated: {problem}")


async def _until_idle(worker: Any, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while worker.limiter.borrowed_tokens:
                await asyncio.sleep(0.05)


def _end_hung_runs(own: Settings) -> None:
    """What the clock does on its own machine, a further worker does on this one."""
    engine = make_engine(own.database)
    while True:
        try:
            end_hung_runs(engine, own.lease_seconds)
        except (GangchuangError, SQLAlchemyError) as problem:
            tell(f"hung runs: the look failed and is repeated: {problem}")
        time.sleep(own.sweep_seconds)


def _spell_settings_once() -> None:
    """Prefect spells out its settings twice a run, which costs more than all else that starts one; they never change here."""
    from prefect.settings import Settings as Chosen

    spell, kept = Chosen.to_environment_variables, dict[Any, tuple[Chosen, dict[str, str]]]()

    def spelt(chosen: Chosen, **how: bool) -> dict[str, str]:
        key = id(chosen), *sorted(how.items())
        if key not in kept:
            kept[key] = chosen, spell(chosen, **how)
        return {**kept[key][1]}

    type.__setattr__(Chosen, "to_environment_variables", spelt)


def main() -> int:
    """Make the dashboard true, then work."""
    own = settings()
    enter_environment(own)
    from flows.engine.reconcile import forget_objectors, reconcile

    further = os.environ.get(WORKER_VARIABLE, "")
    name = further or worker_name(own)
    reconcile(name)
    forget_objectors()
    if further:
        threading.Thread(target=_end_hung_runs, args=(own,), name="hung runs", daemon=True).start()
    _spell_settings_once()
    asyncio.run(work(own, name, float(os.environ.get(DRAIN_VARIABLE, "20"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
