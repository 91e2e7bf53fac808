"""The life of a submission: five states, one line an edge.

submitted → district_reviewed → final_reviewed → awarded → archived. Every submission ends
archived with one outcome. Corrections, withdrawals, recusals, objections and approvals are
small records that the guards consult, not more states.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from config.local_time import ZONE
from models.enums import OUTCOMES, CallState, Outcome, Role, SubmissionState, Tier, Trigger, Verdict
from states.machine import Edge, Refusal, TransitionTable, not_theirs, together

S = SubmissionState


@dataclass(frozen=True, slots=True)
class Case:
    """Everything the guards may look at: facts of one submission and of the request, at one instant.

    Not the submission's number: of two submissions with equal facts, nobody may be treated otherwise.
    """

    at: datetime
    role: Role
    state: SubmissionState | None = None
    archived_from: SubmissionState | None = None
    previous_outcome: Outcome | None = None
    previous_tier: Tier | None = None
    call_state: CallState = CallState.PLANNED
    # the request
    reason: str = ""
    outcome: Outcome | None = None
    tier: Tier | None = None
    # for submit
    arrived_at: datetime | None = None
    call_deadline: datetime | None = None
    admitted: bool = False
    missing: tuple[tuple[str, str], ...] = ()  # (field of the form, what it lacks), where any
    completed_on: date | None = None
    covered_years: tuple[int, ...] = ()
    duplicate_of: str = ""
    # for record_district_review
    district_deadline: datetime | None = None
    check_closed: bool = False
    correction_outstanding: bool = False
    verdict: Verdict | None = None
    district_scored: bool = False
    # for record_final_review
    within_quota: bool = False
    eligible: bool = False
    scores: int = 0
    scores_needed: int = 0
    # for award
    notice_over: bool = False
    objections_open: int = 0
    approved_tier: Tier | None = None
    # for change_tier and reinstate: of which tier and the better ones too many prizes would stand, and how many
    too_many: tuple[Tier, int] | None = None


def call_is_open(case: Case) -> Refusal | None:
    if case.call_state is CallState.PLANNED:
        return Refusal("call_not_open", "the call is not open yet", "本年度征集尚未开始")
    late = None if case.admitted else _after_the_call(case)
    if late is None and case.call_state not in (CallState.OPEN, CallState.DISTRICT_REVIEW):
        return Refusal(
            "call_over",
            f"the call is {case.call_state}: no district can judge it any more",
            f"当前阶段为“{case.call_state.label}”，初评已经结束，不能再接收新申报",
        )
    return late


def _after_the_call(case: Case) -> Refusal | None:
    if case.arrived_at is None or case.call_deadline is None:
        return Refusal("call_not_open", "no arrival or no deadline is known", "无法确定送达时间，不能接收")
    late = case.arrived_at - case.call_deadline
    if late.total_seconds() <= 0:
        return None
    local = case.call_deadline.astimezone(ZONE)
    return Refusal(
        "late",
        f"it came {_span(late.total_seconds())} after the deadline {case.call_deadline.isoformat()}",
        f"申报已于{local:%Y年%m月%d日%H:%M}（北京时间）截止，本件迟到{_chinese_span(late.total_seconds())}；"
        "确有原因的，请联系协调小组办公室说明",
    )


def is_complete(case: Case) -> Refusal | None:
    return together(
        *(
            Refusal("incomplete", f"missing: {lacks}", f"缺少必填内容：{lacks}，请补齐后重新报送", about=field)
            for field, lacks in case.missing
        )
    )


def achievement_is_covered(case: Case) -> Refusal | None:
    if case.completed_on is not None and case.completed_on.year in case.covered_years:
        return None
    years = "、".join(map(str, case.covered_years))
    return Refusal(
        "not_covered",
        f"completed on {case.completed_on}, but the season covers {years}",
        f"完成日期{case.completed_on}不在本年度征集范围（{years}年）内",
        about="completed_on",
    )


def is_no_duplicate(case: Case) -> Refusal | None:
    if not case.duplicate_of:
        return None
    return Refusal(
        "duplicate",
        f"the same achievement is already {case.duplicate_of}",
        f"与已有申报 {case.duplicate_of} 为同一成果（名称、单位、完成人相同），不能重复申报",
        about="title",
    )


def district_round_is_open(case: Case) -> Refusal | None:
    if case.call_state not in (CallState.OPEN, CallState.DISTRICT_REVIEW):
        return Refusal(
            "round_not_open", f"the call is {case.call_state}", f"当前阶段为“{case.call_state.label}”，不在初评期内"
        )
    if case.arrived_at is None or case.district_deadline is None:
        return Refusal("round_not_open", "no arrival or no deadline is known", "无法确定送达时间，不能接收")
    late = (case.arrived_at - case.district_deadline).total_seconds()
    if late > 0 and not case.admitted:
        local = case.district_deadline.astimezone(ZONE)
        return Refusal(
            "late",
            f"the verdict came {_span(late)} after the deadline {case.district_deadline.isoformat()}",
            f"初评已于{local:%Y年%m月%d日%H:%M}（北京时间）截止，本件迟到{_chinese_span(late)}",
        )
    if case.check_closed:
        return Refusal(
            "check_closed",
            "the eligibility check is closed, and nobody would check what is recommended now",
            "形式审查已经结束，不能再接收初评结果",
        )
    return None


def no_correction_is_outstanding(case: Case) -> Refusal | None:
    if not case.correction_outstanding:
        return None
    return Refusal("correction_outstanding", "a correction is outstanding", "该申报处于退回补正中，补正后方可初评")


def has_verdict_and_score(case: Case) -> Refusal | None:
    if case.verdict is not None and case.district_scored:
        return None
    return Refusal("no_verdict", "a verdict with a score is needed", "须同时填写初评意见和分数")


def is_recommended_within_quota(case: Case) -> Refusal | None:
    if case.verdict is not Verdict.RECOMMENDED:
        return Refusal("not_recommended", "the district did not recommend it", "区县未推荐")
    if not case.within_quota:
        return Refusal("over_quota", "it is beyond the unit's quota", "超出推荐名额")
    return None


def is_eligible(case: Case) -> Refusal | None:
    if case.eligible and not case.correction_outstanding:
        return None
    return Refusal("not_eligible", "the eligibility check has not passed it", "形式审查未通过")


def has_enough_scores(case: Case) -> Refusal | None:
    if case.scores >= case.scores_needed > 0:
        return None
    return Refusal(
        "too_few_scores",
        f"{case.scores} unconflicted scores, {case.scores_needed} needed",
        f"有效评分{case.scores}份，少于规定的{case.scores_needed}份",
    )


def notice_is_over(case: Case) -> Refusal | None:
    if case.notice_over:
        return None
    return Refusal("notice_not_over", "the public notice is not over", "公示尚未结束")


def no_objection_is_open(case: Case) -> Refusal | None:
    if case.objections_open == 0:
        return None
    return Refusal("objection_open", f"{case.objections_open} objection(s) open", "尚有异议未答复，暂缓授奖")


def is_on_the_approved_list(case: Case) -> Refusal | None:
    if case.approved_tier is not None:
        return None
    return Refusal("not_approved", "it is not on the list a person approved", "不在审定的获奖名单内")


def has_the_approved_tier(case: Case) -> Refusal | None:
    if case.tier is not None and case.tier is case.approved_tier:
        return None
    return Refusal("tier", f"the tier {case.tier} is not the approved {case.approved_tier}", "等次与审定名单不符")


def outcome_is_possible(case: Case) -> Refusal | None:
    if case.outcome is None:
        return Refusal("no_outcome", "an outcome is needed", "须注明归档结论")
    if case.state not in OUTCOMES[case.outcome][0]:
        return Refusal(
            "outcome",
            f"the outcome {case.outcome} is not possible from {case.state}",
            f"当前状态下不能以“{case.outcome.label}”归档",
        )
    return None


def outcome_is_theirs_to_give(case: Case) -> Refusal | None:
    allowed = OUTCOMES[case.outcome][1] if case.outcome else ()
    return None if case.role in allowed else not_theirs(case.role, allowed)


def has_reason(case: Case) -> Refusal | None:
    return None if case.reason.strip() else Refusal("no_reason", "a reason is needed", "须写明理由")


def season_is_running(case: Case) -> Refusal | None:
    if case.call_state is CallState.CLOSED:
        return Refusal("season_closed", "the season is closed", "本年度已结束")
    return None


def is_given_back_now(case: Case) -> Refusal | None:
    """A closed season gives nothing back but an award that was taken away: that word can be overturned for good."""
    return None if case.previous_outcome is Outcome.REVOKED else season_is_running(case)


def was_completed(case: Case) -> Refusal | None:
    if case.previous_outcome is Outcome.COMPLETED:
        return None
    return Refusal(
        "not_completed", "only an award archived as completed can be revoked", "只有已归档的获奖项目才能撤销或调整"
    )


def gets_another_tier(case: Case) -> Refusal | None:
    standing = case.previous_tier or case.approved_tier
    if case.tier is not None and standing is not None and case.tier is not standing:
        return None
    return Refusal("tier", f"the tier {case.tier} is not another one than {standing}", "等次没有变化或尚无等次")


def a_place_is_free(case: Case) -> Refusal | None:
    """A place that a better tier lost may be a lower one's: no prize stands that the season does not give."""
    if case.too_many is None:
        return None
    tier, count = case.too_many
    return Refusal(
        "no_place",
        f"{count} prizes of the {tier} tier and better would stand, more than the season gives",
        f"{tier.label}及以上的名额已满（将有{count}项），须先撤销或调整占用该名额的项目",
    )


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours // 24} d {hours % 24} h {minutes} min {rest} s"


def _chinese_span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "天"), (hours, "小时"), (minutes, "分"), (rest, "秒"))
    return "".join(f"{count}{word}" for count, word in parts if count) or "不足1秒"


def _came_from(state: SubmissionState) -> Callable[[Case], bool]:
    return lambda case: case.archived_from is state


_DECIDERS = (Role.OFFICE, Role.SYSTEM)
_ANYBODY = tuple(Role)

SUBMISSION = TransitionTable(
    "submission",
    SubmissionState,
    [
        Edge(
            Trigger.SUBMIT,
            None,
            S.SUBMITTED,
            (Role.DISTRICT, Role.APPLICANT),
            (call_is_open, is_complete, achievement_is_covered, is_no_duplicate),
        ),
        Edge(
            Trigger.RECORD_DISTRICT_REVIEW,
            S.SUBMITTED,
            S.DISTRICT_REVIEWED,
            (Role.DISTRICT,),
            (district_round_is_open, no_correction_is_outstanding, has_verdict_and_score),
        ),
        Edge(
            Trigger.RECORD_FINAL_REVIEW,
            S.DISTRICT_REVIEWED,
            S.FINAL_REVIEWED,
            (Role.PANEL,),
            (is_recommended_within_quota, is_eligible, has_enough_scores),
        ),
        Edge(
            Trigger.AWARD,
            S.FINAL_REVIEWED,
            S.AWARDED,
            _DECIDERS,
            (notice_is_over, no_objection_is_open, is_on_the_approved_list, has_the_approved_tier),
        ),
        *(
            Edge(
                Trigger.ARCHIVE,
                state,
                S.ARCHIVED,
                _ANYBODY,
                (outcome_is_possible, outcome_is_theirs_to_give, *further),
            )
            for state, further in (
                (S.SUBMITTED, (season_is_running,)),
                (S.DISTRICT_REVIEWED, (season_is_running,)),
                (S.FINAL_REVIEWED, (season_is_running,)),
                (S.AWARDED, ()),  # given back in a closed season, it ends as the others did
            )
        ),
        *(
            Edge(
                Trigger.REINSTATE,
                S.ARCHIVED,
                state,
                (Role.OFFICE,),
                (has_reason, is_given_back_now, a_place_is_free),
                _came_from(state),
            )
            for state in (S.SUBMITTED, S.DISTRICT_REVIEWED, S.FINAL_REVIEWED, S.AWARDED)
        ),
        *(
            Edge(
                Trigger.CHANGE_TIER, state, state, _DECIDERS, (has_reason, gets_another_tier, *further, a_place_is_free)
            )
            for state, further in (
                (S.FINAL_REVIEWED, (is_on_the_approved_list,)),
                (S.AWARDED, ()),
                (S.ARCHIVED, (was_completed,)),
            )
        ),
        Edge(Trigger.REVOKE, S.AWARDED, S.ARCHIVED, (Role.OFFICE,), (has_reason,)),
        Edge(Trigger.REVOKE, S.ARCHIVED, S.ARCHIVED, (Role.OFFICE,), (has_reason, was_completed)),
    ],
)
