"""Which achievement is it? Its fingerprint, and the submission that a delivered row is about."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models import Contributor, Expert, Organisation, Submission, SubmissionVersion
from models.database import reading, writing
from models.enums import (
    Outcome,
    SubmissionState,
)
from models.forms import SubmissionForm
from models.schema import upgrade
from states.numbers import Number, UnknownSubmission
from states.rules.grouping import grouped
from states.rules.names import name_key
from states.submissions.attachments import AttachedFile, ReadablePicture
from states.submissions.delivery import Delivered

_CHUNK = 500
_WITHOUT_KEY = select(Submission.number).where(Submission.title_key == "").order_by(Submission.number)
_NAMELESS = select(Expert.id).where(Expert.name_key == "")
_OUT = (Outcome.WITHDRAWN, Outcome.INELIGIBLE)  # the same achievement may come again


@dataclass(frozen=True, slots=True)
class Incoming:
    """One row of a delivered workbook, read and complete as a form."""

    position: int
    form: SubmissionForm
    files: tuple[AttachedFile, ...] = ()
    line: int | None = None
    pictures: Mapping[str, ReadablePicture] = field(default_factory=dict)  # by their files' names

    @property
    def where(self) -> str:
        """The row as its sender finds it: by the sheet's line, where there is a sheet."""
        return f"第{self.position if self.line is None else self.line}行"

    @property
    def readable(self) -> dict[str, ReadablePicture]:
        """What could be made of its pictures, by the digests of their files."""
        return {file.digest: self.pictures[file.name] for file in self.files if file.name in self.pictures}


@dataclass(frozen=True, slots=True)
class Known:
    number: str
    unit: str
    season: int
    state: SubmissionState
    outcome: Outcome | None
    version: int
    fingerprint: str


def bring_up(engine: Engine) -> None:
    """Bring a database to this version: its schema, and the keys that the schema's own steps emptied.

    What is a key here is made from names by rules that no migration can know. Raises DatabaseTooNew.
    """
    upgrade(engine)
    with reading(engine) as session:
        if not (session.scalar(_WITHOUT_KEY.limit(1)) or session.scalar(_NAMELESS.limit(1))):
            return
    with writing(engine) as session:
        _renew_keys(session)


def _renew_keys(session: Session) -> None:
    numbers = list(session.scalars(_WITHOUT_KEY))
    for part in _chunks(numbers):
        for submission in session.scalars(select(Submission).where(Submission.number.in_(part))):
            submission.title_key = name_key(submission.title)
            content = session.get_one(SubmissionVersion, (submission.number, submission.version)).content
            # With the personal data deleted, a submission has no fingerprint any more.
            submission.fingerprint = fingerprint(SubmissionForm.model_validate_json(content)) if content else ""
        for table in (Organisation, Contributor):
            # Of a choice of tables the checker knows only what all tables have in common.
            named: Any
            for named in session.scalars(select(table).where(table.number.in_(part))):
                named.name_key = name_key(named.name)
        session.flush()
    taken: set[tuple[str, str]] = set()
    for expert in session.scalars(select(Expert).order_by(Expert.id)):
        keys = name_key(expert.name), name_key(expert.organisation)
        # Two who were told apart by a look-alike sign stay two; only the first is found by a new row.
        expert.name_key, expert.organisation_key = keys if keys not in taken else (keys[0], f"{keys[1]}#{expert.id}")
        taken.add(keys)


def fingerprint(form: SubmissionForm) -> str:
    """The exact identity of an achievement: normalised title, organisations and contributors."""
    parts = [
        [name_key(form.title)],
        sorted({name_key(organisation.name) for organisation in form.organisations}),
        sorted({name_key(contributor.name) for contributor in form.contributors}),
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def the_same(
    form: SubmissionForm,
    mark: str,
    alike: Iterable[Known],
    by_number: Mapping[str, Known],
    delivered: Delivered,
    meant: Collection[str],
) -> tuple[Known | None, str]:
    """The unit's own submission that this row is about, and the number of another one it repeats.

    By number, then by the whole fingerprint, then by the title alone: there a submission that
    another row means (`meant`) is left to that row.
    """
    here = (delivered.unit, delivered.season)
    named = by_number.get(form.number or "")
    if named is not None and (named.unit, named.season) == here:
        return named, ""
    alike = [other for other in alike if other.outcome not in _OUT]
    own = [other for other in alike if (other.unit, other.season) == here and other.state is SubmissionState.SUBMITTED]
    exact = next((other for other in (*own, *alike) if other.fingerprint == mark), None)
    if exact is not None:
        return (exact, "") if exact in own else (None, exact.number)
    if form.number:
        return None, ""
    return next((other for other in own if other.number not in meant), None), ""


def twin_of(own: Known, mark: str, known: Mapping[str, Sequence[Known]], form: SubmissionForm) -> str:
    """Another submission that is the same achievement as what a row makes of its own; empty when there is none."""
    same = (
        other
        for other in known.get(name_key(form.title), ())
        if other.fingerprint == mark and other.number != own.number
    )
    return next((other.number for other in same if other.outcome not in _OUT), "")


def meant_exactly(
    rows: Iterable[Incoming],
    marks: Mapping[int, str],
    known: Mapping[str, Sequence[Known]],
    by_number: Mapping[str, Known],
    delivered: Delivered,
) -> set[str]:
    """The submissions that rows of this delivery name by their number or repeat exactly."""
    meant = set()
    for row in rows:
        alike, mark = known.get(name_key(row.form.title), ()), marks[row.position]
        exactly = [submission for submission in alike if submission.fingerprint == mark]
        own, _ = the_same(row.form, mark, exactly, by_number, delivered, ())
        if own is not None:
            meant.add(own.number)
    return meant


def known_by_title(session: Session, keys: Sequence[str]) -> dict[str, list[Known]]:
    parts = _chunks(sorted(set(keys)))
    return grouped(known for part in parts for known in _load_known(session, Submission.title_key.in_(part)))


def known_by_number(session: Session, numbers: Sequence[str]) -> dict[str, Known]:
    return {
        submission.number: submission
        for part in _chunks(sorted(set(numbers)))
        for _, submission in _load_known(session, Submission.number.in_(part))
    }


def _load_known(session: Session, condition: Any) -> Iterator[tuple[str, Known]]:
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
        yield row[0], Known(*row[1:])


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


def submission_of(session: Session, number: str) -> Submission:
    Number.of(number)
    submission = session.get(Submission, number)
    if submission is None:
        raise UnknownSubmission(number)
    return submission
