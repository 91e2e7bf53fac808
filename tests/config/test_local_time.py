"""A time that a person typed."""

from datetime import datetime

import pytest

from config.local_time import ZONE, NotALocalTime, local_instant

EVENING = datetime(2026, 5, 8, 18, tzinfo=ZONE)


@pytest.mark.parametrize(
    "text", ["2026-05-08T18:00", "2026-05-08 18:00", " 2026-05-08T18:00:00 ", "2026-05-08T18:00+08:00"]
)
def test_local_time_with_or_without_its_offset(text: str) -> None:
    assert local_instant(text) == EVENING
    assert local_instant(text).tzinfo is ZONE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-05-08T18:00Z", "another zone than the season's"),
        ("2026-05-08T18:00+09:00", "another zone than the season's"),
        ("明天", "is no date and time"),
        ("", "is no date and time"),
        ("2026-02-30T18:00", "is no date and time"),
    ],
)
def test_what_is_no_local_time_says_how_to_write_it(text: str, words: str) -> None:
    with pytest.raises(NotALocalTime, match=words) as caught:
        local_instant(text)

    assert "such as 2026-05-08T18:00" in str(caught.value)
