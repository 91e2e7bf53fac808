"""From content to HTML. The same content gives the same bytes."""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from config import overrides
from config.calendar import provisional_note
from config.local_time import ZONE
from flows.home.files import write_atomically
from flows.home.templates import OwnFault, csp_source, environment, faults, home_before
from flows.outbox.letters.filters import day, in_html, instant
from flows.publish.pages.content import (
    CallPage,
    CasePage,
    CasesPage,
    CheckIndexPage,
    CheckPage,
    FrontPage,
    IndexPage,
    NoticePage,
    PracticePage,
    ProposalPage,
    ResultsPage,
    VersionsPage,
    WallGuide,
)
from flows.publish.pages.statistics import by_tier, interval, scale, tables
from models.enums import Tier

TEMPLATES = Path(__file__).parent / "templates"
Page = (
    NoticePage
    | ResultsPage
    | IndexPage
    | ProposalPage
    | CallPage
    | FrontPage
    | VersionsPage
    | CasePage
    | CasesPage
    | WallGuide
    | CheckPage
    | CheckIndexPage
    | PracticePage
)
_ASSETS = ("page.css", "filter.js", "cases.js", "icon.svg")


def render_notice(page: NoticePage) -> str:
    """The public notice page. Raises CalendarUnknown for days without an official calendar."""
    return _render("notice", page, tiers=by_tier(page.lines))


def render_results(page: ResultsPage) -> str:
    """The results page, with statistics over all lines."""
    return _render("results", page, tiers=by_tier(page.lines), tables=tables(page.lines))


def render_call(page: CallPage) -> str:
    """The page of the call."""
    return _render("call", page)


def render_front(page: FrontPage) -> str:
    """The site's first page."""
    return _render("front", page)


def render_versions(page: VersionsPage) -> str:
    """The page of the roots."""
    return _render("versions", page)


def render_case(page: CasePage) -> str:
    """The page of one case; the template is compiled once for all."""
    return _render("case", page)


def render_cases(page: CasesPage) -> str:
    """The list of cases."""
    return _render("cases", page)


def render_index(page: IndexPage) -> str:
    """The season's entry page."""
    return _render("index", page)


def render_check(page: CheckPage) -> str:
    """The page of one certificate."""
    return _render("check", page)


def render_check_index(page: CheckIndexPage) -> str:
    """Every number of a certificate, with its page."""
    return _render("check_index", page)


def render_practice(page: PracticePage) -> str:
    """The page of good practice."""
    return _render("practice", page)


def render_proposal(page: ProposalPage) -> str:
    """The office's page for approval. Not public."""
    axis = scale(page.lines)
    return _render("proposal", page, axis=axis, interval=lambda line: interval(line, axis))


def render_wall(programme: str) -> str:
    """The page that the museum's screen shows; everything on it comes from the scripts beside it."""
    return _environment().get_template("wall.html.j2").render(programme=programme)


def render_wall_guide(page: WallGuide) -> str:
    """One page for the museum's technician."""
    return _environment().get_template("wall_guide.html.j2").render(page=page)


def put_proposal_page(home: Path, page: ProposalPage) -> Path:
    """Put the list where the office looks. Raises HomeNotWritable; a reader sees the old page or the new one."""
    path = home / "office" / str(page.season) / "proposal.html"
    write_atomically(path, render_proposal(page).encode())
    return path


def faults_of_own_pages() -> Iterator[OwnFault]:
    """What is wrong with the home's own pages."""
    return faults(_environment(), TEMPLATES, overrides.PAGES, {})


def assets() -> Iterator[tuple[str, bytes]]:
    """The files that public pages link to, by name."""
    for name in _ASSETS:
        yield name, asset(name).encode()


@lru_cache
def _asset_link(name: str) -> str:
    """The name with a mark of its content, so that no browser takes an old one from its cache."""
    return f"{name}?{hashlib.sha256(asset(name).encode()).hexdigest()[:8]}"


def _render(name: str, page: Page, **values: Any) -> str:
    return _environment().get_template(f"{name}.html.j2").render(page=page, Tier=Tier, **values)


@lru_cache
def _environment() -> Environment:
    made = environment(home_before(TEMPLATES, overrides.PAGES), finalize=in_html)
    made.globals.update(asset=_asset_link, inline=_inline, csp_hash=_csp_hash)
    made.filters.update(day=day, instant=instant, iso=_iso, points=lambda value: f"{value:.2f}", tentative=_tentative)
    return made


def _tentative(value: date) -> str:
    """A remark for a day whose year is not announced yet; empty for the others."""
    return provisional_note(day(value))


def _iso(value: date) -> str:
    """A day or an instant for machines: with the season's zone, not the reader's."""
    return (value.astimezone(ZONE) if isinstance(value, datetime) else value).isoformat()


@lru_cache
def asset(name: str) -> str:
    """A stylesheet or script of the pages, as it is sent."""
    return (TEMPLATES / name).read_text("utf-8").strip()


def _inline(name: str) -> Markup:
    """An asset for a page that stands alone."""
    return Markup(asset(name))


@lru_cache
def _csp_hash(name: str) -> Markup:
    return Markup(csp_source(asset(name)))
