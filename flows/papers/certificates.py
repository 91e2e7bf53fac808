"""Certificates (获奖证书) as PDF: Typst sets what the designer's file says, archivable (PDF/A-2a) and readable aloud (PDF/UA-1).

The same certificate is the same bytes whenever it is set: its only date is the one on which it was given. A sign that no
font has stops that one certificate and is named. No seal and no signature is ever drawn: only who holds a seal may stamp.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import segno
import typst
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from config import overrides
from config.errors import GangchuangError
from config.local_time import local_day
from config.season import Season
from models import Certificate, Submission
from models.enums import CertificateState
from states.submissions.certificates import CertificateNumber

TEMPLATES, DESIGN = Path(__file__).parent / "templates", "certificate.typ"
_STANDARDS: Any = ["a-2a", "ua-1"]
_NO_GLYPH = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")


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


class CertificateNotSet(GangchuangError):
    """One certificate, or the design of all, cannot be set. `signs` are those that no font has."""

    def __init__(self, whose: str, reason: str, signs: str = "") -> None:
        self.signs = signs
        super().__init__(f"{whose}: {reason}")


def printed(session: Session, season: Season, site_url: str, *where: ColumnElement[bool]) -> list[Printed]:
    """The certificates in force of a season, by their numbers."""
    rows = session.execute(
        select(Certificate, Submission.unit, Submission.title)
        .join(Submission, Submission.number == Certificate.number)
        .where(Certificate.season == season.year, Certificate.state == CertificateState.VALID, *where)
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


class Press:
    """Sets certificates by one design with one set of fonts."""

    def __init__(self) -> None:
        self.path = overrides.winning(TEMPLATES / DESIGN, overrides.PAPERS, DESIGN)
        folders = [str(files("pylopdf_fonts_zh_cn")), str(overrides.in_home(overrides.PAPERS))]
        self._fonts = [folder for folder in folders if Path(folder).is_dir()]

    @cached_property
    def _compiler(self) -> typst.Compiler:
        # Only these fonts: what the machine happens to have would make other bytes elsewhere.
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[*self._fonts])
        return typst.Compiler(str(self.path), root=str(self.path.parent), font_paths=fonts)

    @cached_property
    def mark(self) -> str:
        """Changes whenever anything does that all certificates are made with."""
        made_with = [version(name) for name in ("typst", "segno", "pylopdf-fonts-zh-cn")]
        own = [self.path, *overrides.own_files(overrides.PAPERS)]
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in own]
        return hashlib.sha256(json.dumps([made_with, digests]).encode()).hexdigest()

    def mark_of(self, one: Printed) -> str:
        """Changes whenever anything does that this certificate is made from."""
        return hashlib.sha256(f"{self.mark}{_given([one])}".encode()).hexdigest()

    def set(self, one: Printed) -> bytes:
        """One certificate. Raises CertificateNotSet."""
        return self._set([one], f"{one.number}（{one.name}，{one.submission}）")

    def set_all(self, everything: Sequence[Printed]) -> bytes:
        """All of them, a page each, for the printer; each was set alone before. Raises CertificateNotSet."""
        return self._set(everything, "整册证书")

    def _set(self, some: Sequence[Printed], whose: str) -> bytes:
        given_at = max(one.given_at for one in some)
        try:
            made = self._compiler.compile(
                sys_inputs={"given": _given(some)},
                format="pdf",
                pdf_standards=_STANDARDS,
                timestamp=int(given_at.timestamp()),
            )
        except typst.TypstError as problem:
            signs = "".join(dict.fromkeys(_signs(problem)))
            if not signs:
                reason = f"the design {self.path} cannot be set (版式有误): {problem.diagnostic or problem.message}"
                raise CertificateNotSet(whose, reason) from problem
            named = "、".join(f"“{sign}”（U+{ord(sign):04X}）" for sign in signs)
            reason = f"no font has {named} (缺字). Put a font that has it into the home's {overrides.PAPERS}/"
            raise CertificateNotSet(whose, reason, signs) from problem
        assert isinstance(made, bytes)
        return made


def _signs(problem: typst.TypstError) -> Iterator[str]:
    for found in _NO_GLYPH.findall(f"{problem.message}\n{problem.diagnostic}"):
        yield from _ESCAPED.sub(lambda code: chr(int(code[1], 16)), found)


def _given(some: Iterable[Printed]) -> str:
    """What the design gets, as JSON; the file itself says what each is."""
    certificates = list(some)
    first = certificates[0]
    return json.dumps(
        {
            "programme": first.programme,
            "issuer": first.issuer,
            "certificates": [
                {
                    **{"number": str(one.number), "name": one.name, "holder": one.holder, "place": one.place},
                    **{"title": one.title, "tier": one.tier, "check": one.check, "qr": _qr(one.check)},
                    "day": _day(one.given_at),
                }
                for one in certificates
            ],
        },
        ensure_ascii=False,
    )


def _day(instant: datetime) -> str:
    day = local_day(instant)
    return f"{day.year}年{day.month}月{day.day}日"


def _qr(address: str) -> str:
    """A QR code as SVG, of middling error correction; empty without an address."""
    if not address:
        return ""
    drawn = io.BytesIO()
    segno.make_qr(address, error="m").save(drawn, kind="svg", xmldecl=False, border=2)
    return drawn.getvalue().decode()
