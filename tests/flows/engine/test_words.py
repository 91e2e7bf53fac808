"""A run's words in the dashboard: its name says deed and subject, its lines are the office's."""

import ast
from pathlib import Path
from typing import Any

import pytest

import flows
from config.milestones import Chore, Milestone
from config.units import all_units
from flows.engine.words import LINES, deed_of, run_name
from flows.year import BY_HAND, STAGES
from tests.support.builders import UNIT

TOLD = [
    ("close_call", {"unit": ""}, "2026 申报截止"),
    ("close_call", {"unit": UNIT, "dry_run": True}, f"2026 申报截止 {all_units()[UNIT].name} 试运行"),
    ("remind", {"milestone": Milestone.REMIND_EXPERTS, "ordinal": 2}, "2026 评分催办 第2次"),
    ("remind", {"milestone": "remind_call"}, "2026 申报催办 第1次"),
    ("collect", {}, "2026 收件"),
    ("decide", {"decision": "withdraw", "subject": "2026-0007"}, "2026 办公室决定 2026-0007"),
    ("move_date", {"milestone": "close_call", "to": "2026-05-08T18:00"}, "2026 调整时间 申报截止 2026-05-08 18:00"),
]


@pytest.mark.parametrize(("stage", "given", "name"), TOLD)
def test_a_name_says_deed_and_subject(stage: str, given: dict[str, Any], name: str) -> None:
    assert run_name(stage, {"season": 2026, "reason": "示例", "officer_name": "示例", **given}) == name


def test_a_decision_is_named_by_its_own_word_and_code() -> None:
    given = {"season": 2026, "subject": "500103 渝中区", "other": "申报汇总表"}

    assert run_name("decide", given, "重发工作簿") == "2026 重发工作簿 渝中区"
    pair = {"season": 2026, "subject": "2026-500103-0001 与 2026-500103-0002", "dry_run": True}
    assert run_name("decide", pair, "判定为同一成果") == f"2026 判定为同一成果 {pair['subject']} 试运行"


def test_every_stage_has_a_word_of_the_office() -> None:
    named = [*(stage.name for stage in (*STAGES, *BY_HAND) if stage.name != "remind"), *Milestone, *Chore]

    assert [name for name in named if deed_of(name).isascii()] == []


def test_every_line_that_a_stage_tells_has_a_word_of_the_office() -> None:
    told = {
        call.args[0].value
        for file in Path(flows.__path__[0]).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "tell"
        and isinstance(call.args[0], ast.Constant)
    }

    assert len(told) > 40
    assert sorted(told - LINES.keys()) == []
