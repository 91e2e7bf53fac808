"""Opens a workbook and gives its sheets as rows of plain values, in this process or in a smaller one."""

import marshal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import python_calamine

from config.season import FileLimits
from flows.workbooks import extraction
from flows.workbooks.archives import MIB
from flows.workbooks.cells import Cell
from flows.workbooks.findings import Refusal
from flows.workbooks.formats import Format, identify
from flows.workbooks.headings import LOOKED_AT
from flows.workbooks.inspection import Inspection, inspect
from flows.workbooks.layout import OWN_SHEETS
from flows.workbooks.mark import find_tokens

WAIT_SECONDS = 90
_MOST_FRAME = 256 * MIB
_SAVE_AS = "请用 Excel 或 WPS 另存为 .xlsx 再报送"


class Sheet(NamedTuple):
    """One worksheet: `start` is (row, column) of its first cell from 0; `rows` can be gone through once."""

    name: str
    visible: bool
    start: tuple[int, int]
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]]
    rows: Iterator[list[Cell]]


class Workbook(NamedTuple):
    """An opened workbook; sheets that may bear the mark come first. `inspection` only of .xlsx."""

    format: Format
    inspection: Inspection | None
    sheets: Iterator[Sheet]


@contextmanager
def open_workbook(path: Path, limits: FileLimits) -> Iterator[Workbook]:
    """Open one workbook. Raises Refusal, also while its sheets are gone through."""
    form, archive = identify(path, limits)
    inspection = None
    if archive is not None:
        with archive.file:
            if form is Format.XLSX:
                inspection = inspect(archive, limits)
            elif form is Format.PACKAGE:
                raise Refusal("压缩包里又套了压缩包，请直接把填报表和附件压缩成一个 .zip。")
            else:
                for member in archive.members:
                    for _ in archive.chunks(member):
                        pass
    sheets = _here(path, limits) if inspection and inspection.cheap else _apart(path, form, limits)
    try:
        yield Workbook(form, inspection, sheets)
    finally:
        sheets.close()


def bears_mark(path: Path, limits: FileLimits) -> bool:
    """Whether a spreadsheet bears any mark, valid or not."""
    try:
        with open_workbook(path, limits) as book:
            heads = (islice(sheet.rows, extraction.HEAD_ROWS) for sheet in book.sheets)
            return any(find_tokens(chain.from_iterable(head)) for head in heads)
    except Refusal:
        return False


def _most_rows(limits: FileLimits) -> int:
    return limits.max_rows + LOOKED_AT


def _refusal(reason: str, limits: FileLimits) -> Refusal:
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
    return Refusal(sentences.get(reason, f"工作簿已损坏或格式不正常，无法读取，{_SAVE_AS}。"))


def _here(path: Path, limits: FileLimits) -> Iterator[Sheet]:
    """Read in this process what the inspection has proven to be small."""
    try:
        with path.open("rb") as file:  # by content: a path's extension may lie
            book = python_calamine.CalamineWorkbook.from_filelike(file)
        names = extraction.sheets_of(book)
        if len(names) > extraction.MOST_SHEETS:
            raise _refusal("sheets", limits)
        for name, visible in extraction.order(names, OWN_SHEETS):
            sheet = book.get_sheet_by_name(name)
            if sheet.total_width > limits.max_columns and visible and name not in OWN_SHEETS:
                raise _refusal("columns", limits)
            rows = sheet.iter_rows() if sheet.start else iter(())
            yield Sheet(name, visible, sheet.start or (0, 0), extraction.merged(sheet), rows)
    except python_calamine.PasswordError as problem:
        raise _refusal("password", limits) from problem
    except (python_calamine.CalamineError, OSError, ValueError) as problem:
        raise _refusal("broken", limits) from problem
    except BaseException as problem:
        if type(problem).__name__ != "PanicException":
            raise
        raise _refusal("broken", limits) from problem


def _apart(path: Path, form: Format, limits: FileLimits) -> Iterator[Sheet]:
    """Read in a process with hard limits, row batches streaming in while they are checked."""
    size = max(limits.max_unpacked_mib * MIB, 1)
    numbers = map(str, (_most_rows(limits), limits.max_columns, size))
    command = [
        sys.executable,
        "-I",
        extraction.__file__,
        str(path.resolve()),
        form.value,
        *numbers,
        *OWN_SHEETS,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        watchdog = threading.Timer(WAIT_SECONDS, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            assert process.stdout is not None
            yield from _sheets(_frames(process.stdout, limits), limits)
        finally:
            watchdog.cancel()
            process.kill()


def _frames(pipe: IO[bytes], limits: FileLimits) -> Iterator[tuple[Any, ...]]:
    while True:
        head = pipe.read(4)
        length = struct.unpack("<I", head)[0] if len(head) == 4 else _MOST_FRAME
        body = pipe.read(length) if length < _MOST_FRAME else b""
        if not body or len(body) < length:
            raise _refusal("died", limits)
        frame = marshal.loads(body)
        if frame[0] == "end":
            return
        if frame[0] == "unreadable":
            raise _refusal(frame[1], limits)
        yield frame


def _sheets(frames: Iterator[tuple[Any, ...]], limits: FileLimits) -> Iterator[Sheet]:
    """Group frames by sheet; rows that nobody asked for are skipped."""
    del limits
    current = next(frames, None)
    while current is not None:
        _, name, visible, start, merged = current
        following: list[tuple[Any, ...] | None] = []
        rows = _rows(frames, following)
        yield Sheet(name, visible, start, merged, rows)
        for _ in rows:
            pass
        current = following[0] if following else None


def _rows(frames: Iterator[tuple[Any, ...]], following: list[tuple[Any, ...] | None]) -> Iterator[list[Cell]]:
    for frame in frames:
        if frame[0] != "rows":
            following.append(frame)
            return
        for row in frame[1]:
            if tuple in set(map(type, row)):
                row = [extraction.decode(value) if type(value) is tuple else value for value in row]
            yield row
