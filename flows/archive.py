"""Archives the season: every submission gets its outcome, the history its final root."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.papers.putting import put_papers
from flows.publish.publications import kept_outside, publish_root
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Submission
from models.enums import Outcome, PublicationKind, SubmissionState, Trigger
from states.submissions.certificates import follow_awards
from states.submissions.settle import settle_rest
from states.transitions import Ask, apply_to_many


@stage_flow(name="archive")
def archive(season: int, dry_run: bool = False) -> dict[str, object]:
    """Archive every submission with its outcome (归档).

    Runs: at `archive`, a month after the results.
    Before: the results are published.
    After: awards are archived as completed, the rest as without a prize, what was brought back too
    late by how far it had come; an award that an objection suspends waits alone; the history is
    exported with its root.
    Undo: `gangchuang decide reinstate` for one submission, `gangchuang decide revoke` for one award.
    """
    return perform("archive", season, archiving, milestone=Milestone.ARCHIVE, dry_run=dry_run)


def archiving(run: Run) -> Ending:
    """Award what an answered objection had suspended, archive set by set, tell the units."""
    with run.step() as session:
        here = Submission.state == SubmissionState.FINAL_REVIEWED
        late = apply_to_many(session, run.year, Ask(Trigger.AWARD, run.act), here)
        follow_awards(session, run.year, run.act)
        settle_rest(session, run.year, run.act)
        suspended = session.scalar(select(func.count()).where(Submission.season == run.year, here))
        publication = publish_root(session, run, PublicationKind.ARCHIVE)
    with run.step() as session:
        outcomes = _outcomes(session, run.year)
        kept = kept_outside(session, publication)
        for code in sorted({code for code, _ in outcomes} | {unit.code for unit in run.season.units()}):
            counts = {outcome: count for (unit, outcome), count in outcomes.items() if unit == code}
            post_to_unit(session, run, LetterKind.ARCHIVED, code, counts=counts, **kept)
    put_papers(run)
    for outcome in Outcome:
        run.tell(outcome.value, sum(count for (_, reached), count in outcomes.items() if reached is outcome))
    run.tell("awarded after an objection was dismissed", len(late.moved))
    run.tell("suspended by an objection", suspended)
    return Ending(facts={"root": publication.root})


def _outcomes(session: Session, year: int) -> dict[tuple[str, Outcome], int]:
    rows = session.execute(
        select(Submission.unit, Submission.outcome, func.count())
        .where(Submission.season == year, Submission.outcome.is_not(None))
        .group_by(Submission.unit, Submission.outcome)
    )
    return {(unit, outcome): count for unit, outcome, count in rows if outcome}
