"""Taking in a workbook of 20,000 rows with every field filled: python -m tests.benchmarks.bench_workbooks

The whole: read, checked, judged and inserted with versions and history, in one transaction on SQLite.
Beside it the floor of the same run: calamine giving the same cells as Python values, and the bare
driver inserting the same rows into the same tables (they are taken from what the product wrote).
Each figure is the best of some runs in a process of its own; peak memory is that process's and, where
there is one, its helper's. Also, from the collector seeing a workbook of 50 rows to its receipt.
"""

import argparse
import multiprocessing
import pickle
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import python_calamine

from config.season import Season
from config.settings import Settings
from flows.collect import collecting
from flows.kinds.table import layout_of
from flows.workbooks.columns.mark import Mark
from flows.workbooks.reader.reading import without_collector
from flows.workbooks.writer.receipt import write_receipt
from flows.workbooks.writer.template import write_template
from models.database import make_engine, writing
from models.enums import Role, WorkbookKind
from models.forms import SubmissionForm
from states.machine import Act, Actor
from states.submissions.delivery import Delivered
from states.submissions.identity import Incoming
from states.submissions.intake import take_submissions
from tests.support.builders import a_season
from tests.support.databases import migrated_sqlite
from tests.support.playing import Player
from tests.support.workbooks import CODE, ISSUED_AT, KEY, UNIT, read, season

_TABLES = ("submission", "submission_version", "organisation", "contributor", "contact", "history")
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
        empty = migrated_sqlite(Path(folder) / "empty.db")
        _apart(_write_down_rows, path, empty)
        cells = _measured("floor: calamine, same cells", _floor, path, options.runs)
        read_only = _measured("read_delivery: read and checked", _read, path, options.runs)
        floor = _measured("floor: calamine and the bare driver, same rows", _floor_with_rows, path, options.runs)
        ours = _measured("product: read, checked, judged, inserted", _take, path, options.runs)
        _tell("reading alone to its floor", read_only, cells)
        _tell("ratio to the floor (aim: at most 3)", ours, floor)
        _apart(_write, path, 50)
        _measured("50 rows, all wrong: read, receipt written", _receipt, path, options.runs)
        _measured("50 rows: collector sees it, receipt and letter out", _collect, path, options.runs)


def _tell(name: str, ours: tuple[float, float], floor: tuple[float, float]) -> None:
    print(f"{name}: {ours[0] / floor[0]:.2f} by the clock, {ours[1] / floor[1]:.2f} in processor time")


def _write(path: Path, rows: int) -> None:
    write_template(
        path,
        mark=Mark(2026, UNIT, WorkbookKind.SUBMISSIONS, 1),
        key=KEY,
        layout=layout_of(WorkbookKind.SUBMISSIONS, season()),
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
        if column.key in ("number", "withdrawal"):
            continue  # a new submission has no number yet, and a withdrawal is none
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
    return sum(1 for row in sheet.iter_rows() if row[1]) - 3  # two lines above the headings, and these


def _floor_with_rows(path: Path, file: Path) -> int:
    count = _floor(path)
    with sqlite3.connect(file) as bare:
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            bare.execute(f"PRAGMA {pragma}")
        for name, (columns, rows) in pickle.loads(_rows_of(path).read_bytes()).items():
            marks = ", ".join("?" * len(columns))
            bare.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", rows)
        bare.commit()
    return count


def _write_down_rows(path: Path, empty: Path) -> None:
    """Everything that the product inserts for a workbook, as the driver takes it."""
    with _database(path) as file:
        _take(path, file)
        with sqlite3.connect(file) as bare:
            found = {}
            for name in _TABLES:
                cursor = bare.execute(f"SELECT * FROM {name}")
                found[name] = [column[0] for column in cursor.description], cursor.fetchall()
            found["history"] = found["history"][0], [row for row in found["history"][1] if row[0] != "call/2026"]
        _rows_of(path).write_bytes(pickle.dumps(found))


def _take(path: Path, file: Path) -> int:
    """What the collector does with a workbook, without the receipt."""
    engine = make_engine(f"sqlite:///{file}")
    at = season().dates.close_call - timedelta(days=9)
    with writing(engine) as session, without_collector():
        reading = read(path)
        rows = [
            Incoming(index, row.form) for index, row in enumerate(reading.rows) if isinstance(row.form, SubmissionForm)
        ]
        delivered = Delivered(2026, UNIT, "0" * 64, at, Act(Actor(Role.DISTRICT, UNIT), at))
        taken = take_submissions(session, delivered, rows)
        assert len(taken.accepted) == len(reading.rows), next(iter(taken.refused.values()))
    engine.dispose()
    return len(taken.accepted)


def _collect(path: Path) -> int:
    """From a workbook in the inbox to its receipt and the letter that brings it, with everything in between."""
    with TemporaryDirectory() as home:
        shutil.copy(path.with_name("empty.db"), Path(home) / "gangchuang.db")
        (Path(home) / "keys").mkdir()
        (Path(home) / "keys" / "workbooks.key").write_bytes(KEY)
        own = Settings(home=Path(home))
        engine = make_engine(own.database)
        player = Player(own, engine)
        with player.writing() as session:
            player.at(a_season(session).dates.open_call.replace(month=4))
        shutil.copy(path, player.inbox(UNIT) / "申报.xlsx")
        started = time.perf_counter()
        player.play("collect", collecting)
        took = time.perf_counter() - started
        assert len(player.letters("receipt")) == 1
        print(f"  the stage alone: {took:.2f} s (promised: within 5 s)")
        engine.dispose()
    return 50


@contextmanager
def _database(path: Path) -> Iterator[Path]:
    """A database of its own with an open season, made outside of the measured time."""
    with TemporaryDirectory() as folder:
        file = Path(shutil.copy(path.with_name("empty.db"), Path(folder) / "bench.db"))
        engine = make_engine(f"sqlite:///{file}")
        with writing(engine) as session:
            a_season(session)
        engine.dispose()
        yield file


def _rows_of(path: Path) -> Path:
    return path.with_suffix(".rows")


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


def _measured(name: str, work: Callable[..., int], path: Path, runs: int) -> tuple[float, float]:
    """Best (wall, processor) seconds of some runs; printed with counts and peak memory."""
    results = [_apart(_once, work, path) for _ in range(runs)]
    wall, count, own, helper, _ = min(results)
    processor = min(result[4] for result in results)
    memory = f"peak {own:.0f} MiB" + (f" + helper {helper:.0f} MiB" if helper else "")
    print(f"{name}: {wall:.2f} s (processor {processor:.2f} s), {count} rows, {memory}")
    return wall, processor


def _once(work: Callable[..., int], path: Path) -> tuple[float, int, float, float, float]:
    season()
    with ExitStack() as stack:
        given = (path, stack.enter_context(_database(path))) if work in (_floor_with_rows, _take) else (path,)
        started, used = time.perf_counter(), time.process_time()
        count = work(*given)
        wall, used = time.perf_counter() - started, time.process_time() - used
    own, helper = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, count, own.ru_maxrss / 1024, helper.ru_maxrss / 1024, used + helper.ru_utime + helper.ru_stime


if __name__ == "__main__":
    main()
