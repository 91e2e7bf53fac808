"""What is to be paid for a season's prizes (奖补): to whom, how much, and what is to be got back."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from models import Certificate, Contributor, History, Organisation, Placing, Submission
from models.enums import CertificateState, Outcome, SubmissionState, Tier, Trigger
from states.history.canonical import submission_subject
from states.history.seals import Seals
from states.rules.payment import FEN, shares


@dataclass(frozen=True, slots=True)
class Payee:
    """Who gets how much, in fen; `weight` as the submission says it, empty where the prize is shared evenly."""

    name: str
    weight: str
    amount: int


@dataclass(frozen=True, slots=True)
class Prize:
    """One prize of the approved list, in fen. Withheld, nobody gets anything of it, and `why` says why."""

    number: str
    title: str
    unit: str
    tier: Tier
    amount: int
    payees: tuple[Payee, ...]
    why: str = ""

    @property
    def paid(self) -> int:
        return 0 if self.why else self.amount


@dataclass(frozen=True, slots=True)
class Recovery:
    """A prize that was taken back after it was given: whom it may have been paid to, which certificates come back."""

    prize: Prize
    revoked_at: datetime
    reason: str
    certificates: tuple[int, ...]


def prizes(session: Session, season: Season) -> list[Prize]:
    """Every prize of the approved list in its order, those that are suspended or taken away with the reason."""
    rows = session.execute(
        select(Submission, Placing.tier)
        .join(Placing, Placing.number == Submission.number)
        .where(Submission.season == season.year, Placing.approved)
        .order_by(Placing.position)
    ).all()
    people = _people(session, season)
    amounts = {Tier(word): yuan for word, yuan in season.final_round.tiers.amounts_yuan.items()}
    found = []
    for submission, approved in rows:
        tier = submission.tier or approved
        assert tier is not None, "an approved place has a tier"
        amount = amounts.get(tier, 0) * FEN
        payees = _shared(amount, people.get(submission.number, []))
        found.append(
            Prize(submission.number, submission.title, submission.unit, tier, amount, payees, _why(submission))
        )
    return found


def recoveries(session: Session, season: Season) -> list[Recovery]:
    """Prizes that were given and then revoked, in the order of the list."""
    revoked = {prize.number: prize for prize in prizes(session, season)}
    subjects = {
        submission_subject(number): number
        for number in session.scalars(
            select(Submission.number).where(Submission.season == season.year, Submission.outcome == Outcome.REVOKED)
        )
        if number in revoked
    }
    query = select(History.subject, History.at, History.reason).where(
        History.season == season.year, History.trigger == Trigger.REVOKE
    )
    last = {row.subject: row for row in session.execute(query.order_by(History.subject, History.sequence))}
    returned: dict[str, list[int]] = {}
    for number, ordinal in session.execute(
        select(Certificate.number, Certificate.ordinal)
        .where(Certificate.season == season.year, Certificate.state == CertificateState.REVOKED)
        .order_by(Certificate.ordinal)
    ):
        returned.setdefault(number, []).append(ordinal)
    order, show = list(revoked), Seals(session, season.year).show
    return [
        Recovery(
            revoked[number],
            datetime.fromisoformat(last[subject].at),
            str(show(last[subject].reason)),
            tuple(returned.get(number, ())),
        )
        for subject, number in sorted(subjects.items(), key=lambda one: order.index(one[1]))
    ]


def _why(submission: Submission) -> str:
    """Why nothing is paid; empty for a prize that stands."""
    if submission.state is SubmissionState.FINAL_REVIEWED:
        return "异议核查或公示尚未结束，暂缓发放"
    if submission.outcome in (None, Outcome.COMPLETED):
        return ""
    return f"{Outcome(submission.outcome).label}，不予发放"


class _Person(NamedTuple):
    name: str
    weight: Decimal | None


def _people(session: Session, season: Season) -> dict[str, list[_Person]]:
    """Whom each submission's prize goes to, in their order."""
    if season.payment.payee == "organisation":
        rows = session.execute(
            select(Organisation.number, Organisation.name)
            .join(Submission, Submission.number == Organisation.number)
            .where(Submission.season == season.year, Organisation.position == 1)
        )
        return {number: [_Person(name, None)] for number, name in rows}
    found: dict[str, list[_Person]] = {}
    people = session.execute(
        select(Contributor.number, Contributor.name, Contributor.share)
        .join(Submission, Submission.number == Contributor.number)
        .where(Submission.season == season.year)
        .order_by(Contributor.number, Contributor.position)
    )
    for number, name, share in people:
        found.setdefault(number, []).append(_Person(name, share))
    return found


def _shared(amount: int, people: list[_Person]) -> tuple[Payee, ...]:
    if not people:
        return ()
    even = any(person.weight is None for person in people)
    parts = shares(amount, [person.weight for person in people])
    return tuple(
        Payee(person.name, "" if even else f"{person.weight:f}%", part)
        for person, part in zip(people, parts, strict=True)
    )
