"""Issued workbooks, people who fill them, and the tools with which others spoil them."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl

from config.local_time import ZONE
from config.season import Season, load_season
from flows.kinds.table import layout_of, read_delivery
from flows.workbooks.columns.mark import Mark
from flows.workbooks.reader.findings import Reading
from flows.workbooks.writer.filling import fill_template
from flows.workbooks.writer.template import write_template
from models.enums import WorkbookKind

KEY = bytes(range(32))
UNIT = "500101"
ISSUED_AT = datetime(2026, 3, 2, 9, tzinfo=ZONE)
SHEET = WorkbookKind.SUBMISSIONS.label
FIRST_LINE = 5
CODE = "91500000MA5U000010"
OTHER_CODE = "12500101MB00000016"
GIVEN = (
    {"number": "GC2026-500101-001", "title": "示例成果一", "category": "小发明", "field": "机械制造"},
    {"number": "GC2026-500101-002", "title": "示例成果二", "category": "小技改", "field": "能源环保"},
    {"number": "GC2026-500101-003", "title": "示例成果三", "category": "小设计", "field": "教育科普"},
)
# The other kinds are issued with the submissions that they ask about.
ISSUED_EMPTY = (WorkbookKind.SUBMISSIONS, WorkbookKind.EXPERTS, WorkbookKind.PRACTICE)


@lru_cache
def season() -> Season:
    """The shipped season."""
    return load_season(2026)


def typed(changes: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A good row as a person types it, with changes by heading."""
    row: dict[str, Any] = {
        "成果名称": "示例成果",
        "类别": "小发明",
        "载体": "班组创新",
        "领域": "机械制造",
        "完成日期": date(2025, 3, 5),
        "成果简介": "示例简介",
        "创新性": "示例创新",
        "实用性": "示例实用",
        "社会效益": "示例效益",
        "推广性": "示例推广",
        "单位1名称": "示例公司",
        "完成人1姓名": "示例甲",
        "完成人1单位": "示例公司",
        "成果授权": "同意",
        "完成人1同意公开姓名": "同意",
    }
    return {**row, **(changes or {}), **more}


def judged(number: str, **more: Any) -> dict[str, Any]:
    """A good verdict as a person types it."""
    row = {"申报编号": number, "初评结论": "推荐", **points(25, 20, 20, 15)}
    return {**row, **more}


def points(*values: Any) -> dict[str, Any]:
    """Points by the headings of the season's rubric."""
    names = (f"{criterion.name}（满分{criterion.maximum}）" for criterion in season().final_round.rubric)
    return dict(zip(names, values, strict=True))


@lru_cache
def _issued(kind: WorkbookKind, year: int, recipient: str, issue: int, key: bytes) -> bytes:
    with TemporaryDirectory() as folder:
        target = Path(folder) / "issued.xlsx"
        write_template(
            target,
            mark=Mark(year, recipient, kind, issue),
            key=key,
            layout=layout_of(kind, season()),
            season=season(),
            recipient_name="示例区科协",
            deadline=season().dates.close_call,
            rows=() if kind in ISSUED_EMPTY else GIVEN,
            created_at=ISSUED_AT,
        )
        return target.read_bytes()


class Workshop:
    """A folder in which workbooks are issued, filled and spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def issued(
        self,
        kind: WorkbookKind = WorkbookKind.SUBMISSIONS,
        *,
        year: int = 2026,
        recipient: str = UNIT,
        issue: int = 1,
        key: bytes = KEY,
        name: str = "issued.xlsx",
    ) -> Path:
        """An empty issued workbook."""
        target = self.folder / name
        target.write_bytes(_issued(kind, year, recipient, issue, key))
        return target

    def filled(
        self,
        *rows: Mapping[str, Any],
        kind: WorkbookKind = WorkbookKind.SUBMISSIONS,
        name: str = "filled.xlsx",
        agree: bool = True,
        **mark: Any,
    ) -> Path:
        """An issued workbook with rows typed in."""
        return fill_template(self.issued(kind, **mark), self.folder / name, rows, agree=agree)

    @contextmanager
    def opened(self, path: Path, **options: Any) -> Iterator[Any]:
        """The workbook in openpyxl; saved in place at the end."""
        book = openpyxl.load_workbook(path, **options)
        yield book
        book.save(path)

    def rewritten(self, path: Path, changes: Mapping[str, Callable[[bytes], bytes] | bytes]) -> Path:
        """The workbook with parts of its zip changed or added."""
        with zipfile.ZipFile(path) as book:
            parts = {name: book.read(name) for name in book.namelist()}
        for name, change in changes.items():
            parts[name] = change if isinstance(change, bytes) else change(parts[name])
        return self.packed(path.name, parts)

    def packed(self, name: str, parts: Mapping[str, bytes]) -> Path:
        """A zip of these files."""
        target = self.folder / name
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
            for part, content in parts.items():
                out.writestr(zipfile.ZipInfo(part, (2026, 3, 2, 9, 0, 0)), content, zipfile.ZIP_DEFLATED)
        return target

    def file(self, name: str, content: bytes) -> Path:
        """Any file."""
        target = self.folder / name
        target.write_bytes(content)
        return target


def read(path: Path, *, sender: str = UNIT, newest_issue: int | None = 1, year: Season | None = None) -> Reading:
    """Read a delivery of the example unit."""
    return read_delivery(path, season=year or season(), sender=sender, key=KEY, newest_issue=newest_issue)
