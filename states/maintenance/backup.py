"""Backs an installation up while it runs: every table in one snapshot, and the home's files, in one zip.

Rows are kept as JSON Lines with plain values, so that a backup of SQLite can be restored into
PostgreSQL and the other way round. Files are copied before the snapshot and once more after
it: a delivery that moves from the inbox to its place meanwhile is caught in one of the two.
Files are those of the home's own folders: no database file, no stepped clock, no records of Prefect, logs or other
backups, no public pages, which follow from the database, and nothing half-written.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sqlalchemy import Column, Engine, String, Table, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from models import History
from models.columns import DecimalText, EnumText
from models.database import reading
from models.enums import Trigger
from models.queries import planned_seasons
from models.schema import current_revision
from states.roots import season_root

FORMAT = "gangchuang-backup/1"
MANIFEST = "backup.json"
FOLDERS = frozenset(
    [
        "attachments",
        "evidence",
        "held",
        "holidays",
        "inbox",
        "keys",
        "mail",
        "office",
        "outbox",
        "pictures",
        "receipts",
        "seasons",
        "taken",
        "templates",
        "timestamps",
        "units",
    ]
)
# What backups of earlier versions hold too; the public pages are made from the database.
MADE_AGAIN = "site"
DELETIONS = (Trigger.ERASE_PERSONAL_DATA, Trigger.ERASE_PERSON)
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds: rows by table, and the number of files."""

    path: Path
    rows: dict[str, int]
    files: int


def backup(engine: Engine, home: Path, target: Path) -> BackedUp:
    """Write a backup to a file that its owner alone can read, whole or not at all. Nothing has to stand still.

    Raises OSError, DatabaseUnreachable.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _owners_file(draft) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            left_out = frozenset({draft.absolute(), target.absolute()})
            files = dict(_keep_files(archive, home, frozenset(), left_out))
            with reading(engine) as session:
                rows = {table.name: _keep_rows(archive, session, table) for table in SQLModel.metadata.sorted_tables}
                schema = current_revision(session.connection())
                manifest = {"format": FORMAT, "schema": schema, "roots": _roots(session)}
            files |= dict(_keep_files(archive, home, frozenset(files), left_out))
            archive.writestr(MANIFEST, json.dumps({**manifest, "tables": rows, "files": files}, ensure_ascii=False))
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(target)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return BackedUp(target, rows, len(files))


def holds_deleted(path: Path, deletions: int) -> bool:
    """Whether a file is a backup from before one of so many deletions of personal data; other files are none."""
    words = [f'"trigger":"{word}"'.encode() for word in DELETIONS]
    try:
        with zipfile.ZipFile(path) as archive:
            if MANIFEST not in archive.namelist():
                return False
            with archive.open("tables/history.jsonl") as lines:
                return sum(any(word in line for word in words) for line in lines) < deletions
    except (zipfile.BadZipFile, KeyError, OSError):
        return False


def deletions_so_far(session: Session) -> int:
    """How often personal data was deleted: by schedule, or at somebody's request."""
    return session.scalar(select(func.count()).where(History.trigger.in_(DELETIONS))) or 0


def home_files(home: Path) -> Iterator[Path]:
    """The files of a home that belong into a backup, as paths below it."""
    for folder in sorted(FOLDERS):
        for path in sorted((home / folder).rglob("*")):
            own = path.relative_to(home)
            if belongs(own.as_posix()) and path.is_file() and not path.is_symlink():
                yield own


def belongs(name: str) -> bool:
    """Whether a name, as a backup writes it, is one of a file that a backup holds or once held: `folder/…/file`."""
    path = PurePosixPath(name)
    return (
        path.as_posix() == name
        and len(path.parts) > 1
        and path.parts[0] in FOLDERS | {MADE_AGAIN}
        and path.suffix != ".part"
        and not any(part.startswith(".") or "\0" in part for part in path.parts)
    )


def _roots(session: Session) -> dict[str, str]:
    return {str(year): season_root(session, year).root for year in planned_seasons(session)}


def _keep_files(
    archive: zipfile.ZipFile, home: Path, known: Collection[str], left_out: Collection[Path]
) -> Iterator[tuple[str, str]]:
    for own in home_files(home):
        name = own.as_posix()
        if name in known or (home / own).absolute() in left_out:
            continue
        # A file that moves away at this moment is found at its new place after the snapshot.
        with suppress(FileNotFoundError):
            yield name, _keep_file(archive, home / own, f"files/{name}")


def _keep_file(archive: zipfile.ZipFile, path: Path, name: str) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source, archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as kept:
        while block := source.read(1 << 20):
            digest.update(block)
            kept.write(block)
    return digest.hexdigest()


def _keep_rows(archive: zipfile.ZipFile, session: Session, table: Table) -> int:
    query = select(*(_plain(column) for column in table.c)).order_by(*table.primary_key)
    count = 0
    with archive.open(f"tables/{table.name}.jsonl", "w", force_zip64=True) as file:
        for row in session.execute(query.execution_options(yield_per=_BATCH)):
            values = {column.name: _written(value) for column, value in zip(table.c, row, strict=True)}
            file.write(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            count += 1
    return count


def _plain(column: Column[Any]) -> Any:
    """The column as the text that is kept, where it only stands for text."""
    return type_coerce(column, String) if isinstance(column.type, EnumText | DecimalText) else column


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _owners_file(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


__all__ = [
    "FOLDERS",
    "FORMAT",
    "MADE_AGAIN",
    "MANIFEST",
    "BackedUp",
    "backup",
    "belongs",
    "deletions_so_far",
    "holds_deleted",
    "home_files",
]
