"""The sheet to read beside a score sheet: each submission's texts in full, one under the other, to print."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.workbooks.reader.layout import Layout
from flows.workbooks.writer.guide import screen_width

# What experts read, key, heading, width.
MATERIAL_TEXTS = (
    ("abstract", "成果简介", 40),
    ("innovation", "创新性说明", 28),
    ("practicality", "实用性说明", 28),
    ("benefit", "效益说明", 28),
    ("spread", "推广性说明", 28),
)
MATERIAL_KEYS = (*(key for key, _, _ in MATERIAL_TEXTS), "organisations", "contributors", "attachments")
_SCALE = 65  # percent at which a page of A4 takes both columns; fitting to a width would undo the breaks
_FONT = "Microsoft YaHei"
_LABEL_WIDTH, _TEXT_WIDTH = 22, 88
_LINES_A_ROW = 20  # a row can be 409 points high; a longer text goes on in the next row
_LINE_POINTS = 17


def write_materials(sheet: Any, book: Any, layout: Layout, rows: Sequence[Mapping[str, Any]]) -> None:
    """Fill the sheet from the given columns of `rows`; it is locked."""
    base = {"font_name": _FONT, "font_size": 11, "valign": "top", "text_wrap": True}
    head = book.add_format({**base, "bold": True, "font_color": "#FFFFFF", "bg_color": "#1F4E78"})
    label = book.add_format({**base, "bold": True, "border": 1, "border_color": "#D9D9D9", "bg_color": "#F2F2F2"})
    text = book.add_format({**base, "border": 1, "border_color": "#D9D9D9"})
    sheet.set_column(0, 0, _LABEL_WIDTH)
    sheet.set_column(1, 1, _TEXT_WIDTH)
    line, starts = 0, list[int]()
    for row in rows:
        starts.append(line)
        sheet.write_string(line, 0, str(row.get("number") or ""), head)
        sheet.write_string(line, 1, str(row.get("title") or ""), head)
        sheet.set_row(line, _LINE_POINTS + 7)
        for column in layout.columns:
            value = row.get(column.key)
            if not column.given or column.key in ("number", "title") or value in (None, ""):
                continue
            for index, (piece, lines) in enumerate(_pieces(str(value))):
                line += 1
                sheet.write_string(line, 0, column.heading if index == 0 else "（续）", label)
                sheet.write_string(line, 1, piece, text)
                sheet.set_row(line, _LINE_POINTS * lines + 5)
        line += 2
    sheet.hide_gridlines(2)
    sheet.set_paper(9)
    sheet.set_print_scale(_SCALE)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.5)
    sheet.set_h_pagebreaks([start for start in starts if start])  # a submission begins on a page of its own
    sheet.protect()


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    """The text in pieces that fit into a row, with the lines that each takes."""
    piece, lines = "", 0
    for paragraph in text.split("\n"):
        for start in range(0, max(len(paragraph), 1), _TEXT_WIDTH // 2):
            part = paragraph[start : start + _TEXT_WIDTH // 2]
            if lines == _LINES_A_ROW:
                yield piece, lines
                piece, lines = "", 0
            piece += part if start or not piece else f"\n{part}"
            lines += 1
    yield piece, max(lines, -(-screen_width(piece) // _TEXT_WIDTH))
