"""Takes submissions in: new ones, and new versions of those still open. Set by set."""

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.orm import Session

from config.milestones import Milestone
from models import Attachment, Contact, Contributor, Correction, History, Organisation, Submission, SubmissionVersion
from models.database import insert_rows
from models.enums import CorrectionState, Outcome, SubmissionState
from models.forms import SubmissionForm
from states import record
from states.attachments import (
    AttachedFile,
    attached_to,
    attachment_rows,
    base_name,
    digests_of,
    keep_attached,
    same_files,
    still_named,
)
from states.cases import Ask, Frame, load_frame
from states.door import note_submission
from states.machine import Actor, Refusal
from states.record import Entry, Link
from states.rules.names import name_key
from states.submission import SUBMISSION, Case, achievement_is_covered, is_complete, is_no_duplicate

_CHUNK = 500
_OUT = (Outcome.WITHDRAWN, Outcome.INELIGIBLE)  # the same achievement may come again


@dataclass(frozen=True, slots=True)
class Incoming:
    """One row of a delivered workbook, read and complete as a form."""

    place: int
    form: SubmissionForm
    files: tuple[AttachedFile, ...] = ()


@dataclass(frozen=True)
class Delivered:
    """What all rows of one delivery share."""

    season: int
    unit: str
    digest: str
    arrived_at: datetime
    at: datetime
    actor: Actor
    admitted: bool = False
    flow_run: str = ""


@dataclass(frozen=True)
class Taken:
    """What became of the rows, by their place: a number given, a version kept, nothing new, or a refusal."""

    accepted: Mapping[int, str]
    updated: Mapping[int, str]
    unchanged: Mapping[int, str]
    refused: Mapping[int, Refusal]

    @property
    def numbers(self) -> dict[int, str]:
        return {**self.accepted, **self.updated, **self.unchanged}


@dataclass(frozen=True, slots=True)
class _Known:
    number: str
    unit: str
    season: int
    state: SubmissionState
    outcome: Outcome | None
    version: int
    fingerprint: str


def take_submissions(session: Session, delivered: Delivered, rows: Sequence[Incoming]) -> Taken:
    """Judge and keep the rows of one delivery; good rows go in, bad rows come back with the reason."""
    frame = load_frame(session, delivered.season)
    known = _known_by_title(session, [name_key(row.form.title) for row in rows])
    by_number = _known_by_number(session, [row.form.number for row in rows if row.form.number])
    new: list[tuple[Incoming, str]] = []
    changes: list[tuple[Incoming, _Known]] = []
    refused: dict[int, Refusal] = {}
    seen: dict[str, int] = {}
    marks = {row.place: fingerprint(row.form) for row in rows}
    meant = _meant_exactly(rows, marks, known, by_number, delivered)
    for row in rows:
        mark = marks[row.place]
        own, other = _same(row.form, mark, known.get(name_key(row.form.title), ()), by_number, delivered, meant)
        first = seen.get(mark) or (seen.get(own.number) if own else None)
        if first is not None:
            refused[row.place] = _twice_in_one_workbook(first)
            continue
        seen[mark] = row.place
        if own is not None:
            seen[own.number] = row.place
            meant.add(own.number)
            twin = is_no_duplicate(_case(frame, delivered, row.form, _twin(own, mark, known, row.form)))
            if twin is None:
                changes.append((row, own))
            else:
                refused[row.place] = twin
            continue
        case = _case(frame, delivered, row.form, other)
        verdict = SUBMISSION.judge("submit", case)
        if isinstance(verdict, Refusal):
            refused[row.place] = verdict
        elif row.form.number:
            refused[row.place] = _unknown_number(row.form.number)
        else:
            new.append((row, mark))
    accepted = _insert(session, delivered, new)
    updated, unchanged, not_now = _change(session, frame, delivered, changes)
    return Taken(accepted, updated, unchanged, {**refused, **not_now})


def fingerprint(form: SubmissionForm) -> str:
    """The exact identity of an achievement: normalised title, organisations and contributors."""
    parts = [
        [name_key(form.title)],
        sorted({name_key(one.name) for one in form.organisations}),
        sorted({name_key(one.name) for one in form.contributors}),
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def content_of(form: SubmissionForm) -> str:
    """A form's content as kept and digested: canonical JSON without the number and the contact."""
    fields = form.model_dump(mode="json", exclude={"number", "contact"})
    fields["attachments"] = [base_name(name) for name in form.attachments]
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _same(
    form: SubmissionForm,
    mark: str,
    alike: Iterable[_Known],
    by_number: Mapping[str, _Known],
    delivered: Delivered,
    meant: Collection[str],
) -> tuple[_Known | None, str]:
    """The unit's own submission that this row is about, and the number of another one it repeats.

    By number, then by the whole fingerprint, then by the title alone: there a submission that
    another row means (`meant`) is left to that row.
    """
    here = (delivered.unit, delivered.season)
    named = by_number.get(form.number or "")
    if named is not None and (named.unit, named.season) == here:
        return named, ""
    alike = [one for one in alike if one.outcome not in _OUT]
    own = [one for one in alike if (one.unit, one.season) == here and one.state is SubmissionState.SUBMITTED]
    exact = next((one for one in (*own, *alike) if one.fingerprint == mark), None)
    if exact is not None:
        return (exact, "") if exact in own else (None, exact.number)
    if form.number:
        return None, ""
    return next((one for one in own if one.number not in meant), None), ""


def _twin(own: _Known, mark: str, known: Mapping[str, Sequence[_Known]], form: SubmissionForm) -> str:
    """Another submission that is the same achievement as what a row makes of its own; empty when there is none."""
    same = (one for one in known.get(name_key(form.title), ()) if one.fingerprint == mark and one.number != own.number)
    return next((one.number for one in same if one.outcome not in _OUT), "")


def _meant_exactly(
    rows: Iterable[Incoming],
    marks: Mapping[int, str],
    known: Mapping[str, Sequence[_Known]],
    by_number: Mapping[str, _Known],
    delivered: Delivered,
) -> set[str]:
    """The submissions that rows of this delivery name by their number or repeat exactly."""
    meant = set()
    for row in rows:
        alike, mark = known.get(name_key(row.form.title), ()), marks[row.place]
        exactly = [one for one in alike if one.fingerprint == mark]
        own, _ = _same(row.form, mark, exactly, by_number, delivered, ())
        if own is not None:
            meant.add(own.number)
    return meant


def _case(frame: Frame, delivered: Delivered, form: SubmissionForm, duplicate_of: str) -> Case:
    return Case(
        at=delivered.at,
        role=delivered.actor.role,
        call_state=frame.call_state,
        arrived_at=delivered.arrived_at,
        call_deadline=frame.deadlines.at(Milestone.CLOSE_CALL, delivered.unit),
        admitted=delivered.admitted,
        missing=missing_parts(form, frame),
        completed_on=form.completed_on,
        covered_years=frame.season.covered_years,
        duplicate_of=duplicate_of,
    )


def missing_parts(form: SubmissionForm, frame: Frame) -> tuple[str, ...]:
    """What a form lacks to be complete, in the words of the workbook's headings."""
    call = frame.season.call
    missing = []
    if len(form.contributors) > call.max_contributors:
        missing.append(f"完成人不得超过{call.max_contributors}人（填了{len(form.contributors)}人）")
    if len(form.organisations) > call.max_organisations:
        missing.append(f"申报单位不得超过{call.max_organisations}个（填了{len(form.organisations)}个）")
    if form.field not in frame.season.fields:
        missing.append(f"所属领域须从下拉列表选择（填了“{form.field}”）")
    if not form.benefit_social and form.benefit_economic is None:
        missing.append("经济效益或社会效益（至少填一项）")
    return tuple(missing)


def _twice_in_one_workbook(first: int) -> Refusal:
    return Refusal("duplicate", f"the same row stands at line {first}", f"与本表第{first}行为同一成果，重复填写")


def _unknown_number(number: str) -> Refusal:
    return Refusal(
        "unknown_number",
        f"the unit has no submission {number}",
        f"本单位没有编号为“{number}”的申报；新申报请将“申报编号”留空",
    )


def _known_by_title(session: Session, keys: Sequence[str]) -> dict[str, list[_Known]]:
    found: dict[str, list[_Known]] = {}
    for part in _chunks(sorted(set(keys))):
        for one in _load_known(session, Submission.title_key.in_(part)):
            found.setdefault(one[0], []).append(one[1])
    return found


def _known_by_number(session: Session, numbers: Sequence[str]) -> dict[str, _Known]:
    return {
        one.number: one
        for part in _chunks(sorted(set(numbers)))
        for _, one in _load_known(session, Submission.number.in_(part))
    }


def _load_known(session: Session, condition: Any) -> Iterator[tuple[str, _Known]]:
    query = (
        select(
            Submission.title_key,
            Submission.number,
            Submission.unit,
            Submission.season,
            Submission.state,
            Submission.outcome,
            Submission.version,
            Submission.fingerprint,
        )
        .where(condition)
        .order_by(Submission.number)
    )
    for row in session.execute(query):
        yield row[0], _Known(*row[1:])


def _insert(session: Session, delivered: Delivered, new: Sequence[tuple[Incoming, str]]) -> dict[int, str]:
    if not new:
        return {}
    last = session.scalar(
        select(func.max(Submission.place)).where(
            Submission.season == delivered.season, Submission.unit == delivered.unit
        )
    )
    tables: dict[Any, list[dict[str, Any]]] = {}
    accepted: dict[int, str] = {}
    for place, (row, mark) in enumerate(new, start=(last or 0) + 1):
        number = f"{delivered.season}-{delivered.unit}-{place:04d}"
        accepted[row.place] = number
        _rows_of_new(tables, delivered, number, place, row, mark)
    for table in (Submission, SubmissionVersion, Organisation, Contributor, Contact, Attachment):
        insert_rows(session, _plain(table), tables.get(table, []))
    record.append(session, tables[History])
    return accepted


def _plain(table: Any) -> Table:
    return cast(Table, table.__table__)


def _rows_of_new(
    tables: dict[Any, list[dict[str, Any]]],
    delivered: Delivered,
    number: str,
    place: int,
    row: Incoming,
    mark: str,
) -> None:
    form = row.form
    version = _version(delivered, number, 1, form)
    facts = {**_facts(delivered, form, version), **digests_of(row.files)}
    entry = _entry(delivered, number, "submit", "", "submitted", facts)
    history, link = record.chain(entry, Link(0, record.ZERO))
    tables.setdefault(History, []).append(history)
    tables.setdefault(SubmissionVersion, []).append(version)
    tables.setdefault(Submission, []).append(
        {
            "number": number,
            "season": delivered.season,
            "unit": delivered.unit,
            "place": place,
            "state": SubmissionState.SUBMITTED,
            "submitted_at": delivered.at,
            "version": 1,
            "sequence": link.sequence,
            "head": link.head,
            **_columns(form, mark),
        }
    )
    _content_rows(tables, number, form)
    tables.setdefault(Attachment, []).extend(attachment_rows(number, 1, row.files))


def _columns(form: SubmissionForm, mark: str) -> dict[str, Any]:
    return {
        "title": form.title,
        "title_key": name_key(form.title),
        "fingerprint": mark,
        "category": form.category,
        "carrier": form.carrier,
        "field": form.field,
        "completed_on": form.completed_on,
        "consent": form.consent,
    }


def _content_rows(tables: dict[Any, list[dict[str, Any]]], number: str, form: SubmissionForm) -> None:
    tables.setdefault(Organisation, []).extend(
        {
            "number": number,
            "position": position,
            "name": one.name,
            "name_key": name_key(one.name),
            "credit_code": one.credit_code,
        }
        for position, one in enumerate(form.organisations, start=1)
    )
    tables.setdefault(Contributor, []).extend(
        {
            "number": number,
            "position": position,
            "name": one.name,
            "name_key": name_key(one.name),
            "organisation": one.organisation,
            "role": one.role,
            "share": one.share,
        }
        for position, one in enumerate(form.contributors, start=1)
    )
    tables.setdefault(Contact, []).append(
        {"number": number, "name": form.contact.name, "phone": form.contact.phone, "mail": form.contact.mail}
    )


def _version(delivered: Delivered, number: str, version: int, form: SubmissionForm) -> dict[str, Any]:
    salt, content = secrets.token_hex(16), content_of(form)
    digest = hashlib.sha256(bytes.fromhex(salt) + content.encode()).hexdigest()
    return {
        "number": number,
        "version": version,
        "content": content,
        "salt": salt,
        "digest": digest,
        "delivery": delivered.digest,
        "kept_at": delivered.at,
    }


def _facts(delivered: Delivered, form: SubmissionForm, version: Mapping[str, Any]) -> dict[str, Any]:
    """What of a submission decides: no names of people, and the salted digest of the whole content."""
    return {
        "unit": delivered.unit,
        "title": form.title,
        "category": form.category.value,
        "carrier": form.carrier.value,
        "field": form.field,
        "completed_on": form.completed_on.isoformat(),
        "organisations": [one.credit_code or name_key(one.name) for one in form.organisations],
        "contributors": len(form.contributors),
        "consent": form.consent,
        "version": version["version"],
        "content_digest": version["digest"],
        "delivery": delivered.digest,
        "arrived_at": record.instant_text(delivered.arrived_at),
        "admitted": delivered.admitted,
    }


def _entry(
    delivered: Delivered,
    number: str,
    trigger: str,
    source: str,
    target: str,
    facts: Mapping[str, Any],
) -> Entry:
    return Entry(
        record.submission_subject(number),
        delivered.season,
        delivered.at,
        str(delivered.actor),
        trigger,
        source,
        target,
        "",
        record.canonical(facts),
        delivered.flow_run,
    )


def _change(
    session: Session, frame: Frame, delivered: Delivered, changes: Sequence[tuple[Incoming, _Known]]
) -> tuple[dict[int, str], dict[int, str], dict[int, Refusal]]:
    updated, unchanged, refused = {}, {}, {}
    for row, known in changes:
        current = session.get_one(SubmissionVersion, (known.number, known.version)).content
        if current == content_of(row.form) and not _other_files(session, known, row):
            unchanged[row.place] = known.number
            continue
        refusal = _not_changeable(session, frame, delivered, known) or _unfit(frame, delivered, row.form)
        if refusal is not None:
            refused[row.place] = refusal
            continue
        _amend(session, delivered, known, row)
        updated[row.place] = known.number
    return updated, unchanged, refused


def _other_files(session: Session, known: _Known, row: Incoming) -> bool:
    """Whether other files came than those that are kept; a workbook that came alone changes none."""
    return bool(row.files) and not same_files(row.files, attached_to(session, known.number, known.version))


def _not_changeable(session: Session, frame: Frame, delivered: Delivered, known: _Known) -> Refusal | None:
    correction = session.get(Correction, known.number)
    outstanding = correction is not None and correction.state is CorrectionState.OUTSTANDING
    if correction is not None and outstanding and known.state is not SubmissionState.ARCHIVED:
        if delivered.arrived_at <= correction.due_at:
            return None
        return Refusal("late", "the correction came too late", "补正期限已过，不能再修改")
    if known.state is not SubmissionState.SUBMITTED:
        label = known.state.label
        return Refusal("state", f"it is {known.state}", f"编号 {known.number} 当前为“{label}”，不能再修改")
    deadline = frame.deadlines.at(Milestone.CLOSE_CALL, delivered.unit)
    if (deadline is not None and delivered.arrived_at <= deadline) or delivered.admitted:
        return None
    return Refusal("late", "the call is closed", f"申报已截止，编号 {known.number} 不能再修改")


def _unfit(frame: Frame, delivered: Delivered, form: SubmissionForm) -> Refusal | None:
    """A new version must be as complete and as covered as a new submission."""
    case = _case(frame, delivered, form, "")
    return is_complete(case) or achievement_is_covered(case)


def _amend(session: Session, delivered: Delivered, known: _Known, row: Incoming) -> None:
    form = row.form
    before = attached_to(session, known.number, known.version)
    files = row.files or still_named(before, form.attachments)
    version = _version(delivered, known.number, known.version + 1, form)
    session.execute(insert(SubmissionVersion), [version])
    for table in (Organisation, Contributor, Contact):
        session.execute(delete(table).where(table.number == known.number))
    tables: dict[Any, list[dict[str, Any]]] = {}
    _content_rows(tables, known.number, form)
    for table, rows in tables.items():
        session.execute(insert(table), rows)
    session.execute(
        update(Submission)
        .where(Submission.number == known.number)
        .values(version=version["version"], **_columns(form, fingerprint(form)))
    )
    keep_attached(session, known.number, version["version"], files)
    facts = {**_facts(delivered, form, version), **digests_of(files)}
    correction = session.get(Correction, known.number)
    if correction is not None and correction.state is CorrectionState.OUTSTANDING:
        correction.state, correction.settled_at = CorrectionState.ANSWERED, delivered.at
        facts["correction"] = "answered"
    session.flush()
    ask = Ask("amend", delivered.actor, delivered.at, flow_run=delivered.flow_run, facts=lambda number: facts)
    note_submission(session, known.number, ask)


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
