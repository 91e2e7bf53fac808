"""Which troubles the office is written about: once a cause and day while one lasts, and once when it is over."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import local_day
from models import Alert
from models.enums import TroubleKind
from states.troubles import Trouble

# With which the keys of its letters begin, after the season.
LETTERS = "alert"
Key = tuple[TroubleKind, str]


def standing_alerts(session: Session, year: int) -> Sequence[Alert]:
    """What the office was written about and is still so, the longest first."""
    return session.scalars(select(Alert).where(Alert.season == year).order_by(Alert.since, Alert.kind)).all()


def to_tell(session: Session, year: int, found: Iterable[Trouble], at: datetime) -> tuple[list[Trouble], list[Alert]]:
    """Of the troubles of this moment, those to write of today; and the alerts whose cause is gone."""
    standing: dict[Key, Alert] = {(alert.kind, alert.subject): alert for alert in standing_alerts(session, year)}
    new = []
    for trouble in found:
        if trouble.by_mail:
            alert = standing.pop((trouble.kind, trouble.subject), None)
            if alert is None or local_day(alert.told_at) < local_day(at):
                new.append(trouble)
    return new, list(standing.values())


def keep_told(session: Session, year: int, told: Iterable[Trouble], over: Iterable[Alert], at: datetime) -> None:
    """Keep that the office was written of some troubles, and of the end of some others."""
    standing: dict[Key, Alert] = {(alert.kind, alert.subject): alert for alert in standing_alerts(session, year)}
    for trouble in told:
        known = standing.get((trouble.kind, trouble.subject))
        if known is None:
            session.add(Alert(season=year, kind=trouble.kind, subject=trouble.subject, since=at, told_at=at))
        else:
            known.told_at = at
    for alert in over:
        session.delete(standing[alert.kind, alert.subject])
    session.flush()
