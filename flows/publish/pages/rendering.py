"""From content to HTML. The same content gives the same bytes."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, TemplateError
from markupsafe import Markup

from config import overrides
from config.calendar import provisional_note
from config.local_time import ZONE, day, instant
from flows.home.files import write_atomically
from flows.home.templates import OwnFault, csp_source, environment, faults, home_before
from flows.outbox.letters.filters import in_html
from flows.publish.pages.content import NoticePage, ProposalPage, PublicPage, ResultsPage
from flows.publish.pages.statistics import by_tier, interval, scale, tables
from models.enums import Tier

TEMPLATES = Path(__file__).parent / "templates"
_ASSETS = ("page.css", "filter.js", "cases.js", "icon.svg")


def render(page: PublicPage | ProposalPage) -> str:
    """A page by its own template. Raises CalendarUnknown for a notice on days without an official calendar."""
    values: dict[str, Any] = {}
    if isinstance(page, NoticePage | ResultsPage):
        values["tiers"] = by_tier(page.lines)
    if isinstance(page, ResultsPage):
        values["tables"] = tables(page.lines)
    if isinstance(page, ProposalPage):
        axis = scale(page.lines)
        values |= {"axis": axis, "interval": lambda line: interval(line, axis)}
    return _environment().get_template(f"{page.template}.html.j2").render(page=page, Tier=Tier, **values)


def render_wall(programme: str) -> str:
    """The page that the museum's screen shows; everything on it comes from the scripts beside it."""
    return _environment().get_template("wall.html.j2").render(programme=programme)


def put_proposal_page(home: Path, page: ProposalPage) -> None:
    """Put the list where the office looks. Raises HomeNotWritable; a reader sees the old page or the new one."""
    write_atomically(home / "office" / str(page.season) / "proposal.html", render(page).encode())


def faults_of_own_pages() -> Iterator[OwnFault]:
    """What is wrong with the home's own pages."""
    return faults(_environment(), TEMPLATES, overrides.PAGES, {})


def assets() -> Iterator[tuple[str, bytes]]:
    """The files that public pages link to, by name."""
    for name in _ASSETS:
        yield name, asset(name).encode()


def warm_up() -> None:
    """Compile every page, once for all processes that are forked from this one."""
    for path in TEMPLATES.glob("*.j2"):
        with suppress(TemplateError, OSError, ValueError):  # the home's own may be broken; whoever makes it says so
            _environment().get_template(path.name)


@lru_cache
def _asset_link(name: str) -> str:
    """The name with a mark of its content, so that no browser takes an old one from its cache."""
    return f"{name}?{hashlib.sha256(asset(name).encode()).hexdigest()[:8]}"


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
