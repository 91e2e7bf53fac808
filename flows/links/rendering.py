"""The link pages from values to HTML: one style, one script that is not needed, a policy that admits nothing else."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from config.local_time import instant
from flows.home.templates import csp_source, environment
from flows.outbox.letters.filters import in_html


def render(template: str, /, **values: Any) -> str:
    """One page; `values` as its template names them."""
    return _environment().get_template(f"{template}.html.j2").render(values)


def policy() -> str:
    """The Content-Security-Policy of every page."""
    return (
        f"default-src 'none'; style-src {csp_source(_asset('links.css'))}; script-src {csp_source(_asset('links.js'))}; "
        "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@lru_cache
def _environment() -> Environment:
    made = environment(PackageLoader("flows.links"), finalize=in_html)
    # The foot of every page says once whose time it is.
    moment = {"moment": lambda value: instant(value).removesuffix(" 北京时间")}
    made.filters.update(moment, instant=instant, lines=str.splitlines)
    made.globals.update(style=Markup(_asset("links.css")), script=Markup(_asset("links.js")))
    return made


@lru_cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8").strip()
