"""The dashboard in a real browser: it works under our policy, and nothing leaves loopback."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from flows.engine.deployments import prefect_client, run_state, start
from tests.flows.engine.engine_process import EngineProcess, wait_for
from tests.support.browser import QUIET, chromium_program

pytestmark = [pytest.mark.prefect, pytest.mark.browser]


class Watched:
    """A page of the browser that notes every answer it got and everything it wanted from elsewhere."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answered: list[str] = []
        self.refused: list[str] = []
        self.errors: list[str] = []
        page.on("response", lambda response: self.answered.append(response.url))
        page.on("requestfailed", lambda request: self.refused.append(request.url))
        page.on("websocket", lambda socket: self.answered.append(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def hosts(self) -> set[str]:
        """The hosts that answered."""
        addresses = (urlsplit(url) for url in self.answered)
        return {address.hostname or "" for address in addresses if address.scheme in {"http", "https", "ws", "wss"}}


@pytest.fixture
def watched(running_engine: EngineProcess, tmp_path: Path) -> Iterator[Watched]:
    user, _, password = running_engine.sign_in.partition(":")
    with sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=chromium_program(),
            args=list(QUIET),
            viewport={"width": 1400, "height": 900},
            # What the person answers when the browser asks, once.
            http_credentials={"username": user, "password": password},
        )
        yield Watched(browser.new_page())
        browser.close()


@pytest.fixture
def finished_run(running_engine: EngineProcess) -> str:
    run = start("tiny", {"season": 2026}, f"tiny/{uuid.uuid4()}")
    wait_for("the run's end", lambda: run_state(run).final)
    return run


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_dashboard_lists_runs_and_nothing_leaves_loopback(
    running_engine: EngineProcess, watched: Watched, finished_run: str, name: str
) -> None:
    with prefect_client() as client:
        title = client.read_flow_run(uuid.UUID(finished_run)).name
    here = f"http://{name}:{running_engine.port}"

    watched.page.goto(f"{here}/")
    watched.page.wait_for_url("**/v2/dashboard*")
    watched.page.goto(f"{here}/v2/runs")
    watched.page.get_by_text(title).first.wait_for()
    watched.page.goto(f"{here}/v2/runs/flow-run/{finished_run}")
    watched.page.get_by_text("Completed").first.wait_for()

    assert watched.hosts() == {name}
    assert watched.errors == []


def test_a_deployment_has_a_form_and_an_artifact_is_drawn(
    running_engine: EngineProcess, watched: Watched, finished_run: str
) -> None:
    here = f"http://127.0.0.1:{running_engine.port}/v2"
    with prefect_client() as client:
        deployment = next(registered for registered in client.read_deployments() if registered.name == "示例小步 Tiny")
        only = FlowRunFilter(id=FlowRunFilterId(any_=[uuid.UUID(finished_run)]))
        wait_for("its artifacts", lambda: len(client.read_artifacts(flow_run_filter=only)) == 2)
        table = next(
            artifact for artifact in client.read_artifacts(flow_run_filter=only) if artifact.type == "markdown"
        )

    watched.page.goto(f"{here}/deployments/deployment/{deployment.id}/run")
    watched.page.get_by_text("season").first.wait_for()
    watched.page.goto(f"{here}/artifacts/artifact/{table.id}")
    watched.page.get_by_text("letters").first.wait_for()

    assert watched.hosts() == {"127.0.0.1"}
    assert watched.errors == []
