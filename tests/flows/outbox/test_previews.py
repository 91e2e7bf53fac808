"""Letters as they would read, before anybody is written to."""

from datetime import timedelta

import pytest

from config.units import UnknownUnit
from flows.outbox.letters import LetterKind
from flows.outbox.previews import preview
from models import Message
from models.enums import CallState
from states.machine import Act
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_season, a_submission, season_rules
from tests.support.playing import Player


@pytest.mark.parametrize("kind", list(LetterKind))
def test_every_letter_can_be_shown(player: Player, kind: LetterKind) -> None:
    season = season_rules()

    with player.reading() as session:
        address, letter = preview(session, season, kind, UNIT, season.dates.open_call)

    assert address
    assert letter.subject.startswith("【2026年岗位创新】")


def test_it_has_the_dates_in_force_and_the_units_own_submissions(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
        number = a_submission(session)
        later = season.dates.close_call + timedelta(days=4)
        how = {"unit": UNIT, "reason": "示例", "to": later}
        move_date(session, 2026, "close_call", Act(OFFICE, season.dates.open_call), **how)

    with player.reading() as session:
        opened = preview(session, season, LetterKind.CALL_OPENED, UNIT, season.dates.open_call)
        answered = preview(session, season, LetterKind.OBJECTION_ANSWERED, UNIT, season.dates.open_call)
        assert session.query(Message).count() == 0

    assert opened[0] == season.mail_of(UNIT)
    assert "5月4日" in opened[1].subject
    assert number in answered[1].subject


def test_an_unknown_unit_has_no_letter(player: Player) -> None:
    with player.reading() as session, pytest.raises(UnknownUnit):
        preview(session, season_rules(), LetterKind.CALL_OPENED, "999999", season_rules().dates.open_call)
