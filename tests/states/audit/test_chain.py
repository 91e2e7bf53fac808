"""The check of one chain: every single bit of every column of every entry."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def no_float(text: str) -> NoReturn:
    raise ValueError(text)


def is_canonical(facts: str) -> bool:
    """By Python's own reader and writer alone."""
    try:
        read = json.loads(facts, parse_float=no_float, parse_constant=no_float)
    except (ValueError, RecursionError):
        return False
    return json.dumps(read, ensure_ascii=False, sort_keys=True, separators=(",", ":")) == facts


def holds(facts: str) -> bool:
    """Whether nothing is found in a chain whose one entry has these facts, hashed as they stand."""
    at = datetime(2026, 3, 2, tzinfo=UTC)
    row, _ = chain(Entry(SUBJECT, 2026, at, "office:x", "submit", "", "submitted", "", facts, ""), Link(0, ZERO))
    return check_chain(SUBJECT, 2026, [row])[0] == []


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from((2**63, 2**64, -(2**63) - 1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
)


@settings(max_examples=60)
@given(values, st.booleans(), st.booleans(), st.sampled_from((",", ", ")))
def test_facts_hold_exactly_when_they_are_spelt_canonically(
    value: Any, escaped: bool, in_order: bool, comma: str
) -> None:
    shape = {"a": value} if in_order else {"b": value, "a": 1}
    facts = json.dumps(shape, ensure_ascii=escaped, sort_keys=in_order, separators=(comma, ":"))

    assert holds(facts) == is_canonical(facts)


@pytest.mark.parametrize("facts", ["[1]", '"a"', "1", "1.5", "-0", "", " ", "null"])
@pytest.mark.parametrize("inside", ["", '{"a":%s}', '{"a":[%s]}', '{"a":[0,%s]}'])
def test_facts_of_any_shape_hold_exactly_when_they_are_spelt_canonically(facts: str, inside: str) -> None:
    text = inside % facts if inside else facts

    assert holds(text) == is_canonical(text)


SPELT_OTHERWISE = (
    r'1.0|1.5|1e16|1E5|-0|-0.0|1e999|NaN|-Infinity|01|[1,]|tru|1 |1,"a":1|"\/"|"\u4e00"|"\u001F"|"\ud800"|"\x41"|"	"'
)


@pytest.mark.parametrize("member", SPELT_OTHERWISE.split("|"))
def test_facts_that_no_transition_would_have_spelt_so_are_found(member: str) -> None:
    assert not holds(f'{{"a":{member}}}')


def test_every_character_is_judged_as_the_record_writes_it() -> None:
    signs = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]

    assert holds(canonical({sign: sign for sign in signs[:0x3000]} | {"all": "".join(signs)}))
    assert [sign for sign in signs[:0x100] if holds(f'{{"a":"{sign}"}}') != is_canonical(f'{{"a":"{sign}"}}')] == []
