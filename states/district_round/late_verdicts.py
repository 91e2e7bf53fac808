"""What a verdict does that is taken after its round has closed: it counts, so it moves its submission at once.

Until the round closes, a verdict only waits: the close archives what was not recommended. Afterwards nobody
looks at it again, and a submission would go on by a verdict that its unit has taken back.
"""

from collections.abc import Collection

from sqlalchemy import update
from sqlalchemy.orm import Session

from config.milestones import Milestone
from models import Submission
from models.enums import Cause, MilestoneState, Outcome, SubmissionState, Trigger, Verdict
from models.queries import milestone_rows
from states.guard_facts import Ask
from states.submissions.delivery import Delivered
from states.transitions import apply_to_many

_FALLEN = (Outcome.NOT_REVIEWED, Outcome.NOT_RECOMMENDED)


def comes_back(delivered: Delivered, outcome: Outcome | None, verdict: Verdict) -> bool:
    """Whether an admitted verdict concerns what fell out when its round closed, and says something new of it."""
    if not delivered.admitted or outcome not in _FALLEN:
        return False
    return (outcome, verdict) != (Outcome.NOT_RECOMMENDED, Verdict.NOT_RECOMMENDED)


def bring_back(session: Session, delivered: Delivered, numbers: Collection[str]) -> tuple[str, ...]:
    """Reinstate those of a unit's submissions that fell out, by the word of who admitted the delivery."""
    if delivered.admission is None:
        return ()
    facts = delivered.facts
    ask = Ask(
        Trigger.REINSTATE,
        delivered.act.by(delivered.admission.officer),
        reason=delivered.admission.reason,
        facts=facts,
    )
    # Of what fell out so, nothing else can have taken the place: its achievement is never taken again.
    fallen = (Submission.number.in_(numbers), Submission.outcome.in_(_FALLEN))
    return apply_to_many(session, delivered.season, ask, *fallen).moved


def void_check(session: Session, numbers: Collection[str]) -> None:
    """What its unit does not recommend has passed no check: the check is of a recommendation."""
    mine = (Submission.number.in_(numbers), Submission.eligible_at.is_not(None))
    session.execute(update(Submission).where(*mine).values(eligible_at=None))


def let_fall(session: Session, delivered: Delivered, numbers: Collection[str]) -> tuple[str, ...]:
    """Archive what a unit does not recommend, if its round has closed already; the close does it otherwise."""
    if not numbers or not _round_has_closed(session, delivered):
        return ()
    facts = delivered.facts
    ask = Ask(Trigger.ARCHIVE, delivered.act, cause=Cause.NOT_RECOMMENDED, outcome=Outcome.NOT_RECOMMENDED, facts=facts)
    reviewed = Submission.state == SubmissionState.DISTRICT_REVIEWED
    return apply_to_many(session, delivered.season, ask, Submission.number.in_(numbers), reviewed).moved


def _round_has_closed(session: Session, delivered: Delivered) -> bool:
    """By what was done, not by the date: a close that is still to come archives by itself."""
    every = [
        row for row in milestone_rows(session, delivered.season) if row.milestone == Milestone.CLOSE_DISTRICT_ROUND
    ]
    own = [row for row in every if row.unit == delivered.unit] or [row for row in every if not row.unit]
    return all(row.state is not MilestoneState.PENDING for row in own)
