"""Certificates (获奖证书) as PDF: one a holder, and all of a season for the printer.

The same certificate is the same bytes whenever it is set: its only date is the one on which it was given.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from config.season import Season
from flows.papers.typesetting import Typesetter, chinese_day, qr_code
from models import Certificate, Submission
from models.enums import CertificateState
from states.submissions.certificates import CertificateNumber

DESIGN = "certificate.typ"


@dataclass(frozen=True, slots=True)
class Printed:
    """All that a certificate shows, and whose it is. `check` is its page's address, empty without a public site."""

    number: CertificateNumber
    submission: str
    unit: str
    holder: str
    place: int
    name: str
    title: str
    tier: str
    programme: str
    issuer: str
    given_at: datetime
    check: str

    @property
    def file_name(self) -> str:
        return f"{self.number.short}.pdf"


def printed(session: Session, season: Season, site_url: str, *where: ColumnElement[bool]) -> list[Printed]:
    """The certificates in force of a season, by their numbers, but for those of people who asked for deletion."""
    rows = session.execute(
        select(Certificate, Submission.unit, Submission.title)
        .join(Submission, Submission.number == Certificate.number)
        .where(Certificate.season == season.year, Certificate.state == CertificateState.VALID, *where)
        .where(Certificate.name != "")
        .order_by(Certificate.ordinal)
    )
    base = site_url.rstrip("/")
    found = []
    for row, unit, title in rows:
        number = CertificateNumber(row.season, row.ordinal)
        found.append(
            Printed(
                number=number,
                submission=row.number,
                unit=unit,
                holder=row.holder.value,
                place=row.position,
                name=row.name,
                title=title,
                tier=row.tier.label,
                programme=season.title,
                issuer=season.office.name,
                given_at=row.given_at,
                check=f"{base}/check/{number.short}/" if base else "",
            )
        )
    return found


class Press(Typesetter):
    """Sets certificates."""

    def __init__(self) -> None:
        super().__init__(DESIGN)

    def mark_of(self, one: Printed) -> str:
        """Changes whenever anything does that this certificate is made from."""
        return hashlib.sha256(f"{self.mark}{one}".encode()).hexdigest()

    def set(self, one: Printed) -> bytes:
        """One certificate. Raises PaperNotSet."""
        return self._set([one], f"{one.number}（{one.name}，{one.submission}）")

    def set_all(self, everything: Sequence[Printed]) -> bytes:
        """All of them, a page each, for the printer; each was set alone before. Raises PaperNotSet."""
        return self._set(everything, "整册证书")

    def _set(self, some: Sequence[Printed], whose: str) -> bytes:
        return self.compiled(_given(some), max(one.given_at for one in some), whose)


def _given(some: Sequence[Printed]) -> dict[str, Any]:
    """What the design gets; the file itself says what each is."""
    first = some[0]
    return {
        "programme": first.programme,
        "issuer": first.issuer,
        "certificates": [
            {
                **{"number": str(one.number), "name": one.name, "holder": one.holder, "place": one.place},
                **{"title": one.title, "tier": one.tier, "check": one.check, "qr": qr_code(one.check)},
                "day": chinese_day(one.given_at),
            }
            for one in some
        ],
    }
