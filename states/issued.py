"""Which workbooks were issued: running numbers, of which the newest makes a recipient's earlier ones stale."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import IssuedWorkbook
from models.enums import WorkbookKind


def number_of_issue(
    session: Session, year: int, recipient: str, kind: WorkbookKind, occasion: str | None, at: datetime
) -> int:
    """The running number of a workbook that is issued now; the same again for an occasion that had one.

    None is an occasion of its own each time.
    """
    known = None if occasion is None else first_issue(session, year, recipient, kind, occasion)
    if known is not None:
        return known.issue
    number = newest_issues(session, year, recipient).get(kind, 0) + 1
    session.add(
        IssuedWorkbook(
            season=year,
            recipient=recipient,
            kind=kind,
            occasion=f"further/{number}" if occasion is None else occasion,
            issue=number,
            issued_at=at,
        )
    )
    session.flush()
    return number


def first_issue(
    session: Session, year: int, recipient: str, kind: WorkbookKind, occasion: str = ""
) -> IssuedWorkbook | None:
    """The workbook that was issued on an occasion, where it was."""
    return session.get(IssuedWorkbook, (year, recipient, kind.value, occasion))


def issues_since(
    session: Session, year: int, recipient: str, kind: WorkbookKind, since: datetime | None = None
) -> Sequence[int]:
    """The numbers of the workbooks of a kind that were issued to somebody, from an instant on where one is given."""
    query = select(IssuedWorkbook.issue).where(
        IssuedWorkbook.season == year, IssuedWorkbook.recipient == recipient, IssuedWorkbook.kind == kind
    )
    if since is not None:
        query = query.where(IssuedWorkbook.issued_at >= since)
    return session.scalars(query.order_by(IssuedWorkbook.issue)).all()


def newest_issued_at(session: Session, year: int, recipient: str, kind: WorkbookKind) -> datetime | None:
    """When the newest workbook of a kind was issued to somebody; None where none was."""
    own = (IssuedWorkbook.season == year, IssuedWorkbook.recipient == recipient, IssuedWorkbook.kind == kind)
    return session.scalar(select(IssuedWorkbook.issued_at).where(*own).order_by(IssuedWorkbook.issue.desc()))


def newest_issues(session: Session, year: int, recipient: str, at: datetime | None = None) -> dict[WorkbookKind, int]:
    """The number of the newest workbook of each kind that was issued to somebody, by an instant where one is given."""
    query = select(IssuedWorkbook.kind, func.max(IssuedWorkbook.issue)).where(
        IssuedWorkbook.season == year, IssuedWorkbook.recipient == recipient
    )
    if at is not None:
        query = query.where(IssuedWorkbook.issued_at <= at)
    rows = session.execute(query.group_by(IssuedWorkbook.kind))
    return {WorkbookKind(kind): issue for kind, issue in rows}
