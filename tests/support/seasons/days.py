"""Working days, as the season counts them: days to correct, and the public notice."""

from datetime import date, datetime, time, timedelta

from config.calendar import is_working_day, last_of_working_days, working_days_after
from config.local_time import ZONE, end_of_day, local_day


def correction_due(at: datetime) -> datetime:
    """Five working days from an instant; of the next year nobody knows them yet, nor asks."""
    return end_of_day(working_days_after(min(local_day(at), date(2026, 12, 1)), 5))


def last_day_to_correct(at: datetime, closes_at: datetime) -> datetime | None:
    """Five working days, but so that a working day is left to judge; nothing when none is left to correct."""
    due_at = correction_due(at)
    if due_at < closes_at:
        return due_at
    last = local_day(closes_at) - timedelta(days=1)
    while not is_working_day(last):
        last -= timedelta(days=1)
    return end_of_day(last) if last > local_day(at) else None


def notice_end(opened_at: datetime) -> datetime:
    """Five working days, the posting day counted, to the end of the last."""
    last = last_of_working_days(local_day(opened_at), 5)
    return datetime.combine(last + timedelta(days=1), time(0), ZONE)
