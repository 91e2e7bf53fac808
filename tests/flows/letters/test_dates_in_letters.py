"""How days and instants are written for people."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from flows.letters.filters import day, instant

BANGKOK = timezone(timedelta(hours=7))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (datetime(2026, 4, 30, 10, 0, tzinfo=UTC), "2026年4月30日(周四)18:00 北京时间"),
        (datetime(2026, 4, 30, 17, 0, tzinfo=BANGKOK), "2026年4月30日(周四)18:00 北京时间"),
        (datetime(2026, 12, 31, 16, 5, tzinfo=UTC), "2027年1月1日(周五)00:05 北京时间"),
        (datetime(2026, 3, 1, 1, 2, 3, 999999, tzinfo=UTC), "2026年3月1日(周日)09:02:03 北京时间"),
    ],
)
def test_an_instant_is_written_in_beijing_time(given: datetime, read: str) -> None:
    assert instant(given) == read


def test_an_instant_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="no zone"):
        instant(datetime(2026, 4, 30))


def test_a_day_has_its_weekday() -> None:
    assert day(date(2026, 8, 3)) == "2026年8月3日(周一)"
    assert day(datetime(2026, 8, 2, 20, 0, tzinfo=UTC)) == "2026年8月3日(周一)"
