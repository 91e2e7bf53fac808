"""The page of the results and its downloads: the awards as they stand, and every difference from the notice."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.season import Season
from flows.home.releases import FileGroup, Made
from flows.publish.downloads import DOWNLOADS, downloads
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import imprint, season_frame
from flows.publish.notice import noticed
from flows.publish.pages.content import AwardChange, ResultsPage
from flows.publish.pages.rendering import render
from flows.publish.publications import award_lines, proof_of
from models import History, Placing, Publication, Submission
from models.enums import Outcome, PublicationKind, Tier, Trigger, Use
from states.history.canonical import submission_subject
from states.history.read import cause_of
from states.history.seals import Seals
from states.objections.reading import objection_counts, objection_lines, suspended_numbers
from states.scorecard.yearly import LEAST
from states.submissions.released import without_hidden_names


def files(facts: Facts) -> Iterator[Made]:
    for season in facts.seasons:
        publication = season.published(PublicationKind.RESULTS)
        if publication is not None:
            yield FileGroup(f"{season.year}/results", season.mark, partial(_season_files, season, publication))


def _season_files(season: PublicSeason, publication: Publication) -> Iterator[tuple[str, bytes]]:
    page = results_page(season, publication)
    yield f"{season.year}/results.html", render(page).encode()
    for name, content in downloads(page, season.changed_at):
        yield f"{season.year}/{name}", content


def results_page(facts: PublicSeason, publication: Publication) -> ResultsPage:
    """The award list as it stands, and every difference from the notice."""
    session, season = facts.session, facts.season
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
    posted = dict(noticed(session, season.year))
    standing = {number for number, _ in awards}
    missing = [number for number in posted if number not in standing]
    moving = [number for number in _moving_up(session, season) if number not in standing and number not in posted]
    added = [number for number, _ in awards if number not in posted]
    altered = [number for number, tier in awards if posted.get(number, tier) is not tier]
    return ResultsPage(
        season=season.year,
        **imprint(season),
        published_at=publication.published_at,
        lines=award_lines(
            session, [(number, tier) for number, tier in awards if tier], publication.published_at, facts.cases
        ),
        proof=proof_of(publication, _since(session, publication)),
        notice_link="notice.html" if posted else "",
        amounts_yuan=tuple((Tier(tier), amount) for tier, amount in season.final_round.tiers.amounts_yuan.items()),
        noticed=len(posted),
        changes=tuple(_changes(session, season, missing, posted)),
        added=tuple(_changes(session, season, added, posted)),
        altered=tuple(_changes(session, season, [*altered, *moving], posted)),
        objections=_objections(session, season),
        follow_up=tuple(_follow_up(session, season.year)),
        downloads=DOWNLOADS,
        frame=season_frame(facts, publication.published_at),
    )


def _changes(
    session: Session, season: Season, numbers: Sequence[str], noticed: Mapping[str, Tier]
) -> Iterator[AwardChange]:
    """What became of submissions that differ from the notice: when, what, and the published reason."""
    rows = {row.number: row for row in session.scalars(select(Submission).where(Submission.number.in_(numbers)))}
    moved = session.scalars(select(Placing).where(Placing.season == season.year, Placing.notice_until.is_not(None)))
    until = {placing.number: placing for placing in moved}
    lines = {line.number: line for line in objection_lines(session, season.year) if line.number}
    suspended = set(suspended_numbers(session, season.year))
    moves = _last_moves(session, numbers)
    for number in numbers:
        row, line = rows[number], lines.get(number)
        at, reason = moves[number]
        on = local_day(at)
        if row.outcome is Outcome.OBJECTION_UPHELD and line is not None:
            kind, on, reason = "异议成立，不予授奖", line.answered_on or on, line.published_reason
        elif row.outcome is Outcome.REVOKED:
            kind = "撤销获奖"
        elif number in suspended and line is not None:
            kind, on, reason = "异议核查中，暂缓授奖", line.received_on, "核查结束前暂缓，结果将在本页公布"
        elif number in until and row.tier is None:
            placing = until[number]
            tier, ends = placing.tier, placing.notice_until
            kind, reason = (
                "递补公示中",
                f"递补为{tier.label}，公示至{local_day(ends):%Y年%m月%d日}" if tier and ends else "",
            )
        elif number not in noticed:
            kind, reason = (
                ("公示后递补", "前列项目取消后递补，已单独公示") if number in until else ("公示后增补", reason)
            )
        elif row.tier is not None and row.tier is not noticed[number]:
            kind = f"{noticed[number].label}改为{row.tier.label}"
            reason = line.published_reason if line is not None else "前列项目取消后依次递补"
        else:
            kind = row.outcome.label if row.outcome else "暂缓授奖"
        yield AwardChange(number, row.title, on, kind, reason)


def _moving_up(session: Session, season: Season) -> Sequence[str]:
    """Whoever takes a removed one's place and whose own notice still runs."""
    moved = select(Placing.number).where(Placing.season == season.year, Placing.notice_until.is_not(None))
    return session.scalars(moved.order_by(Placing.position)).all()


def _last_moves(session: Session, numbers: Sequence[str]) -> dict[str, tuple[datetime, str]]:
    """The last entry of each that says how it ended or that it was awarded: its instant and its published reason.

    That is the cause; of a revocation what the officer wrote, who was told that it is printed, without the names
    that are not public.
    """
    subjects = [submission_subject(number) for number in numbers]
    rows = session.execute(
        select(History.subject, History.season, History.at, History.trigger, History.reason, History.facts)
        .where(History.subject.in_(subjects), History.trigger.in_(_ENDINGS))
        .order_by(History.subject, History.sequence)
    )
    moves = {}
    for subject, season, at, trigger, said, facts in rows:
        number = subject.partition("/")[2]
        cause = cause_of(said, json.loads(facts))
        reason = cause.label if cause else ""
        if trigger == Trigger.REVOKE:
            reason = without_hidden_names(session, number, str(Seals(session, season).show(said)))
        moves[number] = datetime.fromisoformat(at), reason
    return moves


_ENDINGS = (Trigger.REVOKE, Trigger.ARCHIVE, Trigger.AWARD, Trigger.REINSTATE, Trigger.RECORD_FINAL_REVIEW)


def _objections(session: Session, season: Season) -> tuple[tuple[str, str, int], ...]:
    """(kind, result, how many) of the season's objections."""
    counts = objection_counts(session, season.year)
    told = ((kind.label if kind else "未分类", result, count) for (kind, result), count in counts.items())
    return tuple(sorted(told))


def _follow_up(session: Session, year: int) -> Iterator[tuple[str, str]]:
    """What became of the awards, counted from the answers in force; sums of few would tell what one unit said."""
    rows = session.execute(
        select(History.subject, History.facts)
        .where(History.season == year, History.trigger == Trigger.RECORD_FOLLOW_UP)
        .order_by(History.subject, History.sequence)
    )
    answers = [json.loads(facts) for facts in dict(iter(rows)).values()]
    for use in Use:
        count = sum(said["use"] == use for said in answers)
        if answers:
            yield use.label, f"{count}项"
    for key, name, unit in (("benefit_economic", "近一年经济效益", "万元"), ("places", "已推广", "家单位")):
        told = [Decimal(said[key]) for said in answers if key in said]
        if len(told) >= LEAST:
            yield name, f"{sum(told, Decimal()).normalize():f}{unit}（{len(told)}项填报）"


def _since(session: Session, publication: Publication) -> list[Publication]:
    later = select(Publication).where(
        Publication.season == publication.season, Publication.published_at > publication.published_at
    )
    return list(session.scalars(later.order_by(Publication.published_at, Publication.ordinal)))
