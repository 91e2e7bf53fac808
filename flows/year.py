"""The year: every stage in calendar order, with the milestones that start it, and what people decide by hand.

Read this file and `states/submission.py`, and you know the system.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from prefect import Flow

from config.errors import GangchuangError
from config.milestones import Milestone
from flows import approve_list as approving
from flows import decide as deciding
from flows import move_date as moving
from flows.approve_list import approve_list
from flows.archive import archive
from flows.assess_units import assess_units
from flows.check_eligibility import check_eligibility
from flows.close_call import close_call
from flows.close_district_round import close_district_round
from flows.close_eligibility import close_eligibility
from flows.close_final_round import close_final_round
from flows.close_practice import close_practice
from flows.close_public_notice import close_public_notice
from flows.close_re_review import close_re_review
from flows.close_season import close_season
from flows.close_votes import close_votes
from flows.collect import collect
from flows.decide import decide
from flows.deliver_messages import deliver_messages
from flows.draw_panel import draw_panel
from flows.engine.forms import FIRST_OFFICER, NEW_SEASON, REMINDER, Field, Form, labelled
from flows.erase_personal_data import erase_personal_data
from flows.follow_up import follow_up
from flows.move_date import move_date
from flows.new_season import new_season
from flows.open_call import open_call
from flows.open_practice import open_practice
from flows.open_public_notice import open_public_notice
from flows.plan_season import plan_season
from flows.publish_results import publish_results
from flows.publish_site import publish_site
from flows.read_mail import read_mail
from flows.remind import remind
from flows.tend_objections import tend_objections
from flows.write_papers import write_papers
from flows.write_report import write_report

M = Milestone


class BadParameter(GangchuangError):
    """A stage was given a parameter that it does not have, or a value that the parameter cannot take."""

    def __init__(self, stage: str, reason: str) -> None:
        self.stage = stage
        super().__init__(f"{stage} {reason}.")


@dataclass(frozen=True)
class Stage:
    """One stage: its flow, what people call it, the milestones that start it, fields of its form that are its own."""

    flow: Flow[Any, Any]
    title: str
    milestones: tuple[Milestone, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.flow.fn.__name__)

    @property
    def description(self) -> str:
        return inspect.getdoc(self.flow.fn) or ""

    @property
    def form(self) -> Form:
        return Form(self.name, self.title, self.flow, self.description, fields=self.fields)

    def typed(self, words: dict[str, str]) -> dict[str, Any]:
        """Parameters given as text, as the flow wants them besides season and dry_run. Raises BadParameter."""
        known = {
            name: parameter
            for name, parameter in inspect.signature(self.flow.fn).parameters.items()
            if name not in ("season", "dry_run")
        }
        missing = [
            name for name, parameter in known.items() if parameter.default is parameter.empty and name not in words
        ]
        if missing:
            raise BadParameter(self.name, f"needs {', '.join(f'--set {name}=…' for name in missing)}")
        return {name: _typed(self.name, known, name, text) for name, text in words.items()}


STAGES: tuple[Stage, ...] = (
    Stage(open_call, "发布征集通知", (M.OPEN_CALL,)),
    Stage(collect, "收件"),
    Stage(
        remind,
        "催办",
        tuple(step for step in Milestone if step.is_reminder),
        {"milestone": REMINDER},
    ),
    Stage(close_call, "申报截止", (M.CLOSE_CALL,)),
    Stage(close_district_round, "初评截止", (M.CLOSE_DISTRICT_ROUND,)),
    Stage(check_eligibility, "形式审查", (M.CHECK_ELIGIBILITY,)),
    Stage(close_eligibility, "补正截止", (M.CLOSE_ELIGIBILITY,)),
    Stage(draw_panel, "抽取评委并分配", (M.DRAW_PANEL,)),
    Stage(close_final_round, "终评截止并排序", (M.CLOSE_FINAL_ROUND,)),
    Stage(close_re_review, "复评截止", (M.CLOSE_RE_REVIEW,)),
    Stage(close_votes, "表决截止", (M.CLOSE_VOTES,)),
    Stage(open_public_notice, "公示开始", (M.OPEN_PUBLIC_NOTICE,)),
    Stage(close_public_notice, "公示结束", (M.CLOSE_PUBLIC_NOTICE,)),
    Stage(publish_results, "发布结果", (M.PUBLISH_RESULTS,)),
    Stage(archive, "归档", (M.ARCHIVE,)),
    Stage(open_practice, "征集好经验好做法", (M.OPEN_PRACTICE,)),
    Stage(close_practice, "好经验好做法征集截止", (M.CLOSE_PRACTICE,)),
    Stage(write_report, "年度报告", (M.WRITE_REPORT,)),
    Stage(follow_up, "成果转化跟踪", (M.FOLLOW_UP,)),
    Stage(close_season, "年度结束", (M.CLOSE_SEASON,)),
    Stage(erase_personal_data, "删除个人信息", (M.ERASE_PERSONAL_DATA,)),
    Stage(deliver_messages, "发送邮件"),
    Stage(publish_site, "更新网站"),
    Stage(tend_objections, "异议跟办"),
    Stage(read_mail, "收取邮件"),
    Stage(write_papers, "制作证书和奖补发放表"),
    Stage(assess_units, "区县工作考核"),
)

# What no date starts, but a person.
BY_HAND: tuple[Stage, ...] = (
    Stage(approve_list, "审定获奖名单"),
    Stage(move_date, "调整时间"),
    Stage(decide, "办公室决定"),
    Stage(new_season, "编制下一年度", fields={"season": NEW_SEASON}),
    Stage(plan_season, "启用年度", fields={"season": NEW_SEASON, "officer_name": FIRST_OFFICER}),
)

# Every form of the dashboard, as its list shows them: decisions before stages.
FORMS: tuple[Form, ...] = (
    *labelled("A", (*approving.FORMS, *moving.FORMS, *deciding.FORMS, *(stage.form for stage in BY_HAND[-2:]))),
    *labelled("B", [stage.form for stage in STAGES]),
)


def form_named(name: str) -> Form | None:
    return next((form for form in FORMS if form.name == name), None)


def stage_named(name: str) -> Stage | None:
    """A stage, or what a person does, by its name with hyphens or underscores."""
    return next((stage for stage in (*STAGES, *BY_HAND) if stage.name == name.replace("-", "_")), None)


def _typed(stage: str, known: Mapping[str, inspect.Parameter], name: str, text: str) -> Any:
    if name not in known:
        raise BadParameter(stage, f"has no parameter {name!r}; it has: {', '.join(known) or 'none'}")
    kind = known[name].annotation
    if kind is bool:
        return text.lower() in ("1", "true", "yes")
    try:
        return kind(text)
    except ValueError:
        choices = f": one of {', '.join(kind)}" if isinstance(kind, type) and issubclass(kind, StrEnum) else ""
        raise BadParameter(stage, f"cannot take {text!r} as {name}{choices or ', which is a number'}") from None
