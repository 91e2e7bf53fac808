"""Who owes what: rows that came back, verdicts, corrections, scores."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Assignment, Correction, Delivery, Submission
from models.enums import AssignmentState, CorrectionState, SubmissionState, WorkbookKind


def scores_owed(session: Session, year: int, round_number: int) -> dict[str, list[str]]:
    """What each expert has not scored in a round, of what is still in the running."""
    rows = session.execute(
        select(Assignment.expert, Assignment.number)
        .join(Submission, Submission.number == Assignment.number)
        .where(
            Assignment.season == year,
            Assignment.round == round_number,
            Assignment.state == AssignmentState.ACTIVE,
            Submission.state != SubmissionState.ARCHIVED,
        )
        .order_by(Assignment.expert, Assignment.number)
    )
    return _grouped(rows)


def rows_returned(session: Session, year: int) -> dict[str, int]:
    """Rows that came back with a unit's latest delivery, where there were any."""
    latest = (
        select(Delivery.sender, func.max(Delivery.taken_at).label("at"))
        .where(Delivery.season == year, Delivery.kind == WorkbookKind.SUBMISSIONS)
        .group_by(Delivery.sender)
        .subquery()
    )
    rows = session.execute(
        select(Delivery.sender, func.sum(Delivery.rows_back))
        .join(latest, (latest.c.sender == Delivery.sender) & (latest.c.at == Delivery.taken_at))
        .where(Delivery.season == year)
        .group_by(Delivery.sender)
    )
    return {sender: back for sender, back in rows if back}


def without_verdict(session: Session, year: int) -> dict[str, list[str]]:
    rows = session.execute(
        select(Submission.unit, Submission.number)
        .where(Submission.season == year, Submission.state == SubmissionState.SUBMITTED)
        .order_by(Submission.number)
    )
    return _grouped(rows)


def in_correction(session: Session, year: int) -> dict[str, list[str]]:
    rows = session.execute(
        select(Submission.unit, Submission.number)
        .join(Correction, Correction.number == Submission.number)
        .where(
            Submission.season == year,
            Submission.state != SubmissionState.ARCHIVED,
            Correction.state == CorrectionState.OUTSTANDING,
        )
        .order_by(Submission.number)
    )
    return _grouped(rows)


def _grouped(rows: Iterable[Any]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for code, number in rows:
        grouped.setdefault(code, []).append(number)
    return grouped
