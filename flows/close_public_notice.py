"""Closes the public notice (公示) after its working days, and counts what was objected."""

from sqlalchemy import func, select

from config.milestones import Milestone
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Objection
from models.enums import OPEN_OBJECTIONS


@stage_flow(name="close-public-notice")
def close_public_notice(season: int, dry_run: bool = False) -> dict[str, object]:
    """Close the public notice (公示结束).

    Runs: when the notice's last working day is over.
    Before: the notice was posted.
    After: an objection that comes now is late; open ones suspend their own award only.
    Undo: none.
    """
    return perform("close_public_notice", season, closing, milestone=Milestone.CLOSE_PUBLIC_NOTICE, dry_run=dry_run)


def closing(run: Run) -> Ending:
    """Count what came in."""
    with run.step() as session:
        states = session.execute(
            select(Objection.state, func.count()).where(Objection.season == run.year).group_by(Objection.state)
        )
        counts = {state.value: count for state, count in states}
    run.tell("objections", sum(counts.values()))
    run.tell("objections open", sum(counts.get(state.value, 0) for state in OPEN_OBJECTIONS))
    return Ending(facts={"objections": counts})
