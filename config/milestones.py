"""The dated milestones of a year, in calendar order, and what becomes of one whose time was missed."""

from enum import StrEnum


class Missed(StrEnum):
    """What happens to a milestone that comes up after its time (the system was down, a date was moved back)."""

    RUN_LATE = "run_late"
    SKIP = "skip"


class Milestone(StrEnum):
    """One dated step of the year; the order of the members is the order of the year."""

    OPEN_CALL = "open_call"
    REMIND_CALL = "remind_call"
    CLOSE_CALL = "close_call"
    REMIND_DISTRICT_ROUND = "remind_district_round"
    CLOSE_DISTRICT_ROUND = "close_district_round"
    CHECK_ELIGIBILITY = "check_eligibility"
    CLOSE_ELIGIBILITY = "close_eligibility"
    DRAW_PANEL = "draw_panel"
    REMIND_EXPERTS = "remind_experts"
    CLOSE_FINAL_ROUND = "close_final_round"
    REMIND_RE_REVIEW = "remind_re_review"
    CLOSE_RE_REVIEW = "close_re_review"
    CLOSE_VOTES = "close_votes"
    REMIND_APPROVAL = "remind_approval"
    OPEN_PUBLIC_NOTICE = "open_public_notice"
    CLOSE_PUBLIC_NOTICE = "close_public_notice"
    PUBLISH_RESULTS = "publish_results"
    ARCHIVE = "archive"
    OPEN_PRACTICE = "open_practice"
    REMIND_PRACTICE = "remind_practice"
    CLOSE_PRACTICE = "close_practice"
    WRITE_REPORT = "write_report"
    FOLLOW_UP = "follow_up"
    REMIND_FOLLOW_UP = "remind_follow_up"
    CLOSE_SEASON = "close_season"
    ERASE_PERSONAL_DATA = "erase_personal_data"

    @property
    def label(self) -> str:
        """The name that districts, experts and the public read."""
        return _LABELS[self]

    @property
    def deadline(self) -> str:
        """What ends by it for those who have something to deliver; the label says what the system does then."""
        return _DEADLINES.get(self, self.label)

    @property
    def is_reminder(self) -> bool:
        return self.value.startswith("remind_")

    @property
    def is_deadline(self) -> bool:
        """Whether people deliver, decide or object by it: an earlier one takes their time away."""
        return self.value.startswith("close_") and self is not Milestone.CLOSE_SEASON

    @property
    def is_for_experts(self) -> bool:
        """Whether the experts of the panel work towards it, not the districts."""
        return self in (Milestone.CLOSE_FINAL_ROUND, Milestone.CLOSE_RE_REVIEW, Milestone.CLOSE_VOTES)

    @property
    def missed(self) -> Missed:
        """Steps run late; a reminder whose day is gone says nothing true any more and is skipped."""
        return Missed.SKIP if self.is_reminder else Missed.RUN_LATE

    @property
    def per_unit(self) -> bool:
        """Whether one district may have a date of its own."""
        return self in (Milestone.CLOSE_CALL, Milestone.CLOSE_DISTRICT_ROUND)


class Chore(StrEnum):
    """What the clock has done beside the dated steps, whenever there is something to do."""

    COLLECT = "collect"
    READ_MAIL = "read_mail"
    DELIVER_MESSAGES = "deliver_messages"
    PUBLISH_SITE = "publish_site"
    TEND_OBJECTIONS = "tend_objections"

    @property
    def label(self) -> str:
        """The name that the office reads."""
        return _CHORES[self]


_DEADLINES = {
    Milestone.CLOSE_FINAL_ROUND: "终评打分截止",
    Milestone.CLOSE_RE_REVIEW: "复评打分截止",
    Milestone.CLOSE_SEASON: "成果转化情况报送截止",
}

_LABELS = {
    Milestone.OPEN_CALL: "发布征集通知",
    Milestone.REMIND_CALL: "申报催办",
    Milestone.CLOSE_CALL: "申报截止",
    Milestone.REMIND_DISTRICT_ROUND: "初评催办",
    Milestone.CLOSE_DISTRICT_ROUND: "初评截止",
    Milestone.CHECK_ELIGIBILITY: "形式审查",
    Milestone.CLOSE_ELIGIBILITY: "补正截止",
    Milestone.DRAW_PANEL: "抽取评委并分配",
    Milestone.REMIND_EXPERTS: "评分催办",
    Milestone.CLOSE_FINAL_ROUND: "终评截止并排序",
    Milestone.REMIND_RE_REVIEW: "复评催办",
    Milestone.CLOSE_RE_REVIEW: "复评截止",
    Milestone.CLOSE_VOTES: "表决截止",
    Milestone.REMIND_APPROVAL: "审定催办",
    Milestone.OPEN_PUBLIC_NOTICE: "公示开始",
    Milestone.CLOSE_PUBLIC_NOTICE: "公示结束",
    Milestone.PUBLISH_RESULTS: "发布结果",
    Milestone.ARCHIVE: "归档",
    Milestone.OPEN_PRACTICE: "征集好经验好做法",
    Milestone.REMIND_PRACTICE: "好经验好做法催办",
    Milestone.CLOSE_PRACTICE: "好经验好做法征集截止",
    Milestone.WRITE_REPORT: "年度报告",
    Milestone.FOLLOW_UP: "成果转化跟踪",
    Milestone.REMIND_FOLLOW_UP: "转化跟踪催办",
    Milestone.CLOSE_SEASON: "年度结束",
    Milestone.ERASE_PERSONAL_DATA: "删除个人信息",
}
_CHORES = {
    Chore.COLLECT: "收件",
    Chore.DELIVER_MESSAGES: "发送邮件",
    Chore.READ_MAIL: "收取邮件",
    Chore.PUBLISH_SITE: "更新网站",
    Chore.TEND_OBJECTIONS: "异议跟办",
}
