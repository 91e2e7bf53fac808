"""A stage shared by several runs: each part once, whoever dies, and nothing by those who were shut out."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from config.errors import GangchuangError
from flows import sharing
from flows.engine.hung_runs import own_name
from flows.engine.tasks import PieceKind
from flows.run import Run
from flows.sharing import HELP, Call, help_with, share
from models.database import writing
from models.enums import Role
from states.leases import LeaseLost, take, take_part
from states.machine import Act, Actor
from tests.support.builders import season_rules
from tests.support.playing import Player

STAGE = "close_call"
CODES = [f"{500101 + number}" for number in range(20)]


class Work:
    """Notes who did what; what a code is told to do first may fail, or take its time."""

    def __init__(self, before: Callable[[str, str], None] = lambda who, code: None) -> None:
        self.done: list[tuple[str, str]] = []
        self.before = before

    def by(self, who: str) -> sharing.Part:
        def part(run: Run, codes: Sequence[str]) -> None:
            def do(code: str) -> None:
                self.before(who, code)
                with run.step():
                    self.done.append((who, code))

            run.each(codes, do, kind=PieceKind.TEMPLATE)

        return part

    @property
    def times(self) -> Counter[str]:
        return Counter(code for _, code in self.done)


@pytest.fixture
def stage(player: Player, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A stage's run that holds its lease for two seconds and has one helper."""
    monkeypatch.setattr(sharing, "current_flow_run_id", lambda: "a run")
    settings = player.settings.model_copy(update={"helpers": 1, "lease_seconds": 2.0})
    at = player.settings.clock.now()
    return _begun(Run(STAGE, season_rules(), Act(Actor(Role.SYSTEM, STAGE), at), player.engine, settings))


def _begun(run: Run) -> Run:
    with writing(run.engine) as session:
        seconds = run.settings.lease_seconds
        run.held = take(session, f"stage/{run.year}/{run.stage}", owner=own_name(), seconds=seconds)
    return run


def _helper(stage: Run) -> Run:
    return replace(stage, held=None, lines={}, failures={})


def _calling(do: Callable[[int], object]) -> tuple[Call, list[threading.Thread]]:
    """Calls a helper that is a thread; it is given the stage's fence."""
    threads = []

    def call(name: str, given: dict[str, Any], key: str) -> None:
        assert (name, given["stage"], given["codes"]) == (HELP, STAGE, CODES)
        threads.append(threading.Thread(target=do, args=(given["fence"],)))
        threads[-1].start()

    return call, threads


def test_a_stage_and_its_helper_do_each_code_once(stage: Run) -> None:
    work = Work(lambda who, code: time.sleep(0.02))
    call, threads = _calling(lambda fence: help_with(_helper(stage), CODES, fence, work.by("helper")))

    share(stage, CODES, work.by("stage"), call)
    threads[0].join()

    assert work.times == Counter(CODES)
    by_helper = [code for who, code in work.done if who == "helper"]
    assert 0 < len(by_helper) < len(CODES)
    assert stage.lines["done by helpers"] == str(len(by_helper))


def test_a_stage_without_help_does_everything_itself(stage: Run) -> None:
    work = Work()

    def nobody(name: str, given: dict[str, Any], key: str) -> None:
        raise GangchuangError("the server is away")

    share(stage, CODES, work.by("stage"), nobody)

    assert work.times == Counter(CODES)
    assert stage.lines["done by helpers"] == "0"


def test_what_a_dead_helper_had_taken_is_done_once_its_lease_has_run_out(stage: Run) -> None:
    work = Work()

    def die(fence: int) -> None:
        with writing(stage.engine) as session:
            assert take_part(session, f"part/{stage.year}/{STAGE}/", owner="elsewhere/1/1/x", seconds=1.0)

    call, threads = _calling(die)

    share(stage, CODES, work.by("stage"), lambda *given: (call(*given), threads[0].join()))

    assert work.times == Counter(CODES)
    assert {who for who, _ in work.done} == {"stage"}


def test_what_fails_with_a_helper_is_the_stages_own_failure(stage: Run) -> None:
    def fail(who: str, code: str) -> None:
        if code == CODES[0]:
            raise GangchuangError(f"no template for {code}")

    work = Work(fail)
    call, threads = _calling(lambda fence: help_with(_helper(stage), CODES, fence, work.by("helper")))

    share(stage, CODES, work.by("stage"), lambda *given: (call(*given), threads[0].join()))

    assert stage.failures == {CODES[0]: f"no template for {CODES[0]}"}
    assert {code for code, _ in work.times.items()} == {*CODES[1:]}


def test_who_helped_an_earlier_run_of_the_stage_can_write_nothing_more(stage: Run) -> None:
    work, laid_out_anew = Work(), threading.Event()
    lost: list[BaseException] = []

    def sleep(who: str, code: str) -> None:
        if who == "sleeper":
            begun.set()
            laid_out_anew.wait(10)

    work.before, begun = sleep, threading.Event()
    first_fence = stage.held.fence if stage.held else 0

    def help_first(fence: int) -> None:
        try:
            help_with(_helper(stage), CODES, fence, work.by("sleeper"))
        except LeaseLost as problem:
            lost.append(problem)

    call, threads = _calling(help_first)

    class Killed(BaseException):
        pass

    def killed(*given: Any) -> None:
        call(*given)
        begun.wait(10)
        raise Killed

    with suppress(Killed):
        share(stage, CODES, work.by("stage"), killed)
    time.sleep(2.1)
    again = _begun(_helper(stage))

    def wake(*_: Any) -> None:
        laid_out_anew.set()
        threads[0].join()

    share(again, CODES, work.by("stage"), wake)

    assert len(lost) == 1
    assert work.times == Counter(CODES)
    assert {who for who, _ in work.done} == {"stage"}
    assert help_with(_helper(stage), CODES, first_fence, work.by("late")) == 0
