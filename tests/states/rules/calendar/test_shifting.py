"""From one year's dates to the next's: on working days, in order, with what was promised kept."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from config.calendar import count_working_days, is_working_day
from config.local_time import ZONE, local_day
from config.milestones import Milestone
from states.rules.calendar.season_check import warnings_of
from states.rules.calendar.shifting import fitting_day, in_another_year, moved_by_calendar, shifted_dates
from states.rules.calendar.timetable import Dated
from states.timeline import planned_dates
from tests.support.builders import season_rules


@pytest.mark.parametrize("years", range(1, 25))
def test_every_date_of_a_shifted_season_falls_on_an_ordinary_working_day(years: int) -> None:
    season = season_rules()

    moved = shifted_dates(season, years)

    days = {name: local_day(instant) for name, instant in moved.items()}
    assert not [name for name, day in days.items() if day.weekday() >= 5 or not is_working_day(day)]
    assert list(moved.values()) == sorted(moved.values())
    assert {instant.time() for instant in moved.values()} == {instant.time() for _, instant in season.dates.given()}
    assert count_working_days(days["check_eligibility"], days["close_eligibility"]) > 5
    assert count_working_days(days["open_public_notice"], days["publish_results"]) > 20
    shifted = season.model_copy(update={"dates": season.dates.model_copy(update=moved)})
    assert not [warning for warning in warnings_of(shifted) if "dates." in warning]


def test_a_closing_goes_back_and_an_opening_goes_on() -> None:
    saturday = date(2027, 5, 29)

    assert fitting_day(saturday, before=True) == date(2027, 5, 28)
    assert fitting_day(saturday, before=False) == date(2027, 5, 31)
    assert fitting_day(date(2026, 5, 9), before=False) == date(2026, 5, 11), "a weekend that is worked is no day for it"


def test_a_leap_day_has_a_day_in_every_year() -> None:
    leap = datetime(2028, 2, 29, 9, tzinfo=ZONE)

    assert in_another_year(leap, 1).date() == date(2029, 2, 28)


def test_periods_are_kept_where_the_days_were_tight() -> None:
    """A long holiday in the correction's week takes working days away: the close goes on until they are there."""
    season = season_rules()
    dates = {
        "check_eligibility": datetime(2026, 6, 4, 9, tzinfo=ZONE),
        "close_eligibility": datetime(2026, 6, 11, 18, tzinfo=ZONE),
        "publish_results": datetime(2026, 8, 5, 9, tzinfo=ZONE),
    }
    season = season.model_copy(update={"dates": season.dates.model_copy(update=dates)})

    moved = shifted_dates(season, 1)

    assert local_day(moved["close_eligibility"]) == date(2027, 6, 14), "9 June 2027 is the Dragon Boat Festival"
    assert count_working_days(local_day(moved["open_public_notice"]), local_day(moved["publish_results"])) == 21


def test_what_an_announced_calendar_moves_is_told(fresh_home: Path) -> None:
    """Two days off round the closing and in the notice: both are told; what is settled or past stays."""
    season = season_rules(2027)
    dates = shifted_dates(season_rules(), 1)
    season = season.model_copy(update={"dates": season.dates.model_copy(update=dates)})
    planned = [Dated(step, ordinal, unit, at) for step, ordinal, unit, at in planned_dates(season)]
    early = season.dates.open_call - timedelta(days=30)
    assert list(moved_by_calendar(season, planned, early)) == []

    (fresh_home / "holidays").mkdir()
    (fresh_home / "holidays" / "2027.toml").write_text("off = [2027-04-30, 2027-08-05]\n", "utf-8")
    found = {date.dated.milestone: date for date in moved_by_calendar(season, planned, early)}

    assert set(found) == {Milestone.CLOSE_CALL, Milestone.CLOSE_PUBLIC_NOTICE}
    assert found[Milestone.CLOSE_CALL].to == datetime(2027, 4, 29, 18, tzinfo=ZONE)
    assert "2027-04-30 is 周五 放假" in found[Milestone.CLOSE_CALL].why
    assert found[Milestone.CLOSE_PUBLIC_NOTICE].to == datetime(2027, 8, 11, tzinfo=ZONE)
    late = season.dates.close_call + timedelta(days=1)
    assert {date.dated.milestone for date in moved_by_calendar(season, planned, late)} == {
        Milestone.CLOSE_PUBLIC_NOTICE
    }
