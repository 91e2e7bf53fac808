"""Closes the season, a month after its follow-up."""

from sqlalchemy import exists, func, or_, select

from config.milestones import Milestone
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office
from flows.publish.publications import publish_change
from flows.reports.yearly import put_report
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Objection, Submission
from models.enums import Outcome, SubmissionState, Trigger
from models.queries import counts_by_outcome
from states.submissions.settle import settle_rest


@stage_flow(name="close-season")
def close_season(season: int, dry_run: bool = False) -> dict[str, object]:
    """Close the season (年度结束).

    Runs: at `close_season`, after the follow-up.
    Before: the season is archived.
    After: what was brought back since is archived again; the call is closed; nothing of this season changes any more but
    by revoking an award, or giving it back. The yearly report is written once more, with what became of the awards.
    Undo: none.
    """
    return perform("close_season", season, closing, milestone=Milestone.CLOSE_SEASON, dry_run=dry_run)


def closing(run: Run) -> Ending:
    """Count, tell the office, close."""
    with run.step() as session:
        settle_rest(session, run.year, run.act)
        removed = exists().where(
            Objection.number == Submission.number,
            Objection.settled_at.is_(None),
            or_(Objection.reconsider_until.is_(None), Objection.reconsider_until >= run.at),
        )
        open_ones = or_(
            Submission.state != SubmissionState.ARCHIVED,
            (Submission.outcome == Outcome.OBJECTION_UPHELD) & removed,  # until nobody can ask for a reconsideration
        )
        unsettled = (
            session.scalar(select(func.count(Submission.number)).where(Submission.season == run.year, open_ones)) or 0
        )
        if unsettled:
            # What is suspended holds up nobody else's award, but a season is closed as a whole.
            return Ending(waiting=f"{unsettled} award(s) still wait for the answer to an objection")
        counts = counts_by_outcome(session, run.year)
        publish_change(session, run)
        post_to_office(session, run, LetterKind.SEASON_CLOSED, key="closed", counts=counts)
    if run.season.dates.write_report is not None:
        put_report(run)  # once more, with what became of the awards
    run.tell("archived", sum(counts.values()))
    return Ending(
        Trigger.CLOSE_SEASON,
        case={"unsettled": unsettled},
        facts={"outcomes": {outcome.value: count for outcome, count in counts.items()}},
    )
