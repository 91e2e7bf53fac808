"""Every column of every table: in the chain, recomputable from it, or named here with the reason why it decides nothing.

In a season that was played to its end each column that decides is changed, protections lifted,
and `gangchuang doctor` names the row. A column without a disposition fails the first test.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Date, DateTime, Integer, String, Table, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from models.columns import DecimalText, EnumText
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT, ROWS_AGREE
from tests.support.playing import Player
from tests.support.tampering import lift_protections, undone

CHAIN, MADE = "in the chain, or sealed there", "recomputable"

# The columns that are not in the chain, and why; every other column is.
OTHERWISE: dict[str, dict[str, str]] = {
    "admission": {"id": "a running number; nothing refers to it"},
    "alert": dict.fromkeys(
        ("season", "kind", "subject", "since", "told_at"), "what the office was written about and is still so"
    ),
    "assignment": {},
    "attachment": {"size": "follows from the file, whose digest is in the chain"},
    "bounced_address": dict.fromkeys(
        ("address", "season", "bounced_at", "problem"), "which letters came back; only said to the administrator"
    ),
    "call": {},
    "claim": dict.fromkeys(
        ("name", "owner", "fence", "expires", "done", "total", "flow_run"),
        "who works on what right now; nothing of it outlasts a minute",
    ),
    "contact": {},
    "contributor": dict.fromkeys(("number", "position", "name", "name_key", "organisation", "role", "share"), MADE),
    "correction": {},
    "declared_conflict": {},
    "delivery": {},
    "expert": dict.fromkeys(("name_key", "organisation_key"), MADE),
    "failure": dict.fromkeys(
        (
            *("season", "stage", "subject", "mark", "attempts", "problem", "first_failed_at", "failed_at"),
            "not_before",
        ),
        "what does not work at present; only the pause before it is tried again",
    ),
    "follow_up": {},
    "incoming_mail": dict.fromkeys(
        (
            *("mailbox", "validity", "uid", "season", "digest", "sender", "recipient", "arrived_at"),
            *("state", "doubt", "officer", "decided_at"),
        ),
        "which mails were dealt with; what came of one is in the chain with its delivery, an officer's word by itself",
    ),
    "issued_workbook": dict.fromkeys(
        ("season", "recipient", "kind", "occasion", "issue", "issued_at"),
        "which workbook was sent out last; its signed mark says the same, and what came back is in the chain",
    ),
    "mailbox_look": dict.fromkeys(
        ("season", "mailbox", "newest", "looked_at"), "how far the mailbox was read; each mail tells that by itself"
    ),
    "message": dict.fromkeys(
        (
            *("key", "season", "recipient", "subject", "body", "attachments", "state", "written_at"),
            *("not_before", "attempts", "sent_at", "problem", "thread"),
        ),
        "letters tell what was decided and decide nothing; what a person does about one is in the chain",
    ),
    "milestone": {"attempts": "how often the clock started it; only the pause before the next start"},
    "objection_evidence": {
        "name": "what the file was called when it came: shown beside it and in no rule; the file's digest is in the chain",
        "size": "follows from the file, whose digest is in the chain",
    },
    "organisation": dict.fromkeys(("number", "position", "name", "name_key", "credit_code"), MADE),
    "good_practice": {"title_key": MADE},
    "picture": {"alt": MADE},
    "personal_link": dict.fromkeys(
        ("season", "kind", "subject", "issue", "nonce", "digest", "expires_at", "revoked_at"),
        "who may open which page; every opening and every reissue is in the chain",
    ),
    "placing": {"spread": MADE},
    "score_draft": dict.fromkeys(
        ("season", "expert", "number", "typed"), "typed and not sent; what is sent is in the chain as any score"
    ),
    "seat": {},
    "submission": {"title_key": MADE, "fingerprint": MADE},
    "submission_version": {"content": MADE, "salt": MADE},
}
IN_THE_CHAIN: dict[str, tuple[str, ...]] = {
    "admission": ("season", "digest", "officer", "admitted_at", "reason"),
    "approval": ("season", "ordinal", "decision", "officer", "decided_at", "reason", "list_digest"),
    "assignment": ("season", "number", "expert", "round", "state", "assigned_at"),
    "attachment": ("number", "version", "position", "name", "digest"),
    "ballot": (*("number", "tier", "caster", "votes_for", "votes_against", "abstentions", "received_at", "delivery"),),
    "call": ("season", "state", "rules", "draw_seed", "seal_key", "sequence", "head"),
    "certificate": (
        *("season", "ordinal", "number", "holder", "position", "name", "tier", "state", "given_at", "voided_at"),
        "successor",
    ),
    "consent": ("number", "kind", "position", "given", "withdrawn_at"),
    "contact": ("number", "name", "phone", "mail"),
    "correction": ("number", "asked_by", "asked_at", "missing", "due_at", "state", "settled_at"),
    "declared_conflict": ("season", "expert", "key", "declared_at"),
    "delivery": (
        *("digest", "sender", "season", "kind", "file_name", "arrived_at", "taken_at", "state"),
        *("rows_in", "rows_back", "problems", "receipt", "handed_in_by"),
    ),
    "expert": (
        *("id", "name", "organisation", "credit_code", "fields", "title", "phone", "mail", "valid_until"),
        "statement_on",
    ),
    "district_verdict": ("number", "verdict", "points", "total", "rank", "comment", "received_at", "delivery"),
    "duplicate": ("number", "other", "similarity", "decision", "officer", "decided_at", "reason"),
    "follow_up": ("number", "asked_at", "answered_at", "adoption"),
    "good_practice": (
        *("number", "season", "unit", "place", "kind", "source", "title", "organisation", "content", "consent"),
        *("withheld_at", "received_at", "delivery"),
    ),
    "history": (
        *("subject", "sequence", "season", "at", "actor", "trigger", "from_state", "to_state", "reason", "facts"),
        *("flow_run", "previous_hash", "hash"),
    ),
    "milestone": ("season", "milestone", "ordinal", "unit", "due_at", "state", "settled_at"),
    "objection": (
        *("id", "season", "number", "state", "kind", "channel", "received_on", "received_at", "grounds", "objector"),
        *("contact", "refusal", "answer", "due_at", "reconsider_until", "settled_at"),
    ),
    "objection_evidence": ("objection", "position", "digest"),
    "objection_ruling": (
        *("objection", "ordinal", "investigator", "begun_at", "asked_by", "result", "tier", "answer", "decided_at"),
    ),
    "follow_up_picture": ("number", "position", "digest", "encoded", "portrait", "alt", "width", "height"),
    "picture": ("number", "position", "digest", "encoded", "portrait", "width", "height"),
    "placing": (
        *("number", "season", "position", "rank", "merit", "raw_mean", "low", "high", "scores", "tier"),
        *("settled", "voted", "passed_over", "struck", "approved", "notice_until"),
    ),
    "publication": ("season", "kind", "ordinal", "published_at", "root", "subjects", "entries"),
    "publication_leaf": ("season", "kind", "ordinal", "subject", "sequence", "hash"),
    "record_text": ("season", "seal", "text"),
    "recusal": ("season", "expert", "number", "reason", "recused_at"),
    "score": ("number", "expert", "round", "points", "total", "comment", "received_at", "delivery"),
    "seat": ("season", "expert", "position", "field", "state", "absent", "signed_on"),
    "submission": (
        *("number", "season", "unit", "place", "state", "archived_from", "outcome", "tier", "title", "category"),
        *("carrier", "field", "completed_on", "version", "submitted_at", "eligible_at", "sequence", "head"),
    ),
    "submission_version": ("number", "version", "digest", "delivery", "kept_at"),
}
DISPOSITIONS = {
    name: {**dict.fromkeys(IN_THE_CHAIN.get(name, ()), CHAIN), **OTHERWISE.get(name, {})}
    for name in IN_THE_CHAIN.keys() | OTHERWISE.keys()
}
TABLES = {table.name: table for table in SQLModel.metadata.sorted_tables}


def test_every_column_of_every_table_has_its_disposition() -> None:
    columns = {name: set(table.c.keys()) for name, table in TABLES.items()}

    assert {name: set(known) for name, known in DISPOSITIONS.items()} == columns
    assert all(set(OTHERWISE.get(name, {})).isdisjoint(known) for name, known in IN_THE_CHAIN.items())


def test_every_column_that_decides_is_found_when_it_is_changed(played: Player) -> None:
    lift_protections(played.engine)
    counts: Counter[str] = Counter()
    missed = []
    with undone(played.engine) as session:
        for name, column, row, value in changes(session):
            point = session.begin_nested()
            try:
                set_value(session, TABLES[name], row, column, value)
            except DBAPIError:
                counts["refused by the database"] += 1
            else:
                kind = DISPOSITIONS[name][column.name]
                counts[kind] += 1
                if not is_named(session, played, name, {**row, "as": value}):
                    missed.append((name, column.name, *(row[key.name] for key in TABLES[name].primary_key)))
            point.rollback()
            session.expire_all()
    assert missed == [], "\n".join(map(str, missed))
    proven = {
        (name, column)
        for name, known in DISPOSITIONS.items()
        for column, kind in known.items()
        if kind in (CHAIN, MADE)
    }
    print(
        f"{played.engine.dialect.name}: {len(proven)} columns of {len(TABLES)} tables that decide; tried: {dict(counts)}, missed 0"
    )
    assert counts[CHAIN] + counts[MADE] > 200


def is_named(session: Session, played: Player, table: str, row: dict[str, Any]) -> bool:
    """Whether the doctor finds something, and names what makes the row what it is."""
    for invariants in ((ROWS_AGREE,), EVERY_INVARIANT):
        found = broken_invariants(session, played.home, invariants)
        said = " ".join(offender for breach in found for offender in breach.offenders)
        if any(word in said for word in keys_of(table, row)):
            return True
    return False


def keys_of(table: str, row: dict[str, Any]) -> list[str]:
    """The words by which a row can be named; of a leaf, that the root over it does not fit."""
    if table.startswith("objection"):
        return [f"{table}/{row.get('id') or row['objection']}/"]
    if table == "publication_leaf":
        return [row["subject"], f"call/{row['season']}", str(row["as"])]
    if table == "expert":
        return [row["id"]]
    known = ("number", "other", "subject", "expert", "digest", "milestone", "seal")
    return [str(row[name]) for name in known if row.get(name)] or [str(row["season"])]


def changes(session: Session) -> Iterator[tuple[str, Column[Any], dict[str, Any], Any]]:
    """For each column that decides: its table, the first and the last row, another value."""
    for name, known in sorted(DISPOSITIONS.items()):
        table = TABLES[name]
        rows = [dict(row._mapping) for row in session.execute(select(table).order_by(*table.primary_key))]
        assert rows or not {CHAIN, MADE} & set(known.values()), f"the played season has no {name}"
        for column in table.c:
            if known[column.name] in (CHAIN, MADE):
                for row in rows[:1] + rows[1:][-1:]:
                    yield name, column, row, another(column, row[column.name])


_EMPTY: dict[type, Any] = {
    DateTime: datetime(2026, 1, 1, tzinfo=UTC),
    Date: date(2026, 1, 1),
    Integer: 0,
    String: "",
}


def another(column: Column[Any], value: Any) -> Any:
    """A value of the column's kind that is not this one."""
    if isinstance(column.type, EnumText):
        return next(member for member in column.type.members if member != value)
    if isinstance(column.type, DecimalText):
        return (value or Decimal(0)) + 1
    if value is None:
        value = _EMPTY[getattr(column.type, "impl_instance", column.type).__class__]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 7
    if isinstance(value, date):
        return value + timedelta(days=1)
    return value[:-1] + ("1" if value[-1:] != "1" else "2") if value else "x"


def set_value(session: Session, table: Table, row: dict[str, Any], column: Column[Any], value: Any) -> None:
    own = [key == row[key.name] for key in table.primary_key]
    assert session.execute(update(table).where(*own).values({column.name: value})).rowcount == 1
