"""What goes wrong while nobody looks on is kept, told once a cause and day, and said by `status`, `doctor` and `health`."""

import os
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from config.errors import GangchuangError
from config.milestones import Milestone
from flows import deliver_messages
from flows.clock import Timekeeper
from flows.collect import collecting
from flows.deliver_messages import delivering
from flows.intake import deliveries
from flows.outbox.mail.failures import TemporaryFailure
from flows.run import Ending, Run, StageFailed
from models import Failure, Lease, Message
from models.database import database_seconds
from models.enums import CallState, MessageState
from states.failures import failures
from states.leases import take
from states.troubles import TroubleLevel, troubles
from tests.support.builders import UNIT, a_season
from tests.support.playing import Player

M = Milestone
HOUR = timedelta(hours=1)


class Broken(GangchuangError):
    pass


def breaking(run: Run) -> Ending:
    raise Broken("the printer is out of paper")


@pytest.fixture
def open_season(player: Player) -> Player:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
    player.at(season.dates.open_call + timedelta(days=1))
    return player


@pytest.fixture
def closing(open_season: Player) -> Player:
    open_season.at(open_season.season.dates.close_call)
    return open_season


def fail(player: Player, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Broken):
            player.play("close_call", breaking, M.CLOSE_CALL)


def kept(player: Player) -> list[tuple[str, str, int]]:
    with player.reading() as session:
        return [(failure.stage, failure.subject, failure.attempts) for failure in failures(session, 2026)]


def said(player: Player, level: TroubleLevel = TroubleLevel.ACT) -> list[str]:
    with player.reading() as session:
        found = troubles(session, player.settings.clock.now())
    return [trouble.sentence for trouble in found if trouble.level is level]


def sweep(player: Player, started: list[str] | None = None) -> None:
    def start(stage: str, parameters: dict[str, Any], key: str) -> str:
        (started if started is not None else []).append(stage)
        return "run"

    Timekeeper(player.settings, player.engine, start).sweep()
    with player.writing() as session:
        session.execute(update(Lease).where(Lease.name.startswith("start/")).values(expires=0.0))
        session.execute(update(Lease).where(Lease.name == "clock").values(owner="", expires=0.0))


def test_a_failure_is_kept_counted_and_forgotten_with_the_next_success(closing: Player) -> None:
    fail(closing, 3)
    assert kept(closing) == [("close_call", "", 3)]

    closing.play("close_call", lambda run: Ending("close_call"), M.CLOSE_CALL)

    assert kept(closing) == []


def test_a_dry_run_and_what_a_person_is_refused_are_no_failures(closing: Player) -> None:
    for stage, milestone, dry_run in (("close_call", M.CLOSE_CALL, True), ("decide", None, False)):
        with pytest.raises(Broken):
            closing.play(stage, breaking, milestone, dry_run=dry_run)

    assert kept(closing) == []


def test_a_stage_that_failed_twice_is_told_to_the_office_once_a_day(closing: Player) -> None:
    fail(closing, 1)
    sweep(closing)
    assert closing.letters("alert/") == [], "one failure may pass by itself"

    fail(closing, 1)
    for _ in range(3):
        sweep(closing)
    (key,) = closing.letters("alert/")
    with closing.reading() as session:
        letter = session.get_one(Message, f"2026/{key}")
        assert letter.subject == "【2026年岗位创新】告警：步骤运行失败，请处理"
        assert "“申报截止”自2026-04-30 18:00起失败2次" in letter.body
        assert "the printer is out of paper" in letter.body

    closing.at(closing.season.dates.close_call + timedelta(days=1))
    sweep(closing)
    assert len(closing.letters("alert/")) == 2


def test_a_skipped_reminder_is_told_to_the_office(open_season: Player) -> None:
    open_season.at(open_season.season.dates.close_call - HOUR)

    sweep(open_season)
    sweep(open_season)

    assert open_season.letters("milestone_skipped") == [
        f"milestone_skipped/office/remind_call/{ordinal}" for ordinal in (1, 2, 3)
    ]


def test_a_stage_that_failed_again_and_again_is_acute(closing: Player) -> None:
    sweep(closing)
    fail(closing, 1)
    assert [sentence for sentence in said(closing) if "printer" in sentence] == []
    assert [sentence for sentence in said(closing, TroubleLevel.WATCH) if "printer" in sentence]

    fail(closing, 1)

    assert any("close_call 2026 failed 2 time(s)" in sentence and "printer" in sentence for sentence in said(closing))


@pytest.mark.parametrize(("after", "late"), [(HOUR - timedelta(seconds=1), False), (HOUR, True)])
def test_a_milestone_is_late_after_an_hour(closing: Player, after: timedelta, late: bool) -> None:
    closing.at(closing.season.dates.close_call + after)

    assert any("close_call/1 of 2026 was due" in sentence for sentence in said(closing)) == late


def test_a_clock_that_stands_still_is_acute(open_season: Player) -> None:
    assert [sentence for sentence in said(open_season, TroubleLevel.WATCH) if "no clock has looked" in sentence]
    with open_season.writing() as session:
        take(session, "clock", owner="a clock", seconds=90)
    assert said(open_season) == said(open_season, TroubleLevel.WATCH) == []

    with open_season.writing() as session:
        session.execute(update(Lease).where(Lease.name == "clock").values(expires=database_seconds(session) - 30))

    assert [
        sentence.startswith("the clock stands still: its lease ran out 0:00:30 ago") for sentence in said(open_season)
    ] == [True]


def test_a_dead_mail_server_fails_the_run_and_is_acute(open_season: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def __enter__(self) -> "Dead":
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def send(self, envelope: object) -> None:
            raise TemporaryFailure("connection refused", server_gone=True)

    with open_season.writing() as session:
        session.add(a_message(open_season.settings.clock.now()))
    monkeypatch.setattr(deliver_messages, "open_transport", lambda own: Dead())

    with pytest.raises(StageFailed, match="no message went out"):
        open_season.play("deliver_messages", delivering)

    assert any("deliver_messages 2026, mail failed 1 time(s)" in sentence for sentence in said(open_season))
    open_season.play("deliver_messages", delivering)
    assert kept(open_season) == [("deliver_messages", "mail", 1)], "a run that had nothing to try proves nothing"
    sweep(open_season)
    assert open_season.letters("alert/") == []


def a_message(at: datetime) -> Message:
    return Message(
        key="2026/a",
        season=2026,
        recipient="a@example.invalid",
        subject="示例",
        body="示例",
        state=MessageState.WAITING,
        written_at=at,
    )


def test_a_letter_that_waits_an_hour_is_acute(open_season: Player) -> None:
    present = open_season.settings.clock.now()
    with open_season.writing() as session:
        session.add(a_message(present - HOUR))

    assert any("1 message(s) wait since" in sentence for sentence in said(open_season))
    open_season.at(present - timedelta(seconds=1))
    assert not any("1 message(s) wait since" in sentence for sentence in said(open_season))


@pytest.fixture
def untakable(open_season: Player, monkeypatch: pytest.MonkeyPatch) -> Player:
    """A file in the inbox that cannot be taken, whatever is tried."""
    (open_season.inbox(UNIT) / "坏.xlsx").write_bytes(b"x")

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(deliveries, "_take", broken)
    return open_season


def collect(player: Player) -> bool:
    """Whether the run ended well."""
    try:
        player.play("collect", collecting)
    except StageFailed:
        return False
    return True


def test_a_file_that_cannot_be_taken_is_tried_with_growing_pauses(untakable: Player) -> None:
    pauses, started = [], []
    for _ in range(4):
        with untakable.writing() as session:
            session.execute(update(Failure).values(not_before=0.0))
        sweep(untakable, started)
        assert not collect(untakable)
        with untakable.reading() as session:
            pauses.append(session.scalars(select(Failure.not_before)).one() - database_seconds(session))
    assert started.count("collect") == 4
    assert [round(pause / 60) for pause in pauses[1:]] == [2, 4, 8]

    started.clear()
    sweep(untakable, started)

    assert "collect" not in started, "nothing is started for it until the pause is over"
    assert collect(untakable), "and whoever collects something else lets it rest"
    assert kept(untakable) == [("collect", f"{UNIT}/坏.xlsx", 4)]
    assert any(f"collect 2026, {UNIT}/坏.xlsx failed 4 time(s)" in sentence for sentence in said(untakable))


def test_a_file_that_is_replaced_or_touched_begins_anew(untakable: Player) -> None:
    for _ in range(2):
        collect(untakable)
    started: list[str] = []

    os.utime(untakable.inbox(UNIT) / "坏.xlsx")
    sweep(untakable, started)

    assert "collect" in started
    assert not collect(untakable)
    assert kept(untakable) == [("collect", f"{UNIT}/坏.xlsx", 1)]


def test_a_file_that_was_taken_away_is_forgotten(untakable: Player) -> None:
    collect(untakable)
    (untakable.inbox(UNIT) / "坏.xlsx").unlink()

    assert collect(untakable)
    assert kept(untakable) == []


def test_a_server_that_gives_no_answer_stands_in_status(player: Player) -> None:
    answering = [True]
    with player.writing() as session:
        a_season(session, state=CallState.OPEN)
    keeper = Timekeeper(player.settings, player.engine, lambda *_: "", heard={"server": lambda: answering[0]})

    def told() -> list[str]:
        with player.reading() as session:
            sentences = [trouble.sentence for trouble in troubles(session, player.settings.clock.now())]
        return [sentence for sentence in sentences if "Prefect server" in sentence]

    keeper.tend_dashboard()
    assert told() == []
    with player.writing() as session:
        session.execute(update(Lease).where(Lease.name == "server").values(expires=database_seconds(session) - 30))
    answering[0] = False
    keeper.tend_dashboard()
    assert len(told()) == 1
    answering[0] = True
    keeper.tend_dashboard()
    assert told() == []
