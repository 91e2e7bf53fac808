"""A page for each certificate that was ever given a number: whether it is valid, replaced or revoked, and how to prove it.

Its address stands on the certificate, as a code and in words, and leads somewhere for good. A name is shown only as far
as it was released.
"""

import hashlib
from collections.abc import Iterator
from functools import partial

from config.local_time import local_day
from flows.home.releases import FileGroup, Made
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import VERSIONS, imprint, site_frame
from flows.publish.pages.content import CheckIndexPage, CheckPage, Frame
from flows.publish.pages.rendering import render
from flows.publish.record import EXPORT, VERIFIER
from models import Certificate
from models.enums import CertificateState, Holder, PublicationKind
from states.submissions.certificates import CertificateNumber, certificate_states, certificates_of
from states.submissions.released import Released

FOLDER = "check"


def files(facts: Facts) -> Iterator[Made]:
    held = [season for season in facts.seasons if season.published(PublicationKind.RESULTS) is not None]
    for season in held:
        yield FileGroup(f"{FOLDER}/{season.year}", season.mark, partial(_season_files, season))
    listed = tuple((season.year, numbers) for season in held if (numbers := _numbers(season)))
    if listed:
        newest, frame = facts.seasons[0].season, site_frame(facts, "../")
        index = CheckIndexPage(**imprint(newest), seasons=listed, frame=frame)
        yield f"{FOLDER}/index.html", render(index).encode()


def _numbers(season: PublicSeason) -> tuple[tuple[str, CertificateState], ...]:
    rows = certificate_states(season.session, season.year)
    return tuple((CertificateNumber(season.year, ordinal).short, state) for ordinal, state in rows)


def _season_files(season: PublicSeason) -> Iterator[Made]:
    for row in certificates_of(season.session, season.year):
        page = check_page(season, row, season.cases[row.number])
        path = f"{FOLDER}/{page.short}/index.html"
        yield FileGroup(path, hashlib.sha256(repr(page).encode()).hexdigest(), partial(_file, path, page))


def check_page(season: PublicSeason, row: Certificate, own: Released) -> CheckPage:
    """What the page of one certificate says: nothing that changes with others."""
    number, versions = CertificateNumber(row.season, row.ordinal), f"../../{row.season}/{VERSIONS}"
    links = (
        ("首页", "../../index.html"),
        ("全部证书编号", "../index.html"),
        ("获奖项目发布", f"../../{row.season}/results.html"),
        ("如何核对", versions),
    )
    return CheckPage(
        **imprint(season.season),
        season=row.season,
        number=str(number),
        short=number.short,
        state=row.state,
        holder=row.holder,
        name=_name(row, own),
        submission=row.number,
        title=own.title,
        tier=row.tier,
        given_on=local_day(row.given_at),
        voided_on=local_day(row.voided_at) if row.voided_at else None,
        successor=CertificateNumber(row.season, row.successor).short if row.successor else "",
        export=EXPORT,
        verifier=VERIFIER,
        frame=Frame("../../", row.given_at, row.voided_at or row.given_at, links, versions),
    )


def _name(row: Certificate, own: Released) -> str:
    """The holder's name where it is released and the certificate in force; else nothing."""
    if row.state is not CertificateState.VALID:
        return ""
    names = own.organisations if row.holder is Holder.ORGANISATION else own.people
    places = range(1, len(names) + 1) if row.holder is Holder.ORGANISATION else own.places
    return dict(zip(places, names, strict=True)).get(row.position, "")


def _file(path: str, page: CheckPage) -> Iterator[tuple[str, bytes]]:
    yield path, render(page).encode()
