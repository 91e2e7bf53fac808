"""Each file of the corpus gets exactly its answer, and a receipt that tells it and holds nothing live."""

import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows.workbooks.reader.findings import Reading
from flows.workbooks.writer.receipt import write_receipt
from tests.flows.workbooks import (
    corpus_files,
    corpus_hostile,
    corpus_kinds,
    corpus_sheets,
    corpus_typing,
    corpus_unread,
)
from tests.flows.workbooks.corpus import CASES, Case
from tests.support.workbooks import ISSUED_AT, Workshop, read, season

# The only thing that is alive in a receipt: the total of a row's points, as we wrote it ourselves.
_TOTAL = re.compile(r'=IF\(COUNT\((?P<cells>(?:[A-Z]{1,2}[0-9]+,?)+)\)=0,"",SUM\((?P=cells)\)\)')
SECTIONS = (
    corpus_typing,
    corpus_sheets,
    corpus_kinds,
    corpus_files,
    corpus_hostile,
    corpus_unread,
)  # importing them fills CASES


def test_corpus_is_as_large_as_promised() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_delivery_gets_its_answer_and_a_receipt(case: Case, tmp_path: Path) -> None:
    path = case.build(Workshop(tmp_path))

    reading = read(path, sender=case.sender, newest_issue=case.newest_issue)

    assert [tuple(problem) for problem in reading.problems] == ([case.refused] if case.refused else [])
    assert [(problem.cell, problem.message) for row in reading.rows for problem in row.problems] == list(case.backs)
    assert [(note.cell, note.message) for note in reading.all_notes] == list(case.notes)
    assert bool(reading.unread) is case.unread
    forms = {row.line: row.form for row in reading.rows if row.form is not None}
    shown = {line: {name: _shown(forms[line], name) for name in case.takes.get(line, ())} for line in forms}
    assert shown == case.takes
    assert all(row.form is None for row in reading.rows if row.problems)

    _check_receipt(path, tmp_path / "receipt.xlsx", reading)


def _shown(form: Any, name: str) -> Any:
    """A field of a form, by its name or by a short name for what lies deeper."""
    if name == "people":
        return tuple(person.name for person in form.contributors)
    if name == "shares":
        return tuple(person.share for person in form.contributors)
    if name == "agreed":
        return tuple(person.consent for person in form.contributors)
    if name == "organisations":
        return tuple((body.name, body.credit_code) for body in form.organisations)
    for part in name.split("."):
        form = getattr(form, part)
    return form


def _check_receipt(path: Path, target: Path, reading: Reading) -> None:
    numbers = {(row.sheet, row.line): f"GC-{row.line}" for row in reading.rows if row.form is not None}
    write_receipt(
        path,
        target,
        reading=reading,
        problems=reading.all_problems,
        accepted=numbers,
        written_at=ISSUED_AT,
        season=season(),
    )

    book = openpyxl.load_workbook(target)
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    told = {cell.value for row in book["回执"].iter_rows() for cell in row}

    assert book.sheetnames[0] == "回执"
    assert {problem.message for problem in reading.all_problems} | set(numbers.values()) <= told
    assert all(_TOTAL.fullmatch(cell.value) for cell in cells if cell.data_type == "f")
    assert all(cell.hyperlink is None or cell.hyperlink.target is None for cell in cells)
    for problem in reading.all_problems:
        if problem.cell and problem.sheet in book.sheetnames:
            assert book[problem.sheet][_anchor(book[problem.sheet], problem.cell)].comment is not None


def _anchor(sheet: Any, cell: str) -> str:
    for span in sheet.merged_cells.ranges:
        if cell in span:
            return str(span.start_cell.coordinate)
    return cell
