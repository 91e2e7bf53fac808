"""Instants that lie implausibly far ahead of what a season has recorded and still awaits.

A machine whose clock says 2099 would settle every milestone for ever: what it would do waits for a person, who
says by `GANGCHUANG_BELIEVED_UNTIL` that the time is true. A record that stood still for a summer waits too.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import ZONE, minute
from models import History
from models.enums import CallState, MilestoneState
from models.queries import call_state, milestone_rows

PLAUSIBLE_FOR = timedelta(days=120)


class InstantImplausible(GangchuangError):
    def __init__(self, year: int, at: datetime, until: datetime) -> None:
        self.year, self.at, self.until = year, at, until
        super().__init__(
            f"The clock says {minute(at)}, but of season {year} something should have been "
            f"recorded before {until.astimezone(ZONE):%Y-%m-%d}. Nothing was changed. Set the machine's clock if it is "
            f"wrong. If it is right, nothing ran for that long: say so by GANGCHUANG_BELIEVED_UNTIL={at.isoformat()} in "
            f"front of the command, or of `gangchuang serve` until it has caught up."
        )


def believe(session: Session, year: int, at: datetime, believed_until: datetime | None) -> None:
    """Raise InstantImplausible for an instant long after the last entry and after what came next by the timetable."""
    until = plausible_until(session, year)
    if at > until and (believed_until is None or at > believed_until):
        raise InstantImplausible(year, at, until)


def plausible_until(session: Session, year: int) -> datetime:
    """Until when a season may stay without an entry; a closed one for ever."""
    written = session.scalar(select(func.max(History.at)).where(History.subject == f"call/{year}"))
    pending = [row.due_at for row in milestone_rows(session, year) if row.state is MilestoneState.PENDING]
    if written is None or not pending or call_state(session, year) is CallState.CLOSED:
        return datetime.max.replace(tzinfo=ZONE)
    last = datetime.fromisoformat(written)
    return min((due_at for due_at in pending if due_at > last), default=last) + PLAUSIBLE_FOR
