"""Closes the public notice (公示) after its working days, and counts what was objected."""

from sqlalchemy import func, select

from config.milestones import Milestone
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Objection, Submission
from models.enums import ObjectionState


@stage_flow(name="close-public-notice")
def close_public_notice(season: int, dry_run: bool = False) -> dict[str, object]:
    """Close the public notice (公示结束).

    Runs: when the notice's last working day is over.
    Before: the notice was posted.
    After: no further objection is taken; open ones suspend their own award only.
    Undo: none.
    """
    return perform("close_public_notice", season, closing, milestone=Milestone.CLOSE_PUBLIC_NOTICE, dry_run=dry_run)


def closing(run: Run) -> Ending:
    """Count what came in."""
    with run.step() as session:
        states = session.execute(
            select(Objection.state, func.count())
            .join(Submission, Submission.number == Objection.number)
            .where(Submission.season == run.year)
            .group_by(Objection.state)
        )
        counts = {state.value: count for state, count in states}
    for state in ObjectionState:
        run.tell(f"objections {state.value}", counts.get(state.value, 0))
    return Ending(facts={"objections": counts})
