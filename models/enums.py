"""The closed lists of words that tables keep, and which outcomes there are from where. Everything may import it."""

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


# Which outcome is possible from which state, and whose word it is; the database keeps to it as well. SYSTEM acts for
# the office on dates and rules that the office set beforehand.
OUTCOMES: dict[Outcome, tuple[tuple[SubmissionState, ...], tuple[Role, ...]]] = {
    Outcome.WITHDRAWN: (
        (SubmissionState.SUBMITTED, SubmissionState.DISTRICT_REVIEWED, SubmissionState.FINAL_REVIEWED),
        (Role.DISTRICT, Role.APPLICANT, Role.OFFICE),
    ),
    Outcome.INELIGIBLE: ((SubmissionState.SUBMITTED, SubmissionState.DISTRICT_REVIEWED), (Role.OFFICE, Role.SYSTEM)),
    Outcome.NOT_REVIEWED: ((SubmissionState.SUBMITTED,), (Role.OFFICE, Role.SYSTEM)),
    Outcome.NOT_RECOMMENDED: ((SubmissionState.DISTRICT_REVIEWED,), (Role.DISTRICT, Role.OFFICE, Role.SYSTEM)),
    Outcome.NO_PRIZE: ((SubmissionState.FINAL_REVIEWED,), (Role.OFFICE, Role.SYSTEM)),
    Outcome.OBJECTION_UPHELD: ((SubmissionState.FINAL_REVIEWED,), (Role.OFFICE,)),
    Outcome.COMPLETED: ((SubmissionState.AWARDED,), (Role.OFFICE, Role.SYSTEM)),
    Outcome.REVOKED: ((SubmissionState.AWARDED,), (Role.OFFICE,)),
}


class WorkbookKind(Labelled):
    """The workbooks that are issued as templates and delivered back."""

    SUBMISSIONS = "submissions", "申报汇总表"
    VERDICTS = "verdicts", "初评结果表"
    SCORES = "scores", "评分表"
    EXPERTS = "experts", "专家库"
    VOTES = "votes", "表决票"
    FOLLOW_UP = "follow_up", "成果转化跟踪表"
    PRACTICE = "practice", "好经验好做法征集表"


# Of these a further issue, which the office may have, takes the place of the earlier ones; of the others each stays good.
SUPERSEDED = (WorkbookKind.SUBMISSIONS, WorkbookKind.VERDICTS, WorkbookKind.FOLLOW_UP, WorkbookKind.PRACTICE)


class Use(Labelled):
    """Whether an awarded achievement is in use, a year later (成果转化)."""

    IN_USE = "in_use", "在用"
    STOPPED = "stopped", "已停用"
    NOT_USED = "not_used", "未投入应用"


class PracticeKind(Labelled):
    """What a report of good practice (好思路、好经验、好做法) is."""

    IDEA = "idea", "好思路"
    EXPERIENCE = "experience", "好经验"
    METHOD = "method", "好做法"


class PracticeSource(Labelled):
    """Whose good practice it is."""

    UNIT = "unit", "报送单位"
    EMPLOYER = "employer", "用人单位"


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
    WITHDRAWN = "withdrawn", "撤回审定"


class ObjectionState(Labelled):
    """Where an objection stands: `states.objection` says what leads where."""

    RECEIVED = "received", "已收到"
    NOT_ACCEPTED = "not_accepted", "不予受理"
    ACCEPTED = "accepted", "已受理"
    INVESTIGATING = "investigating", "核查中"
    REJECTED = "rejected", "异议不成立"
    UPHELD = "upheld", "异议成立"
    RECONSIDERING = "reconsidering", "复核中"
    CLOSED = "closed", "已办结"


# While an objection stands so, the one award that it is about waits.
OPEN_OBJECTIONS = (
    ObjectionState.RECEIVED,
    ObjectionState.ACCEPTED,
    ObjectionState.INVESTIGATING,
    ObjectionState.RECONSIDERING,
)


class ObjectionKind(Labelled):
    """What an objection is about. The tier is none: experts' judgement is no ground."""

    ORIGINALITY = "originality", "创新性"
    OWNERSHIP = "ownership", "权属与完成人"
    FACTS = "facts", "事实与材料"
    CONFLICT = "conflict", "回避"
    PROCEDURE = "procedure", "程序"


class ObjectionChannel(Labelled):
    """The way on which an objection came: in writing always."""

    POST = "post", "邮寄"
    MAIL = "mail", "电子邮件"
    IN_PERSON = "in_person", "当面递交"
    REFERRED = "referred", "其他单位转来"


class NotAccepted(Labelled):
    """Why an objection is not taken up."""

    LATE = "late", "不在公示期内提出"
    ANONYMOUS = "anonymous", "未署真实姓名或单位名称"
    OUT_OF_SCOPE = "out_of_scope", "不属于异议受理范围"
    REPEATED = "repeated", "同一异议已经受理"


class ObjectionResult(Labelled):
    """What was found of an objection, and what follows for the award."""

    REJECTED = "rejected", "异议不成立"
    REMOVED = "removed", "异议成立，取消获奖资格"
    TIER_CHANGED = "tier_changed", "异议成立，调整等次"
    PEOPLE_CHANGED = "people_changed", "异议成立，更正完成人"


class ObjectionParty(Labelled):
    """Who may ask for the one reconsideration."""

    OBJECTOR = "objector", "异议人"
    UNIT = "unit", "报送单位"


class ConsentKind(Labelled):
    """What a consent to publication (同意公开) is about; each is given, and can be taken back, alone.

    The earlier workbooks had one box for everybody: what it said was names, organisations and the abstract.
    """

    NAME = "name", "姓名"
    TEXT = "text", "成果内容"
    ABSTRACT = "abstract", "成果简介"
    PICTURE = "picture", "图片"
    FOLLOW_UP = "follow_up", "转化情况"
    FOLLOW_UP_PICTURE = "follow_up_picture", "转化图片"


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
    BOUNCED = "bounced", "被退回"
    GIVEN_UP = "given_up", "已放弃"


class IncomingState(Labelled):
    """What became of one mail that came in. An admitted one waits to be taken."""

    TAKEN = "taken", "已收件"
    ANSWERED = "answered", "没有填报表，已答复"
    HELD = "held", "暂扣"
    ADMITTED = "admitted", "收下"
    DISMISSED = "dismissed", "不收"
    BOUNCE = "bounce", "退信"
    IGNORED = "ignored", "无需处理"


class MailDoubt(Labelled):
    """Why a mail with a workbook is held until a person has looked at it."""

    UNKNOWN_ADDRESS = "unknown_address", "发件地址没有登记"
    OTHERS_ADDRESS = "others_address", "发件地址登记在别的单位或专家名下，与填报表不符"
    NOT_AUTHENTIC = "not_authentic", "邮件服务器没有验明发件人"


class PublicationKind(Labelled):
    PUBLIC_NOTICE = "public_notice", "公示"
    RESULTS = "results", "结果"
    ARCHIVE = "archive", "归档"
    SUPPLEMENT = "supplement", "归档后变动"


class Holder(Labelled):
    """Whom a certificate is for."""

    CONTRIBUTOR = "contributor", "完成人"
    ORGANISATION = "organisation", "完成单位"


class CertificateState(Labelled):
    """What a certificate's number stands for; void once, it stays void."""

    VALID = "valid", "有效"
    REPLACED = "replaced", "已换发"
    REVOKED = "revoked", "已撤销"


class DuplicateDecision(Labelled):
    PENDING = "pending", "待判定"
    DISTINCT = "distinct", "不重复"
    SAME = "same", "重复"


class Cause(Labelled):
    """Why a submission ended without anybody's own words; its entry has the word as a fact and the label as its reason."""

    WITHDRAWN_IN_WORKBOOK = "withdrawn_in_workbook", "报送单位在工作簿中撤回"
    NOT_REVIEWED = "not_reviewed", "初评截止时未收到初评结果"
    NOT_RECOMMENDED = "not_recommended", "区县初评未推荐"
    DUPLICATE = "duplicate", "经协调小组办公室判定与其他申报重复"
    CORRECTION_LAPSED = "correction_lapsed", "逾期未补正"
    STILL_LACKING = "still_lacking", "补正后仍不符合要求"
    UNCHECKED_AT_END = "unchecked_at_end", "形式审查未通过"
    OUTSIDE_FINAL_ROUND = "outside_final_round", "未进入终评"
    UNREVIEWED_AT_END = "unreviewed_at_end", "初评截止后未再初评"


class LinkKind(Labelled):
    """Whose pages a personal link opens."""

    UNIT = "unit", "报送单位"
    EXPERT = "expert", "专家"
    APPLICANT = "applicant", "申报人"


class TroubleKind(Labelled):
    """What may be wrong with an installation, by its cause."""

    STAGE_FAILED = "stage_failed", "步骤运行失败"
    MILESTONE_LATE = "milestone_late", "节点逾期未执行"
    APPROVAL_UNMADE = "approval_unmade", "名单未审定"
    DELIVERY_HELD = "delivery_held", "来件未能接收"
    MAIL_STUCK = "mail_stuck", "邮件无法送达"
    MAIL_WAITS = "mail_waits", "邮件迟迟未发出"
    ADDRESS_BOUNCES = "address_bounces", "有邮件被退回"
    DISK_LOW = "disk_low", "磁盘空间不足"
    RECORD_BROKEN = "record_broken", "操作留痕核验未通过"
    CALENDAR_UNKNOWN = "calendar_unknown", "节假日安排未知"
    CLOCK_SILENT = "clock_silent", "时钟没有运行"
    SERVER_SILENT = "server_silent", "管理界面无应答"
    WORKER_SILENT = "worker_silent", "执行程序无应答"
    TIME_IMPLAUSIBLE = "time_implausible", "系统时间可疑"


class Trigger(Labelled):
    """Every word that the record may hold as what was done, with what an entry of it says.

    A word stays for ever: it is never renamed or taken back, and a new one needs a migration,
    because the database knows the list too.
    """

    meaning: str

    def __new__(cls, code: str, label: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_, member.label, member.meaning = code, label, meaning
        return member

    # what moves a season's call
    PLAN = "plan", "制定年度计划", "The season was planned with these rules."
    OPEN_CALL = "open_call", "发布征集", "The call was opened and every unit told."
    CLOSE_CALL = "close_call", "申报截止", "The last unit's time to submit was over."
    BEGIN_FINAL_REVIEW = "begin_final_review", "开始终评", "The panel was drawn and had its score sheets."
    OPEN_PUBLIC_NOTICE = "open_public_notice", "开始公示", "The approved list was put up for public notice."
    PUBLISH_RESULTS = "publish_results", "发布结果", "The results were published and the awards given."
    CLOSE_SEASON = "close_season", "年度结束", "The season was closed with every submission archived."
    # what decides about a season
    MOVE_DATE = "move_date", "调整时间", "A milestone was given another date, or is to be done once more."
    SETTLE_MILESTONE = "settle_milestone", "完成节点", "A milestone that moves no state was done."
    SKIP_MILESTONE = "skip_milestone", "跳过节点", "A milestone was left out because its day had passed."
    COMMIT_DRAW = "commit_draw", "公布抽取承诺", "The hash of the draw's seed was fixed before anybody could be drawn."
    IMPORT_EXPERTS = "import_experts", "导入专家库", "The office's workbook changed the pool of experts."
    IMPORT_BY_HAND = (
        "import_by_hand",
        "手动导入专家",
        "An administrator changed the pool of experts at the command line.",
    )
    CORRECT_ADDRESS = "correct_address", "更正邮箱", "An officer corrected an address to which the season's letters go."
    TAKE_DELIVERY = "take_delivery", "收到来件", "What came in was judged: when it arrived and what became of it."
    ADMIT_LATE = "admit_late", "准予逾期报送", "An officer let a late delivery in."
    ADMIT_MAIL = "admit_mail", "收下暂扣的邮件", "An officer let a mail in that was held for its sender."
    DISMISS_MAIL = "dismiss_mail", "不收暂扣的邮件", "An officer turned a mail away that was held for its sender."
    OPEN_LINK = "open_link", "打开个人链接", "A unit, an expert or an applicant opened their personal link."
    SIGN_STATEMENT = (
        "sign_statement",
        "签署承诺书",
        "An expert signed the fairness and secrecy statement on their page.",
    )
    REISSUE_LINK = "reissue_link", "更换个人链接", "An officer took a personal link out of force."
    REISSUE_WORKBOOK = "reissue_workbook", "重新发放工作簿", "An officer had a workbook issued once more."
    FREEZE_POOL = "freeze_pool", "封存专家库", "The pool that may be drawn from was fixed by its digest."
    ENTER_RANDOMNESS = (
        "enter_randomness",
        "登记公开随机数",
        "An officer entered the public numbers that the season had named beforehand.",
    )
    DRAW_PANEL = "draw_panel", "抽取评委", "The panel was drawn from the pool with the seed now disclosed."
    ASSIGN = (
        "assign",
        "分配评审",
        "Submissions were assigned to experts: the round's in the call, its own in a submission.",
    )
    GIVE_UP_SEAT = "give_up_seat", "退出评委", "An expert left the panel, and a reserve took what could be taken over."
    FREEZE_SCORES = "freeze_scores", "评分封存", "The first round's scores were fixed by their digest."
    ASSIGN_RE_REVIEW = "assign_re_review", "分配复评", "Submissions that stood level were given back to their experts."
    FREEZE_RANKING = "freeze_ranking", "排序封存", "The ranked list was fixed."
    OPEN_VOTES = "open_votes", "开始表决", "The panel was asked to vote on the proposed awards."
    CLOSE_VOTES = "close_votes", "表决截止", "The panel's ballots were counted."
    APPROVE = "approve", "审定", "An officer approved the award list as it stood."
    SEND_BACK = "send_back", "退回重排", "An officer sent the award list back to be ranked again."
    WITHDRAW_APPROVAL = (
        "withdraw_approval",
        "撤回审定",
        "An officer took the approval back: the list waits again, with what had been struck from it.",
    )
    RECORD_ROOT = "record_root", "记录根值", "The root over all histories was fixed for a publication."
    RELEASE_MESSAGE = "release_message", "重新发送", "An administrator had a message tried again."
    GIVE_UP_MESSAGE = "give_up_message", "放弃发送", "An administrator gave a message up."
    ERASE_PERSONAL_DATA = "erase_personal_data", "删除个人信息", "The season's personal data were erased."
    ERASE_PERSON = (
        "erase_person",
        "应请求删除个人信息",
        "One person's data were erased at their request, before the season's are.",
    )
    PUT_BACK_RELEASE = (
        "put_back_release",
        "恢复网站旧版",
        "An officer put an earlier release of the public pages back, until the next public change.",
    )
    RECORD_PRACTICE = (
        "record_practice",
        "登记好经验好做法",
        "A unit reported good practice, its own or an employer's.",
    )
    WITHHOLD_PRACTICE = (
        "withhold_practice",
        "不再公开好经验好做法",
        "The consent to publish a report of good practice was taken back, or the office withheld it.",
    )
    # what moves a submission
    SUBMIT = "submit", "申报", "The submission came in and was taken."
    RECORD_DISTRICT_REVIEW = "record_district_review", "登记初评", "The district gave its verdict and score."
    RECORD_FINAL_REVIEW = "record_final_review", "登记终评", "The submission had all its scores when the round closed."
    AWARD = "award", "授奖", "The submission was given the approved award."
    ARCHIVE = "archive", "归档", "The submission ended with this outcome."
    REINSTATE = "reinstate", "恢复", "An officer brought the submission back to where it had been."
    REVOKE = "revoke", "撤销获奖", "An officer took the award away."
    # what decides about a submission
    AMEND = "amend", "更新申报", "A new version of the submission came in and was taken."
    AMEND_VERDICT = "amend_verdict", "更新初评", "The district replaced its verdict and score."
    SHIFT_RANK = "shift_rank", "区内顺位变动", "The submission's rank in its district changed with another's verdict."
    ASK_CORRECTION = "ask_correction", "退回补正", "The submission was sent back for its one correction."
    LAPSE_CORRECTION = "lapse_correction", "补正逾期", "The correction did not come in time."
    PASS_ELIGIBILITY = "pass_eligibility", "通过形式审查", "The submission passed the eligibility check."
    DECIDE_DUPLICATE = "decide_duplicate", "判定重复", "An officer said whether two submissions are one achievement."
    REPLACE = "replace", "更换评委", "Another expert took over the submission."
    RECUSE = "recuse", "回避", "An expert was recused from the submission."
    RECORD_SCORE = "record_score", "登记评分", "An expert's score came in and was taken."
    RECORD_VOTES = "record_votes", "登记表决", "Ballots on the submission's award came in and were taken."
    STRIKE = "strike", "剔除", "An officer struck the submission from the award list."
    CHANGE_TIER = "change_tier", "调整等次", "An officer gave the submission another tier after an objection."
    RECORD_FOLLOW_UP = (
        "record_follow_up",
        "登记成果转化",
        "The unit said what became of the awarded achievement.",
    )
    # what moves an objection
    RAISE_OBJECTION = "raise_objection", "提出异议", "An objection to the award was received and entered."
    ACCEPT_OBJECTION = "accept_objection", "受理异议", "The objection was taken up; the award waits for its answer."
    DECLINE_OBJECTION = "decline_objection", "不予受理", "The objection was not taken up, and its objector told why."
    INVESTIGATE_OBJECTION = (
        "investigate_objection",
        "核查异议",
        "Somebody who had no part in the award was given the objection to investigate.",
    )
    ANSWER_OBJECTION = "answer_objection", "答复异议", "The objection was answered with reasons."
    RECONSIDER_OBJECTION = (
        "reconsider_objection",
        "复核异议",
        "One side asked for the one reconsideration; somebody else investigates.",
    )
    CLOSE_OBJECTION = "close_objection", "异议办结", "Nobody asked for a reconsideration in time: the answer is final."
    # what decides about an objection
    SHOW_OBJECTOR = "show_objector", "查看异议人", "Somebody had the objector's name and contact shown."
    SEAL_OBJECTOR = (
        "seal_objector",
        "加密异议人",
        "An upgrade moved the objector's name and contact into encrypted columns.",
    )
    MOVE_UP = (
        "move_up",
        "递补",
        "The place of an award removed after an objection went to those who follow in the list.",
    )
    # what certificates say
    GIVE_CERTIFICATES = (
        "give_certificates",
        "颁发证书",
        "Certificates of the award were given their numbers.",
    )
    VOID_CERTIFICATES = "void_certificates", "证书作废", "Certificates of the award became void: replaced, or revoked."
    CORRECT_NAME = "correct_name", "更正名称", "An officer corrected a name, or whom to reach."
    WITHDRAW_CONSENT = (
        "withdraw_consent",
        "撤回公开同意",
        "A consent to publication was taken back: a name, the text or a picture is public no more.",
    )
