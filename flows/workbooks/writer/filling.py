"""Plays the person who fills an issued workbook: opens it, types rows under the headings, saves."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

from flows.workbooks.reader.layout import FORMULA_SIGNS, STATEMENT
from flows.workbooks.writer.fill_sheet import FIRST_ROW, HEADING_ROW, HOW_ROW, STATEMENT_SPAN
from models.enums import WorkbookKind
from models.forms import SubmissionForm


def fill_template(
    source: Path,
    target: Path,
    rows: Iterable[Mapping[str, Any]],
    *,
    agree: bool = True,
    first_line: int | None = None,
) -> Path:
    """Write `rows` (heading -> value) under the headings of an issued workbook and save it as `target`.

    Where the sheet has given rows, a row that names its 申报编号 goes to the line that bears it.
    `agree` answers the fairness and secrecy statement of a score sheet. Raises KeyError for a
    heading that the template does not have.
    """
    book = openpyxl.load_workbook(source)
    sheet = book[next(kind.label for kind in WorkbookKind if kind.label in book.sheetnames)]
    headings = {_bare(cell.value): cell.column for cell in sheet[HEADING_ROW + 1] if cell.value}
    lines = _given_lines(sheet, headings)
    free = first_line or FIRST_ROW + 1
    for row in rows:
        line = lines.get(row.get("申报编号"))
        if line is None:
            line, free = free, free + 1
        for heading, value in row.items():
            _type_in(sheet.cell(line, headings[heading]), value)
    if agree and str(sheet.cell(HOW_ROW + 1, 1).value or "").startswith(STATEMENT):
        sheet.cell(HOW_ROW + 1, STATEMENT_SPAN + 2).value = "同意"
    book.save(target)
    book.close()
    return target


def submission_row(form: SubmissionForm) -> dict[str, Any]:
    """What a person types for a submission: heading -> value, empty ones left out."""
    row: dict[str, Any] = {
        "申报编号": form.number,
        "成果名称": form.title,
        "类别": form.category.label,
        "载体": form.carrier.label,
        "领域": form.field,
        "完成日期": form.completed_on,
        "成果简介": form.abstract,
        "创新性": form.innovation,
        "实用性": form.practicality,
        "经济效益（万元）": form.benefit_economic,
        "社会效益": form.benefit_social,
        "推广性": form.spread,
        "应用情况": form.adoption,
        "曾获奖励": form.earlier_prizes,
        "校外（院所）合作方": form.external_partners,
        "来自练兵、培训或竞赛": form.origin.label,
        "联系人": form.contact.name,
        "联系电话": form.contact.phone,
        "联系邮箱": form.contact.mail,
        "成果授权": _agreed(form.text_consent),
        "附件文件名": "、".join(form.attachments),
        "评审附件（不含单位、姓名）": "、".join(form.review_attachments),
    }
    for n, body in enumerate(form.organisations, 1):
        row |= {f"单位{n}名称": body.name, f"单位{n}统一社会信用代码": body.credit_code}
    for n, person in enumerate(form.contributors, 1):
        row |= {
            f"完成人{n}姓名": person.name,
            f"完成人{n}单位": person.organisation,
            f"完成人{n}承担工作": person.role,
            f"完成人{n}贡献占比（%）": person.share,
            f"完成人{n}同意公开姓名": _agreed(person.consent),
        }
    for n, picture in enumerate(form.pictures, 1):
        answer = "同意，图上的人都已同意" if picture.portrait else "同意，图上没有认得出的人"
        row |= {
            f"图片{n}文件名": picture.name,
            f"图片{n}内容说明": picture.alt,
            f"图片{n}同意公开": answer if picture.consent else "不同意公开",
        }
    return {heading: value for heading, value in row.items() if value not in (None, "")}


def _agreed(consent: bool | None) -> str:
    return {True: "同意", False: "不同意", None: ""}[consent]


def _bare(heading: Any) -> str:
    return str(heading).removesuffix("*")


def _given_lines(sheet: Any, headings: Mapping[str, int]) -> dict[Any, int]:
    column = headings.get("申报编号")
    if column is None:
        return {}
    found = {sheet.cell(line, column).value: line for line in range(FIRST_ROW + 1, sheet.max_row + 1)}
    return {number: line for number, line in found.items() if number}


def _type_in(cell: Any, value: Any) -> None:
    if isinstance(value, Decimal):
        value = float(value)
    cell.value = value
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        cell.data_type = "s"
    if isinstance(value, date) and cell.number_format in ("General", "@"):
        cell.number_format = "yyyy-mm-dd"
