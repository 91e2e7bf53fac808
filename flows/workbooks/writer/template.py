"""Writes the workbooks that are issued: one sheet to fill, a guide, the mark. Same input, same bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from config.local_time import ZONE
from config.season import Season
from flows.workbooks.columns.mark import Mark, sign
from flows.workbooks.reader.layout import GUIDE_SHEET, MARK_SHEET, MATERIAL_SHEET, Layout
from flows.workbooks.writer import guide
from flows.workbooks.writer.fill_sheet import FillSheet
from flows.workbooks.writer.material_sheet import write_materials

_AS_TYPED = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def write_template(
    target: Path,
    *,
    mark: Mark,
    key: bytes,
    layout: Layout,
    season: Season,
    recipient_name: str,
    deadline: datetime,
    rows: Sequence[Mapping[str, Any]] = (),
    created_at: datetime,
    remark: str = "",
) -> None:
    """Write one workbook to `target`, its parent exists.

    `rows` fill the table from the top by column key (see `layout`); in verdicts and scores they are
    what is to be judged, and only they can be filled. `remark`: what stands first on the sheet. `deadline` and `created_at` are aware. The file
    says nothing about anyone but what the arguments hold. Raises MarkUnusable for a wrong key.
    """
    token = sign(mark, key)
    book = xlsxwriter.Workbook(str(target), _AS_TYPED)
    created = created_at.astimezone(ZONE).replace(tzinfo=None, microsecond=0)
    book.set_properties({"title": f"{season.year}年度{mark.kind.label}", "created": created})
    sheet = book.add_worksheet(layout.sheet)
    if layout.materials:
        write_materials(book.add_worksheet(MATERIAL_SHEET), book, layout, rows)
    told = guide.Guide(layout, season, recipient_name, deadline, mark.issue, token, remark)
    guide.write_guide(book.add_worksheet(GUIDE_SHEET), book, told)
    _write_mark(book, token)
    FillSheet(book, sheet, layout, season, rows, remark).write(recipient_name, deadline)
    sheet.activate()
    book.close()


def _write_mark(book: Any, token: str) -> None:
    sheet = book.add_worksheet(MARK_SHEET)
    sheet.write_string(0, 0, token)
    sheet.write_string(1, 0, "本页供系统识别，请勿改动或删除。")
    sheet.protect()
    sheet.very_hidden()
