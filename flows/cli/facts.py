"""The facts of an entry as a person reads them: a line each, long lists and digests shortened."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flows.cli.opening import local

_ITEMS = 8
_DIGEST, _SHOWN = 64, 16


def fact_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """`name: value`, in the order of their names. The whole of them is in `--json`."""
    for name, value in sorted(facts.items()):
        yield f"{name}: {_told(value, name)}"


def _told(value: Any, name: str = "", *, within: bool = False) -> str:
    if isinstance(value, Mapping):
        items = [f"{key} {_told(one, within=True)}" for key, one in value.items()]
    elif isinstance(value, list):
        items = [_told(one, within=True) for one in value]
    else:
        return _plain(value, name)
    more = len(items) - _ITEMS
    shown = ", ".join(items[:_ITEMS]) or "none"
    shown = f"{shown} … and {more} more" if more > 0 else shown
    return f"({shown})" if within else shown


def _plain(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "–"
    text = str(value)
    if name.endswith("_at"):
        return local(datetime.fromisoformat(text))
    is_digest = len(text) == _DIGEST and text.strip("0123456789abcdef") == ""
    return f"{text[:_SHOWN]}…" if is_digest else text
