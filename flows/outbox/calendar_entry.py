"""A deadline for people's calendars (RFC 5545)."""

import hashlib
from datetime import UTC, datetime, timedelta

from icalendar import Alarm, Calendar, Event

from config.season import Season

REMIND_BEFORE = timedelta(days=1)


def calendar_entry(
    *, key: str, title: str, at: datetime, written_at: datetime, season: Season, sequence: int = 0
) -> bytes:
    """One ICS file with the deadline `at` (aware) as an event without length, and an alarm a day before.

    The UID comes from season and `key` alone, so a moved date sent with a higher `sequence`
    replaces the old entry in a calendar that follows RFC 5546.
    """
    event = Event()
    event.add("uid", f"{hashlib.sha256(f'{season.year}/{key}'.encode()).hexdigest()[:32]}@gangchuang")
    event.add("dtstamp", written_at.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", at.astimezone(UTC).replace(microsecond=0))
    event.add("sequence", sequence)
    event.add("summary", title)
    event.add("description", f"{season.title}。联系：{season.office.name}（{season.office.mail}）。")
    event.add("transp", "TRANSPARENT")
    event.add_component(_alarm(title))
    calendar = Calendar()
    calendar.add("prodid", "-//gangchuang//deadlines//ZH")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _alarm(title: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", title)
    alarm.add("trigger", -REMIND_BEFORE)
    return alarm
