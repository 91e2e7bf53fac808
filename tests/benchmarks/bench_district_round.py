"""Closes the district round over many submissions, beside the floor: the same rows by the bare driver.

    python -m tests.benchmarks.bench_district_round [--sizes 10000 100000] [--repeat 5]

The stage plays as in a real year: guards, history chain, letters, lease, milestone, each in its
transaction. The floor is what a hand-written program on the bare driver (sqlite3, psycopg) cannot do
without, in one transaction on an equal copy of the database, with the same keys, indexes, checks and
triggers, by the fastest means of the driver (executemany; COPY and one UPDATE from a temporary table): read the submissions that move, make each entry's canonical JSON and SHA-256, write states,
entries and the letters (composed before). It asks no guard. Its history is compared with the stage's,
entry by entry. `write` is its second half alone, with every row and hash made before the clock starts.

Stage and floor are timed by turns in one run; a ratio is the median of the turns' ratios. `us/row` is the
stage's time over all submissions, `MB` how much a new process grew at its peak while it played the stage.
"""

import argparse
import functools
import gc
import hashlib
import json
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing as closing_at_end
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Engine, insert

from config.milestones import Milestone
from config.season import load_season
from config.settings import Settings
from flows.close_district_round import closing
from flows.stage import play
from models import DistrictVerdict, History, MilestoneDate, Submission
from models.database import make_engine, reading, writing
from models.enums import CallState, MilestoneState, SubmissionState, Verdict
from models.schema import upgrade
from states.history import canonical
from tests.support.builders import a_season
from tests.support.databases import Postgres
from tests.support.entries import Entry, Link, chain

SEASON = 2026
Written = dict[str, list[tuple[Any, ...]]]
_CHANGED = ("state", "archived_from", "outcome", "tier", "sequence", "head", "number")
_HISTORY = tuple(History.__table__.columns.keys())
_MESSAGE = (
    "key",
    "season",
    "recipient",
    "subject",
    "body",
    "thread",
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
    options.add_argument("--repeat", type=int, default=5)
    asked = options.parse_args()
    print(
        f"{'database':<12}{'submissions':>12}{'stage s':>9}{'floor s':>9}{'ratio':>7}{'write s':>9}{'ratio':>7}"
        f"{'us/row':>8}{'MB':>6}"
    )
    with _postgres() as server:
        for kind in ("sqlite", "postgresql"):
            for size in asked.sizes:
                print(_line(kind, size, *_measure(kind, size, asked.repeat, server)), flush=True)


class Turn(NamedTuple):
    """Seconds of the stage, of the floor and of the floor's writing alone."""

    stage: float
    floor: float
    write: float


def _line(kind: str, size: int, turns: Sequence[Turn], grown: float) -> str:
    stage, floor, write = (statistics.median(figures) for figures in zip(*turns, strict=True))
    to_floor = statistics.median(turn.stage / turn.floor for turn in turns)
    to_write = statistics.median(turn.stage / turn.write for turn in turns)
    return (
        f"{kind:<12}{size:>12}{stage:>9.3f}{floor:>9.3f}{to_floor:>7.2f}{write:>9.3f}{to_write:>7.2f}"
        f"{1e6 * stage / size:>8.1f}{grown:>6.0f}"
    )


@contextmanager
def _postgres() -> Iterator[Postgres]:
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _measure(kind: str, size: int, repeat: int, server: Postgres) -> tuple[list[Turn], float]:
    """Stage and floor by turns, each on its own copy of one database; and the megabytes of a new process."""
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fresh = _prepare(kind, size, home, server)
        with ProcessPoolExecutor(1, get_context("spawn")) as another:
            url = _copy(kind, fresh, home, server, "stage")
            grown = another.submit(_grown, url, home).result()
            _drop(kind, url, home, server)
        for _ in range(repeat):
            url = _copy(kind, fresh, home, server, "stage")
            stage = _play_stage(url, home)
            written = _rows_written(url)
            seconds = []
            for made in (False, True):
                bare = _copy(kind, fresh, home, server, "floor")
                seconds.append(_floor(kind, bare, written, made=made))
                assert _rows_written(bare)["history"] == written["history"], "the floor wrote other entries"
                _drop(kind, bare, home, server)
            _drop(kind, url, home, server)
            turns.append(Turn(stage, *seconds))
        _drop(kind, fresh, home, server)
    return turns, grown


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
    for index in range(size):
        unit = units[index % len(units)].code
        number = f"{SEASON}-{unit}-{index // len(units) + 1:05d}"
        judged = index < quota or index % 4 != 3
        state = SubmissionState.DISTRICT_REVIEWED if judged else SubmissionState.SUBMITTED
        entry = Entry(
            canonical.submission_subject(number),
            SEASON,
            at,
            f"district:{unit}",
            "submit",
            "",
            state.value,
            "",
            "{}",
            "",
        )
        row, link = chain(entry, Link(0, canonical.ZERO))
        histories.append(row)
        submissions.append(
            {
                "number": number,
                "season": SEASON,
                "unit": unit,
                "place": index // len(units) + 1,
                "state": state,
                "title": f"示例{index}",
                "title_key": f"示例{index}",
                "fingerprint": f"{index:064d}",
                "category": "invention",
                "carrier": "team",
                "field": season.fields[0],
                "completed_on": season.dates.close_call.date(),
                "version": 1,
                "submitted_at": at,
                "sequence": link.sequence,
                "head": link.head,
            }
        )
        if judged:
            verdict = Verdict.RECOMMENDED if index < quota else Verdict.NOT_RECOMMENDED
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


def _drop(kind: str, url: str, home: Path, server: Postgres) -> None:
    name = url.rsplit("/", 1)[1].split("?", maxsplit=1)[0]
    if kind == "postgresql":
        server.drop(name)
        return
    for path in home.glob(f"{name}*"):
        path.unlink()


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


def _grown(url: str, home: Path) -> float:
    """Megabytes by which this process grew at its peak while the stage played, as Linux counts them."""
    before = _peak()
    _play_stage(url, home)
    return _peak() - before


def _peak() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _rows_written(url: str) -> Written:
    """What the stage wrote, as plain tuples for a bare driver."""
    engine = make_engine(url)
    with reading(engine) as session:
        connection = session.connection()
        history = connection.exec_driver_sql(
            f"SELECT {', '.join(_HISTORY)} FROM history WHERE sequence > 1 AND subject LIKE 'submission/%%' "
            "ORDER BY subject"
        ).fetchall()
        moved = connection.exec_driver_sql(
            f"SELECT {', '.join(_CHANGED)} FROM submission WHERE sequence > 1 ORDER BY number"
        ).fetchall()
        messages = connection.exec_driver_sql(f"SELECT {', '.join(_MESSAGE)} FROM message").fetchall()
    engine.dispose()
    return {
        name: [tuple(row) for row in rows]
        for name, rows in (("history", history), ("submission", moved), ("message", messages))
    }


def _statements() -> dict[str, str]:
    sets = ", ".join(f"{name} = ?" for name in _CHANGED[:-1])
    return {
        "submission": f"UPDATE submission SET {sets} WHERE number = ?",
        "history": _insert("history", _HISTORY),
        "message": _insert("message", _MESSAGE),
    }


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _copy_in(cursor: Any, rows: Written) -> None:
    """The fastest way into PostgreSQL: COPY, and for what changes COPY into a temporary table and one UPDATE."""
    cursor.execute(f"CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT {', '.join(_CHANGED)} FROM submission LIMIT 0")
    for table, columns in (("moved", _CHANGED), ("history", _HISTORY), ("message", _MESSAGE)):
        with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows["submission" if table == "moved" else table]:
                copy.write_row(row)
    sets = ", ".join(f"{name} = moved.{name}" for name in _CHANGED[:-1])
    cursor.execute(f"UPDATE submission SET {sets} FROM moved WHERE submission.number = moved.number")


def _floor(kind: str, url: str, written: Written, *, made: bool) -> float:
    """Seconds of the bare driver for one transaction; with `made`, rows and hashes are those given."""
    mark = "?" if kind == "sqlite" else "%s"
    with closing_at_end(_connected(kind, url)) as connection:
        cursor = connection.cursor()
        gc.collect()
        begun = time.perf_counter()
        cursor.execute("BEGIN IMMEDIATE" if kind == "sqlite" else "BEGIN")
        rows = written if made else _made(cursor, mark, written)
        if kind == "postgresql":
            _copy_in(cursor, rows)
        else:
            for table, statement in _statements().items():
                cursor.executemany(statement, rows[table])
        cursor.execute("COMMIT")
        return time.perf_counter() - begun


def _connected(kind: str, url: str) -> Any:
    if kind == "postgresql":
        return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


_READS = {
    "submitted": "SELECT number, sequence, head FROM submission WHERE season = {0} AND state = {0} ORDER BY number{1}",
    "district_reviewed": "SELECT number, sequence, head FROM submission "
    "WHERE season = {0} AND state = {0} AND number IN "
    "(SELECT number FROM district_verdict WHERE verdict = 'not_recommended') ORDER BY number{1}",
}


def _made(cursor: Any, mark: str, written: Written) -> Written:
    """The rows as a program makes them that knows nothing but this one round."""
    lock = "" if mark == "?" else " FOR UPDATE"
    like = {row[6]: row for row in written["history"]}  # one entry of each kind, by the state it left
    moved, entries = [], []
    for state, read in _READS.items():
        _, _, season, at, actor, trigger, _, target, reason, facts, flow_run, *_ = like[state]
        outcome = json.loads(facts)["outcome"]
        quoted = functools.partial(json.dumps, ensure_ascii=False)
        before = (
            f'{{"actor":{quoted(actor)},"at":{quoted(at)},"facts":{facts},"flow_run":{quoted(flow_run)},'
            f'"from_state":{quoted(state)},"reason":{quoted(reason)},"season":{season},"sequence":'
        )
        after = f'","to_state":{quoted(target)},"trigger":{quoted(trigger)}}}'
        cursor.execute(read.format(mark, lock), (season, state))
        for number, sequence, head in cursor.fetchall():
            text = f'{before}{sequence + 1},"subject":"submission/{number}{after}'
            own = hashlib.sha256(bytes.fromhex(head) + text.encode()).hexdigest()
            entries.append(
                (
                    f"submission/{number}",
                    sequence + 1,
                    season,
                    at,
                    actor,
                    trigger,
                    state,
                    target,
                    reason,
                    facts,
                    flow_run,
                    head,
                    own,
                )
            )
            moved.append((target, state, outcome, None, sequence + 1, own, number))
    return {"submission": moved, "history": entries, "message": written["message"]}


if __name__ == "__main__":
    main()
