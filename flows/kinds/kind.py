"""What a kind of workbook is: the sheet to fill, who takes what comes back, what follows, how it is issued anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from flows.home import paths
from flows.run import Run
from flows.workbooks.columns.mark import Mark
from flows.workbooks.reader.findings import Reading
from flows.workbooks.reader.layout import Layout
from flows.workbooks.writer.template import write_template
from models.enums import WorkbookKind
from states.issued import number_of_issue
from states.submissions.delivery import Delivered, Taken

FormT = TypeVar("FormT")


class Issued(NamedTuple):
    """A workbook that was issued: its file, its running number, and until when it may come back."""

    path: Path
    issue: int
    deadline: datetime


def issue(
    session: Session,
    run: Run,
    layout: Layout,
    recipient: str,
    *,
    name: str,
    deadline: datetime,
    rows: Sequence[Mapping[str, Any]] = (),
    occasion: str | None = "",
    remark: str = "",
) -> Issued:
    """Number and write a workbook for a unit, an expert or the office; `name` is what people call them.

    A repeated run issues the same number for the same occasion again (empty: the first); None is an occasion
    of its own each time, for what is committed together with what calls for it. A rehearsal writes no file.
    """
    number = number_of_issue(session, run.year, recipient, layout.kind, occasion, run.at)
    path = paths.issued(run.settings, run.year, recipient, layout.kind, number)
    if not run.dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_template(
            path,
            mark=Mark(run.year, recipient, layout.kind, number),
            key=run.settings.signing_key(),
            layout=layout,
            season=run.season,
            recipient_name=name,
            deadline=deadline,
            rows=rows,
            created_at=run.at,
            remark=remark,
        )
    return Issued(path, number, deadline)


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

    def faulty(self, *wanted: type[FormT]) -> list[tuple[int, FormT]]:
        """The rows with wrong cells, as they would be without, with their indices in the reading."""
        rows = enumerate(self.reading.rows)
        return [(index, row.supposed) for index, row in rows if row.form is None and isinstance(row.supposed, wanted)]


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
