"""Workbooks that only tell: no template, nothing to fill, the same bytes for the same content."""

import io
from collections.abc import Container
from datetime import datetime
from typing import Any, Self

import xlsxwriter

from config.local_time import ZONE
from flows.workbooks.writer.fill_sheet import PAGE_WIDTH
from flows.workbooks.writer.guide import screen_width

_FONT = "Microsoft YaHei"
_LINE, _HIGHEST = 15.0, 405.0  # points of a line, and of the highest row that Excel has
_NAMING = 3  # columns that say of whom a line is, on every page across
_NARROW = frozenset({"权重", "得分", "名次", "代码", "序号"})
_WIDE = frozenset({"口径", "说明"})


class Book:
    """One workbook in memory: tables with a heading each, to be printed on A4 across."""

    def __init__(self, made_at: datetime) -> None:
        self._content = io.BytesIO()
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(self._content, options)
        self._book.set_properties({"created": made_at.astimezone(ZONE).replace(tzinfo=None)})
        base = {
            "font_name": _FONT,
            "font_size": 10,
            "align": "left",
            "valign": "vcenter",
            "text_wrap": True,
            "border": 1,
        }
        self._head = self._book.add_format({**base, "bold": True, "bg_color": "#F2F2F2"})
        self._cell = self._book.add_format(base)
        self._widths: dict[str, list[int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def sheet(self, name: str, headings: list[str], wide: Container[str] = _WIDE) -> Any:
        """A further sheet with its headings; `wide` are those of columns of sentences."""
        sheet = self._book.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        self._widths[name] = [
            46 if heading in wide else 30 if heading == "留痕对象" else 9 if heading in _NARROW else 16
            for heading in headings
        ]
        pages = max(1, round(sum(self._widths[name]) / PAGE_WIDTH))
        sheet.fit_to_pages(pages, 0)
        if pages > 1:
            sheet.repeat_columns(0, _NAMING - 1)
        for column, heading in enumerate(headings):
            sheet.set_column(column, column, self._widths[name][column])
            sheet.write(0, column, heading, self._head)
        return sheet

    def write(self, sheet: Any, row: int, cells: list[Any]) -> None:
        """One line of a sheet, from its first column on; the headings are line 0. As high as its longest text needs."""
        widths = self._widths[sheet.get_name()]
        lines = max(
            sum(-(-screen_width(part) // (width - 2)) or 1 for part in str(cell).split("\n"))
            for cell, width in zip(cells, widths, strict=False)
        )
        if lines > 1:  # LibreOffice does not find it out by itself
            sheet.set_row(row, min(_LINE * lines, _HIGHEST))
        for column, value in enumerate(cells):
            sheet.write(row, column, value, self._cell)

    def done(self) -> bytes:
        """The finished file."""
        self._book.close()
        return self._content.getvalue()
