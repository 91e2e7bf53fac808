"""Rows whose number belongs to one submission and whose title to another: sorted in part, or pasted a line too low."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from rapidfuzz import fuzz
from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.workbooks.columns.cells import quote
from flows.workbooks.reader.findings import FilledRow, Note, Problem, Reading
from flows.workbooks.reader.table import letters
from models import Submission
from models.forms import SubmissionForm
from states.rules.names import name_key
from states.rules.reviewers.blind import MASK

_CHUNK = 500
_UNLIKE = 50  # percent: less is hardly a corrected title any more


def part_misplaced(session: Session, reading: Reading) -> Reading:
    """The reading in which such rows come back; a unit may correct a title of its own, and is told what it was."""
    numbered = [row for row in reading.rows if row.title and _number(row)]
    known = _titles(session, {_number(row) for row in numbered})
    strange = {id(row) for row in numbered if _number(row) in known and not _alike(known[_number(row)], row.title)}
    if not strange:
        return reading
    owners = _owners(session, known, (row.title for row in numbered if id(row) in strange))
    rows = (_judged(reading, row, known, owners) if id(row) in strange else row for row in reading.rows)
    return replace(reading, rows=tuple(rows))


def _judged(reading: Reading, row: FilledRow, known: Mapping[str, str], owners: Mapping[str, str]) -> FilledRow:
    number = _number(row)
    was, owner = known[number], owners.get(name_key(row.title), "")
    cell = next(
        (f"{letters(table.columns['title'])}{row.line}" for table in reading.tables if table.sheet == row.sheet), None
    )
    if isinstance(row.form or row.supposed, SubmissionForm) and not owner:
        if fuzz.ratio(name_key(was), name_key(row.title)) >= _UNLIKE:
            return row
        said = f"编号{number}原来是{quote(was)}，按本行改为{quote(row.title)}；如果是错行，请改正后重报。"
        return replace(row, notes=(*row.notes, Note(row.sheet, cell, said)))
    whose = f"，而{quote(row.title)}是编号{owner}" if owner and owner != number else ""
    said = f"编号{number}是{quote(was)}，本行写的却是{quote(row.title)}{whose}：编号和名称对不上，请核对是否错行。"
    return replace(row, form=None, problems=(*row.problems, Problem(row.sheet, cell, said)), supposed=None)


def _number(row: FilledRow) -> str:
    return str(getattr(row.form or row.supposed, "number", None) or "")


def _alike(title: str, written: str) -> bool:
    """Whether a title stands as it is, or as experts see it, with names masked."""
    pieces = (re.escape(name_key(piece)) for piece in written.split(MASK))
    return name_key(title) == name_key(written) or bool(re.fullmatch(".*".join(pieces), name_key(title)))


def _titles(session: Session, numbers: Iterable[str]) -> dict[str, str]:
    listed = sorted(numbers)
    found: dict[str, str] = {}
    for start in range(0, len(listed), _CHUNK):
        part = listed[start : start + _CHUNK]
        rows = session.execute(select(Submission.number, Submission.title).where(Submission.number.in_(part)))
        found.update(rows.all())
    return found


def _owners(session: Session, known: Mapping[str, str], titles: Iterable[str]) -> dict[str, str]:
    """Which submission of the same units and seasons bears a title, by its key."""
    keys = sorted({name_key(title) for title in titles})
    units = select(Submission.unit, Submission.season).where(Submission.number.in_(list(known)[:_CHUNK])).distinct()
    own = {tuple(row) for row in session.execute(units)}
    found: dict[str, str] = {}
    for start in range(0, len(keys), _CHUNK):
        query = select(Submission.title_key, Submission.number, Submission.unit, Submission.season)
        for key, number, unit, season in session.execute(
            query.where(Submission.title_key.in_(keys[start : start + _CHUNK])).order_by(Submission.number)
        ):
            if (unit, season) in own:
                found.setdefault(key, number)
    return found
