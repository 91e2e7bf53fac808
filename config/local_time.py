"""The season's zone: its days, its instants, and the times that a person typed."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from config.errors import GangchuangError

ZONE = ZoneInfo("Asia/Shanghai")


def end_of_day(day: date) -> datetime:
    """The last instant of a local day, as an aware instant: deadlines given in days end here."""
    return datetime.combine(day, time(23, 59, 59), ZONE)


def local_day(instant: datetime) -> date:
    """The day of an instant in the season's zone."""
    return instant.astimezone(ZONE).date()


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
