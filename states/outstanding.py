"""Who owes what: submissions, rows that came back, verdicts, corrections, scores."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from config.units import all_units
from models import Assignment, Correction, Delivery, Expert, Score, Submission
from models.enums import AssignmentState, CorrectionState, SubmissionState, WorkbookKind
from models.queries import counts_by_unit


@dataclass(frozen=True)
class Debtor:
    """Who still owes something for a deadline: `items` pieces of it, and whether nothing at all has come in."""

    code: str
    name: str
    items: int
    nothing_in: bool


def debtors(session: Session, season: Season, milestone: Milestone, *, without: Collection[str] = ()) -> list[Debtor]:
    """Who still owes something for a deadline of the season, by code; for other milestones nobody.

    `without` holds units that have a deadline of their own.
    """
    year = season.year
    if milestone is Milestone.CLOSE_CALL:
        delivered = counts_by_unit(session, year)
        owing = [Debtor(unit.code, unit.name, 0, True) for unit in season.units() if unit.code not in delivered]
    elif milestone is Milestone.CLOSE_DISTRICT_ROUND:
        every = counts_by_unit(session, year)
        owing = [
            Debtor(code, all_units()[code].name, len(numbers), len(numbers) == every[code])
            for code, numbers in without_verdict(session, year).items()
        ]
    elif milestone is Milestone.CLOSE_ELIGIBILITY:
        owing = [
            Debtor(code, all_units()[code].name, len(numbers), True)
            for code, numbers in in_correction(session, year).items()
        ]
    elif milestone in _SCORED_BY:
        owing = _experts_owing(session, year, _SCORED_BY[milestone])
    else:
        owing = []
    return sorted((debtor for debtor in owing if debtor.code not in without), key=lambda debtor: debtor.code)


_SCORED_BY = {Milestone.CLOSE_FINAL_ROUND: 1, Milestone.CLOSE_RE_REVIEW: 2}


def _experts_owing(session: Session, year: int, round_number: int) -> list[Debtor]:
    owed = scores_owed(session, year, round_number)
    named = select(Expert.id, Expert.name).where(Expert.id.in_(owed))
    names = {row.id: row.name for row in session.execute(named)}
    scored = select(Score.expert).join(Submission, Submission.number == Score.number)
    began = set(session.scalars(scored.where(Submission.season == year, Score.round == round_number)))
    return [Debtor(code, names[code], len(numbers), code not in began) for code, numbers in owed.items()]


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


def first_assigned(session: Session, year: int, round_number: int) -> dict[str, datetime]:
    """When each expert got the first submission of a round."""
    query = select(Assignment.expert, func.min(Assignment.assigned_at).label("at")).where(
        Assignment.season == year, Assignment.round == round_number
    )
    return {row.expert: row.at for row in session.execute(query.group_by(Assignment.expert))}


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
