"""Holds every row that decides anything against what the record says it must be.

A chain says what was recorded; the tables are what the next step reads. Whoever changes a table
behind the record's back (a date, a score, a seat, a line of the list) is named here with the
column. What no chain can say, because it would name people, is bound by salted digests: contents
against their digest, and organisations, contributors and fingerprint against their content.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Column, String, Table, select, type_coerce
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from models import Call, GoodPractice, Submission, SubmissionVersion
from models.columns import DecimalText, EnumText
from models.enums import ConsentKind, DuplicateDecision, Trigger
from models.forms import SubmissionForm
from models.queries import planned_seasons, version_in_force
from states.audit import projection_of_call, projection_of_objections, projection_of_submissions
from states.audit.bound import (
    ANSWERING,
    asking,
    deliveries,
    follow_ups,
    texts_borne,
    unlike_answers,
    unlike_declared,
    unlike_deliveries,
    unlike_experts,
    unlike_holders,
    unlike_names,
    unlike_sealed,
    unlike_sentences,
    unlike_words,
)
from states.audit.invariants import INVARIANTS, Invariant, Offenders
from states.audit.projection_of_call import Rows, Step, first, key_is_committed, of, seed_is_committed, steps
from states.audit.verify import verify
from states.history.canonical import call_subject
from states.history.read import erased_seasons, in_byte_order, read_entries
from states.history.seals import Seals
from states.practice import seal_of
from states.rules.names import name_key, recorded_key
from states.submissions.identity import fingerprint
from states.submissions.versions import named

_ALWAYS_KEYED_BY = {"admission": ("digest",)}
Found = Iterator[tuple[Any, ...]]
Row = dict[str, Any]
_Parts = dict[str, list[Row]]  # of one submission, by table
_ENTRIES, _CONTENT = "history", "content in force"
# What submissions' own chains say of seats and of the list.
_DECIDING = (Trigger.REPLACE, Trigger.STRIKE, Trigger.WITHDRAW_APPROVAL, Trigger.CHANGE_TIER)
_AT_ONCE = 50
_BATCH = 100


def disagreements(session: Session, year: int) -> Found:
    """(table, key …, column) of everything in a season's rows that the record does not bear out.

    Submission by submission, some hundred at a time: the memory does not grow with the season, but for its call.
    """
    erased, gathered = year in erased_seasons(session), _gathered(session, year)
    seals = Seals(session, year)
    of_call = next((parts[_ENTRIES] for _, parts in islice(gathered, 1)), [])
    call, borne = steps(of_call, seals.show), texts_borne(seals, of_call)
    deciding: dict[str, list[Step]] = {}
    answering: dict[str, list[Step]] = {}
    objecting: list[tuple[str | None, Step]] = [(None, step) for step in of(call, *projection_of_objections.TRIGGERS)]
    spreads: dict[str, Decimal] = {}
    first(call, Trigger.PLAN)
    if not key_is_committed(call, seals.key, erased):
        yield "call", year, "seal_key"
        return
    while some := dict(islice(gathered, _AT_ONCE)):
        borne |= texts_borne(seals, (entry for parts in some.values() for entry in parts[_ENTRIES]))
        told = {number: steps(parts[_ENTRIES], seals.show) for number, parts in some.items() if parts[_ENTRIES]}
        deciding |= {number: own for number, own_steps in told.items() if (own := [*of(own_steps, *_DECIDING)])}
        answering |= {number: own for number, own_steps in told.items() if (own := [*of(own_steps, *ANSWERING)])}
        for number, own_steps in told.items():
            objecting += [(number, step) for step in of(own_steps, *projection_of_objections.TRIGGERS)]
        expected = {name: make(year, call, told) for name, make in projection_of_submissions.TABLES.items()}
        spreads |= projection_of_submissions.spreads(expected["assignment"], expected["score"])
        if erased:
            expected["attachment"] = {}
            for shown, kind in (("picture", ConsentKind.PICTURE), ("follow_up_picture", ConsentKind.FOLLOW_UP_PICTURE)):
                expected[shown] = _left(expected[shown], expected["consent"], kind, some)
        for name, wanted in expected.items():
            rows = (row for parts in some.values() for row in parts[name])
            yield from _compare(SQLModel.metadata.tables[name], rows, wanted)
        for number, parts in some.items():
            yield from _against_content(seals, number, parts, told.get(number, ()), erased)
            if seals.seals_persons:
                yield from unlike_sealed(seals, year, number, parts, told.get(number, ()))
                yield from unlike_names(seals, number, parts, told.get(number, ()))
            yield from unlike_holders(seals, parts, told.get(number, ()))
    yield from _objections(session, year, seals, objecting, erased)
    yield from unlike_words(session, year, seals, borne)
    rows_of_call = {name: make(year, call, deciding) for name, make in projection_of_call.TABLES.items()}
    rows_of_call |= {"delivery": deliveries(year, call), "follow_up": follow_ups(call, answering)}
    # Earlier versions had no entry of what came in, nor of which awards was asked; a stage that was cut off has none yet.
    told_whole = {"delivery": seals.binds_rows, "follow_up": bool(asking(call))}
    for (number,), row in rows_of_call["placing"].items():
        row["spread"] = spreads.get(number, Decimal(0))
    for name, wanted in rows_of_call.items():
        table = SQLModel.metadata.tables[name]
        kept: Sequence[Row] = [*_rows(session, table, year)]
        if name == "delivery":
            yield from unlike_deliveries(session, year, seals, kept, call, erased)
        if not told_whole.get(name, True):
            kept = [row for row in kept if tuple(row[key.name] for key in table.primary_key) in wanted]
        yield from _compare(table, kept, wanted)
    yield from unlike_sentences(session, year, seals, call)
    yield from unlike_declared(session, year, seals, call, erased)
    yield from unlike_answers(session, year, seals, call, answering)
    yield from _practices_unsealed(session, seals, call, erased)
    if not seed_is_committed(call, session.get_one(Call, year, populate_existing=True).draw_seed):
        yield "call", year, "draw_seed"


def _practices_unsealed(session: Session, seals: Seals, call: list[Step], erased: bool) -> Found:
    """Reports of good practice whose words are not what was sealed; those not public are deleted with personal data."""
    sealed = dict[str, str]()
    for step in of(call, Trigger.RECORD_PRACTICE, Trigger.ERASE_PERSON, Trigger.ERASE_PERSONAL_DATA):
        sealed |= step.facts.get("practices", {})
        if "practice" in step.facts:
            sealed[step.facts["practice"]] = step.facts["sealed"]
    for number, seal in sealed.items():
        row = session.get(GoodPractice, number, populate_existing=True)
        if row is None or (erased and not row.content):
            continue
        if seal_of(seals, row) != seal or row.title_key != name_key(row.title):
            yield "good_practice", number, "is not what was sealed: title, organisation, content"


def _left(pictures: Rows, consents: Rows, kind: ConsentKind, some: dict[str, _Parts]) -> Rows:
    """After the deletion of personal data: the pictures with a consent in force of awards that were published then."""
    left: Rows = {}
    for (number, position), row in pictures.items():
        consent = consents.get((number, kind.value, position), {})
        published = any(kept["content"] for kept in some[number][_CONTENT])
        if published and consent.get("given") and consent["withdrawn_at"] is None:
            left[number, position] = row
    return left


def _objections(session: Session, year: int, seals: Seals, told: list[tuple[str | None, Step]], erased: bool) -> Found:
    """Objections with their investigations and evidence; after the deletion of personal data there is none of that."""
    expected = projection_of_objections.rows_expected(year, told)
    if erased:
        expected["objection_evidence"] = {}
    for name, wanted in expected.items():
        table = SQLModel.metadata.tables[name]
        query = projection_of_objections.rows_kept(year, name, [_plain(column) for column in table.c])
        rows = [dict(zip(table.c.keys(), row, strict=True)) for row in session.execute(query)]
        yield from _compare(table, rows, wanted)
        if name == "objection" and seals.seals_persons:
            yield from projection_of_objections.unsealed(seals, rows, told)


def _gathered(session: Session, year: int) -> Iterator[tuple[str, _Parts]]:
    """Of each submission of a season, by number, its entries and its rows by table; the call's come first, under ""."""
    streams = [_numbered(_ENTRIES, (lambda row: _number_in(row, year)), read_entries(session, year))]
    for name in (*projection_of_submissions.TABLES, "organisation", "contributor", "contact"):
        streams.append(_numbered(name, itemgetter(_owner(name)), _rows(session, SQLModel.metadata.tables[name], year)))
    streams.append(_numbered(_CONTENT, itemgetter("number"), _contents(session, year)))
    for number, group in groupby(heapq.merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
        parts: _Parts = defaultdict(list)
        for _, name, row in group:
            parts[name].append(row)
        yield number, parts


def _numbered(name: str, number: Callable[[Row], Any], rows: Iterator[Row]) -> Iterator[tuple[str, str, Row]]:
    return ((str(number(row)), name, row) for row in rows)


def _number_in(entry: Row, year: int) -> str:
    subject = str(entry["subject"])
    return "" if subject == call_subject(year) else subject.partition("/")[2]


def _owner(table: str) -> str:
    """The column that says to which submission a row belongs: of two alike, the later one's chain tells."""
    return "other" if table == "duplicate" else "number"


def _compare(table: Table, rows: Iterable[Row], expected: Rows) -> Found:
    keys = _ALWAYS_KEYED_BY.get(table.name) or tuple(column.name for column in table.primary_key)
    actual = {tuple(row[key] for key in keys): row for row in rows}
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
        query = query.where(table.c[_owner(table.name)].like(f"{year}-%"))
    if _owner(table.name) in table.c:
        query = query.order_by(in_byte_order(session, table.c[_owner(table.name)]))
    for row in session.execute(query.execution_options(yield_per=_BATCH)):
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


def _contents(session: Session, year: int) -> Iterator[Row]:
    """Number, fingerprint and content in force of every submission."""
    query = select(
        Submission.number, Submission.title, Submission.title_key, Submission.fingerprint, SubmissionVersion.content
    ).join(SubmissionVersion, version_in_force())
    query = query.where(Submission.season == year).order_by(in_byte_order(session, Submission.number))
    for row in session.execute(query.execution_options(yield_per=_BATCH)):
        yield dict(row._mapping)


def _against_content(seals: Seals, number: str, parts: _Parts, told: Iterable[Step], erased: bool) -> Found:
    """Organisations, contributors and fingerprint against the content in force, or what is left of it."""
    organisations, contributors = (
        sorted(parts[name], key=lambda row: row["position"]) for name in ("organisation", "contributor")
    )
    bodies = [(row["name"], row["credit_code"]) for row in organisations]
    for kept in parts[_CONTENT]:
        form_given = projection_of_call.last(told, *projection_of_submissions.FORMS)
        if "named" in form_given.facts:
            if seals.lasting(*named(number, kept["title"], bodies)) != form_given.facts["named"]:
                yield "submission", number, "title or organisations are not what was sealed"
            if kept["title_key"] != name_key(kept["title"]):
                yield "submission", number, "title_key"
            if any(row["name_key"] != name_key(row["name"]) for row in organisations):
                yield "organisation", number, "name_key"
        elif [code or recorded_key(name) for name, code in bodies] != form_given.facts["organisations"]:
            yield "organisation", number, "is not what was recorded"
        if not kept["content"] and erased:
            if kept["fingerprint"] or contributors:
                yield "contributor", number, "should be deleted"
            continue
        form = SubmissionForm.model_validate_json(kept["content"])
        if kept["fingerprint"] != fingerprint(form):
            yield "submission", number, "fingerprint"
        yield from _unlike("organisation", number, organisations, _organisations(form))
        yield from _unlike("contributor", number, contributors, _contributors(form))
        for row in parts["picture"]:
            if [row["alt"]] != [picture.alt for picture in form.pictures[row["position"] - 1 : row["position"]]]:
                yield "picture", number, row["position"], "alt"


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
    yield from unlike_experts(session)


RECORD_IS_WHOLE = Invariant(
    "record_is_whole",
    "Nothing of the record was changed, removed or added (as `gangchuang verify`).",
    "操作留痕须完整",
    lambda session, _: verify(session),
)
ROWS_AGREE = Invariant(
    "rows_follow_the_record",
    "Every row that decides anything is what the record makes it: dates, scores, seats, lists, contents.",
    "数据须与操作留痕一致",
    _disagreeing,
)

EVERY_INVARIANT = (RECORD_IS_WHOLE, ROWS_AGREE, *INVARIANTS)

__all__ = ["EVERY_INVARIANT", "RECORD_IS_WHOLE", "ROWS_AGREE", "disagreements"]
