"""The page of the public notice: made when the notice opens, and once more when people are not to be named any more."""

from datetime import date, datetime, timedelta

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from flows.publish.pages import NoticePage, put_page
from flows.publish.proposal import deviations
from flows.publish.publications import award_lines, proof_of
from flows.run import Run
from models import History, MilestoneDate, Placing, Publication, PublicationLeaf
from models.enums import PublicationKind, SubmissionState
from states.history.canonical import submission_subject


def notice_page(session: Session, season: Season, publication: Publication) -> NoticePage:
    """The list as it was when its root was recorded; its people as far as they may still be named."""
    leaf, entry = PublicationLeaf, History
    of_the_moment = (leaf.season == season.year) & (leaf.kind == PublicationKind.PUBLIC_NOTICE) & (leaf.ordinal == 1)
    tiers = session.execute(
        select(Placing.number, Placing.tier)
        .join(leaf, of_the_moment & (leaf.subject == literal(submission_subject("")) + Placing.number))
        .join(entry, (entry.subject == leaf.subject) & (entry.sequence == leaf.sequence))
        .where(Placing.season == season.year, Placing.approved, entry.to_state == SubmissionState.FINAL_REVIEWED.value)
        .order_by(Placing.position)
    ).all()
    closes_at = session.get_one(MilestoneDate, (season.year, Milestone.CLOSE_PUBLIC_NOTICE.value, 1, "")).due_at
    office = season.office
    return NoticePage(
        season=season.year,
        programme=season.title,
        office=office.name,
        contact=office.mail,
        opens_on=local_day(publication.published_at),
        closes_on=_last_day(closes_at),
        answer_working_days=season.public_notice.answer_working_days,
        lines=award_lines(session, [(number, tier) for number, tier in tiers]),
        proof=proof_of(publication),
        deviations=tuple(deviation for deviation in deviations(session, season.year) if deviation.number),
    )


def put_notice(run: Run) -> None:
    """Put the notice in its place once more."""
    with run.step() as session:
        publication = session.get(Publication, (run.year, PublicationKind.PUBLIC_NOTICE, 1))
        if publication is not None and not run.dry_run:
            put_page(run.settings.home.absolute(), notice_page(session, run.season, publication))


def _last_day(closes_at: datetime) -> date:
    """The notice ends with its last day, that is at the next day's first instant."""
    return local_day(closes_at - timedelta(microseconds=1))
