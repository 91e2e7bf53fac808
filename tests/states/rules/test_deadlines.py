"""A district's own date comes before the season's."""

from datetime import datetime, timedelta

import pytest

from config.local_time import ZONE
from config.milestones import Milestone
from states.rules.deadlines import Dated, Deadlines

DAY = datetime(2026, 4, 30, 18, tzinfo=ZONE)
M = Milestone


def test_a_unit_has_its_own_date_or_the_seasons() -> None:
    own = DAY + timedelta(days=8)
    deadlines = Deadlines.of([Dated(M.CLOSE_CALL, 1, "", DAY), Dated(M.CLOSE_CALL, 1, "500103", own)])

    assert deadlines.at(M.CLOSE_CALL, "500103") == own
    assert deadlines.at(M.CLOSE_CALL, "500101") == DAY
    assert deadlines.at(M.CLOSE_CALL) == DAY


def test_a_milestone_without_a_date_has_no_deadline() -> None:
    assert Deadlines.of([]).at(M.CLOSE_CALL) is None


def test_a_date_that_is_required_is_given_or_named_as_missing() -> None:
    assert Deadlines.of([Dated(M.CLOSE_CALL, 1, "", DAY)]).required(M.CLOSE_CALL, "500101") == DAY
    with pytest.raises(LookupError, match="the season has no close_votes"):
        Deadlines.of([]).required(M.CLOSE_VOTES)


def test_of_several_reminders_the_first_is_the_date() -> None:
    dated = [Dated(M.REMIND_CALL, 2, "", DAY), Dated(M.REMIND_CALL, 1, "", DAY - timedelta(days=3))]

    assert Deadlines.of(dated).at(M.REMIND_CALL) == DAY - timedelta(days=3)


def test_a_settled_date_is_still_the_deadline() -> None:
    assert Deadlines.of([Dated(M.CLOSE_CALL, 1, "", DAY, settled=True)]).at(M.CLOSE_CALL) == DAY


def test_a_date_is_to_come_unless_it_is_said_to_be_settled() -> None:
    assert Dated(M.CLOSE_CALL, 1, "", DAY).settled is False
