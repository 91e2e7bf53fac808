"""Opens a workbook and gives its sheets as rows of plain values, in this process or in a smaller one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import python_calamine

from config.season_parts import FileLimits
from flows.workbooks.columns.cells import Cell
from flows.workbooks.columns.mark import find_tokens
from flows.workbooks.reader import extraction
from flows.workbooks.reader.archives import MIB, Archive
from flows.workbooks.reader.findings import FileRefused
from flows.workbooks.reader.formats import Format, identify
from flows.workbooks.reader.headings import LOOKED_AT
from flows.workbooks.reader.inspection import Inspection, inspect, looks_small, require_nothing_struck
from flows.workbooks.reader.layout import OWN_SHEETS
from flows.workbooks.reader.process import FileUnreadable, ProcessDied, ReadingProcess

Told = TypeVar("Told")
_SAVE_AS = "请用 Excel 或 WPS 另存为 .xlsx 再报送"


class Sheet(NamedTuple):
    """One worksheet: `start` is (row, column) of its first cell from 0; `rows` can be gone through once.

    `struck`: (row as people count, column from 0) of cells that are struck through, `pictures`: whether it bears some, as
    far as no inspection of the file tells.
    """

    name: str
    visible: bool
    start: tuple[int, int]
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]]
    rows: Iterator[list[Cell]]
    struck: Sequence[tuple[int, int]] = ()
    pictures: bool = False


class Workbook(NamedTuple):
    """An opened workbook; sheets that may bear the mark come first. `inspection` only of zip-based ones."""

    inspection: Inspection | None
    sheets: Iterator[Sheet]


@contextmanager
def open_workbook(path: Path, limits: FileLimits) -> Iterator[Workbook]:
    """Open one workbook. Raises FileRefused, also while its sheets are gone through."""
    form, archive = identify(path, limits)
    if archive is None:
        with _Helper(path, form, limits) as helper:
            yield Workbook(None, helper.sheets())
        return
    with archive.file:
        if form is Format.PACKAGE:
            raise FileRefused("压缩包里又套了压缩包，请直接把填报表和附件压缩成一个 .zip。")
        if form is Format.XLSX and looks_small(archive):
            inspection = inspect(archive, limits)
            if inspection.cheap:
                yield Workbook(inspection, _here(path, limits))
                return
        with _Helper(path, form, limits) as helper:  # it is at work while we inspect
            seen = _inspected(form, archive, limits)
            helper.reaches = max((sheet.rows for sheet in seen.sheets.values()), default=0)
            yield Workbook(seen, helper.sheets())


def _inspected(form: Format, archive: Archive, limits: FileLimits) -> Inspection:
    if form is Format.XLSX:
        return inspect(archive, limits)
    if form is Format.XLSB:
        require_nothing_struck(archive)
    for member in archive.members:
        for _ in archive.chunks(member):
            pass
    pictures = any(member.name.startswith("Pictures/") or "/media/" in member.name for member in archive.members)
    return Inspection(cheap=False, sheets={}, macros=False, links=False, copyable=False, pictures=pictures)


def marks_in(path: Path, limits: FileLimits) -> list[str]:
    """Every mark that a spreadsheet bears, valid or not."""
    try:
        with open_workbook(path, limits) as book:
            heads = (islice(sheet.rows, extraction.HEAD_ROWS) for sheet in book.sheets)
            return find_tokens(chain.from_iterable(map(chain.from_iterable, heads)))
    except FileRefused:
        return []


def _most_rows(limits: FileLimits) -> int:
    return limits.max_rows + LOOKED_AT


def _refused(reason: str, limits: FileLimits) -> FileRefused:
    too_big = f"表格太大，最多{limits.max_rows}行、{limits.max_columns}列，请删去多余的行、列和格式后再报送。"
    sentences = {
        "password": f"工作簿加了打开密码，无法读取。请去掉密码后{_SAVE_AS}。",
        "other": f"这不是电子表格文件。{_SAVE_AS}。",
        "sheets": "工作表太多，请只保留下发模板里的工作表。",
        "rows": too_big,
        "columns": too_big,
        "bytes": too_big,
        "died": f"文件过大或不正常，无法读取。最多{limits.max_rows}行、{limits.max_columns}列，{_SAVE_AS}。",
    }
    return FileRefused(sentences.get(reason, f"工作簿已损坏或格式不正常，无法读取，{_SAVE_AS}。"))


def _here(path: Path, limits: FileLimits) -> Iterator[Sheet]:
    """Read in this process what the inspection has proven to be small."""
    try:
        with path.open("rb") as file:  # by content: a path's extension may lie
            book = python_calamine.CalamineWorkbook.from_filelike(file)
        names = extraction.sheets_of(book)
        if len(names) > extraction.MOST_SHEETS:
            raise _refused("sheets", limits)
        for name, visible in extraction.order(names, OWN_SHEETS):
            sheet = book.get_sheet_by_name(name)
            if sheet.total_width > limits.max_columns and visible and name not in OWN_SHEETS:
                raise _refused("columns", limits)
            rows: Iterator[list[Any]] = sheet.iter_rows() if sheet.start else iter(())
            yield Sheet(name, visible, extraction.start_of(sheet), extraction.merged(sheet), rows)
    except python_calamine.PasswordError as problem:
        raise _refused("password", limits) from problem
    except (python_calamine.CalamineError, OSError, ValueError) as problem:
        raise _refused("broken", limits) from problem
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":
            raise
        raise _refused("broken", limits) from problem


class _Helper(ReadingProcess):
    """A process with hard limits that reads the file; its rows stream in while they are checked."""

    def __init__(self, path: Path, form: Format, limits: FileLimits) -> None:
        self.limits = limits
        self.reaches = 0  # the lowest row that an inspection saw
        numbers = map(str, (_most_rows(limits), limits.max_columns, limits.max_unpacked_mib * MIB))
        super().__init__(path, form.value, *numbers, *OWN_SHEETS)

    def __enter__(self) -> "_Helper":
        super().__enter__()
        return self

    def sheets(self) -> Iterator[Sheet]:
        """Frames grouped by sheet; rows that nobody asked for are skipped. Raises FileRefused, whatever it is told."""
        return _believed(self._sheets(), self.limits)

    def _sheets(self) -> Iterator[Sheet]:
        frames = self._frames()
        current = next(frames, None)
        while current is not None:
            _, name, visible, start, merged, struck, pictures = current
            merged = [(tuple(first), tuple(last)) for first, last in merged]
            following: list[tuple[Any, ...]] = []
            rows = _believed(_rows(frames, following), self.limits)
            yield Sheet(
                name, visible, tuple(start), merged, rows, [(row, column) for row, column in struck], bool(pictures)
            )
            for _ in rows:
                pass
            current = following[0] if following else None

    def _frames(self) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self.frames()
        except FileUnreadable as problem:
            raise _refused(problem.code, self.limits) from problem
        except ProcessDied as problem:
            died = "rows" if self.reaches > _most_rows(self.limits) else "died"
            raise _refused(died, self.limits) from problem


def _believed(told: Iterator[Told], limits: FileLimits) -> Iterator[Told]:
    """What the reading process tells, as far as it can be understood. Raises FileRefused."""
    try:
        yield from told
    except (ValueError, TypeError, LookupError, RecursionError, OverflowError) as problem:
        raise _refused("died", limits) from problem


def _rows(frames: Iterator[tuple[Any, ...]], following: list[tuple[Any, ...]]) -> Iterator[list[Cell]]:
    for frame in frames:
        if frame[0] != "rows":
            following.append(frame)
            return
        _, rows, encoded = frame
        for row in rows:
            for column in encoded:
                if type(row[column]) is list:
                    row[column] = extraction.decode(row[column])
            yield row
