"""What lies outside the database and contradicts it when it was rewritten: printed roots, letters, time stamps.

Who owns the database can make all of it anew, consistently. What went out by letter stays as it was: a root, the
SHA-256 of the history up to it, the SHA-256 of the file that checks it.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

from cryptography import x509
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models import Message, Publication
from models.queries import planned_seasons, season_in_force
from states.audit.chain import Finding
from states.audit.export import digest_of_checker, digest_of_export
from states.history.canonical import call_subject

# The letters that bring a root, by the word in their keys.
BRINGING_ROOTS = ("notice_opened", "results_published", "archived", "record_changed")
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


def against_sent(session: Session, season: int | None) -> Iterator[Finding]:
    """Letters among the messages whose root the record does not have. Texts deleted on schedule say nothing."""
    kinds = or_(*(Message.key.like(f"%/{kind}/%") for kind in BRINGING_ROOTS))
    query = select(Message.key, Message.season, Message.body).where(kinds, Message.body != "").order_by(Message.key)
    if season is not None:
        query = query.where(Message.season == season)
    roots = _roots(session)
    for key, year, body in session.execute(query):
        told = set(_SHA256.findall(body))
        # The letters of an archive by earlier versions brought none.
        if told and not told & roots.keys():
            sentence = f"the letter {key} brought a root that was never recorded here"
            yield Finding("letter", call_subject(year), None, sentence)


def against_held(session: Session, letters: Sequence[Path]) -> Iterator[Finding]:
    """Letters (.eml) that somebody outside kept: their root, and the history and the checker as they were then."""
    roots = _roots(session)
    for path in letters:
        body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain",))
        told = set(_SHA256.findall(body.get_content() if body else ""))
        known = [roots[root] for root in sorted(told & roots.keys())]
        if not known:
            yield Finding("letter", path.name, None, "it brings no root that was ever recorded here")
            continue
        for publication in known:
            told -= {publication.root, digest_of_export(session, publication)}
        if len(told) > 1:
            yield Finding("letter", path.name, None, "the history up to its root is another one by now")
        elif told and digest_of_checker() not in told:
            sentence = "the checker is another one by now (another version of the program, or altered)"
            yield Finding("letter", path.name, None, sentence)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp (RFC 3161) that was kept of a root: when, by whom; `certified` by a certificate that is trusted here."""

    root: str
    published_at: datetime
    at: datetime
    by: str
    certified: bool


def read_stamps(session: Session, folder: Path, season: int | None = None) -> tuple[list[Stamp], list[Finding]]:
    """The stamps in a folder (`*.tsr`), and what is wrong with them: of no root that was recorded, or signed by nobody known.

    Trusted is who is certified by `roots.pem` in the same folder; without it a stamp's signature is not judged.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    stamps, findings = [], []
    trusted = folder / "roots.pem"
    certificates = x509.load_pem_x509_certificates(trusted.read_bytes()) if trusted.exists() else []
    roots = {hashlib.sha256(root.encode()).digest(): made for root, made in _roots(session).items()}
    for path in sorted(folder.glob(f"{season or ''}*.tsr")):
        subject = f"timestamps/{path.name}"
        try:
            answer = decode_timestamp_response(path.read_bytes())
            imprint, told = answer.tst_info.message_imprint.message, answer.tst_info
        except ValueError as problem:
            findings.append(Finding("stamp", subject, None, f"it is no time stamp ({problem})"))
            continue
        made = roots.get(imprint)
        if made is None:
            findings.append(Finding("stamp", subject, None, "it stamps a root that was never recorded here"))
            continue
        try:
            if certificates:
                VerifierBuilder(roots=[*certificates]).build().verify(answer, imprint)
        except VerificationError as problem:
            findings.append(Finding("stamp", subject, None, f"no certificate in roots.pem stands for it ({problem})"))
            continue
        signers = ", ".join(signer.issuer.rfc4514_string() for signer in answer.signed_data.signer_infos)
        stamps.append(Stamp(made.root, made.published_at, told.gen_time, signers, bool(certificates)))
    return stamps, findings


def unstamped(session: Session, stamps: Sequence[Stamp], season: int | None = None) -> list[Publication]:
    """The published roots of seasons that name a time-stamp service, of which no stamp was found."""
    years = planned_seasons(session) if season is None else [season]
    named = [year for year in years if season_in_force(session, year).record.timestamp_service]
    held = {stamp.root for stamp in stamps}
    return [made for root, made in sorted(_roots(session).items()) if made.season in named and root not in held]


def _roots(session: Session) -> dict[str, Publication]:
    return {publication.root: publication for publication in session.scalars(select(Publication))}
