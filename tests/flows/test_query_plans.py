"""No stage scans a table that grows with the years, unless it means to read it all."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, inspect

from config.settings import Settings
from models.database import make_engine
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
_EXPLAINED = ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")
_SCANNED = re.compile(r"^SCAN (?!CONSTANT)(\w+?)(?:_\d+)?(?: |$)")


def _watch(engine: Engine, parts: list[str]) -> dict[str, set[tuple[str, str]]]:
    """By part of the year, each table that a statement scans, with the statement: explained when it is first made."""
    scans: dict[str, set[tuple[str, str]]] = defaultdict(set)
    known: set[str] = set()
    scanned = _scanned_by_sqlite if engine.dialect.name == "sqlite" else _scanned_by_postgresql

    @event.listens_for(engine, "before_cursor_execute")
    def _(connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        if statement not in known and statement.startswith(_EXPLAINED):
            known.add(statement)
            found = scanned(connection.connection.driver_connection, statement, given[0] if many else given)
            scans[parts[-1]] |= {(table, " ".join(statement.split())) for table in found}

    return scans


def _scanned_by_sqlite(driver: Any, statement: str, given: Any) -> Iterator[str]:
    for *_, detail in driver.execute(f"EXPLAIN QUERY PLAN {statement}", given):
        scanned = _SCANNED.match(detail)
        if scanned or "AUTOMATIC" in detail:
            yield scanned[1] if scanned else detail


def _scanned_by_postgresql(driver: Any, statement: str, given: Any) -> Iterator[str]:
    """The planner may not scan where an index serves, however small the table is: so it scans where none does."""
    driver.execute("SET LOCAL enable_seqscan = off")
    ((plan,),) = driver.execute(f"EXPLAIN (FORMAT JSON) {statement}", given).fetchall()
    driver.execute("SET LOCAL enable_seqscan = on")
    for node in _nodes(plan[0]["Plan"]):
        by_filter = "Index Cond" not in node and "Recheck Cond" not in node and "Filter" in node
        if node["Node Type"] == "Seq Scan" or (by_filter and "Relation Name" in node):
            yield node["Relation Name"]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def test_every_statement_of_a_year_finds_its_rows_by_an_index(database_url: str, tmp_path: Path) -> None:
    engine = make_engine(database_url)
    tables = set(inspect(engine).get_table_names())
    parts = ["plan"]
    scans = _watch(engine, parts)

    for name, _, _ in played(Player(Settings(home=tmp_path, database_url=database_url), engine, YEAR), 80):
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
