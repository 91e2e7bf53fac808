"""Templates of letters and pages: how they are read, the home's own before the shipped one, and what is wrong with one."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, FunctionLoader, StrictUndefined, TemplateSyntaxError, meta

from config import overrides

_ALWAYS = frozenset({"season"})


def environment(loader: BaseLoader, *, autoescape: bool = True, **more: Any) -> Environment:
    """Templates in which a value that is missing is an error, for pages or (`autoescape=False`) plain text."""
    return Environment(
        loader=loader, undefined=StrictUndefined, autoescape=autoescape, trim_blocks=True, lstrip_blocks=True, **more
    )


def csp_source(text: str) -> str:
    """The source expression by which a page's policy admits one inline style or script (CSP level 3)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def home_before(shipped: Path, folder: str) -> FunctionLoader:
    """Loads the home's own template before the shipped one; looks again each time, so that a new one holds at once."""

    def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        ours = shipped / name
        path = overrides.winning(ours, folder, name)
        if not path.is_file():
            return None
        modified = path.stat().st_mtime_ns

        def is_current() -> bool:
            now = overrides.winning(ours, folder, name)
            return now == path and now.stat().st_mtime_ns == modified

        return path.read_text("utf-8"), str(path), is_current

    return FunctionLoader(load)


def faults(
    templates: Environment, shipped: Path, folder: str, known: Mapping[str, frozenset[str]]
) -> Iterator[tuple[Path, str]]:
    """What is wrong with the home's own templates, as (file, sentence).

    `known` has the values that each template is given, by its name; a template without an entry is a part of others,
    and is only read.
    """
    names = {path.name for path in shipped.iterdir() if path.is_file()}
    for path in overrides.own_files(folder):
        if path.name not in names:
            yield path, f"takes the place of nothing: there is no shipped template {path.name}"
            continue
        try:
            asked = meta.find_undeclared_variables(templates.parse(path.read_text("utf-8"), filename=str(path)))
        except UnicodeDecodeError as problem:
            yield path, f"is not written in UTF-8 ({problem})"
            continue
        except TemplateSyntaxError as problem:
            yield path, f"line {problem.lineno}: {problem.message}"
            continue
        if path.name in known:
            for name in sorted(asked - known[path.name] - _ALWAYS - set(templates.globals)):
                yield path, f"asks for {name}, which it is not given; it has: {', '.join(sorted(known[path.name]))}"
