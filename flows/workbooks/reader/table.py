"""One filled sheet -> checked values row by row. Works column by column, since that is fast."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from flows.workbooks.columns.cells import Cell, Text, Understood, WrongCell, as_text, clean_line
from flows.workbooks.columns.column import Column
from flows.workbooks.reader.findings import Note, Problem
from flows.workbooks.reader.headings import Headings
from flows.workbooks.reader.layout import Layout

BATCH = 512
_MEMO_SIZE = 4096
_FOOTER_CELLS = 4
_FOOTER = re.compile(
    r"(?:(?:填表|制表|填报|审核|负责)人|填报单位|填报日期|单位盖章|盖章|备注|注|说明)\s*(?:[:：(（].*|$)|（盖章）.*",
    re.DOTALL,
)
_TOTAL = re.compile(r"(?:[合总小共]\s?计|累计|平均分?)\s*(?:[:：(（\d].*)?")


class SheetLine(NamedTuple):
    """One row that holds something: values by column key (None where empty or wrong).

    `aside`: what stands in columns that the template does not have, by their index.
    """

    number: int
    values: dict[str, Any]
    wrong: dict[str, str]
    understood: dict[str, str]
    aside: Mapping[int, str]
    untouched: bool
    filled: int


class SheetPlace:
    """Names the cells of one sheet."""

    def __init__(
        self, sheet: str, layout: Layout, columns: Mapping[str, int], extra: Mapping[int, str] | None = None
    ) -> None:
        self.sheet, self.layout, self.columns, self.extra = sheet, layout, columns, extra or {}

    def cell(self, key: str, line: int) -> str | None:
        index = self.columns.get(key)
        return None if index is None else f"{letters(index)}{line}"

    def problem(self, key: str, line: int, message: str) -> Problem:
        return Problem(self.sheet, self.cell(key, line), f"“{self.layout.by_key[key].heading}”{message}。")

    def problem_aside(self, index: int, line: int, message: str) -> Problem:
        """About a column that the template does not have."""
        return Problem(self.sheet, f"{letters(index)}{line}", f"“{self.extra[index]}”{message}。")

    def note(self, key: str, line: int, message: str) -> Note:
        return Note(self.sheet, self.cell(key, line), f"“{self.layout.by_key[key].heading}”{message}。")


class _Memo(dict[Cell, Any]):
    """What a column's parser said of each value, so that equal cells cost one parse."""

    def __init__(self, column: Column) -> None:
        super().__init__()
        self.parse = column.parse
        self.odd = False

    def __missing__(self, raw: Cell) -> Any:
        found = self.parse(raw)
        if type(found) is WrongCell or type(found) is Understood:
            self.odd = True
        if len(self) >= _MEMO_SIZE:
            self.clear()
        self[raw] = found
        return found

    def column(self, values: Sequence[Cell]) -> list[Any]:
        """The parsed column; a bool must not meet the memo of 1, which equals it."""
        if isinstance(self.parse, Text):
            cleaned = self.parse.column(values)
            if cleaned is not None:
                return cleaned
        if bool in set(map(type, values)):
            self.odd = True
            return [self.parse(value) for value in values]
        return [self[value] for value in values]


def letters(index: int) -> str:
    """The letters of a column, from 0: A, B, … Z, AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


class LineChecker:
    """Checks the rows below the headings of one sheet."""

    def __init__(self, layout: Layout, headings: Headings, flaws: Mapping[tuple[int, int], str]) -> None:
        self.layout, self.headings, self.flaws = layout, headings, flaws
        columns = [column for key, column in layout.by_key.items() if key in headings.columns and not column.sums]
        self.columns = sorted(columns, key=lambda column: column.given)
        self.entered = sum(not column.given for column in columns)
        self.keys = [column.key for column in self.columns]
        self.memos = [_Memo(column) for column in self.columns]
        self.known = {*headings.columns.values(), *headings.extra, *headings.silent}
        self.unheaded: dict[int, int] = {}  # columns without a heading that hold something -> the first such row

    def lines(self, rows: Iterable[tuple[int, Sequence[Cell]]], first_column: int) -> Iterator[SheetLine]:
        """Checked rows of `rows`: (row number as people count, cells from `first_column`)."""
        source = iter(rows)
        while batch := list(islice(source, BATCH)):
            yield from self._checked(batch, first_column)

    def _checked(self, batch: list[tuple[int, Sequence[Cell]]], first_column: int) -> Iterator[SheetLine]:
        numbers = [number for number, _ in batch]
        raw = list(zip(*(cells for _, cells in batch), strict=True))
        parsed: list[list[Any]] = []
        odd: dict[int, list[tuple[str, Any]]] = {}
        for key, memo in zip(self.keys, self.memos, strict=True):
            values = memo.column(raw[self.headings.columns[key] - first_column])
            if memo.odd:
                self._take_out(key, values, odd)
            parsed.append(values)
        if self.flaws:
            self._mark_flaws(numbers, odd)
        extra = self._extra(raw, first_column)
        self._look_beside(numbers, raw, first_column)
        for index, row in enumerate(zip(*parsed, strict=True)):
            said = odd.get(index, ())
            filled = self.entered - row[: self.entered].count(None)
            untouched = not filled and not said
            if untouched and (self.entered == len(row) or row.count(None) == len(row)):
                continue
            yield SheetLine(
                numbers[index],
                dict(zip(self.keys, row, strict=True)),
                {key: found.message for key, found in said if type(found) is WrongCell},
                {key: found.remark for key, found in said if type(found) is Understood},
                {column: texts[index] for column, texts in extra.items() if texts[index]},
                untouched,
                filled,
            )

    @staticmethod
    def _take_out(key: str, values: list[Any], odd: dict[int, list[tuple[str, Any]]]) -> None:
        for index, value in enumerate(values):
            if type(value) is WrongCell:
                values[index] = None
                odd.setdefault(index, []).append((key, value))
            elif type(value) is Understood:
                values[index] = value.value
                odd.setdefault(index, []).append((key, value))

    def _mark_flaws(self, numbers: list[int], odd: dict[int, list[tuple[str, Any]]]) -> None:
        for index, number in enumerate(numbers):
            for key in self.keys:
                message = self.flaws.get((number, self.headings.columns[key]))
                if message:
                    odd.setdefault(index, []).append((key, WrongCell(message)))

    def _extra(self, raw: list[tuple[Cell, ...]], first_column: int) -> dict[int, list[str]]:
        told = {
            index: [clean_line(as_text(value)) for value in raw[index - first_column]] for index in self.headings.extra
        }
        # Of running numbers only a word that ends the table is of interest.
        for index in self.headings.silent:
            texts = [clean_line(as_text(value)) for value in raw[index - first_column]]
            told[index] = [text if _TOTAL.fullmatch(text) else "" for text in texts]
        return told

    def _look_beside(self, numbers: list[int], raw: list[tuple[Cell, ...]], first_column: int) -> None:
        for index, values in enumerate(raw, first_column):
            if index not in self.known and index not in self.unheaded and any(values):
                filled = (number for number, value in zip(numbers, values, strict=True) if as_text(value).strip())
                if (first := next(filled, None)) is not None:
                    self.unheaded[index] = first


def is_footer(line: SheetLine) -> bool:
    """True for a closing line under a table: 填表人 and the like with little beside, or 合计 with nothing but figures."""
    texts = [text for text in line.values.values() if isinstance(text, str)]
    if len(texts) <= 1 and any(map(_TOTAL.fullmatch, (*texts, *line.aside.values()))):
        return True
    return line.filled <= _FOOTER_CELLS and any(map(_FOOTER.match, texts))
