"""Publishes the results: awards are given as approved, the page goes out with the history's root."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.letters import LetterKind
from flows.pages import Remark, ResultsPage, put_page
from flows.perform import perform, stage_flow
from flows.post import post_to_unit
from flows.publications import award_lines, export_beside, page_address, proof_of, publish_root, put_index
from flows.stage import Ending, Run
from models import Objection, Placing, Publication, Submission
from models.enums import ObjectionState, Outcome, PublicationKind, SubmissionState, Tier
from states.door import Ask, apply_to_many


@stage_flow(name="publish-results")
def publish_results(season: int, dry_run: bool = False) -> dict[str, object]:
    """Give the awards and publish the results (发布结果).

    Runs: at `publish_results`, after the public notice.
    Before: the notice is over; the list was approved by a named person.
    After: every approved submission without an open objection is awarded in its tier; the results
    page is out with root and history; units know.
    Undo: `gangchuang revoke` for one award, with a reason.
    """
    return perform("publish_results", season, publishing, milestone=Milestone.PUBLISH_RESULTS, dry_run=dry_run)


def publishing(run: Run) -> Ending:
    """Award set by set, record the root, put page and export out, tell the units."""
    with run.step() as session:
        approved = select(Placing.number).where(Placing.season == run.year, Placing.approved)
        awarded = apply_to_many(
            session, run.year, Ask("award", run.actor, run.at, flow_run=run.flow_run),
            Submission.state == SubmissionState.FINAL_REVIEWED, Submission.number.in_(approved),
        )
        publication = publish_root(session, run, PublicationKind.RESULTS)
        page = results_page(session, run, publication)
    if not run.dry_run:
        put_page(run.settings.home.absolute(), page)
    with run.step() as session:
        export_beside(session, run)
        put_index(session, run)
        for unit in run.season.units():
            _tell_unit(session, run, unit.code, publication.root)
    for tier in Tier:
        run.tell(tier.value, sum(line.tier is tier for line in page.lines))
    run.tell("awarded", len(awarded.moved))
    run.tell("suspended by an objection", len(awarded.refused))
    return Ending(
        "publish_results", case={"notice_over": True}, facts={"awarded": len(page.lines), "suspended": sorted(awarded.refused)}
    )


def results_page(session: Session, run: Run, publication: Publication) -> ResultsPage:
    """The award list as it stands: awards, those suspended by an objection, those revoked."""
    awards = session.execute(
        select(Submission.number, Submission.tier)
        .join(Placing, Placing.number == Submission.number)
        .where(
            Submission.season == run.year,
            Submission.tier.is_not(None),
            Submission.outcome.is_distinct_from(Outcome.REVOKED),
        )
        .order_by(Placing.position)
    ).all()
    office = run.season.office
    return ResultsPage(
        season=run.year, programme=run.season.title, office=office.name, contact=office.mail,
        published_at=publication.published_at,
        lines=award_lines(session, [(number, tier) for number, tier in awards]),
        proof=proof_of(session, publication), notice_link="notice.html",
        amounts_yuan=tuple((Tier(tier), amount) for tier, amount in run.season.final_round.tiers.amounts_yuan.items()),
        suspended=_suspended(session, run), revoked=_revoked(session, run),
    )


def _suspended(session: Session, run: Run) -> tuple[Remark, ...]:
    rows = session.execute(
        select(Submission.number, Submission.title)
        .join(Objection, Objection.number == Submission.number)
        .where(Submission.season == run.year, Objection.state == ObjectionState.OPEN)
        .distinct()
        .order_by(Submission.number)
    )
    return tuple(Remark(number, title, "异议核查中，暂缓授奖") for number, title in rows)


def _revoked(session: Session, run: Run) -> tuple[Remark, ...]:
    rows = session.execute(
        select(Submission.number, Submission.title)
        .where(Submission.season == run.year, Submission.outcome == Outcome.REVOKED)
        .order_by(Submission.number)
    )
    return tuple(Remark(number, title, "获奖已撤销") for number, title in rows)


def _tell_unit(session: Session, run: Run, code: str, root: str) -> None:
    rows = session.execute(
        select(Submission.number, Submission.title, Submission.tier)
        .where(Submission.season == run.year, Submission.unit == code, Submission.state == SubmissionState.AWARDED)
        .order_by(Submission.number)
    ).all()
    lists = {tier.value: [(row.number, row.title) for row in rows if row.tier is tier] for tier in Tier}
    post_to_unit(
        session, run, LetterKind.RESULTS_PUBLISHED, code, page=page_address(run, "results.html"), root=root, **lists
    )


