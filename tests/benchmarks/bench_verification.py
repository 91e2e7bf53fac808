"""Verifies, exports and checks the history of a large season, beside the floor: hashing its entries and nothing else.

    python -m tests.benchmarks.bench_verification [--sizes 10000 100000] [--databases sqlite postgresql]

Every submission has four entries. The floor reads the same rows with three bare queries, a hundred rows at a time
(more are slower), and hashes each entry once. `s` are this process's CPU seconds, user and system; PostgreSQL's own
are not in them. Verifying and the floor are the best of three, in turns.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select, text
from sqlalchemy.orm import Session

from models import History, Submission
from models.database import make_engine, reading, row_batches, writing
from models.enums import CallState, Outcome, PublicationKind, SubmissionState
from models.schema import upgrade
from states.audit.export import export_history
from states.audit.verify import verify
from states.history import canonical, verify_history
from states.machine import Act
from states.roots import record_root
from tests.support.builders import SYSTEM, a_season, season_rules
from tests.support.databases import Postgres
from tests.support.entries import Entry, Link, chain

_STEPS = (
    ("submit", "", "submitted", "district:500103", '{"title":"示例项目%d","version":1}'),
    ("amend", "submitted", "submitted", "district:500103", '{"title":"示例项目%d","version":2}'),
    ("record_district_review", "submitted", "district_reviewed", "district:500103", '{"total":"%d"}'),
    ("archive", "district_reviewed", "archived", "office:示例", '{"outcome":"not_recommended"}'),
)
_BATCH = 10_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    options.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    asked = options.parse_args()
    names = ("database", "subjects", "root s", "verify s", "floor s", "ratio", "export s", "check s")
    print("".join(f"{name:>11}" for name in names))
    for kind in asked.databases:
        for size in asked.sizes:
            with tempfile.TemporaryDirectory() as folder:
                for engine in _database(kind, Path(folder)):
                    _fill(engine, size)
                    print("".join(f"{cell:>11}" for cell in (kind, size, *_measure(engine, Path(folder)))), flush=True)


def _database(kind: str, folder: Path) -> Iterator[Engine]:
    server = Postgres() if kind == "postgresql" else None
    if server:
        server.start()
    engine = make_engine(server.create("bench") if server else f"sqlite:///{folder / 'bench.db'}")
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()
        if server:
            server.remove()


def _fill(engine: Engine, size: int) -> None:
    at = season_rules().dates.publish_results
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        for start in range(0, size, _BATCH):
            made = [_submission(index, at) for index in range(start, min(start + _BATCH, size))]
            session.execute(insert(Submission), [row for row, _ in made])
            session.execute(insert(History), [entry for _, entries in made for entry in entries])


def _submission(index: int, at: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    number, link, entries = f"2026-500103-{index + 1:04d}", Link(0, canonical.ZERO), []
    for trigger, source, target, actor, facts in _STEPS:
        own = facts % (index,) if "%" in facts else facts
        entry = Entry(canonical.submission_subject(number), 2026, at, actor, trigger, source, target, "", own, "")
        row, link = chain(entry, link)
        entries.append(row)
    row = {
        "number": number,
        "season": 2026,
        "unit": "500103",
        "place": index + 1,
        "state": SubmissionState.ARCHIVED,
        "archived_from": SubmissionState.DISTRICT_REVIEWED,
        "outcome": Outcome.NOT_RECOMMENDED,
        "title": "示例",
        "title_key": "示例",
        "fingerprint": f"{index:064d}",
        "category": "design",
        "carrier": "team",
        "field": "示例",
        "completed_on": at.date(),
        "version": 2,
        "submitted_at": at,
        "sequence": link.sequence,
        "head": link.head,
    }
    return row, entries


def _measure(engine: Engine, folder: Path) -> Iterator[str]:
    at = season_rules().dates.publish_results
    with writing(engine) as session:
        seconds, made = _timed(lambda: record_root(session, 2026, PublicationKind.RESULTS, Act(SYSTEM, at)))
    yield f"{seconds:.2f}"
    turns = [
        (_in_view(engine, lambda session: verify(session, 2026, [made.root])), _in_view(engine, _floor)) for _ in "123"
    ]
    assert all(findings == [] for (_, findings), _ in turns)
    verifying, floor = (min(seconds for seconds, _ in tries) for tries in zip(*turns, strict=True))
    yield from (f"{verifying:.2f}", f"{floor:.2f}", f"{verifying / floor:.2f}")
    target = folder / "history.jsonl"
    exporting, _ = _in_view(engine, lambda session: export_history(session, 2026, target))
    checking, code = _timed(lambda: verify_history.check_file(str(target), [made.root]))
    assert code[0].startswith("OK")
    yield from (f"{exporting:.2f}", f"{checking:.2f}")


def _floor(session: Session) -> int:
    connection = session.connection()
    for others in ("submission ORDER BY number", "publication_leaf ORDER BY subject"):
        sum(len(batch) for batch in row_batches(connection, select(text(f"* FROM {others}")), 100))
    rows = row_batches(connection, select(text("* FROM history ORDER BY subject, sequence")), 100)
    return sum(canonical.entry_hash(row) == row["hash"] for batch in rows for row in batch)


def _in_view(engine: Engine, work: Callable[[Session], Any]) -> tuple[float, Any]:
    with reading(engine) as session:
        return _timed(lambda: work(session))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


if __name__ == "__main__":
    main()
