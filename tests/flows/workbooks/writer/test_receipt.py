"""The answer that a clerk gets: their own workbook, marked, and a sheet that tells all."""

import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import python_calamine

from flows.kinds.table import layout_of
from flows.workbooks.reader.findings import Problem, Reading
from flows.workbooks.writer.receipt import write_receipt
from models.enums import WorkbookKind
from tests.flows.workbooks.corpus_files import old_workbook
from tests.support.workbooks import ISSUED_AT, SHEET, Workshop, judged, read, season, typed

NUMBER = "GC2026-500101-007"


def _receipt(path: Path, *more: Problem, accepted: dict[tuple[str, int], str] | None = None) -> tuple[Reading, Any]:
    reading = read(path)
    target = path.parent / "receipt.xlsx"
    write_receipt(
        path,
        target,
        reading=reading,
        problems=[*reading.all_problems, *more],
        accepted=accepted or {},
        written_at=ISSUED_AT,
        season=season(),
    )
    return reading, openpyxl.load_workbook(target)


def _told(book: Any) -> list[str]:
    return [str(cell.value) for row in book["回执"].iter_rows() for cell in row if cell.value is not None]


def test_wrong_cells_are_marked_and_commented_where_they_stand(tmp_path: Path) -> None:
    path = Workshop(tmp_path).filled(typed(), typed(类别="小创造", 成果名称=None))

    _, book = _receipt(path, Problem(SHEET, "A5", "与编号示例重复。"), accepted={})

    marked = {cell.coordinate: cell.comment.text for row in book[SHEET].iter_rows() for cell in row if cell.comment}
    assert marked == {
        "A5": "需要修改：\n与编号示例重复。",
        "B6": "需要修改：\n“成果名称”没有填。",
        "C6": "需要修改：\n“类别”只能填：小发明、小技改、小设计（现在填的是“小创造”）。",
    }
    assert {book[SHEET][cell].fill.fgColor.rgb[-6:] for cell in marked} == {"FFC7CE"}
    assert book[SHEET]["B5"].fill.fgColor.rgb[-6:] != "FFC7CE"


def test_first_sheet_lists_each_problem_with_sheet_cell_column_and_what_stood_there(tmp_path: Path) -> None:
    path = Workshop(tmp_path).filled(typed(), typed(类别="小创造"))

    _, book = _receipt(path, accepted={(SHEET, 5): NUMBER})

    rows = [[cell.value for cell in row] for row in book["回执"].iter_rows()]
    message = "“类别”只能填：小发明、小技改、小设计（现在填的是“小创造”）。"
    assert [1, SHEET, "C6", "类别", "小创造", message] in rows
    assert [1, SHEET, 5, NUMBER, "示例成果", "已接收"] in rows
    links = {cell.value: cell.hyperlink.location for row in book["回执"].iter_rows() for cell in row if cell.hyperlink}
    assert links == {"C6": f"'{SHEET}'!C6", 5: f"'{SHEET}'!A5"}


def test_a_row_without_a_height_of_its_own_shows_its_longest_text(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    path = shop.filled(typed(成果简介="示例" * 200), typed(成果名称="二", 成果简介="示例" * 200))
    with shop.opened(path) as book:
        book[SHEET].row_dimensions[6].height = 40

    _, book = _receipt(path, accepted={(SHEET, 5): NUMBER, (SHEET, 6): NUMBER[:-1] + "8"})

    assert book[SHEET].row_dimensions[5].height > 200
    assert book[SHEET].row_dimensions[6].height == 40


def test_result_is_told_at_a_glance(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)

    whole = _told(_receipt(shop.filled(typed()), accepted={(SHEET, 5): NUMBER})[1])
    part = _told(_receipt(shop.filled(typed(), typed(类别="错")), accepted={(SHEET, 5): NUMBER})[1])
    none = _told(_receipt(shop.filled(typed(类别="错")))[1])
    unread = _told(_receipt(shop.file("a.xlsx", b"%PDF"))[1])

    assert "✔ 全部接收：1行" in whole
    assert "● 部分接收：接收1行，退回1行，共1处问题" in part
    assert "✘ 退回：1行，共1处问题" in none
    assert "✘ 退回：整份文件未能接收" in unread
    assert "重庆市科协2026年岗位创新争先行动·申报汇总表回执" in whole


def test_accepted_rows_bear_their_number_so_that_the_copy_can_be_sent_again(tmp_path: Path) -> None:
    path = Workshop(tmp_path).filled(typed(), typed(类别="错"))

    _, book = _receipt(path, accepted={(SHEET, 5): NUMBER})

    assert book[SHEET]["A5"].value == NUMBER
    again = read(tmp_path / "receipt.xlsx")
    assert [row.form and row.form.number for row in again.rows] == [NUMBER, None]
    assert again.mark == read(path).mark


def test_marks_of_an_earlier_receipt_are_gone_once_the_cell_is_right(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    _receipt(shop.filled(typed(类别="错"), typed()))
    corrected = (tmp_path / "receipt.xlsx").rename(tmp_path / "corrected.xlsx")
    with shop.opened(corrected) as book:
        book[SHEET]["C5"].value = "小发明"

    reading, book = _receipt(corrected, accepted={(SHEET, 5): NUMBER})

    assert reading.all_problems == ()
    assert book.sheetnames.count("回执") == 1
    assert book[SHEET]["C5"].comment is None
    assert book[SHEET]["C5"].fill.fgColor.rgb[-6:] != "FFC7CE"


def test_given_numbers_of_verdicts_stay_as_they_are(tmp_path: Path) -> None:
    path = Workshop(tmp_path).filled(judged("GC2026-500101-001"), kind=WorkbookKind.VERDICTS)

    _, book = _receipt(path, accepted={("初评结果表", 5): "GC2026-500101-001"})

    assert book["初评结果表"]["A5"].value == "GC2026-500101-001"


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    path = Workshop(tmp_path).filled(typed(类别="错"))

    _receipt(path)
    first = (tmp_path / "receipt.xlsx").read_bytes()
    _receipt(path)

    assert (tmp_path / "receipt.xlsx").read_bytes() == first


def test_copy_keeps_drop_downs_and_drops_what_is_alive(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    path = shop.filled(typed(类别="错"))
    with shop.opened(path) as book:
        book[SHEET]["B5"].hyperlink = "http://example.invalid"
        book[SHEET]["K5"].value = "=1+1"
        book.defined_names["x"] = openpyxl.workbook.defined_name.DefinedName("x", attr_text="[1]evil!$A$1")
    shop.rewritten(path, {"xl/vbaProject.bin": b"macro", "xl/externalLinks/externalLink1.xml": b"<externalLink/>"})

    _, book = _receipt(path)

    with zipfile.ZipFile(tmp_path / "receipt.xlsx") as packed:
        names = " ".join(packed.namelist())
    assert "vba" not in names
    assert "external" not in names
    with shop.opened(shop.issued()) as issued:
        offered = {str(rule.sqref): rule.formula1 for rule in issued[SHEET].data_validations.dataValidation}
    kept = {str(rule.sqref): rule.formula1 for rule in book[SHEET].data_validations.dataValidation}
    assert kept == offered
    assert len(kept) == sum(not column.given for column in layout_of(WorkbookKind.SUBMISSIONS, season()).columns)
    assert not book.defined_names
    assert book[SHEET]["B5"].hyperlink is None
    assert book[SHEET]["K5"].value is None


def test_old_workbook_is_answered_in_the_new_format(tmp_path: Path) -> None:
    path = old_workbook(Workshop(tmp_path).filled(typed(类别="错")), tmp_path / "old.xls")

    _, book = _receipt(path)

    assert book[SHEET]["C5"].comment is not None
    assert book[SHEET]["F5"].value == "2025-03-05"
    assert [book[name].sheet_state for name in book.sheetnames] == ["visible", "visible", "visible", "hidden"]
    assert read(tmp_path / "receipt.xlsx").mark == read(path).mark


def with_a_cell_beyond_any_workbook(path: Path) -> Path:
    """Bend the column of one text cell (BIFF record LABELSST: row, column, style, text) of the guide sheet."""
    whole, head = path.read_bytes(), b"\xfd\x00\x0a\x00"
    places = [found.start() for found in re.finditer(re.escape(head), whole)]
    for place in reversed(places):
        path.write_bytes(whole[: place + 6] + struct.pack("<H", 0x8000) + whole[place + 8 :])
        book = python_calamine.CalamineWorkbook.from_path(path)
        widths = {name: book.get_sheet_by_name(name).width for name in book.sheet_names}
        if widths["填写说明"] > 0x8000 and widths[SHEET] < 100:
            return path
    raise AssertionError("no text cell of the guide sheet was found")


def test_a_cell_beyond_any_workbooks_edge_is_left_out_of_the_copy(tmp_path: Path) -> None:
    path = with_a_cell_beyond_any_workbook(old_workbook(Workshop(tmp_path).filled(typed()), tmp_path / "old.xls"))

    reading, book = _receipt(path)

    assert len(reading.rows) == 1
    assert book[SHEET]["B5"].value == "示例成果"
    assert book["填写说明"].max_column < 100


def test_copy_of_a_huge_workbook_holds_its_wrong_rows(tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="C{n}" t="inlineStr"><is><t>错</t></is></c></row>' for n in range(55, 5600))
    shop = Workshop(tmp_path)
    path = shop.rewritten(
        shop.filled(typed()),
        {"xl/worksheets/sheet1.xml": lambda xml: xml.replace(b"</sheetData>", rows.encode() + b"</sheetData>")},
    )
    reading = read(path)
    wrong = [problem for problem in reading.all_problems if problem.cell == "C5599"]

    write_receipt(
        path,
        tmp_path / "receipt.xlsx",
        reading=reading,
        problems=wrong,
        accepted={},
        written_at=ISSUED_AT,
        season=season(),
    )

    sheet = openpyxl.load_workbook(tmp_path / "receipt.xlsx")[SHEET]
    assert sheet["C5599"].value == "错"
    assert sheet["C5599"].comment is not None
    assert sheet["C5598"].value is None
    assert sheet["B5"].value == "示例成果"
