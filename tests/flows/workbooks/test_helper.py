"""The process that reads what strangers sent has nothing of ours, and a delivery cannot slip code into it."""

import resource
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from flows.workbooks.reader import extraction
from flows.workbooks.reader.findings import FileRefused
from flows.workbooks.reader.formats import Format
from flows.workbooks.reader.sheets import _Helper
from tests.flows.workbooks.corpus_files import old_workbook
from tests.support.workbooks import Workshop, read, season, typed

_MODULES = (
    "python_calamine",
    "msoffcrypto",
    "olefile",
    "json",
    "struct",
    "sitecustomize",
    "usercustomize",
    "datetime",
)


def test_modules_in_a_delivery_or_in_the_working_folder_are_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, trace = tmp_path / "delivery", tmp_path / "imported"
    folder.mkdir()
    for name in _MODULES:
        (folder / f"{name}.py").write_text(f"open({str(trace)!r}, 'a').write({name!r})\nraise SystemExit\n")
    shop = Workshop(tmp_path)
    old_workbook(shop.filled(typed()), folder / "申报.xls")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PYTHONSTARTUP", str(folder / "struct.py"))

    reading = read(folder)

    assert [row.form is not None for row in reading.rows] == [True]
    assert not trace.exists()


def test_the_reading_process_has_no_input_no_settings_and_hard_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANGCHUANG_DATABASE_URL", "postgresql://example:secret@host/database")
    path = Workshop(tmp_path).filled(typed())

    with _Helper(path, Format.XLSX, season().files) as helper:
        pid = helper.process.pid
        sheets = helper.sheets()
        next(sheets)
        limits = {
            what: resource.prlimit(pid, what)[1]
            for what in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
        }
        status = Path(f"/proc/{pid}")
        given = (str((status / "fd/0").readlink()), (status / "environ").read_bytes(), str((status / "cwd").readlink()))

    assert given == ("/dev/null", b"", "/")
    assert limits == {
        resource.RLIMIT_AS: extraction.MEMORY_BYTES,
        resource.RLIMIT_CPU: extraction.PROCESSOR_SECONDS,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: extraction.OPEN_FILES,
    }


@pytest.mark.parametrize(
    "told",
    [
        b"\xe3\xff\xff",
        b"[" * 100_000,
        b"{}",
        b"[]",
        b"7",
        b'["sheet"]',
        b'["sheet", "x", true, 5, []]',
        b'["rows", [[1]], [9]]',
        b'["sheet", "x", true, [0, 0], [], [], false]\x00["rows", [[["t", 99999999999, 1]]], [0]]',
        b'["sheet", "x", true, [0, 0], [], [], false]\x00["rows", [[["s", 1e300]]], [0]]',
    ],
)
def test_a_reading_process_that_was_taken_over_can_only_be_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bytes
) -> None:
    lies, program = tmp_path / "lies", tmp_path / "lying.py"
    lies.write_bytes(b"".join(struct.pack("<I", len(frame)) + frame for frame in told.split(b"\0")))
    program.write_text(f"import sys\nsys.stdout.buffer.write(open({str(lies)!r}, 'rb').read())\n")
    path = Workshop(tmp_path).filled(typed())

    with _Helper(path, Format.XLSX, season().files) as helper:
        helper.process.kill()
        helper.process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE)
        with pytest.raises(FileRefused):
            for sheet in helper.sheets():
                list(sheet.rows)
