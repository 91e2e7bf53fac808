"""What goes into the outbox stays as it was written."""

from datetime import timedelta
from pathlib import Path

from icalendar import Calendar

from config.milestones import Milestone
from flows.outbox.messages import deadline_entry
from flows.run import Ending, Run
from models.enums import CallState, Trigger
from states.transitions import note_call
from tests.support.builders import a_season
from tests.support.playing import Player


def test_a_later_letter_leaves_the_entry_of_an_earlier_one_and_supersedes_it(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
    written: list[Path] = []

    def reminding(run: Run) -> Ending:
        with run.step() as session:
            note_call(session, run.year, Trigger.MOVE_DATE, run.act)
            entry = deadline_entry(session, run, "500103", Milestone.CLOSE_CALL, season.dates.close_call, len(written))
        written.append(entry)
        return Ending()

    player.at(season.dates.close_call - timedelta(days=7))
    player.play("remind", reminding)
    first = written[0].read_bytes()
    player.at(season.dates.close_call - timedelta(days=3))
    player.play("remind", reminding)

    assert written[0].read_bytes() == first
    assert [path.name for path in written] == ["申报截止-04301800-0.ics", "申报截止-04301800-1.ics"]
    before, after = (Calendar.from_ical(path.read_bytes()).events[0] for path in written)
    assert before["uid"] == after["uid"]
    assert before["sequence"] < after["sequence"]
