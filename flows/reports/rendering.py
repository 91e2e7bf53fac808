"""Pages for the office: one file each, which needs nothing beside it. The home's own templates come before the shipped."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, TemplateError

from config import overrides
from config.errors import GangchuangError
from config.local_time import instant
from config.season import Season
from flows.home.templates import OwnFault, environment, faults, home_before
from flows.outbox.letters.filters import printable

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = Path(__file__).parents[1] / "publish" / "pages" / "templates" / "page.css"
_ALWAYS = {"style", "season", "made_at"}
_CARDS = frozenset({*_ALWAYS, "scored", "shown", "interval"})
_GIVEN = {
    "city.html.j2": _CARDS,
    "unit.html.j2": _CARDS | {"card"},
    "yearly.html.j2": frozenset({*_ALWAYS, "report"}),
}


class ReportNotMade(GangchuangError):
    """The design of a report cannot be filled in."""

    def __init__(self, path: Path, problem: Exception) -> None:
        super().__init__(f"The design {path} cannot be filled in (版式有误): {type(problem).__name__}: {problem}")


def page(name: str, season: Season, made_at: datetime, **values: Any) -> bytes:
    """One page of a season by its template. Raises ReportNotMade."""
    style, file = _STYLE.read_text("utf-8"), f"{name}.html.j2"
    try:
        template = _environment().get_template(file)
        return template.render(style=style, season=season, made_at=made_at, **values).encode()
    except TemplateError as problem:
        raise ReportNotMade(overrides.winning(_TEMPLATES / file, overrides.REPORTS, file), problem) from problem


def faults_of_own_reports() -> Iterator[OwnFault]:
    """What is wrong with the home's own pages of scorecards and of the yearly report."""
    return faults(_environment(), _TEMPLATES, overrides.REPORTS, _GIVEN)


@lru_cache
def _environment() -> Environment:
    made = environment(home_before(_TEMPLATES, overrides.REPORTS))
    made.filters.update(instant=instant, printable=printable)
    return made
