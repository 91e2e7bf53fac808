"""Holds every row that decides anything against what the record says it must be.

A chain says what was recorded; the tables are what the next step reads. Whoever changes a table
behind the record's back (a date, a score, a seat, a line of the list) is named here with the
column. What no chain can say, because it would name people, is bound by salted digests: contents
against their digest, and organisations, contributors and fingerprint against their content.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Column, String, Table, select, type_coerce
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from models import Call, Submission, SubmissionVersion
from models.columns import DecimalText, EnumText
from models.enums import DuplicateDecision, Trigger
from models.forms import SubmissionForm
from models.queries import planned_seasons
from states.audit import projection_of_call, projection_of_submissions
from states.audit.invariants import INVARIANTS, Invariant, Offenders
from states.audit.projection_of_call import Rows, Step, seed_is_committed, steps
from states.audit.verify import verify
from states.history.read import erased_seasons, read_entries
from states.rules.names import name_key, recorded_key
from states.submissions.identity import fingerprint

_ALWAYS_KEYED_BY = {"admission": ("digest",)}
Found = Iterator[tuple[Any, ...]]


def disagreements(session: Session, year: int) -> Found:
    """(table, key …, column) of everything in a season's rows that the record does not bear out."""
    told = {
        subject: steps(entries)
        for subject, entries in groupby(read_entries(session, year), key=lambda entry: str(entry["subject"]))
    }
    call = told.pop(f"call/{year}")
    submissions = {subject.partition("/")[2]: own for subject, own in told.items()}
    expected = {
        name: make(year, call, submissions)
        for name, make in {**projection_of_call.TABLES, **projection_of_submissions.TABLES}.items()
    }
    _add_spreads(expected)
    erased = year in erased_seasons(session)
    if erased:
        expected["attachment"] = {}
    for name, rows in expected.items():
        yield from _compare(session, SQLModel.metadata.tables[name], year, rows)
    if not seed_is_committed(call, session.get_one(Call, year, populate_existing=True).draw_seed):
        yield "call", year, "draw_seed"
    yield from _against_contents(session, year, submissions, erased)


def _add_spreads(expected: dict[str, Rows]) -> None:
    spreads = projection_of_submissions.spreads(expected["assignment"], expected["score"])
    for (number,), row in expected["placing"].items():
        row["spread"] = spreads.get(number, Decimal(0))


def _compare(session: Session, table: Table, year: int, expected: Rows) -> Found:
    keys = _ALWAYS_KEYED_BY.get(table.name) or tuple(column.name for column in table.primary_key)
    actual = {tuple(row[key] for key in keys): row for row in _rows(session, table, year)}
    for key in sorted(actual.keys() | expected.keys(), key=repr):
        row = actual.get(key, expected.get(key, {}))
        shown = (*key, row["number"]) if "number" in row.keys() - set(keys) else key
        if key not in expected:
            if not _may_be_unrecorded(table.name, row):
                yield table.name, *shown, "is in no chain"
        elif key not in actual:
            yield table.name, *shown, "is gone"
        else:
            wrong = (name for name, value in expected[key].items() if not _same(row[name], value))
            yield from ((table.name, *shown, name) for name in wrong)


def _may_be_unrecorded(table: str, row: dict[str, Any]) -> bool:
    """Two that look alike are shown to the office by their titles; its decision is the entry."""
    blank = ("", None, "")
    is_open = row.get("decision") == DuplicateDecision.PENDING.value
    return table == "duplicate" and is_open and (row["officer"], row["decided_at"], row["reason"]) == blank


def _rows(session: Session, table: Table, year: int) -> Iterator[dict[str, Any]]:
    query = select(*(_plain(column) for column in table.c))
    if "season" in table.c:
        query = query.where(table.c.season == year)
    else:
        key = "other" if table.name == "duplicate" else "number"
        query = query.where(table.c[key].like(f"{year}-%"))
    for row in session.execute(query):
        yield dict(zip(table.c.keys(), row, strict=True))


def _plain(column: Column[Any]) -> Any:
    # A word or a figure that was bent need not be one of ours any more.
    return type_coerce(column, String) if isinstance(column.type, EnumText | DecimalText) else column


def _same(actual: Any, expected: Any) -> bool:
    if isinstance(actual, str) and isinstance(expected, str | Decimal) and actual != expected:
        try:
            return Decimal(actual) == Decimal(expected)
        except InvalidOperation:
            return False
    return bool(actual == expected)


def _against_contents(session: Session, year: int, told: dict[str, list[Step]], erased: bool) -> Found:
    """Organisations, contributors and fingerprints against the content in force, or what is left of it."""
    query = select(Submission.number, Submission.fingerprint, SubmissionVersion.content).join(
        SubmissionVersion,
        (SubmissionVersion.number == Submission.number) & (SubmissionVersion.version == Submission.version),
    )
    organisations = _listed(session, "organisation", year)
    contributors = _listed(session, "contributor", year)
    for number, mark, content in session.execute(query.where(Submission.season == year)):
        form_given = projection_of_call.last(told.get(number, ()), Trigger.SUBMIT, Trigger.AMEND)
        named = [row["credit_code"] or recorded_key(row["name"]) for row in organisations.get(number, ())]
        if named != form_given.facts["organisations"]:
            yield "organisation", number, "is not what was recorded"
        if not content and erased:
            if mark or number in contributors:
                yield "contributor", number, "should be deleted"
            continue
        form = SubmissionForm.model_validate_json(content)
        if mark != fingerprint(form):
            yield "submission", number, "fingerprint"
        yield from _unlike("organisation", number, organisations.get(number, []), _organisations(form))
        yield from _unlike("contributor", number, contributors.get(number, []), _contributors(form))


def _listed(session: Session, table: str, year: int) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(_rows(session, SQLModel.metadata.tables[table], year), key=lambda row: row["position"]):
        found.setdefault(row.pop("number"), []).append(row)
    return found


def _unlike(table: str, number: str, actual: list[dict[str, Any]], expected: list[dict[str, Any]]) -> Found:
    if len(actual) != len(expected):
        yield table, number, "is not what its content says"
    for row, wanted in zip(actual, expected, strict=False):
        yield from ((table, number, row["position"], name) for name in wanted if not _same(row[name], wanted[name]))


def _organisations(form: SubmissionForm) -> list[dict[str, Any]]:
    return [
        {
            "position": position,
            "name": organisation.name,
            "name_key": name_key(organisation.name),
            "credit_code": organisation.credit_code,
        }
        for position, organisation in enumerate(form.organisations, start=1)
    ]


def _contributors(form: SubmissionForm) -> list[dict[str, Any]]:
    return [
        {
            "position": position,
            "name": contributor.name,
            "name_key": name_key(contributor.name),
            "organisation": contributor.organisation,
            "role": contributor.role,
            "share": None if contributor.share is None else str(contributor.share),
        }
        for position, contributor in enumerate(form.contributors, start=1)
    ]


def _disagreeing(session: Session, _: Path | None) -> Offenders:
    for year in planned_seasons(session):
        try:
            yield from disagreements(session, year)
        except (KeyError, IndexError, TypeError, ValueError) as problem:
            yield year, f"the record says too little to compare ({problem!r}): see record_is_whole"


def _changed_entries(session: Session, _: Path | None) -> Offenders:
    return verify(session)


RECORD_IS_WHOLE = Invariant(
    "record_is_whole", "Nothing of the record was changed, removed or added (as `gangchuang verify`).", _changed_entries
)
ROWS_AGREE = Invariant(
    "rows_follow_the_record",
    "Every row that decides anything is what the record makes it: dates, scores, seats, lists, contents.",
    _disagreeing,
)

EVERY_INVARIANT = (RECORD_IS_WHOLE, ROWS_AGREE, *INVARIANTS)

__all__ = ["EVERY_INVARIANT", "RECORD_IS_WHOLE", "ROWS_AGREE", "disagreements"]
