"""What follows for an award when an objection is answered, and how a reconsideration takes it back."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from config.milestones import Milestone
from models import Placing, Submission, SubmissionVersion
from models.enums import CallState, ObjectionResult, Outcome, SubmissionState, Tier, Trigger
from models.forms import ContributorForm, SubmissionForm
from models.queries import call_state, is_done, milestone_rows
from states.guard_facts import Ask
from states.history.canonical import submission_subject
from states.history.read import latest_facts
from states.machine import Act
from states.officers import DecisionRefused
from states.submissions.attachments import AttachedFile
from states.submissions.reinstatement import reinstate
from states.submissions.settle import revoke
from states.submissions.versions import content_in_force, rewrite
from states.transitions import apply_to_many, apply_transition

_REMOVED = (Outcome.OBJECTION_UPHELD, Outcome.REVOKED)


@dataclass(frozen=True)
class Corrected:
    """Contributors as they should have been, in the order of merit, and the file that says so."""

    contributors: tuple[ContributorForm, ...]
    file: AttachedFile


def carry_out(
    session: Session,
    number: str,
    act: Act,
    result: ObjectionResult,
    *,
    reason: str,
    tier: Tier | None = None,
    people: Corrected | None = None,
) -> None:
    """What a result does: nothing, the award gone, another tier, other contributors."""
    if result is ObjectionResult.REMOVED:
        _remove(session, number, act, reason=reason)
    elif result is ObjectionResult.TIER_CHANGED and tier is not None:
        change_tier(session, number, tier, act, reason=reason)
    elif result is ObjectionResult.PEOPLE_CHANGED and people is not None:
        _correct(session, number, people.contributors, act, reason=reason)


def take_back(session: Session, number: str, act: Act, result: ObjectionResult, *, reason: str) -> None:
    """Undo what an earlier result did, because a reconsideration found otherwise."""
    submission = session.get_one(Submission, number, populate_existing=True)
    if result is ObjectionResult.REMOVED and submission.outcome in _REMOVED:
        reinstate(session, number, act, reason=reason)
    elif result is ObjectionResult.TIER_CHANGED:
        facts = latest_facts(session, submission_subject(number), Trigger.CHANGE_TIER)
        change_tier(session, number, Tier(facts["before"]), act, reason=reason)
    elif result is ObjectionResult.PEOPLE_CHANGED:
        kept = session.get_one(SubmissionVersion, (number, submission.version - 1))
        if not kept.content:
            raise DecisionRefused(
                number, "its contributors of before are deleted with the personal data", "原完成人已随个人信息删除"
            )
        _correct(session, number, SubmissionForm.model_validate_json(kept.content).contributors, act, reason=reason)


def give_award(session: Session, year: int, number: str, act: Act) -> bool:
    """Give one award that was suspended, once the results are out and nothing stands against it; whether it was.

    After the archive it is archived at once, as the others were. Certificates follow by the caller's word.
    """
    if call_state(session, year) is not CallState.PUBLISHED:
        return False
    here = Submission.number == number
    given = apply_to_many(
        session, year, Ask(Trigger.AWARD, act), here, Submission.state == SubmissionState.FINAL_REVIEWED
    ).moved
    if is_done(milestone_rows(session, year), Milestone.ARCHIVE):
        ending = Ask(Trigger.ARCHIVE, act, outcome=Outcome.COMPLETED)
        apply_to_many(session, year, ending, here, Submission.state == SubmissionState.AWARDED)
    return bool(given)


def change_tier(session: Session, number: str, tier: Tier, act: Act, *, reason: str, **facts: object) -> None:
    """Give one proposed or given award another tier. Raises TransitionRefused, as where the season has no more of it."""
    apply_transition(session, number, Ask(Trigger.CHANGE_TIER, act, reason=reason, tier=tier, facts=facts))
    placing = session.get(Placing, number, populate_existing=True)
    if placing is not None:
        placing.tier = tier
        session.flush()


def _remove(session: Session, number: str, act: Act, *, reason: str) -> None:
    submission = session.get_one(Submission, number, populate_existing=True)
    if submission.state is SubmissionState.FINAL_REVIEWED:
        ending = Ask(Trigger.ARCHIVE, act, reason=reason, outcome=Outcome.OBJECTION_UPHELD)
        apply_transition(session, number, ending)
    elif submission.state is SubmissionState.AWARDED or submission.outcome is Outcome.COMPLETED:
        revoke(session, number, act, reason=reason)


def _correct(session: Session, number: str, people: tuple[ContributorForm, ...], act: Act, *, reason: str) -> None:
    """A new version with other contributors; all else stays."""
    submission = session.get_one(Submission, number, populate_existing=True)
    if not session.get_one(SubmissionVersion, (number, submission.version)).content:
        raise DecisionRefused(number, "its content is deleted with the personal data", "申报内容已随个人信息删除")
    form = content_in_force(session, submission).model_copy(update={"contributors": people})
    rewrite(session, number, form, act, reason=reason)
