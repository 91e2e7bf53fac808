"""What an issued workbook offers to the person who fills it, and what it keeps to itself."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from flows.kinds.table import layout_of
from flows.workbooks.columns.mark import Mark, sign
from flows.workbooks.reader.layout import GUIDE_SHEET, LISTS_SHEET, MARK_SHEET, MATERIAL_SHEET
from flows.workbooks.writer.template import write_template
from models.enums import WorkbookKind
from tests.support.workbooks import GIVEN, ISSUED_AT, KEY, SHEET, UNIT, Workshop, season

KINDS = list(WorkbookKind)


def _book(tmp_path: Path, kind: WorkbookKind = WorkbookKind.SUBMISSIONS) -> Any:
    return openpyxl.load_workbook(Workshop(tmp_path).issued(kind))


def _rules(sheet: Any) -> dict[str, Any]:
    """Data validation by the heading of the column that it holds for."""
    return {
        str(sheet.cell(4, span.min_col).value).removesuffix("*"): rule
        for rule in sheet.data_validations.dataValidation
        for span in rule.sqref.ranges
        if span.min_row == 5
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_columns_bear_the_layout_s_headings(kind: WorkbookKind, tmp_path: Path) -> None:
    sheet = _book(tmp_path, kind)[kind.label]

    layout = layout_of(kind, season())
    assert [str(cell.value).removesuffix("*") for cell in sheet[4]] == [column.heading for column in layout.columns]
    starred = {column.heading for column in layout.columns if column.required and not column.given}
    assert {str(cell.value)[:-1] for cell in sheet[4] if str(cell.value).endswith("*")} == starred


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_every_closed_list_is_a_drop_down_and_every_column_has_a_hint(kind: WorkbookKind, tmp_path: Path) -> None:
    rules = _rules(_book(tmp_path, kind)[kind.label])

    for column in layout_of(kind, season()).columns:
        if column.given:
            assert column.heading not in rules
            continue
        rule = rules[column.heading]
        assert rule.prompt == column.hint[:250]
        assert (rule.type == "list") == bool(column.choices)
        if column.choices:
            assert rule.formula1 == f'"{",".join(column.choices)}"'


def test_submissions_can_be_typed_down_to_the_last_allowed_row(tmp_path: Path) -> None:
    sheet = _book(tmp_path)[SHEET]

    assert {span.max_row for rule in sheet.data_validations.dataValidation for span in rule.sqref.ranges} == {20_004}
    assert sheet.freeze_panes == "C5"
    assert sheet.protection.sheet
    assert not sheet["B5"].protection.locked
    assert not sheet.column_dimensions["B"].protection.locked
    assert all(cell.protection.locked for line in (1, 3, 4) for cell in sheet[line])


@pytest.mark.parametrize("kind", [WorkbookKind.VERDICTS, WorkbookKind.SCORES], ids=lambda kind: kind.value)
def test_only_what_is_to_be_judged_can_be_typed(kind: WorkbookKind, tmp_path: Path) -> None:
    sheet = _book(tmp_path, kind)[kind.label]

    layout = layout_of(kind, season())
    for line in range(5, 5 + len(GIVEN)):
        locked = [sheet.cell(line, place).protection.locked for place in range(1, len(layout.columns) + 1)]
        assert locked == [column.given for column in layout.columns]
    assert sheet["A5"].value == GIVEN[0]["number"]
    assert all(dimension.protection.locked for dimension in sheet.column_dimensions.values())


def test_number_and_date_columns_have_their_formats(tmp_path: Path) -> None:
    sheet = _book(tmp_path)[SHEET]

    formats = {str(cell.value).removesuffix("*"): sheet.cell(5, cell.column).number_format for cell in sheet[4]}
    assert formats["完成日期"] == "yyyy-mm-dd"
    assert formats["经济效益（万元）"] == "General"
    assert formats["单位1统一社会信用代码"] == formats["联系电话"] == "@"


def test_guide_tells_deadline_rules_and_rubric(tmp_path: Path) -> None:
    told, verdicts, scores = (
        [str(cell.value) for row in _book(tmp_path, kind)[GUIDE_SHEET].iter_rows() for cell in row]
        for kind in (WorkbookKind.SUBMISSIONS, WorkbookKind.VERDICTS, WorkbookKind.SCORES)
    )

    assert "2026年4月30日(周四)18:00 北京时间，以文件送达时间为准" in told
    assert "2025年内完成" in told
    assert "最多5人，按贡献大小排序" in told
    assert "创新性（满分30）" in scores
    assert season().final_round.rubric[0].anchors in scores
    assert "10项" in verdicts


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_mark_stands_in_a_very_hidden_sheet_and_on_the_guide(kind: WorkbookKind, tmp_path: Path) -> None:
    book = _book(tmp_path, kind)

    token = sign(Mark(2026, UNIT, kind, 1), KEY)
    assert book[MARK_SHEET].sheet_state == "veryHidden"
    assert book[MARK_SHEET]["A1"].value == token
    assert [row[1].value for row in book[GUIDE_SHEET].iter_rows()][-1] == token


def _write(target: Path, **changes: Any) -> bytes:
    given = {
        "mark": Mark(2026, "E001", WorkbookKind.SCORES, 1),
        "key": KEY,
        "layout": layout_of(WorkbookKind.SCORES, season()),
        "season": season(),
        "recipient_name": "评审专家",
        "deadline": season().dates.close_final_round,
        "rows": GIVEN,
        "created_at": ISSUED_AT,
    }
    write_template(target, **{**given, **changes})
    return target.read_bytes()


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    assert _write(tmp_path / "a.xlsx") == _write(tmp_path / "b.xlsx")


def test_blind_score_sheet_says_nothing_about_people(tmp_path: Path) -> None:
    _write(tmp_path / "a.xlsx", rows=[{**GIVEN[0], "organisation": "示例公司", "contributors": "示例甲"}])

    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        text = "".join(book.read(name).decode() for name in book.namelist())
        properties = book.read("docProps/core.xml").decode()
    assert "示例公司" not in text
    assert "示例甲" not in text
    assert "<dc:creator></dc:creator><cp:lastModifiedBy></cp:lastModifiedBy>" in properties


def test_given_texts_are_never_formulas(tmp_path: Path) -> None:
    titles = ["=1+1", "+1", "-1", "@x", "＝1+1", "＋1", "﹢1", "－1", "＠x", "http://example.invalid", "12"]
    _write(tmp_path / "a.xlsx", rows=[{**GIVEN[0], "title": title} for title in titles])

    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["评分表"]
    cells = [sheet.cell(line, 2) for line in range(5, 5 + len(titles))]
    assert [cell.value for cell in cells] == titles
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.hyperlink for cell in cells} == {None}
    assert [cell.quotePrefix for cell in cells] == [True] * 9 + [False] * 2


def test_long_list_of_choices_stands_in_a_hidden_sheet(tmp_path: Path) -> None:
    fields = tuple(f"示例领域第{number}号" for number in range(60))
    wide = season().model_copy(update={"fields": fields})
    _write(
        tmp_path / "a.xlsx",
        season=wide,
        layout=layout_of(WorkbookKind.SUBMISSIONS, wide),
        mark=Mark(2026, UNIT, WorkbookKind.SUBMISSIONS, 1),
        rows=(),
    )

    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert _rules(book[SHEET])["领域"].formula1 == f"{LISTS_SHEET}!$A$1:$A$60"
    assert tuple(cell.value for cell in book[LISTS_SHEET]["A"]) == fields
    assert book[LISTS_SHEET].sheet_state == "veryHidden"


def test_mark_of_another_issue_is_another_mark() -> None:
    mark = Mark(2026, UNIT, WorkbookKind.SCORES, 1)
    assert sign(mark, KEY) != sign(replace(mark, issue=2), KEY)


def test_long_texts_can_be_read_in_full_beside_the_score_sheet(tmp_path: Path) -> None:
    abstract = "\n".join(f"第{number}段。" + "试" * 300 for number in range(12))
    _write(tmp_path / "a.xlsx", rows=[{**GIVEN[0], "abstract": abstract}, GIVEN[1]])

    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")[MATERIAL_SHEET]
    told = [(row[0].value, row[1].value) for row in sheet.iter_rows() if row[0].value]
    pieces = [text for label, text in told if label in ("成果简介", "（续）")]
    assert [label for label, _ in told if label != "（续）"] == [
        GIVEN[0]["number"],
        "类别",
        "领域",
        "成果简介",
        GIVEN[1]["number"],
        "类别",
        "领域",
    ]
    assert len(pieces) > 3
    assert "".join(pieces).replace("\n", "") == abstract.replace("\n", "")
    assert max(dimension.height for dimension in sheet.row_dimensions.values()) <= 409
    assert sheet.protection.sheet
