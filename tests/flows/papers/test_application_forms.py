"""The form to be stamped: a page of A4 a submission, whatever was written, made of what was accepted."""

import json
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.close_call import closing
from flows.collect import collecting
from flows.papers import application_forms
from flows.workbooks.writer.filling import submission_row
from models import Message
from models.enums import WorkbookKind
from models.forms import ContributorForm, OrganisationForm, SubmissionForm
from states.machine import Act
from states.submissions.corrections import keep_correction
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission
from tests.support.playing import Player

LONG = "本成果针对送料装置在连续生产中经常卡料的问题，改进了导向机构和传感检测方式。"
TEXTS = ("abstract", "innovation", "practicality", "benefit_social", "spread", "adoption")


def pages_of(pdf: Path) -> list[str]:
    """The words of each page, without blanks and line breaks; every page must be A4."""
    told = subprocess.run(["pdfinfo", pdf], check=True, capture_output=True, text=True).stdout
    assert "(A4)" in told
    said = subprocess.run(["pdftotext", "-raw", pdf, "-"], check=True, capture_output=True, text=True).stdout
    return ["".join(page.split()) for page in said.split("\f")[:-1]]


def wordy(title: str, times: int) -> SubmissionForm:
    person = {"organisation": "示例公司", "role": "方案设计", "share": Decimal(20), "consent": True}
    return a_form(
        title,
        **dict.fromkeys(TEXTS, LONG * times),
        contributors=tuple(ContributorForm(name=f"示例·{sign}", **person) for sign in "甲乙丙丁戊"),
        organisations=tuple(OrganisationForm(name=f"示例第{place}公司") for place in "一二三"),
    )


def attached(player: Player, kind: str) -> list[Path]:
    with player.reading() as session:
        letters = session.scalars(select(Message).where(Message.key.like(f"2026/{kind}/{UNIT}%")))
        names = [name for letter in letters for name in json.loads(letter.attachments)]
    return [player.home / name for name in names if "申报表" in name and name.endswith(".pdf")]


def test_a_unit_gets_a_page_for_each_submission_and_a_new_one_for_what_it_corrects(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_forms, "_PAGES", 3)
    forms = [a_form("短"), wordy("长", 5), wordy("放不下", 40), a_form("缺字\U0002b5b8", abstract="<b> # $x$ \\")]
    with player.writing() as session:
        season = a_season(session)
        numbers = [a_submission(session, form=form) for form in forms]
    player.at(player.due_at(Milestone.CLOSE_CALL))
    player.play("close_call", closing, Milestone.CLOSE_CALL)

    parts = [pages_of(pdf) for pdf in attached(player, "call_closed")]
    pages = [page for part in parts for page in part]

    assert [len(part) for part in parts] == [3, 1]
    assert len(pages) == len(forms)
    for page, number, form in zip(pages, numbers, forms, strict=True):
        assert number in page
        assert "申报单位意见" in page
        assert "推荐单位（区县科协）意见" in page
        assert all(person.name in page for person in form.contributors) or "〓" in page
    assert LONG * 5 in pages[1]
    assert "余下部分见已报送的申报汇总表" in pages[2]
    assert "缺字〓" in pages[3]
    assert "用笔补上" in pages[3]
    assert "用笔补上" not in pages[0]
    assert "<b>#$x$\\" in pages[3]

    at = season.dates.close_call + timedelta(days=1)
    player.at(at)
    with player.writing() as session:
        act = Act(OFFICE, at)
        keep_correction(session, numbers[0], act, missing="示例", due_at=at + timedelta(days=5), told={})
    player.issue(WorkbookKind.SUBMISSIONS, UNIT)
    row = submission_row(a_form("短", abstract="补正后的简介"))
    player.deliver(UNIT, WorkbookKind.SUBMISSIONS, [{**row, "申报编号": numbers[0]}])
    player.play("collect", collecting)

    (page,) = pages_of(*attached(player, "receipt"))
    assert "补正后的简介" in page
    assert "第2版" in page
