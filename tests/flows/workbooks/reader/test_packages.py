"""Attachments of a delivery, told and saved."""

import hashlib
from pathlib import Path

import pytest

from flows.workbooks.reader.findings import FileRefused
from flows.workbooks.reader.packages import save_attachments
from states.submissions.attachments import AttachedFile
from tests.support.workbooks import Workshop, read, season, typed

CONTENT = b"%PDF example"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def _package(tmp_path: Path) -> Path:
    shop = Workshop(tmp_path)
    workbook = shop.filled(typed(附件文件名="证明.PDF")).read_bytes()
    return shop.packed("a.zip", {"材料/申报.xlsx": workbook, "材料/证明.PDF": CONTENT})


def test_attachments_are_told_with_size_and_digest(tmp_path: Path) -> None:
    assert read(_package(tmp_path)).attachments == (AttachedFile("材料/证明.PDF", DIGEST, len(CONTENT)),)


def test_attachments_are_saved_by_their_digest(tmp_path: Path) -> None:
    path = _package(tmp_path)
    (tmp_path / "kept").mkdir()

    saved = save_attachments(path, tmp_path / "kept", season().files, ["材料/证明.PDF", "没有.pdf"])

    assert saved == {"材料/证明.PDF": tmp_path / "kept" / f"{DIGEST}.pdf"}
    assert saved["材料/证明.PDF"].read_bytes() == CONTENT
    assert [file.name for file in (tmp_path / "kept").iterdir()] == [f"{DIGEST}.pdf"]


def test_single_workbook_has_no_attachments(tmp_path: Path) -> None:
    path = Workshop(tmp_path).filled(typed())

    assert save_attachments(path, tmp_path, season().files, ["filled.xlsx"]) == {}


def test_package_spoilt_meanwhile_is_refused(tmp_path: Path) -> None:
    path = _package(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(FileRefused):
        save_attachments(path, tmp_path, season().files, ["材料/证明.PDF"])
