"""Whole seasons in any order of deeds: after every step the database is what a small model says, and sound.

`tests/support/seasons` holds the model and the game. `GANGCHUANG_SEASONS=500 pytest -s
tests/flows/test_whole_seasons.py` plays as many at random; without it the same few are played
each time, and must take every edge of both machines.
"""

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from config.season import Season
from config.settings import Settings
from config.units import all_units
from flows.kinds import kind as kinds_of_workbooks
from models.database import make_engine
from tests.support.databases import TEMPLATE, Postgres
from tests.support.playing import Player
from tests.support.seasons.database import TITLES
from tests.support.seasons.deeds import at_home, deed, owed_scores, prepare
from tests.support.seasons.depth import Depth
from tests.support.seasons.game import Game
from tests.support.seasons.model import JUDGING, LIVE, PER_UNIT, STEPS, Points, Row, SeasonModel
from tests.support.seasons.refusals import try_what_is_refused
from tests.support.seasons.script import EXPERTS, UNITS, begin, count_late_verdicts, play_every_edge

ASKED_FOR = int(os.environ.get("GANGCHUANG_SEASONS", "0"))  # before the home's fixture clears the environment
SHRINKING = "GANGCHUANG_NO_SHRINKING" not in os.environ

units = st.sampled_from(UNITS)
titles = st.integers(0, len(TITLES) - 1)
kinds = st.sampled_from(("good", "good", "good", "flawed", "incomplete", "uncovered"))
often, seldom = st.sampled_from((True, True, True, False)), st.sampled_from((False, False, False, True))
verdicts = st.sampled_from(("recommended", "recommended", "not_recommended"))
points = st.builds(Points, st.sampled_from((60, 75, 90)), st.booleans())
picks = st.tuples(st.integers(0, 40), often)  # which one, and whether among those to whom the deed applies
goings_on = st.sampled_from(("", "", "", "", "prepared", "prepared", "prepared", "step"))


class Seasons(RuleBasedStateMachine):
    """One season, or two that overlap; every rule is one deed in the database and in the model."""

    make_database: Callable[[Path], str]
    depth: Depth

    def __init__(self) -> None:
        super().__init__()
        home = Path(mkdtemp(prefix="gangchuang-season-"))
        own = Settings(home=home, database_url=type(self).make_database(home))
        self.game = Game(Player(own, make_engine(own.database)))

    def teardown(self) -> None:
        type(self).depth.add(self.game)
        self.game.database.close()
        shutil.rmtree(self.game.player.home)

    # the season begins

    @initialize(two=seldom, any_time=seldom, lots=st.lists(st.tuples(units, titles), min_size=6, max_size=10))
    def plan(self, two: bool, any_time: bool, lots: list[tuple[str, int]]) -> None:
        self.any_time = any_time
        begin(self.game, *((2025, 2026) if two else (2026,)))
        for season in self.game.seasons.values():
            self.game.step(season)
            for unit, title in lots:
                self.game.deliver(season, unit, (title + season.year) % len(TITLES), "good")

    @rule(data=st.data(), going_on=goings_on)
    def do_something(self, data: st.DataObject, going_on: str) -> None:
        """A deed that has its time now, or in some plays any; then the year may go on by a step."""
        chosen = data.draw(st.sampled_from(at_home(self.at_hand.call, any_time=self.any_time)), label="deed")
        chosen.does(self, **data.draw(st.fixed_dictionaries(chosen.drawn), label=chosen.does.__name__))
        self.go_on(going_on)

    # what units do

    @deed(*JUDGING, unit=units, title=titles, kind=kinds, admitted=seldom)
    def deliver(self, unit: str, title: int, kind: str, admitted: bool) -> None:
        self.game.deliver(self.at_hand, unit, title, kind, admitted=admitted)

    @deed(*JUDGING, pick=picks, kind=st.sampled_from(("good", "flawed", "incomplete")), admitted=seldom)
    def correct(self, pick: tuple[int, bool], kind: str, admitted: bool) -> None:
        number = self._pick(pick, lambda row: row.owes_correction or row.state == "submitted")
        self.game.correct(number, kind, admitted=admitted)

    @deed(*JUDGING, weight=2, pick=picks, said=st.lists(verdicts, min_size=1, max_size=4), unit=units, admitted=seldom)
    def judge(self, pick: tuple[int, bool], said: list[str], unit: str, admitted: bool) -> None:
        """A unit judges what it has, one more time perhaps, or what fell out; or a unit tries what is another's."""
        number = self._pick(pick, lambda row: row.state == "submitted" or row.fell_out_by_the_round)
        season, own = self.game.of(number), self.game.row(number).unit
        numbers = [
            number,
            *(own_number for own_number, row in season.rows.items() if (row.unit, row.stands) == (own, True)),
        ]
        given = [*zip(dict.fromkeys(numbers), said, strict=False)]
        self.game.judge(season, own if pick[1] else unit, given, admitted=admitted)

    @deed(*JUDGING, pick=picks, own=often, unit=units)
    def ask_correction_by_unit(self, pick: tuple[int, bool], own: bool, unit: str) -> None:
        number = self._pick(pick, lambda row: row.state == "submitted")
        unit = self.game.row(number).unit if own else unit
        self.game.ask_correction_by_unit(self.game.of(number), unit, number)

    @deed(*JUDGING, "final_review", "public_notice", "published", pick=picks, own=often, unit=units)
    def withdraw_by_unit(self, pick: tuple[int, bool], own: bool, unit: str) -> None:
        number = self._pick(pick, lambda row: row.state in LIVE)
        unit = self.game.row(number).unit if own else unit
        self.game.withdraw_by_unit(self.game.of(number), unit, number)

    # what the office does

    @deed(*JUDGING, "final_review", "public_notice", "published", pick=picks)
    def withdraw(self, pick: tuple[int, bool]) -> None:
        self.game.withdraw(self._pick(pick, lambda row: row.state in LIVE))

    @deed(pick=picks, origin=st.sampled_from((*LIVE, "awarded")))
    def reinstate(self, pick: tuple[int, bool], origin: str) -> None:
        self.game.reinstate(self._pick(pick, lambda row: row.origin == origin))

    @deed("published", "closed", weight=2, pick=picks)
    def revoke(self, pick: tuple[int, bool]) -> None:
        self.game.revoke(self._pick(pick, lambda row: row.tier is not None))

    @deed(*JUDGING, pick=picks)
    def ask_correction(self, pick: tuple[int, bool]) -> None:
        self.game.ask_correction(self._pick(pick, lambda row: row.state in ("submitted", "district_reviewed")))

    @deed("final_review", strikes=st.lists(picks, max_size=2))
    def approve(self, strikes: list[tuple[int, bool]]) -> None:
        self.game.approve(self.at_hand, [self._pick(pick, lambda row: row.placed is not None) for pick in strikes])

    @deed("final_review")
    def send_back(self) -> None:
        self.game.send_back(self.at_hand)

    @deed(days=st.integers(1, 9))
    def give_time(self, days: int) -> None:
        """The next step, and with it the later ones, get more time."""
        season = self.at_hand
        if season.next_step and season.next_step != "close_public_notice":
            self.game.give_time(season, season.next_step, days)

    @deed(
        ahead=st.integers(-1, 2),
        unit=st.sampled_from(("", *UNITS)),
        days=st.sampled_from((-25, -5, 1, 4, 20, 35)),
        at_once=often,
    )
    def move(self, ahead: int, unit: str, days: int, at_once: bool) -> None:
        """One date moves, for all or for one district, often to where it may not."""
        season = self.at_hand
        if unit and ahead >= 0:
            step = PER_UNIT[ahead % 2]
        else:
            step = STEPS[max(STEPS.index(season.next_step or STEPS[-1]) + ahead, 0) % len(STEPS)]
        if step != "close_public_notice":
            to = season.date(step, unit) + timedelta(days=days)
            self.game.move(season, step, unit, to, at_once=at_once)

    @deed("public_notice", weight=5, pick=picks, grounds=st.sampled_from(("示例一", "示例二")))
    def object_to(self, pick: tuple[int, bool], grounds: str) -> None:
        self.game.object_to(self._pick(pick, lambda row: row.state == "final_reviewed"), grounds)

    @deed("public_notice", "published", weight=3, pick=picks, upheld=often)
    def answer(self, pick: tuple[int, bool], upheld: bool) -> None:
        raised = [
            objection
            for objection in self.game.raised
            if not pick[1] or objection[1] in self.game.row(objection[0]).objections
        ]
        if raised:
            number, grounds = raised[pick[0] % len(raised)]
            self.game.answer(number, grounds, upheld=upheld)

    # what experts do

    @deed("final_review", weight=2, pick=picks, which=st.integers(0, EXPERTS), given=points)
    def score(self, pick: tuple[int, bool], which: int, given: Points) -> None:
        number = self._pick(pick, lambda row: bool(owed_scores(row)))
        owed = owed_scores(self.game.row(number))
        self.game.score(owed[which % len(owed)] if owed and pick[1] else f"E{which + 1:04d}", number, given)

    @deed("final_review", pick=picks, which=st.integers(0, EXPERTS - 1))
    def recuse(self, pick: tuple[int, bool], which: int) -> None:
        number = self._pick(pick, lambda row: bool(owed_scores(row)))
        owed = owed_scores(self.game.row(number))
        self.game.recuse(owed[which % len(owed)] if owed and pick[1] else f"E{which + 1:04d}", number)

    @deed("final_review", which=st.integers(1, EXPERTS))
    def give_up_seat(self, which: int) -> None:
        self.game.give_up_seat(self.at_hand, f"E{which:04d}")

    # what the clock does

    @deed(days=st.integers(1, 30), prepared=often)
    def jump(self, days: int, prepared: bool) -> None:
        """The system was away, or its clock jumped: what fell due meanwhile is done late, step by step."""
        if prepared:
            prepare(self.game, self.at_hand)
        self.game.now += timedelta(days=days)
        for _ in range(6):
            if not self.at_hand.due(self.game.now) or not self.game.step(self.at_hand):
                break

    @deed(*JUDGING, days=st.sampled_from((0, 0, 1, 6)))
    def tend(self, days: int) -> None:
        """The clock looks, now or when a correction's days may have passed."""
        self.game.now += timedelta(days=days)
        self.game.tend(self.at_hand)

    @deed(which=st.integers(0, 40))
    def look_when_nothing_is_to_do(self, which: int) -> None:
        season = self.at_hand
        self.game.look_early(season)
        self.game.look_out_of_turn(season, sorted(season.dates)[which % len(season.dates)])

    def go_on(self, how: str) -> None:
        season = self.at_hand
        if how and season.next_key:
            if how == "prepared":
                prepare(self.game, season)
            self.game.step(season)

    # what must hold

    @invariant()
    def database_is_sound_and_what_the_model_says(self) -> None:
        if self.game.seasons:
            self.game.check()

    # which one

    @property
    def at_hand(self) -> SeasonModel:
        """The season whose next step comes first."""
        return min(self.game.seasons.values(), key=_next_date)

    def _pick(self, pick: tuple[int, bool], applies: Callable[[Row], bool]) -> str:
        """A submission: mostly one of the season at hand to which the deed applies."""
        at, apt = pick
        every = {number: row for season in self.game.seasons.values() for number, row in season.rows.items()}
        here = [number for number in self.at_hand.rows if applies(every[number])] if apt else []
        choices = here or [number for number, row in every.items() if apt and applies(row)] or sorted(every)
        return choices[at % len(choices)]


def _next_date(season: SeasonModel) -> tuple[bool, Any]:
    key = season.next_key
    return key is None, season.dates[key] if key else season.year


@pytest.fixture
def depth(monkeypatch: pytest.MonkeyPatch) -> Depth:
    """A small programme, and what is counted of its seasons."""
    # The workbooks have their own tests, and take most of the time here.
    monkeypatch.setattr(kinds_of_workbooks, "write_template", lambda path, **_: path.write_bytes(b""))
    monkeypatch.setattr(Season, "units", lambda self: [all_units()[code] for code in UNITS])
    counted = Depth()
    monkeypatch.setattr(Seasons, "depth", counted, raising=False)
    return counted


def play_seasons(make_database: Callable[[Path], str], examples: int) -> None:
    """The scripted seasons, then as many others."""
    Seasons.make_database = staticmethod(make_database)
    for script in (play_every_edge, try_what_is_refused, count_late_verdicts):
        scripted = Seasons()
        script(scripted.game)
        scripted.teardown()
    shrinking = [Phase.shrink] if ASKED_FOR and SHRINKING else []
    run_state_machine_as_test(
        Seasons,
        settings=settings(
            max_examples=ASKED_FOR or examples,
            derandomize=not ASKED_FOR,
            database=None,
            stateful_step_count=40,
            phases=(Phase.explicit, Phase.generate, *shrinking),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )


@pytest.mark.timeout(3600)
def test_any_season_on_sqlite_is_what_the_model_says(
    fresh_home: Path,
    _sqlite_template: Path,  # noqa: PT019 - its value is wanted
    depth: Depth,
) -> None:
    def make(home: Path) -> str:
        return f"sqlite:///{shutil.copy(_sqlite_template, home / 'gangchuang.db')}"

    play_seasons(make, 6)

    print(depth)
    assert depth.missing == []


@pytest.mark.timeout(3600)
def test_any_season_on_postgresql_is_what_the_model_says(fresh_home: Path, postgres: Postgres, depth: Depth) -> None:
    def make(home: Path) -> str:
        postgres.drop("season")
        return postgres.create("season", TEMPLATE)

    play_seasons(make, 3)

    print(depth)
    assert depth.missing == []
