"""The process worker of this home: `python -m flows.engine.worker`.

Prefect's own worker with one thing added, an honest end: on SIGTERM it takes no new run,
lets those in progress finish for a while, kills the rest and reports them crashed.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import Any
from uuid import UUID

import anyio.abc

from config.settings import Settings, settings
from flows.engine.environment import WORK_POOL, enter_environment, worker_name

DRAIN_VARIABLE = "GANGCHUANG_DRAIN_SECONDS"
_REPORTING_SECONDS = 10.0


def make_worker(own: Settings) -> Any:
    """A worker of at most `worker_slots` runs at once; the class needs Prefect, which wants its environment first."""
    from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

    class HonestWorker(ProcessWorker):
        running: dict[UUID, int]
        draining = False

        async def get_and_submit_flow_runs(self) -> list[Any]:
            return [] if self.draining else await super().get_and_submit_flow_runs()

        async def run(
            self,
            flow_run: Any,
            configuration: ProcessJobConfiguration,
            task_status: anyio.abc.TaskStatus[int] | None = None,
        ) -> ProcessWorkerResult:
            noted = _Noted(task_status, lambda pid: self.running.__setitem__(flow_run.id, pid))
            try:
                return await super().run(flow_run, configuration, noted)
            finally:
                self.running.pop(flow_run.id, None)

    worker = HonestWorker(WORK_POOL, name=worker_name(own), limit=own.worker_slots, create_pool_if_not_found=False)
    worker.running = {}
    return worker


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


async def work(own: Settings, drain_seconds: float) -> None:
    """Work until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    worker = make_worker(own)
    working = asyncio.create_task(worker.start())
    stopping = asyncio.create_task(stop.wait())
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


async def _until_idle(worker: Any, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while worker.limiter.borrowed_tokens:
                await asyncio.sleep(0.05)


def main() -> int:
    """Make the dashboard true, then work."""
    own = settings()
    enter_environment(own)
    from flows.engine.reconcile import reconcile

    reconcile(worker_name(own))
    asyncio.run(work(own, float(os.environ.get(DRAIN_VARIABLE, "20"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
