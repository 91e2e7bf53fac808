"""The check of one chain: every single bit of every column of every entry."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from states.audit.chain import check_chain
from states.history.canonical import ZERO, canonical
from tests.support.entries import Entry, Link, chain

SUBJECT = "submission/2026-500103-0001"
STEPS = (
    ("submit", "", "submitted", {"title": "示例小发明", "consent": True, "version": 1}),
    ("amend", "submitted", "submitted", {"title": "示例小发明（改）", "version": 2}),
    ("record_district_review", "submitted", "district_reviewed", {"total": "88.5", "rank": None}),
    ("archive", "district_reviewed", "archived", {"outcome": "not_recommended"}),
)


def a_chain() -> list[dict[str, Any]]:
    rows, link = [], Link(0, ZERO)
    for day, (trigger, source, target, facts) in enumerate(STEPS, start=1):
        at = datetime(2026, 3, day, 9, 30, 0, 125_000, UTC)
        words = ("district:500103", trigger, source, target, "示例理由", canonical(facts), "run")
        entry = Entry(SUBJECT, 2026, at, *words)
        row, link = chain(entry, link)
        rows.append(row)
    return rows


def flips(value: Any) -> Iterator[Any]:
    """A value with each of its bits turned, one at a time; what is no text comes as SQLite gives it."""
    if isinstance(value, int):
        yield from (value ^ 1 << bit for bit in range(32))
        return
    raw = value.encode()
    for index in range(len(raw)):
        for bit in range(8):
            turned = raw[:index] + bytes([raw[index] ^ 1 << bit]) + raw[index + 1 :]
            yield turned.decode("utf-8", "surrogateescape")


def test_a_chain_that_nobody_touched_has_no_findings() -> None:
    findings, end = check_chain(SUBJECT, 2026, a_chain())

    assert findings == []
    assert end.sequence == 4
    assert end.hashes == {a_chain()[-1]["hash"]}


@pytest.mark.parametrize("index", range(len(STEPS)))
def test_every_turned_bit_is_found_and_its_entry_named(index: int) -> None:
    tried = 0
    for column in a_chain()[index]:
        for value in flips(a_chain()[index][column]):
            rows = a_chain()
            rows[index][column] = value
            tried += 1

            findings, _ = check_chain(SUBJECT, 2026, sorted(rows, key=lambda row: row["sequence"]))

            named = {finding.sequence for finding in findings}
            assert index + 1 in named or value in named, (column, value, findings)
    print(f"{tried} single bits turned in entry {index + 1}: all found")


@pytest.mark.parametrize("value", [None, b"bytes", 1.5, "text"])
@pytest.mark.parametrize("column", a_chain()[0])
def test_a_column_of_the_wrong_type_is_found(column: str, value: Any) -> None:
    rows = a_chain()
    rows[1][column] = value

    findings, _ = check_chain(SUBJECT, 2026, rows)

    assert findings


def test_a_column_altered_with_its_own_hash_made_anew_breaks_the_link_after_it() -> None:
    rows = a_chain()
    at = datetime(2026, 3, 2, tzinfo=UTC)
    other = Entry(SUBJECT, 2026, at, "office:x", "amend", "submitted", "submitted", "", "{}", "")
    rows[1], _ = chain(other, Link(1, rows[0]["hash"]))

    findings, _ = check_chain(SUBJECT, 2026, rows)

    assert [(finding.code, finding.sequence) for finding in findings] == [("unlinked", 3)]


def test_facts_that_smuggle_another_column_in_are_found() -> None:
    rows = a_chain()
    rows[3]["facts"] = '{"outcome":"not_recommended"},"flow_run":"other","facts":{"outcome":"completed"}'

    findings, _ = check_chain(SUBJECT, 2026, rows)

    assert [finding.sequence for finding in findings] == [4]
