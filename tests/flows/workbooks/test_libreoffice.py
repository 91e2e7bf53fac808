"""Issued workbooks that a real program opened and saved still go through, mark and all."""

from pathlib import Path

import pytest

from flows.workbooks.reader.formats import identify
from flows.workbooks.reader.inspection import inspect
from flows.workbooks.writer.receipt import write_receipt
from models.enums import WorkbookKind
from tests.flows.workbooks import corpus_unread  # noqa: F401 - importing it fills CASES
from tests.flows.workbooks.corpus import CASES
from tests.support import libreoffice
from tests.support.played import practice_row
from tests.support.workbooks import GIVEN, ISSUED_AT, UNIT, Workshop, judged, points, read, season, typed

pytestmark = pytest.mark.skipif(libreoffice.PROGRAM is None, reason=libreoffice.MISSING)
NUMBERS = [str(given["number"]) for given in GIVEN]
ROWS = {
    WorkbookKind.SUBMISSIONS: [typed({"经济效益（万元）": 12.5}), typed(成果名称="二", 完成日期="2025.3")],
    WorkbookKind.VERDICTS: [judged(number, 推荐排序=place) for place, number in enumerate(NUMBERS, 1)],
    WorkbookKind.SCORES: [
        {"申报编号": NUMBERS[0], **points(25, 20.5, 20, 15)},
        {"申报编号": NUMBERS[1], "回避": "回避", "回避原因": "同一单位"},
    ],
    WorkbookKind.VOTES: [
        {"申报编号": number, "拟授等次": "一等奖", "同意票": 30, "不同意票": 1, "弃权票": 2} for number in NUMBERS
    ],
    WorkbookKind.EXPERTS: [{"姓名": "示例专家", "工作单位": "示例大学", "专业领域": "机械制造、电子信息"}],
    WorkbookKind.PRACTICE: [practice_row("示例：做法一"), practice_row("示例：做法二", "不同意")],
    WorkbookKind.FOLLOW_UP: [
        {
            "申报编号": NUMBERS[0],
            "应用情况": "在用",
            "开始应用时间": "2026-03-05",
            "应用单位": "示例公司",
            "推广单位数": 3,
        },
        {"申报编号": NUMBERS[1], "应用情况": "未投入应用", "说明": "设备未到"},
    ],
}


@pytest.mark.parametrize("form", ["xlsx", "xls:MS Excel 97", "ods"])
def test_saved_workbooks_say_what_the_filled_ones_said(form: str, tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    filled = [shop.filled(*ROWS[kind], kind=kind, name=f"{kind.value}.xlsx") for kind in WorkbookKind]

    saved = libreoffice.convert_all(filled, tmp_path / "saved", form)

    for kind, source, made in zip(WorkbookKind, filled, saved, strict=True):
        before, after = read(source), read(made)
        assert (kind, after.problems, after.mark) == (kind, (), before.mark)
        assert len(after.rows) == len(ROWS[kind])
        assert [row.form for row in after.rows] == [row.form for row in before.rows]


def test_receipt_saved_and_sent_again_updates_what_was_taken(tmp_path: Path) -> None:
    filled = Workshop(tmp_path).filled(typed(), typed(成果名称="二", 类别="错"))
    reading = read(filled)
    write_receipt(
        filled,
        tmp_path / "receipt.xlsx",
        reading=reading,
        problems=reading.all_problems,
        accepted={("申报汇总表", 5): f"GC2026-{UNIT}-001"},
        written_at=ISSUED_AT,
        season=season(),
    )

    again = read(libreoffice.convert(tmp_path / "receipt.xlsx", tmp_path / "saved"))

    assert again.problems == ()
    assert [row.form and row.form.number for row in again.rows] == [f"GC2026-{UNIT}-001", None]
    assert [row.problems for row in again.rows] == [row.problems for row in reading.rows]


def test_workbook_as_libreoffice_saves_it_is_read_in_this_process(tmp_path: Path) -> None:
    saved = libreoffice.convert(Workshop(tmp_path).filled(typed()), tmp_path / "saved")

    _, archive = identify(saved, season().files)

    assert archive is not None
    with archive.file:
        inspection = inspect(archive, season().files)
    assert inspection.cheap
    assert inspection.copyable


def test_a_picture_is_named_in_what_libreoffice_saves(tmp_path: Path) -> None:
    pasted = next(case for case in CASES if case.name == "a pasted picture").build(Workshop(tmp_path))

    xlsx, ods = (read(libreoffice.convert(pasted, tmp_path / "saved", form)) for form in ("xlsx", "ods"))

    assert [(note.cell, note.unread) for note in xlsx.all_notes] == [("C7", True)]
    assert [(note.cell, note.unread) for note in ods.all_notes] == [(None, True)]
