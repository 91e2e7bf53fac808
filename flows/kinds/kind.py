"""What a kind of workbook is: the sheet to fill, who takes what comes back, what follows, how it is issued anew."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from flows.kinds.issuing import Issued
from flows.run import Run
from flows.workbooks.reader.findings import Reading
from flows.workbooks.reader.layout import Layout
from models.enums import WorkbookKind
from states.submissions.delivery import Delivered, Taken

FormT = TypeVar("FormT")


@dataclass(frozen=True)
class HandedIn:
    """A delivery that was read: where it lies, what it says, what all its rows share."""

    path: Path
    reading: Reading
    delivered: Delivered

    def forms(self, *wanted: type[FormT]) -> list[tuple[int, FormT]]:
        """The good rows of some forms, with their indices in the reading."""
        rows = enumerate(self.reading.rows)
        return [(index, row.form) for index, row in rows if isinstance(row.form, wanted)]


@dataclass(frozen=True)
class Kind:
    """One kind of workbook.

    `layout`: its sheet in a season for a recipient. `take`: gives the good rows to whoever keeps them, and does
    what follows from them, all in the transaction of the delivery. `closes`: the date until which a unit can mend
    what came back. `issue_again`: issues it anew to a unit on an occasion, which makes its earlier ones stale; a
    kind without it has several workbooks side by side, each good for what it lists.
    """

    kind: WorkbookKind
    layout: Callable[[Season, str], Layout]
    take: Callable[[Session, Run, HandedIn], Taken]
    closes: Milestone | None = None
    issue_again: Callable[[Session, Run, str, str], Issued] | None = None
