"""Gives every submission that is left its outcome: at the season's archiving, and before its close."""

from collections import Counter

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from sqlmodel import col

from models import DistrictVerdict, Submission
from models.enums import Outcome, SubmissionState, Trigger, Verdict
from states.cases import Ask
from states.door import apply_to_many
from states.machine import Act

S = SubmissionState
_RECOMMENDED = col(Submission.number).in_(
    select(DistrictVerdict.number).where(DistrictVerdict.verdict == Verdict.RECOMMENDED)
)
_UNCHECKED = _RECOMMENDED & col(Submission.eligible_at).is_(None)

# What was brought back after its round had closed ends by how far it had come.
_ENDINGS: tuple[tuple[Outcome, SubmissionState, str, tuple[ColumnElement[bool], ...]], ...] = (
    (Outcome.COMPLETED, S.AWARDED, "", ()),
    (Outcome.NO_PRIZE, S.FINAL_REVIEWED, "", ()),
    (Outcome.INELIGIBLE, S.DISTRICT_REVIEWED, "形式审查未通过", (_UNCHECKED,)),
    (Outcome.NOT_RECOMMENDED, S.DISTRICT_REVIEWED, "未进入终评", ()),
    (Outcome.NOT_REVIEWED, S.SUBMITTED, "初评截止后未再初评", ()),
)


def settle_rest(session: Session, year: int, act: Act) -> dict[Outcome, int]:
    """Archive whatever of a season is not archived yet, set by set. Returns how many with which outcome."""
    ended: Counter[Outcome] = Counter()
    for outcome, state, reason, where in _ENDINGS:
        ask = Ask(Trigger.ARCHIVE, act, reason=reason, outcome=outcome)
        ended[outcome] += len(apply_to_many(session, year, ask, col(Submission.state) == state, *where).moved)
    return {outcome: count for outcome, count in ended.items() if count}
