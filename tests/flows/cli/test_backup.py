"""`backup` and `restore` as an administrator uses them."""

import hashlib
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from config.settings import settings
from flows.engine.processes import home_lock
from models.database import database_seconds, make_engine, reading, writing
from models.enums import SubmissionState
from models.schema import upgrade
from states.audit.verify import verify
from states.leases import take
from tests.conftest import BOTH
from tests.flows.cli.conftest import Gangchuang
from tests.support.builders import a_submission
from tests.support.databases import TEMPLATE
from tests.support.playing import Player


@pytest.mark.parametrize("kind", BOTH)
def test_a_backup_is_restored_into_either_database(
    gangchuang: Gangchuang,
    opened: Player,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    with opened.writing() as session:
        number = a_submission(session, SubmissionState.AWARDED)
    (opened.inbox("500103") / "申报.xlsx").write_bytes(b"waits")
    file = opened.home / "backups" / "tonight.zip"
    file.parent.mkdir()

    backed = gangchuang("backup", file)

    assert backed.status == 0
    assert backed.out.startswith(f"{file}: ")
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("GANGCHUANG_HOME", str(elsewhere))
    if kind == "postgresql":
        server = request.getfixturevalue("postgres")
        monkeypatch.setenv("GANGCHUANG_DATABASE_URL", server.create("gangchuang_restored", TEMPLATE))
    settings.cache_clear()
    # A submission set up by hand has no steps that would lead to its state.
    restored = gangchuang("restore", file, *waived(gangchuang("restore", file).err))
    assert (restored.status, restored.err) == (0, "")
    assert "its record is whole" in restored.out
    assert gangchuang("verify").out.startswith("The record is whole.\n2026: no root was published yet;")
    assert f"submission/{number}" not in gangchuang("history", number).out
    assert "award" in gangchuang("history", number).out
    assert (elsewhere / "inbox" / "500103" / "申报.xlsx").read_bytes() == b"waits"


def test_a_restore_waits_until_serve_has_stopped(gangchuang: Gangchuang, opened: Player, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    assert gangchuang("backup", file).status == 0
    before = opened.kept()

    with home_lock(opened.settings.folder("prefect")):
        running = gangchuang("restore", file)
    with opened.writing() as session:
        take(session, "clock", owner="another host", seconds=60)
        assert database_seconds(session) > 0
    elsewhere = gangchuang("restore", file)

    assert (running.status, elsewhere.status) == (1, 1)
    assert "is running in the home folder" in running.err
    assert "Something works on the database at this moment (clock)" in elsewhere.err
    (opened.home / "prefect" / "engine.lock").unlink()
    assert opened.kept() == before


REFUSED = {
    "no such file": (None, "cannot be read (No such file or directory)"),
    "foreign": (b"no backup at all", "it is no backup, or its end is cut off"),
    "empty": (b"", "it is no backup, or its end is cut off"),
    "foreign zip": (b"PK\x05\x06" + b"\0" * 18, "it holds no manifest of a backup"),
}


@pytest.mark.parametrize(("content", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_no_backup_is_one_sentence(
    gangchuang: Gangchuang, opened: Player, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "backup.zip"
    if content is not None:
        file.write_bytes(content)

    answer = gangchuang("restore", file)

    assert answer.status == 1
    assert sentence in answer.err
    assert "Nothing was changed" in answer.err


def test_a_truncated_or_bent_backup_changes_nothing(gangchuang: Gangchuang, opened: Player, tmp_path: Path) -> None:
    with opened.writing() as session:
        a_submission(session)
    file, bent, chance = tmp_path / "backup.zip", tmp_path / "bent.zip", random.Random(3)
    gangchuang("backup", file)
    whole = file.read_bytes()
    before = opened.kept()
    spoiled = [whole[: len(whole) * part // 5] for part in range(1, 5)]
    for _ in range(10):
        offset = chance.randrange(len(whole))
        spoiled.append(whole[:offset] + bytes([whole[offset] ^ 0xFF]) + whole[offset + 1 :])
    refused = 0
    for content in spoiled:
        bent.write_bytes(content)
        answer = gangchuang("restore", bent)
        if answer.status == 0:
            # A byte that means nothing to a zip, such as a date: what came back is what was backed up.
            assert "its record is whole" in answer.out
        else:
            refused += 1
            assert answer.err.startswith("gangchuang: ")
        assert len(answer.err.splitlines()) < 5, answer.err
        with opened.reading() as session:
            assert verify(session) == []
    assert refused >= 4
    if refused == len(spoiled):
        (opened.home / "prefect" / "engine.lock").unlink()
        assert opened.kept() == before


def test_a_backup_that_cannot_be_written_says_where(gangchuang: Gangchuang, opened: Player, tmp_path: Path) -> None:
    answer = gangchuang("backup", tmp_path / "nowhere" / "backup.zip")

    assert answer.status == 1
    assert "cannot be written (No such file or directory). Name a file" in answer.err


def test_a_backup_of_a_newer_version_asks_for_an_upgrade(
    gangchuang: Gangchuang, opened: Player, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    with opened.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    from states.maintenance.backup import backup

    backup(opened.engine, opened.home, file)
    with opened.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    answer = gangchuang("restore", file)

    assert answer.status == 1
    assert "written by a newer version (schema 9999" in answer.err


def test_old_data_is_kept_when_the_backups_record_is_bent(
    gangchuang: Gangchuang, opened: Player, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    with opened.writing() as session:
        number = a_submission(session)
    before = opened.kept()
    bent = make_engine(f"sqlite:///{tmp_path / 'bent.db'}")
    upgrade(bent)
    gangchuang("backup", file)
    from states.maintenance.backup import backup
    from states.maintenance.restore import restore

    restore(file, bent, tmp_path / "bent-home", invariants=())
    with writing(bent) as session:
        session.execute(text("DROP TRIGGER history_no_update"))
        session.execute(text(f"UPDATE history SET actor = 'office:x' WHERE subject = 'submission/{number}'"))
    backup(bent, tmp_path / "bent-home", file)

    answer = gangchuang("restore", file)

    assert answer.status == 1
    assert f"submission/{number}, entry 1: its hash is not that of its columns" in answer.err
    with reading(opened.engine) as session:
        assert verify(session) == []
    (opened.home / "prefect" / "engine.lock").unlink()
    assert opened.kept() == before


def waived(refusal: str) -> list[str]:
    """The options by which an administrator says that they have read a refusal."""
    return refusal.split("have read this: ")[1].split()


def _score_raised(name: str, content: bytes) -> bytes | None:
    first, _, rest = content.partition(b"\n")
    if name != "tables/score.jsonl":
        return content
    row = json.loads(first)
    return json.dumps({**row, "total": "100.00"}).encode() + b"\n" + rest


def _letter_added(name: str, content: bytes) -> bytes | None:
    manifest = json.loads(content) if name == "backup.json" else {}
    added = {"mail/forged.eml": hashlib.sha256(b"forged").hexdigest()}
    return json.dumps({**manifest, "files": {**manifest["files"], **added}}).encode() if manifest else content


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_score_raised, "rows_follow_the_record"),
        (_letter_added, "no_orphan_letter"),
    ],
)
def test_a_backup_whose_rows_or_files_were_forged_is_refused(
    gangchuang: Gangchuang,
    opened: Player,
    played_backup: Path,
    tmp_path: Path,
    change: Callable[[str, bytes], bytes | None],
    told: str,
) -> None:
    forged = tmp_path / "forged.zip"
    with zipfile.ZipFile(played_backup) as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            if (content := change(name, old.read(name))) is not None:
                new.writestr(name, content)
        new.writestr("files/mail/forged.eml", b"forged")
    before = opened.kept()

    refused = gangchuang("restore", forged)

    assert refused.status == 1
    assert told in refused.err
    (opened.home / "prefect" / "engine.lock").unlink()
    assert opened.kept() == before

    assert gangchuang("restore", forged, *waived(refused.err)).status == 0
