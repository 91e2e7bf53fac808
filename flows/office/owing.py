"""Who owes what, by name and how to reach them: units, experts, and who has still to vote."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.contacts import UnitContact
from config.milestones import Milestone
from config.season import Season
from config.units import all_units
from flows.home import paths
from models import Correction, Expert, Submission
from models.enums import CallState, CorrectionState, Labelled, SubmissionState, Trigger
from models.queries import milestone_rows
from states.final_round.approval import votes_are_open
from states.guard_facts import dated
from states.outstanding import debtors
from states.rules.calendar.timetable import Deadlines

# The stage that moves dates.
MOVE_DATE = Trigger.MOVE_DATE.value


class Debt(Labelled):
    """What somebody may owe."""

    SUBMISSIONS = "submissions", "申报汇总表"
    VERDICTS = "verdicts", "初评结果"
    CORRECTION = "correction", "补正"
    SCORES = "scores", "终评评分"
    RE_REVIEW = "re_review", "复评评分"
    VOTES = "votes", "表决票"


@dataclass(frozen=True)
class FormLink:
    """A form of the dashboard that acts on a row, by its name, and what is filled in."""

    name: str
    given: Mapping[str, Any]


@dataclass(frozen=True)
class Owing:
    """Who owes `items` pieces of something, `nothing_in` when nothing at all came; 0 pieces: nobody knows how many."""

    code: str
    name: str
    what: Debt
    items: int
    nothing_in: bool
    due_at: datetime | None
    person: str
    phone: str
    mail: str
    form: FormLink | None

    @property
    def deed(self) -> str:
        """What the form does."""
        return "延长期限" if self.form and self.form.name == MOVE_DATE else "更换专家"


_ROUNDS = {
    CallState.OPEN: ((Milestone.CLOSE_CALL, Debt.SUBMISSIONS),),
    CallState.DISTRICT_REVIEW: ((Milestone.CLOSE_DISTRICT_ROUND, Debt.VERDICTS),),
    CallState.FINAL_REVIEW: ((Milestone.CLOSE_FINAL_ROUND, Debt.SCORES), (Milestone.CLOSE_RE_REVIEW, Debt.RE_REVIEW)),
}


def owing(session: Session, season: Season, state: CallState, reached: Mapping[str, UnitContact]) -> list[Owing]:
    """Who owes something for the round that is open, and for corrections that are out; `reached` are the units' telephones."""
    experts = {expert.id: expert for expert in session.scalars(select(Expert))}
    known = _Known(season, reached, experts, Deadlines.of(dated(milestone_rows(session, season.year))))
    found = []
    for milestone, debt in _ROUNDS.get(state, ()):
        for debtor in debtors(session, season, milestone):
            due_at = known.deadlines.at(milestone, debtor.code)
            form = known.form(debt, debtor.code, milestone)
            found.append(known.owing(debtor.code, debt, debtor.items, debtor.nothing_in, due_at, form))
    found += [known.owing(*asked, None) for asked in _corrections(session, season.year)]
    if state is CallState.FINAL_REVIEW and votes_are_open(session, season.year):
        from states.final_round.votes import owing_votes  # brings numpy, which no other look needs

        due_at = known.deadlines.at(Milestone.CLOSE_VOTES)
        for caster, numbers in owing_votes(session, season).items():
            found.append(known.owing(caster, Debt.VOTES, len(numbers), True, due_at, None))
    return found


def names_of(session: Session, codes: Collection[str]) -> dict[str, str]:
    """What people call units, experts and the office by their codes; an unknown code stays as it is."""
    known = select(Expert.id, Expert.name).where(Expert.id.in_(set(codes) - set(all_units())))
    experts = dict(session.execute(known).all())
    units = {code: all_units()[code].name for code in codes if code in all_units()}
    return {code: "办公室" if code == paths.OFFICE else units.get(code) or experts.get(code) or code for code in codes}


@dataclass(frozen=True)
class _Known:
    """How everybody is reached, looked up once."""

    season: Season
    contacts: Mapping[str, UnitContact]
    experts: Mapping[str, Expert]
    deadlines: Deadlines

    def owing(
        self, code: str, what: Debt, items: int, nothing_in: bool, due_at: datetime | None, form: FormLink | None
    ) -> Owing:
        expert = self.experts.get(code)
        if expert is not None:
            person, phone, mail, name = "", expert.phone, expert.mail, expert.name
        elif code == paths.OFFICE:
            person, phone, mail, name = "", "", self.season.office.mail, self.season.office.name
        else:
            reached = self.contacts.get(code)
            person, phone = (reached.person, reached.phone) if reached else ("", "")
            mail, name = self.season.mail_of(code), all_units()[code].name
        return Owing(code, name, what, items, nothing_in, due_at, person, phone, mail, form)

    def form(self, debt: Debt, code: str, milestone: Milestone) -> FormLink:
        if code in self.experts:
            return FormLink("replace_expert", {"season": self.season.year, "subject": code})
        return FormLink(MOVE_DATE, {"season": self.season.year, "milestone": milestone.value, "unit": code})


def _corrections(session: Session, year: int) -> Iterator[tuple[str, Debt, int, bool, datetime]]:
    """(unit, what, how many, nothing in, the earliest date) of the corrections that are out."""
    asked = (
        select(Submission.unit, func.count(), func.min(Correction.due_at))
        .join(Correction, Correction.number == Submission.number)
        .where(
            Submission.season == year,
            Submission.state != SubmissionState.ARCHIVED,
            Correction.state == CorrectionState.OUTSTANDING,
        )
        .group_by(Submission.unit)
        .order_by(Submission.unit)
    )
    for unit, count, due_at in session.execute(asked):
        yield unit, Debt.CORRECTION, count, True, due_at
