"""Writes the answer to a delivery: the sender's own workbook, marked, behind a sheet that tells all."""

import io
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import MergedCell
from openpyxl.comments import Comment
from openpyxl.packaging.core import DocumentProperties
from openpyxl.styles import Border, PatternFill, Side
from openpyxl.utils import coordinate_to_tuple

from config.season import Season
from flows.workbooks.columns.column import total_formula
from flows.workbooks.reader.findings import FileRefused, Problem, Reading
from flows.workbooks.reader.packages import open_delivery
from flows.workbooks.writer.copying import AUTHOR, copy_of, put
from flows.workbooks.writer.guide import row_height
from flows.workbooks.writer.receipt_sheet import Receipt, write_receipt_sheet

_WRONG = PatternFill("solid", fgColor="FFC7CE")
_TAKEN = PatternFill("solid", fgColor="E2EFDA")
_RED = Side(style="medium", color="C00000")
_MOST_COMMENTS = 3000
_CELL = re.compile(r"[A-Z]{1,3}[1-9][0-9]{0,6}")
_FIXED = (1980, 1, 1, 0, 0, 0)


def write_receipt(
    source: Path,
    target: Path,
    *,
    reading: Reading,
    problems: Sequence[Problem],
    accepted: Mapping[tuple[str, int], str],
    written_at: datetime,
    season: Season,
    file_name: str = "",
    remarks: Mapping[tuple[str, int], str] | None = None,
    titles: Mapping[str, str] | None = None,
    standing: Sequence[tuple[str, str]] = (),
    owed: Sequence[str] = (),
) -> None:
    """Write the receipt of the delivery `source` to `target`, its parent exists.

    `problems`: the reading's and those of the guards; `accepted`: (sheet, line) -> submission number;
    `remarks`: what became of a row where that is not plain (withdrawn, sent back), by the same key; `titles`: number -> title,
    for rows that do not hold it; `standing`, `owed`: what the database holds of the sender and still lacks.
    The copy can be corrected and sent again: it keeps the mark, and accepted rows get their number.
    A file that cannot be opened is answered with the receipt sheet alone. Same input, same bytes.
    """
    lines = {line for _, line in accepted} | {_line(problem.cell) for problem in problems}
    try:
        with open_delivery(source, season.files) as delivery:
            book = copy_of(delivery.workbook, season.files, reading, lines)
    except (FileRefused, OSError):
        book = openpyxl.Workbook()
        book.remove(book.active)
        book.properties = DocumentProperties(creator=AUTHOR)
    entered = _mark(book, reading, problems, accepted)
    _heighten(book, reading, lines)
    receipt = Receipt(
        file_name or source.name,
        reading,
        tuple(problems),
        dict(accepted),
        written_at,
        season,
        entered,
        remarks or {},
        titles or {},
        tuple(standing),
        tuple(owed),
    )
    write_receipt_sheet(book.create_sheet("回执", 0), receipt, set(book.sheetnames))
    book.active = 0
    for sheet in book.worksheets[1:]:
        sheet.sheet_view.tabSelected = False
    _save(book, target, written_at)


def _heighten(book: Any, reading: Reading, lines: Collection[int]) -> None:
    """Rows of which nobody set a height show their longest text, on paper too: not every program makes room by itself."""
    for table in reading.tables:
        if reading.layout is None or table.sheet not in book.sheetnames:
            continue
        sheet, columns = book[table.sheet], reading.layout.by_key
        for line in lines:
            row = sheet.row_dimensions[line]
            if line > table.heading_line and row.height is None:
                row.height = row_height(
                    (sheet.cell(line, index + 1).value, columns[key].width) for key, index in table.columns.items()
                )


def _line(cell: str | None) -> int:
    return coordinate_to_tuple(cell)[0] if cell and _CELL.fullmatch(cell) else 0


def _mark(
    book: Any, reading: Reading, problems: Sequence[Problem], accepted: Mapping[tuple[str, int], str]
) -> dict[tuple[str, str], str]:
    """Colour and comment the cells; returns what stood in the wrong ones, by (sheet, cell)."""
    by_cell: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        if problem.cell and _CELL.fullmatch(problem.cell) and problem.sheet in book.sheetnames:
            by_cell.setdefault((problem.sheet, problem.cell), []).append(problem.message)
    entered = {}
    for (sheet, where), messages in list(by_cell.items())[:_MOST_COMMENTS]:
        cell = _anchor(book[sheet], where)
        entered[sheet, where] = "" if cell.value is None else str(cell.value)
        cell.fill = _WRONG
        cell.border = Border(left=_RED, right=_RED, top=_RED, bottom=_RED)
        text = "\n".join(messages)
        cell.comment = Comment(f"需要修改：\n{text}", AUTHOR, width=320, height=60 + 20 * (1 + len(text) // 22))
    _enter_numbers(book, reading, accepted, set(by_cell))
    _enter_totals(book, reading)
    return entered


def _anchor(sheet: Any, where: str) -> Any:
    """The cell, or the one that holds the value of its merged range."""
    cell = sheet[where]
    if isinstance(cell, MergedCell):
        for span in sheet.merged_cells.ranges:
            if where in span:
                return sheet.cell(span.min_row, span.min_col)
    return cell


def _enter_numbers(
    book: Any, reading: Reading, accepted: Mapping[tuple[str, int], str], wrong: set[tuple[str, str]]
) -> None:
    """Accepted rows bear their number, so that the copy sent again updates them."""
    columns = {table.sheet: table.columns.get("number") for table in reading.tables}
    for (sheet, line), number in accepted.items():
        column = columns.get(sheet)
        if column is None or sheet not in book.sheetnames:
            continue
        cell = _anchor(book[sheet], f"{openpyxl.utils.get_column_letter(column + 1)}{line}")
        if (sheet, cell.coordinate) not in wrong:
            cell.fill = _TAKEN
            if reading.layout and reading.layout.numbered:
                put(cell, number)


def _enter_totals(book: Any, reading: Reading) -> None:
    """The totals work again, which the copy had fixed: whoever corrects points in it must see them right."""
    tables = {table.sheet: table.columns for table in reading.tables if "total" in table.columns}
    for row in reading.rows:
        columns = tables.get(row.sheet)
        if columns is None or row.sheet not in book.sheetnames:
            continue
        places = [place for key, place in columns.items() if key.startswith("points.")]
        cells = [f"{openpyxl.utils.get_column_letter(place + 1)}{row.line}" for place in sorted(places)]
        book[row.sheet].cell(row.line, columns["total"] + 1).value = total_formula(cells)


def _save(book: Any, target: Path, written_at: datetime) -> None:
    """Save with the receipt's own instant everywhere, instead of the machine's."""
    buffer = io.BytesIO()
    book.save(buffer)
    stamp = written_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(buffer) as made, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for info in made.infolist():
            content = made.read(info)
            if info.filename == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp, content)
            out.writestr(zipfile.ZipInfo(info.filename, _FIXED), content, zipfile.ZIP_DEFLATED)
