"""Writes a season's history so that an outsider can check it: JSON Lines, the checker beside it.

Line 1 names format and season. Then, subject by subject in the order of their bytes, the
entries exactly as they are kept and, for each publication, the leaf that the subject gave to
its root. The last line counts them. Up to a publication it holds what that root covers and the
entry that recorded it, nothing later: the same bytes whenever it is made, so their digest can go out.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from models import Call, History, Publication
from models.enums import PublicationKind, Trigger
from models.history import PublicationLeaf
from models.queries import SeasonNotPlanned
from states.audit.replay import facts_of
from states.history.canonical import submission_subject
from states.history.merkle import inclusion_paths
from states.history.read import COLUMNS, by_subject, in_byte_order, read_entries, read_leaves
from states.history.verify_history import HISTORY_FORMAT, PROOF_FORMAT, Unreadable, Wrong, check_export, read_header
from states.numbers import Number, UnknownSubmission
from states.rules.grouping import grouped

CHECKER = Path(__file__).parents[1] / "history" / "verify_history.py"
Line = Mapping[str, Any]
_CHUNK = 500
_LEAF = ("kind", "ordinal", "subject", "sequence", "hash")


class RecordBroken(GangchuangError):
    """What lies in the database cannot even be written down."""

    def __init__(self, season: int, reason: str) -> None:
        self.season = season
        super().__init__(
            f"The history of season {season} cannot be exported: {reason}. "
            f"Run `gangchuang verify {season}`, which names the entry, and restore a backup."
        )


class ExportBroken(GangchuangError):
    """A file that does not hold, or cannot even be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} does not hold: {reason}. Get it again from where it was published.")


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


def export_history(session: Session, season: int, target: Path, until: Publication | None = None) -> Exported:
    """Write a season's history (up to a publication) to a file, whole or not at all, and the checker beside it.

    Raises SeasonNotPlanned, RecordBroken, OSError.
    """
    if session.get(Call, season) is None:
        raise SeasonNotPlanned(season)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    line = b""
    try:
        with draft.open("wb") as file:
            for line in export_lines(session, season, until):
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    checker = target.with_name(CHECKER.name)
    shutil.copyfile(CHECKER, checker)
    last = json.loads(line)
    return Exported(target, checker, last["entries"], last["subjects"])


def export_lines(session: Session, season: int, until: Publication | None = None) -> Iterator[bytes]:
    """The lines of an export, each with its end, whole or up to a publication. Raises RecordBroken."""
    try:
        for line in _lines(session, season, until):
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except (UnicodeEncodeError, TypeError) as problem:
        raise RecordBroken(season, f"an entry holds what is no text ({type(problem).__name__})") from problem


def digest_of_export(session: Session, until: Publication) -> str:
    """SHA-256 of the export up to a publication."""
    digest = hashlib.sha256()
    for line in export_lines(session, until.season, until):
        digest.update(line)
    return digest.hexdigest()


def digest_of_checker() -> str:
    """SHA-256 of the file that checks exports."""
    return hashlib.sha256(CHECKER.read_bytes()).hexdigest()


def read_export(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of an exported history, in its order, for `states.audit.replay`."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            line = json.loads(text)
            if line.pop("line") == "entry":
                yield line


def checked_export(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of an export whose every hash and root was checked first. Raises ExportBroken."""
    try:
        with path.open(encoding="utf-8") as file:
            check_export(*read_header(file.readline()), file)
        yield from read_export(path)
    except Wrong as problem:
        raise ExportBroken(path, problem.english) from problem
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError, Unreadable) as problem:
        raise ExportBroken(path, str(problem)) from problem


def proof(session: Session, number: str, kind: PublicationKind | None = None) -> dict[str, Any]:
    """One submission's history and its proof under a publication's root, the latest unless named; ready for JSON.

    Raises UnknownSubmission, NotPublishedYet.
    """
    if number not in entries_of(session, [number]):
        raise UnknownSubmission(number)
    found = proofs(session, [number], kind)
    if not found:
        raise NotPublishedYet(number, kind)
    return found[number]


def proofs(session: Session, numbers: Sequence[str], kind: PublicationKind | None = None) -> dict[str, dict[str, Any]]:
    """`proof` of many submissions, by number; those under no such root are left out. Each root's tree is read once."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(numbers), _CHUNK):
        part = numbers[start : start + _CHUNK]
        entries = entries_of(session, part)
        for publication, sequences in _publications(session, part, kind):
            subjects, hashes = _leaves_of(session, publication)
            places = {subject: index for index, subject in enumerate(subjects)}
            indexes = [places[submission_subject(number)] for number in sequences]
            paths = inclusion_paths(map(bytes.fromhex, hashes), indexes)
            for (number, sequence), index, path in zip(sequences.items(), indexes, paths, strict=True):
                found[number] = {
                    "format": PROOF_FORMAT,
                    "season": publication.season,
                    "number": number,
                    "publication": {
                        "kind": publication.kind.value,
                        "ordinal": publication.ordinal,
                        "root": publication.root,
                        "leaves": publication.subjects,
                    },
                    "leaf": {
                        "sequence": sequence,
                        "index": index,
                        "leaves": len(hashes),
                        "path": [node.hex() for node in path],
                    },
                    "entries": entries[number],
                }
    return found


def _publications(
    session: Session, numbers: Sequence[str], kind: PublicationKind | None
) -> list[tuple[Publication, dict[str, int]]]:
    """Each publication that is the newest of some of these submissions, with how many entries of each it covers."""
    leaf = PublicationLeaf
    rows = session.execute(
        select(leaf.subject, leaf.sequence, Publication)
        .join(Publication, _its_leaves())
        .where(
            leaf.season.in_({Number.of(number).season for number in numbers}),
            leaf.subject.in_(map(submission_subject, numbers)),
            true() if kind is None else leaf.kind == kind,
        )
        .order_by(Publication.published_at, func.coalesce(Publication.entries, 0))
    )
    newest = {row.subject.partition("/")[2]: (row.Publication, row.sequence) for row in rows}
    found: dict[Key, tuple[Publication, dict[str, int]]] = {}
    for number, (publication, sequence) in sorted(newest.items()):
        key = f"{publication.season}/{publication.kind.value}", publication.ordinal
        found.setdefault(key, (publication, {}))[1][number] = sequence
    return list(found.values())


def _its_leaves() -> ColumnElement[bool]:
    leaf = PublicationLeaf
    return and_(leaf.season == Publication.season, leaf.kind == Publication.kind, leaf.ordinal == Publication.ordinal)


def _lines(session: Session, season: int, until: Publication | None) -> Iterator[Line]:
    counts = {"entries": 0, "subjects": 0}
    yield {"line": "header", "format": HISTORY_FORMAT, "season": season}
    streams: tuple[Iterator[Line], ...] = (
        ({"line": "entry", **entry} for entry in read_entries(session, season)),
        ({"line": "leaf", **{name: leaf[name] for name in _LEAF}} for leaf in read_leaves(session, season)),
    )
    recorded: list[Key] = []
    for _, (entries, leaves) in by_subject(*streams):
        own: list[Line] = [*entries, *leaves]
        if until is not None:
            own = list(_up_to(own, (until.kind.value, until.ordinal), recorded))
        counts["subjects"] += bool(own)
        counts["entries"] += sum(line["line"] == "entry" for line in own)
        yield from own
    yield {"line": "end", **counts}


Key = tuple[str, int]  # kind and ordinal of a publication


def _up_to(own: Sequence[Line], key: Key, recorded: list[Key]) -> Iterator[Line]:
    """The lines of one subject that a root covers; of the call, up to the entry that recorded it.

    The call comes first, and fills in which roots were recorded until then.
    """
    leaves = [line for line in own if line["line"] == "leaf"]
    last = next((leaf["sequence"] for leaf in leaves if (leaf["kind"], leaf["ordinal"]) == key), 0)
    for entry in own[: len(own) - len(leaves)]:
        facts = facts_of(entry) if entry["trigger"] == Trigger.RECORD_ROOT and key not in recorded else {}
        if facts:
            recorded.append((facts["publication"], facts.get("ordinal", 1)))
        if facts or entry["sequence"] <= last:
            yield entry
    yield from (leaf for leaf in leaves if (leaf["kind"], leaf["ordinal"]) in recorded)


def entries_of(session: Session, numbers: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The entries of some submissions, exactly as kept, by number."""
    query = select(*(getattr(History, name) for name in COLUMNS))
    query = query.where(History.subject.in_(map(submission_subject, numbers)))
    rows = session.execute(query.order_by(History.subject, History.sequence))
    return grouped((row.subject.partition("/")[2], dict(zip(COLUMNS, row, strict=True))) for row in rows)


def _leaves_of(session: Session, publication: Publication) -> tuple[list[str], list[str]]:
    leaf = PublicationLeaf
    query = select(leaf.subject, leaf.hash).where(
        leaf.season == publication.season, leaf.kind == publication.kind, leaf.ordinal == publication.ordinal
    )
    rows = session.execute(query.order_by(in_byte_order(session, PublicationLeaf.subject))).all()
    return [row.subject for row in rows], [row.hash for row in rows]
