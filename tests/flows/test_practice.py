"""Good practice: units are asked once a year, what they report is kept, what they let be published is public."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.close_practice import closing
from flows.collect import collecting
from flows.decide import TAKEN
from flows.decisions import Decision
from flows.open_practice import asking
from flows.remind import reminding_of_practice
from flows.reports.practice import BOOK
from flows.run import Ending, Run
from models import Contributor, Delivery, GoodPractice, Message
from models.enums import CallState, Outcome, Role, WorkbookKind
from models.enums import SubmissionState as S
from states.audit.verify import verify
from states.machine import Act, Actor
from states.maintenance.erasure import erase
from states.officers import DecisionRefused
from states.practice import practices
from tests.support.builders import OFFICE, UNIT, a_season, a_submission
from tests.support.played import practice_row
from tests.support.playing import Player

M = Milestone
FIRST = f"2026-{UNIT}-P01"


@pytest.fixture
def asked(player: Player) -> Player:
    """A season with results, in which good practice is collected."""
    with player.writing() as session:
        a_season(session, state=CallState.PUBLISHED)
    player.come_to(M.OPEN_PRACTICE)
    player.play("open_practice", asking, M.OPEN_PRACTICE)
    return player


def report(player: Player, *rows: dict[str, str], name: str = "") -> Delivery:
    player.at(player.settings.clock.now() + timedelta(minutes=1))
    player.deliver(UNIT, WorkbookKind.PRACTICE, rows, name=name)
    player.play("collect", collecting)
    with player.reading() as session:
        return session.scalars(select(Delivery).order_by(Delivery.taken_at.desc())).first()  # type: ignore[return-value]


def decide(player: Player, decision: Decision, subject: str, other: str = "", reason: str = "示例：来函撤回") -> None:
    def deciding(run: Run) -> Ending:
        with run.step() as session:
            TAKEN[decision](session, run, run.act.by(Actor(Role.OFFICE, OFFICE.name)), subject, other, reason)
        return Ending()

    player.play("decide", deciding)


def withhold(player: Player, number: str) -> None:
    decide(player, Decision.WITHHOLD_PRACTICE, number)


def test_a_report_of_the_same_title_replaces_the_one_before(asked: Player) -> None:
    assert report(asked, practice_row("示例：做法一"), practice_row("示例：做法二", "不同意")).rows_in == 2
    assert report(asked, practice_row("示例：做法一") | {"成效": "示例：更正后的成效"}, name="二.xlsx").rows_in == 1
    report(asked, practice_row("示例：做法二", "不同意"), name="三.xlsx")

    with asked.reading() as session:
        rows = practices(session, 2026)
        assert [(row.number, row.consent) for row in rows] == [(FIRST, True), (f"2026-{UNIT}-P02", False)]
        assert "更正后的成效" in rows[0].content
        assert [row.number for row in practices(session, 2026, public=True)] == [FIRST]
        assert verify(session) == []
        receipts = session.scalars(select(Message).where(Message.key.contains("/receipt/")).order_by(Message.key)).all()
    assert any(FIRST in letter.body for letter in receipts)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"类型": "好点子"}, "类型"), ({"同意公开": ""}, "“同意公开”没有填"), ({"具体做法": ""}, "“具体做法”没有填")],
)
def test_what_says_too_little_comes_back_with_its_cell(asked: Player, changes: dict[str, str], words: str) -> None:
    row = {heading: text for heading, text in (practice_row("示例：做法一") | changes).items() if text}
    delivery = report(asked, row)

    assert (delivery.rows_in, delivery.rows_back) == (0, 1)
    with asked.reading() as session:
        letter = session.scalars(select(Message).where(Message.key.contains("/receipt/"))).one()
    assert words in letter.body


def test_who_reported_nothing_is_reminded_and_after_the_closing_it_is_too_late(asked: Player) -> None:
    report(asked, practice_row("示例：做法一"))
    asked.at(asked.due_at(M.REMIND_PRACTICE, 2))
    asked.play("remind_practice", reminding_of_practice, M.REMIND_PRACTICE, ordinal=2)
    reminded = asked.letters("practice_reminder")
    assert len(reminded) == len(asked.season.units()) - 1
    assert f"practice_reminder/{UNIT}/2" not in reminded

    asked.come_to(M.CLOSE_PRACTICE)
    done = dict(asked.play("close_practice", closing, M.CLOSE_PRACTICE).lines)

    assert (done["reports of good practice"], done["to be published"]) == ("1", "1")
    assert (asked.home / "office" / "2026" / BOOK).is_file()
    late = report(asked, practice_row("示例：做法三"), name="迟.xlsx")
    assert (late.rows_in, late.rows_back) == (0, 1)
    page = (asked.home / "site" / "2026" / "practice.html").read_text("utf-8")
    assert "示例：做法一" in page
    assert "practice.html" in (asked.home / "site" / "index.html").read_text("utf-8")


def test_a_consent_taken_back_is_given_by_no_later_workbook(asked: Player) -> None:
    report(asked, practice_row("示例：做法一"), practice_row("示例：做法二"))
    asked.come_to(M.CLOSE_PRACTICE)
    asked.play("close_practice", closing, M.CLOSE_PRACTICE)
    withhold(asked, FIRST)

    page = asked.home / "site" / "2026" / "practice.html"
    assert "示例：做法一" not in page.read_text("utf-8")
    assert "示例：做法二" in page.read_text("utf-8")
    kept = [folder.name for folder in (asked.home / "releases").iterdir() if folder.is_dir()]
    for number in kept:
        shown = asked.home / "releases" / number / "2026" / "practice.html"
        assert not shown.exists() or "示例：做法一" not in shown.read_text("utf-8"), "no earlier release shows it"
    assert asked.letters("practice_withheld") == [f"practice_withheld/{UNIT}/{FIRST}"]
    for number in (FIRST, "2026-500101-P09"):
        with pytest.raises(DecisionRefused):
            withhold(asked, number)


def test_a_unit_takes_its_consent_back_by_its_workbook(asked: Player) -> None:
    report(asked, practice_row("示例：做法一"))
    report(asked, practice_row("示例：做法一", "不同意"), name="二.xlsx")
    report(asked, practice_row("示例：做法一") | {"成效": "示例：更正后的成效"}, name="三.xlsx")

    with asked.reading() as session:
        row = session.get_one(GoodPractice, FIRST)
        assert (row.consent, row.withheld_at is None) == (True, False)
        assert practices(session, 2026, public=True) == []


def test_the_words_of_what_is_not_public_go_with_the_personal_data(asked: Player) -> None:
    report(asked, practice_row("示例：做法一"), practice_row("示例：做法二", "不同意"))
    with asked.writing() as session:
        assert erase(session, asked.season, Act(OFFICE, asked.settings.clock.now()))["good practice"] == 1

    with asked.reading() as session:
        assert [bool(row.content) for row in practices(session, 2026)] == [True, False]
        assert verify(session) == []


@pytest.mark.parametrize("erased", [False, True], ids=["before the deletion", "after the deletion"])
def test_a_name_taken_back_goes_from_what_is_published_of_good_practice(asked: Player, erased: bool) -> None:
    with asked.writing() as session:
        number = a_submission(session, S.ARCHIVED, outcome=Outcome.COMPLETED)
        name = session.scalars(select(Contributor.name).where(Contributor.number == number)).one()
    named = practice_row(f"示例：{name}工作室") | {"具体做法": f"示例：由{' '.join(name)}带头会诊"}
    report(asked, named, practice_row("示例：做法二"))
    asked.come_to(M.CLOSE_PRACTICE)
    asked.play("close_practice", closing, M.CLOSE_PRACTICE)
    page = asked.home / "site" / "2026" / "practice.html"
    assert f"示例：{name}工作室" in page.read_text("utf-8")

    def delete() -> None:
        with asked.writing() as session:
            erase(session, asked.season, Act(OFFICE, asked.settings.clock.now()))

    if erased:
        delete()
    decide(asked, Decision.WITHDRAW_CONSENT, number, "完成人1")
    text = page.read_text("utf-8")
    assert all(told in text for told in ("示例：（未公开）工作室", "示例：由（未公开）带头会诊", "示例：做法二"))
    assert name not in text
    if not erased:
        delete()

    # Nothing else knows the name any more, so that nothing is left to mask.
    with asked.reading() as session:
        rows = {row.number: (row.title, row.content) for row in practices(session, 2026, public=True)}
        assert verify(session) == []
    assert rows[FIRST][0] == "示例：（未公开）工作室"
    assert not any(name in part or " ".join(name) in part for row in rows.values() for part in row)
