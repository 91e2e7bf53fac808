"""A receipt is green only when nothing is owed and nothing went unread; it ends with what the database holds."""

import json
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.collect import collecting
from flows.deliver_messages import delivering
from flows.intake.receipts import Answer
from flows.office.doctor_files import no_orphan_letter
from flows.remind import reminding_of_call
from flows.workbooks.reader.findings import FilledRow, Problem, Reading
from flows.workbooks.writer.filling import submission_row
from models import Delivery, IssuedWorkbook, Message, Submission
from models.enums import CallState, SubmissionState, WorkbookKind
from tests.support.builders import UNIT, a_form, a_season, a_submission
from tests.support.playing import Player, points
from tests.support.workbooks import Workshop

S = SubmissionState
GREEN, AMBER = "E2EFDA", "FFF2CC"


@pytest.fixture
def opened(player: Player) -> Player:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
    player.at(season.dates.open_call.replace(month=4))
    player.issue(WorkbookKind.SUBMISSIONS, UNIT)
    return player


@pytest.fixture
def judging(player: Player) -> Player:
    """Two submissions wait for their verdicts; a workbook over both is out."""
    with player.writing() as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        titles = {a_submission(session, form=a_form(title)): title for title in ("一号成果", "二号成果")}
    player.at(season.dates.close_call.replace(month=5, day=5))
    rows = [{"number": number, "title": title} for number, title in titles.items()]
    player.issue(WorkbookKind.VERDICTS, UNIT, rows=rows)
    return player


def answered(player: Player) -> tuple[str, str, str]:
    """The colour of the newest receipt's head, all that its first sheet says, and the letter."""
    player.play("collect", collecting)
    with player.reading() as session:
        row = session.scalars(select(Delivery).order_by(Delivery.file_name.desc())).first()
        letters = session.scalars(select(Message).where(Message.key.contains(row.digest[:16]))).all()
    sheet = openpyxl.load_workbook(player.home / row.receipt)["回执"]
    said = "\n".join(str(cell.value) for line in sheet.iter_rows() for cell in line if cell.value is not None)
    return sheet["A3"].fill.fgColor.rgb[-6:], said, letters[-1].subject + "\n" + letters[-1].body


def numbers(player: Player) -> list[str]:
    with player.reading() as session:
        return list(session.scalars(select(Submission.number).order_by(Submission.number)))


def judged(player: Player, number: str, **more: Any) -> dict[str, Any]:
    names = [f"{criterion.name}（满分{criterion.maximum}）" for criterion in player.season.final_round.rubric]
    values = points(player.season, 85).values()
    return {"申报编号": number, "初评结论": "推荐", **dict(zip(names, values, strict=True)), **more}


def test_submissions_are_counted_by_what_they_changed_and_the_others_still_stand(opened: Player) -> None:
    first, second = submission_row(a_form("一号成果")), submission_row(a_form("二号成果"))
    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, [first, second], name="一.xlsx")
    answered(opened)
    first_number, second_number = numbers(opened)

    changed = {**second, "申报编号": second_number, "成果简介": "改过的简介"}
    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, [changed, submission_row(a_form("三号成果"))], name="二.xlsx")
    colour, said, letter = answered(opened)

    counted = "新接收1项，已更新1项，与已接收的相同0项，已撤回0项"
    assert colour == GREEN
    for text in (said, letter):
        assert counted in text
        assert f"1项：{first_number}《一号成果》" in text


def test_a_verdict_whose_row_was_deleted_is_still_owed(judging: Player) -> None:
    first, second = numbers(judging)
    path = judging.deliver(UNIT, WorkbookKind.VERDICTS, [judged(judging, first, 推荐排序=1)])
    with Workshop(path.parent).opened(path) as book:
        book["初评结果表"].delete_rows(6)

    colour, said, letter = answered(judging)

    assert colour == AMBER
    assert f"还有1项没有初评结论：{second}" in said
    assert f"仍欠：还有1项没有初评结论：{second}" in letter
    assert "无需再做任何事" not in letter
    assert "已接收，还有事项没有完成" in letter
    assert "共85分，排第1" in said


def test_what_went_unread_makes_no_green_receipt_and_stands_in_the_letter(opened: Player) -> None:
    path = opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(a_form("一号成果"))])
    with Workshop(path.parent).opened(path) as book:
        book.create_sheet("续表").append(["", "二号成果"])

    colour, said, letter = answered(opened)

    assert colour == AMBER
    assert "工作表“续表”没有找到本表的列名" in said
    assert "工作表“续表”没有找到本表的列名" in letter
    assert "已接收，有内容没有读取" in letter


def test_a_number_beside_the_title_of_another_comes_back(judging: Player) -> None:
    first, second = numbers(judging)
    path = judging.deliver(UNIT, WorkbookKind.VERDICTS, [judged(judging, first), judged(judging, second)])
    with Workshop(path.parent).opened(path) as book:
        sheet = book["初评结果表"]
        sheet["A5"].value, sheet["A6"].value = second, first

    _, said, letter = answered(judging)

    asked = f"编号{second}是“二号成果”，本行写的却是“一号成果”，而“一号成果”是编号{first}：编号和名称对不上，请核对是否错行。"
    assert asked in said
    assert f"“初评结果表”工作表B5单元格：{asked}" in letter


@pytest.mark.parametrize(("title", "accepted"), [("一号成果（改进型）", True), ("二号成果", False)])
def test_a_unit_may_correct_a_title_but_not_take_anothers(opened: Player, title: str, accepted: bool) -> None:
    rows = [submission_row(a_form(name)) for name in ("一号成果", "二号成果")]
    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, rows, name="一.xlsx")
    answered(opened)
    first, _ = numbers(opened)

    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, [{**rows[0], "申报编号": first, "成果名称": title}], name="二.xlsx")
    answered(opened)

    with opened.reading() as session:
        assert (session.get_one(Submission, first).title == title) is accepted


def test_a_reminder_lists_what_came_back_and_brings_the_workbook_and_the_last_receipt(opened: Player) -> None:
    rows = [submission_row(a_form("一号成果")), {**submission_row(a_form("二号成果")), "类别": "小创造"}]
    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, rows)
    answered(opened)
    with opened.writing() as session:
        session.add(
            IssuedWorkbook(
                season=2026,
                recipient=UNIT,
                kind=WorkbookKind.SUBMISSIONS,
                occasion="",
                issue=1,
                issued_at=opened.season.dates.open_call,
            )
        )
    opened.at(opened.due_at(Milestone.REMIND_CALL))

    opened.play("remind", reminding_of_call, Milestone.REMIND_CALL)

    with opened.reading() as session:
        letter = session.get_one(Message, f"2026/call_reminder/{UNIT}/1")
    names = [Path(name).name for name in json.loads(letter.attachments)]
    assert "“申报汇总表”工作表C6单元格：“类别”只能填：小发明、小技改、小设计" in letter.body
    assert [name.rsplit(".", 1)[-1] for name in names] == ["xlsx", "xlsx", "ics"]
    assert names[1].endswith("回执.xlsx")
    opened.play("deliver_messages", delivering)
    (path,) = (opened.home / "mail").glob(f"2026_call_reminder_{UNIT}_*.eml")
    brought = [*message_from_bytes(path.read_bytes(), policy=default).iter_attachments()]  # type: ignore[attr-defined]
    assert [part.get_filename() for part in brought] == [
        f"2026年申报汇总表-{UNIT}.xlsx",
        "回执-申报汇总表.xlsx",
        "申报截止.ics",
    ]
    lying = [(opened.home / name).read_bytes() for name in json.loads(letter.attachments)]
    assert [part.get_content() for part in brought[:2]] == lying[:2], "only the names are other ones"
    with opened.reading() as session:
        assert [*no_orphan_letter(session, opened.home)] == []
    old = path.read_bytes()
    path.write_bytes(old.replace(quote("申报截止").encode(), quote("终评截止").encode()))
    with opened.reading() as session:
        assert [name for name, _ in no_orphan_letter(session, opened.home)] == [f"mail/{path.name}"], (
            "a name counts as well"
        )


def test_the_reasons_of_a_row_come_in_the_sheets_order_whoever_found_them() -> None:
    def said(cell: str) -> Problem:
        return Problem("申报汇总表", cell, "示例")

    rows = (
        FilledRow("申报汇总表", 5, None, (said("AV5"), said("B5"))),
        FilledRow("申报汇总表", 6, None, (said("C6"),)),
    )
    answer = Answer(Reading(WorkbookKind.SUBMISSIONS, None, rows), refused=[said("H5")])

    assert [problem.cell for problem in answer.problems] == ["B5", "H5", "AV5", "C6"]


def test_who_comes_too_late_is_not_told_to_send_before_the_deadline(judging: Player) -> None:
    first, _ = numbers(judging)
    judging.at(judging.due_at(Milestone.CLOSE_DISTRICT_ROUND) + timedelta(hours=1))
    judging.deliver(UNIT, WorkbookKind.VERDICTS, [judged(judging, first)])

    _, _, letter = answered(judging)

    assert "在截止前" not in letter
    assert "截止时间已过：能否补收，请先与" in letter


def test_what_is_said_of_several_cells_stands_once_in_the_letter(opened: Player) -> None:
    rows = [{**submission_row(a_form(name)), "类别": "小创造"} for name in ("一号成果", "二号成果", "三号成果")]
    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, rows)

    _, said, letter = answered(opened)

    assert letter.count("“类别”只能填") == 1
    assert "“申报汇总表”工作表C5、C6、C7单元格：“类别”只能填" in letter
    assert said.count("“类别”只能填") == 3


def test_a_file_that_is_no_workbook_is_answered_with_what_stands_and_what_is_owed(opened: Player) -> None:
    folder = opened.home / "inbox" / UNIT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "表.pdf").write_bytes(b"%PDF-1.7 %%EOF")

    _, said, letter = answered(opened)

    for text in (said, letter):
        assert "仍欠" in text
        assert "还没有接收到任何申报" in text


def test_a_corrected_title_that_makes_a_second_submission_is_shown_in_the_letter(opened: Player) -> None:
    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(a_form("自动送料装置"))], name="一.xlsx")
    answered(opened)
    (first,) = numbers(opened)
    again = {**submission_row(a_form("自动送料装置")), "成果名称": "自动送料装置的改进"}
    opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, [again], name="二.xlsx")

    colour, said, letter = answered(opened)

    for text in (said, letter):
        assert f"与已接收的编号 {first}“自动送料装置”很可能是同一成果" in text
        assert "无需再做任何事" not in text or "请看一眼下面的提示" in text
    assert colour == GREEN


def test_verdicts_are_repeated_in_the_letter(judging: Player) -> None:
    first, second = numbers(judging)
    judging.deliver(UNIT, WorkbookKind.VERDICTS, [judged(judging, first), judged(judging, second, 初评结论="不推荐")])

    _, _, letter = answered(judging)

    assert f"1. {first}《一号成果》：推荐，" in letter
    assert "共85分，排第1" in letter
    assert f"2. {second}《二号成果》：不推荐，" in letter


def test_the_office_learns_folder_and_sender_of_what_comes_back(opened: Player) -> None:
    path = opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, [{**submission_row(a_form("一号成果")), "类别": "小创造"}])
    for folder, name in (("office", "微信.xlsx"), ("渝中", "表.xlsx")):
        target = opened.home / "inbox" / folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    path.unlink()
    opened.play("collect", collecting)

    with opened.reading() as session:
        to_office = select(Message).where(Message.recipient == opened.season.office.mail)
        bodies = [letter.body for letter in session.scalars(to_office.order_by(Message.key))]

    asked = "收件文件夹：office；报送方：渝中区科协（500103）；报送方已另收到本回执，请督促其更正。"
    assert any(asked in body for body in bodies), bodies
    assert any("收件文件夹：渝中；报送方：不明。" in body for body in bodies), bodies
