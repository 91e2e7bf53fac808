"""How values look in a letter. People's words come in as one clean line, whatever they hold."""

import unicodedata
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from jinja2 import Undefined
from markupsafe import Markup

from config.local_time import day, instant


class Lines(str):
    """Text that may keep its line breaks."""


def listed(values: Iterable[Any]) -> str:
    """Values in one line: 甲、乙、丙."""
    return "、".join(str(printable(value)) for value in values)


def in_html(value: Any) -> Any:
    """What a page prints: hidden control and direction characters in a title could make it read otherwise than it is."""
    return value if isinstance(value, Markup) else printable(value)


def paragraphs(value: str) -> Lines:
    """A longer text with its line breaks, indented, but for control characters."""
    lines = (" ".join(_clean(line).split()) for line in value.splitlines())
    return Lines("\n".join(f"    {line}" for line in lines if line))


def printable(value: Any) -> Any:
    """What a template prints of a value: words of people on one line, enums by their Chinese word.

    Raises TypeError for None and for dates that no filter has written out.
    """
    if type(value) is str:
        return " ".join((value if value.isprintable() else _clean(value)).split())
    if isinstance(value, Undefined | Lines):
        return value
    label = getattr(value, "label", None)
    if isinstance(label, str):
        return label
    if isinstance(value, str):
        return " ".join(_clean(value).split())
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{value!r} ({type(value).__name__}) has no form for people")


def _clean(text: str) -> str:
    # Control, format (bidi overrides) and surrogate characters can forge headers or hide words.
    if text.isprintable():
        return text
    return "".join(" " if char in "\r\n\t" else char for char in text if char in "\r\n\t" or _harmless(char))


def _harmless(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs"}


FILTERS: dict[str, Callable[..., str]] = {
    "day": day,
    "instant": instant,
    "listed": listed,
    "paragraphs": paragraphs,
}
