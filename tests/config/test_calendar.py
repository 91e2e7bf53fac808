"""Working days by the official calendar: holidays, make-up days, and years nobody knows yet."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from config import calendar
from config.calendar import (
    CalendarBroken,
    CalendarUnknown,
    count_working_days,
    day_note,
    is_working_day,
    last_of_working_days,
    working_days_after,
)


@pytest.fixture
def overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for override files of one's own."""
    monkeypatch.setattr(calendar, "HOLIDAYS", tmp_path)
    calendar._override.cache_clear()
    yield tmp_path
    calendar._override.cache_clear()


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 4, 30), True),
        (date(2026, 5, 1), False),
        (date(2026, 5, 5), False),
        (date(2026, 5, 6), True),
        (date(2026, 5, 9), True),
        (date(2026, 5, 10), False),
    ],
)
def test_labour_day_2026_with_its_make_up_day(day: date, working: bool) -> None:
    assert is_working_day(day) is working


def test_a_period_that_counts_its_first_day() -> None:
    assert last_of_working_days(date(2026, 8, 3), 5) == date(2026, 8, 7)
    assert last_of_working_days(date(2026, 8, 1), 1) == date(2026, 8, 3), "a Saturday does not count"


def test_a_period_to_answer_does_not_count_its_first_day() -> None:
    assert working_days_after(date(2026, 4, 29), 2) == date(2026, 5, 6)
    assert working_days_after(date(2026, 4, 30), 1) == date(2026, 5, 6)


def test_both_ends_are_counted() -> None:
    assert count_working_days(date(2026, 8, 3), date(2026, 8, 10)) == 6
    assert count_working_days(date(2026, 8, 8), date(2026, 8, 9)) == 0


def test_a_year_without_a_calendar_is_an_error_with_a_way_out() -> None:
    with pytest.raises(
        CalendarUnknown, match=r"holiday calendar of 2031 is not known .* holidays/2031\.toml"
    ) as caught:
        is_working_day(date(2031, 1, 4))

    assert caught.value.year == 2031


def test_an_override_makes_a_year_known(overrides: Path) -> None:
    (overrides / "2031.toml").write_text("off = [2031-01-01]\nwork = [2031-01-04]\n", "utf-8")

    assert [is_working_day(date(2031, 1, day)) for day in (1, 2, 3, 4, 5)] == [False, True, True, True, False]


def test_an_override_comes_before_the_package(overrides: Path) -> None:
    (overrides / "2026.toml").write_text("off = [2026-04-30]\n", "utf-8")

    assert not is_working_day(date(2026, 4, 30))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("off = [", r"2031\.toml"),
        ("off = [2030-01-01]", "`off` must hold dates of 2031"),
        ("work = ['2031-01-01']", "`work` must hold dates of 2031"),
        ("off = [2031-01-01T00:00:00]", "`off` must hold dates of 2031"),
    ],
)
def test_a_broken_override_is_said_to_be_broken(overrides: Path, text: str, words: str) -> None:
    (overrides / "2031.toml").write_text(text, "utf-8")

    with pytest.raises(CalendarBroken, match=words):
        is_working_day(date(2031, 1, 1))


@pytest.mark.parametrize(
    ("day", "note"),
    [
        (date(2026, 4, 30), "周四"),
        (date(2026, 5, 1), "周五 放假"),
        (date(2026, 5, 9), "周六 调休上班"),
        (date(2026, 5, 10), "周日 休息"),
        (date(2031, 5, 10), "周六 日历未知"),
    ],
)
def test_a_days_note(day: date, note: str) -> None:
    assert day_note(day) == note
