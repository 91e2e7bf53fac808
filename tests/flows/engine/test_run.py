"""The heartbeat of a run's process: none for short runs, then regularly, and none after its end."""

import threading
from typing import Any

import prefect.events
import pytest

from flows.engine import run
from tests.flows.engine.engine_process import wait_for


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(prefect.events, "emit_event", lambda **event: sent.append(event))
    return sent


def test_a_short_run_has_no_heartbeat(beats: list[dict[str, Any]]) -> None:
    with run.Heartbeat("a-run"):
        pass

    wait_for("the thread's end", lambda: "heartbeat" not in {thread.name for thread in threading.enumerate()})
    assert beats == []


def test_a_long_run_tells_regularly_that_it_lives(beats: list[dict[str, Any]]) -> None:
    with run.Heartbeat("a-run", 0.01):
        wait_for("three beats", lambda: len(beats) >= 3)

    wait_for("the thread's end", lambda: "heartbeat" not in {thread.name for thread in threading.enumerate()})
    assert {event["event"] for event in beats} == {"prefect.flow-run.heartbeat"}
    assert beats[0]["resource"] == {"prefect.resource.id": "prefect.flow-run.a-run"}
    assert beats[0]["related"] == [{"prefect.resource.id": "prefect.tag.gangchuang", "prefect.resource.role": "tag"}]


def test_the_first_beat_comes_after_the_first_wait_and_the_next_ones_at_the_interval(
    beats: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heart, waits = run.Heartbeat("a-run", 30.0), []
    monkeypatch.setattr(heart._over, "wait", lambda seconds: waits.append(seconds) or len(waits) > 3)

    heart._beat()

    assert waits == [10.0, 30.0, 30.0, 30.0]
    assert len(beats) == 3
