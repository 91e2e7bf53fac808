"""Finds the heading row and which column is which, however people renamed or reordered them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from flows.workbooks.columns.cells import Cell, as_text, compact
from flows.workbooks.columns.column import Column
from flows.workbooks.reader.layout import Layout

LOOKED_AT = 60  # rows from the top in which the headings must stand
_MARKS = re.compile(r"[*:：、。.]|[(（\[【](?:必填|选填|可选|可多选|下拉选择|单选|%|万元|单位:?万元)[)）\]】]")
_SILENT = frozenset({"序号", "编码", "行号", "no", "no."})


class Headings(NamedTuple):
    """Which columns were found (key -> index from the sheet's first column) and what else stands there.

    `silent`: columns of running numbers and the like, of which nothing need be said.
    """

    line: int
    columns: dict[str, int]
    extra: dict[int, str]
    twice: tuple[tuple[str, int, int], ...]
    silent: frozenset[int] = frozenset()

    def moved(self, top: int, left: int) -> "Headings":
        """The same, counted from the sheet's corner instead of from its first filled cell."""
        return Headings(
            self.line + top,
            {key: index + left for key, index in self.columns.items()},
            {index + left: name for index, name in self.extra.items()},
            tuple((key, first + left, second + left) for key, first, second in self.twice),
            frozenset(index + left for index in self.silent),
        )

    def missing(self, layout: Layout) -> list[Column]:
        """The layout's columns that the sheet does not have, nor an earlier one in their place."""
        there = self.columns.keys() | layout.replaced(self.columns)
        return [column for column in layout.columns if column.key not in there]


def heading_key(text: str) -> str:
    """What is compared of a heading: no blanks, stars, remarks in brackets or case."""
    return _MARKS.sub("", compact(text))


def find_headings(rows: Sequence[Sequence[Cell]], layout: Layout) -> Headings | None:
    """The row that looks most like the layout's headings, or None when none looks like them."""
    names = _names(layout)
    best, most = None, 0
    for line, row in enumerate(rows[:LOOKED_AT]):
        keys = [heading_key(value) if isinstance(value, str) and len(value) < 60 else "" for value in row]
        known = len({names[key] for key in keys if key in names})
        if known > most:
            best, most = line, known
    needed = sum(column.required or column.given for column in layout.columns)
    if best is None or most < min(3, needed):
        return None
    return _match(best, rows[best], layout, names)


def _names(layout: Layout) -> dict[str, str]:
    """Every accepted name -> column key; a column's own heading wins over another's synonym."""
    names = {heading_key(column.heading): key for key, column in layout.by_key.items()}
    for column in layout.by_key.values():
        for name in column.also:
            names.setdefault(heading_key(name), column.key)
    return names


def _match(line: int, row: Sequence[Cell], layout: Layout, names: dict[str, str]) -> Headings:
    texts = {index: as_text(value) for index, value in enumerate(row) if value not in (None, "")}
    own = {heading_key(column.heading): key for key, column in layout.by_key.items()}
    found: dict[str, int] = {}
    twice: list[tuple[str, int, int]] = []
    extra: dict[int, str] = {}
    for index, text in texts.items():
        key = own.get(heading_key(text))
        if key is not None and key in found:
            twice.append((key, found[key], index))
        elif key is not None:
            found[key] = index
    matched = set(found.values()) | {index for _, _, index in twice}
    for index, text in texts.items():
        key = names.get(heading_key(text))
        if index in matched or heading_key(text) in _SILENT:
            continue
        if key is not None and key not in found:
            found[key] = index
        elif heading_key(text):
            extra[index] = text
    silent = frozenset(index for index, text in texts.items() if heading_key(text) in _SILENT)
    return Headings(line, found, extra, tuple(twice), silent)
