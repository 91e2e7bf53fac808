"""An engine without Prefect for the demo: the real clock starts the real stages, in this process."""

import inspect
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import GangchuangError
from config.settings import Settings, settings
from flows.demo.mailbox import DemoMailbox
from flows.engine import deployments
from flows.engine.deployments import RunState
from flows.intake.mail.server import open_mailbox
from tests.support.links import serving_links
from tests.support.mail import HOST


class InProcessEngine:
    """Runs each stage where it is started, and remembers what became of it."""

    def __init__(self, own: Settings, engine: Engine) -> None:
        self.own, self.engine = own, engine
        self.runs: dict[str, RunState] = {}

    def start(self, stage: str, parameters: Mapping[str, Any], key: str) -> str:
        from flows.year import form_named

        found = form_named(stage)
        assert found is not None
        if key not in self.runs:
            try:
                found.flow.fn(**_validated(found.flow.fn, {**found.preset, **parameters}))
                self.runs[key] = RunState("COMPLETED", "Completed", "", True)
            except GangchuangError as problem:
                self.runs[key] = RunState("FAILED", "Failed", str(problem), True)
        return key

    def run_state(self, run: str) -> RunState | None:
        return self.runs.get(run)

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """The clock looks all the time meanwhile."""
        from flows.clock import Timekeeper

        def mailbox() -> str:
            with open_mailbox(self.own) as box:
                return box.newest

        keeper, stopped = Timekeeper(self.own, self.engine, self.start, mailbox=mailbox), threading.Event()

        def tend() -> None:
            while not stopped.wait(0.05):
                keeper.ask_mailbox()
                keeper.sweep()

        thread = threading.Thread(target=tend)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[DemoMailbox]:
    server = DemoMailbox(tmp_path / "mailbox", 0)
    server.begin()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def engine_in_process(
    fresh_home: Path, monkeypatch: pytest.MonkeyPatch, mail_server: DemoMailbox
) -> Iterator[InProcessEngine]:
    """A home with the schema, its mailbox and link pages, and the engine that stands in for Prefect's."""
    from flows.stage import open_database

    assert fresh_home.is_dir()
    monkeypatch.setenv("GANGCHUANG_SWEEP_SECONDS", "0.1")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("GANGCHUANG_LINKS_PORT", str(port))
    monkeypatch.setenv("GANGCHUANG_LINKS_URL", f"http://{HOST}:{port}/me")
    monkeypatch.setenv("GANGCHUANG_IMAP_URL", f"imap://demo:demo@{HOST}:{mail_server.server_address[1]}/INBOX")
    settings.cache_clear()
    engine = open_database(settings().database)
    stand_in = InProcessEngine(settings(), engine)
    monkeypatch.setattr(deployments, "start", stand_in.start)
    monkeypatch.setattr(deployments, "run_state", stand_in.run_state)
    monkeypatch.setattr("flows.demo.summary.flow_runs", list)
    with serving_links(settings()):
        yield stand_in
    open_database.cache_clear()
    engine.dispose()


def _validated(flow: Callable[..., Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Words of closed lists as their members, as Prefect hands them over."""
    kinds = {name: parameter.annotation for name, parameter in inspect.signature(flow).parameters.items()}
    return {
        name: kinds[name](value) if isinstance(kinds[name], type) and issubclass(kinds[name], StrEnum) else value
        for name, value in parameters.items()
    }
