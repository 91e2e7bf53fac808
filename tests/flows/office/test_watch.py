"""What only the machine tells: its disk and its inbox; and what is said of whom nobody hears."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from config.clock import REHEARSAL_FILE
from config.milestones import Milestone
from config.settings import settings
from flows.clock import Timekeeper
from flows.office import watch
from flows.office.facts import season_facts
from flows.office.watch import everything_wrong
from models import Lease, Message, MilestoneDate
from models.database import database_seconds
from models.enums import CallState, MessageState, TroubleKind
from states.audit.chain import Finding
from states.failures import failures, keep_failures
from states.final_round.approval import list_digest
from states.leases import take
from states.troubles import Trouble, TroubleLevel
from tests.support.builders import UNIT, a_season
from tests.support.panel import a_ranked_season
from tests.support.playing import Player

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def open_season(player: Player) -> Player:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
        take(session, "clock", owner="a clock", seconds=9000)
    player.at(season.dates.open_call + DAY)
    return player


def wrong(player: Player) -> dict[TroubleKind, Trouble]:
    with player.reading() as session:
        found = everything_wrong(session, player.settings, player.settings.clock.now())
    return {trouble.kind: trouble for trouble in found}


def sweep(player: Player) -> None:
    with player.writing() as session:
        session.execute(update(Lease).where(Lease.name == "clock").values(owner="", expires=0.0))
    Timekeeper(player.settings, player.engine, lambda *_: "run").sweep()


def told(player: Player, beginning: str = "alert") -> list[str]:
    with player.reading() as session:
        keys = f"2026/{beginning}/%"
        return list(session.scalars(select(Message.body).where(Message.key.like(keys)).order_by(Message.written_at)))


def test_nothing_is_wrong_with_a_season_that_goes_on(open_season: Player) -> None:
    assert wrong(open_season) == {}


@pytest.mark.parametrize(("least", "level"), [(1, None), (600, TroubleLevel.WATCH), (1001, TroubleLevel.ACT)])
def test_a_disk_that_fills_is_watched_and_then_acute(
    open_season: Player, monkeypatch: pytest.MonkeyPatch, least: int, level: TroubleLevel | None
) -> None:
    monkeypatch.setattr(watch, "free_bytes", lambda own: 1000 * 1024 * 1024)
    monkeypatch.setenv("GANGCHUANG_LEAST_FREE_MIB", str(least))
    settings.cache_clear()
    player = Player(settings(), open_season.engine)

    found = wrong(player).get(TroubleKind.DISK_LOW)

    assert (found and found.level) == level
    if found:
        assert "has 1000 MiB left" in found.sentence
        assert "只剩1000 MiB" in found.said


@pytest.fixture
def real_hours(open_season: Player, monkeypatch: pytest.MonkeyPatch) -> Player:
    """The same season with the machine's clock, which believes it."""
    (open_season.home / REHEARSAL_FILE).unlink()
    monkeypatch.setenv("GANGCHUANG_BELIEVED_UNTIL", "2099-01-01T00:00:00+08:00")
    return open_season


def test_what_lies_in_the_inbox_for_an_hour_is_held(real_hours: Player) -> None:
    lying = [real_hours.inbox(UNIT) / "申报.xlsx", real_hours.home / "inbox" / "散落.xlsx"]
    for path in lying:
        path.write_bytes(b"x")
    assert TroubleKind.DELIVERY_HELD not in wrong(real_hours), "it came just now"

    for path in lying:
        _age(path, 3700)

    found = wrong(real_hours)[TroubleKind.DELIVERY_HELD]
    assert (found.level, found.by_mail) == (TroubleLevel.WATCH, True)
    assert f"2 thing(s) lie in the inbox and are not taken: {UNIT}/申报.xlsx, 散落.xlsx" in found.sentence
    assert "inbox/散落.xlsx 不在任何文件夹中" in found.said


def _age(path: Path, seconds: float) -> None:
    kept = path.stat()
    os.utime(path, (kept.st_atime - seconds, kept.st_mtime - seconds))


def test_an_approval_that_is_not_made_keeps_the_notice_from_opening(player: Player) -> None:
    with player.writing() as session:
        season, _ = a_ranked_season(session)
        take(session, "clock", owner="a clock", seconds=9000)
        opens_at = session.get_one(MilestoneDate, (2026, Milestone.OPEN_PUBLIC_NOTICE.value, 1, "")).due_at
        assert list_digest(session, 2026)
    player.at(opens_at - HOUR)
    assert TroubleKind.APPROVAL_UNMADE not in wrong(player)

    player.at(opens_at)
    sweep(player)

    assert wrong(player)[TroubleKind.APPROVAL_UNMADE].level is TroubleLevel.ACT
    assert any("拟获奖名单尚未审定" in body for body in told(player))


def test_a_stuck_letter_is_told_and_its_end_too(open_season: Player) -> None:
    at = open_season.settings.clock.now()
    with open_season.writing() as session:
        session.add(
            Message(
                key="2026/call_reminder/a",
                season=2026,
                recipient="a@example.invalid",
                subject="示例",
                body="示例",
                state=MessageState.STUCK,
                written_at=at,
            )
        )
    for _ in range(2):
        sweep(open_season)
    with open_season.reading() as session:
        facts = season_facts(session, open_season.settings, 2026, at)
    assert ([one.kind for one in facts.alerts], facts.alerts_unsent) == ([TroubleKind.MAIL_STUCK], 1)
    assert len(told(open_season)) == 1
    assert "1封邮件无法送达，须人工处理" in told(open_season)[0]
    assert told(open_season, "alert_over") == []

    with open_season.writing() as session:
        session.execute(
            update(Message).where(Message.key == "2026/call_reminder/a").values(state=MessageState.GIVEN_UP)
        )
    for _ in range(2):
        sweep(open_season)

    assert len(told(open_season)) == 1
    (over,) = told(open_season, "alert_over")
    assert "邮件无法送达" in over


def test_a_period_that_reaches_into_an_unknown_year_is_told_ahead(open_season: Player) -> None:
    with open_season.writing() as session:
        row = session.get_one(MilestoneDate, (2026, Milestone.CLOSE_PUBLIC_NOTICE.value, 1, ""))
        row.due_at = row.due_at.replace(year=2028, month=12, day=28)

    found = wrong(open_season)[TroubleKind.CALENDAR_UNKNOWN]
    assert (found.level, found.subject, found.by_mail) == (TroubleLevel.WATCH, "2028", False)
    assert "2028年的节假日安排尚未公布" in found.said
    open_season.at(row.due_at - 29 * DAY)
    found = wrong(open_season)[TroubleKind.CALENDAR_UNKNOWN]
    assert (found.level, found.by_mail) == (TroubleLevel.ACT, True)


def test_a_record_that_was_changed_is_told_until_it_holds_again(
    open_season: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Timekeeper(open_season.settings, open_season.engine, lambda *_: "run")
    keeper.verify()
    assert wrong(open_season) == {}
    findings = [Finding("hash", "call/2026", 1, "the entry does not hash to what it says")]
    monkeypatch.setattr("flows.clock.examine", lambda *_: (findings, {}))

    keeper.verify()

    found = wrong(open_season)[TroubleKind.RECORD_BROKEN]
    assert (found.level, found.by_mail) == (TroubleLevel.ACT, True)
    assert "call/2026, entry 1" in found.sentence
    monkeypatch.undo()
    keeper.verify()
    assert wrong(open_season) == {}


def test_the_record_is_verified_once_a_night(real_hours: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    keeper = Timekeeper(real_hours.settings, real_hours.engine, lambda *_: "run")
    monkeypatch.setattr(keeper.scheduler, "add_job", lambda job, **given: begun.append(given["id"]))

    for hour in (1, 3, 3, 4, 12):
        night = real_hours.season.dates.open_call.replace(hour=hour)
        monkeypatch.setattr("config.clock.Clock.now", lambda self, night=night: night)
        keeper._begin_verification()

    assert begun == ["verification"]


@pytest.mark.parametrize(
    ("name", "kind"), [("server", TroubleKind.SERVER_SILENT), ("worker", TroubleKind.WORKER_SILENT)]
)
def test_who_falls_silent_is_named_until_heard_again(open_season: Player, name: str, kind: TroubleKind) -> None:
    heard = [True]
    keeper = Timekeeper(open_season.settings, open_season.engine, lambda *_: "run", heard={name: lambda: heard[0]})
    with open_season.writing() as session:
        session.execute(update(Lease).where(Lease.name == "clock").values(owner="", expires=0.0))
    keeper.tend_dashboard()
    assert kind not in wrong(open_season)

    heard[0] = False
    with open_season.writing() as session:
        session.execute(update(Lease).where(Lease.name == name).values(expires=database_seconds(session) - 30))
    keeper.tend_dashboard()

    assert (wrong(open_season)[kind].level, wrong(open_season)[kind].by_mail) == (TroubleLevel.ACT, False)
    heard[0] = True
    keeper.tend_dashboard()
    assert kind not in wrong(open_season)


def test_a_late_milestone_that_fails_is_one_letter(open_season: Player) -> None:
    closes_at = open_season.season.dates.close_call
    open_season.at(closes_at + HOUR)
    for _ in range(2):
        with open_season.writing() as session:
            keep_failures(session, 2026, "close_call", {"": "示例"}, at=closes_at, seconds=60)
    sweep(open_season)

    assert {TroubleKind.STAGE_FAILED, TroubleKind.MILESTONE_LATE} <= wrong(open_season).keys()
    assert len(told(open_season)) == 1
    with open_season.writing() as session:
        keep_failures(session, 2026, "close_call", {}, at=closes_at, seconds=60)
        assert failures(session, 2026) == []
    sweep(open_season)
    assert "“申报截止”应于2026-04-30 18:00执行" in told(open_season)[-1]
