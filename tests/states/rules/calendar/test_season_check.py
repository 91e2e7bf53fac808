"""What an administrator is warned of before a season is planned."""

import re
from datetime import datetime

import pytest

from config.local_time import ZONE
from config.season import Season
from states.rules.calendar.season_check import warnings_of
from tests.support.builders import season_rules


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def with_dates(**dates: str) -> Season:
    season = season_rules()
    moved = season.dates.model_copy(update={name: local(text) for name, text in dates.items()})
    return season.model_copy(update={"dates": moved})


def test_the_shipped_season_warns_only_of_what_its_office_has_still_to_name() -> None:
    assert [warning.split(".")[0] for warning in warnings_of(season_rules())] == [
        "the calendar of 2027 is provisional (holidays 0",
        "final_round",
    ]


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ({"close_call": "2026-05-01T18:00"}, "dates.close_call falls on 2026-05-01 (周五 放假): offices are closed"),
        ({"close_district_round": "2026-05-30T18:00"}, "dates.close_district_round falls on 2026-05-30 (周六 休息)"),
        ({"open_public_notice": "2026-08-02T09:00"}, "the posting day does not count"),
        ({"publish_results": "2026-08-20T09:00"}, "such awards would stay suspended"),
        ({"close_eligibility": "2026-06-05T18:00"}, "fewer than 5 working days"),
    ],
)
def test_dates_that_will_trouble_people(dates: dict[str, str], words: str) -> None:
    found = warnings_of(with_dates(**dates))
    assert all(re.search("[一-鿿]{4}", warning.chinese) for warning in found), "the office reads it too"

    assert [warning for warning in found if words in warning] == found[:1]
    assert len(found) == 3, "the others are about the calendar of 2027 and what the draw lacks"


def test_a_make_up_day_is_a_working_day() -> None:
    found = warnings_of(with_dates(close_call="2026-05-09T18:00"))

    assert not [warning for warning in found if "close_call" in warning]


def test_a_notice_shorter_than_promised_is_warned_of() -> None:
    season = season_rules()
    short = season.public_notice.model_copy(update={"working_days": 3})

    found = warnings_of(season.model_copy(update={"public_notice": short}))

    assert any("public_notice.working_days is 3, but 5 were promised" in warning for warning in found)
