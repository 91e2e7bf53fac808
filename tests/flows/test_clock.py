"""The clock starts what is due, once, and skips what nobody needs any more. It decides nothing."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from config.clock import REHEARSAL_FILE
from config.local_time import ZONE
from config.milestones import Milestone
from flows.clock import Timekeeper
from flows.engine.upcoming import call_of
from flows.intake.mail.server import MailboxAway
from flows.publish.release import publish
from flows.run import Ending
from models import History, Lease, Message, MilestoneDate
from models.database import database_seconds
from models.enums import CallState, MessageState, MilestoneState
from models.queries import milestone_rows
from states.final_round.approval import approve, list_digest
from states.incoming_mail import keep_look
from states.leases import take
from states.machine import Act
from states.rules.calendar.timetable import Dated
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_season
from tests.support.entries import words
from tests.support.panel import a_ranked_season
from tests.support.playing import Player

M = Milestone
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


class Prefect:
    """Stands where Prefect stands: keeps what was started, and plays it when the test says so."""

    def __init__(self, player: Player) -> None:
        self.player, self.started, self.away = player, [], False
        self.keeper = Timekeeper(player.settings, player.engine, self.start)

    def start(self, stage: str, parameters: dict[str, Any], key: str) -> str:
        if self.away:
            raise ConnectionError("no answer")
        self.started.append((stage, parameters, key))
        return f"run {len(self.started)}"

    @property
    def keys(self) -> list[str]:
        return [key for _, _, key in self.started]

    def settle_all(self) -> None:
        """Every stage that was started comes to its end."""
        for stage, parameters, _ in self.started:
            known = {"ordinal": parameters.get("ordinal", 1), "unit": parameters.get("unit", "")}
            milestone = Milestone(parameters.get("milestone", stage))
            self.player.play(milestone.value, lambda run: Ending(), milestone, **known)
        self.started.clear()


@pytest.fixture
def season(player: Player) -> Callable[..., Prefect]:
    """A season in a state, and a clock over it."""

    def make(state: CallState = CallState.OPEN) -> Prefect:
        with player.writing() as session:
            a_season(session, state=state)
        publish(player.settings, player.engine, player.settings.clock.now())
        return Prefect(player)

    return make


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def run_out(player: Player, name: str) -> None:
    with player.writing() as session:
        session.execute(update(Lease).where(Lease.name == name).values(expires=database_seconds(session) - 1))


def state_of(player: Player, milestone: Milestone, ordinal: int = 1) -> MilestoneState:
    with player.reading() as session:
        return session.get_one(MilestoneDate, (2026, milestone.value, ordinal, "")).state


@pytest.mark.parametrize(("offset", "started"), [(-SECOND, 0), (0 * SECOND, 1), (DAY * 20, 1)])
def test_a_step_is_started_from_its_instant(season: Callable[..., Prefect], offset: timedelta, started: int) -> None:
    prefect = season(CallState.PLANNED)
    prefect.player.at(local("2026-03-02T09:00") + offset)

    prefect.keeper.sweep()

    assert [started_run for started_run in prefect.started if started_run[0] == "open_call"] == [
        ("open_call", {"season": 2026}, "2026/open_call/1/1")
    ][:started]


def test_each_look_at_the_dashboard_brings_back_what_prefect_lost_and_survives_when_it_cannot(
    season: Callable[..., Prefect],
) -> None:
    prefect, looks = season(CallState.PLANNED), []
    prefect.player.at(local("2026-03-02T09:00"))

    def restore() -> None:
        looks.append(1)
        raise ConnectionError("no answer")

    prefect.keeper.restore = restore
    prefect.keeper.tend_dashboard()
    prefect.keeper.sweep()

    assert (len(looks), prefect.keys) == (1, ["2026/open_call/1/1"])


def test_a_stepped_clocks_dates_are_not_shown_ahead_and_a_view_that_fails_stops_no_sweep(player: Player) -> None:
    with player.writing() as session:
        a_season(session, state=CallState.PLANNED)
    prefect, asked = Prefect(player), []

    def follow(seasons: Mapping[int, list[Dated]], at: datetime) -> None:
        asked.append(list(seasons))
        raise ConnectionError("no answer")

    prefect.keeper.follow = follow
    player.at(local("2026-03-02T09:00"))
    prefect.keeper.sweep()
    prefect.keeper.tend_dashboard()
    assert (asked, prefect.keys) == ([], ["2026/open_call/1/1"])

    (player.home / REHEARSAL_FILE).unlink()
    run_out(player, "clock")
    Timekeeper(player.settings, player.engine, prefect.start, follow=follow).tend_dashboard()
    assert asked == [[2026]]


def test_the_mailbox_is_read_when_mail_has_come_and_when_it_cannot_be_asked(season: Callable[..., Prefect]) -> None:
    prefect, words = season(), ["7/1", "7/1", "7/2"]
    keeper, player = prefect.keeper, prefect.player
    player.at(local("2026-04-10T09:00"))

    def started() -> int:
        run_out(player, "start/2026/read_mail")
        keeper.sweep()
        return sum(stage == "read_mail" for stage, _, _ in prefect.started)

    assert started() == 0, "no mailbox is named"
    keeper.mailbox = lambda: words.pop(0)
    keeper.ask_mailbox()
    assert started() == 1
    with player.writing() as session:
        keep_look(session, 2026, "ab" * 8, "7/1", player.settings.clock.now())
    keeper.ask_mailbox()
    assert started() == 1, "nothing has come since"
    keeper.ask_mailbox()
    assert started() == 2

    def away() -> str:
        raise MailboxAway("示例")

    keeper.mailbox = away
    keeper.ask_mailbox()
    assert started() == 3, "the stage keeps what is wrong"


def test_looking_again_starts_nothing_twice(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.PLANNED)
    prefect.player.at(local("2026-03-02T09:00"))

    for _ in range(5):
        prefect.keeper.look(2026)

    assert prefect.keys == ["2026/open_call/1/1"]


def test_a_start_that_came_to_nothing_is_made_again_under_another_key(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.PLANNED)
    prefect.player.at(local("2026-03-02T09:00"))
    prefect.keeper.look(2026)
    run_out(prefect.player, "start/2026/open_call/1")

    prefect.keeper.look(2026)

    assert prefect.keys == ["2026/open_call/1/1", "2026/open_call/1/2"]
    with prefect.player.reading() as session:
        kept = session.get_one(Lease, "start/2026/open_call/1")
        pause = kept.expires - database_seconds(session)
        lease = prefect.player.settings.lease_seconds
        assert lease < pause <= 2 * lease, "the pause doubles with each attempt"


def test_while_a_stage_is_at_work_nothing_is_started_beside_it(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.PLANNED)
    prefect.player.at(local("2026-03-02T09:00"))
    with prefect.player.writing() as session:
        take(session, "stage/2026/open_call", owner="a run", seconds=60)

    assert prefect.keeper.look(2026) == []
    run_out(prefect.player, "stage/2026/open_call")
    assert prefect.keeper.look(2026) == ["open_call/1"]


def test_of_two_clocks_one_looks(season: Callable[..., Prefect]) -> None:
    first = season(CallState.PLANNED)
    second = Prefect(first.player)
    first.player.at(local("2026-03-02T09:00"))

    first.keeper.sweep()
    second.keeper.sweep()
    assert (len(first.started), len(second.started)) == (1, 0)

    run_out(first.player, "clock")
    second.keeper.sweep()
    assert second.started == [], "what the first has started is not started again"
    first.keeper.sweep()
    assert len(first.started) == 1


def test_two_clocks_that_look_at_the_same_moment_start_once(season: Callable[..., Prefect]) -> None:
    first = season(CallState.PLANNED)
    second = Prefect(first.player)
    first.player.at(local("2026-03-02T09:00"))

    first.keeper.look(2026)
    second.keeper.look(2026)

    assert (first.keys, second.keys) == (["2026/open_call/1/1"], [])


def test_while_prefect_is_away_nothing_is_lost(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.PLANNED)
    prefect.player.at(local("2026-03-02T09:00"))
    prefect.away = True
    for _ in range(3):
        assert prefect.keeper.look(2026) == []
    assert state_of(prefect.player, M.OPEN_CALL) is MilestoneState.PENDING

    prefect.away = False
    assert prefect.keeper.look(2026) == ["open_call/1"]


def test_missed_milestones_run_late_one_after_the_other_and_missed_reminders_are_skipped(
    season: Callable[..., Prefect],
) -> None:
    prefect = season(CallState.OPEN)
    with prefect.player.writing() as session:
        for row in milestone_rows(session, 2026):
            if row.milestone == "remind_call":
                row.state, row.settled_at = MilestoneState.PENDING, None
    prefect.player.at(local("2026-06-02T09:00"))  # the system was down for months

    prefect.keeper.look(2026)

    assert prefect.keys == ["2026/close_call/1/1"]
    assert [state_of(prefect.player, M.REMIND_CALL, n) for n in (1, 2, 3)] == [MilestoneState.SKIPPED] * 3
    with prefect.player.reading() as session:
        entries = session.scalars(
            select(History).where(History.trigger == "skip_milestone").order_by(History.sequence)
        ).all()
        assert {words(session, entry) for entry in entries} == {"missed its day"}
        assert '"milestone":"remind_call/1"' in entries[0].facts
    for expected in ("close_district_round", "check_eligibility"):
        prefect.settle_all()
        prefect.keeper.look(2026)
        assert prefect.keys == [f"2026/{expected}/1/1"]


def test_skipping_is_recorded_once(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.DISTRICT_REVIEW)
    prefect.player.at(local("2026-05-20T09:00"))

    for _ in range(3):
        prefect.keeper.look(2026)

    with prefect.player.reading() as session:
        facts = session.scalars(select(History.facts).where(History.trigger == "skip_milestone")).all()
        assert len(facts) == len(set(facts)) == 1


def test_a_moved_date_is_followed(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.OPEN)
    prefect.player.at(local("2026-04-30T18:00"))
    with prefect.player.writing() as session:
        move_date(
            session,
            2026,
            "close_call",
            Act(OFFICE, local("2026-04-30T17:00")),
            to=local("2026-05-08T18:00"),
            reason="示例",
        )
    prefect.keeper.look(2026)
    assert prefect.started == []

    prefect.player.at(local("2026-05-08T18:00"))
    assert prefect.keeper.look(2026) == ["close_call/1"]


def test_a_date_moved_after_a_start_that_failed_is_started_anew(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.OPEN)
    prefect.player.at(local("2026-04-30T18:00"))
    prefect.keeper.look(2026)
    with prefect.player.writing() as session:
        move_date(
            session,
            2026,
            "close_call",
            Act(OFFICE, local("2026-04-30T18:30")),
            to=local("2026-04-30T19:00"),
            reason="示例",
        )
    prefect.player.at(local("2026-04-30T19:00"))

    assert prefect.keeper.look(2026) == ["close_call/1"]
    assert prefect.keys == ["2026/close_call/1/1", "2026/close_call/1/2"]


def test_a_district_with_its_own_date_has_its_own_run(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.OPEN)
    with prefect.player.writing() as session:
        move_date(
            session,
            2026,
            "close_call",
            Act(OFFICE, local("2026-04-20T09:00")),
            to=local("2026-05-08T18:00"),
            reason="示例",
            unit=UNIT,
        )
    prefect.player.at(local("2026-04-30T18:00"))
    prefect.keeper.look(2026)
    prefect.settle_all()
    prefect.player.at(local("2026-05-08T18:00"))

    prefect.keeper.look(2026)

    assert prefect.started == [("close_call", {"season": 2026, "unit": UNIT}, f"2026/close_call/1/{UNIT}/1")]


def test_the_notice_waits_for_a_person(player: Player) -> None:
    with player.writing() as session:
        a_ranked_season(session)
        for row in milestone_rows(session, 2026):
            if row.milestone in ("close_final_round", "close_re_review"):
                row.state, row.settled_at = MilestoneState.DONE, row.due_at
    prefect = Prefect(player)
    player.at(local("2026-08-03T09:00"))
    prefect.keeper.look(2026)
    assert prefect.started == []

    with player.writing() as session:
        approve(session, 2026, Act(OFFICE, local("2026-08-03T10:00")), digest=list_digest(session, 2026))
    assert prefect.keeper.look(2026) == ["open_public_notice/1"]


def test_waiting_messages_and_files_are_seen_to(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.OPEN)
    player = prefect.player
    player.at(local("2026-04-01T09:00"))
    prefect.keeper.sweep()
    assert prefect.started == []

    with player.writing() as session:
        session.add(
            Message(
                key="x",
                season=2026,
                recipient="a",
                subject="s",
                body="b",
                written_at=local("2026-04-01T09:00"),
                state=MessageState.WAITING,
            )
        )
    (player.inbox(UNIT) / "申报.xlsx").write_bytes(b"x")
    for _ in range(3):
        prefect.keeper.sweep()

    assert [(stage, parameters) for stage, parameters, _ in prefect.started] == [
        ("deliver_messages", {"season": 2026}),
        ("collect", {"season": 2026}),
    ]


def test_a_closed_season_is_left_alone_but_for_its_last_letters(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.CLOSED)
    player = prefect.player
    with player.writing() as session:
        session.add(
            Message(
                key="x",
                season=2026,
                recipient="a",
                subject="s",
                body="b",
                written_at=local("2027-10-01T09:00"),
                state=MessageState.WAITING,
            )
        )
    (player.inbox(UNIT) / "申报.xlsx").write_bytes(b"x")
    player.at(local("2027-10-01T09:00"))

    prefect.keeper.sweep()

    assert [stage for stage, *_ in prefect.started] == ["deliver_messages"]


def test_a_closed_seasons_personal_data_is_deleted_by_itself(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.CLOSED)
    due_at = prefect.player.due_at(Milestone.ERASE_PERSONAL_DATA)

    prefect.player.at(due_at - timedelta(seconds=1))
    prefect.keeper.sweep()
    assert prefect.started == []
    prefect.player.at(due_at)
    prefect.keeper.sweep()

    assert prefect.started == [("erase_personal_data", {"season": 2026}, "2026/erase_personal_data/1/1")]


def test_pages_that_are_behind_the_database_are_published_once(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.PUBLISHED)
    prefect.player.at(local("2026-09-01 09:00"))
    with prefect.player.writing() as session:
        move_date(
            session,
            2026,
            M.ARCHIVE,
            Act(OFFICE, local("2026-09-01 09:00")),
            to=local("2026-10-01 09:00"),
            reason="示例",
        )

    prefect.keeper.sweep()
    prefect.keeper.sweep()
    started = [stage for stage, *_ in prefect.started if stage == "publish_site"]
    publish(prefect.player.settings, prefect.player.engine, prefect.player.settings.clock.now())
    run_out(prefect.player, "start/2026/publish_site")
    prefect.keeper.sweep()

    assert started == ["publish_site"]
    assert [stage for stage, *_ in prefect.started if stage == "publish_site"] == started


def test_a_clock_that_jumps_backwards_does_nothing_again(season: Callable[..., Prefect]) -> None:
    prefect = season(CallState.PLANNED)
    prefect.player.at(local("2026-03-02T09:00"))
    prefect.keeper.look(2026)
    prefect.settle_all()

    prefect.player.at(local("2026-03-01T09:00"))
    assert prefect.keeper.look(2026) == []
    prefect.player.at(local("2026-03-03T09:00"))
    assert prefect.keeper.look(2026) == []


def test_one_season_that_cannot_be_looked_at_does_not_stop_the_others(
    season: Callable[..., Prefect], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefect = season(CallState.PLANNED)
    with prefect.player.writing() as session:
        a_season(session, 2025, CallState.PUBLISHED)
    publish(prefect.player.settings, prefect.player.engine, prefect.player.settings.clock.now())
    look = prefect.keeper.look
    monkeypatch.setattr(prefect.keeper, "look", lambda year: look(year) if year == 2026 else 1 / 0)
    prefect.player.at(local("2026-03-02T09:00"))

    prefect.keeper.sweep()

    assert prefect.keys == ["2026/open_call/1/1"]


def test_triggers_are_set_for_what_is_to_come(player: Player) -> None:
    with player.writing() as session:
        a_season(session, 2026, CallState.OPEN)
    prefect = Prefect(player)  # a real home: its clock is the system's

    prefect.keeper.scheduler.start(paused=True)
    prefect.keeper._set_triggers(2026)
    now = player.settings.clock.now()
    with player.reading() as session:
        to_come = [
            row for row in milestone_rows(session, 2026) if row.state is MilestoneState.PENDING and row.due_at > now
        ]
    jobs = prefect.keeper.scheduler.get_jobs()

    assert sorted(job.id for job in jobs) == sorted(f"2026/{row.milestone}/{row.ordinal}/{row.unit}" for row in to_come)
    assert sorted(job.trigger.run_date for job in jobs) == sorted(row.due_at for row in to_come)
    prefect.keeper.scheduler.shutdown()


def test_which_stage_serves_a_milestone() -> None:
    def called(milestone: Milestone, ordinal: int = 1, unit: str = "") -> tuple[str, dict[str, Any]]:
        return call_of(Dated(milestone, ordinal, unit, local("2026-04-01T09:00")))

    assert called(M.REMIND_EXPERTS, 2) == ("remind", {"milestone": "remind_experts", "ordinal": 2})
    assert called(M.ARCHIVE) == ("archive", {})
    assert called(M.CLOSE_CALL, unit=UNIT) == ("close_call", {"unit": UNIT})
