"""How a submission ends by a word: withdrawn, revoked, or settled with whatever outcome its way gave it."""

from collections import Counter

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import Session

from models import DistrictVerdict, Placing, Submission
from models.enums import Cause, Outcome, SubmissionState, Trigger, Verdict
from states.guard_facts import Ask
from states.machine import Act
from states.numbers import Number
from states.submissions.certificates import keep_in_step
from states.transitions import apply_to_many, apply_transition

S = SubmissionState
_RECOMMENDED = exists().where(
    DistrictVerdict.number == Submission.number, DistrictVerdict.verdict == Verdict.RECOMMENDED
)
# An award that is suspended still stands: it ends neither as given nor as not given.
_SUSPENDED = exists().where(Placing.number == Submission.number, Placing.approved)
_UNCHECKED = _RECOMMENDED & Submission.eligible_at.is_(None)

# What was brought back after its round had closed ends by how far it had come.
_ENDINGS: tuple[tuple[Outcome, SubmissionState, Cause | None, tuple[ColumnElement[bool], ...]], ...] = (
    (Outcome.COMPLETED, S.AWARDED, None, ()),
    (Outcome.NO_PRIZE, S.FINAL_REVIEWED, None, (~_SUSPENDED,)),
    (Outcome.INELIGIBLE, S.DISTRICT_REVIEWED, Cause.UNCHECKED_AT_END, (_UNCHECKED,)),
    (Outcome.NOT_RECOMMENDED, S.DISTRICT_REVIEWED, Cause.OUTSIDE_FINAL_ROUND, ()),
    (Outcome.NOT_REVIEWED, S.SUBMITTED, Cause.UNREVIEWED_AT_END, ()),
)


def settle_rest(session: Session, year: int, act: Act) -> dict[Outcome, int]:
    """Archive whatever of a season is not archived yet, set by set, but for suspended awards.

    Returns how many with which outcome.
    """
    ended: Counter[Outcome] = Counter()
    for outcome, state, cause, where in _ENDINGS:
        ask = Ask(Trigger.ARCHIVE, act, cause=cause, outcome=outcome)
        ended[outcome] += len(apply_to_many(session, year, ask, Submission.state == state, *where).moved)
    return {outcome: count for outcome, count in ended.items() if count}


def withdraw(session: Session, number: str, act: Act, *, reason: str) -> None:
    """Take a submission back (撤回) at its unit's wish, before the award."""
    apply_transition(session, number, Ask(Trigger.ARCHIVE, act, reason=reason, outcome=Outcome.WITHDRAWN))


def revoke(session: Session, number: str, act: Act, *, reason: str) -> None:
    """Take an award away (撤销获奖), and its certificates with it."""
    apply_transition(session, number, Ask(Trigger.REVOKE, act, reason=reason))
    keep_in_step(session, Number.of(number).season, act)
