"""What reading a delivery found: rows, problems by cell, notes, attachments. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import BaseModel

from flows.workbooks.columns.mark import Mark
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.pictures import MadePicture
from models.enums import WorkbookKind
from states.submissions.attachments import AttachedFile

Form = BaseModel  # one of those in `models.forms`; each kind of workbook knows its own


class Problem(NamedTuple):
    """Why a cell, a row or the whole file cannot be taken, in plain Chinese. Empty sheet: the file."""

    sheet: str
    cell: str | None
    message: str


class Note(NamedTuple):
    """Something that was understood or set aside and that the sender may want to look at.

    `unread`: there was content that nobody read, so the delivery was not taken whole.
    """

    sheet: str
    cell: str | None
    message: str
    unread: bool = False


def place_of(said: Problem | Note) -> tuple[str, int, int, str, str]:
    """By what people are told things in: the file first, then sheet by sheet, line by line, column by column."""
    column = (said.cell or "").rstrip("0123456789")
    return said.sheet, int((said.cell or "")[len(column) :] or 0), len(column), column, said.message


@dataclass(frozen=True, slots=True)
class FilledRow:
    """One filled row; `form` is None exactly when there are problems. `line` is the row number people see.

    `title` is what stands in the column of titles, where the form does not hold it. `supposed`: of a row with problems, the
    form as far as it can be told, so that whatever else speaks against the row is told in the same round.
    """

    sheet: str
    line: int
    form: Form | None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    title: str = ""
    supposed: Form | None = None


@dataclass(frozen=True, slots=True)
class FilledTable:
    """Where a filled table lies: its heading row (as people count) and each column's index from 0."""

    sheet: str
    heading_line: int
    columns: dict[str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one delivery said. `problems` concern the whole file: with any of them there are no rows."""

    kind: WorkbookKind | None
    mark: Mark | None
    rows: tuple[FilledRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Note, ...] = ()
    attachments: tuple[AttachedFile, ...] = ()
    tables: tuple[FilledTable, ...] = ()
    layout: Layout | None = None
    pictures: Mapping[str, MadePicture] = field(default_factory=dict)

    @property
    def unread(self) -> tuple[Note, ...]:
        """What of the file nobody read, though there was something."""
        return tuple(note for note in self.notes if note.unread)

    @property
    def refused(self) -> bool:
        """True when nothing of the file can be taken."""
        return bool(self.problems)

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """The file's problems, then the rows' in reading order."""
        return self.problems + tuple(problem for row in self.rows for problem in row.problems)

    @property
    def all_notes(self) -> tuple[Note, ...]:
        """The file's notes, then the rows' in reading order."""
        return self.notes + tuple(note for row in self.rows for note in row.notes)


class FileRefused(Exception):
    """Inside this package: the file cannot be read further, and this is what its sender is told."""

    def __init__(self, message: str, *, sheet: str = "", cell: str | None = None) -> None:
        self.problem = Problem(sheet, cell, message)
        super().__init__(message)
