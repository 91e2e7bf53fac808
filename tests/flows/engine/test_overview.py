"""What the dashboard's server shows of the award itself: one artifact, the way to the office's page, and that page."""

import httpx
import pytest

from flows.engine.deployments import prefect_client, register
from flows.engine.overview import KEY, Overview
from tests.flows.engine.engine_process import EngineProcess
from tests.flows.engine.tiny_stages import FORMS

pytestmark = pytest.mark.prefect


def _shown() -> list[tuple[str, str]]:
    """(id, text) of every version of the artifact."""
    with prefect_client() as client:
        wanted = {"artifacts": {"key": {"any_": [KEY]}}}
        return [(one["id"], one["data"]) for one in client.request("POST", "/artifacts/filter", json=wanted).json()]


def test_the_same_artifact_is_updated_also_by_another_process(running_engine: EngineProcess) -> None:
    first = Overview()
    first.show("征集中")
    ((identifier, text),) = _shown()
    assert text == "征集中"

    first.show("初评中")
    Overview().show("终评中")

    assert _shown() == [(identifier, "终评中")]


def test_every_deployment_leads_to_the_page_of_the_office(running_engine: EngineProcess) -> None:
    register(FORMS)
    with prefect_client() as client:
        described = [deployment.description or "" for deployment in client.read_deployments()]

    assert described
    assert [text for text in described if "[办公室总览](http://127.0.0.1:" not in text or "/office/)" not in text] == []


def test_the_page_of_the_office_is_behind_the_sign_in_of_the_dashboard(running_engine: EngineProcess) -> None:
    page = f"http://127.0.0.1:{running_engine.port}/office/"
    user, _, secret = running_engine.sign_in.strip().partition(":")

    assert httpx.get(page).status_code == 401
    assert httpx.get(page, auth=(user, "guessed")).status_code == 401
    assert httpx.get(page, headers={"host": "evil.example"}, auth=(user, secret)).status_code == 403
    answer = httpx.get(page, auth=(user, secret))
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "办公室总览" in answer.text
    assert httpx.get(f"{page}../api/health").json() is True, "Prefect's own answers as before"
