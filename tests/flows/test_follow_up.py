"""A year after the award: units are asked by a workbook, what they answer is kept, who does not is reminded."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.collect import collecting
from flows.follow_up import asking
from flows.kinds.follow_up import issue_follow_up
from flows.remind import reminding_of_follow_up
from flows.run import Ending, Run
from models import Delivery, FollowUp, Message, Submission
from models.enums import CallState, Outcome, SubmissionState, Trigger, Use, WorkbookKind
from states.audit.verify import verify
from states.history.canonical import submission_subject
from states.history.read import latest_facts
from states.machine import Act
from states.maintenance.erasure import erase
from states.submissions.follow_up import answer_of, unanswered
from states.submissions.settle import revoke
from tests.support.builders import OFFICE, UNIT, a_season, a_submission
from tests.support.playing import Player

ANOTHER = "500101"
IN_USE = {
    "应用情况": "在用",
    "开始应用时间": date(2026, 3, 1),
    "应用单位": "示例车间",
    "近一年经济效益（万元）": 12.5,
    "推广单位数": 3,
}


@pytest.fixture
def asked(player: Player) -> Player:
    """A published season with three awards, about which the units were asked."""
    with player.writing() as session:
        a_season(session, state=CallState.PUBLISHED)
        for unit in (UNIT, UNIT, ANOTHER):
            a_submission(session, SubmissionState.ARCHIVED, unit, outcome=Outcome.COMPLETED)
        a_submission(session, SubmissionState.ARCHIVED, UNIT, outcome=Outcome.NO_PRIZE)
    player.come_to(Milestone.FOLLOW_UP)
    player.play("follow_up", asking, Milestone.FOLLOW_UP)
    return player


def answer(player: Player, unit: str, answers: Mapping[int, Mapping[str, Any]], name: str = "") -> Delivery:
    rows = [{"申报编号": f"2026-{unit}-{place:04d}", **said} for place, said in answers.items()]
    player.deliver(unit, WorkbookKind.FOLLOW_UP, rows, name=name)
    player.at(player.settings.clock.now() + timedelta(minutes=1))
    player.play("collect", collecting)
    with player.reading() as session:
        newest = select(Delivery).order_by(Delivery.taken_at.desc())
        return session.scalars(newest).first()  # type: ignore[return-value]


def test_each_unit_with_awards_has_a_workbook_and_a_letter(asked: Player) -> None:
    assert asked.letters("follow_up") == [f"follow_up/{ANOTHER}", f"follow_up/{UNIT}"]
    with asked.reading() as session:
        letter = session.get_one(Message, f"2026/follow_up/{UNIT}")
        assert f"2026年成果转化跟踪表-{UNIT}.xlsx" in letter.attachments
        assert ".ics" in letter.attachments
        assert unanswered(session, 2026) == {
            UNIT: [f"2026-{UNIT}-0001", f"2026-{UNIT}-0002"],
            ANOTHER: [f"2026-{ANOTHER}-0001"],
        }


def test_what_a_unit_answers_is_kept_and_recorded(asked: Player) -> None:
    delivery = answer(asked, UNIT, {1: IN_USE})

    assert (delivery.rows_in, delivery.rows_back) == (1, 0), delivery
    with asked.reading() as session:
        row = session.get_one(FollowUp, f"2026-{UNIT}-0001")
        said = answer_of(row)
        assert row.answered_at == asked.settings.clock.now()
        assert said is not None
        assert (said.use, said.since, said.where) == (Use.IN_USE, date(2026, 3, 1), "示例车间")
        assert (said.benefit_economic, said.places) == (Decimal("12.5"), 3)
        facts = latest_facts(session, submission_subject(row.number), Trigger.RECORD_FOLLOW_UP)
        assert {name: facts[name] for name in ("use", "since", "benefit_economic", "places")} == {
            "use": "in_use",
            "since": "2026-03-01",
            "benefit_economic": "12.5",
            "places": 3,
        }
        assert facts["delivery"] == delivery.digest
        assert verify(session) == []
        receipt = session.scalars(select(Message).where(Message.key.contains("/receipt/"))).one()
    assert f"还有1项没有报送转化情况：2026-{UNIT}-0002" in receipt.body


def test_a_later_answer_replaces_the_one_before_and_the_same_changes_nothing(asked: Player) -> None:
    answer(asked, UNIT, {1: IN_USE})
    answer(asked, UNIT, {1: {"应用情况": "已停用", "说明": "示例：设备更新"}}, "二.xlsx")
    with asked.reading() as session:
        before = session.get_one(Submission, f"2026-{UNIT}-0001").sequence
        said = answer_of(session.get_one(FollowUp, f"2026-{UNIT}-0001"))
    assert said is not None
    assert (said.use, said.since, said.remark) == (Use.STOPPED, None, "示例：设备更新")

    answer(asked, UNIT, {1: {"应用情况": "已停用", "说明": "示例：设备更新"}, 2: IN_USE}, "三.xlsx")

    with asked.reading() as session:
        assert session.get_one(Submission, f"2026-{UNIT}-0001").sequence == before
        assert UNIT not in unanswered(session, 2026)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"应用情况": "在用"}, "请同时填写开始应用时间和应用单位"),
        ({"应用情况": "未投入应用"}, "请在“说明”里写明原因"),
        ({"应用情况": "也许"}, "应用情况"),
        ({"应用单位": "示例车间"}, "“应用情况”没有填"),
    ],
)
def test_an_answer_that_says_too_little_comes_back(asked: Player, said: dict[str, Any], words: str) -> None:
    delivery = answer(asked, UNIT, {1: said})

    assert (delivery.rows_in, delivery.rows_back) == (0, 1)
    assert words in delivery.problems


def test_only_awards_of_the_unit_that_stand_are_answered(asked: Player) -> None:
    with asked.writing() as session:
        at = asked.settings.clock.now()
        revoke(session, f"2026-{UNIT}-0002", Act(OFFICE, at), reason="示例")

    delivery = answer(asked, UNIT, {2: IN_USE, 3: IN_USE})

    assert (delivery.rows_in, delivery.rows_back) == (0, 2)
    assert "获奖已撤销" in delivery.problems


def test_who_has_not_answered_is_reminded(asked: Player) -> None:
    answer(asked, UNIT, {1: IN_USE, 2: IN_USE})
    asked.at(asked.due_at(Milestone.REMIND_FOLLOW_UP, 2))

    done = asked.play("remind_follow_up", reminding_of_follow_up, Milestone.REMIND_FOLLOW_UP, ordinal=2)

    assert dict(done.lines)["reminded"] == "1"
    assert asked.letters("follow_up_reminder") == [f"follow_up_reminder/{ANOTHER}/2"]
    assert asked.letters("owing") == ["owing/close_season/2/2"]
    with asked.reading() as session:
        letter = session.get_one(Message, f"2026/follow_up_reminder/{ANOTHER}/2")
    assert f"2026年成果转化跟踪表-{ANOTHER}.xlsx" in letter.attachments


def test_a_workbook_issued_again_holds_what_was_answered(asked: Player) -> None:
    answer(asked, UNIT, {1: IN_USE})

    def again(run: Run) -> Ending:
        with run.step() as session:
            issue_follow_up(session, run, UNIT, "again/2")
        return Ending()

    asked.play("decide", again)
    asked.deliver(UNIT, WorkbookKind.FOLLOW_UP, [], issue=2, name="原样.xlsx")
    asked.play("collect", collecting)

    with asked.reading() as session:
        taken = session.scalars(select(Delivery).where(Delivery.file_name == "原样.xlsx")).one()
    assert (taken.rows_in, taken.rows_back) == (1, 0), "the answer stands in it, the unanswered row is no row"


def test_the_words_go_with_the_personal_data_and_the_figures_stay(asked: Player) -> None:
    answer(asked, UNIT, {1: IN_USE})
    with asked.writing() as session:
        assert erase(session, asked.season, Act(OFFICE, asked.settings.clock.now()))["follow-up answers"] == 1

    with asked.reading() as session:
        row = session.get_one(FollowUp, f"2026-{UNIT}-0001")
        assert (answer_of(row), row.answered_at is None) == (None, False)
        assert latest_facts(session, submission_subject(row.number), Trigger.RECORD_FOLLOW_UP)["places"] == 3
        assert verify(session) == []
