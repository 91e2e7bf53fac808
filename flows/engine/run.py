"""One flow run in a process of its own: Prefect's engine, with a cheaper heartbeat. `python -m flows.engine.run`."""

import logging
import os
import runpy
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

from flows.engine.artifacts import flush
from flows.engine.environment import HEARTBEAT_SECONDS, OUR_LOGGERS, TAG

ENGINE = "prefect.engine"
FIRST_BEAT_SECONDS = 10.0


class Heartbeat:
    """Tells Prefect at intervals that this process lives, beginning a while after its start.

    Prefect's own heartbeat beats at once, on a connection that takes longer to open than a
    short run lasts: it arrives after the run's end and looks like the start of a silence. It
    also holds every synchronous flow back for up to a second at its end.
    """

    def __init__(self, flow_run_id: str, seconds: float = HEARTBEAT_SECONDS) -> None:
        self.flow_run_id, self.seconds = flow_run_id, seconds
        self._over = threading.Event()

    def __enter__(self) -> None:
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._over.set()

    def _beat(self) -> None:
        pause = min(FIRST_BEAT_SECONDS, self.seconds)
        while not self._over.wait(pause):
            from prefect.events import emit_event

            pause = self.seconds
            emit_event(
                event="prefect.flow-run.heartbeat",
                resource={"prefect.resource.id": f"prefect.flow-run.{self.flow_run_id}"},
                related=[{"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}],
            )


def without_prefects_heartbeat() -> AbstractContextManager[Any]:
    """Settings under which Prefect leaves the heartbeat to us; no environment variable can say that."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    return temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None})


def spare_questions() -> None:
    """Leave out what Prefect asks its server in every run, and no stage has a use for.

    Stages are not suspended: a connection of its own would wait for that, and hold every run back at its end. No
    result is kept, so it is all one where. And the worker has learnt whether this server is of a version to talk to.
    """
    from prefect import flow_engine, results
    from prefect.client import orchestration

    vars(flow_engine)["observe_flow_run_suspension"] = lambda *_: nullcontext()
    vars(results)["_read_server_default_result_storage_block_id"] = lambda: None
    vars(orchestration)["_is_api_version_check_cached"] = lambda _: True


def execute() -> None:
    """Execute the flow run named in the environment, as Prefect's worker asks."""
    sys.argv = [ENGINE]
    spare_questions()
    # Prefect hands our loggers on but gives them no level, and without one only warnings pass.
    logging.getLogger(OUR_LOGGERS).setLevel(logging.INFO)
    # The state of a task says that it has ended.
    logging.getLogger("prefect.task_runs").setLevel(logging.WARNING)
    # Importing Prefect may have imported it as a library already.
    sys.modules.pop(ENGINE, None)
    with Heartbeat(os.environ["PREFECT__FLOW_RUN_ID"]):
        try:
            runpy.run_module(ENGINE, run_name="__main__", alter_sys=True)
        finally:
            flush()


def main() -> None:
    """Execute the flow run in this fresh interpreter."""
    with without_prefects_heartbeat():
        execute()


if __name__ == "__main__":
    main()
