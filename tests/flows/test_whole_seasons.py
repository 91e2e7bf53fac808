"""Whole seasons in any order of deeds: after every step the database is what a small model says, and sound.

People's deeds go through the states' functions, the clock's through the stages' own bodies.
`GANGCHUANG_SEASONS=500 pytest tests/flows/test_whole_seasons.py` plays more of them.
"""

import os
import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
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
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from config.calendar import working_days_after
from config.clock import step_to
from config.local_time import end_of_day, local_day
from config.milestones import Milestone
from config.season import Season
from config.settings import Settings
from config.units import all_units
from flows import open_call, score_sheets, verdict_sheets
from flows.demo.people import credit_code
from models import Assignment, Call, Correction, MilestoneDate, Objection, Submission
from models.database import make_engine
from models.enums import AssignmentState, MilestoneState, ObjectionState, Role, Verdict
from models.forms import ContributorForm, OrganisationForm, ScoreForm, SubmissionForm, VerdictForm
from states import office
from states.approval import approve, list_digest, send_back
from states.corrections import CorrectionRefused, ask_correction
from states.delivered import Delivered
from states.district import take_verdicts
from states.identity import Incoming
from states.intake import take_submissions
from states.invariants import broken_invariants
from states.machine import Actor, TransitionRefused
from states.planning import MoveRefused, move_date, plan_season, reopen_ranking
from states.recusals import recuse
from states.reinstatement import ReinstatementRefused, reinstate
from states.replacements import replace_missing
from states.scores import take_scores
from states.verification import verify
from tests.flows.test_year import BODIES
from tests.support.builders import OFFICE, a_form, an_expert, season_rules
from tests.support.databases import TEMPLATE, Postgres
from tests.support.panel import points_of
from tests.support.playing import Player
from tests.support.season_model import STEPS, SeasonModel

UNITS = ("500101", "500103", "500107")
TITLES = ("钢筋矫直", "茶叶萎凋", "病床护栏", "稻田除草", "电缆敷设", "课堂教具", "污泥脱水", "面点成型")
KINDS = ("good", "good", "good", "flawed", "incomplete", "uncovered")
SECOND = timedelta(seconds=1)
ASKED_FOR = int(os.environ.get("GANGCHUANG_SEASONS", "0"))  # before the home's fixture clears the environment
QUOTA, PRIZES, SCORES, EXPERTS = 2, 3, 2, 5

units = st.sampled_from(UNITS)
titles = st.integers(0, len(TITLES) - 1)
place = st.integers(0, 23)


def rules_of_the_game() -> Season:
    """The shipped season, small: two recommendations a unit, two scores a submission, three prizes."""
    shipped = season_rules()
    final = shipped.final_round.model_copy(
        update={
            "scores_per_submission": SCORES,
            "panel_size": EXPERTS - 1,
            "panel_per_field": 1,
            "reserves": 1,
            "method": "mean",
            "tiers": shipped.final_round.tiers.model_copy(
                update={"sizes": dict.fromkeys(("first", "second", "third"), 1), "prizes": None}
            ),
        }
    )
    reminders = shipped.reminders.model_copy(
        update=dict.fromkeys(("call", "district_round", "experts", "approval"), ())
    )
    district = shipped.district_round.model_copy(update={"quota": QUOTA})
    return shipped.model_copy(update={"final_round": final, "reminders": reminders, "district_round": district})


def a_row(title: int, kind: str, number: str = "") -> SubmissionForm:
    """One achievement is the same whoever sends it; `kind` says what is wrong with the row."""
    name = f"示例·{TITLES[title]}厂"
    code = "" if kind == "flawed" else credit_code("91", title + 1)
    return a_form(
        f"{TITLES[title]}装置",
        number=number,
        organisations=(OrganisationForm(name=name, credit_code=code),),
        contributors=(ContributorForm(name=f"示例·{TITLES[title]}", organisation=name),),
        completed_on=date(2024 if kind == "uncovered" else 2025, 6, 1),
        benefit_economic=None if kind == "incomplete" else Decimal("12.5"),
    )


class Seasons(RuleBasedStateMachine):
    """One season: every rule does one deed in the database and in the model, and compares the answers."""

    make_database: Callable[[Path], str]

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(mkdtemp(prefix="gangchuang-season-"))
        own = Settings(home=self.home, database_url=type(self).make_database(self.home))
        self.player = Player(own, make_engine(own.database))
        self.model = SeasonModel(QUOTA, PRIZES)
        self.now = season_rules().dates.open_call - timedelta(days=7)
        self.totals = iter(range(99, 0, -1))
        self.delivery = 0

    def teardown(self) -> None:
        if ASKED_FOR:
            print("ended", self.model.call, len(self.model.rows))
        self.player.engine.dispose()
        shutil.rmtree(self.home)

    # the season begins

    @initialize(lots=st.lists(st.tuples(units, titles), min_size=3, max_size=10))
    def plan(self, lots: list[tuple[str, int]]) -> None:
        step_to(self.home, self.now)
        with self.player.writing() as session:
            plan_season(session, rules_of_the_game(), actor=OFFICE, at=self.now)
            for ordinal in range(1, EXPERTS + 1):
                an_expert(session, ordinal, statement_on=date(2026, 6, 1))

        self._step()
        for unit, title in lots:
            self.deliver(unit, title, "good", False)

    # what units do

    @rule(unit=units, title=titles, kind=st.sampled_from(KINDS), admitted=st.sampled_from((False, False, False, True)))
    def deliver(self, unit: str, title: int, kind: str, admitted: bool) -> None:
        if any(
            (row.unit, row.title, row.correction) == (unit, title, "outstanding") for row in self.model.rows.values()
        ):
            return
        late = self._is_past(Milestone.CLOSE_CALL) and not admitted
        expected = self.model.deliver(unit, title, kind, late=late)
        self._take(unit, a_row(title, kind), expected, admitted=admitted)

    @precondition(lambda self: self.model.rows)
    @rule(at=place)
    def correct(self, at: int) -> None:
        number = self._number(at)
        row = self.model.rows[number]
        expected = self.model.correct(number, at=self.now, late=self._is_past(Milestone.CLOSE_CALL))
        self._take(row.unit, a_row(row.title, "good", number), expected)

    @precondition(lambda self: self.model.rows)
    @rule(
        unit=units,
        own=st.booleans(),
        at=place,
        verdict=st.sampled_from(("recommended", "recommended", "not_recommended")),
    )
    def judge(self, unit: str, own: bool, at: int, verdict: str) -> None:
        number = self._number(at)
        unit = self.model.rows[number].unit if own else unit
        expected = self.model.judge(unit, number, verdict, 80, late=self._is_past(Milestone.CLOSE_DISTRICT_ROUND))
        form = VerdictForm(number=number, verdict=Verdict(verdict), points=points_of(self.player.season, 80))
        with self.player.writing() as session:
            taken = take_verdicts(session, self._delivered(unit), [(1, form)])
        assert {key: one.code for key, one in taken.refused.items()} == ({1: expected} if expected else {})

    # what the office does

    @precondition(lambda self: self.model.rows)
    @rule(at=place)
    def withdraw(self, at: int) -> None:
        number = self._number(at)
        self._asked(
            self.model.withdraw(number),
            lambda session: office.withdraw(session, number, actor=OFFICE, at=self.now, reason="示例"),
        )

    @precondition(lambda self: self.model.rows)
    @rule(at=place)
    def reinstate(self, at: int) -> None:
        number = self._number(at)
        self._asked(
            self.model.reinstate(number),
            lambda session: self._bring_back(session, number),
        )

    @precondition(lambda self: self.model.rows)
    @rule(at=place)
    def revoke(self, at: int) -> None:
        number = self._number(at)
        self._asked(
            self.model.revoke(number),
            lambda session: office.revoke(session, number, actor=OFFICE, at=self.now, reason="示例"),
        )

    @precondition(lambda self: self.model.rows)
    @rule(at=place)
    def ask_correction(self, at: int) -> None:
        number = self._number(at)
        expected = self.model.ask_correction(number, self._correction_due())
        self._asked(
            expected,
            lambda session: ask_correction(
                session, self.player.season, number, missing="示例", actor=OFFICE, at=self.now
            ),
        )

    @precondition(lambda self: self.model.call == "final_review")
    @rule(strike=st.one_of(st.just(-1), place))
    def approve(self, strike: int) -> None:
        struck = self._number(strike) if strike >= 0 and self.model.rows else ""
        expected = self.model.approve(struck)

        def deciding(session: Any) -> None:
            digest = list_digest(session, 2026)
            strikes = [struck] if struck else []
            approve(session, 2026, digest=digest, actor=OFFICE, at=self.now, reason="示例", strike=strikes)

        self._asked(expected, deciding)

    @precondition(lambda self: self.model.call == "final_review")
    @rule()
    def send_back(self) -> None:
        """The ranking is drawn up again, from now."""

        def deciding(session: Any) -> None:
            send_back(session, 2026, digest=list_digest(session, 2026), actor=OFFICE, at=self.now, reason="示例")
            reopen_ranking(session, 2026, actor=OFFICE, at=self.now, reason="示例")

        self._asked(self.model.send_back(), deciding)

    @precondition(lambda self: self.model.next_step is not None)
    @rule(days=st.integers(1, 9))
    def move_next_date(self, days: int) -> None:
        """The office gives the next step, and with it the later ones, more time."""
        step = self.model.next_step
        assert step is not None
        if step != "close_public_notice":
            self._move(step, max(self.now, self._due(step)) + timedelta(days=days))

    @precondition(lambda self: self.model.call == "public_notice")
    @rule(at=place)
    def object_to(self, at: int) -> None:
        if not self.model.rows:
            return
        number = self._number(at)
        self.delivery += 1
        expected = self.model.object_to(
            number, over="close_public_notice" in self.model.settled or self._notice_is_past()
        )
        self._asked(
            expected,
            lambda session: office.raise_objection(
                session,
                self.player.season,
                number,
                grounds=f"示例{self.delivery}",
                objector="示例·异议人",
                actor=OFFICE,
                at=self.now,
            ),
        )

    @precondition(lambda self: any(row.objections for row in self.model.rows.values()))
    @rule(upheld=st.booleans())
    def answer(self, upheld: bool) -> None:
        number = next(number for number, row in self.model.rows.items() if row.objections)
        expected = self.model.answer(number, upheld=upheld)
        with self.player.reading() as session:
            identifier = session.scalar(
                select(Objection.id).where(Objection.number == number, Objection.state == ObjectionState.OPEN)
            )
        self._asked(
            expected,
            lambda session: office.answer_objection(
                session, identifier, upheld=upheld, answer="示例", actor=OFFICE, at=self.now
            ),
        )

    # what experts do

    @precondition(lambda self: any(row.assigned and row.score is None for row in self.model.rows.values()))
    @rule()
    def score(self) -> None:
        """All experts of a submission agree on a total that no other has, so the ranking is plain."""
        if self._is_past(Milestone.CLOSE_FINAL_ROUND):
            return
        number = next(key for key, row in self.model.rows.items() if row.assigned and row.score is None)
        total = next(self.totals)
        self.model.rows[number].score = total
        with self.player.writing() as session:
            experts = session.scalars(
                select(Assignment.expert).where(Assignment.number == number, Assignment.state == AssignmentState.ACTIVE)
            ).all()
            for expert in experts:
                form = ScoreForm(number=number, points=points_of(self.player.season, total), comment="示例")
                delivered = self._delivered(expert, Role.EXPERT)
                assert not take_scores(session, delivered, [(1, form)]).refused
        assert len(experts) == SCORES

    @precondition(lambda self: any(row.can_lose_an_expert for row in self.model.rows.values()))
    @rule()
    def recuse(self) -> None:
        """An expert steps back before scoring, and another one takes the submission."""
        if not self.model.in_final_round:
            return
        number = next(key for key, row in self.model.rows.items() if row.can_lose_an_expert)
        self.model.rows[number].recused += 1
        with self.player.writing() as session:
            active = select(Assignment.expert).where(
                Assignment.number == number, Assignment.state == AssignmentState.ACTIVE
            )
            expert = session.scalars(active.order_by(Assignment.expert)).first()
            assert expert is not None
            recuse(session, 2026, expert, number, reason="示例", actor=Actor(Role.EXPERT, expert), at=self.now)
            replace_missing(session, self.player.season, actor=OFFICE, at=self.now)
            assert len(session.scalars(active).all()) == SCORES
            assert expert not in session.scalars(active).all()

    # what the clock does

    @rule()
    def look_early(self) -> None:
        """A second before its time a step changes nothing."""
        step = self.model.next_step
        if step is None or self._due(step) - SECOND < self.now:
            return
        self.now = self._due(step) - SECOND
        assert self._play(step) == "not_due"

    @rule()
    def step(self) -> None:
        self._step()

    @rule(times=st.integers(1, 4))
    def prepared_steps(self, times: int) -> None:
        """People do what the next step waits for, then the clock comes; so the end of a year is reached."""
        for _ in range(times):
            self._prepare()
            self._step()
            self.database_is_what_the_model_says()
            self.database_is_sound()

    def _prepare(self) -> None:
        if self.model.next_step == "close_district_round" and not self._is_past(Milestone.CLOSE_DISTRICT_ROUND):
            for at, number in enumerate(sorted(self.model.rows)):
                if self.model.rows[number].state == "submitted":
                    self.judge("", True, at, "recommended")
        if self.model.call == "final_review" and "close_final_round" not in self.model.settled:
            while any(row.assigned and row.score is None for row in self.model.rows.values()):
                if self._is_past(Milestone.CLOSE_FINAL_ROUND):
                    break
                self.score()
        if self.model.next_step == "open_public_notice" and not self.model.approved:
            self.approve(-1)
        while self.model.next_step == "archive" and any(row.objections for row in self.model.rows.values()):
            self.answer(False)

    # what must hold

    @invariant()
    def database_is_what_the_model_says(self) -> None:
        if not self.player.settings.clock.stepped:
            return
        with self.player.reading() as session:
            call = session.scalar(select(Call.state).where(Call.season == 2026))
            rows = session.execute(
                select(
                    Submission.number,
                    Submission.unit,
                    Submission.state,
                    Submission.outcome,
                    Submission.archived_from,
                    Submission.tier,
                    Submission.eligible_at,
                    Correction.state,
                ).outerjoin(Correction, Correction.number == Submission.number)
            ).all()
            done = select(MilestoneDate.milestone).where(MilestoneDate.state == MilestoneState.DONE)
            settled = set(session.scalars(done))
        assert call == self.model.call or call is None
        assert settled == set(self.model.settled)
        kept = {
            row.number: (
                row.unit,
                row[2],
                row.outcome,
                row.archived_from,
                row.tier,
                row.eligible_at is not None,
                row[7] or "",
            )
            for row in rows
        }
        assert kept == {
            number: (row.unit, row.state, row.outcome, row.origin, row.tier, row.eligible, row.correction)
            for number, row in self.model.rows.items()
        }

    @invariant()
    def database_is_sound(self) -> None:
        if not self.player.settings.clock.stepped:
            return
        with self.player.reading() as session:
            assert list(broken_invariants(session, self.home)) == []
            assert list(verify(session)) == []

    # how it is done

    def _step(self) -> None:
        step = self.model.next_step
        if step is None:
            return
        self.now = max(self.now, self._due(step))
        before = set(self._outstanding())
        done = self.model.step(step, self.now)
        for number in self._outstanding() - before:
            self.model.rows[number].due_at = self._correction_due()
        assert self._play(step) == ("done" if done else "waiting")
        if not done and step in ("close_eligibility", "draw_panel"):
            overdue = [row.due_at for row in self.model.rows.values() if row.correction == "outstanding" and row.due_at]
            self.now = max([self.now, *(due_at + SECOND for due_at in overdue)])
        if not done and step == "close_final_round":
            # The office gives the experts another week.
            self._move(step, self.now + timedelta(days=7))

    def _bring_back(self, session: Any, number: str) -> None:
        reinstate(session, number, actor=OFFICE, at=self.now, reason="示例")
        if self.model.in_final_round:
            replace_missing(session, self.player.season, actor=OFFICE, at=self.now)

    def _outstanding(self) -> set[str]:
        return {number for number, row in self.model.rows.items() if row.correction == "outstanding"}

    def _move(self, step: str, to: datetime) -> None:
        order = [Milestone(one) for one in STEPS[STEPS.index(step) :] if one != "close_public_notice"]
        for shift, one in reversed(list(enumerate(order))):
            new = max(self._due(one.value), to + timedelta(days=shift))
            try:
                with self.player.writing() as session:
                    move_date(session, 2026, one, to=new, reason="示例", actor=OFFICE, at=self.now)
            except MoveRefused:
                continue

    def _play(self, step: str) -> str:
        self.player.at(self.now)
        milestone = Milestone(step)
        return self.player.play(step, BODIES[milestone], milestone).outcome

    def _due(self, step: str) -> datetime:
        return self.player.due_at(Milestone(step))

    def _is_past(self, deadline: Milestone) -> bool:
        return self.now > self._due(deadline.value)

    def _notice_is_past(self) -> bool:
        return self.now >= self._due("close_public_notice")

    def _correction_due(self) -> datetime:
        """Five working days from now; of the next year nobody knows them yet, nor asks."""
        return end_of_day(working_days_after(min(local_day(self.now), date(2026, 12, 1)), 5))

    def _number(self, at: int) -> str:
        numbers = sorted(self.model.rows)
        return numbers[at % len(numbers)]

    def _delivered(self, sender: str, role: Role = Role.DISTRICT, *, admitted: bool = False) -> Delivered:
        self.delivery += 1
        return Delivered(2026, sender, f"{self.delivery:064x}", self.now, self.now, Actor(role, sender), admitted)

    def _take(self, unit: str, form: SubmissionForm, expected: str, *, admitted: bool = False) -> None:
        with self.player.writing() as session:
            taken = take_submissions(session, self._delivered(unit, admitted=admitted), [Incoming(1, form)])
        assert {key: one.code for key, one in taken.refused.items()} == ({1: expected} if expected else {})

    def _asked(self, expected: str, deed: Callable[[Any], object]) -> None:
        """Do a deed; it is refused with the expected code, or (`refused`) by a decision of its own kind."""
        try:
            with self.player.writing() as session:
                deed(session)
        except TransitionRefused as refused:
            assert expected in (refused.refusal.code, "refused"), refused
        except (office.DecisionRefused, CorrectionRefused, ReinstatementRefused) as refused:
            assert expected == "refused", refused
        else:
            assert expected == ""


def play_seasons(monkeypatch: pytest.MonkeyPatch, make_database: Callable[[Path], str], examples: int) -> None:
    for module in (open_call, verdict_sheets, score_sheets):
        # The workbooks have their own tests, and take most of the time here.
        monkeypatch.setattr(module, "write_template", lambda path, **_: path.write_bytes(b""))
    monkeypatch.setattr(Season, "units", lambda self: [all_units()[code] for code in UNITS])
    monkeypatch.setattr(Seasons, "make_database", staticmethod(make_database), raising=False)
    run_state_machine_as_test(
        Seasons,
        settings=settings(
            max_examples=ASKED_FOR or examples,
            stateful_step_count=60,
            phases=(
                Phase.explicit,
                Phase.reuse,
                Phase.generate,
                *([Phase.shrink] if ASKED_FOR and "GANGCHUANG_NO_SHRINKING" not in os.environ else []),
            ),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )


@pytest.mark.timeout(1800)
def test_any_season_on_sqlite_is_what_the_model_says(
    fresh_home: Path,
    _sqlite_template: Path,  # noqa: PT019 - its value is wanted
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(home: Path) -> str:
        return f"sqlite:///{shutil.copy(_sqlite_template, home / 'gangchuang.db')}"

    play_seasons(monkeypatch, make, 12)


@pytest.mark.timeout(1800)
def test_any_season_on_postgresql_is_what_the_model_says(
    fresh_home: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(home: Path) -> str:
        name = "season"
        postgres.drop(name)
        return postgres.create(name, TEMPLATE)

    play_seasons(monkeypatch, make, 4)
