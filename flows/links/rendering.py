"""The link pages from values to HTML: one style, one script that is not needed, a policy that admits nothing else."""

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flows.outbox.letters.filters import instant, printable


def render(template: str, /, **values: Any) -> str:
    """One page; `values` as its template names them."""
    return _environment().get_template(f"{template}.html.j2").render(values)


def policy() -> str:
    """The Content-Security-Policy of every page."""
    return (
        f"default-src 'none'; style-src {_hashed(_asset('links.css'))}; script-src {_hashed(_asset('links.js'))}; "
        "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flows.links"),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else printable(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(instant=instant, lines=str.splitlines)
    environment.globals.update(style=Markup(_asset("links.css")), script=Markup(_asset("links.js")))
    return environment


@lru_cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8").strip()


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
