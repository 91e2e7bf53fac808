"""One flow run in a process of its own: Prefect's engine, and a last word. `python -m flows.engine.run`."""

import os
import runpy
import sys

ENGINE = "prefect.engine"
LAST_WORD = "gangchuang.run.ended"


def last_word(flow_run_id: str) -> None:
    """Say that this process came to its end by itself.

    Heartbeats travel on this process's own connection, which takes a moment to open, so the
    first one of a short run arrives after the server has noted the run's end, and would look
    like the start of a silence. This event follows it on the same connection.
    """
    from prefect.events import emit_event

    from flows.engine.deployments import TAG

    emit_event(
        event=LAST_WORD,
        resource={"prefect.resource.id": f"prefect.flow-run.{flow_run_id}"},
        related=[{"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}],
    )


def main() -> None:
    """Execute the flow run named in the environment, as Prefect's worker asks."""
    sys.argv = [ENGINE]
    # Importing Prefect may have imported it as a library already.
    sys.modules.pop(ENGINE, None)
    try:
        runpy.run_module(ENGINE, run_name="__main__", alter_sys=True)
    finally:
        last_word(os.environ["PREFECT__FLOW_RUN_ID"])


if __name__ == "__main__":
    main()
