"""What is due at an instant. Pure: the clock asks, this answers, the clock starts.

Steps run in the order of the year, late if they must. A reminder whose day is gone, or whose
deadline has passed, is skipped. A step that waits for a person is not due before the person
has decided.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from config.local_time import ZONE
from config.milestones import Milestone, Missed


@dataclass(frozen=True, slots=True)
class Dated:
    """One dated milestone as kept: `unit` is empty for the season's own date."""

    milestone: Milestone
    ordinal: int
    unit: str
    due_at: datetime
    settled: bool = False

    @property
    def key(self) -> str:
        """Names the milestone within its season: for idempotency keys."""
        return "/".join(filter(None, (self.milestone.value, str(self.ordinal), self.unit)))


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The dates of one season, asked by milestone and unit."""

    dates: Mapping[tuple[Milestone, str], datetime]

    @classmethod
    def of(cls, dated: Iterable[Dated]) -> "Deadlines":
        return cls({(date.milestone, date.unit): date.due_at for date in dated if date.ordinal == 1})

    def at(self, milestone: Milestone, unit: str = "") -> datetime | None:
        """When a milestone falls for a unit; None when the season has no such date."""
        return self.dates.get((milestone, unit)) or self.dates.get((milestone, ""))

    def required(self, milestone: Milestone, unit: str = "") -> datetime:
        """When a milestone falls for a unit. Raises LookupError when the season has no such date."""
        found = self.at(milestone, unit)
        if found is None:
            raise LookupError(f"the season has no {milestone}")
        return found


_ORDER = {milestone: position for position, milestone in enumerate(Milestone)}

# The deadline that a reminder is about.
REMINDS_OF = {
    Milestone.REMIND_CALL: Milestone.CLOSE_CALL,
    Milestone.REMIND_DISTRICT_ROUND: Milestone.CLOSE_DISTRICT_ROUND,
    Milestone.REMIND_EXPERTS: Milestone.CLOSE_FINAL_ROUND,
    Milestone.REMIND_RE_REVIEW: Milestone.CLOSE_RE_REVIEW,
    Milestone.REMIND_APPROVAL: Milestone.OPEN_PUBLIC_NOTICE,
    Milestone.REMIND_PRACTICE: Milestone.CLOSE_PRACTICE,
    Milestone.REMIND_FOLLOW_UP: Milestone.CLOSE_SEASON,
}


@dataclass(frozen=True, slots=True)
class Due:
    """One milestone to start now, or (`skip`) to settle as skipped."""

    dated: Dated
    skip: bool = False

    @property
    def key(self) -> str:
        return self.dated.key


def due(dates: Iterable[Dated], at: datetime, *, waiting: Collection[Milestone] = ()) -> list[Due]:
    """What is to be started at an instant, in the order of the year.

    `waiting` holds the milestones that wait for a person. Of the steps, only the first open one
    is due: the next begins when it is settled. Reminders stand beside the steps.
    """
    unsettled = sorted((date for date in dates if not date.settled), key=_place)
    steps = [date for date in unsettled if not date.milestone.is_reminder]
    open_steps = {date.milestone for date in steps}
    reminders = [
        Due(date, skip=_day_is_gone(date, at) or REMINDS_OF[date.milestone] not in open_steps)
        for date in unsettled
        if date.milestone.is_reminder and date.due_at <= at
    ]
    if not steps or steps[0].milestone in waiting:
        return reminders
    return reminders + [Due(date) for date in steps if date.due_at <= at and date.milestone is steps[0].milestone]


def first_unsettled(dates: Iterable[Dated]) -> Dated | None:
    """The step whose turn it is, due or not: no later one may begin before it is settled."""
    return min(
        (date for date in dates if not date.settled and not date.milestone.is_reminder), key=_place, default=None
    )


def next_dates(dates: Iterable[Dated], at: datetime) -> list[Dated]:
    """What comes after an instant, the soonest first."""
    return sorted((date for date in dates if not date.settled and date.due_at > at), key=lambda date: date.due_at)


def _place(date: Dated) -> tuple[int, datetime, int, str]:
    return _ORDER[date.milestone], date.due_at, date.ordinal, date.unit


def _day_is_gone(date: Dated, at: datetime) -> bool:
    gone = at.astimezone(ZONE).date() > date.due_at.astimezone(ZONE).date()
    return gone and date.milestone.missed is Missed.SKIP
