"""What several workers want: Prefect's server on PostgreSQL and Redis, and workers beside the one of `serve`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.support.databases import Postgres
from tests.support.nginx import program

WORK_ALONG = """
import sys
from config.settings import settings
from flows.engine.supervisor import work_along

sys.exit(work_along(settings(), stages=sys.argv[1], drain_seconds=1.0))
"""


def postgres_with_extensions() -> Postgres:
    """Debian's PostgreSQL: Prefect's server wants the extension pg_trgm, which the wheel lacks."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return Postgres(found[-1] if found else pytest.skip("postgresql is not installed (.ci/run installs it)"))


@contextmanager
def serving_redis(folder: Path) -> Iterator[tuple[str, int]]:
    """Debian's Redis on loopback with nothing on disk; its address and process."""
    port = free_port()
    quiet = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    command = [program("redis-server"), "--port", str(port), *quiet]
    with (folder / "redis.log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for("Redis", lambda: b"Ready to accept connections" in (folder / "redis.log").read_bytes())
        yield f"redis://127.0.0.1:{port}", running.pid
    finally:
        running.terminate()
        running.wait()


def on_postgresql_and_redis(database: str, redis: str) -> Mapping[str, str]:
    """The variables of a Prefect server that keeps nothing in itself, as docs/多台机器.md names them."""
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database.replace("+psycopg", "+asyncpg"),
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": "prefect_redis.cleanup_queue",
        "PREFECT_SERVER_DOCKET_URL": f"{redis}/0",
        "PREFECT_REDIS_MESSAGING_URL": f"{redis}/1",
        "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL": f"{redis}/2",
    }


class FurtherWorkerProcess(EngineProcess):
    """One more worker of a home that an engine serves, as `gangchuang worker` starts it."""

    def __init__(self, engine: EngineProcess) -> None:
        super().__init__(engine.home, engine.port, engine.stages)
        self.environment = engine.environment
        self.output = engine.home.with_name(f"worker-{free_port()}.log")

    def start(self) -> None:
        command = [sys.executable, "-c", WORK_ALONG, self.stages or "tests.flows.engine.tiny_stages"]
        with self.output.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def _is_up(self) -> bool:
        return " started; its runs come from " in self.said()

    def kill(self) -> None:
        """As if its machine had lost power: the supervisor dies, and takes everything along."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
