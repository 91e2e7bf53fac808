"""Questions that more than one room asks of the tables."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.season import Season
from models.call import Call, MilestoneDate
from models.database import database_seconds
from models.enums import CallState, CorrectionState, MessageState, MilestoneState, Outcome, SubmissionState, Tier
from models.message import Message
from models.review import Assignment, Score
from models.submission import Contributor, Correction, Organisation, Submission, SubmissionVersion


class SeasonNotPlanned(GangchuangError):
    def __init__(self, year: int) -> None:
        self.year = year
        self.chinese = f"{year}年度尚未计划，没有任何改动。"
        super().__init__(f"Season {year} is not planned in this database. Run `gangchuang season plan {year}` first.")


def version_in_force() -> ColumnElement[bool]:
    """Joins a submission with its version that counts."""
    return and_(SubmissionVersion.number == Submission.number, SubmissionVersion.version == Submission.version)


def season_in_force(session: Session, year: int) -> Season:
    """The rules of a season as they were recorded, not as a file may read today. Raises SeasonNotPlanned."""
    rules = session.scalar(select(Call.rules).where(Call.season == year))
    if rules is None:
        raise SeasonNotPlanned(year)
    return Season.model_validate_json(rules)


def call_state(session: Session, year: int) -> CallState:
    """Where a season's call stands. Raises SeasonNotPlanned."""
    state = session.scalar(select(Call.state).where(Call.season == year))
    if state is None:
        raise SeasonNotPlanned(year)
    return state


def lock_call(session: Session, year: int) -> Call:
    """One who decides about a season at a time, until the commit: the call's row comes before all other locks.

    Whoever waited sees what the one before has written. Raises SeasonNotPlanned.
    """
    # Rows that refer to the call may be written meanwhile: two who had would otherwise wait for each other.
    row = session.get(Call, year, with_for_update={"key_share": True}, populate_existing=True)
    if row is None:
        raise SeasonNotPlanned(year)
    return row


def planned_seasons(session: Session) -> list[int]:
    return list(session.scalars(select(Call.season).order_by(Call.season)))


def seasons_going_on(session: Session) -> list[int]:
    """Seasons that are planned and not closed yet."""
    return list(session.scalars(select(Call.season).where(Call.state != CallState.CLOSED).order_by(Call.season)))


def milestone_rows(session: Session, year: int) -> Sequence[MilestoneDate]:
    """Every date of a season, the earliest first."""
    return session.scalars(
        select(MilestoneDate)
        .where(MilestoneDate.season == year)
        .order_by(MilestoneDate.due_at, MilestoneDate.milestone, MilestoneDate.ordinal, MilestoneDate.unit)
    ).all()


def counts_by_state(session: Session, year: int) -> dict[SubmissionState, int]:
    """Submissions of a season by state; states without any are left out."""
    rows = session.execute(
        select(Submission.state, func.count()).where(Submission.season == year).group_by(Submission.state)
    )
    return dict(rows.all())


def counts_by_outcome(session: Session, year: int) -> dict[Outcome, int]:
    """Archived submissions of a season by outcome; outcomes without any are left out."""
    rows = session.execute(
        select(Submission.outcome, func.count())
        .where(Submission.season == year, Submission.outcome.is_not(None))
        .group_by(Submission.outcome)
    )
    return {outcome: count for outcome, count in rows if outcome}


def counts_by_unit(session: Session, year: int) -> dict[str, int]:
    """Submissions of a season by reporting unit."""
    rows = session.execute(
        select(Submission.unit, func.count()).where(Submission.season == year).group_by(Submission.unit)
    )
    return dict(rows.all())


def mobilised(session: Session, year: int) -> dict[str, tuple[int, int]]:
    """How many different organisations and people stand in a unit's submissions, by unit."""
    named = func.coalesce(func.nullif(Organisation.credit_code, ""), Organisation.name_key)
    person = Contributor.name_key + "/" + Contributor.organisation
    counts = []
    for table, who in ((Organisation, named), (Contributor, person)):
        query = select(Submission.unit, func.count(who.distinct())).join(table, table.number == Submission.number)
        counts.append(dict(session.execute(query.where(Submission.season == year).group_by(Submission.unit)).all()))
    return {unit: (counts[0][unit], counts[1].get(unit, 0)) for unit in sorted(counts[0])}


def messages_due(session: Session, year: int) -> int:
    """Messages of a season that may go out now."""
    waiting = Message.state.in_((MessageState.WAITING, MessageState.SENDING))
    return (
        session.scalar(
            select(func.count()).where(waiting, Message.season == year, Message.not_before <= database_seconds(session))
        )
        or 0
    )


def is_done(rows: Sequence[MilestoneDate], milestone: str) -> bool:
    """Whether every date of a milestone is settled (and there is one)."""
    own = [row for row in rows if row.milestone == milestone]
    return bool(own) and all(row.state is not MilestoneState.PENDING for row in own)


def outstanding_corrections(session: Session, year: int) -> int:
    """How many submissions of a season are with their units for correction."""
    asked = select(func.count()).select_from(Correction).join(Submission, Submission.number == Correction.number)
    outstanding = (Submission.state != SubmissionState.ARCHIVED, Correction.state == CorrectionState.OUTSTANDING)
    return session.scalar(asked.where(Submission.season == year, *outstanding)) or 0


def next_correction_due(session: Session, year: int, at: datetime) -> datetime | None:
    """Until when the next correction can still come at an instant; None when none is wanted any more."""
    asked = select(func.min(Correction.due_at)).join(Submission, Submission.number == Correction.number)
    wanted = (Correction.state == CorrectionState.OUTSTANDING, Correction.due_at >= at)
    return session.scalar(asked.where(Submission.season == year, *wanted))


def by_whom_assigned() -> ColumnElement[bool]:
    """Joins a score with the assignment by which its expert was asked for it."""
    pairs = (
        (Assignment.number, Score.number),
        (Assignment.expert, Score.expert),
        (Assignment.round, Score.round),
    )
    return and_(*(column == other for column, other in pairs))


def awards_standing(session: Session, year: int) -> dict[Tier, int]:
    """How many awards stand of each tier that has any."""
    stands = (Submission.tier.is_not(None), Submission.outcome.is_distinct_from(Outcome.REVOKED))
    counted = select(Submission.tier, func.count()).where(Submission.season == year, *stands)
    return {tier: count for tier, count in session.execute(counted.group_by(Submission.tier)) if tier}
