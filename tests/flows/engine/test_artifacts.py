"""What a stage shows never fails it, never slows it, and is drawn at most once a second."""

import logging
import subprocess
import sys
import uuid
from typing import Any

import httpx
import pytest

from flows.engine import artifacts
from tests.flows.engine.engine_process import ROOT, free_port


class Sketchbook:
    """Stands for Prefect's client, takes the painter's requests and keeps the drawings."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.updated: list[dict[str, Any]] = []

    def request(
        self, method: str, path: str, *, json: dict[str, Any], path_params: dict[str, Any] | None = None
    ) -> Any:
        (self.created if (method, path) == ("POST", "/artifacts/") else self.updated).append(json)
        return httpx.Response(201, json={"id": str(uuid.uuid4())})


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Sketchbook:
    """Code under test believes to be in a flow run; its drawings land here at once."""
    book, painter = Sketchbook(), artifacts._Painter()
    monkeypatch.setattr(painter, "order", lambda drawing: drawing(book))
    monkeypatch.setattr(artifacts, "_painter", painter)
    monkeypatch.setattr(artifacts, "_ids", lambda: (RUN, None))
    return book


RUN = uuid.UUID(int=7)


def test_outside_a_flow_run_nothing_happens_and_prefect_is_not_even_imported() -> None:
    code = (
        "import sys\nfrom flows.engine.artifacts import *\nfrom flows.engine import artifacts as a\n"
        "a.progress(1, 2, key='k'); a.outcome('x', key='k')\n"
        "assert a.current_flow_run_id() == ''\nassert 'prefect' not in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_progress_is_drawn_at_once_then_at_most_once_a_second_and_at_the_end(
    book: Sketchbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [100.0]
    monkeypatch.setattr(artifacts.time, "monotonic", lambda: moment[0])

    for done in range(1, 31):
        artifacts.progress(done, 30, key="collect 2026")
        moment[0] += 0.125

    assert [bar["data"] for bar in book.created] == [pytest.approx(100 / 30)]
    assert book.created[0]["key"] == "collect-2026"
    assert [bar["description"] for bar in book.updated] == ["9 / 30", "17 / 30", "25 / 30", "30 / 30"]


def test_progress_of_nothing_is_complete(book: Sketchbook) -> None:
    artifacts.progress(0, 0, key="empty")

    assert [bar["data"] for bar in book.created] == [100.0]


def test_an_outcome_is_drawn_with_its_run_and_key(book: Sketchbook) -> None:
    artifacts.outcome("| a |\n|---|\n", key="Open_Call/2026")

    (drawn,) = book.created
    assert (drawn["type"], drawn["key"]) == ("markdown", "open-call-2026")
    assert (drawn["data"], drawn["flow_run_id"]) == ("| a |\n|---|\n", str(RUN))


@pytest.mark.prefect
def test_a_dashboard_that_does_not_answer_is_noted_and_the_stage_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setattr(artifacts, "_ids", lambda: (RUN, None))
    monkeypatch.setattr(artifacts, "_painter", artifacts._Painter())
    caplog.set_level(logging.WARNING, "gangchuang.engine")

    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        artifacts.outcome("lost", key="lost")
        artifacts.outcome("lost too", key="lost")

    assert artifacts.flush(30.0)
    assert caplog.text.count("the dashboard does not answer") == 2


def test_what_the_dashboard_cannot_take_in_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    painter = artifacts._Painter()
    monkeypatch.setattr(painter, "_paint", lambda: None)

    for _ in range(artifacts._BACKLOG + 1):
        painter.order(lambda client: None)

    assert caplog.text.count("a picture was left out") == 1
    assert not painter.finish(0.05)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("示例 [点此](https://evil.example)", r"示例 \[点此\]\(https:\//evil.example\)"),
        ("![x](data:image/png)", r"\!\[x\]\(data:image/png\)"),
        ("a | b", r"a \| b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("`rm` **x** _y_ ~z~", r"\`rm\` \*\*x\*\* \_y\_ \~z\~"),
        ("x\n\n# 标题\r\n| a |", r"x \# 标题 \| a \|"),
        ("www.evil.example a@b.example", r"www\.evil.example a\@b.example"),
        ("初评截止 05-29 18:00，共 39 项", "初评截止 05-29 18:00，共 39 项"),
    ],
)
def test_words_of_people_are_words_in_markdown(words: str, shown: str) -> None:
    assert artifacts.plain(words) == shown
