"""The award list to take away: xlsx, csv, JSON. The same awards and changes as on the page, made from its content."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import xlsxwriter

from flows.publish.pages.content import AwardLine, ResultsPage

DOWNLOADS = (
    ("获奖名单（Excel 工作簿）", "awards.xlsx"),
    ("获奖名单（CSV，UTF-8）", "awards.csv"),
    ("获奖名单（JSON）", "awards.json"),
    ("操作留痕（JSON Lines）", "history.jsonl"),
    ("订阅其后的变动（Atom）", "../feed.xml"),
)
_HEADINGS = ("编号", "项目名称", "等次", "类别", "载体", "申报单位", "推荐单位", "完成人")
_CHANGES = ("编号", "项目名称", "日期", "变动", "公布的理由")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def downloads(page: ResultsPage, changed_at: datetime) -> Iterator[tuple[str, bytes]]:
    """Every file by name; the same content gives the same bytes."""
    yield "awards.xlsx", _workbook(page, changed_at)
    yield "awards.csv", _table(page)
    yield "awards.json", _data(page)


def _cells(line: AwardLine) -> list[str]:
    words = (line.category.label, line.carrier.label) if line.licensed else ("", "")
    organisations, people = "；".join(line.organisations), "、".join(line.contributors)
    district = line.unit if line.licensed else ""
    return [line.number, line.title, line.tier.label, *words, organisations, district, people]


def _changed(page: ResultsPage) -> list[list[str]]:
    return [
        [change.number, change.title, change.on.isoformat(), change.kind, change.reason]
        for change in (*page.changes, *page.added, *page.altered)
    ]


def _workbook(page: ResultsPage, changed_at: datetime) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        book.set_properties({"title": f"{page.season}年度获奖名单", "created": changed_at.replace(tzinfo=None)})
        bold = book.add_format({"bold": True, "bottom": 1})
        for name, headings, rows, widths in (
            ("获奖名单", _HEADINGS, [_cells(line) for line in page.lines], (18, 44, 8, 8, 14, 30, 12, 30)),
            ("与公示的差异", _CHANGES, _changed(page), (18, 44, 12, 22, 50)),
        ):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, headings, bold)
            sheet.freeze_panes(1, 0)
            for row, cells in enumerate(rows, start=1):
                for column, cell in enumerate(cells):
                    sheet.write_string(row, column, cell)
            for column, width in enumerate(widths):
                sheet.set_column(column, column, width)
    return target.getvalue()


def _table(page: ResultsPage) -> bytes:
    """With a mark at its beginning by which Excel knows UTF-8; what a program could take for a formula is quoted."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_HEADINGS)
    for line in page.lines:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in _cells(line)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _data(page: ResultsPage) -> bytes:
    told: dict[str, Any] = {
        "season": page.season,
        "programme": page.programme,
        "root": page.proof.root,
        "noticed": page.noticed,
        "awards": [
            {
                "number": line.number,
                "title": line.title,
                "tier": line.tier.value,
                "organisations": list(line.organisations),
                "people": list(line.contributors),
            }
            for line in page.lines
        ],
        "changes": [
            dict(zip(("number", "title", "on", "kind", "reason"), change, strict=True)) for change in _changed(page)
        ],
    }
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"
