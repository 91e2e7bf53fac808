"""The one sign-in for the dashboard and what stands beside it, and the word of a reverse proxy for who is signed in there.

The browser asks for user and password once, by HTTP's own sign-in, and sends them with every request and websocket; the
dashboard's own question is left out, and its websocket's is answered here. A reverse proxy signs in by a secret of its
own, and then its word counts for the person.
"""

import base64
import hmac
import json
from collections.abc import Mapping

from flows.engine.asgi import Application, Message, Receive, Scope, Send, said

# By which header a reverse proxy says whose account it let in; from anybody else it is dropped.
PERSON = "x-gangchuang-person"
_CHALLENGE = (b"www-authenticate", b'Basic realm="gangchuang", charset="UTF-8"')
_ASKS_ITSELF = (b'"auth":"BASIC"', b'"auth":null')


def signed_in(app: Application, secret: str, proxied: str = "") -> Application:
    """Wrap an ASGI application: only who has the `user:password` gets in, or a proxy with its own, `proxied`.

    Behind it a request has the installation's own sign-in, and its scope names the `person` that a proxy let in, or "".
    The API is not closed here: Prefect does that, and its clients, which are no browsers, ask websockets in their way.
    """

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        by_proxy = bool(proxied) and _has(headers, proxied)
        known = by_proxy or _has(headers, secret)
        person = headers.get(PERSON.encode(), b"").decode("utf-8", "replace") if by_proxy else ""
        dropped = {PERSON.encode(), b"authorization"} if known else {PERSON.encode()}
        kept = [pair for pair in scope["headers"] if pair[0] not in dropped]
        own = [(b"authorization", b"Basic " + base64.b64encode(secret.encode()))] if known else []
        inside: Scope = {**scope, "headers": [*kept, *own], "person": person}
        if scope["type"] == "websocket":
            if known:
                await app(inside, _answering(receive, secret), send)
            elif b"origin" in headers:
                await _challenge(scope, send)
            else:
                await app(inside, receive, send)
        elif known and scope["path"].endswith("/ui-settings"):
            plain = [pair for pair in inside["headers"] if pair[0] != b"accept-encoding"]
            await app({**inside, "headers": plain}, receive, _not_asking(send))
        elif known or scope["path"].startswith("/api/"):
            await app(inside, receive, _challenging(send))
        else:
            await _challenge(scope, send)

    return check


def _has(headers: Mapping[bytes, bytes], secret: str) -> bool:
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    try:
        told = base64.b64decode(given, validate=True)
    except ValueError:
        return False
    return scheme.lower() == b"basic" and hmac.compare_digest(told, secret.encode())


async def _challenge(scope: Scope, send: Send) -> None:
    text = "请用管理界面的用户名和密码登录。"
    if scope["type"] == "http":
        await said(send, 401, {"detail": text}, _CHALLENGE)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": 401, "headers": [_CHALLENGE]})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 1008})


def _challenging(send: Send) -> Send:
    """A browser that Prefect refuses may ask its person, or send what it has."""

    async def pass_on(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 401:
            message = {**message, "headers": [*message.get("headers", ()), _CHALLENGE]}
        await send(message)

    return pass_on


def _not_asking(send: Send) -> Send:
    """The dashboard's settings, small and in one piece or few, without its own sign-in."""
    began: list[Message] = []
    parts: list[bytes] = []

    async def pass_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            began.append(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = b"".join(parts).replace(*_ASKS_ITSELF)
        headers = [pair for pair in began[0].get("headers", ()) if pair[0].lower() != b"content-length"]
        await send({**began[0], "headers": [*headers, (b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    return pass_on


def _answering(receive: Receive, secret: str) -> Receive:
    """Prefect asks a websocket for its sign-in by a message: who came through the door has it."""

    async def take() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and '"auth"' in (message.get("text") or ""):
            try:
                told = json.loads(message["text"])
            except ValueError:
                return message
            if isinstance(told, dict) and told.get("type") == "auth":
                return {**message, "text": json.dumps({**told, "token": secret})}
        return message

    return take
