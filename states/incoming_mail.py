"""Mail that comes in: what became of each, which are held for a person, which addresses letters come back from.

A mail is known by its number in the mailbox, so each is dealt with once; by the digest of its head it is known
again when the server has numbered everything anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.season import Season
from config.units import heirs_on
from models import BouncedAddress, Expert, IncomingMail, MailboxLook, Message
from models.enums import CallState, IncomingState, MailDoubt, MessageState, Trigger
from models.queries import call_state, planned_seasons
from states.machine import Act
from states.officers import DecisionRefused, require_reason
from states.transitions import note_call

OFFICE = "office"


@dataclass(frozen=True)
class Arrived:
    """One mail as the server numbers it: in which mailbox, with which head, since when."""

    mailbox: str
    validity: int
    uid: int
    digest: str
    arrived_at: datetime


def known_numbers(session: Session, mailbox: str, validity: int) -> set[int]:
    """The numbers of the mails that were dealt with."""
    query = select(IncomingMail.uid).where(IncomingMail.mailbox == mailbox, IncomingMail.validity == validity)
    return set(session.scalars(query))


def known_heads(session: Session, mailbox: str, validity: int) -> set[str]:
    """The heads of mails that were dealt with before the server numbered them anew."""
    query = select(IncomingMail.digest).where(IncomingMail.mailbox == mailbox, IncomingMail.validity != validity)
    return set(session.scalars(query))


def keep_mail(
    session: Session,
    year: int,
    mail: Arrived,
    state: IncomingState,
    *,
    sender: str = "",
    recipient: str = "",
    doubt: MailDoubt | None = None,
) -> None:
    """Keep what became of a mail; of one that was admitted, that it is taken. Mail from an address shows that it works."""
    kept = session.get(IncomingMail, (mail.mailbox, mail.validity, mail.uid))
    if kept is None:
        kept = IncomingMail(
            mailbox=mail.mailbox,
            validity=mail.validity,
            uid=mail.uid,
            season=year,
            digest=mail.digest,
            sender=sender,
            recipient=recipient,
            arrived_at=mail.arrived_at,
            state=state,
            doubt=doubt,
        )
        session.add(kept)
    kept.state = state
    if doubt is None and sender:
        session.execute(delete(BouncedAddress).where(BouncedAddress.address == sender))


def keep_look(session: Session, year: int, mailbox: str, newest: str, at: datetime) -> None:
    """Everything that had come by an instant is dealt with."""
    look = session.get(MailboxLook, year) or MailboxLook(season=year, mailbox=mailbox, newest=newest, looked_at=at)
    look.mailbox, look.newest, look.looked_at = mailbox, newest, at
    session.add(look)


def looked_at(session: Session, year: int) -> MailboxLook | None:
    """How far a season has read its mailbox; None when it never did."""
    return session.get(MailboxLook, year)


def admitted_mails(session: Session, year: int) -> Sequence[IncomingMail]:
    """Held mails that an officer let in and that are still to be taken, the oldest first."""
    query = select(IncomingMail).where(IncomingMail.season == year, IncomingMail.state == IncomingState.ADMITTED)
    return session.scalars(query.order_by(IncomingMail.arrived_at, IncomingMail.uid)).all()


def held_mails(session: Session, year: int) -> Sequence[IncomingMail]:
    """Mails that wait for a person's decision, the oldest first."""
    query = select(IncomingMail).where(IncomingMail.season == year, IncomingMail.state == IncomingState.HELD)
    return session.scalars(query.order_by(IncomingMail.arrived_at, IncomingMail.uid)).all()


def decide_held(session: Session, year: int, digest: str, act: Act, *, admit: bool, reason: str) -> IncomingMail:
    """Let a held mail in, or turn it away. `digest` may be a unique beginning. Raises DecisionRefused."""
    if len(digest) < 8:
        raise DecisionRefused(
            f"mail {digest!r}", "give at least 8 characters of its digest", "请给出邮件校验码的前8位以上"
        )
    beginning = IncomingMail.digest.startswith(digest, autoescape=True)
    query = select(IncomingMail).where(IncomingMail.season == year, beginning, IncomingMail.doubt.is_not(None))
    found = session.scalars(query.with_for_update()).all()
    if len(found) != 1:
        raise DecisionRefused(
            f"mail {digest}",
            f"{len(found)} mails were held that begin so; see `gangchuang status`",
            f"有{len(found)}封暂扣邮件的校验码以{digest}开头",
        )
    mail = found[0]
    if mail.state is not IncomingState.HELD:
        raise DecisionRefused(f"mail {digest}", f"it is {IncomingState(mail.state).value} already", "这封邮件已经处理")
    require_reason(f"mail {digest}", reason)
    mail.state = IncomingState.ADMITTED if admit else IncomingState.DISMISSED
    mail.officer, mail.decided_at = act.actor.name, act.at
    session.flush()
    trigger = Trigger.ADMIT_MAIL if admit else Trigger.DISMISS_MAIL
    note_call(session, year, trigger, act, reason=reason, facts={"mail": mail.digest, "recipient": mail.recipient})
    return mail


def season_of_mail(session: Session, named: Iterable[int]) -> int | None:
    """Whose mail it is: of the season that its workbooks name, else of the newest one that has begun and is not closed."""
    states = {year: call_state(session, year) for year in planned_seasons(session)}
    running = [year for year, state in states.items() if state is not CallState.CLOSED]
    begun = [year for year in running if states[year] is not CallState.PLANNED]
    return next((year for year in named if year in running), max(begun or running, default=None))


def registered_addresses(session: Session, season: Season, at: datetime) -> dict[str, set[str]]:
    """Who writes from an address at an instant, in small letters: units' codes, experts' ids, the office.

    A unit that others have taken over since the call opened writes from theirs too.
    """
    found: dict[str, set[str]] = {}
    for unit in season.units():
        for writer in (unit, *heirs_on(unit.code, local_day(at))):
            for address in season.addresses_of(writer.code):
                found.setdefault(address.lower(), set()).add(unit.code)
    for expert, address in session.execute(select(Expert.id, Expert.mail).where(Expert.mail != "")):
        found.setdefault(address.strip().lower(), set()).add(expert)
    for address in (season.office.mail, season.office.coordination_mail):
        found.setdefault(address.lower(), set()).add(OFFICE)
    return found


def mark_bounced(session: Session, year: int, address: str, at: datetime, problem: str, key: str = "") -> None:
    """A letter came back: its address is marked, and the letter itself where it is known which."""
    kept = session.get(BouncedAddress, address) or BouncedAddress(
        address=address, season=year, bounced_at=at, problem=problem
    )
    kept.season, kept.bounced_at, kept.problem = year, at, problem
    session.add(kept)
    message = session.get(Message, key, with_for_update=True) if key else None
    if message is not None and message.state is MessageState.SENT:
        message.state, message.problem = MessageState.BOUNCED, problem
    session.flush()


def bounced_addresses(session: Session, season: Season, at: datetime) -> list[tuple[str, BouncedAddress]]:
    """Who cannot be reached at an instant: whose address, and how it came back."""
    registered = registered_addresses(session, season, at)
    bounced = session.scalars(select(BouncedAddress).order_by(BouncedAddress.bounced_at)).all()
    return [(who, kept) for kept in bounced for who in sorted(registered.get(kept.address, ()))]
