"""Whose the time was: overlapping spans count once, what nobody covers is the engine's."""

from datetime import UTC, datetime
from time import monotonic

import pytest

from flows.demo.accounting import Account, covered


@pytest.mark.parametrize(
    ("spans", "length", "expected"),
    [
        ([], 10, 0),
        ([(1, 3), (5, 6)], 10, 3),
        ([(1, 5), (2, 3), (4, 7)], 10, 6),
        ([(-5, 2), (9, 20)], 10, 3),
        ([(3, 3), (11, 12)], 10, 0),
    ],
)
def test_covered_counts_each_second_once_within_the_length(
    spans: list[tuple[float, float]], length: float, expected: float
) -> None:
    assert covered(spans, length) == expected


def test_engine_has_the_boot_and_what_neither_stages_nor_people_needed() -> None:
    account = Account(boot_seconds=12.0, born=100.0, worked=[(101.0, 103.0)])
    end = datetime(2026, 1, 1, 0, 1, tzinfo=UTC).timestamp()
    body = (datetime.fromtimestamp(end - 50, UTC), datetime.fromtimestamp(end - 30, UTC))

    # 60 s of play: people 1..3, a body 10..30.
    assert account.engine_seconds([body], now=end, elapsed=60.0) == pytest.approx(12 + 60 - 2 - 20)


def test_working_is_kept_as_a_span_even_when_it_fails() -> None:
    account = Account()

    with pytest.raises(ValueError, match="no"), account.working():
        raise ValueError("no")

    [(start, end)] = account.worked
    assert start <= end <= monotonic()
