"""The call opens: the draw's seed is committed, every unit has its workbook, its letter and its deadline."""

import hashlib
import json
from datetime import datetime

import pytest
from sqlalchemy import select

from config.local_time import ZONE
from config.milestones import Milestone
from flows.home import paths
from flows.kinds import kind as module
from flows.kinds.table import read_delivery
from flows.open_call import opening
from flows.run import Result
from models import Call, History, Message
from models.enums import CallState, WorkbookKind
from states.machine import Act
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_season
from tests.support.playing import Player


@pytest.fixture
def planned(player: Player) -> Player:
    with player.writing() as session:
        season = a_season(session, state=CallState.PLANNED)
    player.at(season.dates.open_call)
    return player


def play(player: Player) -> Result:
    return player.play("open_call", opening, Milestone.OPEN_CALL)


def letter(player: Player, unit: str) -> Message:
    with player.reading() as session:
        return session.get_one(Message, f"2026/call_opened/{unit}")


def test_every_unit_in_force_has_its_workbook_and_its_letter(planned: Player) -> None:
    play(planned)

    units = [unit.code for unit in planned.season.units()]
    assert planned.letters("call_opened") == sorted(f"call_opened/{code}" for code in units)
    for code in units:
        path = paths.issued(planned.settings, 2026, code, WorkbookKind.SUBMISSIONS)
        found = read_delivery(
            path, season=planned.season, sender=code, key=planned.settings.signing_key(), newest_issue=1
        )
        assert found.kind is WorkbookKind.SUBMISSIONS
        attached = json.loads(letter(planned, code).attachments)
        assert attached[0] == str(path.relative_to(planned.home))
        assert all((planned.home / name).is_file() for name in attached)


def test_the_seed_is_committed_by_its_hash_and_kept_secret(planned: Player) -> None:
    play(planned)

    path = planned.home / "keys" / "draw-2026.key"
    secret = path.read_bytes()
    assert len(secret) == 64
    with planned.reading() as session:
        assert session.get_one(Call, 2026).draw_seed == ""
        history = session.scalars(select(History).where(History.subject == "call/2026")).all()
        commitment, marks = (hashlib.sha256(part).hexdigest() for part in (secret[:32], secret[32:]))
        assert [entry.facts for entry in history if entry.trigger == "commit_draw"] == [
            json.dumps({"commitment": commitment, "marks": marks}, separators=(",", ":"))
        ]
        assert not any(secret[:32].hex() in entry.facts for entry in history)
    assert path.stat().st_mode & 0o077 == 0
    assert commitment in letter(planned, UNIT).body


def test_a_crash_after_the_commitment_commits_no_second_seed(planned: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "write_template", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        play(planned)
    monkeypatch.undo()
    secret = planned.settings.draw_secret(2026)

    assert play(planned).outcome == "done"

    assert planned.settings.draw_secret(2026) == secret != b""
    with planned.reading() as session:
        triggers = session.scalars(
            select(History.trigger).where(History.subject == "call/2026").order_by(History.sequence)
        ).all()
        assert triggers == ["plan", "commit_draw", "open_call"]


def test_a_unit_with_a_date_of_its_own_reads_its_own(planned: Player) -> None:
    with planned.writing() as session:
        move_date(
            session,
            2026,
            "close_call",
            Act(OFFICE, planned.settings.clock.now()),
            to=datetime(2026, 5, 8, 18, tzinfo=ZONE),
            reason="示例",
            unit=UNIT,
        )

    play(planned)

    assert "5月8日" in letter(planned, UNIT).body
    assert "4月30日" in letter(planned, "500101").body
