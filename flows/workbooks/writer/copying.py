"""A copy of a delivered workbook that holds nothing live: no macros, links, formulas, queries, drawings."""

import re
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell import MergedCell
from openpyxl.formatting.formatting import ConditionalFormattingList
from openpyxl.packaging.core import DocumentProperties
from openpyxl.packaging.custom import CustomPropertyList
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidationList
from openpyxl.worksheet.worksheet import Worksheet

from config.season_parts import FileLimits
from flows.workbooks.columns.cells import as_text
from flows.workbooks.reader.archives import Archive
from flows.workbooks.reader.findings import Reading
from flows.workbooks.reader.formats import Format, identify
from flows.workbooks.reader.inspection import inspect
from flows.workbooks.reader.layout import FORMULA_SIGNS, OWN_SHEETS, RECEIPT_SHEET
from flows.workbooks.reader.sheets import Sheet, open_workbook

AUTHOR = "岗创"
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LIST = re.compile(r'"[^"\[\]|!]*"|(?:\'?选项\'?!)?\$?[A-Z]{1,3}\$?\d{1,7}(?::\$?[A-Z]{1,3}\$?\d{1,7})?')
_LONGEST = 32_000
_WHOLE_ROWS = 2000
_LAST_LINE, _LAST_COLUMN = 1_048_576, 16_384  # of any workbook; a damaged one may claim more


def put(cell: Any, value: Any) -> None:
    """Set a cell; text is text, whatever it begins with, also when someone edits the cell later."""
    if isinstance(value, str):
        text = _ILLEGAL.sub("", value)[:_LONGEST]
        cell.value = text
        cell.data_type = "s"
        if text.startswith(FORMULA_SIGNS):
            cell.quotePrefix = True
    else:
        cell.value = value


def copy_of(workbook: Path, limits: FileLimits, reading: Reading, wanted: Collection[int]) -> Any:
    """The copy as an openpyxl workbook. `wanted`: lines that must be in it, if it is too big.

    Raises FileRefused when the file cannot be read at all.
    """
    form, archive = identify(workbook, limits)
    if archive is not None:
        with archive.file:
            if form is Format.XLSX and _copyable(archive, limits):
                try:
                    return _cleaned(workbook)
                except Exception:  # openpyxl fails in many ways on files that Excel opens; values still can be copied
                    return _rebuilt(workbook, limits, reading, wanted)
    return _rebuilt(workbook, limits, reading, wanted)


def _copyable(archive: Archive, limits: FileLimits) -> bool:
    inspection = inspect(archive, limits)
    return inspection.copyable


def _cleaned(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(path, data_only=True, keep_links=False, keep_vba=False)
    book._external_links = []
    book._pivots = []
    book.defined_names.clear()
    book.custom_doc_props = CustomPropertyList()
    book.properties = DocumentProperties(creator=AUTHOR)
    book.code_name = None
    for sheet in list(book.worksheets):
        if sheet.title == RECEIPT_SHEET:
            book.remove(sheet)
        else:
            _clean_sheet(sheet)
    for chart in list(book.chartsheets):
        book.remove(chart)
    return book


def _clean_sheet(sheet: Worksheet) -> None:
    sheet._charts, sheet._images, sheet._pivots, sheet._hyperlinks = [], [], [], []
    sheet.legacy_drawing = None
    sheet.tables.clear()
    sheet.defined_names.clear()
    sheet.conditional_formatting = ConditionalFormattingList()
    sheet.sheet_properties.codeName = None
    sheet.HeaderFooter = type(sheet.HeaderFooter)()
    kept = [rule for rule in sheet.data_validations.dataValidation if _harmless(rule)]
    sheet.data_validations = DataValidationList(dataValidation=kept)
    for cell in list(sheet._cells.values()):
        if isinstance(cell, MergedCell):
            continue
        cell.hyperlink = None
        if cell.comment is not None and cell.comment.author == AUTHOR:
            cell.comment = None
            cell.fill = PatternFill()
        if cell.data_type in ("f", "e") or not isinstance(cell.value, str | int | float | bool | None):
            _plain(cell)
        elif isinstance(cell.value, str):
            put(cell, cell.value)


def _plain(cell: Any) -> None:
    """A formula, an error or an object becomes the text that stands for it; dates stay dates."""
    if cell.is_date:
        return
    put(cell, cell.value if isinstance(cell.value, str) else None)


def _harmless(rule: Any) -> bool:
    """A rule that refers to nothing but constants or cells of this workbook."""
    formulas = [text for text in (rule.formula1, rule.formula2) if text]
    if rule.type == "list":
        return all(_LIST.fullmatch(text) for text in formulas)
    return rule.type != "custom" and all(re.fullmatch(r"-?\d+(?:\.\d+)?", text) for text in formulas)


def _rebuilt(workbook: Path, limits: FileLimits, reading: Reading, wanted: Collection[int]) -> Any:
    """A new workbook with the read values at their places."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.properties = DocumentProperties(creator=AUTHOR)
    tables = {table.sheet: table for table in reading.tables}
    with open_workbook(workbook, limits) as source:
        for sheet in source.sheets:
            if sheet.name == RECEIPT_SHEET:
                continue
            target = book.create_sheet(_title(sheet.name, book))
            table = tables.get(sheet.name)
            _write_values(target, sheet, table.heading_line if table else 0, wanted)
            if not sheet.visible:
                target.sheet_state = "hidden"
    book._sheets.sort(key=lambda sheet: sheet.title in OWN_SHEETS or sheet.sheet_state != "visible")
    return book


def _title(name: str, book: Any) -> str:
    title = re.sub(r"[\\*?:/\[\]]", "_", _ILLEGAL.sub("", name))[:31] or "Sheet"
    return title if title not in book.sheetnames else f"{title[:27]}_{len(book.sheetnames)}"


def _write_values(target: Worksheet, sheet: Sheet, heading_line: int, wanted: Collection[int]) -> None:
    top, left = sheet.start
    bold, fill = Font(bold=True), PatternFill("solid", fgColor="DDEBF7")
    for line, row in enumerate(sheet.rows, top + 1):
        if (line - heading_line > _WHOLE_ROWS and line not in wanted) or line > _LAST_LINE:
            continue
        for column, value in enumerate(row, left + 1):
            if value in ("", None) or column > _LAST_COLUMN:
                continue
            cell = target.cell(line, column)
            put(cell, value if isinstance(value, str | int | float) else as_text(value))
            if line == heading_line:
                cell.font, cell.fill = bold, fill
                cell.alignment = Alignment(wrap_text=True, vertical="center")
                target.column_dimensions[get_column_letter(column)].width = 18
    if heading_line:
        target.freeze_panes = target.cell(heading_line + 1, 3)
