"""The season's zone: its days, its instants, how both are written, and the times that a person typed."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from config.errors import GangchuangError

ZONE = ZoneInfo("Asia/Shanghai")
_WEEKDAYS = "一二三四五六日"


def end_of_day(day: date) -> datetime:
    """The last instant of a local day, as an aware instant: deadlines given in days end here."""
    return datetime.combine(day, time(23, 59, 59), ZONE)


def local_day(instant: datetime) -> date:
    """The day of an instant in the season's zone."""
    return instant.astimezone(ZONE).date()


def minute(instant: datetime) -> str:
    """An instant in figures: 2026-04-30 18:00."""
    return f"{instant.astimezone(ZONE):%Y-%m-%d %H:%M}"


def day(value: date) -> str:
    """A day for people: 2026年4月30日(周四). An instant counts as its day in Beijing."""
    on = _local(value).date() if isinstance(value, datetime) else value
    return f"{on.year}年{on.month}月{on.day}日(周{_WEEKDAYS[on.weekday()]})"


def instant(value: datetime) -> str:
    """An instant for people: 2026年4月30日(周四)18:00 北京时间; seconds only where there are any, a day's last is its 24:00."""
    local = _local(value)
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    clock = "24:00" if clock == "23:59:59" else clock
    return f"{day(local)}{clock} 北京时间"


def _local(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"the instant {value} has no zone")
    return value.astimezone(ZONE)


class NotALocalTime(GangchuangError):
    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.chinese = f"“{text}”不是北京时间的日期和时间（例如 2026-05-08T18:00）。没有任何改动。"
        super().__init__(f"{text!r} {reason}. Write the local time ({ZONE.key}), such as 2026-05-08T18:00.")


def local_instant(text: str) -> datetime:
    """ISO 8601 text in the season's zone, with or without its offset. Raises NotALocalTime."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as problem:
        raise NotALocalTime(text, "is no date and time") from problem
    if moment.tzinfo is None:
        return moment.replace(tzinfo=ZONE)
    if moment.utcoffset() != moment.astimezone(ZONE).utcoffset():
        raise NotALocalTime(text, "is written in another zone than the season's")
    return moment.astimezone(ZONE)
