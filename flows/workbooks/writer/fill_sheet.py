"""The sheet to fill: title, deadline, groups, headings, typed cells with drop-downs and hints."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from xlsxwriter.utility import xl_rowcol_to_cell

from config.local_time import instant
from config.season import Season
from flows.workbooks.columns.column import Column, total_formula
from flows.workbooks.reader.layout import FORMULA_SIGNS, GUIDE_SHEET, LISTS_SHEET, Layout
from flows.workbooks.writer.guide import row_height
from flows.workbooks.writer.material_sheet import MATERIAL_KEYS

TITLE_ROW, HOW_ROW, BAND_ROW, HEADING_ROW, FIRST_ROW = range(5)
STATEMENT_SPAN = 4  # columns under the statement; the answer stands in the next one
FROZEN_COLUMNS = 2
FONT = "Microsoft YaHei"
_ALLOWED = {
    "format_cells": True,
    "format_columns": True,
    "format_rows": True,
    "sort": True,
    "autofilter": True,
}
_BANDS = ("#1F4E78", "#2E75B6", "#548235", "#7F6000", "#833C0B", "#5B4A8A")
_LINE, _GIVEN, _NEEDED, _FREE = "#BFBFBF", "#EDEDED", "#FFF8E1", "#FFFFFF"
_SHOWN_ROWS = 50
PAGE_WIDTH = 170  # columns of A4 that people can still read; wider sheets go over several pages
_LONGEST_LIST = 250  # characters; a longer list of choices stands in a sheet of its own
_LONGEST_HINT = 250
_LONGEST_TITLE = 32


class FillSheet:
    """Writes one sheet to fill. With given columns in the layout, only the given rows can be filled."""

    def __init__(
        self,
        book: Any,
        sheet: Any,
        layout: Layout,
        season: Season,
        rows: Sequence[Mapping[str, Any]],
        remark: str = "",
    ) -> None:
        self.book, self.sheet, self.layout, self.season, self.rows = book, sheet, layout, season, rows
        self.judging = any(column.given for column in layout.columns)
        self.last = FIRST_ROW + (len(rows) if self.judging else season.files.max_rows) - 1
        self.lists, self.remark = 0, remark
        # Texts that stand in a sheet of their own come last, are cut to the row, and are not printed here.
        texts = MATERIAL_KEYS if layout.materials else ()
        self.printed = [column for column in layout.columns if column.key not in texts]

    def write(self, recipient: str, deadline: datetime) -> None:
        """Write everything."""
        self._write_top(recipient, deadline)
        self._write_bands()
        for index, column in enumerate(self.layout.columns):
            self._write_column(index, column)
        for line, row in enumerate(self.rows):
            self.sheet.set_row(FIRST_ROW + line, self._height(row))
        self._set_page()

    def _format(self, **options: Any) -> Any:
        base = {"font_name": FONT, "font_size": 10, "valign": "vcenter"}
        return self.book.add_format({**base, **options})

    def _height(self, row: Mapping[str, Any]) -> float:
        return row_height((row.get(column.key), column.width) for column in self.printed)

    def _write_top(self, recipient: str, deadline: datetime) -> None:
        locked = self._format()
        title = self._format(bold=True, font_size=16, font_color="#1F4E78")
        self.sheet.set_row(TITLE_ROW, 30, locked)
        heading = f"{self.season.title}·{self.layout.kind.label}（{recipient}）"
        self.sheet.write_string(TITLE_ROW, 0, heading, title)
        self.sheet.set_row(HOW_ROW, 54 if self.layout.statement else 22, locked)
        remark = f"【{self.remark}】" if self.remark else ""
        how = f"{remark}截止：{instant(deadline)}。带*的必填。从第{FIRST_ROW + 1}行填起，一行一条；见“{GUIDE_SHEET}”。"
        if self.layout.statement:
            self._write_statement()
            self.sheet.write_string(TITLE_ROW, STATEMENT_SPAN + 2, how, self._format(font_color="#7F6000"))
        else:
            self.sheet.write_string(HOW_ROW, 0, how, self._format(font_color="#7F6000"))

    def _write_statement(self) -> None:
        text = self._format(text_wrap=True, bold=True, font_color="#9C0006", border=1, border_color=_LINE)
        words = f"{self.layout.statement}（确认请在右边黄色格子选“同意”）"
        self.sheet.merge_range(HOW_ROW, 0, HOW_ROW, STATEMENT_SPAN, words, text)
        answer = self._format(
            bold=True, bg_color="#FFE699", border=2, border_color="#C00000", align="center", locked=False
        )
        self.sheet.write_blank(HOW_ROW, STATEMENT_SPAN + 1, None, answer)
        rule = {
            "validate": "list",
            "source": ["同意"],
            "input_title": "公正与保密承诺",
            "input_message": "选“同意”后，评分方可接收",
            "error_title": "只能选“同意”",
            "error_message": "请从下拉框选择“同意”",
        }
        self.sheet.data_validation(HOW_ROW, STATEMENT_SPAN + 1, HOW_ROW, STATEMENT_SPAN + 1, rule)

    def _write_bands(self) -> None:
        columns = self.layout.columns
        self.sheet.set_row(BAND_ROW, 20)
        self.sheet.set_row(HEADING_ROW, 36)
        for index, group in enumerate(dict.fromkeys(column.group for column in columns)):
            look = self._format(bold=True, font_color="#FFFFFF", bg_color=_BANDS[index % len(_BANDS)])
            members = [index for index, column in enumerate(columns) if column.group == group]
            for index in members:
                self.sheet.write_blank(BAND_ROW, index, None, look)
            self.sheet.write_string(BAND_ROW, members[0], group, look)

    def _write_column(self, index: int, column: Column) -> None:
        look = {
            "num_format": column.format,
            "text_wrap": column.width >= 20,
            "valign": "top" if self.judging else "vcenter",
        }
        closed = self.judging  # below the given rows nothing is to be typed
        self.sheet.set_column(index, index, column.width, self._format(locked=closed, **look))
        self._write_heading(index, column)
        colour = _GIVEN if column.given else _NEEDED if column.required else _FREE
        look |= {"locked": column.given, "border": 1, "border_color": _LINE, "bg_color": colour}
        plain, quoted = self._format(**look), self._format(quote_prefix=True, **look)
        shown = len(self.rows) if self.judging else max(_SHOWN_ROWS, len(self.rows))
        for line in range(shown):
            value = self.rows[line].get(column.key) if line < len(self.rows) else None
            if column.sums:
                self._write_total(FIRST_ROW + line, index, plain)
            else:
                self._write_value(FIRST_ROW + line, index, value, plain, quoted)
        if not column.given:
            self._restrict(index, column)

    def _write_heading(self, index: int, column: Column) -> None:
        look = self._format(bold=True, text_wrap=True, align="center", border=1, border_color=_LINE, bg_color="#DDEBF7")
        if column.required and not column.given:
            black, red = self._format(bold=True), self._format(bold=True, font_color="#C00000")
            self.sheet.write_rich_string(HEADING_ROW, index, black, column.heading, red, "*", look)
        else:
            self.sheet.write_string(HEADING_ROW, index, column.heading, look)

    def _write_total(self, row: int, index: int, look: Any) -> None:
        places = [place for place, column in enumerate(self.layout.columns) if column.key.startswith("points.")]
        given = [self.rows[row - FIRST_ROW].get(self.layout.columns[place].key) for place in places]
        known = [float(points) for points in given if points is not None]
        formula = total_formula([xl_rowcol_to_cell(row, place) for place in places])
        self.sheet.write_formula(row, index, formula, look, sum(known) if known else "")

    def _write_value(self, row: int, index: int, value: Any, plain: Any, quoted: Any) -> None:
        if value is None or value == "":
            self.sheet.write_blank(row, index, None, plain)
        elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            self.sheet.write_number(row, index, float(value), plain)
        elif isinstance(value, date):
            self.sheet.write_datetime(row, index, datetime.combine(value, time()), plain)
        else:
            text = str(value)[:32_000]
            self.sheet.write_string(row, index, text, quoted if text.startswith(FORMULA_SIGNS) else plain)

    def _restrict(self, index: int, column: Column) -> None:
        rule: dict[str, Any] = {"validate": "any"}
        if column.choices:
            rule = {
                "validate": "list",
                "source": self._source(column.choices),
                "error_title": "请从下拉框选择",
                "error_message": f"“{column.heading}”只能从下拉框选择",
            }
        elif column.minimum is not None and column.maximum is not None:
            rule = {
                "validate": "decimal",
                "criteria": "between",
                "minimum": column.minimum,
                "maximum": column.maximum,
                "error_title": "请核对",
                "error_message": f"应填{column.minimum}到{column.maximum}之间的数字",
            }
        if column.hint:
            rule["input_title"] = column.heading[:_LONGEST_TITLE]
            rule["input_message"] = column.hint[:_LONGEST_HINT]
        if self.last >= FIRST_ROW and len(rule) > 1:
            self.sheet.data_validation(FIRST_ROW, index, self.last, index, rule)

    def _source(self, choices: tuple[str, ...]) -> Any:
        if len(",".join(choices)) <= _LONGEST_LIST and not any("," in choice for choice in choices):
            return list(choices)
        sheet = self.book.get_worksheet_by_name(LISTS_SHEET)
        if sheet is None:
            sheet = self.book.add_worksheet(LISTS_SHEET)
            sheet.very_hidden()
        sheet.write_column(0, self.lists, choices)
        first = xl_rowcol_to_cell(0, self.lists, row_abs=True, col_abs=True)
        last = xl_rowcol_to_cell(len(choices) - 1, self.lists, row_abs=True, col_abs=True)
        self.lists += 1
        return f"={LISTS_SHEET}!{first}:{last}"

    def _set_page(self) -> None:
        start = next((i for i, column in enumerate(self.layout.columns) if column.required and not column.given), 0)
        self.sheet.freeze_panes(FIRST_ROW, FROZEN_COLUMNS)
        self.sheet.set_selection(FIRST_ROW, start, FIRST_ROW, start)
        self.sheet.protect("", _ALLOWED)
        self.sheet.set_landscape()
        self.sheet.set_paper(9)  # A4
        self.sheet.repeat_rows(BAND_ROW, HEADING_ROW)
        self.sheet.repeat_columns(0, FROZEN_COLUMNS - 1)
        self.sheet.set_margins(left=0.3, right=0.3, top=0.4, bottom=0.4)
        wide = sum(column.width for column in self.printed)
        self.sheet.fit_to_pages(max(1, round(wide / PAGE_WIDTH)), 0)
        if self.judging:
            self.sheet.print_area(TITLE_ROW, 0, max(self.last, FIRST_ROW), len(self.printed) - 1)
