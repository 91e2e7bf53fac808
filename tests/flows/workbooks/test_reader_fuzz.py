"""Whatever bytes come, reading them ends in a Reading and answering them in a workbook."""

import zipfile
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.workbooks.reader.findings import Reading
from flows.workbooks.writer.receipt import write_receipt
from tests.support.mutation import mutated, valid_deliveries
from tests.support.workbooks import ISSUED_AT, read, season

NAMES = ("issued.xlsx", "filled.xlsx", "receipt.xlsx", "old.xls", "open.ods", "package.zip", "table.csv")
HEADS = (b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x05\x06")


@lru_cache
def _seeds() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        return valid_deliveries(Path(folder))


def _answer(path: Path) -> Reading:
    reading = read(path)
    write_receipt(
        path,
        path.with_suffix(".receipt"),
        reading=reading,
        problems=reading.all_problems,
        accepted={},
        written_at=ISSUED_AT,
        season=season(),
    )
    return reading


@pytest.mark.parametrize("name", ["filled.xlsx", "receipt.xlsx", "old.xls", "open.ods", "package.zip"])
def test_undamaged_seed_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(_seeds()[name])

    reading = _answer(tmp_path / name)

    assert reading.problems == ()
    assert [row.form is None for row in reading.rows] == [False, True]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**32 - 1))
def test_damaged_delivery_is_answered(name: str, seed: int, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(mutated(_seeds()[name], Random(seed)))

    reading = _answer(tmp_path / name)

    assert isinstance(reading, Reading)
    assert not (reading.problems and reading.rows)
    assert all((row.form is None) == bool(row.problems) for row in reading.rows)
    assert zipfile.is_zipfile((tmp_path / name).with_suffix(".receipt"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400), head=st.sampled_from(HEADS))
def test_noise_is_refused(content: bytes, head: bytes, tmp_path: Path) -> None:
    (tmp_path / "noise.xlsx").write_bytes(head + content)

    reading = _answer(tmp_path / "noise.xlsx")

    assert len(reading.problems) == 1
    assert reading.rows == ()
