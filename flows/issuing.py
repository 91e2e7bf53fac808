"""The running numbers of issued workbooks: the newest of a kind makes its recipient's earlier ones stale."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.stage import Run
from models import IssuedWorkbook
from models.enums import WorkbookKind


def number_of_issue(session: Session, run: Run, recipient: str, kind: WorkbookKind, occasion: str = "") -> int:
    """The number of the workbook that is issued on an occasion; the same again when the run is repeated."""
    key = (run.year, recipient, kind.value, occasion)
    known = session.get(IssuedWorkbook, key)
    if known is not None:
        return known.issue
    issue = newest_issues(session, run.year, recipient).get(kind, 0) + 1
    session.add(
        IssuedWorkbook(
            season=run.year, recipient=recipient, kind=kind, occasion=occasion, issue=issue, issued_at=run.at
        )
    )
    session.flush()
    return issue


def newest_issues(session: Session, year: int, recipient: str, at: datetime | None = None) -> dict[WorkbookKind, int]:
    """The number of the newest workbook of each kind that was issued to somebody, by an instant where one is given."""
    query = select(IssuedWorkbook.kind, func.max(IssuedWorkbook.issue)).where(
        IssuedWorkbook.season == year, IssuedWorkbook.recipient == recipient
    )
    if at is not None:
        query = query.where(IssuedWorkbook.issued_at <= at)
    rows = session.execute(query.group_by(IssuedWorkbook.kind))
    return {WorkbookKind(kind): issue for kind, issue in rows}
