"""The same deeds in a real database: people's through the states' functions, the clock's through the stages' bodies."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from config.milestones import Milestone
from config.season import Season
from flows.clock import Timekeeper
from flows.collect import collecting
from flows.demo.people import credit_code
from models import Assignment, Call, Correction, MilestoneDate, Objection, Placing, Seat, Submission
from models.enums import OPEN_OBJECTIONS, AssignmentState, MilestoneState, Role, Verdict
from models.forms import (
    ContributorForm,
    OrganisationForm,
    ScoreForm,
    SendBackForm,
    SubmissionForm,
    VerdictForm,
    WithdrawalForm,
)
from models.queries import milestone_rows, season_in_force
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT
from states.district_round import unit_requests
from states.district_round.verdicts import take_verdicts
from states.final_round.approval import waits_for_approval
from states.final_round.scores import take_scores
from states.guard_facts import dated
from states.machine import Act, Actor, Refusal
from states.panel.replacements import replace_missing
from states.rules.calendar.timetable import due
from states.submissions.delivery import Delivered
from states.submissions.identity import Incoming
from states.submissions.intake import take_submissions
from tests.flows.test_year import BODIES
from tests.support.builders import ADMITTED, OFFICE, a_form
from tests.support.playing import Player
from tests.support.seasons.model import Key, Points

TITLES = (
    *("钢筋矫直", "茶叶萎凋", "病床护栏", "稻田除草", "电缆敷设", "课堂教具"),
    *("污泥脱水", "面点成型", "桥梁检测", "粮仓通风", "管道焊接", "果园灌溉"),
)
STANDING = (AssignmentState.ACTIVE, AssignmentState.SCORED)


def a_row(year: int, title: int, kind: str, number: str = "") -> SubmissionForm:
    """One achievement is the same whoever sends it, and when; `kind` says what is wrong with the row."""
    name = f"示例·{TITLES[title]}厂"
    code = "" if kind == "flawed" else credit_code("91", title + 1)
    return a_form(
        f"{TITLES[title]}装置",
        number=number,
        organisations=(OrganisationForm(name=name, credit_code=code),),
        contributors=(ContributorForm(name=f"示例·{TITLES[title]}", organisation=name),),
        completed_on=date(year - 2 if kind == "uncovered" else year - 1, 6, 1),
        benefit_economic=None if kind == "incomplete" else Decimal("12.5"),
    )


@dataclass
class SeasonsDatabase:
    """One home with its database. Deeds answer as the model does: what refused them, row by row."""

    player: Player
    deliveries: int = 0
    _looked: Any = None
    _witness: Any = field(default=None, repr=False)

    # people

    def deliver(self, unit: str, form: SubmissionForm, year: int, at: datetime, admitted: bool) -> str:
        with self.player.writing() as session:
            delivered = self._delivered(year, unit, at, admitted=admitted)
            return _codes(take_submissions(session, delivered, [Incoming(1, form)]).refused, 1)[0]

    def judge(self, unit: str, given: Sequence[tuple[str, str]], year: int, at: datetime, admitted: bool) -> list[str]:
        points = {key: Decimal(value) for key, value in Points(80).shared.items()}
        forms = [VerdictForm(number=number, verdict=Verdict(verdict), points=points) for number, verdict in given]
        with self.player.writing() as session:
            delivered = self._delivered(year, unit, at, admitted=admitted)
            return _codes(take_verdicts(session, delivered, list(enumerate(forms, 1))).refused, len(forms))

    def ask_correction_by_unit(self, unit: str, number: str, year: int, at: datetime) -> str:
        row = (1, SendBackForm(number=number, missing="示例"))
        with self.player.writing() as session:
            return _codes(unit_requests.send_back(session, self._delivered(year, unit, at), [row]).refused, 1)[0]

    def withdraw_by_unit(self, unit: str, number: str, year: int, at: datetime) -> str:
        row = (1, WithdrawalForm(number=number))
        with self.player.writing() as session:
            return _codes(unit_requests.take_withdrawals(session, self._delivered(year, unit, at), [row]).refused, 1)[0]

    def score(self, expert: str, number: str, points: Points, year: int, at: datetime) -> str:
        shared = {key: Decimal(value) for key, value in points.shared.items()}
        form = ScoreForm(number=number, points=shared, comment="示例")
        with self.player.writing() as session:
            delivered = self._delivered(year, expert, at, role=Role.EXPERT)
            return _codes(take_scores(session, delivered, [(1, form)]).refused, 1)[0]

    def replace_missing(self, year: int, at: datetime) -> None:
        with self.player.writing() as session:
            replace_missing(session, season_in_force(session, year), Act(OFFICE, at))

    def _delivered(
        self, year: int, sender: str, at: datetime, *, role: Role = Role.DISTRICT, admitted: bool = False
    ) -> Delivered:
        self.deliveries += 1
        return Delivered(
            year, sender, f"{self.deliveries:064x}", at, Act(Actor(role, sender), at), ADMITTED if admitted else None
        )

    # the clock

    def play(self, year: int, key: Key, at: datetime) -> str:
        step, unit = key
        self.player.at(at)
        milestone = Milestone(step)
        return (
            Player(self.player.settings, self.player.engine, year)
            .play(step, BODIES[milestone], milestone, unit=unit)
            .outcome
        )

    def due(self, year: int, at: datetime) -> list[Key]:
        """What the clock would start."""
        with self.player.reading() as session:
            waiting = {Milestone.OPEN_PUBLIC_NOTICE} if waits_for_approval(session, year) else set()
            started = due(dated(milestone_rows(session, year)), at, waiting=waiting)
        return [(step.dated.milestone.value, step.dated.unit) for step in started]

    def tend(self, year: int, at: datetime) -> str:
        """The clock looks what there is to do besides the steps, and what it starts is done."""
        self.player.at(at)
        player = Player(self.player.settings, self.player.engine, year)
        begun = []

        def start(stage: str, parameters: dict[str, Any], key: str) -> str:
            if stage == "collect":
                begun.append(player.play(stage, collecting).outcome)
            return key

        keeper = Timekeeper(player.settings, player.engine, start)
        keeper._housekeeping(year, closed=self.call(year) == "closed")
        return " ".join(begun) or "nothing"

    # what is kept

    def season(self, year: int) -> Season:
        with self.player.reading() as session:
            return season_in_force(session, year)

    def dates(self, year: int) -> dict[Key, tuple[datetime, bool]]:
        """When each step falls, and whether it is settled."""
        with self.player.reading() as session:
            rows = session.scalars(select(MilestoneDate).where(MilestoneDate.season == year)).all()
        return {(row.milestone, row.unit): (row.due_at, row.state is MilestoneState.DONE) for row in rows}

    def call(self, year: int) -> str:
        with self.player.reading() as session:
            return session.get_one(Call, year).state.value

    def submissions(self, year: int) -> dict[str, tuple[Any, ...]]:
        """What the model knows of each, in its order."""
        query = (
            select(
                Submission.number,
                Submission.unit,
                Submission.state,
                Submission.outcome,
                Submission.archived_from,
                Submission.tier,
                Submission.eligible_at.is_not(None),
                Correction.state,
                Placing.tier,
                Placing.struck != "",
                Placing.approved,
            )
            .outerjoin(Correction, Correction.number == Submission.number)
            .outerjoin(Placing, Placing.number == Submission.number)
            .where(Submission.season == year)
        )
        with self.player.reading() as session:
            rows = session.execute(query).all()
            objections = select(Objection.number, Objection.grounds).where(Objection.state.in_(OPEN_OBJECTIONS))
            open_ones = sorted(tuple(row) for row in session.execute(objections))
        return {
            number: (
                *known,
                correction or "",
                placed,
                bool(struck),
                bool(approved),
                [grounds for submission, grounds in open_ones if submission == number],
            )
            for number, *known, correction, placed, struck, approved in rows
        }

    def assigned(self, year: int) -> dict[tuple[str, int], set[str]]:
        """Who has a submission to score or has scored it, by number and round."""
        query = select(Assignment.number, Assignment.round, Assignment.expert).where(Assignment.season == year)
        found: dict[tuple[str, int], set[str]] = {}
        with self.player.reading() as session:
            for number, round_number, expert in session.execute(query.where(Assignment.state.in_(STANDING))):
                found.setdefault((number, round_number), set()).add(expert)
        return found

    def seats(self, year: int) -> set[str]:
        with self.player.reading() as session:
            return set(session.scalars(select(Seat.expert).where(Seat.season == year)))

    def positions(self, numbers: Iterable[str]) -> list[str]:
        """Submissions in the order in which the list has them."""
        with self.player.reading() as session:
            query = select(Placing.number).where(Placing.number.in_([*numbers])).order_by(Placing.position)
            return list(session.scalars(query))

    def objection(self, number: str, grounds: str) -> int:
        with self.player.reading() as session:
            query = select(Objection.id).where(Objection.number == number, Objection.grounds == grounds)
            return session.scalars(query.order_by(Objection.id.desc())).first() or 0

    def broken(self) -> list[str]:
        """Every invariant of `gangchuang doctor` that does not hold."""
        with self.player.reading() as session:
            return [str(breach) for breach in broken_invariants(session, self.player.home, EVERY_INVARIANT)]

    def has_changed(self) -> bool:
        """Whether anything was committed since this was asked last: a look at what did not change is spared."""
        before, self._looked = self._looked, self._committed()
        return bool(before != self._looked)

    def _committed(self) -> Any:
        sqlite = self.player.engine.dialect.name == "sqlite"
        if self._witness is None:
            self._witness = self.player.engine.raw_connection()
            if not sqlite:
                self._witness.driver_connection.autocommit = True
        with closing(self._witness.cursor()) as cursor:
            cursor.execute("PRAGMA data_version" if sqlite else "SELECT pg_current_wal_insert_lsn()")
            return cursor.fetchone()

    def close(self) -> None:
        if self._witness is not None:
            self._witness.close()
        self.player.engine.dispose()


def _codes(refused: dict[int, Refusal], rows: int) -> list[str]:
    return [refused[position].code if position in refused else "" for position in range(1, rows + 1)]
