"""Every closed list of words that a table keeps. A leaf: everything may import it."""

from enum import StrEnum
from typing import Self


class Labelled(StrEnum):
    """An English code with the Chinese word or sentence that people read."""

    label: str

    _value_: str

    def __new__(cls, code: str, label: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.label = label
        return member

    @classmethod
    def from_label(cls, label: str) -> Self | None:
        """The member that people call by this Chinese word, or None."""
        return next((member for member in cls if member.label == label), None)


class SubmissionState(Labelled):
    """Where a submission stands. Every submission ends archived, with an Outcome."""

    SUBMITTED = "submitted", "已申报"
    DISTRICT_REVIEWED = "district_reviewed", "已初评"
    FINAL_REVIEWED = "final_reviewed", "已终评"
    AWARDED = "awarded", "已授奖"
    ARCHIVED = "archived", "已归档"


class CallState(Labelled):
    """Where a season's call stands."""

    PLANNED = "planned", "已计划"
    OPEN = "open", "征集中"
    DISTRICT_REVIEW = "district_review", "初评中"
    FINAL_REVIEW = "final_review", "终评中"
    PUBLIC_NOTICE = "public_notice", "公示中"
    PUBLISHED = "published", "已发布"
    CLOSED = "closed", "已结束"


class Outcome(Labelled):
    """How a submission ended; given when it is archived."""

    WITHDRAWN = "withdrawn", "已撤回"
    INELIGIBLE = "ineligible", "形式审查不合格"
    NOT_REVIEWED = "not_reviewed", "未初评"
    NOT_RECOMMENDED = "not_recommended", "未推荐"
    NO_PRIZE = "no_prize", "未获奖"
    OBJECTION_UPHELD = "objection_upheld", "异议成立"
    COMPLETED = "completed", "获奖归档"
    REVOKED = "revoked", "撤销获奖"


class Category(Labelled):
    INVENTION = "invention", "小发明"
    IMPROVEMENT = "improvement", "小技改"
    DESIGN = "design", "小设计"


class Carrier(Labelled):
    INDIVIDUAL = "individual", "个人岗位创新"
    TEAM = "team", "班组创新"
    ALLIANCE = "alliance", "联盟创新"


class Origin(Labelled):
    """Whether the achievement came out of training or a competition."""

    NONE = "none", "否"
    POST_TRAINING = "post_training", "岗位练兵"
    SKILL_TRAINING = "skill_training", "技能培训"
    SKILL_COMPETITION = "skill_competition", "技能竞赛"


class Tier(Labelled):
    FIRST = "first", "一等奖"
    SECOND = "second", "二等奖"
    THIRD = "third", "三等奖"


class Verdict(Labelled):
    """What a district says of a submission in the first review."""

    RECOMMENDED = "recommended", "推荐"
    NOT_RECOMMENDED = "not_recommended", "不推荐"


class Role(Labelled):
    """Who acts."""

    APPLICANT = "applicant", "申报单位"
    DISTRICT = "district", "区县科协"
    EXPERT = "expert", "专家"
    PANEL = "panel", "评审委员会"
    OFFICE = "office", "协调小组办公室"
    SYSTEM = "system", "系统"


class WorkbookKind(Labelled):
    """The workbooks that are issued as templates and delivered back."""

    SUBMISSIONS = "submissions", "申报汇总表"
    VERDICTS = "verdicts", "初评结果表"
    SCORES = "scores", "评分表"
    EXPERTS = "experts", "专家库"
    VOTES = "votes", "表决票"


class DeliveryState(Labelled):
    """What became of one delivered file."""

    ACCEPTED = "accepted", "全部接收"
    PARTLY = "partly", "部分接收"
    REFUSED = "refused", "退回"


class CorrectionState(Labelled):
    OUTSTANDING = "outstanding", "待补正"
    ANSWERED = "answered", "已补正"
    LAPSED = "lapsed", "逾期未补正"


class SeatState(Labelled):
    """Where an expert stands on a season's panel."""

    SEATED = "seated", "评委"
    RESERVE = "reserve", "候补"
    LEFT = "left", "退出"


class AssignmentState(Labelled):
    ACTIVE = "active", "待评"
    SCORED = "scored", "已评"
    RECUSED = "recused", "回避"
    LOST = "lost", "未评"


class ApprovalDecision(Labelled):
    APPROVED = "approved", "同意"
    SENT_BACK = "sent_back", "退回重排"


class ObjectionState(Labelled):
    OPEN = "open", "受理中"
    DISMISSED = "dismissed", "异议不成立"
    UPHELD = "upheld", "异议成立"


class MilestoneState(Labelled):
    PENDING = "pending", "未到"
    DONE = "done", "已完成"
    SKIPPED = "skipped", "已跳过"


class MessageState(Labelled):
    """`sending` after a crash means that nobody knows whether the server took it."""

    WAITING = "waiting", "待发送"
    SENDING = "sending", "发送中"
    SENT = "sent", "已发送"
    STUCK = "stuck", "无法送达"
    GIVEN_UP = "given_up", "已放弃"


class PublicationKind(Labelled):
    PUBLIC_NOTICE = "public_notice", "公示"
    RESULTS = "results", "结果"
    ARCHIVE = "archive", "归档"


class DuplicateDecision(Labelled):
    PENDING = "pending", "待判定"
    DISTINCT = "distinct", "不重复"
    SAME = "same", "重复"
