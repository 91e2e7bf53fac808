"""Issues workbooks: the running numbers, the file, for every kind alike."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from flows.home import paths
from flows.run import Run
from flows.workbooks.columns.mark import Mark
from flows.workbooks.reader.layout import Layout
from flows.workbooks.writer.template import write_template
from states.issued import number_of_issue


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
        )
    return Issued(path, number, deadline)
