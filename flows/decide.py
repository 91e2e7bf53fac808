"""Decisions that an officer takes by hand, through the dashboard's form or the command."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.units import all_units
from flows import objections, personal_data
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
    Form,
    Offer,
    code_of,
    unit_of,
    workbook_field,
)
from flows.home import paths
from flows.home.files import copy_atomically, digest_of
from flows.home.releases import Releases
from flows.kinds.scores import issue_further_sheet, replace_lost_experts
from flows.kinds.table import REISSUED, reissue
from flows.outbox.corrections import tell_correction
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post, post_to_unit
from flows.papers.putting import put_papers
from flows.publish.pictures import forget_unnamed
from flows.publish.publications import publish_change
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Expert, Submission
from models.enums import LinkKind, NotAccepted, ObjectionParty, WorkbookKind
from states.incoming_mail import decide_held
from states.links import revoke_link
from states.machine import Act
from states.officers import DecisionRefused, investigator, officer
from states.panel.draw import enter_randomness
from states.panel.recusals import recuse
from states.panel.replacements import assign_by_hand, give_up_seat
from states.practice import withhold_practice
from states.releases import put_back
from states.submissions.admission import admit_late
from states.submissions.certificates import correct_name
from states.submissions.corrections import ask_correction
from states.submissions.duplicates import decide_duplicate
from states.submissions.reinstatement import reinstate
from states.submissions.settle import revoke, withdraw
from states.submissions.taking_back import called, withdraw_consent


class Decision(StrEnum):
    """What an officer may decide. What `subject` and `other` mean differs; see `_DECISIONS`."""

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
    PUT_BACK_RELEASE = "put_back_release"
    WITHDRAW_CONSENT = "withdraw_consent"
    ERASE_PERSON = "erase_person"

    @property
    def asked(self) -> "Asked":
        return _DECISIONS[self]


_BY_INVESTIGATORS = (Decision.UPHOLD_OBJECTION, Decision.DISMISS_OBJECTION)

ABSENT = "缺席"
_EXCUSED = ("excused", "请假")
# Takes one kind of decision: about a subject, another party where there is one, for a reason.
Taking = Callable[[Session, Run, Act, str, str, str], None]


@dataclass(frozen=True)
class Asked:
    """What a decision is called, who takes it, and what its form asks for beside officer and reason."""

    title: str
    take: Taking
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


class DeliveredFileMissing(GangchuangError):
    def __init__(self, path: Path) -> None:
        self.chinese = "原来件已不在服务器上，请该单位重新报送。没有任何改动。"
        super().__init__(f"The delivered file {path} is gone; ask the unit to send it again.")


@stage_flow(
    name="office-decision",
    deed=lambda given: Decision(given["decision"]).asked.title,
    without_names=lambda given: Decision(given["decision"]).asked.without_names(given),
)
def decide(
    season: int,
    officer_name: str,
    decision: Decision,
    subject: str,
    reason: str,
    other: str = "",
    dry_run: bool = False,
) -> dict[str, object]:
    """Record an officer's decision (办公室决定).

    Runs: by a person, whenever something must be decided.
    Before: what it is about exists: each decision's form says what it asks for, `gangchuang decide --help` too.
    After: the decision, its officer and its reason are history; those concerned have a letter. After the
    archive it has a root of its own, on the season's page and in a letter to every unit.
    Undo: the opposite decision, where there is one.
    """

    about, party = decision.asked.read(subject, other)

    def deciding(run: Run) -> Ending:
        try:
            with run.step() as session:
                who = investigator if decision in _BY_INVESTIGATORS else officer
                act = run.act.by(who(run.season, officer_name))
                decision.asked.take(session, run, act, about, party, reason)
                if decision in (Decision.RECUSE, Decision.REPLACE_EXPERT, Decision.REINSTATE):
                    replace_lost_experts(session, run)
                publish_change(session, run)
        finally:
            if decision in (Decision.RAISE_OBJECTION, Decision.UPHOLD_OBJECTION):
                objections.clear_entered(run)
            # Refused too: a run that died after its decision and before the papers comes again as a refusal.
            put_papers(run)
            if decision is Decision.WITHDRAW_CONSENT:
                forget_unnamed(run)
        run.tell("decision", decision.asked.title)
        run.tell("subject", decision.asked.subject.personal or about)
        return Ending()

    return perform("decide", season, deciding, dry_run=dry_run)


def _telling_unit(change: Callable[..., object], letter: LetterKind) -> Taking:
    """A decision that changes one submission, and of which its unit has a letter."""

    def take(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
        change(session, number, act, reason=reason)
        _tell_unit(session, run, letter, number, reason=reason)

    return take


def _admit_late(session: Session, run: Run, act: Act, digest: str, other: str, reason: str) -> None:
    delivery = admit_late(session, run.year, digest, act, reason=reason)
    lies = paths.taken(run.settings, run.year, delivery.sender, delivery.digest, delivery.file_name)
    if not lies.exists():
        raise DeliveredFileMissing(lies)
    if not run.dry_run:
        # The collector takes it once more from the inbox, now as admitted; a newer file of its name stays.
        box, name = paths.inbox(run.settings) / delivery.sender, delivery.file_name
        taken_name = (box / name).exists() and digest_of(box / name) != delivery.digest
        copy_atomically(lies, box / (f"{delivery.digest[:8]}-{name}" if taken_name else name))
    if delivery.sender in all_units():
        post_to_unit(
            session,
            run,
            LetterKind.LATE_ADMITTED,
            delivery.sender,
            key=delivery.digest[:16],
            file_name=delivery.file_name,
            reason=reason,
        )


def _decide_held(session: Session, run: Run, act: Act, digest: str, other: str, reason: str, *, admit: bool) -> None:
    mail = decide_held(session, run.year, digest, act, admit=admit, reason=reason)
    run.tell("mail", mail.digest[:12])


def _reissue_link(session: Session, run: Run, act: Act, subject: str, other: str, reason: str) -> None:
    """The link goes out of force; whoever has it gets another at once, an applicant from their unit."""
    kind = revoke_link(session, run.year, subject, act, reason=reason)
    if kind is LinkKind.UNIT:
        post_to_unit(session, run, LetterKind.LINK_REISSUED, subject, key=f"{act.at:%Y%m%dT%H%M%S}", reason=reason)
    elif kind is LinkKind.EXPERT:
        expert = session.get_one(Expert, subject)
        key, whom = f"{subject}/{act.at:%Y%m%dT%H%M%S}", f"{expert.name}专家"
        post(session, run, LetterKind.LINK_REISSUED_EXPERT, key=key, to=expert.mail, expert_name=whom, reason=reason)


def _reissue(session: Session, run: Run, act: Act, code: str, other: str, reason: str) -> None:
    kind = WorkbookKind.from_label(other) or WorkbookKind(other or WorkbookKind.SUBMISSIONS)
    if code not in {unit.code for unit in run.season.units()} or kind not in REISSUED:
        raise DecisionRefused(
            f"workbook {other!r} of {code!r}",
            "give a unit's code, and submissions or verdicts",
            "请选择报送单位和工作簿",
        )
    issue = reissue(session, run, code, kind, act, reason=reason)
    run.tell("issue", issue)


def _ask_correction(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    due_at = ask_correction(session, run.season, number, act, missing=reason)
    row = session.get_one(Submission, number)
    tell_correction(session, run, row.unit, [(number, row.title, reason)], due_at, key=number)


def _same(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    dropped = decide_duplicate(session, number, other, act, same=True, reason=reason)
    if dropped:
        _tell_unit(session, run, LetterKind.DUPLICATE_DROPPED, dropped, reason=reason)


def _distinct(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    decide_duplicate(session, number, other, act, same=False, reason=reason)


def _recuse(session: Session, run: Run, act: Act, number: str, expert: str, reason: str) -> None:
    recuse(session, run.year, expert, number, act, reason=reason)


def _replace_expert(session: Session, run: Run, act: Act, expert: str, other: str, reason: str) -> None:
    excused = other in _EXCUSED
    lost = give_up_seat(session, run.year, expert, act, reason=reason, excused=excused)
    run.tell("assignments to be replaced", lost)
    run.tell("counted as an absence", not excused)


def _assign_expert(session: Session, run: Run, act: Act, number: str, expert: str, reason: str) -> None:
    assign_by_hand(session, run.season, number, expert, act, reason=reason)
    issue_further_sheet(session, run, expert, [number])


def _enter_randomness(session: Session, run: Run, act: Act, value: str, other: str, reason: str) -> None:
    enter_randomness(session, run.season, act, value, reason=reason)


def _correct_name(session: Session, run: Run, act: Act, certificate: str, right: str, reason: str) -> None:
    reissued = correct_name(session, run.year, certificate, act, right=right, reason=reason)
    void, valid = reissued.void, reissued.valid
    told = {"void": str(void or ""), "valid": str(valid or ""), "name": reissued.name, "reason": reason}
    _tell_unit(session, run, LetterKind.NAME_CORRECTED, reissued.submission, **told)
    run.tell("certificates given", valid.short if valid else 0)


def _put_back(session: Session, run: Run, act: Act, subject: str, other: str, reason: str) -> None:
    releases = Releases(run.settings.home)
    if not subject.isdigit():
        raise DecisionRefused(
            f"release {subject!r}", "a release is named by its number, such as 12", "网站版本以数字指明，例如 12"
        )
    if int(subject) not in (0, *releases.numbers()[:-1]):
        raise DecisionRefused(
            f"release {subject}",
            "it is not among the earlier ones that are kept; see `site list`",
            f"没有保留第{subject}版，见 site list",
        )
    if not reason.strip():
        raise DecisionRefused(f"release {subject}", "putting it back needs a reason", "恢复以前的版本须写明理由")
    put_back(session, run.year, act, int(subject), reason=reason)


def _withdraw_consent(session: Session, run: Run, act: Act, number: str, words: str, reason: str) -> None:
    things = withdraw_consent(session, number, words, act, reason=reason)
    _tell_unit(session, run, LetterKind.CONSENT_WITHDRAWN, number, what=called(things))
    run.tell("public no more", called(things))


def _withhold_practice(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    row = withhold_practice(session, run.year, number, act, reason=reason)
    told: dict[str, Any] = {"number": row.number, "title": row.title, "reason": reason}
    post_to_unit(session, run, LetterKind.PRACTICE_WITHHELD, row.unit, key=row.number, **told)


def _tell_unit(session: Session, run: Run, kind: LetterKind, number: str, *, key: str = "", **context: Any) -> None:
    row = session.get_one(Submission, number)
    post_to_unit(
        session, run, kind, row.unit, key=f"{number}/{key or row.sequence}", number=number, title=row.title, **context
    )


_PRACTICE = Field("材料编号", "网页和汇总表上印的编号，例如 2026-500101-P01。", REASON.schema)
_OTHER_EXPERT = replace(EXPERT, title="改派的专家", hint="该项目缺少专家时指定；不得与项目有利益冲突。")
_NUMBERS = Field("公开的随机数", "年度文件事先指明的公开数字，例如开奖号码。")
_CERTIFICATE = Field(
    "证书编号", "证书上印的编号，更正后原证书作废，另发新号；没有证书的写“申报编号 完成人2”。", REASON.schema
)
_RIGHT_NAME = Field("正确的姓名", "证书上应当印的姓名或者单位名称。", REASON.schema, personal="已更正")
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
_MAIL = Field("暂扣的邮件", "来自名册以外地址的邮件。", offers=Offer.HELD_MAIL)
_LINK = Field("谁的链接", "单位代码、专家编号或申报编号；原链接即时失效，单位和专家另有邮件。", REASON.schema)
_MISSING = replace(REASON, title="缺少的内容", hint="须补正什么，原文写入给单位的信。")
_ANSWER = replace(REASON, title="答复", hint="答复及理由，原文写入给单位的信。")
_PUBLISHED = replace(REASON, title="公布处", hint="这些数字在何处、何时公布。")
_EXCUSE = Field("原因", "请假不计缺席。", {"type": "string", "enum": [ABSENT, _EXCUSED[1]]})

_DECISIONS: dict[Decision, Asked] = {
    Decision.ASK_CORRECTION: Asked("退回补正", _ask_correction, SUBMISSION, reason=_MISSING),
    Decision.ADMIT_LATE: Asked("补收来件", _admit_late, DELIVERY),
    Decision.ADMIT_MAIL: Asked("收下暂扣的邮件", partial(_decide_held, admit=True), _MAIL),
    Decision.DISMISS_MAIL: Asked("不收暂扣的邮件", partial(_decide_held, admit=False), _MAIL),
    Decision.REISSUE_LINK: Asked("更换个人链接", _reissue_link, _LINK),
    Decision.REISSUE_WORKBOOK: Asked("重发工作簿", _reissue, UNIT, workbook_field(REISSUED)),
    Decision.SAME_ACHIEVEMENT: Asked("判定为同一成果", _same, DUPLICATE),
    Decision.DISTINCT_ACHIEVEMENTS: Asked("判定为不同成果", _distinct, DUPLICATE),
    Decision.WITHDRAW: Asked("撤回申报", _telling_unit(withdraw, LetterKind.WITHDRAWN), SUBMISSION),
    Decision.REINSTATE: Asked("恢复项目", _telling_unit(reinstate, LetterKind.REINSTATED), SUBMISSION),
    Decision.ENTER_RANDOMNESS: Asked("录入公开随机数", _enter_randomness, _NUMBERS, reason=_PUBLISHED),
    Decision.WITHHOLD_PRACTICE: Asked("不再公开好经验好做法", _withhold_practice, _PRACTICE),
    Decision.RECUSE: Asked("专家回避", _recuse, SUBMISSION, PANELIST),
    Decision.REPLACE_EXPERT: Asked("评委退出并替换", _replace_expert, PANELIST, _EXCUSE),
    Decision.ASSIGN_EXPERT: Asked("指定专家", _assign_expert, SUBMISSION, _OTHER_EXPERT),
    Decision.RAISE_OBJECTION: Asked("登记异议", objections.take_letter, _LETTER, reason=None),
    Decision.ACCEPT_OBJECTION: Asked("受理异议", objections.take_acceptance, OBJECTION),
    Decision.DECLINE_OBJECTION: Asked("不予受理异议", objections.take_refusal, OBJECTION, _NOT_ACCEPTED, _ANSWER),
    Decision.INVESTIGATE_OBJECTION: Asked("指定异议核查人", objections.take_investigation, OBJECTION, _INVESTIGATOR),
    Decision.UPHOLD_OBJECTION: Asked("异议成立", objections.take_upholding, OBJECTION, _MEASURE, _ANSWER, _DECIDER),
    Decision.DISMISS_OBJECTION: Asked("异议不成立", objections.take_rejection, OBJECTION, None, _ANSWER, _DECIDER),
    Decision.RECONSIDER_FOR_OBJECTOR: Asked(
        "应异议人要求复核",
        partial(objections.take_reconsideration, asked_by=ObjectionParty.OBJECTOR),
        OBJECTION,
        _INVESTIGATOR,
    ),
    Decision.RECONSIDER_FOR_UNIT: Asked(
        "应报送单位要求复核",
        partial(objections.take_reconsideration, asked_by=ObjectionParty.UNIT),
        OBJECTION,
        _INVESTIGATOR,
    ),
    Decision.REVOKE: Asked("撤销奖项", _telling_unit(revoke, LetterKind.REVOKED), SUBMISSION),
    Decision.CORRECT_NAME: Asked("更正证书姓名", _correct_name, _CERTIFICATE, _RIGHT_NAME),
    Decision.PUT_BACK_RELEASE: Asked("网站恢复到以前的版本", _put_back, _RELEASE),
    Decision.ERASE_PERSON: Asked("应本人请求删除个人信息", personal_data.take_deletion, _PERSON, _WORKS_AT),
    Decision.WITHDRAW_CONSENT: Asked("撤回公开授权", _withdraw_consent, SUBMISSION, _PRIVATE),
}

FORMS = tuple(
    Form(
        decision.value,
        asked.title,
        decide,
        inspect.getdoc(decide.fn) or "",
        {"decision": decision.value, **({} if asked.reason else {"reason": ""})},
        {
            "subject": asked.subject,
            "other": asked.other,
            "reason": asked.reason or REASON,
            "officer_name": asked.officer,
        },
    )
    for decision, asked in _DECISIONS.items()
)
