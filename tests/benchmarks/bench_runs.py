"""What a flow run costs by the way in which its process comes to be: forked, started cold by the worker, by `serve()`.

The same flow, which does nothing, one run after the other on a server of its own: seconds from a run's creation to its
end, the processor's seconds of all processes but the server, and the memory that stays while nothing runs. `fork` is
what `gangchuang serve` does, `cold` the same worker without the warm parent, `serve` Prefect's `serve()`. And what
the tasks cost that a stage's work is cut into: the same flow with some that do nothing.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.engine.deployments import create_run, prefect_client, run_state
from tests.benchmarks.bench_idle import TICKS, memory_of
from tests.flows.engine.engine_process import ROOT, EngineProcess, free_port, wait_for

# The modules of ours that a way needs, beside the worker, which the first two have.
WAYS: dict[str, tuple[str, ...]] = {"fork": ("warm", "launch"), "cold": (), "serve": ()}
TASKS = 40  # as many as there are units
SERVING = """
from prefect import serve
from tests.flows.engine.tiny_stages import tiny

serve(tiny.to_deployment("served"), limit=2)
"""


def spent(pid: int) -> float:
    """The processor's seconds of a process and of all children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def run_once(way: str, tasks: int = 0) -> float:
    """Seconds from the creation of a run with so many tasks to its end."""
    began = time.monotonic()
    with prefect_client() as client:
        if way == "serve":
            served = client.read_deployment_by_name("tiny/served")
            run = client.create_flow_run_from_deployment(served.id, parameters={"season": 2026})
        else:
            run = create_run(client, "tiny", {"season": 2026, "tasks": tasks}, f"bench/{uuid.uuid4()}")
    wait_for("the run", lambda: (state := run_state(str(run.id))) is not None and state.final, seconds=300)
    return time.monotonic() - began


@contextmanager
def staying(engine: EngineProcess, way: str) -> Iterator[list[int]]:
    """The processes of a way that stay while nothing runs, each the parent of what it starts."""
    warm, worker = engine.child("flows.engine.warm"), engine.child("flows.engine.worker")
    if way == "fork":
        yield [warm, worker]
        return
    if way == "cold":
        # The launcher finds no warm parent at its address, and becomes the run itself.
        Path(Path(f"/proc/{warm}/cmdline").read_bytes().split(b"\0")[3].decode()).unlink()
        yield [worker]
        return
    given = {
        "PREFECT_API_URL": f"http://127.0.0.1:{engine.port}/api",
        "PREFECT_API_AUTH_STRING": engine.sign_in,
        "PREFECT_HOME": str(engine.home / "serving"),
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-c", SERVING]
    with (engine.home / "serving.log").open("wb") as log:
        served = subprocess.Popen(command, env=engine.environment | given, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_for("serve()", lambda: b"being served" in (engine.home / "serving.log").read_bytes())
        yield [served.pid]
    finally:
        served.terminate()
        served.wait(30)


def _tell_of_tasks(processes: list[int], runs: int, without: float, cost_without: float) -> None:
    before = sum(map(spent, processes))
    seconds = statistics.median(run_once("fork", TASKS) for _ in range(runs))
    cost = (sum(map(spent, processes)) - before) / runs
    print(
        f"a task {1000 * (seconds - without) / TASKS:6.1f} ms, {1000 * (cost - cost_without) / TASKS:5.1f} CPU ms: "
        f"a run with {TASKS} of them takes {seconds:.2f} s, one without {without:.2f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    asked = parser.parse_args()
    runs = asked.runs
    with tempfile.TemporaryDirectory(prefix="gangchuang-") as folder:
        engine = EngineProcess(Path(folder) / "home", free_port())
        engine.home.mkdir()
        engine.start()
        try:
            engine.wait_until_up()
            with engine.spoken_to():
                for way in asked.ways:
                    with staying(engine, way) as processes:
                        run_once(way)
                        before = sum(map(spent, processes))
                        seconds = [run_once(way) for _ in range(runs)]
                        cost = (sum(map(spent, processes)) - before) / runs
                        memory = sum(map(memory_of, processes))
                        if way == "fork":
                            _tell_of_tasks(processes, runs, statistics.median(seconds), cost)
                    ours = (ROOT / "flows/engine" / f"{name}.py" for name in WAYS[way])
                    lines = sum(len(module.read_text("utf-8").splitlines()) for module in ours)
                    print(
                        f"{way:<6} {statistics.median(seconds):6.2f} s a run (worst {max(seconds):.2f}), {cost:5.2f} "
                        f"CPU s a run, {memory:5.0f} MiB while nothing runs, {lines:4d} lines of ours",
                        flush=True,
                    )
        finally:
            engine.stop()


if __name__ == "__main__":
    main()
