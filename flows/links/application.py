"""The link pages as an ASGI application: a link opens a session, and a session its owner's pages alone."""

import hashlib
import hmac
import logging
import re
import secrets
import shutil
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from config.errors import GangchuangError
from config.season import Season
from config.settings import Settings
from flows.intake.inbox import sealing
from flows.kinds.review_files import review_files, stored
from flows.kinds.scores import statement_of
from flows.links.content import (
    applicant_page,
    assigned_to,
    deliveries_of,
    expert_page,
    letters_of,
    receipt_text,
    unit_page,
    workbooks_of,
)
from flows.links.receiving import a_run, send_scores, take_upload
from flows.links.rendering import policy, render
from flows.outbox.links import applicants_links, digest_of_token, without_link
from models import Expert, PersonalLink
from models.database import make_engine, reading, writing
from models.enums import LinkKind, Role
from models.queries import lock_call, season_in_force
from states.audit.export import NotPublishedYet, proof
from states.links import has_signed, keep_draft, link_of, note_opening, sign_statement
from states.machine import Act, Actor
from states.panel.aliases import Aliases

log = logging.getLogger("gangchuang.links")
_SESSION_SECONDS = 12 * 3600
_COOKIE = "session"
_MIB = 1 << 20
_TYPED = 5000  # characters of one field
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")  # what no workbook may hold
_HEADERS = {
    "cache-control": "no-store",
    # Not `no-referrer`, under which browsers hide from us that a form of ours was sent from here.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
    "cross-origin-opener-policy": "same-origin",
}
_FULL = "请求太频繁，请过一分钟再试。"
# Most requests in a minute: of a session, of wrong links from one address, of uploads by one link.
_REQUESTS, _WRONG, _UPLOADS = 240, 20, 20


@dataclass(frozen=True)
class Visitor:
    """Whose session it is."""

    season: int
    kind: LinkKind
    subject: str
    digest: str


class RateLimits:
    """How often something was done in the last minute, by whoever did it."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def require(self, key: str, most: int) -> None:
        """Count once more. Raises HTTPException when it was done too often."""
        moment = time.monotonic()
        times = self._times.setdefault(key, deque())
        while times and times[0] < moment - 60:
            times.popleft()
        if len(times) >= most:
            raise HTTPException(429, _FULL)
        times.append(moment)
        if len(self._times) > 10_000:
            self._times = {known: kept for known, kept in self._times.items() if kept and kept[-1] > moment - 60}


def application(own: Settings) -> Starlette:
    """The pages of one home, below the path of its public address."""
    pages = _Pages(own)
    routes = [
        Route("/l/{token}", pages.open),
        Route("/", pages.first),
        Route("/upload", pages.upload, methods=["POST"]),
        Route("/came/{digest}", pages.came),
        Route("/receipt/{digest}", pages.receipt),
        Route("/workbook/{kind}", pages.workbook),
        Route("/letter/{index:int}", pages.letter),
        Route("/links", pages.links),
        Route("/attachment/{alias}/{digest}", pages.attachment),
        Route("/sign", pages.sign, methods=["POST"]),
        Route("/draft", pages.draft, methods=["POST"]),
        Route("/send", pages.send, methods=["POST"]),
        Route("/proof.json", pages.proof),
        Route("/leave", pages.leave, methods=["POST"]),
    ]
    return Starlette(
        routes=[Mount(pages.root, routes=routes)] if pages.root else routes,
        exception_handlers={HTTPException: pages.refused, GangchuangError: pages.broken, Exception: pages.broken},
    )


class _Pages:
    """One home's link pages."""

    def __init__(self, own: Settings) -> None:
        self.own = own
        parts = urlsplit(own.links_url)
        self.root, self.secure = parts.path.rstrip("/"), parts.scheme == "https"
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.key = own.links_key()
        self.limits = RateLimits()

    @cached_property
    def engine(self) -> Engine:
        return make_engine(self.own.database)

    # -- sessions

    def open(self, request: Request) -> Response:
        """A link begins a session; each opening stands in the record."""
        client = request.client.host if request.client else ""
        digest, at = digest_of_token(request.path_params["token"]), self.own.clock.now()
        with writing(self.engine) as session:
            link = link_of(session, digest, at)
            if link is None:
                self.limits.require(f"wrong/{client}", _WRONG)
                raise HTTPException(404, "这个链接无效、已过期或已更换。请使用最近一封邮件里的链接，或联系办公室更换。")
            self.limits.require(f"open/{digest}", _WRONG)
            note_opening(session, link, _act(Visitor(link.season, LinkKind(link.kind), link.subject, digest), at))
        answer = RedirectResponse(f"{self.root}/", 303, _HEADERS)
        until = int(time.monotonic()) + _SESSION_SECONDS
        said = f"{digest}.{until}.{secrets.token_hex(8)}"
        answer.set_cookie(
            _COOKIE,
            f"{said}.{self._signed(said)}",
            httponly=True,
            samesite="lax",
            secure=self.secure,
            path=self.root or "/",
        )
        return answer

    def _signed(self, said: str) -> str:
        return hmac.new(self.key, said.encode(), hashlib.sha256).hexdigest()

    def visitor(self, request: Request) -> Visitor:
        """Whose session a request belongs to. Raises HTTPException: none, over, or its link was revoked."""
        said, _, signature = request.cookies.get(_COOKIE, "").rpartition(".")
        if not said or not hmac.compare_digest(signature, self._signed(said)):
            raise HTTPException(403, "请从邮件里的个人链接进入。")
        digest, until, _ = said.split(".")
        if int(until) < time.monotonic():
            raise HTTPException(403, "时间太久，请从邮件里的个人链接重新进入。")
        self.limits.require(f"session/{digest}", _REQUESTS)
        if request.method == "POST" and request.headers.get("origin", self.origin) != self.origin:
            raise HTTPException(403, "请求来自别的网站，没有处理。")
        with reading(self.engine) as session:
            link: PersonalLink | None = link_of(session, digest, self.own.clock.now())
        if link is None:
            raise HTTPException(403, "这个链接已过期或已更换。请使用最近一封邮件里的链接。")
        return Visitor(link.season, LinkKind(link.kind), link.subject, digest)

    def leave(self, request: Request) -> Response:
        self.visitor(request)
        answer = self._page("message", None, heading="已退出", text="可以关闭本页。再次进入请打开邮件里的链接。")
        answer.delete_cookie(_COOKIE, path=self.root or "/")
        return answer

    # -- pages

    def first(self, request: Request) -> Response:
        visitor = self.visitor(request)
        with reading(self.engine) as session:
            season = season_in_force(session, visitor.season)
            if visitor.kind is LinkKind.UNIT:
                return self._page(
                    "unit", season, **unit_page(session, self.own, season, visitor.subject, self.own.clock.now())
                )
            if visitor.kind is LinkKind.EXPERT:
                expert = session.get_one(Expert, visitor.subject)
                kept = "kept" in request.query_params
                return self._page("expert", season, kept=kept, **expert_page(session, season, expert))
            return self._page("applicant", season, **applicant_page(session, visitor.subject))

    def links(self, request: Request) -> Response:
        """The links by which applicants follow their submissions, for their unit to pass on."""
        visitor = self._is(request, LinkKind.UNIT)
        with writing(self.engine) as session:
            season = season_in_force(session, visitor.season)
            found = applicants_links(session, self.own, season, visitor.subject)
        return self._page("links", season, found=found)

    def came(self, request: Request) -> Response:
        """The answer to one delivery, on the screen."""
        visitor = self.visitor(request)
        with reading(self.engine) as session:
            season = season_in_force(session, visitor.season)
            came = self._delivery(session, visitor, request.path_params["digest"])
            text = receipt_text(session, visitor.season, visitor.subject, came.digest)
        return self._page("came", season, came=came, text=text)

    def receipt(self, request: Request) -> Response:
        visitor = self.visitor(request)
        with reading(self.engine) as session:
            came = self._delivery(session, visitor, request.path_params["digest"])
        return _file(self.own.home.absolute() / came.receipt)

    def _delivery(self, session: Any, visitor: Visitor, digest: str) -> Any:
        found = deliveries_of(session, visitor.season, visitor.subject)
        came = next((row for row in found if row.digest == digest), None)
        if came is None:
            raise HTTPException(404, "没有这份来件。")
        return came

    def workbook(self, request: Request) -> Response:
        visitor = self.visitor(request)
        with reading(self.engine) as session:
            found = workbooks_of(session, self.own, visitor.season, visitor.subject)
        path = next((path for kind, _, path in found if kind.value == request.path_params["kind"]), None)
        if path is None:
            raise HTTPException(404, "没有这份表。")
        return _file(path)

    def letter(self, request: Request) -> Response:
        visitor = self._is(request, LinkKind.UNIT)
        with reading(self.engine) as session:
            season = season_in_force(session, visitor.season)
            found = letters_of(session, visitor.season, visitor.subject, season.addresses_of(visitor.subject))
        if request.path_params["index"] >= len(found):
            raise HTTPException(404, "没有这封信。")
        letter = found[request.path_params["index"]]
        return self._page("message", season, heading=letter.subject, text=without_link(letter.body))

    def attachment(self, request: Request) -> Response:
        """A submission's file for its expert; that it was opened stands in the record before it is shown."""
        visitor = self._is(request, LinkKind.EXPERT)
        alias, digest = request.path_params["alias"], request.path_params["digest"]
        with writing(self.engine) as session:
            lock_call(session, visitor.season)  # nobody is taken off it between the look and the entry
            self._must_have_signed(session, visitor)
            season, at = season_in_force(session, visitor.season), self.own.clock.now()
            number = Aliases(session, season).number_of(alias)
            _, mine = assigned_to(session, visitor.season, visitor.subject)
            files = review_files(session, season, [number]).get(number, []) if number in mine else []
            opened = next((file for file in files if file.digest == digest), None)
            found = stored(self.own, visitor.season, digest) if opened else None
            link = link_of(session, visitor.digest, at)
            if opened is None or found is None or link is None:
                raise HTTPException(404, "没有这份附件。")
            note_opening(session, link, _act(visitor, at), number=number, attachment=digest)
        return _file(found, opened.name)

    def proof(self, request: Request) -> Response:
        visitor = self._is(request, LinkKind.APPLICANT)
        try:
            with reading(self.engine) as session:
                said = proof(session, visitor.subject)
        except NotPublishedYet:
            raise HTTPException(404, "现在还没有存证：公示开始以后，可以在这里下载。") from None
        return JSONResponse(
            said, headers={**_HEADERS, "content-disposition": f'attachment; filename="{visitor.subject}.json"'}
        )

    # -- what is done

    async def upload(self, request: Request) -> Response:
        """Take a workbook or package at once, and show what became of it."""
        visitor = await run_in_threadpool(self.visitor, request)
        if visitor.kind is LinkKind.APPLICANT:
            raise HTTPException(403, "请由报送单位报送。")
        self.limits.require(f"upload/{visitor.subject}", _UPLOADS)
        run = await run_in_threadpool(a_run, self.own, self.engine, visitor.season)
        most = run.season.files.max_file_mib * _MIB
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > most + _MIB:
            raise HTTPException(413, f"文件超过上限{most // _MIB}MB，请减小附件，或分几次报送。")
        async with request.form(max_files=1, max_fields=4) as form:
            given = form.get("file")
            if given is None or isinstance(given, str) or not given.filename:
                raise HTTPException(400, "没有选择文件。")
            digest = await run_in_threadpool(self._take, run, visitor.subject, given.filename, given.file)
        return RedirectResponse(f"{self.root}/came/{digest}", 303, _HEADERS)

    def _take(self, run: Any, code: str, name: str, content: Any) -> str:
        with sealing(self.own) as folder:
            draft = folder / "uploading"
            with draft.open("xb") as target:
                shutil.copyfileobj(content, target, _MIB)
            return take_upload(run, code, name, draft)

    def sign(self, request: Request) -> Response:
        """An expert signs the statement; only then is there material to be seen."""
        visitor = self._is(request, LinkKind.EXPERT)
        with writing(self.engine) as session:
            season, act = season_in_force(session, visitor.season), _act(visitor, self.own.clock.now())
            sign_statement(session, visitor.season, visitor.subject, act, statement=statement_of(season))
        return RedirectResponse(f"{self.root}/", 303, _HEADERS)

    def _must_have_signed(self, session: Session, visitor: Visitor) -> None:
        if not has_signed(session, visitor.season, visitor.subject):
            raise HTTPException(403, "请先签署公正与保密承诺书。")

    async def draft(self, request: Request) -> Response:
        """Keep what an expert has typed so far; nothing is sent by it."""
        visitor = await run_in_threadpool(self._is, request, LinkKind.EXPERT)
        typed = await self._typed(request)
        await run_in_threadpool(self._keep, visitor, typed)
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"kept": True}, headers=_HEADERS)
        return RedirectResponse(f"{self.root}/?kept=1", 303, _HEADERS)

    async def send(self, request: Request) -> Response:
        """Give the scores in, as the filled workbook that they make."""
        visitor = await run_in_threadpool(self._is, request, LinkKind.EXPERT)
        self.limits.require(f"upload/{visitor.subject}", _UPLOADS)
        typed = await self._typed(request)
        await run_in_threadpool(self._keep, visitor, typed)
        if not any(any(values.values()) for values in typed.values()):
            raise HTTPException(400, "还没有填写任何一项。")
        run = await run_in_threadpool(a_run, self.own, self.engine, visitor.season)
        digest = await run_in_threadpool(send_scores, run, visitor.subject, typed)
        return RedirectResponse(f"{self.root}/came/{digest}", 303, _HEADERS)

    async def _typed(self, request: Request) -> dict[str, dict[str, str]]:
        """What the form holds, by submission and field."""
        found: dict[str, dict[str, str]] = {}
        form = await request.form(max_files=0, max_fields=5000)
        for name, value in form.items():
            number, _, field = name.partition("/")
            if field and isinstance(value, str):
                found.setdefault(number, {})[field] = _UNSEEN.sub("", value).strip()[:_TYPED]
        return found

    def _keep(self, visitor: Visitor, typed: Mapping[str, Mapping[str, str]]) -> None:
        with writing(self.engine) as session:
            self._must_have_signed(session, visitor)
            aliases = Aliases(session, season_in_force(session, visitor.season))
            _, mine = assigned_to(session, visitor.season, visitor.subject)
            for alias, values in typed.items():
                if (number := aliases.number_of(alias)) in mine:
                    keep_draft(session, visitor.season, visitor.subject, number, values)

    # -- answers

    def _is(self, request: Request, kind: LinkKind) -> Visitor:
        visitor = self.visitor(request)
        if visitor.kind is not kind:
            raise HTTPException(404, "没有这个页面。")
        return visitor

    def _page(self, template: str, season: Season | None, status: int = 200, /, **values: Any) -> HTMLResponse:
        text = render(template, root=self.root, season=season, **values)
        return HTMLResponse(text, status, {**_HEADERS, "content-security-policy": policy()})

    def refused(self, _request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        said = problem.detail if problem.detail and not problem.detail.isascii() else "没有这个页面。"
        return self._page("message", None, problem.status_code, heading="未能处理", text=said)

    def broken(self, request: Request, problem: Exception) -> Response:
        """What went wrong with us: the log says it, without the link or whose it was."""
        path = "/l/…" if "token" in request.path_params else request.url.path
        log.error("%s %s could not be answered", request.method, path, exc_info=problem)
        return self._page(
            "message", None, 500, heading="暂时不能使用", text="系统暂时不能处理，请稍后再试，或直接回复邮件报送。"
        )


def _act(visitor: Visitor, at: datetime) -> Act:
    role = {LinkKind.UNIT: Role.DISTRICT, LinkKind.EXPERT: Role.EXPERT}.get(visitor.kind, Role.APPLICANT)
    return Act(Actor(role, visitor.subject), at)


def _file(path: Path, name: str = "") -> Response:
    if not path.is_file():
        raise HTTPException(404, "文件已经不在。")
    return FileResponse(path, filename=name or path.name, headers={**_HEADERS, "content-security-policy": "sandbox"})
