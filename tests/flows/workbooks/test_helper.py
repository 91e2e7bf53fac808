"""The process that reads what strangers sent has nothing of ours, and a delivery cannot slip code into it."""

import resource
from pathlib import Path

import pytest

from flows.workbooks import extraction
from flows.workbooks.formats import Format
from flows.workbooks.sheets import _Helper
from tests.flows.workbooks.corpus_files import old_workbook
from tests.support.workbooks import Workshop, read, season, typed

_MODULES = (
    "python_calamine",
    "msoffcrypto",
    "olefile",
    "marshal",
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
