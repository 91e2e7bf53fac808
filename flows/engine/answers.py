"""Before Prefect makes a run of a form, what was answered is judged here, in the server that is there.

A schema can say that a reason is not blank, not that a date has passed or a number is nobody's; and its choices may
be half a minute old. So a request for a run is held up: the form gets the choices of this moment, codes and names
become the lines that it offers, and what is wrong is one sentence in Chinese, of which no run is made. Of a run that
is made the worker learns at once.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from config.errors import GangchuangError
from config.settings import Settings
from flows.engine.asgi import Application, Receive, Scope, Send, replayed, said, whole_body
from flows.engine.choices import Choices, answered
from flows.engine.forms import CHECK, GIVEN, OFFERS, OFFICER_FIELD, Offer
from flows.engine.wake import wake
from models.database import make_engine, reading

log = logging.getLogger("gangchuang.engine")

_ASKED = re.compile(r"/api/deployments/([0-9a-f-]{36})/create_flow_run(/bulk)?/?")
_TYPED = "/api/ui/schemas/validate"
_MOVED = "/set_state"


def judged(app: Application, own: Settings) -> Application:
    """Wrap an ASGI application: a run of a form is made only of what the form can take; its page says so by field."""
    engine = make_engine(own.database)

    async def judge(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "") if scope["type"] == "http" and scope["method"] == "POST" else ""
        asked = _ASKED.fullmatch(path)
        if path.endswith(_MOVED):
            body = await whole_body(receive)
            await app(scope, replayed(body, receive), send)
            if b'"SCHEDULED"' in body:
                wake()  # somebody has a run repeated, or brings one forward
            return
        if asked is None and path != _TYPED:
            await app(scope, receive, send)
            return
        body = await whole_body(receive)
        with suppress(ValueError):
            content = json.loads(body)
            async with _inside(app, scope) as inside:
                if asked is None:
                    answer = await inside.post("/ui/schemas/validate", json=content)
                    if answer.status_code == 200 and _is_ours(content.get("schema")):
                        _, problems = await asyncio.to_thread(_judge, engine, own, content["schema"], content["values"])
                        errors = [{"property": name, "errors": [problem]} for name, problem in problems.items()]
                        await said(send, 200, {"errors": errors, "valid": not errors})
                        return
                else:
                    answer = await inside.get(f"/deployments/{UUID(asked[1])}")
                    schema = (
                        answer.json().get("parameter_openapi_schema") if answer.status_code == 200 else None
                    ) or {}
                    if _is_ours(schema):
                        problem = await _worded(inside, engine, own, asked[1], schema, content, scope.get("person", ""))
                        if problem:
                            await said(send, 409, {"detail": problem})
                            return
                        body = json.dumps(content).encode()
        await app(_sized(scope, len(body)), replayed(body, receive), send)
        if asked:
            wake()

    return judge


async def _worded(
    inside: httpx.AsyncClient,
    engine: Engine,
    own: Settings,
    deployment: str,
    schema: dict[str, Any],
    content: Any,
    person: str,
) -> str:
    """What is wrong with the runs that are asked for; they are worded as the form words them, and it is made fresh."""
    for run in content if isinstance(content, list) else [content]:
        given: Any = run.get("parameters") or {}
        if person and schema["properties"].get(OFFICER_FIELD, {}).get(OFFERS) == Offer.OFFICERS:
            officer = own.accounts.get(person, person)
            if given.setdefault(OFFICER_FIELD, officer) != officer:
                return f"您以“{officer}”的账户登录，经办人只能是本人。没有提交，也没有任何改动。"
        fresh, problems = await asyncio.to_thread(_judge, engine, own, schema, given)
        for name, problem in problems.items():
            return f"“{schema['properties'][name]['title']}”{problem}。没有提交，也没有任何改动。"
        if fresh != schema:
            await inside.patch(f"/deployments/{deployment}", json={"parameter_openapi_schema": fresh})
            schema = dict(fresh)
        run["parameters"] = given
        # Whoever may start a run may not choose to have it unjudged.
        run.pop("enforce_parameter_schema", None)
    return ""


def _judge(
    engine: Engine, own: Settings, schema: Mapping[str, Any], given: dict[str, Any]
) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The form with the choices of now, and what is wrong by field; what was given is worded as the form words it."""
    try:
        with reading(engine) as session:
            choices = Choices(session)
            fresh = choices.filled(schema)
            worded, problems = answered(choices, fresh, given, own.clock.now())
            given |= worded
            return fresh, problems
    except (GangchuangError, SQLAlchemyError) as problem:
        # The run itself says what is wrong with the database.
        log.warning("a form could not be judged: %s", problem)
        return schema, {}


def _is_ours(schema: Any) -> bool:
    return isinstance(schema, dict) and any(
        key in drawn for drawn in schema.get("properties", {}).values() for key in (OFFERS, GIVEN, CHECK)
    )


def _inside(app: Application, scope: Scope) -> httpx.AsyncClient:
    """Asks the application behind, in the name of who asks here."""
    theirs = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"}
    host = dict(scope["headers"]).get(b"host", b"localhost").decode("latin-1")
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}/api", headers=theirs)


def _sized(scope: Scope, length: int) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", b"%d" % length)]}
