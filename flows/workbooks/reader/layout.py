"""The sheet to fill of a kind of workbook. One list of columns serves template and reader."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config.season_parts import Criterion
from flows.workbooks.columns.column import Column
from models.enums import WorkbookKind

if TYPE_CHECKING:
    from flows.workbooks.reader.assembly import Assembler
    from flows.workbooks.reader.findings import FilledRow, Note
    from flows.workbooks.reader.packages import OpenDelivery
    from flows.workbooks.reader.table import SheetPlace

    Check = Callable[[Sequence[FilledRow], Mapping[str, SheetPlace], OpenDelivery], tuple[list[FilledRow], list[Note]]]

# What makes some spreadsheet program, now or after a further edit, take a text for a formula; full-width signs too.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫")
STATEMENT = "公正与保密承诺"
GUIDE_SHEET = "填写说明"
MARK_SHEET = "模板标识"
RECEIPT_SHEET = "回执"
LISTS_SHEET = "选项"
MATERIAL_SHEET = "申报材料"
OWN_SHEETS = frozenset({GUIDE_SHEET, MARK_SHEET, RECEIPT_SHEET, LISTS_SHEET, MATERIAL_SHEET})


@dataclass(frozen=True, slots=True)
class Layout:
    """The sheet to fill of one kind of workbook, and what its guide says.

    `assembler` builds its rows. `check` judges across rows: (rows, places of cells by sheet, delivery) -> the rows
    as they stand then, further notes. `numbered`: an accepted row is given a number. `materials`: the given texts
    stand in a sheet of their own as well. In the guide `ways` come before how to save, `closing` at the end.
    `earlier`: columns that only workbooks of earlier versions have, and that are read where they stand.
    """

    kind: WorkbookKind
    columns: tuple[Column, ...]
    assembler: "type[Assembler]"
    check: "Check | None" = None
    statement: str = ""
    rubric: tuple[Criterion, ...] = ()
    numbered: bool = False
    materials: bool = False
    ways: tuple[tuple[str, str], ...] = ()
    closing: tuple[tuple[str, str], ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    earlier: tuple[Column, ...] = ()
    by_key: Mapping[str, Column] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", {column.key: column for column in (*self.columns, *self.earlier)})

    def replaced(self, keys: Container[str]) -> set[str]:
        """Of a sheet with these columns, those of today that an earlier column of it takes the place of."""
        return {key for column in self.earlier if column.key in keys for key in column.instead_of if key not in keys}

    @property
    def sheet(self) -> str:
        """The name of the sheet to fill."""
        return self.kind.label
