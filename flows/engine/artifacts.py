"""What a stage shows in the dashboard. Outside a flow run, and when Prefect is away, nothing happens.

The domain database is the truth; a picture that could not be drawn never fails or slows a
stage: one thread sends the requests, and the process waits for it only shortly at its end.
"""

import atexit
import contextvars
import logging
import queue
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import UUID

log = logging.getLogger("gangchuang.engine")

PROGRESS_SECONDS = 1.0
_REQUEST_SECONDS = 5.0
_PARTING_SECONDS = 3.0
_BACKLOG = 200

Ids = tuple[UUID, UUID | None]
Drawing = Callable[[Any], object]


def current_flow_run_id() -> str:
    """The id of the flow run that this code runs in; "" outside one."""
    ids = _ids()
    return str(ids[0]) if ids else ""


def progress(done: int, total: int, *, key: str, description: str = "") -> None:
    """Show `done` of `total` as a progress bar: at most one request a second, and always the last one."""
    ids = _ids()
    if ids is None:
        return
    name, moment = f"{ids[0]}/{key}", time.monotonic()
    if done < total and moment - _painter.drawn_at.get(name, -PROGRESS_SECONDS) < PROGRESS_SECONDS:
        return
    _painter.drawn_at[name] = moment
    percent = 100.0 if total <= 0 else min(100.0, 100.0 * done / total)
    text = description or f"{done} / {total}"
    _painter.order(lambda client: _painter.draw_bar(client, name, ids, key=key, percent=percent, text=text))


def outcome(markdown: str, *, key: str) -> None:
    """Show what a stage did, as Markdown; the key names the artifact's line of versions."""
    ids = _ids()
    if ids is not None:
        _painter.order(lambda client: _create(client, ids, kind="markdown", key=key, data=markdown))


def plain(text: object) -> str:
    """Words of people within Markdown: they make no link, image, tag, cell, heading or line of their own."""
    flat = re.sub(r"([\\`*_\[\]()!|~#])", r"\\\1", " ".join(str(text).split()))
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return flat.replace("://", ":\\//").replace("www.", "www\\.").replace("@", "\\@")


def flush(seconds: float = _PARTING_SECONDS) -> bool:
    """Wait until everything ordered so far is drawn; False when that took longer than `seconds`."""
    return _painter.finish(seconds)


def _ids() -> Ids | None:
    """The ids of the flow run and, inside a task, of the task run."""
    if "prefect.context" not in sys.modules:
        return None
    from prefect.context import FlowRunContext, TaskRunContext

    task = TaskRunContext.get()
    if task is not None and task.task_run.flow_run_id is not None:
        return task.task_run.flow_run_id, task.task_run.id
    flow = FlowRunContext.get()
    return (flow.flow_run.id, None) if flow is not None and flow.flow_run is not None else None


class _Painter:
    """A thread with one client, started with the first order."""

    def __init__(self) -> None:
        self.orders: queue.Queue[Drawing] = queue.Queue(_BACKLOG)
        self.drawn_at: dict[str, float] = {}
        self.bars: dict[str, UUID] = {}
        self.thread: threading.Thread | None = None

    def order(self, drawing: Drawing) -> None:
        if self.thread is None:
            context = contextvars.copy_context()
            self.thread = threading.Thread(target=lambda: context.run(self._paint), name="artifacts", daemon=True)
            self.thread.start()
            atexit.register(self.finish, _PARTING_SECONDS)
        try:
            self.orders.put_nowait(drawing)
        except queue.Full:
            log.warning("the dashboard does not keep up; a picture was left out")

    def finish(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        with self.orders.all_tasks_done:
            while self.orders.unfinished_tasks and time.monotonic() < deadline:
                self.orders.all_tasks_done.wait(deadline - time.monotonic())
            return not self.orders.unfinished_tasks

    def draw_bar(self, client: Any, name: str, ids: Ids, *, key: str, percent: float, text: str) -> None:
        if name not in self.bars:
            self.bars[name] = _create(client, ids, kind="progress", key=key, data=percent, text=text)
            return
        change = {"data": percent, "description": text}
        client.request("PATCH", "/artifacts/{id}", path_params={"id": self.bars[name]}, json=change)

    def _paint(self) -> None:
        from prefect.client.orchestration import get_client

        with ExitStack() as open_client:
            client = None
            while True:
                drawing = self.orders.get()
                try:
                    if client is None:
                        fresh = get_client(httpx_settings={"timeout": _REQUEST_SECONDS}, sync_client=True)
                        client = open_client.enter_context(fresh)
                    drawing(client)
                except Exception as problem:  # whatever Prefect raises
                    log.warning("the dashboard does not answer (%s); going on without it", problem)
                finally:
                    self.orders.task_done()


_painter = _Painter()


def _create(client: Any, ids: Ids, *, kind: str, key: str, data: Any, text: str = "") -> UUID:
    """A plain request: Prefect's own function also emits an event, for which a run would open two connections more."""
    new = {"type": kind, "key": _slug(key), "data": data, "description": text, "flow_run_id": str(ids[0])}
    if ids[1] is not None:
        new["task_run_id"] = str(ids[1])
    return UUID(client.request("POST", "/artifacts/", json=new).json()["id"])


def _slug(key: str) -> str:
    """Prefect allows lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-") or "artifact"
