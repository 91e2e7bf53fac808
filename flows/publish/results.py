"""The page of the results: the awards as they stand, what is suspended, what was revoked."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from config.local_time import local_day
from config.season import Season
from flows.home.releases import Made
from flows.publish.facts import Facts
from flows.publish.pages import Remark, ResultsPage, render_results
from flows.publish.publications import award_lines, proof_of
from models import Placing, Publication, Submission
from models.enums import Outcome, PublicationKind, SubmissionState, Tier
from states.objections.reading import suspended_numbers


def files(facts: Facts) -> Iterator[Made]:
    for season in facts.seasons:
        publication = season.published(PublicationKind.RESULTS)
        if publication is not None:
            page = results_page(facts.session, season.season, publication)
            yield f"{season.year}/results.html", render_results(page).encode()


def results_page(session: Session, season: Season, publication: Publication) -> ResultsPage:
    """The award list as it stands: awards, those suspended by an objection, those revoked."""
    awards = session.execute(
        select(Submission.number, Submission.tier)
        .join(Placing, Placing.number == Submission.number)
        .where(
            Submission.season == season.year,
            Submission.tier.is_not(None),
            Submission.outcome.is_distinct_from(Outcome.REVOKED),
        )
        .order_by(Placing.position)
    ).all()
    office = season.office
    return ResultsPage(
        season=season.year,
        programme=season.title,
        office=office.name,
        contact=office.mail,
        published_at=publication.published_at,
        lines=award_lines(session, [(number, tier) for number, tier in awards]),
        proof=proof_of(publication, _since(session, publication)),
        notice_link="notice.html",
        amounts_yuan=tuple((Tier(tier), amount) for tier, amount in season.final_round.tiers.amounts_yuan.items()),
        suspended=_suspended(session, season),
        revoked=_revoked(session, season),
    )


def _suspended(session: Session, season: Season) -> tuple[Remark, ...]:
    """Awards that wait: for the answer to an objection, or for the end of a notice of their own."""
    suspended = suspended_numbers(session, season.year)
    rows = session.execute(
        select(Submission.number, Submission.title, Placing.tier, Placing.notice_until)
        .join(Placing, col(Placing.number) == Submission.number)
        .where(Submission.season == season.year, Submission.state == SubmissionState.FINAL_REVIEWED, Placing.approved)
        .order_by(Submission.number)
    ).all()
    return tuple(
        Remark(number, title, "异议核查中，暂缓授奖")
        if number in suspended
        else Remark(number, title, f"递补为{tier.label}，公示至{local_day(until):%Y年%m月%d日}")
        for number, title, tier, until in rows
        if number in suspended or until is not None
    )


def _revoked(session: Session, season: Season) -> tuple[Remark, ...]:
    rows = session.execute(
        select(Submission.number, Submission.title)
        .where(Submission.season == season.year, Submission.outcome == Outcome.REVOKED)
        .order_by(Submission.number)
    )
    return tuple(Remark(number, title, "获奖已撤销") for number, title in rows)


def _since(session: Session, publication: Publication) -> list[Publication]:
    later = select(Publication).where(
        Publication.season == publication.season, Publication.published_at > publication.published_at
    )
    return list(session.scalars(later.order_by(Publication.published_at, Publication.ordinal)))
