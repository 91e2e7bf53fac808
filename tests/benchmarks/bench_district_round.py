"""Closes the district round over many submissions, beside the floor: the same rows by the bare driver.

    python -m tests.benchmarks.bench_district_round [--sizes 10000 100000] [--repeat 3]

The stage plays as in a real year (guards, history chain, letters, milestone). The floor writes
exactly the rows that the stage wrote – the new states, the history entries with their hashes
already computed, the messages – with sqlite3 or psycopg in one transaction, on an equal copy of
the database. Both are timed in the same run, by turns, so the ratio is fair.
"""

import argparse
import gc
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, insert

from config.milestones import Milestone
from config.season import load_season
from config.settings import Settings
from flows.district_round import closing
from flows.stage import play
from models import DistrictVerdict, History, MilestoneDate, Submission
from models.database import make_engine, reading, writing
from models.enums import CallState, MilestoneState, SubmissionState, Verdict
from models.schema import upgrade
from states import record
from states.record import Entry, Link
from tests.support.builders import a_season
from tests.support.databases import Postgres

SEASON = 2026
_CHANGED = ("state", "archived_from", "outcome", "tier", "sequence", "head", "number")
_HISTORY = tuple(History.__table__.columns.keys())
_MESSAGE = (
    "key",
    "season",
    "recipient",
    "subject",
    "body",
    "attachments",
    "state",
    "written_at",
    "not_before",
    "attempts",
    "problem",
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    options.add_argument("--repeat", type=int, default=3)
    asked = options.parse_args()
    print(f"{'database':<12}{'submissions':>12}{'stage s':>10}{'floor s':>10}{'ratio':>8}{'us/row':>8}")
    with _postgres() as server:
        for kind in ("sqlite", "postgresql"):
            for size in asked.sizes:
                stage, floor = _measure(kind, size, asked.repeat, server)
                row = 1e6 * stage / size
                print(f"{kind:<12}{size:>12}{stage:>10.3f}{floor:>10.3f}{stage / floor:>8.2f}{row:>8.1f}", flush=True)


@contextmanager
def _postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _measure(kind: str, size: int, repeat: int, server: Postgres) -> tuple[float, float]:
    """Median seconds of the stage and of the floor, by turns."""
    stages, floors = [], []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fresh = _prepare(kind, size, home, server)
        for turn in range(repeat):
            url = _copy(kind, fresh, home, server, f"stage{turn}")
            stages.append(_play_stage(url, home))
            written = _rows_written(url)
            bare = _copy(kind, fresh, home, server, f"floor{turn}")
            floors.append(_floor_sqlite(bare, written) if kind == "sqlite" else _floor_postgres(bare, written))
            _drop(kind, url, server)
            _drop(kind, bare, server)
        _drop(kind, fresh, server)
    return statistics.median(stages), statistics.median(floors)


def _prepare(kind: str, size: int, home: Path, server: Postgres) -> str:
    """A database in the district round: each unit's quota recommended, of the rest one in four without a verdict."""
    url = f"sqlite:///{home / 'fresh.db'}" if kind == "sqlite" else server.create("bench_fresh")
    engine = make_engine(url)
    upgrade(engine)
    with writing(engine) as session:
        a_season(session, SEASON, CallState.DISTRICT_REVIEW)
        row = session.get_one(MilestoneDate, (SEASON, Milestone.CLOSE_DISTRICT_ROUND.value, 1, ""))
        assert row.state is MilestoneState.PENDING
    _fill(engine, size)
    engine.dispose()
    return url


def _fill(engine: Engine, size: int) -> None:
    season = load_season(SEASON)
    units, at = season.units(), season.dates.close_call
    submissions, histories, verdicts = [], [], []
    quota = season.district_round.quota * len(units)
    for place in range(size):
        unit = units[place % len(units)].code
        number = f"{SEASON}-{unit}-{place // len(units) + 1:05d}"
        judged = place < quota or place % 4 != 3
        state = SubmissionState.DISTRICT_REVIEWED if judged else SubmissionState.SUBMITTED
        entry = Entry(
            record.submission_subject(number), SEASON, at, f"district:{unit}", "submit", "", state.value, "", "{}", ""
        )
        row, link = record.chain(entry, Link(0, record.ZERO))
        histories.append(row)
        submissions.append(
            {
                "number": number,
                "season": SEASON,
                "unit": unit,
                "place": place // len(units) + 1,
                "state": state,
                "title": f"示例{place}",
                "title_key": f"示例{place}",
                "fingerprint": f"{place:064d}",
                "category": "invention",
                "carrier": "team",
                "field": season.fields[0],
                "completed_on": season.dates.close_call.date(),
                "consent": True,
                "version": 1,
                "submitted_at": at,
                "sequence": link.sequence,
                "head": link.head,
            }
        )
        if judged:
            verdict = Verdict.RECOMMENDED if place < quota else Verdict.NOT_RECOMMENDED
            verdicts.append(
                {
                    "number": number,
                    "verdict": verdict,
                    "points": "{}",
                    "total": 80,
                    "received_at": at,
                    "delivery": "",
                    "comment": "",
                }
            )
    with writing(engine) as session:
        for table, rows in ((Submission, submissions), (History, histories), (DistrictVerdict, verdicts)):
            session.execute(insert(table), rows)


def _copy(kind: str, fresh: str, home: Path, server: Postgres, name: str) -> str:
    if kind == "postgresql":
        return server.create(f"bench_{name}", "bench_fresh")
    with sqlite3.connect(home / "fresh.db") as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(home / "fresh.db", home / f"{name}.db")
    return f"sqlite:///{home / f'{name}.db'}"


def _drop(kind: str, url: str, server: Postgres) -> None:
    if kind == "postgresql":
        server.drop(url.rsplit("/", 1)[1].split("?", maxsplit=1)[0])


def _play_stage(url: str, home: Path) -> float:
    engine = make_engine(url)
    season = load_season(SEASON)
    own = Settings(home=home / "home", database_url=url)
    gc.collect()
    begun = time.perf_counter()
    play(
        "close_district_round",
        SEASON,
        closing,
        engine=engine,
        settings=own,
        at=season.dates.close_district_round,
        milestone=Milestone.CLOSE_DISTRICT_ROUND,
    )
    taken = time.perf_counter() - begun
    engine.dispose()
    return taken


def _rows_written(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """What the stage wrote, as plain tuples for a bare driver."""
    engine = make_engine(url)
    with reading(engine) as session:
        connection = session.connection()
        history = connection.exec_driver_sql(
            f"SELECT {', '.join(_HISTORY)} FROM history WHERE sequence > 1 AND subject LIKE 'submission/%%'"
        ).fetchall()
        moved = connection.exec_driver_sql(
            f"SELECT {', '.join(_CHANGED)} FROM submission WHERE sequence > 1"
        ).fetchall()
        messages = connection.exec_driver_sql(f"SELECT {', '.join(_MESSAGE)} FROM message").fetchall()
    engine.dispose()
    return {
        name: [tuple(row) for row in rows]
        for name, rows in (("history", history), ("submission", moved), ("message", messages))
    }


def _statements(mark: str) -> dict[str, str]:
    sets = ", ".join(f"{name} = {mark}" for name in _CHANGED[:-1])
    return {
        "submission": f"UPDATE submission SET {sets} WHERE number = {mark}",
        "history": _insert("history", _HISTORY, mark),
        "message": _insert("message", _MESSAGE, mark),
    }


def _insert(table: str, columns: Sequence[str], mark: str) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))})"


def _floor_sqlite(url: str, written: dict[str, list[tuple[Any, ...]]]) -> float:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    gc.collect()
    begun = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for table, statement in _statements("?").items():
        connection.executemany(statement, written[table])
    connection.execute("COMMIT")
    taken = time.perf_counter() - begun
    connection.close()
    return taken


def _floor_postgres(url: str, written: dict[str, list[tuple[Any, ...]]]) -> float:
    with psycopg.connect(url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        gc.collect()
        begun = time.perf_counter()
        for table, statement in _statements("%s").items():
            cursor.executemany(statement, written[table])
        connection.commit()
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()
