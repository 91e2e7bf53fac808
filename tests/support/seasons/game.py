"""Seasons played twice: every deed is done in the model and in the database, and the two must agree.

After each the database is looked at whole (`check`), unless nothing was committed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from models.enums import Role
from states.final_round.approval import approve, list_digest, send_back
from states.machine import Act, Actor, TransitionRefused
from states.officers import DecisionRefused
from states.panel.recusals import RecusalRefused, recuse
from states.panel.replacements import give_up_seat
from states.submissions.corrections import CorrectionRefused, ask_correction
from states.submissions.reinstatement import ReinstatementRefused, reinstate
from states.submissions.settle import revoke, withdraw
from states.timeline import MoveRefused, move_date, plan_season, reopen_ranking
from tests.support import objections
from tests.support.builders import OFFICE, an_expert
from tests.support.playing import Player
from tests.support.seasons import clock, people, units
from tests.support.seasons.database import SeasonsDatabase, a_row
from tests.support.seasons.model import (
    STEPS,
    Key,
    Points,
    Row,
    SeasonModel,
    correction_due,
    last_day_to_correct,
    notice_end,
)

SECOND = timedelta(seconds=1)
REFUSALS = (DecisionRefused, CorrectionRefused, ReinstatementRefused, RecusalRefused, MoveRefused)


class Game:
    """All seasons of one database, their models, and the present instant."""

    now: datetime

    def __init__(self, player: Player) -> None:
        self.player = player
        self.database = SeasonsDatabase(player)
        self.seasons: dict[int, SeasonModel] = {}
        self.answers: Counter[str] = Counter()
        self.raised: dict[tuple[str, str], int] = {}  # objections by number and grounds: their grounds are deleted
        self.checks = 0

    def plan(self, rules: Season, codes: Sequence[str], quota: int, sizes: Sequence[int], experts: int) -> None:
        with self.player.writing() as session:
            plan_season(session, rules, Act(OFFICE, self.now))
            for ordinal in range(1, experts + 1):
                an_expert(session, ordinal, statement_on=date(2026, 5, 1))
        dates: dict[Key, datetime] = {(name, ""): instant for name, instant in rules.dates.given()}
        dates["close_public_notice", ""] = notice_end(rules.dates.open_public_notice)
        dates["erase_personal_data", ""] = rules.erase_personal_data_at
        needed = rules.final_round.scores_per_submission
        season = SeasonModel(rules.year, tuple(codes), quota, tuple(sizes), needed, dates, [*self.seasons.values()])
        for other in self.seasons.values():
            other.others.append(season)
        self.seasons[rules.year] = season

    def of(self, number: str) -> SeasonModel:
        return self.seasons[int(number.partition("-")[0])]

    def row(self, number: str) -> Row:
        return self.of(number).rows[number]

    # units

    def deliver(self, season: SeasonModel, unit: str, title: int, kind: str, *, admitted: bool = False) -> None:
        expected = units.deliver(season, unit, title, kind, at=self.now, admitted=admitted)
        form = a_row(season.year, title, kind)
        self._agree("deliver", expected, self.database.deliver(unit, form, season.year, self.now, admitted))

    def correct(self, number: str, kind: str = "good", *, admitted: bool = False) -> None:
        season, row = self.of(number), self.row(number)
        expected = units.correct(season, number, kind, at=self.now, admitted=admitted)
        form = a_row(season.year, row.title, kind, number).model_copy(update={"restores": True})
        self._agree("correct", expected, self.database.deliver(row.unit, form, season.year, self.now, admitted))

    def judge(
        self, season: SeasonModel, unit: str, given: Sequence[tuple[str, str]], *, admitted: bool = False
    ) -> None:
        expected = units.judge(season, unit, given, at=self.now, admitted=admitted)
        answers = self.database.judge(unit, given, season.year, self.now, admitted)
        for foretold, other in zip(expected, answers, strict=True):
            self._agree("judge", foretold, other)

    def ask_correction_by_unit(self, season: SeasonModel, unit: str, number: str) -> None:
        due_at = last_day_to_correct(self.now, season.date("close_district_round", unit))
        expected = units.ask_correction_by_unit(season, unit, number, due_at, at=self.now)
        answer = self.database.ask_correction_by_unit(unit, number, season.year, self.now)
        self._agree("send back by its unit", expected, answer)

    def withdraw_by_unit(self, season: SeasonModel, unit: str, number: str) -> None:
        expected = units.withdraw_by_unit(season, unit, number)
        answer = self.database.withdraw_by_unit(unit, number, season.year, self.now)
        self._agree("withdraw by its unit", expected, answer)

    # the office

    def withdraw(self, number: str) -> None:
        expected = people.withdraw(self.of(number), number)
        self._decide("withdraw", expected, lambda session: withdraw(session, number, **self._said()))

    def reinstate(self, number: str) -> None:
        season = self.of(number)
        expected = people.reinstate(season, number)
        self._decide("reinstate", expected, lambda session: reinstate(session, number, **self._said()))
        self._replace(season)

    def revoke(self, number: str) -> None:
        expected = people.revoke(self.of(number), number)
        self._decide("revoke", expected, lambda session: revoke(session, number, **self._said()))

    def ask_correction(self, number: str) -> None:
        season = self.of(number)
        expected = people.ask_correction(season, number, correction_due(self.now))
        rules = self.database.season(season.year)
        self._decide(
            "ask correction",
            expected,
            lambda session: ask_correction(session, rules, number, Act(OFFICE, self.now), missing="示例"),
        )

    def move(self, season: SeasonModel, step: str, unit: str, to: datetime, *, at_once: bool = False) -> str:
        expected = people.move(season, step, unit, to, now=self.now, at_once=at_once)
        if not expected and step == "open_public_notice":
            season.dates["close_public_notice", ""] = notice_end(season.date(step))
        self._decide(
            "move for a unit" if unit else "move",
            expected,
            lambda session: move_date(
                session, season.year, Milestone(step), to=to, unit=unit, at_once=at_once, **self._said()
            ),
        )
        return expected

    def give_time(self, season: SeasonModel, step: str, days: int) -> None:
        """The office gives a step more time, and with it the later ones that it would overtake: the last first."""
        moves, to = [], max(self.now, season.date(step)) + timedelta(days=days)
        for later in STEPS[STEPS.index(step) :]:
            if later == step or season.date(later) <= to:
                moves += [(later, to)] if later != "close_public_notice" else []
                to += timedelta(hours=1)
        for later, instant in reversed(moves):
            self.move(season, later, "", instant)

    def approve(self, season: SeasonModel, strike: Sequence[str] = ()) -> None:
        expected = people.approve(season, strike)

        def deciding(session: Session) -> None:
            digest = list_digest(session, season.year)
            approve(session, season.year, digest=digest, strike=strike, **self._said())

        self._decide("approve", expected, deciding)

    def send_back(self, season: SeasonModel) -> None:
        expected = people.send_back(season, at=self.now)

        def deciding(session: Session) -> None:
            send_back(session, season.year, digest=list_digest(session, season.year), **self._said())
            reopen_ranking(session, season.year, **self._said())

        self._decide("send back", expected, deciding)

    def object_to(self, number: str, grounds: str) -> None:
        season = self.of(number)
        expected = people.object_to(season, number, grounds, at=self.now)
        rules = self.database.season(season.year)
        told = {"grounds": grounds, "act": Act(OFFICE, self.now)}
        self._decide("object", expected, lambda session: objections.object_to(session, rules, number, **told))
        if not expected:
            self.raised[number, grounds] = self.database.objection(number, grounds)

    def answer(self, number: str, grounds: str, *, upheld: bool) -> None:
        season = self.of(number)
        expected = people.answer(season, number, grounds, upheld=upheld)
        identifier, rules = self.raised[number, grounds], self.database.season(season.year)
        told = {"upheld": upheld, "act": Act(OFFICE, self.now)}
        self._decide("answer", expected, lambda session: objections.answer(session, rules, identifier, **told))

    # experts

    def score(self, expert: str, number: str, points: Points) -> None:
        season = self.of(number)
        deed = "score again" if expert in self.row(number).re_review else "score"
        expected = people.score(season, expert, number, points, at=self.now)
        self._agree(deed, expected, self.database.score(expert, number, points, season.year, self.now))

    def recuse(self, expert: str, number: str) -> None:
        season = self.of(number)
        expected = people.recuse(season, expert, number)
        told = {"reason": "示例", "act": Act(Actor(Role.EXPERT, expert), self.now)}
        self._decide("recuse", expected, lambda session: recuse(session, season.year, expert, number, **told))
        self._replace(season)

    def give_up_seat(self, season: SeasonModel, expert: str) -> None:
        expected = people.give_up_seat(season, expert)
        self._decide(
            "give up a seat",
            expected,
            lambda session: give_up_seat(session, season.year, expert, **self._said()),
        )
        self._replace(season)

    # the clock

    def step(self, season: SeasonModel) -> bool:
        """The step whose turn it is, in time or late. Whether it is settled."""
        key = season.next_key
        assert key is not None
        self.now = max(self.now, season.dates[key])
        same(season.due(self.now), self.database.due(season.year, self.now))
        owed = {id(row) for row in season.owing_corrections()}
        outcome = self.database.play(season.year, key, self.now)
        done = clock.step(season, key, self.now, self.database.positions)
        for row in season.owing_corrections():
            row.due_at = row.due_at if id(row) in owed else correction_due(self.now)
        if key[0] == "open_public_notice" and done:
            season.dates["close_public_notice", ""] = notice_end(self.now)
        if key[0] == "draw_panel" and done:
            self._sit_down(season)
        self._agree(key[0], "done" if done else "waiting", outcome)
        return done

    def tend(self, season: SeasonModel) -> None:
        """The clock looks, as it does all the time unless it is down: what was not corrected in time lapses."""
        expected = "done" if clock.lapse(season, self.now) else "nothing"
        self._agree("tend", expected, self.database.tend(season.year, self.now))

    def look_early(self, season: SeasonModel) -> None:
        """A second before its time a step changes nothing, and the clock starts none."""
        key = season.next_key
        if key is not None and season.dates[key] - SECOND >= self.now:
            self.now = season.dates[key] - SECOND
            same([], self.database.due(season.year, self.now))
            self._agree("look early", "not_due", self.database.play(season.year, key, self.now))

    def look_out_of_turn(self, season: SeasonModel, key: Key) -> None:
        """A step that is due, but whose turn it is not, or that is settled, changes nothing."""
        if key[0] != season.next_step and season.dates[key] <= self.now:
            expected = "already_done" if key in season.settled else "not_due"
            self._agree("look out of turn", expected, self.database.play(season.year, key, self.now))

    # what must hold

    def check(self) -> None:
        """The database is what the models say, and sound."""
        if not self.database.has_changed():
            return
        self.checks += 1
        for season in self.seasons.values():
            same_season(season, self.database)
        same([], self.database.broken())

    def _sit_down(self, season: SeasonModel) -> None:
        """Who sits on the panel, and who has what, the draw decides: the model looks, and knows how many it must be."""
        season.panel = self.database.seats(season.year)
        self._take_over(season)

    def _replace(self, season: SeasonModel) -> None:
        if season.scoring:
            self.database.replace_missing(season.year, self.now)
            self._take_over(season)
            self.check()

    def _take_over(self, season: SeasonModel) -> None:
        assigned = self.database.assigned(season.year)
        for number, row in season.rows.items():
            if row.in_final_round:
                wanted, free = season.experts_wanted(row), season.free_experts(row)
                experts = assigned.get((number, 1), set())
                assert len(experts) == wanted, number
                assert experts - row.experts.keys() <= free, number
                row.experts.update(dict.fromkeys(experts - row.experts.keys()))
                row.had |= experts

    # how it is done

    def _agree(self, deed: str, expected: str, answer: str) -> None:
        assert answer == expected, f"{deed}: the model expects {expected!r}, the database answers {answer!r}"
        self.answers[f"{deed}: {expected or 'done'}"] += 1
        self.check()

    def _decide(self, deed: str, expected: str, deciding: Callable[[Session], object]) -> None:
        """A decision; refused by the table with a code, or else with a sentence of which a piece is expected."""
        answer = ""
        try:
            with self.player.writing() as session:
                deciding(session)
        except TransitionRefused as refused:
            answer = refused.refusal.code
        except REFUSALS as refused:
            answer = expected if expected and expected in str(refused) else str(refused)
        self._agree(deed, expected, answer)

    def _said(self) -> dict[str, Any]:
        return {"act": Act(OFFICE, self.now), "reason": "示例"}


def same(expected: Any, found: Any) -> None:
    if isinstance(expected, dict) and isinstance(found, dict) and expected != found:
        differing = {key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
        expected, found = ({key: state.get(key) for key in differing} for state in (expected, found))
    assert found == expected, f"the model has {expected}, the database {found}"


def same_season(season: SeasonModel, database: SeasonsDatabase) -> None:
    """A season's call, dates and submissions, and who has them to score."""
    dates = {key: (due_at, key in season.settled) for key, due_at in season.dates.items()}
    rows = {number: _known(row) for number, row in season.rows.items()}
    same(season.call, database.call(season.year))
    same(dates, database.dates(season.year))
    same(rows, database.submissions(season.year))
    assigned = database.assigned(season.year)
    for number, row in season.rows.items():
        same((number, set(row.experts)), (number, assigned.get((number, 1), set())))
        again = row.re_review.keys() - row.lost_to_re_review
        same((number, again), (number, assigned.get((number, 2), set())))


def _known(row: Row) -> tuple[Any, ...]:
    return (
        row.unit,
        row.state,
        row.outcome,
        row.origin,
        row.tier,
        row.eligible,
        row.correction,
        row.placed,
        row.struck,
        row.approved,
        sorted(row.objections),
    )
