"""Personal links: issued, opened, revoked; and what an expert has entered by one and not sent yet."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.season import Season
from models import PersonalLink, ScoreDraft
from models.enums import LinkKind, Trigger
from models.queries import lock_call
from states.history.canonical import call_subject
from states.history.read import every_facts
from states.history.seals import Seals
from states.machine import Act
from states.officers import DecisionRefused, require_reason
from states.transitions import note_call


def link_in_force(session: Session, year: int, kind: LinkKind, subject: str) -> PersonalLink | None:
    """The newest link of somebody; None when there is none, or it was revoked without another."""
    query = select(PersonalLink).where(
        PersonalLink.season == year, PersonalLink.kind == kind, PersonalLink.subject == subject
    )
    newest = session.scalars(query.order_by(PersonalLink.issue.desc())).first()
    return newest if newest is not None and newest.revoked_at is None else None


def issue_link(session: Session, season: Season, kind: LinkKind, subject: str, *, nonce: str, digest: str) -> None:
    """A first or further link of somebody, until the season closes."""
    query = select(PersonalLink).where(
        PersonalLink.season == season.year, PersonalLink.kind == kind, PersonalLink.subject == subject
    )
    count = len(session.scalars(query).all())
    session.add(
        PersonalLink(
            season=season.year,
            kind=kind,
            subject=subject,
            issue=count + 1,
            nonce=nonce,
            digest=digest,
            expires_at=season.dates.close_season,
        )
    )
    session.flush()


def link_of(session: Session, digest: str, at: datetime) -> PersonalLink | None:
    """The link whose digest this is, while it may be used."""
    found = session.scalar(select(PersonalLink).where(PersonalLink.digest == digest))
    return found if found is not None and found.revoked_at is None and at < found.expires_at else None


def revoke_link(session: Session, year: int, subject: str, act: Act, *, reason: str) -> LinkKind:
    """Take somebody's link out of force, with a reason; the next letter brings another. Raises DecisionRefused."""
    lock_call(session, year)
    query = select(PersonalLink).where(PersonalLink.season == year, PersonalLink.subject == subject)
    in_force = session.scalars(query.where(PersonalLink.revoked_at.is_(None))).all()
    if not in_force:
        raise DecisionRefused(f"link of {subject}", "there is none in force", "没有正在使用的个人链接")
    require_reason(f"link of {subject}", reason)
    for link in in_force:
        link.revoked_at = act.at
    note_call(session, year, Trigger.REISSUE_LINK, act, reason=reason, facts={"recipient": subject})
    return LinkKind(in_force[0].kind)


def note_opening(session: Session, link: PersonalLink, act: Act, **opened: str) -> None:
    """That a link was opened is part of the record: whose, and which issue; and which file by it, where it was one."""
    facts = {"recipient": link.subject, "issue": link.issue, **opened}
    note_call(session, link.season, Trigger.OPEN_LINK, act, facts=facts)


def sign_statement(session: Session, year: int, expert: str, act: Act, *, statement: str) -> None:
    """An expert signs the fairness and secrecy statement, once a season, in its very words."""
    lock_call(session, year)
    if not has_signed(session, year, expert):
        facts = {"expert": expert, "statement": hashlib.sha256(statement.encode()).hexdigest()}
        note_call(session, year, Trigger.SIGN_STATEMENT, act, facts=facts)


def has_signed(session: Session, year: int, expert: str) -> bool:
    """Whether an expert has signed this season's statement on their page: before that they see no material there."""
    signed = every_facts(session, call_subject(year), Trigger.SIGN_STATEMENT)
    return Seals(session, year).hide(expert) in {facts["expert"] for facts in signed}


def keep_draft(session: Session, year: int, expert: str, number: str, typed: Mapping[str, str]) -> None:
    """Keep what was typed for one submission, in place of what was typed before."""
    kept = session.get(ScoreDraft, (year, expert, number)) or ScoreDraft(
        season=year, expert=expert, number=number, typed=""
    )
    kept.typed = json.dumps(dict(typed), ensure_ascii=False)
    session.add(kept)


def drafts_of(session: Session, year: int, expert: str) -> dict[str, dict[str, str]]:
    """What an expert has typed and not sent, by number."""
    kept = select(ScoreDraft).where(ScoreDraft.season == year, ScoreDraft.expert == expert)
    return {draft.number: json.loads(draft.typed) for draft in session.scalars(kept)}


def drop_drafts(session: Session, year: int, expert: str, numbers: Collection[str]) -> None:
    """What was taken stands as it was taken; what came back is kept as it was typed, to be mended."""
    taken = ScoreDraft.number.in_(numbers)
    session.execute(delete(ScoreDraft).where(ScoreDraft.season == year, ScoreDraft.expert == expert, taken))
