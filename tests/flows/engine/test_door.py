"""One sign-in for everything behind the door, and a person only where the proxy says so."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from flows.engine.asgi import Receive, Scope, Send
from flows.engine.door import PERSON, signed_in

SECRET, PROXY = "office:the-installations", "proxy:its-own"
HOST = "http://127.0.0.1:4200"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


class Behind:
    """Stands for Prefect: notes whom it was asked by, refuses as Prefect does, and asks a websocket for its sign-in."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.heard: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        assert PERSON.encode() not in headers
        known = headers.get(b"authorization", b"").decode()
        self.asked.append((known, scope["person"]))
        if scope["type"] == "websocket":
            self.heard += [await receive(), await receive()]
            return
        status = 200 if known == basic(SECRET) else 401
        parts = [b'{"api_url":"/api",', b'"auth":"BASIC"}']
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"33")]})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": part is parts[0]})


def ask(behind: Behind, path: str, **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=signed_in(behind, SECRET, PROXY))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            return await client.get(path, headers={name.replace("_", "-"): told for name, told in headers.items()})

    return asyncio.run(asked())


@pytest.mark.parametrize("path", ["/", "/v2/dashboard", "/ui-settings", "/office/", "/docs", "/apis"])
def test_whoever_is_not_signed_in_is_asked_before_anything_is_shown(path: str) -> None:
    behind = Behind()

    for given in ({}, {"authorization": basic("office:wrong")}, {"authorization": basic("proxy:the-installations")}):
        answer = ask(behind, path, **given, x_gangchuang_person="wang")
        assert (answer.status_code, answer.headers["www-authenticate"].split(",")[0]) == (
            401,
            'Basic realm="gangchuang"',
        )
    assert behind.asked == []


def test_the_api_refuses_by_itself_and_a_browser_may_send_what_it_has() -> None:
    behind = Behind()

    refused = ask(behind, "/api/flow_runs/filter")

    assert (refused.status_code, behind.asked) == (401, [("", "")])
    assert refused.headers["www-authenticate"].startswith('Basic realm="gangchuang"')


def test_the_dashboard_has_no_question_of_its_own() -> None:
    answer = ask(Behind(), "/v2/ui-settings", authorization=basic(SECRET), accept_encoding="gzip")

    assert answer.json() == {"api_url": "/api", "auth": None}


def test_the_proxys_word_counts_and_nobody_elses() -> None:
    behind = Behind()

    ask(behind, "/api/x", authorization=basic(PROXY), x_gangchuang_person="wang")
    ask(behind, "/api/x", authorization=basic(SECRET), x_gangchuang_person="wang")
    ask(behind, "/api/x", x_gangchuang_person="wang")

    assert behind.asked == [(basic(SECRET), "wang"), (basic(SECRET), ""), ("", "")]


def socket(behind: Behind, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    """What goes out to a websocket that connects, and says the dashboard's word and another."""
    said = [json.dumps({"type": "auth", "token": None}), json.dumps({"type": "filter"})]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive", "text": said.pop(0)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/api/events/out", "headers": [*headers], "extensions": {}}
    asyncio.run(signed_in(behind, SECRET, PROXY)(scope, receive, send))
    return sent


def test_a_browsers_websocket_is_signed_in_with_its_page() -> None:
    behind, origin = Behind(), (b"origin", HOST.encode())

    assert socket(behind, origin) == [{"type": "websocket.close", "code": 1008}]
    assert behind.heard == []
    socket(behind, origin, (b"authorization", basic(PROXY).encode()))
    told, other = (json.loads(message["text"]) for message in behind.heard)
    assert (told, other) == ({"type": "auth", "token": SECRET}, {"type": "filter"})


def test_a_programs_websocket_asks_in_prefects_own_way() -> None:
    behind = Behind()

    socket(behind)

    assert json.loads(behind.heard[0]["text"]) == {"type": "auth", "token": None}
