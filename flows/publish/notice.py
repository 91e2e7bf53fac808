"""The page of the public notice: the list as it was posted, its people as far as they may still be named."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from flows.home.releases import FileGroup, Made
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import imprint, season_frame
from flows.publish.pages.content import Deviation, NoticePage
from flows.publish.pages.rendering import render
from flows.publish.proposal import deviations
from flows.publish.publications import award_lines, proof_of
from models import History, MilestoneDate, Placing, Publication, PublicationLeaf
from models.enums import PublicationKind, SubmissionState, Tier, Trigger
from states.history.canonical import call_subject, submission_subject
from states.history.read import latest_facts
from states.objections.standing import last_day
from states.submissions.released import without_hidden_names


def files(facts: Facts) -> Iterator[Made]:
    for season in facts.seasons:
        publication = season.published(PublicationKind.PUBLIC_NOTICE)
        if publication is not None:
            yield FileGroup(
                f"{season.year}/notice.html", season.mark, partial(_season_files, season, publication, facts.site_url)
            )


def _season_files(season: PublicSeason, publication: Publication, site_url: str) -> Iterator[Made]:
    yield f"{season.year}/notice.html", render(notice_page(season, publication, site_url)).encode()


def notice_page(facts: PublicSeason, publication: Publication, site_url: str) -> NoticePage:
    """The list as it was when its root was recorded; its people as far as they may still be named."""
    session, season, office = facts.session, facts.season, facts.season.office
    closes_at = session.get_one(MilestoneDate, (season.year, Milestone.CLOSE_PUBLIC_NOTICE.value, 1, "")).due_at
    return NoticePage(
        season=season.year,
        **imprint(season),
        opens_on=local_day(publication.published_at),
        closes_on=last_day(closes_at),
        answer_working_days=season.public_notice.answer_working_days,
        lines=award_lines(session, noticed(session, season.year), publication.published_at),
        proof=proof_of(publication),
        where=office.address,
        postcode=office.postcode,
        hotline=office.telephone,
        supervision=office.supervision_telephone,
        must_contain=season.public_notice.must_contain,
        no_grounds=season.public_notice.no_grounds,
        deviations=tuple(
            _shown(session, deviation) for deviation in deviations(session, season.year) if deviation.number
        ),
        ended=facts.is_over(Milestone.CLOSE_PUBLIC_NOTICE),
        results_link="results.html" if facts.published(PublicationKind.RESULTS) else "",
        folder=f"{site_url}/{season.year}/" if site_url else "",
        frame=season_frame(facts, publication.published_at),
    )


def _shown(session: Session, deviation: Deviation) -> Deviation:
    return replace(deviation, reason=without_hidden_names(session, deviation.number, deviation.reason))


def noticed(session: Session, year: int) -> list[tuple[str, Tier]]:
    """The list of the notice as it was when its root was recorded: numbers and tiers as approved, best first."""
    leaf, entry = PublicationLeaf, History
    of_the_moment = (leaf.season == year) & (leaf.kind == PublicationKind.PUBLIC_NOTICE) & (leaf.ordinal == 1)
    listed = session.execute(
        select(Placing.number, Placing.tier)
        .join(leaf, of_the_moment & (leaf.subject == literal(submission_subject("")) + Placing.number))
        .join(entry, (entry.subject == leaf.subject) & (entry.sequence == leaf.sequence))
        .where(Placing.season == year, Placing.approved, entry.to_state == SubmissionState.FINAL_REVIEWED.value)
        .where(Placing.notice_until.is_(None))
        .order_by(Placing.position)
    ).all()
    # What an objection changed since is for the results to say.
    approved = dict(latest_facts(session, call_subject(year), Trigger.APPROVE).get("list", ()))
    return [(number, Tier(approved[number]) if number in approved else tier) for number, tier in listed if tier]
