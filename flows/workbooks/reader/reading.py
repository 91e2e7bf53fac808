"""Reads one delivery whole: its mark, its rows, every problem by cell. Never raises for bad input."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from config.season import Season
from config.season_parts import FileLimits
from flows.workbooks.columns.cells import quote
from flows.workbooks.columns.mark import Mark, MarkRefused, StaleWorkbook, find_tokens, require_mark, verify
from flows.workbooks.reader.extraction import HEAD_ROWS
from flows.workbooks.reader.filled import FilledSheets
from flows.workbooks.reader.findings import FileRefused, FilledRow, Note, Problem, Reading
from flows.workbooks.reader.inspection import PASTED
from flows.workbooks.reader.layout import OWN_SHEETS, Layout
from flows.workbooks.reader.packages import OpenDelivery, open_delivery
from flows.workbooks.reader.sheets import Sheet, Workbook, marks_in, open_workbook
from flows.workbooks.reader.table import SheetPlace, letters
from models.enums import WorkbookKind

_MOST_PICTURES = 50

NewestIssue = int | Mapping[WorkbookKind, int] | None


def read_workbook(
    path: Path,
    *,
    season: Season,
    sender: str,
    key: bytes,
    newest_issue: NewestIssue,
    layout_of: Callable[[Mark], Layout],
) -> Reading:
    """Everything that a file, zip or folder delivered by `sender` says.

    `sender` is the unit code or expert id of the inbox; `newest_issue` the number of the newest
    workbook issued to it (by kind, or one for all; None accepts any); `layout_of` the sheet that a
    mark stands for. A refused file gives a Reading with problems and no rows; OSError is raised
    only when the file itself cannot be reached.
    """
    reader = _Reader(season, sender, key, newest_issue, layout_of)
    try:
        with open_delivery(path, season.files) as delivery, without_collector():
            return reader.read(delivery)
    except FileRefused as refused:
        return Reading(reader.kind, reader.mark, problems=(refused.problem,))
    except StaleWorkbook as stale:
        return Reading(stale.mark.kind, stale.mark, problems=(Problem("", None, str(stale)),))
    except MarkRefused as refused:
        return Reading(reader.kind, reader.mark, problems=(Problem("", None, str(refused)),))
    except RecursionError:
        return Reading(reader.kind, reader.mark, problems=(Problem("", None, "文件结构不正常，无法读取。"),))


def genuine_mark(path: Path, limits: FileLimits, key: bytes) -> Mark | None:
    """The mark of a delivery's workbook, where it is one that we issued to somebody; None for any other."""
    try:
        with open_delivery(path, limits) as delivery:
            marks = {verify(token, key) for token in marks_in(delivery.workbook, limits)}
    except (FileRefused, MarkRefused, RecursionError):
        return None
    return marks.pop() if len(marks) == 1 else None


@contextmanager
def without_collector() -> Iterator[None]:
    """Rows and pages hold no cycles; looking for some among a million new objects takes up to half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Reader:
    """One reading; remembers the mark once it is known."""

    def __init__(
        self,
        season: Season,
        sender: str,
        key: bytes,
        newest_issue: NewestIssue,
        layout_of: Callable[[Mark], Layout],
    ) -> None:
        self.season, self.sender, self.key = season, sender, key
        self.newest_issue, self.layout_of = newest_issue, layout_of
        self.mark: Mark | None = None
        self.notes: list[Note] = []

    @property
    def kind(self) -> WorkbookKind | None:
        return self.mark.kind if self.mark else None

    def read(self, delivery: OpenDelivery) -> Reading:
        """Read the workbook. Raises FileRefused or MarkRefused."""
        with open_workbook(delivery.workbook, self.season.files) as book:
            self._note_oddities(book)
            waiting, mark = self._until_marked(book)
            layout = self.layout_of(mark)
            filled = FilledSheets(self.season, layout, book.inspection)
            for sheet in chain(waiting, book.sheets):
                filled.take(sheet)
        filled.finish()
        return self._judged(mark, layout, filled, delivery)

    def _judged(self, mark: Mark, layout: Layout, filled: FilledSheets, delivery: OpenDelivery) -> Reading:
        rows, notes = filled.rows, [*self.notes, *filled.notes]
        places = {table.sheet: SheetPlace(table.sheet, layout, table.columns) for table in filled.tables}
        rows = _check_numbers(rows, places)
        if layout.check is not None:
            rows, more = layout.check(rows, places, delivery)
            notes += more
        tables, unsigned = tuple(filled.tables), filled.unsigned()
        if unsigned is not None:  # nothing can be taken, but whatever else is wrong is told in the same round
            wrong = (unsigned, *(problem for row in rows for problem in row.problems))
            return Reading(mark.kind, mark, (), wrong, tuple(notes), tables=tables, layout=layout)
        return Reading(
            mark.kind, mark, tuple(rows), (), tuple(notes), delivery.attachments, tables, layout, delivery.pictures
        )

    def _note_oddities(self, book: Workbook) -> None:
        if book.inspection and book.inspection.macros:
            self.notes.append(Note("", None, "工作簿里有宏，没有运行，也不会保留。"))
        self._note_pictures(book)
        if book.inspection and book.inspection.links:
            self.notes.append(Note("", None, "工作簿链接了其他文件，没有打开，只读取了格子里现有的内容。"))

    def _note_pictures(self, book: Workbook) -> None:
        """Pictures and shapes over the cells say nothing to us; the sender must know."""
        if book.inspection is None:
            return
        before = len(self.notes)
        for name, sheet in book.inspection.sheets.items():
            for row, column in sheet.pictures[:_MOST_PICTURES]:
                self.notes.append(Note(name, f"{letters(column)}{row}", PASTED, unread=True))
        if book.inspection.pictures and len(self.notes) == before:
            self.notes.append(Note("", None, PASTED, unread=True))

    def _until_marked(self, book: Workbook) -> tuple[list[Sheet], Mark]:
        """Go through sheets until the mark is found; those with data are kept for later."""
        tokens: list[str] = []
        waiting: list[Sheet] = []
        for sheet in book.sheets:
            rows = list(sheet.rows) if sheet.visible and sheet.name not in OWN_SHEETS else list(islice(sheet.rows, 300))
            tokens += find_tokens(chain.from_iterable(rows[:HEAD_ROWS]))
            waiting.append(sheet._replace(rows=iter(rows)))
            if tokens:
                break
        self.mark = require_mark(
            tokens, self.key, season=self.season.year, sender=self.sender, newest_issue=self.newest_issue
        )
        return waiting, self.mark


def _check_numbers(rows: Sequence[FilledRow], places: Mapping[str, SheetPlace]) -> list[FilledRow]:
    """A submission number that stands in two rows names none of them."""
    checked = list(rows)
    by_number: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        number = getattr(row.form or row.supposed, "number", None)
        if number is not None:
            by_number.setdefault(number, []).append(index)
    for number, indices in by_number.items():
        if len(indices) > 1:
            lines = "、".join(str(rows[index].line) for index in indices)
            for index in indices:
                row = rows[index]
                message = f"重复：第{lines}行都是{quote(number)}，一个编号只能有一行"
                problem = places[row.sheet].problem("number", row.line, message)
                checked[index] = replace(row, form=None, problems=(*row.problems, problem), supposed=None)
    return checked
