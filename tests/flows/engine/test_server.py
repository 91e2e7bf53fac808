"""The server's shell: headers, foreign callers, moments of a locked database, a taken port."""

import asyncio
import inspect
import socket
from typing import Any

import pytest

from flows.engine.asgi import Application
from flows.engine.errors import PortInUse
from flows.engine.server import CONTENT_SECURITY_POLICY, bind, guarded, our_origins, patient

ORIGINS = our_origins(4200, "https://prize.example/v2")


class Recorder:
    """A small ASGI application that answers with the given statuses, one a call, and keeps what it was sent."""

    def __init__(self, *statuses: int, raising: bool = False) -> None:
        self.statuses, self.raising = list(statuses), raising
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive())["body"])
        status = self.statuses.pop(0)
        await send({"type": "http.response.start", "status": status, "headers": [(b"x-frame-options", b"ALLOWALL")]})
        await send({"type": "http.response.body", "body": b"answer %d" % status})
        if self.raising and status == 503:
            raise RuntimeError("database is locked")


def ask(app: Application, *, method: str = "POST", body: bytes = b"", **headers: str) -> list[dict[str, Any]]:
    """Send one request and return the messages that came back."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    given.append((b"content-length", b"%d" % len(body)))
    scope = {"type": "http", "method": method, "path": "/api/x", "headers": given}
    parts = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(app(scope, receive, send))
    return sent


def test_every_answer_carries_the_policy_and_replaces_weaker_headers() -> None:
    answer = ask(guarded(Recorder(200), origins=ORIGINS), host="localhost:4200")

    headers = answer[0]["headers"]
    assert (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()) in headers
    assert [value for name, value in headers if name == b"x-frame-options"] == [b"DENY"]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1:4200", "origin": "https://evil.example"},
        {"host": "127.0.0.1:4200", "origin": "null"},
        {"host": "127.0.0.1:4200", "origin": "http://127.0.0.1:8000"},
        {"host": "127.0.0.1:4200", "origin": "https://127.0.0.1:4200"},
        {"host": "127.0.0.1:4200", "origin": "http://localhost"},
        {"host": "prize.example", "origin": "http://prize.example"},
        {"host": "prize.example", "origin": "https://prize.example:8443"},
        {"host": "prize.example", "origin": "https://prize.example.evil"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:4200@evil.example"},
        {"host": ""},
    ],
)
def test_a_foreign_host_or_origin_is_refused_before_prefect_sees_it(headers: dict[str, str]) -> None:
    app = Recorder(200)

    answer = ask(guarded(app, origins=ORIGINS), **headers)

    assert answer[0]["status"] == 403
    assert app.bodies == []


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:4200", "origin": "http://127.0.0.1:4200"},
        {"host": "LOCALHOST:4200", "origin": "http://localhost:4200"},
        {"host": "prize.example", "origin": "https://prize.example"},
        {"host": "127.0.0.1:4200"},
    ],
)
def test_the_dashboard_itself_is_answered(headers: dict[str, str]) -> None:
    answer = ask(guarded(Recorder(200), origins=ORIGINS), **headers)

    assert answer[0]["status"] == 200


def test_a_foreign_websocket_is_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "headers": [(b"host", b"localhost:4200"), (b"origin", b"https://evil.example")]}
    asyncio.run(guarded(Recorder(), origins=ORIGINS)(scope, None, send))  # type: ignore[arg-type]

    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("raising", [False, True])
def test_a_moment_of_a_locked_database_is_waited_out_here(raising: bool) -> None:
    app = Recorder(503, 503, 201, raising=raising)

    answer = ask(patient(app, pauses=(0.0, 0.0, 0.0)), body=b'{"state": 1}')

    assert [message.get("status") for message in answer] == [201, None]
    assert app.bodies == [b'{"state": 1}'] * 3


def test_a_lasting_503_goes_out_after_the_last_pause() -> None:
    app = Recorder(503, 503, 503)

    answer = ask(patient(app, pauses=(0.0, 0.0)), body=b"x")

    assert answer[0]["status"] == 503
    assert app.bodies == [b"x"] * 3


@pytest.mark.parametrize("status", [500, 409, 404])
def test_other_refusals_are_not_asked_again(status: int) -> None:
    app = Recorder(status)

    assert ask(patient(app, pauses=(0.0,)), body=b"x")[0]["status"] == status


def test_reading_is_not_asked_again() -> None:
    app = Recorder(503)

    assert ask(patient(app, pauses=(0.0,)), method="GET")[0]["status"] == 503


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(PortInUse, match=f"Port {port} .*GANGCHUANG_DASHBOARD_PORT") as refusal:
            bind(port)

    assert refusal.value.port == port


@pytest.mark.prefect
def test_prefect_still_has_the_application_that_we_wrap() -> None:
    from prefect.server.api.server import create_app

    assert "final" in inspect.signature(create_app).parameters
