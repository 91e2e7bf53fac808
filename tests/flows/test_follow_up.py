"""A year after the award: units are asked by a workbook, what they answer is kept, who does not is reminded."""

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from config.milestones import Milestone
from flows.collect import collecting
from flows.follow_up import asking
from flows.kinds.follow_up import issue_follow_up
from flows.remind import reminding_of_follow_up
from flows.run import Ending, Run, StageFailed
from models import Delivery, FollowUp, Message, Submission
from models.enums import CallState, Outcome, SubmissionState, Trigger, Use, WorkbookKind
from states.audit.bound import Gap, unproven
from states.audit.projection import disagreements
from states.audit.verify import verify
from states.history.canonical import submission_subject
from states.history.read import latest_facts
from states.machine import Act
from states.maintenance.erasure import erase
from states.submissions.follow_up import answer_of, unanswered
from states.submissions.released import released
from states.submissions.settle import revoke
from states.submissions.taking_back import called, withdraw_consent
from tests.support import libreoffice
from tests.support.builders import OFFICE, UNIT, a_season, a_submission
from tests.support.played import a_picture
from tests.support.playing import Player
from tests.support.tampering import undone

ANOTHER = "500101"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
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


@pytest.mark.skipif(libreoffice.PROGRAM is None, reason=libreoffice.MISSING)
def test_a_workbook_that_libreoffice_saved_is_taken_as_it_was_typed(asked: Player, tmp_path: Path) -> None:
    path = asked.deliver(UNIT, WorkbookKind.FOLLOW_UP, [{"申报编号": f"2026-{UNIT}-0001", **IN_USE}])
    saved = libreoffice.convert(path, tmp_path)
    path.unlink()
    saved.rename(path)

    asked.play("collect", collecting)

    with asked.reading() as session:
        delivery = session.scalars(select(Delivery)).one()
        said = answer_of(session.get_one(FollowUp, f"2026-{UNIT}-0001"))
        letter = session.scalars(select(Message).where(Message.key.contains("/receipt/"))).one()
    assert (delivery.rows_in, delivery.rows_back) == (1, 0), delivery.problems
    assert said is not None
    assert (said.use, said.since, said.benefit_economic, said.places) == (
        Use.IN_USE,
        date(2026, 3, 1),
        Decimal("12.5"),
        3,
    )
    assert f"2026-{UNIT}-0002" in letter.body, "what is still owed"


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


def unlike(player: Player) -> list[tuple[Any, ...]]:
    with player.reading() as session:
        return [found for found in disagreements(session, 2026) if found[0] == "follow_up"]


def test_the_record_has_about_which_awards_was_asked_and_when(asked: Player) -> None:
    assert unlike(asked) == []
    first, strange = f"2026-{UNIT}-0001", f"2026-{UNIT}-0003"
    for change, found in (
        (delete(FollowUp).where(FollowUp.number == first), [(first, "is gone")]),
        (insert(FollowUp).values(number=strange, asked_at=NOW), [(strange, "is in no chain")]),
        (update(FollowUp).values(asked_at=NOW).where(FollowUp.number == first), [(first, "asked_at")]),
        (
            update(FollowUp).values(number=strange).where(FollowUp.number == first),
            [(first, "is gone"), (strange, "is in no chain")],
        ),
    ):
        with undone(asked.engine) as session:
            session.execute(change)
            here = [one[1:] for one in disagreements(session, 2026) if one[0] == "follow_up"]
            assert here == found, change
        assert unlike(asked) == []


def test_a_run_that_was_cut_off_has_asked_about_nothing_yet(player: Player) -> None:
    with player.writing() as session:
        a_season(session, state=CallState.PUBLISHED)
        a_submission(session, SubmissionState.ARCHIVED, UNIT, outcome=Outcome.COMPLETED)

    def cut_off(run: Run) -> Ending:
        asking(run)
        raise StageFailed("follow_up", {"示例": "示例"}, {})

    player.come_to(Milestone.FOLLOW_UP)
    with pytest.raises(StageFailed):
        player.play("follow_up", cut_off, Milestone.FOLLOW_UP)
    assert unlike(player) == []

    player.at(player.settings.clock.now() + timedelta(hours=1))
    player.play("follow_up", asking, Milestone.FOLLOW_UP)
    assert unlike(player) == []


def test_an_earlier_version_said_only_how_many_were_asked_about(player: Player) -> None:
    with player.writing() as session:
        a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, SubmissionState.ARCHIVED, UNIT, outcome=Outcome.COMPLETED)
    player.come_to(Milestone.FOLLOW_UP)
    player.play("follow_up", lambda run: replace(asking(run), facts={"asked": 1}), Milestone.FOLLOW_UP)
    answer(player, UNIT, {1: IN_USE})

    assert unlike(player) == []
    with player.reading() as session:
        assert unproven(session, 2026) == [Gap.ASKED]
    with player.writing() as session:
        session.execute(delete(FollowUp))
    assert unlike(player) == [("follow_up", number, "is gone")], "what was answered is in the record"


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


def illustrated(player: Player, answers: Mapping[str, Any], name: str, picture: bytes = b"") -> None:
    """An answer for the first award, with a package where there is a picture in it."""
    said = {"申报编号": FIRST, **IN_USE, "同意公开转化情况": "同意", **answers}
    workbook = player.deliver(UNIT, WorkbookKind.FOLLOW_UP, [said], name=f"{name}.xlsx")
    if picture:
        with zipfile.ZipFile(workbook.with_suffix(".zip"), "w") as package:
            package.write(workbook, workbook.name)
            package.writestr("现场.png", picture)
        workbook.unlink()
    player.at(player.settings.clock.now() + timedelta(minutes=1))
    player.play("collect", collecting)


def shown(player: Player) -> tuple[list[str], int]:
    """What of the follow-up is public: the headings, and how many pictures."""
    with player.reading() as session:
        own = released(session, [FIRST])[FIRST]
        assert verify(session) == []
        wrong = [found for found in disagreements(session, 2026) if found[0] in ("consent", "follow_up_picture")]
        assert wrong == []
    return [heading for heading, _ in own.follow_up], len(own.follow_up_pictures)


FIRST = f"2026-{UNIT}-0001"
PICTURE = {"图片1文件名": "现场.png", "图片1内容说明": "示例装置运行", "图片1同意公开": "同意，图上没有认得出的人"}


def test_what_was_consented_to_is_public_until_it_is_taken_back(asked: Player) -> None:
    """The text and each picture by itself; what was taken back no later answer gives again."""
    illustrated(asked, PICTURE, "一", a_picture(90, 70))
    headings, pictures = shown(asked)
    assert headings == ["应用情况", "应用单位", "近一年经济效益", "已推广"]
    assert pictures == 1
    illustrated(asked, {**PICTURE, "推广单位数": 4}, "二")
    assert shown(asked)[1] == 1, "a picture that came before need not come again"

    with asked.writing() as session:
        act = Act(OFFICE, asked.settings.clock.now())
        assert called(withdraw_consent(session, FIRST, "转化图片1", act, reason="示例")) == "转化图片1"
    assert shown(asked) == (headings, 0)
    illustrated(asked, PICTURE, "三", a_picture(90, 70))
    assert shown(asked)[1] == 0, "taken back, it is not given again"

    illustrated(asked, {**PICTURE, "同意公开转化情况": "不同意"}, "四")
    assert shown(asked) == ([], 0)
    with asked.reading() as session:
        facts = latest_facts(session, submission_subject(FIRST), Trigger.WITHDRAW_CONSENT)
        assert facts["kind"] == "follow_up", "so that no earlier release shows it any more"


def test_what_is_public_of_an_answer_outlasts_the_personal_data(asked: Player) -> None:
    illustrated(asked, {**PICTURE, "说明": "示例：由示例完成人操作"}, "一", a_picture(90, 70))
    with asked.writing() as session:
        erase(session, asked.season, Act(OFFICE, asked.settings.clock.now()))

    headings, pictures = shown(asked)

    assert "说明" in headings
    assert pictures == 1
