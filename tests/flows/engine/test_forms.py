"""Fields, choices and answers of the forms, without any server."""

from datetime import datetime, timedelta

import pytest

from config.milestones import Milestone
from flows.decisions import Decision
from flows.engine.choices import Choices, ChoicesFollower, answered
from flows.engine.forms import Form, Offer, code_of, fitted, instant_of, milestone_of, read, unit_of, worded
from flows.year import FORMS
from models import Delivery, Objection
from models.enums import CallState, DeliveryState, WorkbookKind
from states.machine import Act
from states.submissions.duplicates import keep_pairs
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_season, a_submission, an_expert
from tests.support.playing import Player


def form(name: str) -> Form:
    return next(form for form in FORMS if form.name == name)


@pytest.fixture
def facts(player: Player) -> Player:
    """A season in its public notice with something to decide of every kind."""
    with player.writing() as session:
        season = a_season(session, state=CallState.PUBLIC_NOTICE)
        at = season.dates.open_public_notice + timedelta(days=1)
        first, second = a_submission(session), a_submission(session)
        an_expert(session, 1)
        keep_pairs(session, [(first, second, 93)])
        session.add(Objection(id=20260001, season=2026, number=first, received_at=at, due_at=at))
        session.add(
            Delivery(
                digest="ab" * 32,
                sender=UNIT,
                season=2026,
                kind=WorkbookKind.SUBMISSIONS,
                file_name="补充.xlsx",
                arrived_at=at,
                taken_at=at,
                state=DeliveryState.REFUSED,
            )
        )
    player.at(at)
    return player


def offered(player: Player, name: str, field: str) -> list[object]:
    with player.reading() as session:
        return list(Choices(session).filled(form(name).schema())["properties"][field]["enum"])


def test_each_choice_begins_with_its_code_and_says_more_in_chinese(facts: Player) -> None:
    assert offered(facts, "withdraw", "officer_name") == list(facts.season.office.officers)
    assert offered(facts, "move_date", "unit")[:2] == ["全部单位", "500101 万州区"]
    assert offered(facts, "dismiss_objection", "subject") == [f"20260001 2026-{UNIT}-0001 已收到 08-04前答复"]
    assert offered(facts, "admit_late", "subject") == ["abababababab 渝中区 补充.xlsx"]
    assert offered(facts, "same_achievement", "subject") == [f"2026-{UNIT}-0001 与 2026-{UNIT}-0002"]
    assert [code_of(str(line)) for line in offered(facts, "assign_expert", "other")] == ["E0001"]


def test_a_date_stands_there_as_it_is_now_and_a_moved_one_changes_the_choices_once(facts: Player) -> None:
    asked: list[object] = []
    followed = ChoicesFollower(facts.engine, asked.append)
    followed.look()
    followed.look()
    assert len(asked) == 1
    assert "发布结果 2026-08-31 09:00" in offered(facts, "move_date", "milestone")

    later = facts.season.dates.publish_results + timedelta(days=1)
    with facts.writing() as session:
        act = Act(OFFICE, facts.settings.clock.now())
        move_date(session, 2026, Milestone.PUBLISH_RESULTS, act, to=later, reason="示例")
    followed.look()
    followed.look()

    assert len(asked) == 2
    assert "发布结果 2026-09-01 09:00" in offered(facts, "move_date", "milestone")
    followed.forget()
    followed.look()
    assert len(asked) == 3


WRONG = [
    ("withdraw", {"officer_name": "路人"}, {"officer_name": "没有“路人”这一项"}),
    ("withdraw", {"reason": " \n"}, {"reason": "必须填写"}),
    ("withdraw", {"subject": "2026-500103-9999"}, {"subject": "没有编号为“2026-500103-9999”的项目"}),
    ("withdraw", {"subject": "十号"}, {"subject": "不能是“十号”"}),
    ("withdraw", {"season": 2031}, {"season": "没有2031年度（已计划：2026）"}),
    ("dismiss_objection", {"subject": "20260010"}, {"subject": "没有“20260010”这一项"}),
    ("move_date", {"to": "2026-08-01T10:00:00Z"}, {"to": "已经过去（2026-08-01 18:00）"}),
    ("move_date", {"to": "明天"}, {"to": "不是日期和时间"}),
    ("move_date", {"unit": "重庆市"}, {"unit": "没有“重庆市”这一项"}),
]
RIGHT: dict[str, dict[str, object]] = {
    "withdraw": {"subject": f" 2026-{UNIT}-0001"},
    "dismiss_objection": {"subject": "20260001"},
    "move_date": {"milestone": "publish_results", "to": "2026-09-02T01:00:00.000Z", "unit": "渝中区"},
}


def answer(
    player: Player, name: str, given: dict[str, object], at: datetime
) -> tuple[dict[str, object], dict[str, str]]:
    said = {"season": 2026, "officer_name": OFFICE.name, "reason": "示例", **RIGHT[name], **given}
    with player.reading() as session:
        choices = Choices(session)
        return answered(choices, choices.filled(form(name).schema()), said, at)


@pytest.mark.parametrize(("name", "given", "expected"), WRONG)
def test_what_is_wrong_is_said_of_its_field(
    facts: Player, name: str, given: dict[str, object], expected: dict[str, str]
) -> None:
    _, problems = answer(facts, name, given, facts.settings.clock.now())

    assert problems.keys() == expected.keys()
    assert all(problems[field].startswith(sentence) for field, sentence in expected.items())


@pytest.mark.parametrize("name", RIGHT)
def test_codes_and_names_become_the_form_s_own_lines(facts: Player, name: str) -> None:
    given, problems = answer(facts, name, {}, facts.settings.clock.now())

    assert problems == {}
    if name == "move_date":
        assert (given["milestone"], given["unit"]) == ("发布结果 2026-08-31 09:00", "500103 渝中区")
        assert given["to"] == "2026-09-02T09:00+08:00"


@pytest.mark.parametrize("meant", ["take_effect_at_once", "dry_run"])
def test_a_date_that_has_passed_is_taken_when_it_is_meant_or_only_tried(facts: Player, meant: str) -> None:
    _, problems = answer(facts, "move_date", {"to": "2026-08-01T10:00:00Z", meant: True}, facts.settings.clock.now())

    assert problems == {}


def test_codes_are_read_out_of_lines_and_are_lines_to_themselves() -> None:
    assert unit_of("500103 渝中区") == unit_of("渝中区") == unit_of("500103") == "500103"
    assert unit_of("全部单位") == unit_of(" ") == ""
    assert milestone_of("申报催办 第2次 2026-04-23 09:00") == ("remind_call", 2)
    assert milestone_of("close_call") == ("close_call", 1)
    assert instant_of("2026-05-08T10:00:00.000Z") == "2026-05-08T18:00+08:00"
    assert instant_of("2026-05-08T18:00") == "2026-05-08T18:00"
    given = {"milestone": "初评截止 2026-05-31 18:00", "unit": "500103 渝中区", "to": "x"}
    assert read(given) == {"milestone": "close_district_round", "unit": "500103", "to": "x"}
    assert worded({"unit": "", "milestone": "remind_call"}) == {"unit": "全部单位", "milestone": "申报催办"}


def test_a_number_is_not_taken_for_the_beginning_of_another() -> None:
    lines = {"x-offers": Offer.OBJECTIONS, "enum": ["12 2026-500103-0001", "1 2026-500103-0002"]}

    assert fitted({"properties": {"subject": lines}}, {"subject": "1"}) == {"subject": "1 2026-500103-0002"}
    assert fitted({"properties": {"subject": lines}}, {"subject": "2"}) == {"subject": "2"}


@pytest.mark.parametrize(
    ("decision", "given", "kept"),
    [
        (Decision.CORRECT_NAME, "示例·李某", "已更正"),
        (Decision.RECUSE, "E0001 示例·专家1", "E0001"),
        (Decision.REISSUE_WORKBOOK, "申报汇总表", "申报汇总表"),
    ],
)
def test_a_run_keeps_no_names_of_persons(decision: Decision, given: str, kept: str) -> None:
    asked = {"subject": f"2026-{UNIT}-0001", "other": given, "reason": "示例"}

    assert decision.asked.without_names(asked) == {**asked, "other": kept}
