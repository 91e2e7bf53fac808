"""Pages for the office: one file each, which needs nothing beside it."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from config.season import Season
from flows.outbox.letters.filters import instant, printable

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = Path(__file__).parents[1] / "publish" / "pages" / "templates" / "page.css"


def page(name: str, season: Season, made_at: datetime, **values: Any) -> bytes:
    """One page of a season by its template."""
    style = _STYLE.read_text("utf-8")
    template = _environment().get_template(f"{name}.html.j2")
    return template.render(style=style, season=season, made_at=made_at, **values).encode()


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(instant=instant, printable=printable)
    return environment
