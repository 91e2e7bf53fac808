"""No stage scans a table that grows with the years, unless it means to read it all."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from config.settings import Settings
from models.database import make_engine
from models.schema import upgrade
from tests.benchmarks.bench_year import YEAR, played
from tests.support.playing import Player

# What a stage reads whole on purpose, with the reason.
MEANT: Mapping[tuple[str, str], str] = {
    ("close_call", "submission"): "titles of other seasons, for what was handed in before",
    ("close_call", "duplicate"): "pairs that are known already",
    ("take verdicts", "submission"): "the benchmark's own question",
    ("open_public_notice", "history"): "the export beside the page",
}
# These grow with the units, the experts or the stages, not with what is handed in.
SMALL = {"call", "milestone", "expert", "seat", "claim", "publication", "failure", "standing"}
_SCANNED = re.compile(r"^SCAN (?!CONSTANT)(\w+?)(?:_\d+)?(?: |$)")


def _plans(engine: Engine, parts: list[str]) -> Mapping[str, set[tuple[str, str]]]:
    """By part of the year: the tables that its statements scan, with the statement."""
    scans: dict[str, set[tuple[str, str]]] = defaultdict(set)
    known: set[str] = set()

    @event.listens_for(engine, "after_cursor_execute")
    def _(connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        if statement in known or statement.startswith(("PRAGMA", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            return
        known.add(statement)
        driver = connection.connection.driver_connection
        for *_, detail in driver.execute(f"EXPLAIN QUERY PLAN {statement}", given[0] if many else given):
            scanned = _SCANNED.match(detail)
            if scanned or "AUTOMATIC" in detail:
                scans[parts[-1]].add((scanned[1] if scanned else detail, " ".join(statement.split())))

    return scans


def test_every_statement_of_a_year_finds_its_rows_by_an_index(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'gangchuang.db'}"
    engine = make_engine(url)
    upgrade(engine)
    tables = {*_tables(engine)}
    parts = ["plan"]
    scans = _plans(engine, parts)

    for name, _, _ in played(Player(Settings(home=tmp_path, database_url=url), engine, YEAR), 80):
        # A part is told when it is done: what was scanned until then is its own.
        scans[name] |= scans.pop(parts[-1], set())
        parts.append(f"after {name}")
    engine.dispose()

    strange = {
        (part, table, statement[:300])
        for part, found in scans.items()
        for table, statement in found
        if (table in tables - SMALL and (part, table) not in MEANT) or table.startswith("SEARCH")
    }
    assert strange == set()


def _tables(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
