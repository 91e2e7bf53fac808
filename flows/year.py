"""The year: every stage in calendar order, with the milestones that start it.

Read this file and `states/submission.py`, and you know the system.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prefect import Flow

from config.errors import GangchuangError
from config.milestones import Milestone
from flows.approve_list import approve_list
from flows.archive import archive
from flows.check_eligibility import check_eligibility
from flows.close_call import close_call
from flows.close_district_round import close_district_round
from flows.close_eligibility import close_eligibility
from flows.close_final_round import close_final_round
from flows.close_public_notice import close_public_notice
from flows.close_re_review import close_re_review
from flows.close_season import close_season
from flows.close_votes import close_votes
from flows.collect import collect
from flows.decide import decide
from flows.deliver_messages import deliver_messages
from flows.draw_panel import draw_panel
from flows.erase_personal_data import erase_personal_data
from flows.follow_up import follow_up
from flows.move_date import move_date
from flows.new_season import new_season
from flows.open_call import open_call
from flows.open_public_notice import open_public_notice
from flows.publish_results import publish_results
from flows.publish_site import publish_site
from flows.read_mail import read_mail
from flows.remind import remind
from flows.tend_objections import tend_objections
from flows.write_papers import write_papers

M = Milestone


class BadParameter(GangchuangError):
    """A stage was given a parameter that it does not have, or a value that the parameter cannot take."""

    def __init__(self, stage: str, reason: str) -> None:
        self.stage = stage
        super().__init__(f"{stage} {reason}.")


@dataclass(frozen=True)
class Stage:
    """One stage: its flow, the name people read in the dashboard, the milestones that start it."""

    flow: Flow[Any, Any]
    label: str
    milestones: tuple[Milestone, ...] = ()

    @property
    def name(self) -> str:
        return str(self.flow.fn.__name__)

    @property
    def description(self) -> str:
        return inspect.getdoc(self.flow.fn) or ""

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
    Stage(open_call, "01 发布征集通知 Open the call", (M.OPEN_CALL,)),
    Stage(collect, "02 收件 Collect deliveries"),
    Stage(
        remind,
        "03 催办 Remind",
        tuple(step for step in Milestone if step.is_reminder),
    ),
    Stage(close_call, "04 申报截止 Close the call", (M.CLOSE_CALL,)),
    Stage(close_district_round, "05 初评截止 Close the district round", (M.CLOSE_DISTRICT_ROUND,)),
    Stage(check_eligibility, "06 形式审查 Check eligibility", (M.CHECK_ELIGIBILITY,)),
    Stage(close_eligibility, "07 补正截止 Close the eligibility check", (M.CLOSE_ELIGIBILITY,)),
    Stage(draw_panel, "08 抽取评委并分配 Draw the panel and assign", (M.DRAW_PANEL,)),
    Stage(close_final_round, "09 终评截止并排序 Close the final round and rank", (M.CLOSE_FINAL_ROUND,)),
    Stage(close_re_review, "10 复评截止 Close the re-review", (M.CLOSE_RE_REVIEW,)),
    Stage(close_votes, "11 表决截止 Close the panel's votes", (M.CLOSE_VOTES,)),
    Stage(approve_list, "12 审定获奖名单 Approve the award list"),
    Stage(open_public_notice, "13 公示开始 Open the public notice", (M.OPEN_PUBLIC_NOTICE,)),
    Stage(close_public_notice, "14 公示结束 Close the public notice", (M.CLOSE_PUBLIC_NOTICE,)),
    Stage(publish_results, "15 发布结果 Publish the results", (M.PUBLISH_RESULTS,)),
    Stage(archive, "16 归档 Archive", (M.ARCHIVE,)),
    Stage(follow_up, "17 成果转化跟踪 Follow up", (M.FOLLOW_UP,)),
    Stage(close_season, "18 年度结束 Close the season", (M.CLOSE_SEASON,)),
    Stage(erase_personal_data, "19 删除个人信息 Erase personal data", (M.ERASE_PERSONAL_DATA,)),
    Stage(deliver_messages, "20 发送邮件 Deliver messages"),
    Stage(tend_objections, "25 异议跟办 Tend objections"),
    Stage(decide, "21 办公室决定 Office decision"),
    Stage(move_date, "22 调整时间 Move a date"),
    Stage(new_season, "23 编制下一年度 Prepare the next season"),
    Stage(publish_site, "24 更新网站 Publish the site"),
    Stage(read_mail, "25 收取邮件 Read the mailbox"),
    Stage(write_papers, "26 制作证书和奖补发放表 Write certificates and payment lists"),
)


def stage_named(name: str) -> Stage | None:
    """A stage by its name, with hyphens or underscores."""
    return next((stage for stage in STAGES if stage.name == name.replace("-", "_")), None)


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
