"""Fixes a season's record at each publication: one Merkle root over every subject's latest hash.

The leaves are the 32 raw bytes of the hashes, ordered by the subjects' bytes; the tree is
that of RFC 6962. Root and number of leaves stand in the call's own chain and on the page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, insert, literal, select, type_coerce
from sqlalchemy.orm import Session

from models import History, Publication
from models.enums import PublicationKind, Trigger
from models.leaf import PublicationLeaf
from models.queries import lock_call
from states.door import note_call
from states.entries import in_byte_order
from states.machine import Act
from states.rules.merkle import Fold

_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Root:
    """A Merkle root in hex, and the number of leaves (subjects) under it."""

    root: str
    leaves: int


def season_root(session: Session, season: int) -> Root:
    """The root over the latest entries of a season as they are now."""
    latest = _latest(season).subquery()
    return _fold(session, select(latest.c.hash).order_by(in_byte_order(session, latest.c.subject)))


def record_root(session: Session, season: int, kind: PublicationKind, act: Act) -> Root:
    """Keep the leaves of this moment, the publication and its entry in the call's chain; the caller commits.

    Once a season and kind: asked again, it answers with what was recorded.
    """
    lock_call(session, season)
    known = session.get(Publication, (season, kind))
    if known is not None:
        return Root(known.root, known.subjects)
    latest = _latest(season).subquery()
    columns = (latest.c.subject, latest.c.sequence, latest.c.hash)
    leaves = select(literal(season), type_coerce(literal(kind.value), PublicationLeaf.kind.type), *columns)
    target = insert(PublicationLeaf).from_select(["season", "kind", "subject", "sequence", "hash"], leaves)
    session.execute(target.execution_options(synchronize_session=False))
    made = kept_root(session, season, kind)
    session.add(Publication(season=season, kind=kind, published_at=act.at, root=made.root, subjects=made.leaves))
    facts = {"publication": kind.value, "root": made.root, "leaves": made.leaves}
    note_call(session, season, Trigger.RECORD_ROOT, act, facts=facts)
    return made


def kept_root(session: Session, season: int, kind: PublicationKind) -> Root:
    """The root over the leaves kept of a publication."""
    query = select(PublicationLeaf.hash).where(PublicationLeaf.season == season, PublicationLeaf.kind == kind)
    return _fold(session, query.order_by(in_byte_order(session, PublicationLeaf.subject)))


def _latest(season: int) -> Select[Any]:
    last = (
        select(History.subject, func.max(History.sequence).label("sequence"))
        .where(History.season == season)
        .group_by(History.subject)
        .subquery()
    )
    both = (History.subject == last.c.subject) & (History.sequence == last.c.sequence)
    latest: Select[Any] = select(History.subject, History.sequence, History.hash).join(last, both)
    return latest


def _fold(session: Session, hashes: Select[Any]) -> Root:
    fold = Fold()
    for text in _scalars(session, hashes):
        fold.add(bytes.fromhex(text))
    return Root(fold.root().hex(), fold.size)


def _scalars(session: Session, query: Select[Any]) -> Iterator[str]:
    return iter(session.execute(query.execution_options(yield_per=_BATCH)).scalars())
