"""The personal link in a letter: put in when the letter goes out, so that it is kept nowhere."""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode

from sqlalchemy.orm import Session

from config.season import Season
from config.settings import Settings
from config.units import all_units
from flows.outbox.letters.composing import LINK_LINE
from models import Expert, Message, PersonalLink
from models.enums import LinkKind
from states.incoming_mail import registered_addresses
from states.links import issue_link, link_in_force

_INTRO = "网页填报和查询，请打开您的个人链接（专人专用，请勿转发）："
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


def link_for_letter(session: Session, settings: Settings, season: Season, message: Message) -> str:
    """The link of whom a letter is for, where it goes to an address of theirs."""
    subject = message.key.split("/")[2] if message.key.count("/") >= 2 else ""
    theirs = registered_addresses(session, season, message.written_at).get(message.recipient.lower(), set())
    if not settings.links_url or LINK_LINE not in message.body or subject not in theirs:
        return ""
    if subject in all_units():
        return address_of(session, settings, season, LinkKind.UNIT, subject)
    return (
        address_of(session, settings, season, LinkKind.EXPERT, subject)
        if session.get(Expert, subject) is not None
        else ""
    )


def with_link(body: str, address: str) -> str:
    """A letter's text with the link, or without the line for it."""
    return body.replace(LINK_LINE, f"{_INTRO}\n    {address}") if address else without_link(body)


def link_in(body: str) -> str:
    """The link that a letter bears; empty where it has none."""
    found = _LINK.search(body.replace("\r\n", "\n"))
    return found[1] if found else ""


def without_link(body: str) -> str:
    """A letter's text as it may be kept and shown."""
    return _LINK.sub(LINK_LINE, body).replace(f"{LINK_LINE}\n\n", "").replace(LINK_LINE, "")


def _token(settings: Settings, year: int, kind: LinkKind, subject: str, nonce: str) -> str:
    said = f"{year}/{kind.value}/{subject}/{nonce}".encode()
    return urlsafe_b64encode(hmac.digest(settings.links_key(), said, hashlib.sha256)).decode().rstrip("=")
