"""Working days by the official calendar: holidays, make-up days, and years nobody knows yet."""

from datetime import date
from pathlib import Path

import pytest

from config.calendar import (
    CalendarBroken,
    CalendarUnknown,
    calendar_of,
    count_working_days,
    day_note,
    is_working_day,
    last_of_working_days,
    provisional_note,
    provisional_years,
    working_days_after,
)


@pytest.fixture
def overrides(fresh_home: Path) -> Path:
    """The folder of a home's own holidays."""
    folder = fresh_home / "holidays"
    folder.mkdir()
    return folder


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


def test_a_year_that_nobody_knows_is_an_error_with_a_way_out() -> None:
    with pytest.raises(
        CalendarUnknown, match=r"holiday calendar of 2101 is not known .* holidays/2101\.toml in the home"
    ) as caught:
        is_working_day(date(2101, 1, 4))

    assert caught.value.year == 2101


def test_a_year_not_announced_has_its_statutory_days_provisionally() -> None:
    known = calendar_of(2027)

    assert (known.provisional, known.source.split()[0], known.work) == (True, "holidays", frozenset())
    assert {date(2027, 2, 5), date(2027, 2, 10), date(2027, 5, 3), date(2027, 5, 4)} <= known.off
    assert [is_working_day(date(2027, 5, day)) for day in (1, 2, 3, 4, 5)] == [False] * 4 + [True]
    assert not calendar_of(2026).provisional


def test_the_provisional_days_of_an_announced_year_are_days_off_in_it_too() -> None:
    """What the law gives, the State Council's calendar gives as well."""
    from config.calendar import statutory

    for year in (2025, 2026):
        assert not [day for day in statutory(year).off if day.weekday() < 5 and calendar_of(year).works(day)]


def test_what_names_provisional_days_says_so() -> None:
    assert provisional_years([date(2026, 4, 30), date(2027, 4, 30), date(2028, 1, 1)]) == [2027, 2028]
    assert "2027年的节假日安排尚未公布" in provisional_note("请于2027年4月30日(周五)前报送，2026年5月1日除外")
    assert provisional_note("请于2026年4月30日前报送") == ""


def test_the_announced_days_end_what_was_provisional_at_once(overrides: Path) -> None:
    """Whoever runs reads the file as soon as it lies there, and again when it was corrected."""
    assert is_working_day(date(2027, 4, 30))
    (overrides / "2027.toml").write_text("off = [2027-04-30]\nwork = [2027-05-08]\n", "utf-8")
    assert [is_working_day(date(2027, 4, 30)), is_working_day(date(2027, 5, 8))] == [False, True]
    assert provisional_note("2027年4月30日") == ""

    (overrides / "2027.toml").write_text("off = [2027-04-29, 2027-04-30]\n", "utf-8")

    assert not is_working_day(date(2027, 4, 29))
    assert calendar_of(2027).source == str(overrides / "2027.toml")


def test_an_office_may_write_a_provisional_year_itself(overrides: Path) -> None:
    (overrides / "2027.toml").write_text("off = [2027-01-01]\nprovisional = true\n", "utf-8")

    assert provisional_years([date(2027, 3, 1)]) == [2027]


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
        ("off = '2031-01-01'", "`off` must hold dates of 2031"),
        ("off = [2031-01-01]\nwork = [2031-01-01]", "2031-01-01 stands in both lists"),
        ("holidays = [2031-01-01]", "it has holidays, which means nothing here"),
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
        (date(2027, 4, 30), "周五 暂定"),
        (date(2027, 5, 4), "周二 放假（暂定）"),
        (date(2027, 5, 8), "周六 休息（暂定）"),
        (date(2101, 5, 10), "周二 日历未知"),
    ],
)
def test_a_days_note(day: date, note: str) -> None:
    assert day_note(day) == note
