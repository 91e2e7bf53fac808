"""Restores a backup. The old data goes only when the new stands verified beside it.

SQLite: the backup is loaded into a file of its own, verified, and then copied over the
database in one transaction of SQLite's own backup interface. PostgreSQL: it is loaded into a
schema of its own, verified, and its tables take the old ones' place in one transaction. Files
are unpacked beside the old ones, which are kept in `before-restore/`. Killed at any moment,
the old data or the new stands whole; run it again.
"""

import hashlib
import json
import secrets
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Date, Engine, String, TypeDecorator, column, func, inspect, select, table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateSchema, DropSchema
from sqlalchemy.types import DateTime, TypeEngine
from sqlmodel import SQLModel

from config.errors import GangchuangError
from models import Lease
from models.columns import DecimalText, EnumText
from models.database import database_seconds, insert_rows, make_engine, reading, writing
from models.queries import planned_seasons
from models.schema import VERSION_TABLE, DatabaseTooNew, revisions, upgrade
from states.audit.invariants import Broken, Invariant, broken_invariants
from states.audit.verify import Finding, verify
from states.maintenance.backup import FORMAT, MADE_AGAIN, MANIFEST, belongs, home_files
from states.roots import season_root
from states.submissions.identity import bring_up

_BATCH = 5_000


class BackupBroken(GangchuangError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path} cannot be restored: {reason}. Nothing was changed; take another backup.")


class BackupTampered(GangchuangError):
    """The backup's record does not hold; `findings` name the entries."""

    def __init__(self, path: Path, findings: list[Finding]) -> None:
        self.path, self.findings = path, findings
        shown = "\n".join(f"  - {finding}" for finding in findings[:20])
        super().__init__(
            f"The history in {path} does not hold ({len(findings)} findings). Nothing was changed.\n{shown}\n"
            "Take another backup."
        )


class BackupUnsound(GangchuangError):
    """Rows or files of the backup break invariants; `broken` names which, and by what."""

    def __init__(self, path: Path, broken: list[Broken]) -> None:
        self.path, self.broken = path, broken
        shown = "\n".join(f"  - {breach}" for breach in broken)
        names = " ".join(f"--despite {breach.invariant.name}" for breach in broken)
        super().__init__(
            f"What {path} holds does not fit together. Nothing was changed.\n{shown}\n"
            f"Take another backup; if there is none, say that you have read this: {names}"
        )


class StillRunning(GangchuangError):
    def __init__(self, names: list[str]) -> None:
        self.names = names
        super().__init__(
            f"Something works on the database at this moment ({', '.join(names)}). Stop `gangchuang serve`, wait a "
            "minute for its leases to end, then restore. Nothing was changed."
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where the files lie that were there before."""

    rows: dict[str, int]
    files: int
    files_before: Path | None


def restore(source: Path, engine: Engine, home: Path, *, invariants: Iterable[Invariant]) -> Restored:
    """Put a backup in the place of the database and the home's files, if its record and these invariants hold.

    Raises BackupBroken, BackupTampered, BackupUnsound, DatabaseTooNew, StillRunning: then nothing was changed.
    """
    _refuse_while_running(engine)
    unpacked = home / f".restore-{secrets.token_hex(4)}"
    unpacked.mkdir(parents=True)
    try:
        with _opened(source) as archive:
            manifest = _manifest(source, archive)
            _unpack(source, archive, manifest["files"], unpacked)
            with _beside(engine, home) as (fresh, swap):
                _load(source, archive, manifest, fresh)
                _verify(source, manifest, fresh)
                with reading(fresh) as session:
                    broken = broken_invariants(session, unpacked, invariants)
                if broken:
                    raise BackupUnsound(source, broken)
                swap()
        before = _exchange_files(home, unpacked, manifest["files"], source)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return Restored(manifest["tables"], len(manifest["files"]), before)


def _refuse_while_running(engine: Engine) -> None:
    with reading(engine) as session:
        if not inspect(session.connection()).has_table(Lease.__tablename__):
            return
        live = select(Lease.name).where(Lease.expires > database_seconds(session), Lease.name.not_like("start/%"))
        names = list(session.scalars(live.order_by(Lease.name)))
    if names:
        raise StillRunning(names)


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(source)
    except OSError as problem:
        raise BackupBroken(source, f"the file cannot be read ({problem.strerror})") from problem
    except Exception as problem:  # a bent header makes zipfile raise nearly anything
        raise BackupBroken(source, "it is no backup, or its end is cut off") from problem
    with archive:
        try:
            damaged = archive.testzip()
        except Exception as problem:
            raise BackupBroken(source, f"the file is damaged ({problem})") from problem
        if damaged is not None:
            raise BackupBroken(source, f"{damaged} in it is damaged")
        yield archive


def _manifest(source: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        if manifest["format"] != FORMAT:
            raise BackupBroken(source, f"its format is {manifest['format']}, not {FORMAT}")
        if not all(isinstance(manifest[name], dict) for name in ("tables", "files", "roots")):
            raise TypeError(MANIFEST)
        str(manifest["schema"])
    except (KeyError, ValueError, TypeError) as problem:
        raise BackupBroken(source, "it holds no manifest of a backup") from problem
    if manifest["schema"] not in revisions():
        raise DatabaseTooNew(manifest["schema"])
    return manifest


def _unpack(source: Path, archive: zipfile.ZipFile, files: Mapping[str, str], target: Path) -> None:
    for name, expected in files.items():
        if not belongs(name):
            raise BackupBroken(source, f"a backup holds no file of the name {name!r}")
        path = target / name
        digest = hashlib.sha256()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(f"files/{name}") as kept, path.open("wb") as written:
                while block := kept.read(1 << 20):
                    digest.update(block)
                    written.write(block)
        except KeyError as problem:
            raise BackupBroken(source, f"the file {name} is missing in it") from problem
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as problem:
            raise BackupBroken(source, f"{name} is a file and a folder in it") from problem
        if digest.hexdigest() != expected:
            raise BackupBroken(source, f"the file {name} is not the one that was backed up")
        path.chmod(0o600)


def _load(source: Path, archive: zipfile.ZipFile, manifest: Mapping[str, Any], fresh: Engine) -> None:
    upgrade(fresh, manifest["schema"])
    with writing(fresh) as session:
        known = set(inspect(session.connection()).get_table_names())
        strange = sorted(set(manifest["tables"]) - known)
        if strange:
            raise BackupBroken(source, f"it holds tables that its schema does not have: {', '.join(strange)}")
        for name in [kept.name for kept in SQLModel.metadata.sorted_tables if kept.name in manifest["tables"]]:
            loaded = _load_table(source, archive, session, name)
            if loaded != manifest["tables"][name]:
                raise BackupBroken(source, f"the table {name} has {loaded} rows, not {manifest['tables'][name]}")
        _continue_numbering(session)
        # Whoever held a lease when the backup was made is long gone.
        session.query(Lease).update({"expires": 0.0})
    bring_up(fresh)


def _load_table(source: Path, archive: zipfile.ZipFile, session: Session, name: str) -> int:
    types = {kept.name: _kept_type(kept) for kept in SQLModel.metadata.tables[name].c}
    loaded = 0
    try:
        with archive.open(f"tables/{name}.jsonl") as lines:
            rows = ({key: _read(types.get(key), value) for key, value in json.loads(line).items()} for line in lines)
            while batch := list(islice(rows, _BATCH)):
                names = batch[0].keys()
                if any(row.keys() != names for row in batch):
                    raise ValueError("its rows differ in their columns")
                insert_rows(session, table(name, *(column(key, types.get(key)) for key in names)), batch)
                loaded += len(batch)
    except DBAPIError as problem:
        raise BackupBroken(source, f"the database refuses a row of the table {name} ({problem.orig})") from problem
    except (KeyError, ValueError, AttributeError) as problem:
        raise BackupBroken(source, f"the table {name} cannot be read ({problem})") from problem
    return loaded


def _kept_type(kept: Column[Any]) -> TypeEngine[Any]:
    return String() if isinstance(kept.type, EnumText | DecimalText) else kept.type


def _read(kind: TypeEngine[Any] | None, value: Any) -> Any:
    plain = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    if value is None or not isinstance(plain, Date | DateTime):
        return value
    return datetime.fromisoformat(value) if isinstance(plain, DateTime) else date.fromisoformat(value)


def _continue_numbering(session: Session) -> None:
    """PostgreSQL's own counters go on after the highest number that was loaded."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for kept in SQLModel.metadata.sorted_tables:
        counted = kept.autoincrement_column
        if counted is None or counted.foreign_keys:
            continue
        counter = func.pg_get_serial_sequence(kept.name, counted.name)
        highest = session.scalar(select(func.max(counted)))
        if highest is not None and session.scalar(select(counter)) is not None:
            session.execute(select(func.setval(counter, highest)))


def _verify(source: Path, manifest: Mapping[str, Any], fresh: Engine) -> None:
    with reading(fresh) as session:
        findings = verify(session)
        if findings:
            raise BackupTampered(source, findings)
        if {str(year) for year in planned_seasons(session)} != set(manifest["roots"]):
            raise BackupBroken(source, "its seasons are not those that were backed up")
        for year, root in manifest["roots"].items():
            if season_root(session, int(year)).root != root:
                raise BackupBroken(source, f"the history of season {year} is not the one that was backed up")


@contextmanager
def _beside(engine: Engine, home: Path) -> Iterator[tuple[Engine, Callable[[], None]]]:
    """An empty database beside the one in use, and the step that puts it in its place."""
    make = _schema_beside if engine.dialect.name == "postgresql" else _file_beside
    with make(engine, home) as made:
        yield made


@contextmanager
def _file_beside(engine: Engine, home: Path) -> Iterator[tuple[Engine, Callable[[], None]]]:
    path = home / f".restore-{secrets.token_hex(4)}.db"
    fresh = make_engine(f"sqlite:///{path}")

    def swap() -> None:
        fresh.dispose()
        with closing(sqlite3.connect(path)) as new, closing(sqlite3.connect(str(engine.url.database))) as old:
            old.execute("PRAGMA journal_mode = WAL").close()
            new.backup(old)
        engine.dispose()

    try:
        yield fresh, swap
    finally:
        fresh.dispose()
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).unlink()


@contextmanager
def _schema_beside(engine: Engine, _home: Path) -> Iterator[tuple[Engine, Callable[[], None]]]:
    name = f"gangchuang_restore_{secrets.token_hex(4)}"
    with engine.begin() as connection:
        connection.execute(CreateSchema(name))
    options = f"{engine.url.query.get('options', '')} -csearch_path={name}".strip()
    url = engine.url.update_query_dict({"options": options})
    fresh = make_engine(url.render_as_string(hide_password=False))

    def swap() -> None:
        fresh.dispose()
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            current = connection.scalar(text("SELECT current_schema()"))
            for statement in _exchange_statements(connection, str(current), name):
                connection.execute(text(statement))
        engine.dispose()

    try:
        yield fresh, swap
    finally:
        fresh.dispose()
        with engine.begin() as connection:
            connection.execute(DropSchema(name, cascade=True, if_exists=True))


def _exchange_statements(connection: Any, current: str, new: str) -> Iterator[str]:
    """Drop our tables and functions in one schema, and move those of another there."""
    ours = {*SQLModel.metadata.tables, VERSION_TABLE}
    inspector = inspect(connection)
    for name in inspector.get_table_names(schema=current):
        if name in ours:
            yield f'DROP TABLE "{current}"."{name}" CASCADE'
    functions = text("SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = :name")
    names = list(connection.scalars(functions, {"name": new}))
    for name in names:
        yield f'DROP FUNCTION IF EXISTS "{current}"."{name}"()'
        yield f'ALTER FUNCTION "{new}"."{name}"() SET SCHEMA "{current}"'
    for name in inspector.get_table_names(schema=new):
        yield f'ALTER TABLE "{new}"."{name}" SET SCHEMA "{current}"'


def _exchange_files(home: Path, unpacked: Path, files: Mapping[str, str], source: Path) -> Path | None:
    """Move the home's files aside and the unpacked ones in. Returns where the old ones lie, if there were any.

    The backup itself stays where it is.
    """
    before = next(folder for number in count(1) if not (folder := home / "before-restore" / str(number)).exists())
    moved = False
    for own in list(home_files(home)):
        if (home / own).samefile(source):
            continue
        (before / own).parent.mkdir(parents=True, exist_ok=True)
        (home / own).replace(before / own)
        moved = True
    for name in (name for name in files if not name.startswith(f"{MADE_AGAIN}/")):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / name).replace(home / name)
    return before if moved else None
