"""What a stage's form in the dashboard says of its fields: the same words for the same parameter everywhere."""

from typing import Any

from prefect import Flow
from prefect.utilities.callables import parameter_schema

FIELDS: dict[str, tuple[str, str]] = {
    "season": ("年度 Season", "The season's year, for example 2026."),
    "from_season": ("依据年度 From season", "The earlier season whose file is carried over."),
    "dry_run": ("试运行 Dry run", "Say what would happen and change nothing."),
    "officer_name": ("经办人 Officer", "Your name as the season file lists it among the office's officers."),
    "decision": ("决定 Decision", "What is decided."),
    "list_digest": (
        "名单校验码 List digest",
        "The digest printed on the proposed list and in the letter; it says which list was read.",
    ),
    "strike_numbers": ("划去 Strike", "Numbers to take off the list, separated by blanks; the reason is then needed."),
    "reason": (
        "理由 Reason",
        "Enters the history for good; of a revocation, a strike or an answered objection it is printed on the public pages. "
        "Write no personal data into it.",
    ),
    "subject": (
        "对象 Subject",
        "A submission's number; for replace_expert an expert's id; for an objection its id; "
        "for admit_late the beginning of the delivery's digest; for put_back_release the release's number.",
    ),
    "other": (
        "另一方 Other",
        "The second number (same or distinct achievements), the expert (recuse), "
        "the objector's real name and contact (raise_objection), or what is to be public no more (withdraw_consent): "
        "a contributor's name, 完成人2, 成果内容, 图片1 or 全部.",
    ),
    "milestone": ("节点 Milestone", "Which dated step of the year."),
    "take_effect_at_once": (
        "立即生效 Take effect at once",
        "Needed for a time before now and for an earlier deadline; a dry run shows who has nothing in and what follows.",
    ),
    "ordinal": ("第几次 Number", "Which of several reminders, 1 is the first; 1 for every other step."),
    "to": ("新时间 New time", "Local time (Asia/Shanghai), for example 2026-05-08T18:00."),
    "afresh": ("全部重写 Afresh", "Write every file of the pages once more, unchanged ones too."),
    "unit": ("报送单位 Unit", "A reporting unit's six-digit code for one district's own date; empty means all."),
}


def form_of(flow: Flow[..., Any]) -> dict[str, Any]:
    """The OpenAPI schema of a flow's parameters, with titles and hints for people."""
    schema = parameter_schema(flow).model_dump_for_openapi()
    for name, field in schema.get("properties", {}).items():
        if name in FIELDS:
            field["title"], field["description"] = FIELDS[name]
    return schema
