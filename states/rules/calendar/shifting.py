"""From one year's dates to another's, on days on which offices work. Pure.

A date keeps its day of the year. Where that is no ordinary working day, what people deliver by (a closing) goes back to
the last one before, so that nobody is asked to deliver on a holiday, and everything else on to the first one after. A
weekend that is worked for a holiday is a working day, but no day for a date. Then what a period promises is kept: a
correction its working days, an objection its answer before the results.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from config.calendar import day_note, is_working_day, last_of_working_days, working_days_after
from config.local_time import ZONE, local_day
from config.milestones import Milestone
from config.season import Season
from states.rules.calendar.timetable import Dated


@dataclass(frozen=True, slots=True)
class Moving:
    """A date that a calendar moves: where it stands, where it should stand, and why, in words."""

    dated: Dated
    to: datetime
    why: str


def fitting_day(day: date, *, before: bool) -> date:
    """The day itself if it is an ordinary working day, else the next such day before or after it.

    Raises CalendarUnknown.
    """
    step = timedelta(days=-1 if before else 1)
    while day.weekday() >= 5 or not is_working_day(day):
        day += step
    return day


def fitting(step: Milestone, instant: datetime) -> datetime:
    """The same time of day on a day that fits a milestone. Raises CalendarUnknown."""
    local = instant.astimezone(ZONE)
    # A season's end is its last day, and so goes back as a closing does.
    day = fitting_day(local.date(), before=step.value.startswith("close_"))
    return datetime.combine(day, local.time(), ZONE)


def in_another_year(instant: datetime, years: int) -> datetime:
    """The same day and time of day, some years later; 29 February is the 28th where there is none."""
    local = instant.astimezone(ZONE)
    try:
        return local.replace(year=local.year + years)
    except ValueError:
        return local.replace(year=local.year + years, day=28)


def shifted_dates(season: Season, years: int) -> dict[Milestone, datetime]:
    """A season's dates some years later, in order and with its periods kept. Raises CalendarUnknown."""
    given = ((Milestone(name), instant) for name, instant in season.dates.given())
    moved = {step: fitting(step, in_another_year(instant, years)) for step, instant in given}
    _at_least(
        moved,
        Milestone.CLOSE_ELIGIBILITY,
        working_days_after(local_day(moved[Milestone.CHECK_ELIGIBILITY]), season.eligibility.correction_working_days),
    )
    notice = season.public_notice
    _at_least(
        moved,
        Milestone.PUBLISH_RESULTS,
        last_of_working_days(
            local_day(moved[Milestone.OPEN_PUBLIC_NOTICE]), notice.working_days + notice.answer_working_days + 1
        ),
    )
    for before, after in pairwise(moved):
        if moved[after] <= moved[before]:
            following = fitting_day(local_day(moved[before]) + timedelta(days=1), before=False)
            moved[after] = datetime.combine(following, moved[after].time(), ZONE)
    return moved


def _at_least(moved: dict[Milestone, datetime], step: Milestone, day: date) -> None:
    if local_day(moved[step]) < day:
        moved[step] = datetime.combine(fitting_day(day, before=False), moved[step].time(), ZONE)


def moved_by_calendar(season: Season, dates: list[Dated], at: datetime) -> Iterator[Moving]:
    """The open dates of a planned season that the calendar as it is known now moves, the soonest first.

    What has come already, and what has no deadline or step on its day (reminders), stays. Raises CalendarUnknown.
    """
    opens = next((date.due_at for date in dates if date.milestone is Milestone.OPEN_PUBLIC_NOTICE), None)
    for date_in_force in sorted(dates, key=lambda dated: (dated.due_at, dated.unit)):
        step, stands = date_in_force.milestone, date_in_force.due_at.astimezone(ZONE)
        if date_in_force.settled or stands <= at or step.is_reminder or step is Milestone.ERASE_PERSONAL_DATA:
            continue
        if step is Milestone.CLOSE_PUBLIC_NOTICE:
            if opens is None:
                continue
            posted = fitting_day(local_day(opens), before=False)
            last = last_of_working_days(posted, season.public_notice.working_days)
            to = datetime.combine(last + timedelta(days=1), time(0), ZONE)
            why = f"{season.public_notice.working_days} working days from {posted} end with {last}"
        else:
            to = fitting(step, stands)
            why = f"{stands:%Y-%m-%d} is {day_note(stands.date())}"
        if to != stands:
            yield Moving(date_in_force, to, why)
