"""What a home holds, as values that can be compared: every row, every file, every mail that went out."""

import hashlib
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlmodel import SQLModel

import models  # noqa: F401 - the tables register themselves
from models.database import reading

# Who holds a lease and how often something was tried is not part of what became of the season.
_TABLES_LEFT_OUT = {"claim", "failure"}
# PostgreSQL gives no number of a row twice, not even one that was undone.
_COLUMNS_LEFT_OUT = {
    "milestone": {"attempts"},
    "message": {"attempts", "not_before", "problem"},
    "admission": {"id"},
}
# Of the releases that which is out counts, whatever its number.
_FILES_LEFT_OUT = re.compile(
    r"releases/.*|site/release\.json|gangchuang\.db.*|rehearsal\.json|people/.*|seasons/.*|prefect/.*|.*\.log"
)
_DRAFT = re.compile(r"(?:^|/)\.[^/]*\.part$|(?:^|/)[0-9a-f]{16}\.part$")
# Instants and run ids may differ, and so may every hash that is made from them.
_PASSING = re.compile(
    r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?|T\d{6}Z|[0-9a-f]{64}|sha256-[A-Za-z0-9+/=]{44}"
    r"|late_seconds\W+\d+|迟到(?:\d+(?:天|小时|分钟?|秒))+|\"flow_run\":\"[^\"]*"
    r"|roots/[0-9a-f]{16}|papers(?:_made)?[/_]\w+?[/_][0-9a-f]{16}(?:-[0-9a-f]{12})?|-[0-9a-f]{8}(?=\.\w+)"
)
_PASSING_COLUMNS = {
    "history": {"flow_run", "hash", "previous_hash"},
    "submission": {"head"},
    "call": {"head"},
    "publication": {"root"},
    "publication_leaf": {"hash"},
}
_SAVED = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
Row = tuple[tuple[str, Any], ...]
# Digests of files by (path, time, size, roughly), also those that the recording's process has made.
seen: dict[tuple[str, int, int, bool], str] = {}


@dataclass(frozen=True)
class Picture:
    """One home at one moment. `drafts` are files that a killed process left half-made."""

    rows: Mapping[str, frozenset[Row]]
    files: Mapping[str, str]
    drafts: tuple[str, ...] = field(compare=False, default=())

    def differences(self, other: "Picture") -> list[str]:
        """What is here and not there (-), there and not here (+), and other there (~); empty when both are equal."""
        found = []
        for table in sorted(self.rows):
            here, there = self.rows[table], other.rows[table]
            found += _differing_rows(table, here - there, there - here)
        for path in sorted({*self.files, *other.files}):
            if self.files.get(path) != other.files.get(path):
                found.append(f"{'-' if path not in other.files else '+' if path not in self.files else '~'} {path}")
        return found


def take_picture(engine: Engine, home: Path, *, roughly: bool = False) -> Picture:
    """Every row and every file of a home; `roughly` leaves out times of day, run ids and hashes."""
    with reading(engine) as session:
        rows = {
            name: frozenset(_row(name, row, roughly) for row in session.execute(select(table)).mappings())
            for name, table in SQLModel.metadata.tables.items()
            if name not in _TABLES_LEFT_OUT
        }
    lying = [*home.rglob("*"), *(home / "site").glob("**/*")]
    paths = sorted({path.relative_to(home).as_posix() for path in lying if path.is_file()})
    paths = [path for path in paths if not _FILES_LEFT_OUT.fullmatch(path)]
    drafts = tuple(path for path in paths if _DRAFT.search(path))
    files: dict[str, list[str]] = {}
    for path in paths:
        if path not in drafts:
            files.setdefault(_bare(path, roughly), []).append(_digest(home, path, roughly))
    # Several files may bear one name but for their roots: all of them count.
    return Picture(rows, {name: "\n".join(sorted(digests)) for name, digests in files.items()}, drafts)


def mail_of(content: bytes, roughly: bool) -> tuple[str, str]:
    """A mail's Message-ID and a digest of everything that its reader sees."""
    mail = message_from_bytes(content, policy=policy.default)
    seen = hashlib.sha256()
    for name in ("To", "Subject", "Date"):
        seen.update(_bare(f"{mail[name]}\n", roughly).encode())
    # Papers name a root, and the key of their letter, and so its Message-ID, is made of them.
    with_papers = roughly and "奖补发放表" in str(mail["Subject"])
    for part in mail.walk():
        if not part.is_multipart() and not with_papers:
            inside = part.get_payload(decode=True)
            assert isinstance(inside, bytes)
            seen.update(f"{part.get_filename()}\n".encode() + _content(part.get_filename() or "", inside, roughly))
    return _bare(f"{mail['To']} {mail['Subject']} {mail['Date']}", roughly) if with_papers else str(
        mail["Message-ID"]
    ), seen.hexdigest()


def compare_mails(expected: Iterable[tuple[str, str]], got: Iterable[tuple[str, str]]) -> tuple[list[str], int]:
    """Differences between two lists of (Message-ID, digest) but for repetitions, and how many were repeated."""
    wanted, found = Counter(expected), Counter(got)
    lost = [f"- mail {identity}" for identity, _ in wanted if identity not in {known for known, _ in found}]
    other = [f"~ mail {mail[0]}" for mail in found if mail not in wanted and mail[0] in {known for known, _ in wanted}]
    more = [f"+ mail {mail[0]}" for mail in found if mail[0] not in {known for known, _ in wanted}]
    return lost + other + more, sum(found.values()) - len({identity for identity, _ in found})


def _row(table: str, row: Mapping[str, Any], roughly: bool) -> Row:
    left_out = _COLUMNS_LEFT_OUT.get(table, set()) | (_PASSING_COLUMNS.get(table, set()) if roughly else set())
    return tuple((name, _roughly(value) if roughly else value) for name, value in row.items() if name not in left_out)


def _roughly(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.date()
    return _PASSING.sub("…", value) if isinstance(value, str) and not _is_digest(value) else value


def _is_digest(value: str) -> bool:
    """A digest in a column of its own is a fact; only those named above are made from instants."""
    return re.fullmatch("[0-9a-f]{64}", value) is not None


def _differing_rows(table: str, lost: Iterable[Row], more: Iterable[Row]) -> list[str]:
    """Rows with one key are one row that stands otherwise: its differing columns are told."""
    keys = {column.name for column in SQLModel.metadata.tables[table].primary_key}
    gone, new = ({tuple(cell for cell in row if cell[0] in keys): row for row in rows} for rows in (lost, more))
    found = []
    for key in sorted({*gone, *new}, key=repr):
        if key in gone and key in new:
            pairs = zip(gone[key], new[key], strict=True)
            changes = [
                f"{name}: {_around(old, value)} -> {_around(value, old)}"
                for (name, old), (_, value) in pairs
                if old != value
            ]
            found.append(f"~ {table} {_shown(key)}: {'; '.join(changes)}")
        else:
            found.append(f"{'-' if key in gone else '+'} {table}: {_shown(gone.get(key) or new[key])}")
    return found


def _around(value: Any, other: Any) -> str:
    """A value near the place where it begins to differ from another."""
    text, pairs = str(value), zip(str(value), str(other), strict=False)
    start = next((at for at, (here, there) in enumerate(pairs) if here != there), 0)
    return repr(text[max(0, start - 20) : start + 60])


def _bare(text: str, roughly: bool) -> str:
    return _PASSING.sub("…", text) if roughly else text


def _digest(home: Path, name: str, roughly: bool) -> str:
    """A file's digest, remembered: copies of a home keep the times of its files, and none is written twice alike."""
    path, now = home / name, (home / name).stat()
    key = (name, now.st_mtime_ns, now.st_size, roughly)
    if key not in seen:
        seen[key] = _digest_of(path, roughly)
    return seen[key]


def _digest_of(path: Path, roughly: bool) -> str:
    if roughly and path.suffix == ".docx":
        return ""  # a press kit names the newest root
    content = path.read_bytes()
    if path.suffix == ".eml":
        return "/".join(mail_of(content, roughly))
    return hashlib.sha256(_content(path.name, content, roughly)).hexdigest()


def _content(name: str, content: bytes, roughly: bool) -> bytes:
    if name.endswith((".xlsx", ".docx")):
        return b"".join(_parts_of(content, roughly))
    return _bare(content.decode("utf-8", "surrogateescape"), roughly).encode("utf-8", "surrogateescape")


def _parts_of(content: bytes, roughly: bool) -> Iterator[bytes]:
    """The parts of a workbook, but for the instant at which it was saved; the bytes themselves when it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            for name in sorted(book.namelist()):
                part = _SAVED.sub(b"", book.read(name)) if name == "docProps/core.xml" else book.read(name)
                yield name.encode() + _bare(part.decode("utf-8", "surrogateescape"), roughly).encode(
                    "utf-8", "surrogateescape"
                )
    except zipfile.BadZipFile:
        yield content


def _shown(row: Row) -> str:
    return ", ".join(f"{name}={str(value)[:90]}" for name, value in row if value not in (None, "", 0))[:700]
