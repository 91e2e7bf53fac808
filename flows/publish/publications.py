"""What goes out to the public: the lines of a list, the root it commits to, the page, the export beside it."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from config.units import all_units
from flows.home import paths
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.publish.pages import AwardLine, IndexEntry, IndexPage, Proof, Remark, ResultsPage, put_page
from flows.run import Run
from models import Contributor, Objection, Organisation, Placing, Publication, Submission
from models.enums import ObjectionState, Outcome, PublicationKind, Tier
from models.queries import lock_call
from states.audit.export import digest_of_checker, digest_of_export, export_history
from states.roots import newest_publication, record_change, record_root

EXPORT, VERIFIER = "history.jsonl", "verify_history.py"
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


def kept_outside(session: Session, publication: Publication) -> dict[str, str]:
    """What every unit is asked to keep: the root, the SHA-256 of the history up to it and of its checker."""
    export = digest_of_export(session, publication)
    return {"root": publication.root, "export": export, "checker": digest_of_checker()}


def proof_of(publication: Publication, later: Sequence[Publication] = ()) -> Proof:
    """What the page prints so that an outsider can check the history against it, and the roots recorded since."""
    with_export = publication.kind is not PublicationKind.PUBLIC_NOTICE
    return Proof(
        root=publication.root,
        subjects=publication.subjects,
        export=EXPORT if with_export else "",
        verifier=VERIFIER if with_export else "",
        command=f"python {VERIFIER} {EXPORT} --root {(later or [publication])[-1].root}" if with_export else "",
        later=tuple((_title(newer), newer.root) for newer in later),
    )


def export_beside(session: Session, run: Run) -> None:
    """The season's history up to its newest root and the file that checks it, beside the pages once results are out."""
    if not run.dry_run and _published(session, run.year, PublicationKind.RESULTS):
        newest = newest_publication(session, run.year)
        exported = export_history(session, run.year, site_of(run) / EXPORT, newest)
        for path in (exported.path, exported.checker):
            path.chmod(0o644)


def site_of(run: Run) -> Path:
    path = paths.site(run.settings) / str(run.year)
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o755)
    return path


def award_lines(session: Session, tiers: Sequence[tuple[str, Tier]]) -> tuple[AwardLine, ...]:
    """Lines for a public list, in the order given; people and organisations only with consent."""
    numbers = [number for number, _ in tiers]
    rows = {row.number: row for row in session.scalars(select(Submission).where(Submission.number.in_(numbers)))}
    organisations = _names(session, Organisation, numbers)
    contributors = _names(session, Contributor, numbers)
    return tuple(
        AwardLine(
            number=number,
            title=rows[number].title,
            tier=tier,
            category=rows[number].category,
            carrier=rows[number].carrier,
            unit=all_units()[rows[number].unit].name,
            organisations=organisations.get(number, ()),
            contributors=contributors.get(number, ()),
            consent=rows[number].consent,
        )
        for number, tier in tiers
    )


def results_page(session: Session, season: Season, publication: Publication) -> ResultsPage:
    """The award list as it stands: awards, those suspended by an objection, those revoked."""
    awards = session.execute(
        select(Submission.number, Submission.tier)
        .join(Placing, Placing.number == Submission.number)
        .where(
            Submission.season == season.year,
            Submission.tier.is_not(None),
            Submission.outcome.is_distinct_from(Outcome.REVOKED),
        )
        .order_by(Placing.position)
    ).all()
    office = season.office
    return ResultsPage(
        season=season.year,
        programme=season.title,
        office=office.name,
        contact=office.mail,
        published_at=publication.published_at,
        lines=award_lines(session, [(number, tier) for number, tier in awards]),
        proof=proof_of(publication, _since(session, publication)),
        notice_link="notice.html",
        amounts_yuan=tuple((Tier(tier), amount) for tier, amount in season.final_round.tiers.amounts_yuan.items()),
        suspended=_suspended(session, season),
        revoked=_revoked(session, season),
    )


def _suspended(session: Session, season: Season) -> tuple[Remark, ...]:
    rows = session.execute(
        select(Submission.number, Submission.title)
        .join(Objection, Objection.number == Submission.number)
        .where(Submission.season == season.year, Objection.state == ObjectionState.OPEN)
        .distinct()
        .order_by(Submission.number)
    )
    return tuple(Remark(number, title, "异议核查中，暂缓授奖") for number, title in rows)


def _revoked(session: Session, season: Season) -> tuple[Remark, ...]:
    rows = session.execute(
        select(Submission.number, Submission.title)
        .where(Submission.season == season.year, Submission.outcome == Outcome.REVOKED)
        .order_by(Submission.number)
    )
    return tuple(Remark(number, title, "获奖已撤销") for number, title in rows)


def put_results(run: Run) -> None:
    """Put the results page in its place as the awards now stand: first published, an objection answered, a revocation.

    Within a fenced transaction, and one after the other: whoever slept cannot put an old page over a newer one.
    """
    with run.step() as session:
        lock_call(session, run.year)
        publication = _published(session, run.year, PublicationKind.RESULTS)
        if publication is not None and not run.dry_run:
            put_page(run.settings.home.absolute(), results_page(session, run.season, publication))


def put_everything(run: Run) -> None:
    """Results, history and index in their places as they now stand, after whatever changed."""
    put_results(run)
    with run.step() as session:
        lock_call(session, run.year)
        if newest_publication(session, run.year) is not None:
            export_beside(session, run)
            put_index(session, run)


def put_index(session: Session, run: Run) -> None:
    """The season's entry page, listing what was published so far, the newest first."""
    if not run.dry_run:
        put_page(run.settings.home.absolute(), index_page(session, run.season))


def index_page(session: Session, season: Season) -> IndexPage:
    """The season's entry page as it now is."""
    published = session.scalars(
        select(Publication)
        .where(Publication.season == season.year)
        .order_by(Publication.published_at.desc(), Publication.ordinal.desc())
    )
    entries = tuple(_index_entry(publication) for publication in published)
    office = season.office
    return IndexPage(season.year, season.title, office.name, office.mail, entries)


def _title(publication: Publication) -> str:
    title = PAGES[publication.kind][0]
    return f"{title}（第{publication.ordinal}次）" if publication.kind is PublicationKind.SUPPLEMENT else title


def _index_entry(publication: Publication) -> IndexEntry:
    link, summary = PAGES[publication.kind][1], f"操作留痕根值：{publication.root}"
    return IndexEntry(_title(publication), link, publication.published_at, summary)


def _since(session: Session, publication: Publication) -> list[Publication]:
    later = select(Publication).where(
        Publication.season == publication.season, Publication.published_at > publication.published_at
    )
    return list(session.scalars(later.order_by(Publication.published_at, Publication.ordinal)))


def _published(session: Session, year: int, kind: PublicationKind) -> Publication | None:
    return session.get(Publication, (year, kind, 1), populate_existing=True)


def page_address(run: Run, name: str) -> str:
    """A page's public address for letters; empty when the installation has no public site."""
    base = run.settings.site_url.rstrip("/")
    return f"{base}/{run.year}/{name}" if base else ""


def _names(
    session: Session, table: type[Organisation] | type[Contributor], numbers: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    query = select(table.number, table.name).where(table.number.in_(numbers)).order_by(table.number, table.position)
    for number, name in session.execute(query):
        found[number] = (*found.get(number, ()), name)
    return found
