"""Each file of the corpus gets exactly its answer, and a receipt that is a workbook."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows.workbooks.receipt import write_receipt
from models.forms import SubmissionForm
from tests.flows.workbooks import corpus_files, corpus_hostile, corpus_sheets, corpus_typing
from tests.flows.workbooks.corpus import CASES, Case
from tests.support.workbooks import ISSUED_AT, Workshop, read, season

assert corpus_typing and corpus_sheets and corpus_files and corpus_hostile  # importing them fills CASES


def _shown(form: Any, name: str) -> Any:
    """A field of a form, by its name or by a short name for what lies deeper."""
    if name == "people":
        return tuple(person.name for person in form.contributors)
    if name == "shares":
        return tuple(person.share for person in form.contributors)
    if name == "organisations":
        return tuple((body.name, body.credit_code) for body in form.organisations)
    for part in name.split("."):
        form = getattr(form, part)
    return form


def test_corpus_is_large() -> None:
    assert len(CASES) >= 150


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_delivery_gets_its_answer(case: Case, tmp_path: Path) -> None:
    path = case.build(Workshop(tmp_path))

    reading = read(path, sender=case.sender, newest_issue=case.newest_issue)

    assert [tuple(problem) for problem in reading.problems] == ([case.refused] if case.refused else [])
    assert [(one.cell, one.message) for row in reading.rows for one in row.problems] == list(case.backs)
    assert [(one.cell, one.message) for one in reading.all_notes] == list(case.notes)
    taken = {row.line: row.form for row in reading.rows if row.form is not None}
    shown = {line: {name: _shown(taken[line], name) for name in case.takes.get(line, ())} for line in taken}
    assert shown == case.takes
    assert all(row.sheet == case.sheet or row.line in case.takes for row in reading.rows)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_delivery_gets_a_receipt(case: Case, tmp_path: Path) -> None:
    path = case.build(Workshop(tmp_path))
    reading = read(path, sender=case.sender, newest_issue=case.newest_issue)
    numbers = {(row.sheet, row.line): f"GC-{row.line}" for row in reading.rows if row.form is not None}

    write_receipt(
        path, tmp_path / "receipt.xlsx", reading=reading, problems=reading.all_problems, accepted=numbers,
        written_at=ISSUED_AT, season=season(),
    )

    book = openpyxl.load_workbook(tmp_path / "receipt.xlsx")
    assert book.sheetnames[0] == "回执"
    told = [cell.value for row in book["回执"].iter_rows() for cell in row if cell.value is not None]
    assert all(problem.message in told for problem in reading.all_problems)
    assert set(numbers.values()) <= set(told)
    for sheet in book.worksheets:
        for cells in sheet.iter_rows():
            for cell in cells:
                assert cell.data_type != "f", (sheet.title, cell.coordinate)
                assert cell.hyperlink is None or cell.hyperlink.target is None
    for problem in reading.all_problems:
        if problem.cell and problem.sheet in book.sheetnames and isinstance(numbers, dict):
            assert book[problem.sheet][problem.cell].comment is not None or _is_merged(book, problem)


def _is_merged(book: Any, problem: Any) -> bool:
    return any(problem.cell in span for span in book[problem.sheet].merged_cells.ranges)


def test_submissions_are_forms(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    path = CASES[0].build(shop)
    assert all(isinstance(row.form, SubmissionForm) for row in read(path).rows)
