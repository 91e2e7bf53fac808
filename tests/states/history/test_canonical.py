"""The record: one canonical form, one formula, and a database that refuses to change what it says."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from models import History
from models.database import reading, writing
from models.enums import CallState, Cause, PublicationKind, Tier
from states.history import verify_history
from states.history.canonical import ZERO, NotRecordable, canonical, entry_hash, instant_text
from states.history.read import cause_of
from states.machine import Act
from states.roots import record_root
from tests.support.builders import SYSTEM, a_season, a_submission, season_rules
from tests.support.entries import Entry, Link, append, chain

AT = datetime(2026, 3, 2, 1, 0, 0, tzinfo=UTC)
facts_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)


def an_entry(**changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "subject": "submission/2026-500103-0001",
        "season": 2026,
        "at": AT,
        "actor": "district:500103",
        "trigger": "submit",
        "from_state": "",
        "to_state": "submitted",
        "reason": "",
        "facts": "{}",
        "flow_run": "",
    }
    return Entry(**{**fields, **changes})


def test_the_hash_of_an_entry_is_the_one_worked_out_by_hand() -> None:
    row, link = chain(an_entry(reason="示例", facts='{"tier":"first"}'), Link(0, ZERO))

    body = (
        '{"actor":"district:500103","at":"2026-03-02T01:00:00.000000+00:00","facts":{"tier":"first"},"flow_run":"",'
        '"from_state":"","reason":"示例","season":2026,"sequence":1,"subject":"submission/2026-500103-0001",'
        '"to_state":"submitted","trigger":"submit"}'
    )
    assert row["hash"] == hashlib.sha256(bytes(32) + body.encode()).hexdigest()
    assert link == Link(1, row["hash"])


def test_an_entry_bears_the_hash_of_the_one_before_it() -> None:
    first, link = chain(an_entry(), Link(0, ZERO))
    second, _ = chain(an_entry(trigger="amend", from_state="submitted"), link)

    assert first["previous_hash"] == ZERO
    assert (second["sequence"], second["previous_hash"]) == (2, first["hash"])


@given(facts=st.dictionaries(st.text(), facts_values, max_size=4))
def test_canonical_facts_are_sorted_compact_json_that_reads_back(facts: dict[str, Any]) -> None:
    written = canonical(facts)

    assert json.loads(written) == facts
    assert written == canonical(dict(reversed(facts.items())))
    assert written == json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@given(facts=st.dictionaries(texts, st.integers() | texts, max_size=4), reason=texts, actor=texts)
def test_the_checker_for_outsiders_hashes_as_we_do(facts: dict[str, Any], reason: str, actor: str) -> None:
    row, _ = chain(an_entry(facts=canonical(facts), reason=reason, actor=actor), Link(4, "ab" * 32))

    assert entry_hash(row) == row["hash"] == verify_history.entry_hash(row)


def test_words_of_an_enum_are_recorded_as_their_codes() -> None:
    assert canonical({"tier": Tier.FIRST}) == '{"tier":"first"}'


@pytest.mark.parametrize("vague", [1.5, float("nan"), Decimal("1.5"), AT, {1, 2}, b"bytes", {1: "key"}, [[0.1]]])
def test_what_has_no_one_form_is_not_recorded(vague: Any) -> None:
    with pytest.raises(NotRecordable):
        canonical({"fact": vague})


def test_a_word_that_the_record_does_not_have_is_not_recorded() -> None:
    with pytest.raises(NotRecordable, match="no word 'sumbit'"):
        chain(an_entry(trigger="sumbit"), Link(0, ZERO))


def test_an_instant_is_recorded_in_utc_whatever_its_zone() -> None:
    shanghai = timezone(timedelta(hours=8))

    assert instant_text(AT.astimezone(shanghai)) == instant_text(AT) == "2026-03-02T01:00:00.000000+00:00"
    with pytest.raises(NotRecordable, match="no zone"):
        instant_text(AT.replace(tzinfo=None))


def test_a_place_in_a_chain_is_taken_once(engine: Engine) -> None:
    row, _ = chain(an_entry(), Link(0, ZERO))
    with writing(engine) as session:
        append(session, [row])

    with pytest.raises(IntegrityError), writing(engine) as session:
        append(session, [row])


CHANGES = [
    "UPDATE {table} SET hash = hash",
    "UPDATE {table} SET sequence = sequence + 1 WHERE subject = 'call/2026'",
    "UPDATE {table} SET hash = 'x' WHERE 1 = 0 OR sequence = 1",
    "DELETE FROM {table}",
    "DELETE FROM {table} WHERE sequence = 1",
]


@pytest.mark.parametrize("table", ["history", "publication_leaf"])
def test_the_database_itself_refuses_to_change_or_drop_an_entry(engine: Engine, table: str) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        a_submission(session)
        at = season_rules().dates.publish_results
        record_root(session, 2026, PublicationKind.RESULTS, Act(SYSTEM, at))
    with reading(engine) as session:
        before = session.execute(text(f"SELECT * FROM {table} ORDER BY subject, sequence")).all()
    statements = [*CHANGES, "TRUNCATE {table}"] if engine.dialect.name == "postgresql" else [*CHANGES, _REPLACE[table]]

    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), writing(engine) as session:
            session.execute(text(statement.format(table=table)))

    with reading(engine) as session:
        assert session.execute(text(f"SELECT * FROM {table} ORDER BY subject, sequence")).all() == before


_REPLACE = {
    "history": "INSERT OR REPLACE INTO history SELECT * FROM history",
    "publication_leaf": "INSERT OR REPLACE INTO publication_leaf SELECT * FROM publication_leaf",
}


REFUSED = [
    ("sequence", 0),
    ("hash", "short"),
    ("previous_hash", "short"),
    ("subject", None),
    ("facts", None),
]


@pytest.mark.parametrize(("column", "value"), REFUSED)
def test_the_database_itself_refuses_an_impossible_entry(engine: Engine, column: str, value: Any) -> None:
    row, _ = chain(an_entry(), Link(0, ZERO))

    with pytest.raises(DBAPIError), writing(engine) as session:
        session.execute(History.__table__.insert(), [{**row, column: value}])  # type: ignore[attr-defined]

    with reading(engine) as session:
        assert session.scalars(select(History.subject)).all() == []


@pytest.mark.parametrize(
    ("reason", "facts", "cause"),
    [
        ("说法随便怎么改", {"cause": "duplicate"}, Cause.DUPLICATE),
        ("经协调小组办公室判定与其他申报重复", {"outcome": "ineligible"}, Cause.DUPLICATE),
        ("逾期未补正：缺附件", {}, Cause.CORRECTION_LAPSED),
        ("逾期未补正", {"correction": "lapsed"}, Cause.CORRECTION_LAPSED),
        ("示例理由", {}, None),
        ("", {}, None),
    ],
)
def test_a_cause_is_a_fact_and_only_of_old_entries_read_from_the_sentence(
    reason: str, facts: dict[str, Any], cause: Cause | None
) -> None:
    assert cause_of(reason, facts) is cause
