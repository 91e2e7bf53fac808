"""The clock: the system's in a real home, stepped by hand in a rehearsal's."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.clock import REHEARSAL_FILE, Clock, ClockFileBroken, step_to
from config.local_time import ZONE

SPRING = datetime(2026, 3, 2, 9, tzinfo=ZONE)


def test_a_real_home_has_the_systems_time(tmp_path: Path) -> None:
    clock = Clock(tmp_path)

    first, second = clock.now(), clock.now()

    assert not clock.stepped
    assert first.tzinfo is UTC
    assert first <= second
    assert clock.wall_time_of(SPRING) == SPRING


def test_a_rehearsal_homes_time_stands_still_until_it_is_moved_on(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    step_to(tmp_path, SPRING)

    assert clock.stepped
    assert clock.now() == clock.now() == SPRING

    step_to(tmp_path, SPRING + timedelta(days=1))
    assert clock.now() == SPRING + timedelta(days=1)


def test_on_a_stepped_clock_the_future_has_no_wall_time(tmp_path: Path) -> None:
    step_to(tmp_path, SPRING)

    assert Clock(tmp_path).wall_time_of(SPRING + timedelta(seconds=1)) is None
    assert Clock(tmp_path).wall_time_of(SPRING) is not None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"now": 7}', '{"now": "soon"}', '{"now": "2026-03-02T09:00:00"}'])
def test_a_broken_rehearsal_file_is_an_error_with_a_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / REHEARSAL_FILE).write_text(text, "utf-8")

    with pytest.raises(ClockFileBroken, match="not a rehearsal clock .* empty home"):
        Clock(tmp_path).now()


def test_a_file_arrived_when_it_came_to_lie_there_whatever_its_own_date_says(tmp_path: Path) -> None:
    path = tmp_path / "申报.xlsx"
    path.write_bytes(b"x")
    os.utime(path, (0, 0))

    clock = Clock(tmp_path)

    assert clock.now() - timedelta(minutes=5) < clock.arrived_at(path) <= clock.now()


def test_in_a_rehearsal_a_file_arrives_now(tmp_path: Path) -> None:
    path = tmp_path / "申报.xlsx"
    path.write_bytes(b"x")
    step_to(tmp_path, SPRING)

    assert Clock(tmp_path).arrived_at(path) == SPRING
    assert Clock(tmp_path).is_at_rest(path, 2.0)


def test_a_file_still_written_to_is_not_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "资料"
    path.mkdir()
    (path / "申报.xlsx").write_bytes(b"x")
    old = Clock(tmp_path).now().timestamp() - 60

    assert not Clock(tmp_path).is_at_rest(path, 2.0)
    os.utime(path, (old, old))
    assert not Clock(tmp_path).is_at_rest(path, 2.0), "one of its files is new"
    os.utime(path / "申报.xlsx", (old, old))
    assert Clock(tmp_path).is_at_rest(path, 2.0)
    assert not Clock(tmp_path).is_at_rest(tmp_path / "gone", 2.0)


def test_what_a_server_dated_came_then_but_never_later_than_now(tmp_path: Path) -> None:
    clock, past = Clock(tmp_path), datetime(2026, 4, 30, 9, 59, tzinfo=UTC)

    assert clock.received_at(past) == past
    assert clock.received_at(datetime(2999, 1, 1, tzinfo=UTC)) <= clock.now()
    step_to(tmp_path, past)
    assert clock.received_at(datetime(2026, 1, 1, tzinfo=UTC)) == past
