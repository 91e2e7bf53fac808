"""Prefect's server on loopback, closed to other origins: `python -m flows.engine.server`."""

import asyncio
import os
import pkgutil
import socket
import sys
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from config.settings import Settings, settings
from flows.engine.asgi import Application, Message, Receive, Scope, Send, replayed, whole_body
from flows.engine.door import signed_in
from flows.engine.environment import LOOPBACK, enter_environment, external_api_url
from flows.engine.errors import PortInUse
from flows.engine.processes import tell

EXIT_PORT_IN_USE = 98
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
_LARGEST_KEPT = 1_000_000
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "font-src 'self' data:; connect-src 'self' ws: wss: data: blob:; frame-ancestors 'none'; "
    "base-uri 'self'; form-action 'self'; object-src 'none'"
)
_POLICY = (b"content-security-policy", CONTENT_SECURITY_POLICY.encode())
_PROTECTION = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def guarded(app: Application, *, origins: frozenset[str], own_policy: bool = False) -> Application:
    """Wrap an ASGI application: headers on every answer, and no answer to foreign hosts or origins.

    `origins` (`scheme://host:port`) are those under which the dashboard may be opened. Without the
    check any page in the administrator's browser, even one of another program on the same host,
    could speak to the API. `own_policy`: the application says itself what its pages may load.
    """
    protection = _PROTECTION if own_policy else (_POLICY, *_PROTECTION)
    hosts = frozenset(urlsplit(origin).netloc for origin in origins)

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        if not _welcome(dict(scope["headers"]), hosts, origins):
            await _refuse(scope, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in protection}
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in ours]
                message = {**message, "headers": [*kept, *protection]}
            await send(message)

        await app(scope, receive, send_protected)

    return guard


def patient(app: Application, *, pauses: Sequence[float] = PAUSES) -> Application:
    """Wrap an ASGI application: what it answers with 503 is asked again here, soon.

    Prefect says 503 when SQLite was locked for a moment, and its clients then wait two seconds
    and more. Such a request has changed nothing. Pauses in seconds; then the 503 goes out.
    """

    async def ask_again(scope: Scope, receive: Receive, send: Send) -> None:
        length = int(dict(scope.get("headers", ())).get(b"content-length", b"0"))
        if scope["type"] != "http" or scope["method"] == "GET" or length > _LARGEST_KEPT:
            await app(scope, receive, send)
            return
        body = await whole_body(receive)
        for pause in pauses:
            answer = _Answer(send)
            try:
                await app({**scope}, replayed(body, receive), answer)
            except Exception:
                # Starlette raises the cause once more after it has answered.
                if not answer.refused:
                    raise
            if not answer.refused:
                return
            await asyncio.sleep(pause)
        await app(scope, replayed(body, receive), send)

    return ask_again


class _Answer:
    """Passes an answer on as it comes, unless it is a 503."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.refused = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.refused = message["status"] == 503
        if not self.refused:
            await self._send(message)


def our_origins(port: int, dashboard: str) -> frozenset[str]:
    """Where the dashboard may be opened: on loopback, and at the address that a reverse proxy gives it."""
    address = urlsplit(dashboard)
    local = {f"http://{name}:{port}" for name in (LOOPBACK, "localhost", "[::1]")}
    return frozenset(local | ({f"{address.scheme}://{address.netloc}".lower()} if address.netloc else set()))


def _welcome(headers: dict[bytes, bytes], hosts: frozenset[str], origins: frozenset[str]) -> bool:
    host = headers.get(b"host", b"").decode("latin-1").lower()
    origin = headers.get(b"origin", b"").decode("latin-1").lower()
    return host in hosts and (not origin or origin in origins)


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await _say(send, 403, b"This server answers only its own dashboard.\n")


async def _say(send: Send, status: int, text: bytes, *further: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), _POLICY, *_PROTECTION, *further]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def beside(app: Application, path: str, other: Application) -> Application:
    """One application, and another one for the requests at and below a path."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope.get("path", "") if scope["type"] == "http" else ""
        await (other if asked == path or asked.startswith(f"{path}/") else app)(scope, receive, send)

    return route


def bind(port: int) -> socket.socket:
    """A listening socket on loopback. Raises PortInUse."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except OSError as problem:
        listener.close()
        raise PortInUse(port) from problem
    return listener


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM. Exit status 98 when the port is taken.

    The arguments name what stands beside Prefect, as `/path=module:function`: each makes an ASGI application of the
    settings. Where Prefect runs elsewhere, they alone are served.
    """
    own = settings()
    try:
        listener = bind(own.dashboard_port)
    except PortInUse as problem:
        tell(problem)
        return EXIT_PORT_IN_USE
    enter_environment(own)
    import uvicorn

    origins = our_origins(own.dashboard_port, os.environ.get("PREFECT_UI_URL", ""))
    secret = os.environ.get("PREFECT_SERVER_API_AUTH_STRING") or own.sign_in()
    door = partial(signed_in, secret=secret, proxied=own.proxy_sign_in())
    app = _nothing if external_api_url() else guarded(door(_prefect(own)), origins=origins)
    for argument in arguments:
        path, _, name = argument.partition("=")
        other = pkgutil.resolve_name(name)(own)
        app = beside(app, path, guarded(door(other), origins=origins, own_policy=True))
    options = uvicorn.Config(
        app, log_level="warning", lifespan="off" if external_api_url() else "on", timeout_graceful_shutdown=3
    )
    uvicorn.Server(options).run(sockets=[listener])
    return 0


def _prefect(own: Settings) -> Application:
    from prefect.server.api.server import create_app

    from flows.engine.answers import judged

    return judged(patient(create_app(final=True)), own)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await _say(send, 404, b"Prefect runs elsewhere.\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
