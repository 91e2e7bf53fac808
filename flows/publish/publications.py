"""What pages share: the root that a publication commits to, its proof, the lines of a list, the pages' addresses."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from config.local_time import local_day
from config.units import name_on
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.publish.pages.content import AwardLine, PageProof
from flows.publish.record import EXPORT, VERIFIER, until
from flows.run import Run
from models import Publication
from models.enums import PublicationKind, Tier
from states.audit.export import digest_of_checker, digest_of_export
from states.roots import record_change, record_root
from states.submissions.released import Released, released

PAGES = {
    PublicationKind.PUBLIC_NOTICE: ("拟获奖名单公示", "notice.html"),
    PublicationKind.RESULTS: ("获奖项目发布", "results.html"),
    PublicationKind.ARCHIVE: ("年度归档（全部操作留痕）", EXPORT),
    PublicationKind.SUPPLEMENT: ("归档后变动（全部操作留痕）", EXPORT),
}


def publish_root(session: Session, run: Run, kind: PublicationKind) -> Publication:
    """The publication's root over the season's whole history; recorded once, then kept."""
    return record_root(session, run.year, kind, run.act)


def publish_change(session: Session, run: Run) -> None:
    """A root of its own for what changed after the archive, told to every unit in the change's own transaction."""
    publication = record_change(session, run.year, run.act)
    if publication is None:
        return
    kept = {**kept_outside(session, publication), "page": page_address(run, "index.html")}
    ordinal = publication.ordinal
    for unit in run.season.units():
        post_to_unit(session, run, LetterKind.RECORD_CHANGED, unit.code, key=str(ordinal), ordinal=ordinal, **kept)


def kept_outside(session: Session, publication: Publication) -> dict[str, Any]:
    """What every unit is asked to keep: the root, the SHA-256 of the history up to it and of its checker."""
    export = digest_of_export(session, publication)
    return {"root": publication.root, "file": until(publication), "export": export, "checker": digest_of_checker()}


def proof_of(publication: Publication, later: Sequence[Publication] = ()) -> PageProof:
    """What the page prints so that an outsider can check the history against it, and the roots recorded since."""
    with_export = publication.kind is not PublicationKind.PUBLIC_NOTICE
    return PageProof(
        root=publication.root,
        subjects=publication.subjects,
        export=EXPORT if with_export else "",
        verifier=VERIFIER if with_export else "",
        command=f"python {VERIFIER} {EXPORT} --root {(later or [publication])[-1].root}" if with_export else "",
        later=tuple((title_of(newer), newer.root) for newer in later),
    )


def award_lines(
    session: Session, tiers: Sequence[tuple[str, Tier]], at: datetime, known: Mapping[str, Released] | None = None
) -> tuple[AwardLine, ...]:
    """Lines for a public list, in the order given; of people and organisations only what was released.

    Units bear the names of the instant at which the list was published.
    What is known already of some is not read again.
    """
    known = known or {}
    public = {**known, **released(session, [number for number, _ in tiers if number not in known])}
    return tuple(
        AwardLine(
            number=number,
            title=public[number].title,
            tier=tier,
            category=public[number].category,
            carrier=public[number].carrier,
            unit=name_on(public[number].unit, local_day(at)),
            organisations=public[number].organisations,
            contributors=public[number].people,
            withheld=public[number].withheld,
            licensed=public[number].licensed,
        )
        for number, tier in tiers
    )


def title_of(publication: Publication) -> str:
    title = PAGES[publication.kind][0]
    return f"{title}（第{publication.ordinal}次）" if publication.kind is PublicationKind.SUPPLEMENT else title


def page_address(run: Run, name: str) -> str:
    """A page's public address for letters; empty when the installation has no public site."""
    base = run.settings.site_url.rstrip("/")
    return f"{base}/{run.year}/{name}" if base else ""
