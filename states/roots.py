"""Fixes a season's record at each publication: one Merkle root over every subject's latest hash.

The leaves are the 32 raw bytes of the hashes, ordered by the subjects' bytes; the tree is
that of RFC 6962. Root and number of leaves stand in the call's own chain and on the page.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, func, insert, literal, select, true, type_coerce
from sqlalchemy.orm import Session

from models import History, Publication
from models.enums import PublicationKind, Trigger
from models.history import PublicationLeaf
from states.history.merkle import Fold
from states.history.read import in_byte_order
from states.machine import Act
from states.transitions import after_latest, note_call

# What changes nothing that anybody was told: a root was recorded, a day came, which release is out, somebody looked.
HOUSEKEEPING = (
    *(Trigger.RECORD_ROOT, Trigger.SETTLE_MILESTONE, Trigger.SKIP_MILESTONE, Trigger.PUT_BACK_RELEASE),
    *(Trigger.SHOW_OBJECTOR, Trigger.SEAL_OBJECTOR),
)
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Root:
    """A Merkle root in hex, and the numbers of leaves (subjects) and of entries under it."""

    root: str
    leaves: int
    entries: int


def season_root(session: Session, season: int) -> Root:
    """The root over the latest entries of a season as they are now."""
    latest = _latest(season).subquery()
    return _fold(session, select(latest.c.hash, latest.c.sequence).order_by(in_byte_order(session, latest.c.subject)))


def record_root(session: Session, season: int, kind: PublicationKind, act: Act) -> Publication:
    """Keep the leaves of this moment, the publication and its entry in the call's chain; the caller commits.

    Once a season and kind: asked again, it answers with what was recorded. Supplements are counted instead,
    one for each change after the archive.
    """
    at = after_latest(session, season, act.at)
    known = _newest(session, season, PublicationKind(kind))
    if known is not None and kind is not PublicationKind.SUPPLEMENT:
        return known
    ordinal = known.ordinal + 1 if known else 1
    latest = _latest(season).subquery()
    key = (literal(season), type_coerce(literal(kind.value), PublicationLeaf.kind.type), literal(ordinal))
    leaves = select(*key, latest.c.subject, latest.c.sequence, latest.c.hash)
    columns = ["season", "kind", "ordinal", "subject", "sequence", "hash"]
    target = insert(PublicationLeaf).from_select(columns, leaves)
    session.execute(target.execution_options(synchronize_session=False))
    made = kept_root(session, season, kind, ordinal)
    publication = Publication(
        season=season,
        kind=kind,
        ordinal=ordinal,
        published_at=at,
        subjects=made.leaves,
        root=made.root,
        entries=made.entries,
    )
    session.add(publication)
    session.flush()
    facts = {
        "publication": kind.value,
        "ordinal": ordinal,
        "leaves": made.leaves,
        "root": made.root,
        "entries": made.entries,
    }
    note_call(session, season, Trigger.RECORD_ROOT, replace(act, at=at), facts=facts)
    return publication


def record_change(session: Session, season: int, act: Act) -> Publication | None:
    """A root of its own for what changed after the archive; none before it, and none where nothing changed."""
    if _newest(session, season, PublicationKind.ARCHIVE) is None or not changed_since(session, season):
        return None
    return record_root(session, season, PublicationKind.SUPPLEMENT, act)


def newest_publication(session: Session, season: int) -> Publication | None:
    """The publication whose root is the newest of a season, or None before the first."""
    return _newest(session, season)


def changed_since(session: Session, season: int) -> bool:
    """Whether anything is in the record that the newest root does not cover, but for housekeeping."""
    newest = _newest(session, season)
    if newest is None:
        return False
    leaf = PublicationLeaf
    under = (leaf.season == season) & (leaf.kind == newest.kind) & (leaf.ordinal == newest.ordinal)
    later = (
        select(History.subject)
        .outerjoin(leaf, under & (leaf.subject == History.subject))
        .where(History.season == season, History.sequence > func.coalesce(leaf.sequence, 0))
        .where(History.trigger.not_in(HOUSEKEEPING))
    )
    return session.scalar(later.limit(1)) is not None


def kept_root(session: Session, season: int, kind: PublicationKind, ordinal: int = 1) -> Root:
    """The root over the leaves kept of a publication."""
    leaf = PublicationLeaf
    own = (leaf.season == season, leaf.kind == kind, leaf.ordinal == ordinal)
    query = select(leaf.hash, leaf.sequence).where(*own)
    return _fold(session, query.order_by(in_byte_order(session, leaf.subject)))


def _newest(session: Session, season: int, kind: PublicationKind | None = None) -> Publication | None:
    return session.scalar(
        select(Publication)
        .where(Publication.season == season, true() if kind is None else Publication.kind == kind)
        .order_by(Publication.published_at.desc(), func.coalesce(Publication.entries, 0).desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )


def _latest(season: int) -> Select[*tuple[Any, ...]]:
    last = (
        select(History.subject, func.max(History.sequence).label("sequence"))
        .where(History.season == season)
        .group_by(History.subject)
        .subquery()
    )
    both = (History.subject == last.c.subject) & (History.sequence == last.c.sequence)
    latest: Select[*tuple[Any, ...]] = select(History.subject, History.sequence, History.hash).join(last, both)
    return latest


def _fold(session: Session, leaves: Select[*tuple[Any, ...]]) -> Root:
    fold, entries = Fold(), 0
    for text, sequence in session.execute(leaves.execution_options(yield_per=_BATCH)):
        fold.add(bytes.fromhex(text))
        entries += sequence
    return Root(fold.root().hex(), fold.size, entries)
