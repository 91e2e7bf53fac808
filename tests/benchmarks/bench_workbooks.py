"""Reading and checking 20,000 rows with every field filled: python -m tests.benchmarks.bench_workbooks

Beside the floor measured in the same run: calamine giving the same cells as Python values. Each
figure is the best of some runs in a process of its own; peak memory is that process's and, where
there is one, its helper's. Also the receipt of a workbook of 50 rows.
"""

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import python_calamine

from config.season import Season
from flows.workbooks.layout import layout_of
from flows.workbooks.mark import Mark
from flows.workbooks.receipt import write_receipt
from flows.workbooks.template import write_template
from models.enums import WorkbookKind
from tests.support.workbooks import CODE, ISSUED_AT, KEY, UNIT, read, season

_PROSE = "本成果在岗位上反复试验、逐步改进，解决了现场长期存在的问题，操作更省力，质量更稳定。"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "full.xlsx"
        _apart(_write, path, options.rows)
        print(f"{options.rows} rows, {path.stat().st_size / 2**20:.1f} MiB")
        floor = _measured("floor: calamine, same cells", _floor, path, options.runs)
        ours = _measured("read_delivery: read and checked", _read, path, options.runs)
        told = f"{ours[0] / floor[0]:.2f} by the clock, {ours[1] / floor[1]:.2f} in processor time"
        print(f"ratio to the floor: {told} (aim: at most 3, together with the database)")
        _apart(_write, path, 50)
        _measured("receipt of 50 rows, all wrong", _receipt, path, options.runs)


def _write(path: Path, rows: int) -> None:
    write_template(
        path,
        mark=Mark(2026, UNIT, WorkbookKind.SUBMISSIONS, 1),
        key=KEY,
        season=season(),
        recipient_name="示例区科协",
        deadline=season().dates.close_call,
        rows=[_row(number, season()) for number in range(rows)],
        created_at=ISSUED_AT,
    )


def _row(number: int, year: Season) -> dict[str, Any]:
    """A row in which no column is empty; texts differ from row to row."""
    row: dict[str, Any] = {}
    for column in layout_of(WorkbookKind.SUBMISSIONS, year).columns:
        if column.choices:
            row[column.key] = column.choices[number % len(column.choices)]
        elif column.key.endswith("credit_code"):
            row[column.key] = CODE
        elif column.key == "completed_on":
            row[column.key] = date(2025, 1 + number % 12, 1 + number % 28)
        elif column.key.endswith("share"):
            row[column.key] = 20
        else:
            row[column.key] = _TEXTS.get(column.key, lambda n: f"示例{n}号")(number)
    return row


_TEXTS: dict[str, Callable[[int], Any]] = {
    "number": lambda n: f"GC2026-{UNIT}-{n:05}",
    "title": lambda n: f"示例成果第{n}号",
    "abstract": lambda n: f"第{n}项。{_PROSE * 6}",
    "innovation": lambda n: f"第{n}项。{_PROSE * 3}",
    "practicality": lambda n: f"第{n}项。{_PROSE * 2}",
    "spread": lambda n: f"第{n}项。{_PROSE}",
    "benefit_economic": lambda n: n / 8,
    "contact.phone": lambda n: f"1380000{n:04}"[:11],
    "contact.mail": lambda n: f"example{n}@example.invalid",
    "attachments": lambda n: f"证明{n}.pdf、照片{n}.jpg",
}


def _floor(path: Path) -> int:
    with path.open("rb") as file:
        sheet = python_calamine.CalamineWorkbook.from_filelike(file).get_sheet_by_index(0)
    return sum(1 for row in sheet.iter_rows() if row[0])


def _read(path: Path) -> int:
    reading = read(path)
    assert reading.problems == ()
    assert all(row.form is not None for row in reading.rows)
    return len(reading.rows)


def _receipt(path: Path) -> int:
    reading = read(path)
    rows = [f"A{row.line}" for row in reading.rows]
    problems = [type(reading.all_notes[0])("申报汇总表", cell, "示例问题") for cell in rows]
    write_receipt(
        path,
        path.with_suffix(".receipt"),
        reading=reading,
        problems=problems,
        accepted={},  # type: ignore[arg-type]
        written_at=ISSUED_AT,
        season=season(),
    )
    return len(problems)


def _apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """In a fresh process, so that this one stays small: its size would count as its children's peak."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _measured(name: str, work: Callable[[Path], int], path: Path, runs: int) -> tuple[float, float]:
    """Best (wall, processor) seconds of some runs; printed with counts and peak memory."""
    results = [_apart(_once, work, path) for _ in range(runs)]
    wall, count, own, helper, _ = min(results)
    processor = min(result[4] for result in results)
    memory = f"peak {own:.0f} MiB" + (f" + helper {helper:.0f} MiB" if helper else "")
    print(f"{name}: {wall:.2f} s (processor {processor:.2f} s), {count} rows, {memory}")
    return wall, processor


def _once(work: Callable[[Path], int], path: Path) -> tuple[float, int, float, float, float]:
    season()
    started, used = time.perf_counter(), time.process_time()
    count = work(path)
    wall, used = time.perf_counter() - started, time.process_time() - used
    own, helper = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, count, own.ru_maxrss / 1024, helper.ru_maxrss / 1024, used + helper.ru_utime + helper.ru_stime


if __name__ == "__main__":
    main()
