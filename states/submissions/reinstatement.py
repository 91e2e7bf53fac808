"""Brings an archived submission back: into the quota, the check and the round as they stand by then."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.milestones import Milestone
from models import Correction, DistrictVerdict, Submission
from models.enums import CallState, CorrectionState, Outcome, SubmissionState, Trigger, Verdict
from models.queries import call_state, is_done, milestone_rows, season_in_force
from states.guard_facts import Ask
from states.machine import Act
from states.numbers import Number, UnknownSubmission
from states.submissions.certificates import keep_in_step
from states.transitions import apply_transition, note_submission

_REVIEWED = SubmissionState.DISTRICT_REVIEWED
_OUT = (Outcome.WITHDRAWN, Outcome.INELIGIBLE)


class ReinstatementRefused(GangchuangError):
    """The place that the submission had is taken by now."""

    def __init__(self, number: str, reason: str, chinese: str) -> None:
        self.number, self.chinese = number, f"不能恢复{number}：{chinese}。没有任何改动。"
        super().__init__(f"{number} cannot be brought back: {reason}. Nothing was changed.")


def reinstate(session: Session, number: str, act: Act, *, reason: str) -> SubmissionState:
    """Bring an archived submission back to where it came from; its state then.

    An award that was revoked stands again in a closed season too, archived as the others are. Once nobody will check it any more, the officer's word stands for the eligibility check.
    Raises TransitionRefused, UnknownSubmission, ReinstatementRefused.
    """
    Number.of(number)
    submission = session.get(Submission, number, with_for_update=True, populate_existing=True)
    if submission is None:
        raise UnknownSubmission(number)
    outcome, archived = submission.outcome, submission.state is SubmissionState.ARCHIVED
    # A closed season gives no place back; its fingerprints may be deleted by now.
    running = call_state(session, submission.season) is not CallState.CLOSED
    facts = _free_place(session, submission) if archived and running else {}
    state = apply_transition(session, number, Ask(Trigger.REINSTATE, act, reason=reason, facts=facts))
    if not running:
        state = apply_transition(session, number, Ask(Trigger.ARCHIVE, act, outcome=Outcome.COMPLETED))
    if state is _REVIEWED and outcome is not None:
        _check(session, submission, outcome, act, reason=reason)
    keep_in_step(session, submission.season, act)
    return state


def _free_place(session: Session, submission: Submission) -> dict[str, Any]:
    """Refuse what would stand twice or beyond the quota; give a recommended one a place that is free."""
    other = session.scalar(
        select(Submission.number)
        .where(
            Submission.fingerprint == submission.fingerprint,
            Submission.number != submission.number,
            Submission.outcome.is_(None) | Submission.outcome.not_in(_OUT),
        )
        .order_by(Submission.number)
        .limit(1)
    )
    if other is not None:
        raise ReinstatementRefused(
            submission.number,
            f"the same achievement came again meanwhile, as {other}",
            f"同一成果已另行申报，编号{other}",
        )
    verdict = session.get(DistrictVerdict, submission.number)
    if submission.archived_from is not _REVIEWED or verdict is None or verdict.verdict is not Verdict.RECOMMENDED:
        return {}
    taken = _taken_places(session, submission)
    quota = season_in_force(session, submission.season).quota_of(submission.unit)
    if len(taken) >= quota:
        raise ReinstatementRefused(
            submission.number,
            f"its unit has recommended {len(taken)} others since, and its quota is {quota}",
            f"该单位此后已推荐{len(taken)}项，名额为{quota}项",
        )
    if verdict.rank in taken:
        verdict.rank = min(set(range(1, quota + 1)) - taken)
        session.flush()
    return {"rank": verdict.rank}


def _taken_places(session: Session, submission: Submission) -> set[int]:
    ranks = session.scalars(
        select(DistrictVerdict.rank)
        .join(Submission, Submission.number == DistrictVerdict.number)
        .where(
            Submission.season == submission.season,
            Submission.unit == submission.unit,
            Submission.state != SubmissionState.ARCHIVED,
            DistrictVerdict.verdict == Verdict.RECOMMENDED,
        )
    )
    return {rank for rank in ranks if rank is not None}


def _check(session: Session, submission: Submission, outcome: Outcome, act: Act, *, reason: str) -> None:
    dates = milestone_rows(session, submission.season)
    over = is_done(dates, Milestone.CLOSE_ELIGIBILITY)
    overruled = outcome is Outcome.INELIGIBLE and is_done(dates, Milestone.CHECK_ELIGIBILITY)
    verdict = session.get_one(DistrictVerdict, submission.number).verdict
    if not (over or overruled) or verdict is not Verdict.RECOMMENDED:
        return
    correction = session.get(Correction, submission.number)
    if correction is not None and correction.state is CorrectionState.OUTSTANDING:
        correction.state, correction.settled_at = CorrectionState.LAPSED, act.at
    if submission.eligible_at is None:
        submission.eligible_at = act.at
        session.flush()
        note_submission(session, submission.number, Ask(Trigger.PASS_ELIGIBILITY, act, reason=reason))
