"""What fails, cause by cause, until it succeeds: how often, why, and when it is tried again.

Passing, like a claim: nothing follows from it but the pause, what `status` says and a letter to the office.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Chore, Milestone
from config.units import all_units
from models import Failure
from models.database import database_seconds

# The clock's own look at the whole record, kept among what fails while it finds a change.
VERIFICATION = "verify_record"
LONGEST_PAUSE = 3600.0
# One failure may pass by itself; two in a row are told.
TOLD_FROM = 2


def pause_after(attempts: int, seconds: float) -> float:
    """Seconds until the next attempt, after so many: doubling with each, up to an hour."""
    return float(min(seconds * 2**attempts, LONGEST_PAUSE))


def label_of(stage: str) -> str:
    """What the office calls a stage, with its unit where one has a run of its own."""
    if stage == VERIFICATION:
        return "核验操作留痕"
    name, _, unit = stage.partition("/")
    known: list[Milestone | Chore] = [*Milestone, *Chore]
    label = next((member.label for member in known if member == name), name)
    return f"{label}（{all_units()[unit].name}）" if unit in all_units() else label


def keep_failures(
    session: Session,
    year: int,
    stage: str,
    problems: Mapping[str, str],
    *,
    at: datetime,
    seconds: float,
    marks: Mapping[str, str] | None = None,
    resting: Collection[str] = (),
) -> None:
    """Keep what failed in a run of a stage, by subject; what did not is forgotten, unless it was `resting`.

    Another `mark` than before is another thing: it begins anew. `seconds` is half the first pause.
    """
    known = {row.subject: row for row in failures(session, year, stage)}
    for subject, problem in problems.items():
        mark = (marks or {}).get(subject, "")
        row = known.pop(subject, None)
        if row is None:
            row = Failure(
                season=year, stage=stage, subject=subject, attempts=0, first_failed_at=at, failed_at=at, not_before=0.0
            )
            session.add(row)
        elif row.mark != mark:
            row.attempts, row.first_failed_at = 0, at
        # What failed once may have been in somebody's way: it is tried again with the next run.
        row.not_before = database_seconds(session) + pause_after(row.attempts, seconds) if row.attempts else 0.0
        row.attempts, row.mark, row.problem, row.failed_at = row.attempts + 1, mark, problem, at
    for subject, row in known.items():
        if subject not in resting:
            session.delete(row)
    session.flush()


def failures(session: Session, year: int, stage: str = "") -> Sequence[Failure]:
    """What fails at present in a season, or in one of its stages, the longest first."""
    query = select(Failure).where(Failure.season == year).order_by(Failure.first_failed_at, Failure.stage)
    return session.scalars(query.where(Failure.stage == stage) if stage else query).all()


def resting(session: Session, year: int, stage: str) -> dict[str, str]:
    """Subjects of a stage whose next attempt has not come, with their marks."""
    present = database_seconds(session)
    return {row.subject: row.mark for row in failures(session, year, stage) if row.not_before > present}
