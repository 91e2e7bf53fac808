"""Working days by the official Chinese holiday calendar, make-up days included."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import chinese_calendar

from config.errors import GangchuangError

HOLIDAYS = Path(__file__).parent / "holidays"


class CalendarUnknown(GangchuangError):
    """No official calendar for this year yet: never guessed."""

    def __init__(self, year: int) -> None:
        self.year = year
        super().__init__(
            f"The official holiday calendar of {year} is not known to this version. "
            f"Write the State Council's dates into {HOLIDAYS.name}/{year}.toml as `off = [2027-01-01, ...]` and "
            f"`work = [...]` (make-up days), or upgrade the chinesecalendar package."
        )


class CalendarBroken(GangchuangError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path}: {reason}. The file holds two lists of dates, `off` and `work`.")


@dataclass(frozen=True)
class Override:
    """One year's holidays as an administrator copied them from the State Council's notice."""

    off: frozenset[date]
    work: frozenset[date]


def is_working_day(day: date) -> bool:
    """Whether offices work on this day. Raises CalendarUnknown for a year without a calendar."""
    override = _override(day.year)
    if override is not None:
        return day in override.work or (day not in override.off and day.weekday() < 5)
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        raise CalendarUnknown(day.year) from None


def working_days_from(day: date) -> Iterator[date]:
    """The working days on and after a day, in order."""
    while True:
        if is_working_day(day):
            yield day
        day += timedelta(days=1)


def last_of_working_days(start: date, count: int) -> date:
    """The last day of a period of `count` working days that counts its first day (public notices do)."""
    days = working_days_from(start)
    return [next(days) for _ in range(count)][-1]


def working_days_after(start: date, count: int) -> date:
    """The `count`-th working day after a day that itself does not count (periods to answer do not)."""
    return last_of_working_days(start + timedelta(days=1), count)


def count_working_days(first: date, last: date) -> int:
    """Working days from first to last, both counted."""
    return sum(is_working_day(first + timedelta(days=n)) for n in range((last - first).days + 1))


def day_note(day: date) -> str:
    """How a day stands in the calendar, for printing: 周五, 周日 休息, 周日 调休上班, 周五 放假, 周一 日历未知."""
    weekday = "周" + "一二三四五六日"[day.weekday()]
    try:
        working = is_working_day(day)
    except CalendarUnknown:
        return f"{weekday} 日历未知"
    if working:
        return weekday if day.weekday() < 5 else f"{weekday} 调休上班"
    return f"{weekday} 休息" if day.weekday() >= 5 else f"{weekday} 放假"


@lru_cache
def _override(year: int) -> Override | None:
    path = HOLIDAYS / f"{year}.toml"
    if not path.exists():
        return None
    try:
        lists = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise CalendarBroken(path, str(problem)) from problem
    for name in ("off", "work"):
        days = lists.get(name, [])
        if not all(type(day) is date and day.year == year for day in days):
            raise CalendarBroken(path, f"`{name}` must hold dates of {year}")
    return Override(off=frozenset(lists.get("off", [])), work=frozenset(lists.get("work", [])))
