"""Issues workbooks: the running numbers, the file, for every kind alike."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows import places
from flows.stage import Run
from flows.workbooks.layout import Layout
from flows.workbooks.mark import Mark
from flows.workbooks.template import write_template
from models import IssuedWorkbook
from models.enums import WorkbookKind


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
    number = _number(session, run, recipient, layout.kind, occasion)
    path = places.issued(run.settings, run.year, recipient, layout.kind, number)
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


def _number(session: Session, run: Run, recipient: str, kind: WorkbookKind, occasion: str | None) -> int:
    known = None if occasion is None else first_issue(session, run.year, recipient, kind, occasion)
    if known is not None:
        return known.issue
    number = newest_issues(session, run.year, recipient).get(kind, 0) + 1
    session.add(
        IssuedWorkbook(
            season=run.year,
            recipient=recipient,
            kind=kind,
            occasion=f"further/{number}" if occasion is None else occasion,
            issue=number,
            issued_at=run.at,
        )
    )
    session.flush()
    return number


def first_issue(
    session: Session, year: int, recipient: str, kind: WorkbookKind, occasion: str = ""
) -> IssuedWorkbook | None:
    """The workbook that was issued on an occasion, where it was."""
    return session.get(IssuedWorkbook, (year, recipient, kind.value, occasion))


def newest_issues(session: Session, year: int, recipient: str, at: datetime | None = None) -> dict[WorkbookKind, int]:
    """The number of the newest workbook of each kind that was issued to somebody, by an instant where one is given."""
    query = select(IssuedWorkbook.kind, func.max(IssuedWorkbook.issue)).where(
        IssuedWorkbook.season == year, IssuedWorkbook.recipient == recipient
    )
    if at is not None:
        query = query.where(IssuedWorkbook.issued_at <= at)
    rows = session.execute(query.group_by(IssuedWorkbook.kind))
    return {WorkbookKind(kind): issue for kind, issue in rows}
