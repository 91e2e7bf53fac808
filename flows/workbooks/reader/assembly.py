"""Checked values of one line -> the form of its kind, or every reason why not."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from config.season import Season
from flows.workbooks.columns.cells import quote
from flows.workbooks.reader.findings import FilledRow, Form, Note, Problem
from flows.workbooks.reader.inspection import STRUCK
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.table import SheetLine, SheetPlace
from models.forms import WithdrawalForm

_VOID = re.compile(
    r"^(?:[此本该][行项条])?(?:已|请)?(?:作废|不报了?|删除|取消申报)[。！!]?$|[(（\[【](?:已?作废|不报|删除)[)）\]】]"
)
_VOID_ASKED = "分不清是否作废：仍要报的请删去这几个字，不报的请整行删除（已接收的在“撤回”列选“撤回”）"


class Assembler(ABC):
    """Builds the rows of one sheet; what a line becomes, each kind of workbook says in `build`."""

    def __init__(self, layout: Layout, place: SheetPlace, season: Season) -> None:
        self.layout, self.place, self.season = layout, place, season
        replaced = layout.replaced(place.columns)
        self.required = [column.key for column in layout.columns if column.required and column.key not in replaced]
        self.pointed = [column.key for column in layout.columns if column.key.startswith("points.")]

    def row(self, line: SheetLine) -> FilledRow:
        """The row with its form, or with all its problems."""
        problems = [self.place.problem(key, line.number, message) for key, message in line.wrong.items()]
        notes = [self.place.note(key, line.number, remark) for key, remark in line.understood.items()]
        self.meant: tuple[Any, dict[str, Any]] | None = None
        form = self.build(line, problems, notes)
        void = [] if isinstance(form, WithdrawalForm) else self._void(line)
        problems = void or problems
        supposed = self.suppose(*self.meant) if self.meant and problems and not void else None
        if problems:
            problems.sort(key=lambda problem: _order(problem.cell))
            form = None
            # How a cell was understood says nothing of one that comes back.
            back = {problem.cell for problem in problems}
            notes = [note for note in notes if note.cell not in back or note.unread]
        return FilledRow(self.place.sheet, line.number, form, tuple(problems), tuple(notes), self.title(line), supposed)

    def suppose(self, model: Any, payload: Mapping[str, Any]) -> Form | None:
        """The form of a faulty row were its wrong cells right, unchecked; None where it says too little."""
        found: Form | None = model.model_construct(**payload) if payload.get("number") else None
        return found

    def title(self, line: SheetLine) -> str:
        """The title of the achievement that a line is about, as far as it says so."""
        return line.values.get("title") or ""

    def _void(self, line: SheetLine) -> list[Problem]:
        """A row that its sender seems to have crossed out: one question instead of many."""
        struck = [key for key, message in line.wrong.items() if message == STRUCK]
        if struck:
            more = f"等{len(struck)}格" if len(struck) > 1 else ""
            first = min(struck, key=lambda key: self.place.columns[key])
            return [self.place.problem(first, line.number, f"{more}{STRUCK}")]
        for key, text in line.values.items():
            if isinstance(text, str) and _VOID.search(text):
                return [self.place.problem(key, line.number, f"写着{quote(text)}，{_VOID_ASKED}")]
        for index, text in line.aside.items():
            if _VOID.search(text):
                return [self.place.problem_aside(index, line.number, f"写着{quote(text)}，{_VOID_ASKED}")]
        return []

    @abstractmethod
    def build(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        """The form of a line; what speaks against it is added to `problems`, what is to be told to `notes`."""

    def require(self, line: SheetLine, keys: list[str], problems: list[Problem]) -> None:
        values = line.values
        for key in keys:
            if values.get(key) is None and key not in line.wrong:
                problems.append(self.place.problem(key, line.number, "没有填"))

    def made(self, model: Any, payload: dict[str, Any], line: SheetLine, problems: list[Problem]) -> Form | None:
        self.meant = model, payload
        if problems:
            return None
        try:
            return model.model_validate(payload)
        except ValidationError as error:
            for fault in error.errors():
                where = ".".join(str(part) for part in fault["loc"])
                key = where if where in self.layout.by_key else self.layout.columns[0].key
                problems.append(self.place.problem(key, line.number, f"不能接收（{where}：{fault['msg']}）"))
            return None

    def points(self, line: SheetLine) -> dict[str, Decimal]:
        return {
            key.removeprefix("points."): line.values[key] for key in self.pointed if line.values.get(key) is not None
        }


def _order(cell: str | None) -> tuple[int, str]:
    name = (cell or "").rstrip("0123456789")
    return len(name), name


def filled_in(values: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """What was filled in; the form knows its own defaults."""
    return {key: values[key] for key in keys if values.get(key) is not None}
