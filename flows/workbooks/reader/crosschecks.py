"""What can only be judged across rows or against the files that came along."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from flows.workbooks.columns.cells import compact, near, quote
from flows.workbooks.reader.findings import FilledRow, FilledTable, Note
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.packages import OpenDelivery
from flows.workbooks.reader.table import Place
from models.forms import SubmissionForm, VerdictForm

_MOST_CELLS = 200


def places_of(tables: Sequence[FilledTable], layout: Layout) -> dict[str, Place]:
    """How cells are named in each filled sheet."""
    return {table.sheet: Place(table.sheet, layout, table.columns) for table in tables}


def check_ranks(
    rows: Sequence[FilledRow], places: Mapping[str, Place], _: OpenDelivery
) -> tuple[list[FilledRow], list[Note]]:
    """Two recommended with the same place: neither can be taken."""
    checked = list(rows)
    by_rank: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        if isinstance(row.form, VerdictForm) and row.form.rank is not None:
            by_rank.setdefault(row.form.rank, []).append(index)
    for rank, indices in by_rank.items():
        if len(indices) > 1:
            lines = "、".join(str(rows[index].line) for index in indices)
            for index in indices:
                row = rows[index]
                problem = places[row.sheet].problem("rank", row.line, f"重复：第{lines}行都填了{rank}")
                checked[index] = replace(row, form=None, problems=(problem,))
    return checked, []


def check_numbers(rows: Sequence[FilledRow], places: Mapping[str, Place]) -> list[FilledRow]:
    """A submission number that stands in two rows names none of them."""
    checked = list(rows)
    by_number: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        number = getattr(row.form, "number", None)
        if number is not None:
            by_number.setdefault(number, []).append(index)
    for number, indices in by_number.items():
        if len(indices) > 1:
            lines = "、".join(str(rows[index].line) for index in indices)
            for index in indices:
                row = rows[index]
                message = f"重复：第{lines}行都是{quote(number)}，一个编号只能有一行"
                checked[index] = replace(
                    row, form=None, problems=(places[row.sheet].problem("number", row.line, message),)
                )
    return checked


def match_attachments(
    rows: Sequence[FilledRow], places: Mapping[str, Place], delivery: OpenDelivery
) -> tuple[list[FilledRow], list[Note]]:
    """Files that a row names must be in its package; files that no row names are mentioned."""
    if not delivery.packed:
        return list(rows), _promised(rows, places)
    attachments = delivery.attachments
    here = {compact(PurePosixPath(file.name).name): file.name for file in attachments}
    here |= {compact(file.name): file.name for file in attachments}
    named: set[str] = set()
    checked = []
    for row in rows:
        if isinstance(row.form, SubmissionForm) and row.form.attachments:
            named.update(here.get(compact(name), "") for name in row.form.attachments)
            row = _with_attachments(row, row.form, here, places[row.sheet])
        checked.append(row)
    unnamed = [file.name for file in attachments if file.name not in named]
    if not unnamed:
        return checked, []
    return checked, [Note("", None, f"随表送来、但没有一行写到的附件：{_listed(unnamed)}。")]


def _promised(rows: Sequence[FilledRow], places: Mapping[str, Place]) -> list[Note]:
    """Cells that name files while the workbook came alone: files that came before stay valid."""
    alone = [row for row in rows if isinstance(row.form, SubmissionForm) and row.form.attachments]
    message = "写了附件，但附件没有随表送来。以前报过的同名附件继续有效；没有报过的，请与本表一起压缩补报"
    notes = [places[row.sheet].note("attachments", row.line, message) for row in alone[:_MOST_CELLS]]
    if len(alone) > _MOST_CELLS:
        notes.append(Note("", None, f"另有{len(alone) - _MOST_CELLS}行也写了附件而没有随表送来。"))
    return notes


def _listed(names: Sequence[str]) -> str:
    return "、".join(names[:10]) + ("等" if len(names) > 10 else "")


def _with_attachments(row: FilledRow, form: SubmissionForm, here: Mapping[str, str], place: Place) -> FilledRow:
    missing = [name for name in form.attachments if compact(name) not in here]
    if missing:
        names = "、".join(quote(name) for name in missing)
        here_by_stem = {compact(PurePosixPath(name).stem): PurePosixPath(name).name for name in here.values()}
        meant = near(compact(PurePosixPath(missing[0]).stem), here_by_stem)
        message = f"写了{names}，但压缩包（文件夹）里没有{meant or '，'}请核对文件名"
        return replace(row, form=None, problems=(place.problem("attachments", row.line, message),))
    found = tuple(here[compact(name)] for name in form.attachments)
    return replace(row, form=form.model_copy(update={"attachments": found}))
