"""An instant far ahead of the record waits for a person."""

from datetime import UTC, datetime, timedelta

import pytest

from config.milestones import Milestone
from flows.clock import Timekeeper
from flows.run import Ending, Result
from flows.stage import play
from models import MilestoneDate
from models.enums import CallState, MilestoneState
from models.queries import milestone_rows
from states.standstill import PLAUSIBLE_FOR, InstantImplausible, plausible_until
from states.troubles import troubles
from tests.support.builders import a_season
from tests.support.playing import Player

FAR = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def opened(player: Player) -> Player:
    with player.writing() as session:
        a_season(session, state=CallState.OPEN)
    return player


def played(player: Player, at: datetime) -> Result:
    return play(
        "close_call",
        2026,
        lambda run: Ending(),
        engine=player.engine,
        settings=player.settings,
        at=at,
        milestone=Milestone.CLOSE_CALL,
    )


def settled(player: Player) -> list[MilestoneState]:
    with player.reading() as session:
        return [row.state for row in milestone_rows(session, 2026) if row.state is not MilestoneState.PENDING]


def until(player: Player) -> datetime:
    with player.reading() as session:
        return plausible_until(session, 2026)


def test_a_command_under_a_clock_of_2099_settles_nothing(opened: Player) -> None:
    with pytest.raises(InstantImplausible, match=r"GANGCHUANG_BELIEVED_UNTIL=2099-01-01"):
        played(opened, FAR)

    assert settled(opened) == [MilestoneState.DONE]  # the call was opened before


def test_the_clock_skips_and_starts_nothing_then_and_status_says_so(
    opened: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    keeper = Timekeeper(opened.settings, opened.engine, lambda stage, given, key: started.append(key) or key)
    monkeypatch.setattr("config.clock.Clock.now", lambda clock: FAR)

    with pytest.raises(InstantImplausible):
        keeper.look(2026)

    assert (started, settled(opened)) == ([], [MilestoneState.DONE])
    with opened.reading() as session:
        assert any("The clock says 2099-01-01" in str(trouble.sentence) for trouble in troubles(session, FAR))


def test_it_is_believed_up_to_the_instant_that_a_person_names(opened: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    late = until(opened) + timedelta(days=1)
    monkeypatch.setattr(opened.settings, "believed_until", late)

    with pytest.raises(InstantImplausible):
        played(opened, FAR)
    assert played(opened, late).outcome != "waiting"

    assert until(opened) >= late


def test_what_comes_next_by_the_timetable_is_waited_for(opened: Player) -> None:
    with opened.reading() as session:
        pending = [row.due_at for row in milestone_rows(session, 2026) if row.state is MilestoneState.PENDING]

    assert until(opened) == min(pending) + PLAUSIBLE_FOR
    with pytest.raises(InstantImplausible):
        played(opened, until(opened) + timedelta(seconds=1))
    played(opened, until(opened))


def test_a_closed_season_may_be_silent_for_ever(player: Player) -> None:
    with player.writing() as session:
        a_season(session, state=CallState.CLOSED)
        session.query(MilestoneDate).update(
            {"state": MilestoneState.DONE, "settled_at": datetime(2027, 9, 30, tzinfo=UTC)}
        )

    assert until(player).year == 9999
