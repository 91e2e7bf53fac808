"""One running engine for the whole session: server, warm parent, worker, in a temporary home."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.flows.engine.engine_process import EngineProcess, free_port


@pytest.fixture(scope="session")
def running_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """A running engine, and this process set to speak to it."""
    engine = EngineProcess(tmp_path_factory.mktemp("engine") / "home", free_port())
    engine.home.mkdir()
    with running(engine):
        yield engine


@contextmanager
def running(engine: EngineProcess) -> Iterator[None]:
    """Start an engine, set this process to speak to it, and end both."""
    engine.start()
    before = dict(os.environ)
    try:
        engine.wait_until_up()
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{engine.port}/api"
        os.environ["PREFECT_API_AUTH_STRING"] = engine.sign_in
        _reread_settings()
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _reread_settings()
        engine.stop()


def _reread_settings() -> None:
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()
