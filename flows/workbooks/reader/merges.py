"""Merged cells in a table: a value merged over several rows counts for each of them, a title does not."""

from collections.abc import Iterable, Iterator, Sequence

from flows.workbooks.columns.cells import Cell
from flows.workbooks.reader.findings import FilledRow
from flows.workbooks.reader.headings import Headings
from flows.workbooks.reader.table import Place

Range = tuple[tuple[int, int], tuple[int, int]]
_NEVER_SHARED = ("number", "title", "name")
_MOST_ROWS = 5000


class Merges:
    """The vertical merges of one sheet, by row."""

    def __init__(self, ranges: Sequence[Range], headings: Headings, place: Place) -> None:
        self.place = place
        keys = {index: key for key, index in headings.columns.items()}
        self.sources: dict[int, list[int]] = {}
        self.targets: dict[int, list[tuple[int, int]]] = {}
        self.blocked: dict[int, tuple[str, int, int]] = {}
        self.shared: dict[int, list[tuple[str, int, int]]] = {}
        for (top, left), (bottom, _) in ranges:
            key = keys.get(left)
            if key is None or top <= headings.line or not top < bottom <= top + _MOST_ROWS:
                continue
            for row in range(top, bottom + 1):
                if key in _NEVER_SHARED:
                    self.blocked[row + 1] = key, top + 1, bottom + 1
                elif row > top:
                    self.targets.setdefault(row + 1, []).append((left, top + 1))
                    self.shared.setdefault(row + 1, []).append((key, top + 1, bottom + 1))
            if key not in _NEVER_SHARED:
                self.sources.setdefault(top + 1, []).append(left)

    def fill(
        self, rows: Iterable[tuple[int, Sequence[Cell]]], first_column: int
    ) -> Iterator[tuple[int, Sequence[Cell]]]:
        """The rows with merged values written into every row they cover; empty rows stay out."""
        if not self.sources:
            yield from rows
            return
        held: dict[tuple[int, int], Cell] = {}
        for number, row in rows:
            for column in self.sources.get(number, ()):
                held[column, number] = row[column - first_column]
            if number in self.targets:
                row = list(row)
                for column, top in self.targets[number]:
                    row[column - first_column] = held.get((column, top), "")
            yield number, row

    def judge(self, row: FilledRow) -> FilledRow:
        """The row, refused when its title is merged with another row's; noted when it shares more."""
        if row.line in self.blocked:
            key, top, bottom = self.blocked[row.line]
            problem = self.place.problem(
                key, row.line, f"与其他行合并了（第{top}到{bottom}行）。一条只能占一行，请取消合并，每行写全"
            )
            others = tuple(other for other in row.problems if other.cell != problem.cell)
            return FilledRow(row.sheet, row.line, None, (problem, *others), row.notes, row.title)
        if row.line in self.shared:
            notes = tuple(
                self.place.note(key, row.line, f"与第{top}到{bottom}行合并，按同一内容计")
                for key, top, bottom in self.shared[row.line]
            )
            return FilledRow(row.sheet, row.line, row.form, row.problems, (*row.notes, *notes), row.title)
        return row
