"""What an officer may decide by hand, and what each decision asks for: read by forms and help, loads no database."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from flows.engine.forms import (
    DELIVERY,
    DUPLICATE,
    EXPERT,
    OBJECTION,
    OFFICER,
    PANELIST,
    REASON,
    SUBMISSION,
    UNIT,
    Field,
    Offer,
    code_of,
    unit_of,
    workbook_field,
)
from models.enums import SUPERSEDED, NotAccepted

ABSENT = "缺席"
EXCUSED = ("excused", "请假")


class Decision(StrEnum):
    """What an officer may decide. What `subject` and `other` mean differs; see `ASKED`."""

    WITHDRAW = "withdraw"
    REINSTATE = "reinstate"
    REVOKE = "revoke"
    ADMIT_LATE = "admit_late"
    ADMIT_MAIL = "admit_mail"
    DISMISS_MAIL = "dismiss_mail"
    REISSUE_LINK = "reissue_link"
    REISSUE_WORKBOOK = "reissue_workbook"
    ASK_CORRECTION = "ask_correction"
    SAME_ACHIEVEMENT = "same_achievement"
    DISTINCT_ACHIEVEMENTS = "distinct_achievements"
    RAISE_OBJECTION = "raise_objection"
    ACCEPT_OBJECTION = "accept_objection"
    DECLINE_OBJECTION = "decline_objection"
    INVESTIGATE_OBJECTION = "investigate_objection"
    UPHOLD_OBJECTION = "uphold_objection"
    DISMISS_OBJECTION = "dismiss_objection"
    RECONSIDER_FOR_OBJECTOR = "reconsider_for_objector"
    RECONSIDER_FOR_UNIT = "reconsider_for_unit"
    WITHHOLD_PRACTICE = "withhold_practice"
    RECUSE = "recuse"
    REPLACE_EXPERT = "replace_expert"
    ASSIGN_EXPERT = "assign_expert"
    ENTER_RANDOMNESS = "enter_randomness"
    CORRECT_NAME = "correct_name"
    CORRECT_ADDRESS = "correct_address"
    PUT_BACK_RELEASE = "put_back_release"
    WITHDRAW_CONSENT = "withdraw_consent"
    ERASE_PERSON = "erase_person"

    @property
    def asked(self) -> "AskedFor":
        return ASKED[self]


@dataclass(frozen=True)
class AskedFor:
    """What a decision is called, and what its form asks for beside officer and reason."""

    title: str
    subject: Field
    other: Field | None = None
    reason: Field | None = REASON
    officer: Field = OFFICER

    def read(self, subject: str, other: str) -> tuple[str, str]:
        """Codes of what a form, a person or a program wrote; a pair that looks alike is chosen as one line."""
        if self.subject is DUPLICATE and "与" in subject:
            subject, _, other = subject.partition("与")
        if self.subject.offers is not None:
            subject = unit_of(subject) if self.subject is UNIT else code_of(subject)
        if self.other is not None and self.other.offers not in (None, Offer.INVESTIGATORS):
            other = code_of(other)
        return subject.strip(), other.strip()

    def without_names(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A run's parameters without persons: the code stays of who has one."""
        fields = {"subject": self.subject, "other": self.other}
        named = {name: field for name, field in fields.items() if field is not None and field.personal is not None}
        return {**given, **{name: field.personal or code_of(str(given.get(name))) for name, field in named.items()}}


_PRACTICE = Field("材料编号", "网页和汇总表上印的编号，例如 2026-500101-P01。", REASON.schema)
_OTHER_EXPERT = replace(EXPERT, title="改派的专家", hint="该项目缺少专家时指定；不得与项目有利益冲突。")
_NUMBERS = Field("公开的随机数", "年度文件事先指明的公开数字，例如开奖号码。")
_CERTIFICATE = Field(
    "证书编号",
    "证书上印的编号，更正后原证书作废，另发新号；没有证书的写“申报编号 完成人2”，联系人写“申报编号 联系人”。",
    REASON.schema,
)
_RIGHT_NAME = Field(
    "正确的姓名",
    "应当印的姓名或者单位名称；联系人写姓名、电话、邮箱中要改的，逗号分开。",
    REASON.schema,
    personal="已更正",
)
_WHOSE = Field("谁的邮箱", "单位代码；办公室写 office，协调小组写 coordination。", REASON.schema)
_RIGHT_ADDRESS = Field("正确的邮箱", "尚未发出的信改寄此处，并有一封信告知。", REASON.schema, personal="已更正")
_RELEASE = Field(
    "版本", "`gangchuang site list` 列出的版本号；0 为恢复现行内容。", {"type": "string", "pattern": r"^\s*\d+\s*$"}
)
_PRIVATE = Field(
    "不再公开的内容",
    "完成人姓名，或者完成人2、成果内容、图片1、转化情况、转化图片1、全部。",
    REASON.schema,
    personal="已登记",
)
_PERSON = Field("姓名", "请求删除的本人，与申报或者专家库里写的一致。", REASON.schema, personal="已删除")
_WORKS_AT = Field("所在单位", "本人当时所在的单位；同名者以单位区分。", REASON.schema, personal="已删除")
_LETTER = Field("异议材料", "放在 office/<年度>/objections/ 下的文件夹名；异议人不在此填写。", REASON.schema)
_INVESTIGATOR = Field("核查人", "与项目无利害关系的人。", offers=Offer.INVESTIGATORS)
_DECIDER = replace(OFFICER, offers=Offer.INVESTIGATORS)
_NOT_ACCEPTED = Field(
    "不予受理的理由", "异议办法规定的理由之一。", {"type": "string", "enum": [why.label for why in NotAccepted]}
)
_MEASURE = Field("处理", "留空为取消获奖；或者等次，或者更正后完成人所在的文件夹名。")
_MAIL = Field("暂扣的邮件", "发件人有疑问、没有处理的报送邮件。", offers=Offer.HELD_MAIL)
_LINK = Field("谁的链接", "单位代码、专家编号或申报编号；原链接即时失效，单位和专家另有邮件。", REASON.schema)
_MISSING = replace(REASON, title="缺少的内容", hint="须补正什么，原文写入给单位的信。")
_ANSWER = replace(REASON, title="答复", hint="答复及理由，原文写入给单位的信。")
_PUBLISHED = replace(REASON, title="公布处", hint="这些数字在何处、何时公布。")
_EXCUSE = Field("原因", "请假不计缺席。", {"type": "string", "enum": [ABSENT, EXCUSED[1]]})

ASKED: dict[Decision, AskedFor] = {
    Decision.ASK_CORRECTION: AskedFor("退回补正", SUBMISSION, reason=_MISSING),
    Decision.ADMIT_LATE: AskedFor("补收来件", DELIVERY),
    Decision.ADMIT_MAIL: AskedFor("收下暂扣的邮件", _MAIL),
    Decision.DISMISS_MAIL: AskedFor("不收暂扣的邮件", _MAIL),
    Decision.REISSUE_LINK: AskedFor("更换个人链接", _LINK),
    Decision.REISSUE_WORKBOOK: AskedFor("重发工作簿", UNIT, workbook_field(SUPERSEDED)),
    Decision.SAME_ACHIEVEMENT: AskedFor("判定为同一成果", DUPLICATE),
    Decision.DISTINCT_ACHIEVEMENTS: AskedFor("判定为不同成果", DUPLICATE),
    Decision.WITHDRAW: AskedFor("撤回申报", SUBMISSION),
    Decision.REINSTATE: AskedFor("恢复项目", SUBMISSION),
    Decision.ENTER_RANDOMNESS: AskedFor("录入公开随机数", _NUMBERS, reason=_PUBLISHED),
    Decision.WITHHOLD_PRACTICE: AskedFor("不再公开好经验好做法", _PRACTICE),
    Decision.RECUSE: AskedFor("专家回避", SUBMISSION, PANELIST),
    Decision.REPLACE_EXPERT: AskedFor("评委退出并替换", PANELIST, _EXCUSE),
    Decision.ASSIGN_EXPERT: AskedFor("指定专家", SUBMISSION, _OTHER_EXPERT),
    Decision.RAISE_OBJECTION: AskedFor("登记异议", _LETTER, reason=None),
    Decision.ACCEPT_OBJECTION: AskedFor("受理异议", OBJECTION),
    Decision.DECLINE_OBJECTION: AskedFor("不予受理异议", OBJECTION, _NOT_ACCEPTED, _ANSWER),
    Decision.INVESTIGATE_OBJECTION: AskedFor("指定异议核查人", OBJECTION, _INVESTIGATOR),
    Decision.UPHOLD_OBJECTION: AskedFor("异议成立", OBJECTION, _MEASURE, _ANSWER, _DECIDER),
    Decision.DISMISS_OBJECTION: AskedFor("异议不成立", OBJECTION, None, _ANSWER, _DECIDER),
    Decision.RECONSIDER_FOR_OBJECTOR: AskedFor("应异议人要求复核", OBJECTION, _INVESTIGATOR),
    Decision.RECONSIDER_FOR_UNIT: AskedFor("应报送单位要求复核", OBJECTION, _INVESTIGATOR),
    Decision.REVOKE: AskedFor("撤销奖项", SUBMISSION),
    Decision.CORRECT_NAME: AskedFor("更正姓名或者联系人", _CERTIFICATE, _RIGHT_NAME),
    Decision.CORRECT_ADDRESS: AskedFor("更正邮箱", _WHOSE, _RIGHT_ADDRESS),
    Decision.PUT_BACK_RELEASE: AskedFor("网站恢复到以前的版本", _RELEASE),
    Decision.ERASE_PERSON: AskedFor("应本人请求删除个人信息", _PERSON, _WORKS_AT),
    Decision.WITHDRAW_CONSENT: AskedFor("撤回公开授权", SUBMISSION, _PRIVATE),
}
