"""What is due and what comes next, whatever was missed or moved; a district's own date comes before the season's."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.local_time import ZONE
from config.milestones import Milestone
from states.rules.calendar.timetable import REMINDS_OF, Dated, Deadlines, due, first_unsettled, next_dates
from states.timeline import planned_dates
from tests.support.builders import season_rules, with_votes

M = Milestone
NOON = datetime(2026, 4, 30, 12, tzinfo=ZONE)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def step(milestone: Milestone, at: datetime, *, unit: str = "", ordinal: int = 1, settled: bool = False) -> Dated:
    return Dated(milestone, ordinal, unit, at, settled)


def keys(dates: list[Dated], at: datetime, waiting: tuple[Milestone, ...] = ()) -> list[str]:
    return [task.key + ("!" if task.skip else "") for task in due(dates, at, waiting=waiting)]


@pytest.mark.parametrize(
    ("offset", "found"), [(-SECOND, []), (0 * SECOND, ["close_call/1"]), (DAY * 9, ["close_call/1"])]
)
def test_a_step_is_due_from_its_instant_however_late(offset: timedelta, found: list[str]) -> None:
    assert keys([step(M.CLOSE_CALL, NOON)], NOON + offset) == found


def test_of_several_missed_steps_only_the_first_is_due() -> None:
    dates = [step(M.CLOSE_DISTRICT_ROUND, NOON), step(M.OPEN_CALL, NOON - DAY), step(M.CLOSE_CALL, NOON - DAY / 2)]

    assert keys(dates, NOON + DAY) == ["open_call/1"]


def test_a_settled_step_makes_room_for_the_next() -> None:
    dates = [step(M.OPEN_CALL, NOON - DAY, settled=True), step(M.CLOSE_CALL, NOON)]

    assert keys(dates, NOON) == ["close_call/1"]


def test_a_step_before_its_time_holds_up_the_later_ones() -> None:
    dates = [step(M.CLOSE_CALL, NOON + DAY), step(M.CLOSE_DISTRICT_ROUND, NOON)]

    assert keys(dates, NOON) == []


def test_districts_with_dates_of_their_own_stand_beside_the_general_one() -> None:
    dates = [
        step(M.CLOSE_CALL, NOON),
        step(M.CLOSE_CALL, NOON - DAY, unit="500101"),
        step(M.CLOSE_CALL, NOON + DAY, unit="500103"),
    ]

    assert keys(dates, NOON) == ["close_call/1/500101", "close_call/1"]
    assert keys(dates, NOON + DAY) == ["close_call/1/500101", "close_call/1", "close_call/1/500103"]


def test_a_district_whose_own_date_is_still_to_come_holds_up_the_next_step() -> None:
    dates = [
        step(M.CLOSE_CALL, NOON, settled=True),
        step(M.CLOSE_CALL, NOON + DAY, unit="500103"),
        step(M.CLOSE_DISTRICT_ROUND, NOON),
    ]

    assert keys(dates, NOON) == []


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (NOON - SECOND, []),
        (NOON, ["remind_call/1"]),
        (datetime(2026, 4, 30, 23, 59, 59, tzinfo=ZONE), ["remind_call/1"]),
        (datetime(2026, 5, 1, 0, 0, tzinfo=ZONE), ["remind_call/1!"]),
    ],
)
def test_a_reminder_is_due_on_its_day_and_skipped_after_it(at: datetime, found: list[str]) -> None:
    dates = [step(M.REMIND_CALL, NOON), step(M.CLOSE_CALL, NOON + 9 * DAY)]

    assert keys(dates, at) == found


def test_a_reminder_of_a_deadline_that_has_passed_is_skipped() -> None:
    dates = [step(M.REMIND_CALL, NOON), step(M.CLOSE_CALL, NOON, settled=True)]

    assert keys(dates, NOON) == ["remind_call/1!"]


def test_a_reminder_waits_for_no_step() -> None:
    dates = [step(M.OPEN_CALL, NOON + DAY), step(M.REMIND_CALL, NOON, ordinal=2), step(M.CLOSE_CALL, NOON + 2 * DAY)]

    assert keys(dates, NOON) == ["remind_call/2"]


def test_a_step_that_waits_for_a_person_is_not_due_and_nothing_after_it() -> None:
    dates = [step(M.OPEN_PUBLIC_NOTICE, NOON), step(M.CLOSE_PUBLIC_NOTICE, NOON), step(M.REMIND_APPROVAL, NOON)]

    assert keys(dates, NOON, waiting=(M.OPEN_PUBLIC_NOTICE,)) == ["remind_approval/1"]
    assert keys(dates, NOON) == ["remind_approval/1", "open_public_notice/1"]


def test_every_reminder_is_of_a_step() -> None:
    assert set(REMINDS_OF) == {milestone for milestone in M if milestone.is_reminder}
    assert not any(milestone.is_reminder for milestone in REMINDS_OF.values())


def test_what_comes_next_is_the_soonest_unsettled() -> None:
    dates = [
        step(M.ARCHIVE, NOON + 2 * DAY),
        step(M.CLOSE_CALL, NOON + DAY),
        step(M.OPEN_CALL, NOON + DAY / 2, settled=True),
        step(M.REMIND_CALL, NOON),
    ]

    assert [date.milestone for date in next_dates(dates, NOON)] == [M.CLOSE_CALL, M.ARCHIVE]


def test_whose_turn_it_is() -> None:
    dates = [
        step(M.REMIND_CALL, NOON),
        step(M.CLOSE_DISTRICT_ROUND, NOON),
        step(M.CLOSE_CALL, NOON, unit="500103"),
        step(M.CLOSE_CALL, NOON, settled=True),
    ]

    assert first_unsettled(dates) == dates[2]
    assert first_unsettled(dates[3:]) is None


@given(st.lists(st.integers(0, 600), max_size=30))
def test_a_year_looked_at_at_any_moments_settles_every_step_once_and_in_order(moments: list[int]) -> None:
    """Whenever the clock looks, each milestone is started or skipped once; steps keep the order of the year."""
    start = season_rules().dates.open_call - DAY
    planned = planned_dates(with_votes(season_rules()))
    dates = {(m, ordinal, unit): Dated(m, ordinal, unit, at) for m, ordinal, unit, at in planned}
    done: list[Milestone] = []
    for moment in [*sorted(moments), 1000, 1001]:
        at = start + moment * DAY
        while found := due(dates.values(), at):
            first = found[0]
            key = (first.dated.milestone, first.dated.ordinal, first.dated.unit)
            assert first.dated.due_at <= at
            assert first.skip is False or first.dated.milestone.is_reminder
            dates[key] = Dated(*key, first.dated.due_at, settled=True)
            done.append(first.dated.milestone)

    assert all(date.settled for date in dates.values())
    steps = [milestone for milestone in done if not milestone.is_reminder]
    assert steps == [milestone for milestone in M if not milestone.is_reminder]


def test_what_falls_on_one_instant_goes_by_ordinal_and_unit() -> None:
    closings = [step(M.CLOSE_CALL, NOON, unit=unit) for unit in ("500107", "", "500101")]
    reminders = [step(M.REMIND_CALL, NOON, ordinal=ordinal) for ordinal in (3, 1, 2)]

    assert keys([*closings, *reminders], NOON) == [
        "remind_call/1",
        "remind_call/2",
        "remind_call/3",
        "close_call/1",
        "close_call/1/500101",
        "close_call/1/500107",
    ]


CLOSING = datetime(2026, 4, 30, 18, tzinfo=ZONE)


def test_a_unit_has_its_own_date_or_the_seasons() -> None:
    own = CLOSING + timedelta(days=8)
    deadlines = Deadlines.of([Dated(M.CLOSE_CALL, 1, "", CLOSING), Dated(M.CLOSE_CALL, 1, "500103", own)])

    assert deadlines.at(M.CLOSE_CALL, "500103") == own
    assert deadlines.at(M.CLOSE_CALL, "500101") == CLOSING
    assert deadlines.at(M.CLOSE_CALL) == CLOSING


def test_a_milestone_without_a_date_has_no_deadline() -> None:
    assert Deadlines.of([]).at(M.CLOSE_CALL) is None


def test_a_date_that_is_required_is_given_or_named_as_missing() -> None:
    assert Deadlines.of([Dated(M.CLOSE_CALL, 1, "", CLOSING)]).required(M.CLOSE_CALL, "500101") == CLOSING
    with pytest.raises(LookupError, match="the season has no close_votes"):
        Deadlines.of([]).required(M.CLOSE_VOTES)


def test_of_several_reminders_the_first_is_the_date() -> None:
    dated = [Dated(M.REMIND_CALL, 2, "", CLOSING), Dated(M.REMIND_CALL, 1, "", CLOSING - timedelta(days=3))]

    assert Deadlines.of(dated).at(M.REMIND_CALL) == CLOSING - timedelta(days=3)


def test_a_settled_date_is_still_the_deadline() -> None:
    assert Deadlines.of([Dated(M.CLOSE_CALL, 1, "", CLOSING, settled=True)]).at(M.CLOSE_CALL) == CLOSING


def test_a_date_is_to_come_unless_it_is_said_to_be_settled() -> None:
    assert Dated(M.CLOSE_CALL, 1, "", CLOSING).settled is False
