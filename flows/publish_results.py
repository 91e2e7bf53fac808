"""Publishes the results: awards are given as approved, the page goes out with the history's root."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.papers.putting import put_papers
from flows.publish.feedback import give_feedback
from flows.publish.publications import kept_outside, page_address, publish_root
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Placing, Submission
from models.enums import PublicationKind, SubmissionState, Tier, Trigger
from models.queries import awards_standing
from states.submissions.certificates import follow_awards
from states.transitions import Ask, apply_to_many


@stage_flow(name="publish-results")
def publish_results(season: int, dry_run: bool = False) -> dict[str, object]:
    """Give the awards and publish the results (发布结果).

    Runs: at `publish_results`, after the public notice.
    Before: the notice is over; the list was approved by a named person.
    After: every approved submission without an open objection is awarded in its tier; the results
    page is out with root and history; units know.
    Undo: `gangchuang decide revoke` for one award, with a reason.
    """
    return perform("publish_results", season, publishing, milestone=Milestone.PUBLISH_RESULTS, dry_run=dry_run)


def publishing(run: Run) -> Ending:
    """Award set by set, record the root, tell the units."""
    with run.step() as session:
        approved = select(Placing.number).where(Placing.season == run.year, Placing.approved)
        awarded = apply_to_many(
            session,
            run.year,
            Ask(Trigger.AWARD, run.act),
            Submission.state == SubmissionState.FINAL_REVIEWED,
            Submission.number.in_(approved),
        )
        followed = follow_awards(session, run.year, run.act)
        publication = publish_root(session, run, PublicationKind.RESULTS)
        standing = awards_standing(session, run.year)
    with run.step() as session:
        kept = kept_outside(session, publication)
        for unit in run.season.units():
            _tell_unit(session, run, unit.code, kept)
        remarked = give_feedback(session, run)
    put_papers(run)
    for tier in Tier:
        run.tell(tier.value, standing.get(tier, 0))
    run.tell("awarded", len(awarded.moved))
    run.tell("certificates given", len(followed.given))
    if run.season.final_round.feedback:
        run.tell("submissions with experts' comments sent", remarked)
    run.tell("suspended by an objection", len(awarded.refused))
    return Ending(
        Trigger.PUBLISH_RESULTS,
        case={"notice_over": True},
        facts={"awarded": sum(standing.values()), "suspended": sorted(awarded.refused)},
    )


def _tell_unit(session: Session, run: Run, code: str, kept: Mapping[str, Any]) -> None:
    rows = session.execute(
        select(Submission.number, Submission.title, Submission.tier)
        .where(Submission.season == run.year, Submission.unit == code, Submission.state == SubmissionState.AWARDED)
        .order_by(Submission.number)
    ).all()
    lists: dict[str, Any] = {tier.value: [(row.number, row.title) for row in rows if row.tier is tier] for tier in Tier}
    post_to_unit(
        session, run, LetterKind.RESULTS_PUBLISHED, code, page=page_address(run, "results.html"), **kept, **lists
    )
