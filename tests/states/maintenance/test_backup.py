"""Backups taken while the system runs, and restored whole or not at all, within and across databases."""

import hashlib
import json
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from models import Lease, Objection, Submission
from models.database import database_seconds, make_engine, reading, writing
from models.enums import CallState, PublicationKind, SubmissionState
from models.schema import DatabaseTooNew, upgrade
from states.audit.verify import verify
from states.machine import Act
from states.maintenance.backup import MANIFEST, backup
from states.maintenance.restore import BackupBroken, BackupTampered, StillRunning, restore
from states.roots import record_root
from tests.conftest import BOTH
from tests.support.builders import SYSTEM, a_season, a_submission, season_rules
from tests.support.databases import TEMPLATE, Postgres
from tests.support.tampering import chain_of, lift_protections, set_column

AWARDED = "2026-500103-0004"
# The season below is set up row by row and has no record to agree with.
put_back = partial(restore, invariants=())
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a delivered file, a key, and what belongs into no backup."""
    for name, content in {
        "taken/2026/500103/汇总表.xlsx": "workbook",
        "keys/workbooks.key": "key",
        "seasons/2027.toml": "year = 2027",
        "holidays/2027.toml": "off = []",
        "templates/letters/receipt.j2": "",
        "units/reporting_units.csv": "code",
        "prefect/prefect.db": "no",
        "logs/worker.log": "no",
        "outbox/half.part": "no",
        ".hidden": "no",
    }.items():
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return tmp_path / "home"


@pytest.fixture
def season(engine: Engine) -> Engine:
    """A published season with a submission in every state and an objection."""
    at = season_rules().dates.publish_results
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        for state in SubmissionState:
            a_submission(session, state)
        session.add(Objection(id=1, season=2026, number=AWARDED, grounds="示例", received_at=at, due_at=at))
        record_root(session, 2026, PublicationKind.RESULTS, Act(SYSTEM, at))
    return engine


@pytest.fixture(params=BOTH)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Another database, of either kind, that holds another season."""
    if request.param == "sqlite":
        made = make_engine(f"sqlite:///{tmp_path / 'other.db'}")
        upgrade(made)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = make_engine(server.create("gangchuang_other", TEMPLATE))
    with writing(made) as session:
        a_season(session, 2025)
        a_submission(session, year=2025)
    yield made
    made.dispose()


def everything(engine: Engine) -> Rows:
    """Every row of every table."""
    with reading(engine) as session:
        return {
            table.name: [dict(row._mapping) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in SQLModel.metadata.sorted_tables
        }


def files_of(home: Path) -> dict[str, str]:
    return {path.relative_to(home).as_posix(): path.read_text() for path in home.rglob("*") if path.is_file()}


def test_a_backup_restores_every_row_and_file_on_either_database(
    season: Engine, other: Engine, home: Path, tmp_path: Path
) -> None:
    made = backup(season, home, tmp_path / "backup.zip")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "taken").mkdir(parents=True)
    (elsewhere / "taken" / "old.xlsx").write_text("old")

    restored = put_back(made.path, other, elsewhere)

    assert everything(other) == everything(season)
    assert restored.rows == made.rows
    assert files_of(elsewhere) == {
        "taken/2026/500103/汇总表.xlsx": "workbook",
        "keys/workbooks.key": "key",
        "seasons/2027.toml": "year = 2027",
        "holidays/2027.toml": "off = []",
        "templates/letters/receipt.j2": "",
        "units/reporting_units.csv": "code",
        "before-restore/1/taken/old.xlsx": "old",
    }
    with reading(other) as session:
        assert verify(session) == []


def test_a_restored_database_works_on_and_guards_its_history(
    season: Engine, other: Engine, home: Path, tmp_path: Path
) -> None:
    put_back(backup(season, home, tmp_path / "backup.zip").path, other, tmp_path / "elsewhere")
    at = season_rules().dates.archive

    with writing(other) as session:
        number = a_submission(session)
        session.add(Objection(id=2, season=2026, number=number, grounds="示例", received_at=at, due_at=at))
    with reading(other) as session:
        assert verify(session) == []
        assert sorted(session.scalars(select(Objection.id))) == [1, 2]
    with pytest.raises(DBAPIError, match="append-only"), writing(other) as session:
        session.execute(text("DELETE FROM history"))


def test_nothing_of_a_restore_is_left_beside(season: Engine, other: Engine, home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"

    put_back(backup(season, home, tmp_path / "backup.zip").path, other, elsewhere)

    assert sorted(path.name for path in elsewhere.iterdir()) == [
        *("holidays", "keys", "seasons", "taken", "templates", "units")
    ]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    if other.dialect.name == "postgresql":
        assert inspect(other).get_schema_names() == ["information_schema", "public"]


def test_only_its_owner_can_read_a_backup(season: Engine, home: Path, tmp_path: Path) -> None:
    made = backup(season, home, tmp_path / "backup.zip")

    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert made.files == 6
    assert backup(season, home, tmp_path / "backup.zip") == made


def test_a_backup_taken_while_others_write_is_one_moment(season: Engine, home: Path, tmp_path: Path) -> None:
    stop, written = threading.Event(), []

    def write() -> None:
        while not stop.is_set() and len(written) < 200:
            with writing(season) as session:
                written.append(a_submission(session, SubmissionState.DISTRICT_REVIEWED, unit="500101"))

    writer = threading.Thread(target=write)
    writer.start()
    made = []
    try:
        for turn in range(3):
            before = len(written)
            made.append(backup(season, home, tmp_path / f"{turn}.zip"))
            while len(written) == before:
                stop.wait(0.01)
    finally:
        stop.set()
        writer.join(60)

    for written in made:
        fresh = make_engine(f"sqlite:///{tmp_path / written.path.stem}.db")
        restored = put_back(written.path, fresh, tmp_path / written.path.stem)
        with reading(fresh) as session:
            assert verify(session) == []
            assert len(session.scalars(select(Submission.number)).all()) == restored.rows["submission"]
        fresh.dispose()
    assert made[0].rows["submission"] < made[-1].rows["submission"]


def repacked(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A backup with its members changed; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def _manifest_with(**changes: Any) -> Callable[[str, bytes], bytes]:
    return lambda name, content: (
        json.dumps({**json.loads(content), **changes}).encode() if name == MANIFEST else content
    )


BROKEN: dict[str, Callable[[str, bytes], bytes | None]] = {
    "holds no manifest": lambda name, content: None if name == MANIFEST else content,
    "its format is other/9": _manifest_with(format="other/9"),
    "the file taken/2026/500103/汇总表.xlsx is not the one": lambda name, content: (
        b"other" if name.startswith("files/taken") else content
    ),
    "the file keys/workbooks.key is missing": lambda name, content: None if name.endswith(".key") else content,
    "the table contact cannot be read": lambda name, content: None if name == "tables/contact.jsonl" else content,
    "the table contact has 4 rows, not 5": lambda name, content: (
        content.split(b"\n", 1)[1] if name == "tables/contact.jsonl" else content
    ),
    "tables that its schema does not have: other": _manifest_with(tables={"other": 0}),
}


def test_a_broken_backup_is_refused_and_changes_nothing(
    season: Engine, other: Engine, home: Path, tmp_path: Path
) -> None:
    made = backup(season, home, tmp_path / "backup.zip")
    before, files = everything(other), files_of(home)
    for reason, change in BROKEN.items():
        broken = repacked(made.path, tmp_path / "broken.zip", change)

        with pytest.raises(BackupBroken, match=reason):
            put_back(broken, other, home)

        assert (everything(other), files_of(home)) == (before, files)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/elsewhere/evil",
        ".",
        "",
        "inbox",
        "inbox/.",
        "inbox/./evil",
        "inbox//evil",
        "inbox/../gangchuang.db",
        "inbox/.evil",
        "inbox/evil.part",
        "gangchuang.db",
        "gangchuang.db-wal",
        "rehearsal.json",
        "prefect/sign-in",
        "prefect/entrypoints",
        "logs/worker.log",
        "backups/evil.zip",
        "before-restore/1/evil",
        "KEYS/workbooks.key",
        "keys\\workbooks.key",
        "new/evil",
        "taken/2026/500103/汇总表.xlsx/evil",
    ],
)
def test_a_file_that_no_backup_holds_is_refused(
    season: Engine, other: Engine, home: Path, tmp_path: Path, name: str
) -> None:
    made = backup(season, home, tmp_path / "backup.zip")
    before, files = everything(other), files_of(home)
    evil = tmp_path / "evil.zip"

    def named(member: str, content: bytes) -> bytes:
        if member != MANIFEST:
            return content
        manifest = json.loads(content)
        return json.dumps(
            {**manifest, "files": {**manifest["files"], name: hashlib.sha256(b"evil").hexdigest()}}
        ).encode()

    repacked(made.path, evil, named)
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr(f"files/{name}", b"evil")

    with pytest.raises(BackupBroken, match=r"a backup holds no file of the name|is a file and a folder in it"):
        put_back(evil, other, home)

    assert (everything(other), files_of(home)) == (before, files)


def test_seasons_that_the_backup_does_not_name_are_refused(
    season: Engine, other: Engine, home: Path, tmp_path: Path
) -> None:
    made = backup(season, home, tmp_path / "backup.zip")
    nameless = repacked(made.path, tmp_path / "nameless.zip", _manifest_with(roots={}))

    with pytest.raises(BackupBroken, match="its seasons are not those that were backed up"):
        put_back(nameless, other, home)


def test_a_backup_leaves_out_what_is_not_of_the_homes_folders(season: Engine, home: Path, tmp_path: Path) -> None:
    for name in ("rehearsal.json", "gangchuang.db", "notes/mine.txt"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text("own", "utf-8")
    (home / "inbox").mkdir()
    (home / "inbox" / "link").symlink_to("/etc/hostname")

    made = backup(season, home, tmp_path / "backup.zip")

    assert made.files == 6


def test_a_file_that_is_no_backup_is_refused(other: Engine, tmp_path: Path) -> None:
    source = tmp_path / "backup.zip"
    source.write_bytes(b"no zip")

    with pytest.raises(BackupBroken, match="it is no backup, or its end is cut off"):
        put_back(source, other, tmp_path / "elsewhere")


def _bent_entry(name: str, content: bytes) -> bytes:
    return content.replace(b"district:", b"expert:", 1) if "history" in name else content


def _row_set_higher(name: str, content: bytes) -> bytes:
    return content.replace(b'"tier":"third"', b'"tier":"first"') if name == "tables/submission.jsonl" else content


def test_a_backup_whose_record_does_not_hold_is_refused_and_changes_nothing(
    season: Engine, other: Engine, home: Path, tmp_path: Path
) -> None:
    made = backup(season, home, tmp_path / "backup.zip")
    before, files = everything(other), files_of(home)
    for change in (_bent_entry, _row_set_higher):
        bent = repacked(made.path, tmp_path / "bent.zip", change)

        with pytest.raises(BackupTampered, match="does not hold") as caught:
            put_back(bent, other, home)

        assert caught.value.findings
        assert (everything(other), files_of(home)) == (before, files)


def test_a_backup_of_a_bent_database_is_not_restored_over_a_sound_one(
    season: Engine, other: Engine, home: Path, tmp_path: Path
) -> None:
    lift_protections(season)
    with writing(season) as session:
        set_column(session, chain_of(session, f"submission/{AWARDED}")[1], "reason", "bent")
    made = backup(season, home, tmp_path / "backup.zip")

    with pytest.raises(BackupTampered, match=f"submission/{AWARDED}, entry 2"):
        put_back(made.path, other, home)


def test_a_backup_of_a_newer_version_is_refused(season: Engine, other: Engine, home: Path, tmp_path: Path) -> None:
    made = backup(season, home, tmp_path / "backup.zip")
    newer = repacked(made.path, tmp_path / "newer.zip", _manifest_with(schema="9999"))

    with pytest.raises(DatabaseTooNew, match="9999"):
        put_back(newer, other, home)


def test_nothing_is_restored_while_somebody_works(season: Engine, other: Engine, home: Path, tmp_path: Path) -> None:
    made = backup(season, home, tmp_path / "backup.zip")
    with writing(other) as session:
        session.add(Lease(name="collect/2025", owner="run", fence=1, expires=database_seconds(session) + 60))

    with pytest.raises(StillRunning, match="collect/2025"):
        put_back(made.path, other, home)


def test_leases_of_the_past_are_free_after_a_restore(season: Engine, home: Path, tmp_path: Path) -> None:
    with writing(season) as session:
        session.add(Lease(name="clock", owner="gone", fence=7, expires=database_seconds(session) + 60))
    made = backup(season, home, tmp_path / "backup.zip")
    fresh = make_engine(f"sqlite:///{tmp_path / 'fresh.db'}")

    put_back(made.path, fresh, tmp_path / "elsewhere")

    with reading(fresh) as session:
        assert session.execute(select(Lease.fence, Lease.expires)).all() == [(7, 0.0)]
    fresh.dispose()
