"""The demo's season from planned to closed, interrupted on its way, by the real clock and the real stages."""

import threading
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.clock import step_to
from config.season import load_season
from config.settings import Settings, settings
from flows.demo import pilot
from flows.demo.cast import cast_of
from flows.demo.pilot import DemoStopped, HomeInUse, play
from flows.demo.ways import Way, Ways
from flows.demo.world import World
from flows.home import paths
from models import Correction, Delivery, Expert, History, IncomingMail, Submission
from models.database import reading, writing
from models.enums import CorrectionState, DeliveryState, IncomingState, Outcome, Role, SubmissionState, Trigger
from states.audit.verify import verify
from states.history.seals import Seals
from states.machine import Act, Actor
from states.timeline import plan_season
from tests.flows.demo.conftest import InProcessEngine

SEASON = load_season(2026)


@pytest.fixture
def stops_after(monkeypatch: pytest.MonkeyPatch) -> "list[int]":
    """Steps of the clock after which the demo is stopped, the next first."""
    wanted: list[int] = []
    taken = 0

    def counted(home: Path, instant: datetime) -> None:
        nonlocal taken
        taken += 1
        step_to(home, instant)
        if wanted and taken == wanted[0]:
            wanted.pop(0)
            STOP.set()

    monkeypatch.setattr(pilot, "step_to", counted)
    return wanted


STOP = threading.Event()


@pytest.mark.timeout(900)
def test_season_is_played_to_its_end_in_spite_of_interruptions(
    engine_in_process: InProcessEngine, stops_after: list[int]
) -> None:
    own = engine_in_process.own
    stops_after += [4, 12, 31]

    for _ in range(3):
        STOP.clear()
        with engine_in_process.ticking(), pytest.raises(DemoStopped):
            play(own, stopped=STOP)
    STOP.clear()
    with engine_in_process.ticking():
        summary = play(own, exit_when_done=True, stopped=STOP)

    assert summary.deviations == ()
    assert set(summary.edges.values()) == {"14 of 14", "7 of 7"}
    assert set(summary.outcomes) == {outcome.label for outcome in Outcome}
    assert set(summary.states) == {SubmissionState.ARCHIVED.label}
    assert sum(summary.states.values()) >= 300
    assert list(summary.tiers) == ["一等奖", "二等奖", "三等奖"]
    assert summary.objections == {"异议不成立": 1, "不予受理": 1, "异议成立，取消获奖资格": 1, "异议成立，调整等次": 1}
    assert {page.name for page in summary.pages} >= {"notice.html", "results.html", "index.html"}
    with reading(engine_in_process.engine) as session:
        doubled = select(Submission.title_key).group_by(Submission.title_key).having(func.count() > 1)
        refused = session.scalars(select(Delivery.sender).where(Delivery.state == DeliveryState.REFUSED)).all()
        assert session.scalars(doubled).all() == []
        assert len(refused) == 2
        assert time_beyond(session) == [timedelta(seconds=1)] * 2
        # Everybody sent by a way of their own, and each way was gone.
        ways, experts = Ways(World(own, cast_of(SEASON))), set(session.scalars(select(Expert.id)))
        senders = session.execute(select(Delivery.sender, Delivery.handed_in_by).distinct()).all()
        gone = {(ways.of(sender), sender in experts) for sender, _ in senders if sender != paths.OFFICE}
        assert gone == {(way, expert) for way in Way for expert in (False, True)}
        assert {ways.of(sender) for sender, handed_in_by in senders if handed_in_by == paths.OFFICE} == {Way.DROP}
        taken = session.scalars(select(IncomingMail.sender).where(IncomingMail.state == IncomingState.TAKEN)).all()
        assert set(taken) == {ways.world.mail_of(sender) for sender, _ in senders if ways.of(sender) is Way.MAIL}
        opened = set(session.scalars(select(History.actor).where(History.trigger == Trigger.OPEN_LINK)))
        shown = {Seals(session, SEASON.year).show(actor).partition(":")[2] for actor in opened}
        assert shown >= {sender for sender, _ in senders if ways.of(sender) is Way.PAGE}
        assert verify(session) == []


def time_beyond(session: Session) -> list[timedelta]:
    """How long after it was due each correction lapsed."""
    lapsed = select(Correction.due_at, Correction.settled_at).where(Correction.state == CorrectionState.LAPSED)
    return [settled_at - due_at for due_at, settled_at in session.execute(lapsed)]


def test_demo_does_not_touch_a_real_season(engine_in_process: InProcessEngine) -> None:
    with writing(engine_in_process.engine) as session:
        actor = Actor(Role.OFFICE, SEASON.office.officers[0])
        plan_season(session, SEASON, Act(actor, SEASON.dates.open_call))

    with pytest.raises(HomeInUse):
        play(settings())

    assert not settings().clock.stepped


@pytest.mark.parametrize("asked", [True, False])
def test_what_stops_before_the_people_do_is_no_fault(
    asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: pilot.Pilot) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(pilot, "_engine_of", lambda _: nullcontext())
    monkeypatch.setattr(pilot.Pilot, "run", refused)
    stopped = threading.Event()
    if asked:
        stopped.set()

    with pytest.raises(DemoStopped if asked else ConnectionRefusedError):
        play(Settings(home=tmp_path), stopped=stopped)
