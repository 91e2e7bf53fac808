"""Writes a season's history so that an outsider can check it: JSON Lines, the checker beside it.

Line 1 names format and season. Then, subject by subject in the order of their bytes, the
entries exactly as they are kept and, for each publication, the leaf that the subject gave to
its root. The last line counts them.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from models import Call, History, Publication
from models.enums import PublicationKind
from models.leaf import PublicationLeaf
from models.queries import SeasonNotPlanned
from states.entries import COLUMNS, in_byte_order, read_entries, read_leaves
from states.numbers import UnknownSubmission
from states.record import submission_subject
from states.rules.merkle import inclusion_path
from states.verification import merged
from states.verify_history import HISTORY_FORMAT, PROOF_FORMAT

CHECKER = Path(__file__).with_name("verify_history.py")
Line = Mapping[str, Any]


class RecordBroken(GangchuangError):
    """What lies in the database cannot even be written down."""

    def __init__(self, season: int, reason: str) -> None:
        self.season = season
        super().__init__(
            f"The history of season {season} cannot be exported: {reason}. "
            f"Run `gangchuang verify {season}`, which names the entry, and restore a backup."
        )


class NotPublishedYet(GangchuangError):
    def __init__(self, number: str, kind: PublicationKind | None = None) -> None:
        self.number = number
        root = f"the root of {kind.value}" if kind else "a published root"
        super().__init__(
            f"{number} is not under {root} yet. A proof is possible after the next publication "
            "(public notice, results, archive)."
        )


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds, and where."""

    path: Path
    checker: Path
    entries: int
    subjects: int


def export_history(session: Session, season: int, target: Path) -> Exported:
    """Write a season's history to a file, whole or not at all, and the checker beside it.

    Raises SeasonNotPlanned, RecordBroken, OSError.
    """
    if session.get(Call, season) is None:
        raise SeasonNotPlanned(season)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    counts = {"entries": 0, "subjects": 0}
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            for line in _lines(session, season, counts):
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except (UnicodeEncodeError, TypeError) as problem:
        raise RecordBroken(season, f"an entry holds what is no text ({type(problem).__name__})") from problem
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    checker = target.with_name(CHECKER.name)
    shutil.copyfile(CHECKER, checker)
    return Exported(target, checker, **counts)


def read_export(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of an exported history, in its order, for `states.replay`."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            line = json.loads(text)
            if line.pop("line") == "entry":
                yield line


def proof(session: Session, number: str, kind: PublicationKind | None = None) -> dict[str, Any]:
    """One submission's history and its proof under a publication's root, the latest unless named; ready for JSON.

    Raises UnknownSubmission, NotPublishedYet.
    """
    subject = submission_subject(number)
    entries = _entries_of(session, subject)
    if not entries:
        raise UnknownSubmission(number)
    publication, sequence = _publication(session, number, kind)
    subjects, hashes = _leaves_of(session, publication.season, publication.kind)
    index = subjects.index(subject)
    path = inclusion_path(map(bytes.fromhex, hashes), index)
    return {
        "format": PROOF_FORMAT,
        "season": publication.season,
        "number": number,
        "publication": {"kind": publication.kind.value, "root": publication.root, "leaves": publication.subjects},
        "leaf": {"sequence": sequence, "index": index, "leaves": len(hashes), "path": [one.hex() for one in path]},
        "entries": entries,
    }


def _publication(session: Session, number: str, kind: PublicationKind | None) -> tuple[Publication, int]:
    leaf = PublicationLeaf
    found = session.execute(
        select(Publication, leaf.sequence)
        .join(leaf, (leaf.season == Publication.season) & (leaf.kind == Publication.kind))
        .where(leaf.subject == submission_subject(number), true() if kind is None else leaf.kind == kind)
        .order_by(leaf.sequence.desc(), Publication.published_at.desc())
        .limit(1)
    ).first()
    if found is None:
        raise NotPublishedYet(number, kind)
    return found[0], found[1]


def _lines(session: Session, season: int, counts: dict[str, int]) -> Iterator[Line]:
    yield {"line": "header", "format": HISTORY_FORMAT, "season": season}
    streams = (
        ({"line": "entry", **entry} for entry in read_entries(session, season)),
        (_leaf_line(leaf) for leaf in read_leaves(session, season)),
    )
    for _, group in groupby(merged(*streams), key=lambda one: one[0]):
        counts["subjects"] += 1
        for _, _, line in group:
            counts["entries"] += line["line"] == "entry"
            yield line
    yield {"line": "end", **counts}


def _leaf_line(leaf: Line) -> Line:
    return {"line": "leaf", **{name: leaf[name] for name in ("kind", "subject", "sequence", "hash")}}


def _entries_of(session: Session, subject: str) -> list[dict[str, Any]]:
    query = select(*(getattr(History, name) for name in COLUMNS)).where(History.subject == subject)
    return [dict(zip(COLUMNS, row, strict=True)) for row in session.execute(query.order_by(History.sequence))]


def _leaves_of(session: Session, season: int, kind: PublicationKind) -> tuple[list[str], list[str]]:
    query = select(PublicationLeaf.subject, PublicationLeaf.hash)
    query = query.where(PublicationLeaf.season == season, PublicationLeaf.kind == kind)
    rows = session.execute(query.order_by(in_byte_order(session, PublicationLeaf.subject))).all()
    return [row.subject for row in rows], [row.hash for row in rows]
