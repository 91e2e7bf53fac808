"""Writes what a delivery brings: new submissions, and new versions of those that are open. Set by set."""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, true, update
from sqlalchemy.orm import Session
from sqlmodel import col

from models import (
    Attachment,
    Consent,
    Contact,
    Contributor,
    Correction,
    Organisation,
    Picture,
    Submission,
    SubmissionVersion,
)
from models.database import insert_rows, table_of
from models.enums import CorrectionState, Trigger
from models.forms import ContactForm, SubmissionForm
from states.guard_facts import Ask
from states.history.canonical import instant_text
from states.history.seals import Seals
from states.machine import Act
from states.numbers import Number
from states.rules.names import name_key, recorded_key
from states.submissions.attachments import (
    AttachedFile,
    attached_to,
    attachment_rows,
    base_name,
    digests_of,
    keep_attached,
    still_named,
)
from states.submissions.consents import FOLLOW_UP_KINDS, Given, given_by, kept_pictures, taken_back
from states.submissions.delivery import Delivered
from states.submissions.identity import Incoming, Known, fingerprint
from states.transitions import Begun, begin_submissions, note_submission

_ASKED_SINCE = {"consent", "text_consent", "pictures", "review_attachments"}


def content_of(form: SubmissionForm) -> str:
    """A form's content as kept and digested: canonical JSON without the number and the contact."""
    fields = form.model_dump(mode="json", exclude={"number", "restores", "contact"})
    for column in ("attachments", "review_attachments"):
        fields[column] = [base_name(name) for name in fields[column]]
    for picture in fields["pictures"]:
        picture["name"] = base_name(picture["name"])
    # What was not asked is not said: a workbook of an earlier version says again what it said.
    for part in (fields, *fields["contributors"]):
        for name in _ASKED_SINCE & part.keys():
            if part[name] in (None, []):
                del part[name]
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def insert_new(session: Session, delivered: Delivered, new: Sequence[tuple[Incoming, str]]) -> dict[int, str]:
    seals = Seals(session, delivered.season)
    last = session.scalar(
        select(func.max(Submission.place)).where(
            Submission.season == delivered.season, Submission.unit == delivered.unit
        )
    )
    begun: list[Begun] = []
    tables: dict[Any, list[dict[str, Any]]] = {}
    accepted: dict[int, str] = {}
    for place, (row, mark) in enumerate(new, start=(last or 0) + 1):
        number = str(Number(delivered.season, delivered.unit, place))
        accepted[row.position] = number
        version = _version(delivered, number, 1, row.form)
        given = given_by(row.form, row.files, row.readable)
        facts = {**_facts(delivered, row.form, version, row.files, seals), **given.facts}
        begun.append(Begun(number, {"unit": delivered.unit, "place": place, **_columns(row.form, mark)}, facts))
        tables.setdefault(SubmissionVersion, []).append(version)
        _content_rows(tables, number, row.form, given)
        tables.setdefault(Attachment, []).extend(attachment_rows(number, 1, row.files))
    begin_submissions(session, delivered.season, delivered.act, begun)
    for table in (SubmissionVersion, Organisation, Contributor, Contact, Consent, Picture, Attachment):
        insert_rows(session, table_of(table), tables.get(table, []))
    return accepted


def amend(session: Session, delivered: Delivered, known: Known, row: Incoming) -> None:
    before = attached_to(session, known.number, known.version)
    files = row.files or still_named(before, row.form.files)
    given = given_by(
        row.form,
        files,
        {**kept_pictures(session, known.number), **row.readable},
        taken_back(session, known.number),
    )
    facts = _put_version(session, delivered, known.number, known.version + 1, row.form, files, given)
    correction = session.get(Correction, known.number)
    if correction is not None and correction.state is CorrectionState.OUTSTANDING:
        correction.state, correction.settled_at = CorrectionState.ANSWERED, delivered.act.at
        facts["correction"] = "answered"
    session.flush()
    ask = Ask(Trigger.AMEND, delivered.act, facts=facts)
    note_submission(session, known.number, ask)


def content_in_force(session: Session, submission: Submission) -> SubmissionForm:
    """The form that a submission's version in force was delivered as. Raises ValueError once it is deleted."""
    kept = session.get_one(SubmissionVersion, (submission.number, submission.version))
    form, contact = SubmissionForm.model_validate_json(kept.content), session.get(Contact, submission.number)
    told = ContactForm(**contact.model_dump(exclude={"number"})) if contact else ContactForm()
    return form.model_copy(update={"contact": told})


def rewrite(session: Session, number: str, form: SubmissionForm, act: Act, *, reason: str) -> None:
    """A new version by the office's own hand: of the delivery before it, with its files, a name corrected."""
    submission = session.get_one(Submission, number, populate_existing=True)
    before = session.get_one(SubmissionVersion, (number, submission.version))
    delivered = Delivered(submission.season, submission.unit, before.delivery, act.at, act)
    files = attached_to(session, number, submission.version)
    given = given_by(form, files, kept_pictures(session, number), taken_back(session, number, form))
    facts = _put_version(session, delivered, number, submission.version + 1, form, files, given)
    session.flush()
    note_submission(session, number, Ask(Trigger.CORRECT_NAME, act, reason=reason, facts=facts))


def _put_version(
    session: Session,
    delivered: Delivered,
    number: str,
    ordinal: int,
    form: SubmissionForm,
    files: Sequence[AttachedFile],
    given: Given,
) -> dict[str, Any]:
    """Put a version in force, with the rows that follow from it; what the record says of it."""
    version = _version(delivered, number, ordinal, form)
    session.execute(insert(SubmissionVersion), [version])
    tables: dict[Any, list[dict[str, Any]]] = {}
    _content_rows(tables, number, form, given)
    for table, rows in tables.items():
        of_form = col(Consent.kind).not_in(FOLLOW_UP_KINDS) if table is Consent else true()
        session.execute(delete(table).where(table.number == number, of_form))
        if rows:
            session.execute(insert(table), rows)
    session.execute(
        update(Submission)
        .where(Submission.number == number)
        .values(version=ordinal, **_columns(form, fingerprint(form)))
    )
    keep_attached(session, number, ordinal, files)
    return {**_facts(delivered, form, version, files, Seals(session, delivered.season)), **given.facts}


def _columns(form: SubmissionForm, mark: str) -> dict[str, Any]:
    return {
        "title": form.title,
        "title_key": name_key(form.title),
        "fingerprint": mark,
        "category": form.category,
        "carrier": form.carrier,
        "field": form.field,
        "completed_on": form.completed_on,
    }


def _content_rows(tables: dict[Any, list[dict[str, Any]]], number: str, form: SubmissionForm, given: Given) -> None:
    tables.setdefault(Organisation, []).extend(
        {
            "number": number,
            "position": position,
            "name": organisation.name,
            "name_key": name_key(organisation.name),
            "credit_code": organisation.credit_code,
        }
        for position, organisation in enumerate(form.organisations, start=1)
    )
    tables.setdefault(Contributor, []).extend(
        {
            "number": number,
            "position": position,
            "name": contributor.name,
            "name_key": name_key(contributor.name),
            "organisation": contributor.organisation,
            "role": contributor.role,
            "share": contributor.share,
        }
        for position, contributor in enumerate(form.contributors, start=1)
    )
    tables.setdefault(Contact, []).append(
        {"number": number, "name": form.contact.name, "phone": form.contact.phone, "mail": form.contact.mail}
    )
    tables.setdefault(Consent, []).extend(given.rows(number))
    tables.setdefault(Picture, []).extend(shown.row(number) for shown in given.shown)


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
        "kept_at": delivered.act.at,
    }


def named(number: str, title: str, organisations: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """What the seal of a submission's title and organisations (name and credit code) is made of."""
    return ("submission", number, title, *(word for one in organisations for word in one))


def reached(number: str, contact: Mapping[str, Any]) -> tuple[str, ...]:
    """What the seal of a submission's contact is made of."""
    return ("contact", number, contact["name"], contact["phone"], contact["mail"])


def called(number: str, version: int, names: Iterable[str]) -> tuple[object, ...]:
    """What the seal of the names of a version's files is made of; by these a file goes to the experts or does not."""
    return ("attachment", number, version, *names)


def _facts(
    delivered: Delivered, form: SubmissionForm, version: Mapping[str, Any], files: Sequence[AttachedFile], seals: Seals
) -> dict[str, Any]:
    """What of a submission decides: no names of people, and the salted digest of the whole content.

    Title and organisations are sealed: most submissions get no award, and who asked not to be published is not.
    """
    number, ordinal = version["number"], version["version"]
    if seals.seals_persons:
        held = {"reached": seals.sealed(*reached(number, form.contact.model_dump()))["sealed"]}
        if files:
            held["called"] = seals.sealed(*called(number, ordinal, (file.name for file in files)))["sealed"]
    else:
        held = {}
    if seals.key:
        bodies = [(one.name, one.credit_code) for one in form.organisations]
        names: dict[str, Any] = {"named": seals.lasting(*named(version["number"], form.title, bodies))}
    else:
        codes = [one.credit_code or recorded_key(one.name) for one in form.organisations]
        names = {"title": form.title, "organisations": codes}
    return {
        "unit": delivered.unit,
        **names,
        "category": form.category.value,
        "carrier": form.carrier.value,
        "field": form.field,
        "completed_on": form.completed_on.isoformat(),
        "contributors": len(form.contributors),
        "version": version["version"],
        "content_digest": version["digest"],
        **delivered.facts,
        "arrived_at": instant_text(delivered.arrived_at),
        "admitted": delivered.admitted,
        **digests_of(files),
        **held,
    }
