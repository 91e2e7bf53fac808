"""The office's pages from facts to HTML: no script, one style, and a policy that admits nothing else."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from config.local_time import ZONE
from flows.home.templates import csp_source, environment
from flows.office.facts import DateStanding
from flows.office.files import OUTWARD
from flows.office.owing import FormLink
from flows.outbox.letters.filters import in_html
from models.enums import CallState, DeliveryState, MessageState, Outcome, SubmissionState

ROOT = "/office"


def render(name: str, **values: Any) -> str:
    """One page; `values` as its template names them."""
    return _environment().get_template(f"{name}.html.j2").render(values)


def policy() -> str:
    """The Content-Security-Policy of the office's own pages."""
    return (
        f"default-src 'none'; style-src {csp_source(_style())}; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


@lru_cache
def _environment() -> Environment:
    made = environment(PackageLoader("flows.office"), finalize=in_html)
    made.filters.update(at=_at, link=_link, form=_form, counts=_counts, kib=_kib)
    made.globals.update(root=ROOT, style=Markup(_style()), Standing=DateStanding, OUTWARD=OUTWARD)
    return made


@lru_cache
def _style() -> str:
    return (Path(__file__).parent / "templates" / "office.css").read_text("utf-8").strip()


def _at(value: datetime | None) -> Markup:
    """An instant for people, in local time, with the machine's form beside it."""
    if value is None:
        return Markup("")
    local = value.astimezone(ZONE)
    return Markup('<time datetime="{}">{}</time>').format(local.isoformat(), f"{local:%Y-%m-%d %H:%M}")


def _link(path: str) -> str:
    """A path below the home, as an address."""
    return f"{ROOT}/file/{quote(path)}"


def _form(form: FormLink) -> str:
    """The address that leads to a form of the dashboard with what is known filled in."""
    return f"{ROOT}/form/{quote(form.name)}?{urlencode({name: value for name, value in form.given.items() if value})}"


def _counts(counts: Mapping[str, int]) -> str:
    """Counts of a closed list in its Chinese words: 已申报 12，已初评 3."""
    return "，".join(f"{_LABELS.get(code, code)} {count}" for code, count in counts.items()) or "无"


_LABELS = {
    member.value: member.label
    for words in (SubmissionState, Outcome, DeliveryState, MessageState, CallState)
    for member in words
}


def _kib(size: int) -> str:
    return f"{max(1, round(size / 1024)):,} KiB"
