"""A time that a person typed, as an aware instant."""

from datetime import datetime

from config.errors import GangchuangError
from config.season import ZONE


class NotALocalTime(GangchuangError):
    def __init__(self, text: str, reason: str) -> None:
        self.text = text
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
