"""Deadlines for people's calendars."""

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar, Event

from config.season import Season, load_season
from flows.letters import calendar_entry

AT = datetime(2026, 4, 30, 10, 0, tzinfo=UTC)
WRITTEN = datetime(2026, 3, 2, 1, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def season() -> Season:
    return load_season(2026)


def test_an_entry_holds_the_deadline_and_an_alarm_a_day_before(season: Season) -> None:
    event = _event(calendar_entry(key="a", title="申报截止", at=AT, written_at=WRITTEN, season=season))

    assert event["SUMMARY"] == "申报截止"
    assert event["DTSTART"].dt == AT
    assert event["DTSTAMP"].dt == WRITTEN.replace(microsecond=0)
    assert event.walk("VALARM")[0]["TRIGGER"].dt == timedelta(days=-1)
    assert season.office.mail in event["DESCRIPTION"]


def test_the_same_deadline_keeps_its_uid_when_it_moves(season: Season) -> None:
    def entry(key: str, at: datetime, sequence: int = 0) -> Event:
        return _event(
            calendar_entry(key=key, title="截止", at=at, written_at=WRITTEN, season=season, sequence=sequence)
        )

    first, moved, other = entry("a", AT), entry("a", AT + timedelta(days=1), 1), entry("b", AT)

    assert first["UID"] == moved["UID"] != other["UID"]
    assert (first["SEQUENCE"], moved["SEQUENCE"]) == (0, 1)


def test_the_same_entry_has_the_same_bytes_in_folded_lines(season: Season) -> None:
    def made() -> bytes:
        return calendar_entry(key="a", title="一个很长的名称" * 30, at=AT, written_at=WRITTEN, season=season)

    assert made() == made()
    assert max(map(len, made().split(b"\r\n"))) <= 75


def _event(content: bytes) -> Event:
    (event,) = Calendar.from_ical(content).walk("VEVENT")
    return event
