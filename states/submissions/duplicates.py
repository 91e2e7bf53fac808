"""Achievements that came twice: pairs that look alike, what the office says of them, and what follows.

What equals an earlier submission in every mark is refused when it comes in; that is `states.submissions.identity`.
"""

from collections.abc import Iterable

from sqlalchemy import exists, or_
from sqlalchemy.orm import Session

from models import Duplicate, Submission
from models.enums import Cause, DuplicateDecision, Outcome, SubmissionState, Trigger
from models.queries import lock_call
from states.guard_facts import Ask
from states.machine import Act
from states.numbers import Number
from states.officers import DecisionRefused
from states.submissions.corrections import eligibility_is_closed
from states.submissions.identity import submission_of
from states.transitions import apply_to_many, apply_transition, note_submission


def keep_pairs(session: Session, pairs: Iterable[tuple[str, str, int]]) -> None:
    """Keep pairs that look alike, (number, later number, percent), for the office to decide."""
    session.add_all(Duplicate(number=number, other=other, similarity=percent) for number, other, percent in pairs)
    session.flush()


def decide_duplicate(session: Session, number: str, other: str, act: Act, *, same: bool, reason: str) -> str:
    """Say whether two submissions that look alike are one achievement; the later one is then ineligible.

    The eligibility check drops it; once that is closed it is dropped at once, as long as it is not final reviewed.
    Returns its number when it was dropped now, or nothing.
    """
    lock_call(session, Number.of(number).season)
    pair = session.get(Duplicate, (number, other), populate_existing=True)
    pair = pair or session.get(Duplicate, (other, number), populate_existing=True)
    if pair is None:
        raise DecisionRefused(
            f"{number} and {other}", "they were never shown as alike", f"{number}与{other}未列为疑似重复"
        )
    if pair.decision is not DuplicateDecision.PENDING:
        raise DecisionRefused(
            f"{number} and {other}",
            f"{pair.officer} decided already: {pair.decision}",
            f"{pair.officer}已判定为{pair.decision.label}",
        )
    later = submission_of(session, pair.other)
    at_once = same and eligibility_is_closed(session, later.season)
    if at_once and later.state in (SubmissionState.FINAL_REVIEWED, SubmissionState.AWARDED):
        way_out = "strike it when the list is approved, or revoke its award"
        raise DecisionRefused(
            pair.other,
            f"it is {later.state}, too late to drop it as a duplicate; {way_out}",
            f"{pair.other}{later.state.label}，不能再按重复剔除；请在审定时划去，或者撤销奖项",
        )
    pair.decision = DuplicateDecision.SAME if same else DuplicateDecision.DISTINCT
    pair.officer, pair.decided_at, pair.reason = act.actor.name, act.at, reason
    session.flush()
    facts = {"other": pair.number, "decision": pair.decision.value, "similarity": pair.similarity}
    note_submission(session, pair.other, Ask(Trigger.DECIDE_DUPLICATE, act, reason=reason, facts=facts))
    if not at_once or later.state is SubmissionState.ARCHIVED:
        return ""
    apply_transition(session, pair.other, Ask(Trigger.ARCHIVE, act, cause=Cause.DUPLICATE, outcome=Outcome.INELIGIBLE))
    return pair.other


def drop_duplicates(session: Session, year: int, act: Act) -> None:
    """Archive what a district has reviewed and the office found to repeat another."""
    # What an officer has brought back since the decision stays.
    still = or_(Submission.eligible_at.is_(None), Duplicate.decided_at >= Submission.eligible_at)
    same = exists().where(Duplicate.other == Submission.number, Duplicate.decision == DuplicateDecision.SAME, still)
    ask = Ask(Trigger.ARCHIVE, act, cause=Cause.DUPLICATE, outcome=Outcome.INELIGIBLE)
    apply_to_many(session, year, ask, Submission.state == SubmissionState.DISTRICT_REVIEWED, same)
