"""Opens the public notice (公示) of the approved list."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.publish.notice import noticed
from flows.publish.proposal import deviations
from flows.publish.publications import award_lines, kept_outside, page_address, publish_root
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Submission
from models.enums import PublicationKind, Trigger
from models.queries import lock_call
from states.final_round.approval import is_approved
from states.objections.standing import last_day
from states.timeline import close_notice_after


@stage_flow(name="open-public-notice")
def open_public_notice(season: int, dry_run: bool = False) -> dict[str, object]:
    """Post the approved list for public notice (公示开始).

    Runs: at `open_public_notice`, once a named person has approved the list.
    Before: the list is approved.
    After: the notice page is out with the root of the history; units know; the notice ends after
    its full working days, counted from the real posting day.
    Undo: none; objections are what the notice is for.
    """
    return perform("open_public_notice", season, opening, milestone=Milestone.OPEN_PUBLIC_NOTICE, dry_run=dry_run)


def opening(run: Run) -> Ending:
    """Record the root, tell the units."""
    with run.step() as session:
        lock_call(session, run.year)  # from here on the approval cannot be withdrawn
        if not is_approved(session, run.year):
            return Ending(waiting="a named person has still to approve the list", chinese="获奖名单尚未审定。")
        closes_at = close_notice_after(session, run.season, run.at, run.act, reason="公示日按实际发布日起算")
        publication = publish_root(session, run, PublicationKind.PUBLIC_NOTICE)
        lines = award_lines(session, noticed(session, run.year), publication.published_at)
        struck = [deviation for deviation in deviations(session, run.year) if deviation.number]
    with run.step() as session:
        units = _units_of(session, [line.number for line in lines])
        kept = kept_outside(session, publication)
        for unit in run.season.units():
            post_to_unit(
                session,
                run,
                LetterKind.NOTICE_OPENED,
                unit.code,
                opens_on=local_day(publication.published_at),
                closes_on=last_day(closes_at),
                items=[(line.number, line.title, line.tier) for line in lines if units[line.number] == unit.code],
                page=page_address(run, "notice.html"),
                **kept,
            )
    run.tell("on the list", len(lines))
    run.tell("struck by a person", len(struck))
    run.tell("closes at", closes_at)
    return Ending(Trigger.OPEN_PUBLIC_NOTICE, case={"approved": True}, facts={"list": len(lines)})


def _units_of(session: Session, numbers: Sequence[str]) -> dict[str, str]:
    rows = session.execute(select(Submission.number, Submission.unit).where(Submission.number.in_(numbers)))
    return {row.number: row.unit for row in rows}
