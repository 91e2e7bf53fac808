"""The one way by which an expert comes to a submission, and what bars it. Nobody in conflict, not by hand either."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.season import Season
from config.units import all_units
from models import (
    Assignment,
    Contributor,
    DeclaredConflict,
    DistrictVerdict,
    Expert,
    Organisation,
    Recusal,
    Seat,
    Submission,
)
from models.enums import AssignmentState, SeatState, SubmissionState, Verdict
from states.rules.reviewers import conflicts as rules
from states.rules.reviewers.conflicts import Conflicts, Parties, Person, Reviewer, find_conflicts


class PairRefused(GangchuangError):
    """An expert cannot be given a submission; nothing was assigned."""

    def __init__(self, number: str, expert: str, reason: str, chinese: str) -> None:
        self.number, self.expert = number, expert
        self.chinese = f"{expert}不能评审{number}：{chinese}。没有任何改动。"
        super().__init__(f"{expert} cannot review {number}: {reason}. Nothing was changed.")


def make_pairs(
    session: Session, season: Season, pairs: Mapping[str, Sequence[str]], *, at: datetime, round_number: int = 1
) -> None:
    """Give each submission its experts, all of them or none. Raises PairRefused.

    Whoever asks – the assignment, a replacement, a re-review, an officer – no expert is paired in
    conflict, off the panel, or without the signed statement.
    """
    wanted = sorted({expert for experts in pairs.values() for expert in experts})
    experts = session.scalars(select(Expert).where(Expert.id.in_(wanted))).all()
    barred = season_conflicts(session, season, experts)
    seats = {
        seat.expert: seat
        for seat in session.scalars(select(Seat).where(Seat.season == season.year, Seat.expert.in_(wanted)))
    }
    rows = []
    for number, chosen in pairs.items():
        for expert in chosen:
            _refuse(number, expert, seats.get(expert), barred)
            rows.append(
                {
                    "season": season.year,
                    "number": number,
                    "expert": expert,
                    "round": round_number,
                    "state": AssignmentState.ACTIVE,
                    "assigned_at": at,
                }
            )
    if rows:
        session.execute(insert(Assignment), rows)


def _refuse(number: str, expert: str, seat: Seat | None, barred: Conflicts) -> None:
    if seat is None or seat.state is not SeatState.SEATED:
        raise PairRefused(number, expert, "they have no seat on the panel", "不是本年度评委")
    if seat.signed_on is None:
        raise PairRefused(number, expert, "they have not signed the fairness and secrecy statement", "尚未签署承诺书")
    if number not in barred.submissions:
        raise PairRefused(number, expert, "it is not in the final round", "项目未进入终评")
    if findings := barred.findings(number, expert):
        labels = [kind.label for kind in findings]
        raise PairRefused(number, expert, "; ".join(labels), "；".join(labels))


def season_conflicts(session: Session, season: Season, experts: Sequence[Expert]) -> Conflicts:
    """Every barred pair of the season's eligible submissions and these experts."""
    every = _parties(session, season.year)
    reviewed = set(
        eligible_numbers(session, season.year, (SubmissionState.DISTRICT_REVIEWED, SubmissionState.FINAL_REVIEWED))
    )
    names = (
        {unit.code: (unit.name,) for unit in all_units().values()} if season.final_round.unit_staff_conflict else None
    )
    return find_conflicts(
        [submission for submission in every if submission.submission in reviewed],
        [Reviewer(expert.id, expert.name, expert.organisation, expert.credit_code) for expert in experts],
        also_submitted=[submission for submission in every if submission.submission not in reviewed],
        declared=session.execute(
            select(DeclaredConflict.expert, DeclaredConflict.key).where(DeclaredConflict.season == season.year)
        ).all(),
        recused=session.execute(select(Recusal.expert, Recusal.number).where(Recusal.season == season.year)).all(),
        unit_names=names,
    )


def eligible_numbers(session: Session, year: int, states: Sequence[SubmissionState]) -> list[str]:
    """What its unit recommends, passed the eligibility check and stands in one of these states, by number."""
    return list(
        session.scalars(
            select(Submission.number)
            .join(DistrictVerdict, DistrictVerdict.number == Submission.number)
            .where(
                Submission.season == year,
                Submission.state.in_(states),
                Submission.eligible_at.is_not(None),
                DistrictVerdict.verdict == Verdict.RECOMMENDED,
            )
            .order_by(Submission.number)
        )
    )


def _parties(session: Session, year: int) -> list[Parties]:
    organisations: dict[str, list[rules.Affiliation]] = {}
    for organisation in session.scalars(
        select(Organisation).join(Submission, Submission.number == Organisation.number).where(Submission.season == year)
    ):
        organisations.setdefault(organisation.number, []).append(
            rules.Affiliation(organisation.name, organisation.credit_code)
        )
    people: dict[str, list[Person]] = {}
    for person in session.scalars(
        select(Contributor).join(Submission, Submission.number == Contributor.number).where(Submission.season == year)
    ):
        people.setdefault(person.number, []).append(Person(person.name, person.organisation))
    rows = session.execute(
        select(Submission.number, Submission.unit).where(Submission.season == year).order_by(Submission.number)
    )
    return [
        Parties(number, unit, tuple(organisations.get(number, ())), tuple(people.get(number, ())))
        for number, unit in rows
    ]
