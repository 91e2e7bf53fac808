"""What people are asked for in the dashboard: the forms, their fields, and what a field may hold.

A form is one deployment: a flow, what is preset of its parameters, and the fields for the rest. Its schema, in
Prefect's keeping, says beside the usual (`enum`, `pattern`, …) in words of ours where a field's choices come from,
so that whoever holds the schema can bring it up to the database of the moment.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from config.local_time import ZONE
from config.milestones import Milestone
from config.units import all_units
from models.enums import WorkbookKind

if TYPE_CHECKING:  # status and office say what is in a form without loading Prefect
    from prefect import Flow

_DIGEST_SHOWN = 12
# Keys of a field's schema: which list its choices are, which value stands there from the first, what else is checked.
OFFERS, GIVEN, CHECK = "x-offers", "x-given", "x-check"


class Offer(StrEnum):
    """A list that the database makes; a line of it begins with the code, and words for people follow."""

    SEASONS = "seasons"
    OFFICERS = "officers"
    UNITS = "units"
    MILESTONES = "milestones"
    INVESTIGATORS = "investigators"
    OBJECTIONS = "objections"
    DELIVERIES = "deliveries"
    DUPLICATES = "duplicates"
    HELD_MAIL = "held_mail"
    EXPERTS = "experts"
    PANEL = "panel"
    LIST = "list"
    STUCK_LETTERS = "stuck_letters"


class Check(StrEnum):
    """What a schema cannot say of a value."""

    SEASON = "season"
    SUBMISSION = "submission"
    INSTANT = "instant"


@dataclass(frozen=True)
class Field:
    """One field: its title, a hint, its JSON schema. `blank` is what an optional one offers for nothing.

    `personal`: it names a person, and the run keeps only the code, or this word, once it has ended.
    """

    title: str
    hint: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    offers: Offer | None = None
    given: Offer | None = None
    check: Check | None = None
    blank: str = ""
    personal: str | None = None

    def drawn(self, position: int, default: Any) -> dict[str, Any]:
        """The field's schema before any choice is known; `default` is the parameter's own."""
        drawn = {**self.schema, "title": self.title, "description": self.hint, "position": position}
        for key, value in ((OFFERS, self.offers), (GIVEN, self.given), (CHECK, self.check)):
            if value:
                drawn[key] = value.value
        if default is not Parameter.empty:
            drawn["default"] = default if default != "" else self.blank
        return drawn


_TEXT = {"type": "string"}
_NOT_BLANK = {"type": "string", "minLength": 1, "pattern": r"\S"}
_NUMBER = {"type": "string", "pattern": r"^\s*\d{4}-[0-9A-Z-]+-\d+\s*$"}

OFFICER_FIELD = "officer_name"
OFFICER = Field("经办人", "以您本人的名义作出决定。", _TEXT, offers=Offer.OFFICERS)
REASON = Field(
    "理由",
    "永久写入操作留痕，公开的留痕文件只有其校验值；撤销、划去的理由会印在公开页面上。请勿填写个人信息。",
    _NOT_BLANK,
)
SUBMISSION = Field("申报编号", "例如 2026-500101-0001。", _NUMBER, check=Check.SUBMISSION)
EXPERT = Field("专家", "专家库中的专家。", _TEXT, offers=Offer.EXPERTS, personal="")
PANELIST = Field("评委", "本年度的评委。", _TEXT, offers=Offer.PANEL, personal="")
OBJECTION = Field("异议", "尚未办结的异议。", _TEXT, offers=Offer.OBJECTIONS)
DELIVERY = Field("被退回的来件", "未被接收或仅部分接收的来件。", _TEXT, offers=Offer.DELIVERIES)
DUPLICATE = Field("疑似重复的两个项目", "等待判定的一对项目。", _TEXT, offers=Offer.DUPLICATES)
UNIT = Field("报送单位", "代码或名称均可。", _TEXT, offers=Offer.UNITS)
REMINDER = Field(
    "催办",
    "催办哪一项。",
    {"type": "string", "enum": [milestone.label for milestone in Milestone if milestone.is_reminder]},
)
LIST_DIGEST = Field(
    "名单校验码",
    "与您所读名单上印的校验码核对；名单有变动时须重新核对。",
    {"type": "string", "pattern": "^\\s*[0-9a-f]{8,64}\\s*$"},
    given=Offer.LIST,
)
STRIKE = Field("划去的项目", "要移出名单的申报编号，以空格分隔；划去须写明理由。", _TEXT)

NEW_SEASON = Field("新年度", "要编制或者启用的年度。", {"type": "integer", "minimum": 2020, "maximum": 2100})
FIRST_OFFICER = Field("经办人", "年度文件中的经办人姓名；该年度尚未启用，没有可选的名单。", _NOT_BLANK)

# What a parameter of this name is in every form, unless the form says otherwise.
FIELDS: dict[str, Field] = {
    "season": Field("年度", "申报年度。", {"type": "integer"}, given=Offer.SEASONS, check=Check.SEASON),
    "from_season": Field("依据年度", "从这一年度的文件编制。", {"type": "integer"}, given=Offer.SEASONS),
    OFFICER_FIELD: OFFICER,
    "reason": REASON,
    "milestone": Field("节点", "后面是现在的时间。", _TEXT, offers=Offer.MILESTONES),
    "to": Field(
        "新时间", "选择日期和时间（浏览器所在时区）。", {"type": "string", "format": "date-time"}, check=Check.INSTANT
    ),
    "unit": replace(UNIT, hint="只改一个单位自己的期限时选择；否则对全部单位生效。", blank="全部单位"),
    "take_effect_at_once": Field(
        "立即生效", "新时间已过，或者截止时间提前，须勾选；先试运行可看到哪些单位还没有材料。", {"type": "boolean"}
    ),
    "ordinal": Field("第几次", "第几次催办；其他节点为 1。", {"type": "integer", "minimum": 1}),
    "dry_run": Field("试运行", "只说明会发生什么，不作任何改动。", {"type": "boolean"}),
    "again": Field("重新生成", "已经生成过的也再生成一次。", {"type": "boolean"}),
    "list_digest": LIST_DIGEST,
    "strike_numbers": STRIKE,
    "afresh": Field("全部重写", "没有变动的页面也重新写出。", {"type": "boolean"}),
}


@dataclass(frozen=True)
class Form:
    """One deployment for people. `preset` parameters are in no field; `fields` are those that differ from FIELDS."""

    name: str
    title: str
    flow: "Flow[..., Any]"
    description: str
    preset: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Field | None] = field(default_factory=dict)
    label: str = ""

    def asked(self) -> dict[str, tuple[Field, Any]]:
        """The form's fields by their parameters, each with the parameter's own default. Raises LookupError."""
        asked = {}
        for name, parameter in signature(self.flow.fn).parameters.items():
            if name in self.preset or self.fields.get(name, self) is None:
                continue
            asked[name] = (self.fields.get(name) or FIELDS[name], parameter.default)
        return asked

    def schema(self) -> dict[str, Any]:
        """The form as an OpenAPI schema, as yet without choices from the database."""
        asked = self.asked()
        # What the form insists on, the flow's own default does not excuse.
        needed = [name for name, (field, default) in asked.items() if default is Parameter.empty or _insists(field)]
        properties = {
            name: field.drawn(position, Parameter.empty if name in needed else default)
            for position, (name, (field, default)) in enumerate(asked.items())
        }
        return {"title": "Parameters", "type": "object", "properties": properties, "required": needed}


def labelled(letter: str, forms: Sequence[Form]) -> tuple[Form, ...]:
    """Forms with the names under which the dashboard lists them, in this order."""
    return tuple(replace(form, label=f"{letter}{place:02} {form.title}") for place, form in enumerate(forms, 1))


def workbook_field(kinds: Sequence[WorkbookKind]) -> Field:
    return Field("工作簿", "重新发出哪一种。", {"type": "string", "enum": [kind.label for kind in kinds]})


def code_of(line: str) -> str:
    """The code with which a chosen line begins; a code alone is itself."""
    return next(iter(line.split()), "")


def unit_of(text: str) -> str:
    """A unit's code from what a form, a person or a program wrote: code, name, both, or nothing for all."""
    word = text.strip()
    if word in ("", FIELDS["unit"].blank):
        return ""
    named = {unit.name: unit.code for unit in all_units().values()}
    return named.get(word) or code_of(word)


def milestone_of(text: str, ordinal: int = 1) -> tuple[str, int]:
    """A milestone and which of its reminders, from a chosen line or from its own word."""
    label, _, rest = text.strip().partition(" ")
    found = next((milestone.value for milestone in Milestone if milestone.label == label), text.strip())
    which = re.match(r"第(\d+)次", rest)
    return found, int(which[1]) if which else ordinal


def instant_of(text: str) -> str:
    """A time that a browser wrote in a zone of its own, in the season's; any other text as it is."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return text if moment.tzinfo is None else moment.astimezone(ZONE).isoformat(timespec="minutes")


def read(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a flow's body wants them, of what a form, a person or a program gave."""
    given = dict(parameters)
    if isinstance(given.get("unit"), str):
        given["unit"] = unit_of(given["unit"])
    if "milestone" in given:
        given["milestone"], which = milestone_of(str(given["milestone"]), given.get("ordinal", 1))
        given |= {"ordinal": which} if "ordinal" in given else {}
    return given


def worded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's parameters as its form words them: the unit's line, the reminder's name."""
    given = dict(parameters)
    if "unit" in given:
        code = unit_of(str(given["unit"]))
        given["unit"] = f"{code} {all_units()[code].name}" if code in all_units() else FIELDS["unit"].blank
    if given.get("milestone") in set(Milestone):
        given["milestone"] = Milestone(given["milestone"]).label
    return given


def fitted(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with each code or name in the place of which a form offers a line made that line."""
    fitted = dict(parameters)
    for name, drawn in schema.get("properties", {}).items():
        value, lines = fitted.get(name), drawn.get("enum")
        if lines and isinstance(value, str) and value not in lines:
            word = _word_in(drawn, value.strip(), fitted)
            same = [line for line in lines if word and _is_of(line, word)]
            if not word and drawn.get("default") in lines:
                same = [drawn["default"]]
            if len(same) == 1:
                fitted[name] = same[0]
    return fitted


def _is_of(line: str, word: str) -> bool:
    """Whether a word, or the whole of a digest that is shown cut short, stands for a line."""
    code = code_of(line)
    return line.startswith(word) or word in line.split() or (len(code) >= _DIGEST_SHOWN and word.startswith(code))


def _word_in(drawn: Mapping[str, Any], word: str, parameters: Mapping[str, Any]) -> str:
    """As the line of a choice begins: a date with the milestone's name and which reminder it is, a number whole."""
    if drawn.get(OFFERS) == Offer.MILESTONES:
        value, ordinal = milestone_of(word, parameters.get("ordinal", 1))
        if value in set(Milestone):
            milestone = Milestone(value)
            return f"{milestone.label} 第{ordinal}次 " if milestone.is_reminder else f"{milestone.label} "
    return f"{word} " if drawn.get(OFFERS) == Offer.OBJECTIONS else word


def _insists(field: Field) -> bool:
    return "minLength" in field.schema or (field.offers is not None and not field.blank)
