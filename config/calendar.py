"""Working days: by the State Council's calendar where it is known, else by a provisional one of the statutory days.

Who says what the days of a year are, the first that knows it:

1. `holidays/<year>.toml` in the home: what an administrator copied from the State Council's notice;
2. the file of that name that is shipped;
3. the package chinesecalendar, which has a year once it was announced (in the November before);
4. provisionally the statutory holidays of the package holidays (国务院令第795号), with the weekdays that stand in for
   those on a weekend: nobody knows yet which further days are bridged and which weekends are worked for them.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import chinese_calendar

from config import overrides
from config.errors import GangchuangError

HOLIDAYS = Path(__file__).parent / "holidays"
_WRITTEN_YEAR = re.compile(r"(\d{4})年\d{1,2}月\d{1,2}日")


class CalendarUnknown(GangchuangError):
    """Nobody knows the days of this year, not even provisionally: never guessed."""

    def __init__(self, year: int) -> None:
        self.year = year
        super().__init__(
            f"The official holiday calendar of {year} is not known to this version. "
            f"Write the State Council's dates into holidays/{year}.toml in the home as `off = [{year}-01-01, ...]` and "
            f"`work = [...]` (make-up days), or upgrade the chinesecalendar package."
        )


class CalendarBroken(GangchuangError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"{path}: {reason}. The file holds two lists of dates, `off` and `work`, and may say `provisional = true`."
        )


@dataclass(frozen=True)
class YearOfDays:
    """The days of one year that are not what their weekday says; `source` is who says so.

    `provisional`: the State Council has not announced the year yet, so that days may still change.
    """

    year: int
    off: frozenset[date]
    work: frozenset[date]
    source: str
    provisional: bool = False

    def works(self, day: date) -> bool:
        return day in self.work or (day not in self.off and day.weekday() < 5)


def calendar_of(year: int) -> YearOfDays:
    """Who says what the days of a year are, and what they are. Raises CalendarUnknown, CalendarBroken."""
    name = f"{year}.toml"
    path = overrides.winning(HOLIDAYS / name, overrides.HOLIDAYS, name)
    if path.is_file():
        return _written(path)
    return _announced(year) or statutory(year)


@lru_cache
def statutory(year: int) -> YearOfDays:
    """A year provisionally, by the statutory holidays alone. Raises CalendarUnknown."""
    from holidays import country_holidays

    days = [day for day in country_holidays("CN", years=year) if day.year == year] if year <= _LAST_LUNAR_YEAR else []
    if not days:
        raise CalendarUnknown(year)
    return YearOfDays(year, frozenset(days), frozenset(), f"holidays {version('holidays')}", provisional=True)


def is_working_day(day: date) -> bool:
    """Whether offices work on this day. Raises CalendarUnknown for a year that nobody knows."""
    return calendar_of(day.year).works(day)


def provisional_years(days: Iterable[date]) -> list[int]:
    """Of the years in which some days lie, those whose calendar is not announced yet."""
    found = []
    for year in sorted({day.year for day in days}):
        try:
            known = not calendar_of(year).provisional
        except CalendarUnknown:
            known = False
        if not known:
            found.append(year)
    return found


def provisional_note(text: str) -> str:
    """What a letter or page says when it names days of a year that is not announced yet; empty when it names none."""
    written = {int(year) for year in _WRITTEN_YEAR.findall(text)}
    years = provisional_years(date(year, 1, 1) for year in written if year > 0)
    if not years:
        return ""
    listed = "、".join(map(str, years))
    return f"{listed}年的节假日安排尚未公布，文中该年的日期按法定节假日暂定；正式安排公布后如有调整，另行通知。"


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
    """How a day stands, for printing: 周五, 周日 休息, 周日 调休上班, 周五 放假, 周一 暂定, 周五 放假（暂定）."""
    weekday = "周" + "一二三四五六日"[day.weekday()]
    try:
        known = calendar_of(day.year)
    except CalendarUnknown:
        return f"{weekday} 日历未知"
    if known.works(day):
        note = "" if day.weekday() < 5 else "调休上班"
    else:
        note = "休息" if day.weekday() >= 5 and day not in known.off else "放假"
    if known.provisional:
        note = f"{note}（暂定）" if note else "暂定"
    return f"{weekday} {note}".strip()


# The package's lunar calendar ends there; beyond it would know the solar holidays only.
_LAST_LUNAR_YEAR = 2099


@lru_cache
def _announced(year: int) -> YearOfDays | None:
    """What the package chinesecalendar has of a year; None for a year that it does not have."""
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    try:
        working = {day for day in days if chinese_calendar.is_workday(day)}
    except NotImplementedError:
        return None
    off = frozenset(day for day in days if day not in working and day.weekday() < 5)
    work = frozenset(day for day in working if day.weekday() >= 5)
    return YearOfDays(year, off, work, f"chinesecalendar {version('chinesecalendar')}")


@overrides.reread
def _written(path: Path) -> YearOfDays:
    year = int(path.stem)
    try:
        lists = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise CalendarBroken(path, str(problem)) from problem
    if unknown := sorted(set(lists) - {"off", "work", "provisional"}):
        raise CalendarBroken(path, f"it has {', '.join(unknown)}, which means nothing here")
    for name in ("off", "work"):
        days = lists.get(name, [])
        if not isinstance(days, list) or not all(type(day) is date and day.year == year for day in days):
            raise CalendarBroken(path, f"`{name}` must hold dates of {year}")
    off, work = (frozenset(lists.get(name, [])) for name in ("off", "work"))
    if both := sorted(off & work):
        raise CalendarBroken(path, f"{both[0]} stands in both lists")
    return YearOfDays(year, off, work, str(path), lists.get("provisional", False) is True)
