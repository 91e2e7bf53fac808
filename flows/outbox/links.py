"""The personal link in a letter: put in when the letter goes out, so that it is kept nowhere."""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from config.settings import Settings
from config.units import all_units
from flows.outbox.letters.composing import APPLICANTS_LINE, LINK_LINE
from flows.outbox.letters.filters import printable
from models import Expert, Message, PersonalLink, Submission
from models.enums import LinkKind
from states.incoming_mail import registered_addresses
from states.links import issue_link, link_in_force

_INTRO = "网页填报和查询，请打开您的个人链接（专人专用，请勿转发）："
_APPLICANTS_INTRO = "给申报人的查询链接（每项一个，请转发给该项的申报人；打开可查看本项的现状和办理经过）："
# Each with its title, the link below; letters of earlier versions brought number and link in one line.
_APPLICANT = r"\n    (\S+?)(?:《(.*)》\n        |  )(\S+)"
_APPLICANTS = re.compile(rf"^{re.escape(_APPLICANTS_INTRO)}((?:{_APPLICANT})+)$", re.MULTILINE)
_LINK = re.compile(rf"^{re.escape(_INTRO)}\n    (\S+)$", re.MULTILINE)


def token_of(settings: Settings, link: PersonalLink) -> str:
    """What stands in the link: only who has the key can make it of what the database holds."""
    return _token(settings, link.season, LinkKind(link.kind), link.subject, link.nonce)


def digest_of_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def address_of(session: Session, settings: Settings, season: Season, kind: LinkKind, subject: str) -> str:
    """Somebody's link, issued when there is none in force; empty where there are no link pages."""
    if not settings.links_url:
        return ""
    link = link_in_force(session, season.year, kind, subject)
    if link is None:
        nonce = secrets.token_hex(16)
        token = _token(settings, season.year, kind, subject, nonce)
        issue_link(session, season, kind, subject, nonce=nonce, digest=digest_of_token(token))
    else:
        token = token_of(settings, link)
    return f"{settings.links_url.rstrip('/')}/l/{token}"


class Links(NamedTuple):
    """What goes into a letter: the link of whom it is for, and (number, title, link) of its applicants' submissions."""

    own: str = ""
    applicants: tuple[tuple[str, str, str], ...] = ()


def links_for_letter(session: Session, settings: Settings, season: Season, message: Message) -> Links:
    """The links of whom a letter is for and of their applicants, where it goes to an address of theirs and has room."""
    subject = message.key.split("/")[2] if message.key.count("/") >= 2 else ""
    theirs = registered_addresses(session, season, message.written_at).get(message.recipient.lower(), set())
    if not settings.links_url or LINK_LINE not in message.body or subject not in theirs:
        return Links()
    if subject not in all_units():
        known = session.get(Expert, subject) is not None
        return Links(address_of(session, settings, season, LinkKind.EXPERT, subject) if known else "")
    applicants = applicants_links(session, settings, season, subject) if APPLICANTS_LINE in message.body else ()
    own = address_of(session, settings, season, LinkKind.UNIT, subject)
    return Links(own, tuple((number, str(printable(title)), address) for number, title, address in applicants))


def applicants_links(session: Session, settings: Settings, season: Season, unit: str) -> list[tuple[str, str, str]]:
    """(number, title, link) of each of a unit's submissions, for the unit to pass on."""
    own = (Submission.season == season.year, Submission.unit == unit)
    rows = session.execute(select(Submission.number, Submission.title).where(*own).order_by(Submission.number)).all()
    return [
        (number, title, address_of(session, settings, season, LinkKind.APPLICANT, number)) for number, title in rows
    ]


def with_links(body: str, links: Links) -> str:
    """A letter's text with its links, or without the lines for them."""
    if links.own:
        body = body.replace(LINK_LINE, f"{_INTRO}\n    {links.own}")
    if links.applicants:
        listed = "".join(
            f"\n    {number}" + (f"《{title}》\n        {address}" if title else f"  {address}")
            for number, title, address in links.applicants
        )
        body = body.replace(APPLICANTS_LINE, f"{_APPLICANTS_INTRO}{listed}")
    return _without_lines(body)


def links_in(body: str) -> Links:
    """The links that a letter bears."""
    text = body.replace("\r\n", "\n")
    own, listed = _LINK.search(text), _APPLICANTS.search(text)
    return Links(own[1] if own else "", tuple(re.findall(_APPLICANT, listed[1])) if listed else ())


def without_link(body: str) -> str:
    """A letter's text as it may be kept and shown."""
    return _without_lines(_APPLICANTS.sub(APPLICANTS_LINE, _LINK.sub(LINK_LINE, body)))


def _without_lines(body: str) -> str:
    for line in (LINK_LINE, APPLICANTS_LINE):
        body = body.replace(f"{line}\n\n", "").replace(line, "")
    return body


def _token(settings: Settings, year: int, kind: LinkKind, subject: str, nonce: str) -> str:
    said = f"{year}/{kind.value}/{subject}/{nonce}".encode()
    return urlsafe_b64encode(hmac.digest(settings.links_key(), said, hashlib.sha256)).decode().rstrip("=")
