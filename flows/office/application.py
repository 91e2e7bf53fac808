"""The control room as an ASGI application under `/office/`: reads, shows, leads to the form that acts. It writes nothing."""

import json
import logging
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from config.errors import GangchuangError
from config.settings import Settings
from flows.engine.environment import dashboard_url, external_api_url
from flows.engine.forms import OFFICER_FIELD
from flows.office.facts import DELIVERIES_SHOWN, as_json, deliveries, season_facts
from flows.office.files import OUTWARD, outward_file, outward_files, owners
from flows.office.forms import FormUnknown, form_address
from flows.office.metrics import CONTENT_TYPE, as_text, measured
from flows.office.owing import FormLink, names_of
from flows.office.record import FOUND_AT_MOST, HolderFound, find, found, history, holders
from flows.office.rendering import ROOT, policy, render
from flows.office.watch import everything_wrong
from models.database import make_engine, reading
from models.enums import CallState
from models.queries import SeasonNotPlanned, call_state, planned_seasons
from states.history.canonical import call_subject, submission_subject
from states.troubles import TroubleLevel

log = logging.getLogger("gangchuang.office")

# A page of ours brings its own policy; it has scripts, and may neither reach this server nor pretend to be it.
_SANDBOX = "sandbox allow-scripts allow-popups; frame-ancestors 'none'"
# Neither a table's nor a person's name leaves the log for a page.
_UNKNOWN = "数据库读不出来，或者程序出错；请系统管理员查看 logs/server.log"
_SHOWN = {".html": "text/html; charset=utf-8", ".txt": "text/plain; charset=utf-8", ".pdf": "application/pdf"}


def application(own: Settings) -> Starlette:
    """The pages of one home. The database is opened with the first page."""
    office = _Office(own)
    pages = [
        Route("/", office.first),
        Route("/health", office.health),
        Route("/metrics", office.metrics),
        Route("/form/{name}", office.form),
        Route("/file/{path:path}", office.file),
        Route("/{year:int}/", office.season),
        Route("/{year:int}/facts.json", office.facts),
        Route("/{year:int}/find", office.find),
        Route("/{year:int}/history", office.call_history),
        Route("/{year:int}/history/{number}", office.submission_history),
        Route("/{year:int}/deliveries", office.deliveries),
        Route("/{year:int}/files", office.files),
    ]
    return Starlette(
        routes=[Route(ROOT, partial(_moved, f"{ROOT}/")), Mount(ROOT, routes=pages)],
        exception_handlers={
            HTTPException: office.not_there,
            SeasonNotPlanned: office.not_there,
            GangchuangError: office.out_of_order,
            SQLAlchemyError: office.out_of_order,
            Exception: office.out_of_order,
        },
    )


def _moved(to: str, _request: Request) -> Response:
    return RedirectResponse(to, 303)


def _page(text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(text, status, {"content-security-policy": policy(), "cache-control": "no-store"})


def _given(year: int, one: HolderFound) -> dict[str, Any]:
    """What the form for an evidence has filled in of who was found."""
    return {"season": year, "kind": one.kind, "whose": one.name, "organisations": one.organisation}


class _Office:
    """One home's pages. Each is read from one consistent view of the database."""

    def __init__(self, own: Settings) -> None:
        self.own = own
        # Below our own address a browser goes by whatever name it came; a server elsewhere is named.
        self.dashboard = dashboard_url(own) if external_api_url() else urlsplit(dashboard_url(own)).path

    @cached_property
    def engine(self) -> Engine:
        return make_engine(self.own.database)

    def show(self, name: str, year: int, make: Callable[[Session], dict[str, Any]]) -> Response:
        """One page of a season: its values are made within one reading."""
        with reading(self.engine) as session:
            state = call_state(session, year)
            values = {"year": year, "years": planned_seasons(session), "state": state, "query": "", **make(session)}
        return _page(render(name, dashboard=self.dashboard, **values))

    def first(self, _request: Request) -> Response:
        """To the season that goes on, the newest of them; without any, the page that says how to plan one."""
        with reading(self.engine) as session:
            years = planned_seasons(session)
            going_on = [year for year in years if call_state(session, year) is not CallState.CLOSED]
        if years:
            return RedirectResponse(f"{ROOT}/{max(going_on or years)}/", 303)
        return _page(
            render(
                "message",
                title="还没有年度",
                text="请先制定年度计划：gangchuang season plan 年度。",
                year=None,
                years=[],
            )
        )

    def season(self, request: Request) -> Response:
        year, at = request.path_params["year"], self.own.clock.now()
        return self.show(
            "season",
            year,
            lambda session: {"facts": season_facts(session, self.own, year, at), "shown": DELIVERIES_SHOWN},
        )

    def facts(self, request: Request) -> Response:
        """The same as `status --json` says."""
        with reading(self.engine) as session:
            facts = season_facts(session, self.own, request.path_params["year"], self.own.clock.now())
        return Response(as_json([facts]), media_type="application/json", headers={"cache-control": "no-store"})

    def find(self, request: Request) -> Response:
        year, words = request.path_params["year"], request.query_params.get("q", "").strip()[:200]
        return self.show(
            "find",
            year,
            lambda session: {
                "query": words,
                "found": find(session, year, words) if words else [],
                "holders": [
                    (holder, FormLink("make_evidence", _given(year, holder))) for holder in holders(session, words)
                ],
                "most": FOUND_AT_MOST,
            },
        )

    def submission_history(self, request: Request) -> Response:
        year, number = request.path_params["year"], request.path_params["number"]

        def make(session: Session) -> dict[str, Any]:
            entries = history(session, submission_subject(number))
            if not entries:
                raise HTTPException(404)
            return {"subject": number, "one": found(session, number), "entries": entries}

        return self.show("history", year, make)

    def call_history(self, request: Request) -> Response:
        year = request.path_params["year"]
        return self.show(
            "history",
            year,
            lambda session: {"subject": f"{year}年度", "one": None, "entries": history(session, call_subject(year))},
        )

    def deliveries(self, request: Request) -> Response:
        year = request.path_params["year"]
        return self.show("deliveries", year, lambda session: {"came": deliveries(session, year)})

    def files(self, request: Request) -> Response:
        year = request.path_params["year"]

        def make(session: Session) -> dict[str, Any]:
            names = names_of(session, owners(self.own, year))
            return {"folders": {folder: outward_files(self.own, year, folder, names) for folder in OUTWARD}}

        return self.show("files", year, make)

    def file(self, request: Request) -> Response:
        """One outward file: a page is shown in a sandbox, everything else is downloaded."""
        path = outward_file(self.own, request.path_params["path"])
        if path is None:
            raise HTTPException(404)
        headers = {"content-security-policy": _SANDBOX, "cache-control": "no-store"}
        kind = _SHOWN.get(path.suffix)
        disposition = "inline" if kind else "attachment"
        return FileResponse(
            path,
            headers=headers,
            media_type=kind or "application/octet-stream",
            filename=path.name,
            content_disposition_type=disposition,
        )

    def form(self, request: Request) -> Response:
        """To a form of the dashboard, with what stands in the address filled in. Raises FormUnknown, EngineAway."""
        given, person = dict(request.query_params), str(request.scope.get("person", ""))
        if person:
            given.setdefault(OFFICER_FIELD, self.own.accounts.get(person, person))
        address, filled = form_address(request.path_params["name"], given)
        return RedirectResponse(f"{self.dashboard}{address}?{urlencode({'parameters': json.dumps(filled)})}", 303)

    def health(self, _request: Request) -> Response:
        """The worst level in a word, then a line each; 503 when somebody must act."""
        with reading(self.engine) as session:
            found = everything_wrong(session, self.own, self.own.clock.now())
        level = max((trouble.level for trouble in found), default=TroubleLevel.FINE)
        lines = [level.name.lower(), *(f"{trouble.level.name.lower()}: {trouble.sentence}" for trouble in found)]
        status = 503 if level is TroubleLevel.ACT else 200
        return PlainTextResponse("\n".join(lines) + "\n", status, {"cache-control": "no-store"})

    def metrics(self, _request: Request) -> Response:
        with reading(self.engine) as session:
            text = as_text(measured(session, self.own, self.own.clock.now()))
        return Response(text, media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})

    def not_there(self, _request: Request, problem: Exception) -> Response:
        status = problem.status_code if isinstance(problem, HTTPException) else 404
        text = "地址有误，或者它所指的年度、项目、文件已经不在。" if status == 404 else "这里只能查看。"
        return _page(render("message", title="没有这个页面", text=text, year=None, years=[]), status)

    def out_of_order(self, _request: Request, problem: Exception) -> Response:
        """What keeps a page from being shown, in words; what is no error of ours stands in the log too."""
        if isinstance(problem, FormUnknown):
            return _page(render("message", title="表单暂时打不开", text=problem.said, year=None, years=[]), 503)
        if not isinstance(problem, GangchuangError):
            log.error("a page of the office failed", exc_info=problem)
        reason = (problem.chinese or str(problem)) if isinstance(problem, GangchuangError) else _UNKNOWN
        text = f"暂时读不到数据，请稍后再试；原因：{reason}"
        return _page(render("message", title="暂时打不开", text=text, year=None, years=[]), 503)
