"""Templates of letters and pages: how they are read, the home's own before the shipped one, and what is wrong with one."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import BaseLoader, Environment, FunctionLoader, StrictUndefined, TemplateSyntaxError, meta

from config import overrides

OR_DELETE = "或者删除这个文件，仍用自带的"
_ALWAYS = frozenset({"season"})


class OwnFault(NamedTuple):
    """What is wrong with a file of the home's own: for operators, and for officers in Chinese."""

    path: Path
    said: str
    chinese: str


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
) -> Iterator[OwnFault]:
    """What is wrong with the home's own templates.

    `known` has the values that each template is given, by its name; a template without an entry is a part of others,
    and is only read.
    """
    names = {path.name for path in shipped.iterdir() if path.is_file()}
    for path in overrides.own_files(folder):
        if path.name not in names:
            said = f"takes the place of nothing: there is no shipped template {path.name}"
            yield OwnFault(path, said, "没有同名的自带模板，这个文件不起作用：请核对文件名")
            continue
        try:
            asked = meta.find_undeclared_variables(templates.parse(path.read_text("utf-8"), filename=str(path)))
        except UnicodeDecodeError as problem:
            said = f"is not written in UTF-8 ({problem})"
            yield OwnFault(path, said, f"不是 UTF-8 编码：请另存为 UTF-8，{OR_DELETE}")
            continue
        except TemplateSyntaxError as problem:
            said = f"line {problem.lineno}: {problem.message}"
            yield OwnFault(path, said, f"第{problem.lineno}行的模板语法有误（{problem.message}）：请改正，{OR_DELETE}")
            continue
        if path.name in known:
            for name in sorted(asked - known[path.name] - _ALWAYS - set(templates.globals)):
                given = sorted(known[path.name])
                said = f"asks for {name}, which it is not given; it has: {', '.join(given)}"
                yield OwnFault(path, said, f"用了没有的内容 {name}，可用的是{'、'.join(given)}：请改正，{OR_DELETE}")
