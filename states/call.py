"""The life of a season's call: seven states, one line an edge."""

from dataclasses import dataclass
from datetime import datetime

from models.enums import CallState, Role, Trigger
from states.machine import Edge, Refusal, TransitionTable

C = CallState


@dataclass(frozen=True, slots=True)
class CallCase:
    """Everything the call's guards may look at, at one instant."""

    season: int
    at: datetime
    role: Role
    state: CallState | None = None
    due_at: datetime | None = None
    rounds_open: tuple[str, ...] = ()
    corrections_outstanding: int = 0
    unreviewed: int = 0
    approved: bool = False
    notice_over: bool = False
    unsettled: int = 0


def milestone_is_due(case: CallCase) -> Refusal | None:
    if case.due_at is not None and case.at >= case.due_at:
        return None
    return Refusal("not_due", f"not due before {case.due_at}", "时间未到")


def all_district_rounds_are_closed(case: CallCase) -> Refusal | None:
    if not case.rounds_open:
        return None
    listed = ", ".join(unit or "the season" for unit in case.rounds_open)
    return Refusal("rounds_open", f"the district round is still open for {listed}", "尚有区县初评未截止")


def nothing_waits_for_eligibility(case: CallCase) -> Refusal | None:
    if case.corrections_outstanding == 0 and case.unreviewed == 0:
        return None
    return Refusal(
        "eligibility_open",
        f"{case.corrections_outstanding} correction(s) outstanding, {case.unreviewed} submission(s) unchecked",
        "形式审查尚未完成",
    )


def list_is_approved(case: CallCase) -> Refusal | None:
    if case.approved:
        return None
    return Refusal("not_approved", "no named person has approved the list", "获奖名单尚未审定")


def notice_is_over(case: CallCase) -> Refusal | None:
    if case.notice_over:
        return None
    return Refusal("notice_not_over", "the public notice is not over", "公示尚未结束")


def everything_is_settled(case: CallCase) -> Refusal | None:
    if case.unsettled == 0:
        return None
    return Refusal("unsettled", f"{case.unsettled} submission(s) are not archived", "尚有申报未归档")


_OFFICE = (Role.OFFICE, Role.SYSTEM)

CALL = TransitionTable(
    "call",
    CallState,
    [
        Edge(Trigger.PLAN, None, C.PLANNED, _OFFICE),
        Edge(Trigger.OPEN_CALL, C.PLANNED, C.OPEN, _OFFICE, (milestone_is_due,)),
        Edge(Trigger.CLOSE_CALL, C.OPEN, C.DISTRICT_REVIEW, _OFFICE, (milestone_is_due,)),
        Edge(
            Trigger.BEGIN_FINAL_REVIEW,
            C.DISTRICT_REVIEW,
            C.FINAL_REVIEW,
            _OFFICE,
            (milestone_is_due, all_district_rounds_are_closed, nothing_waits_for_eligibility),
        ),
        Edge(
            Trigger.OPEN_PUBLIC_NOTICE, C.FINAL_REVIEW, C.PUBLIC_NOTICE, _OFFICE, (milestone_is_due, list_is_approved)
        ),
        Edge(Trigger.PUBLISH_RESULTS, C.PUBLIC_NOTICE, C.PUBLISHED, _OFFICE, (milestone_is_due, notice_is_over)),
        Edge(Trigger.CLOSE_SEASON, C.PUBLISHED, C.CLOSED, _OFFICE, (milestone_is_due, everything_is_settled)),
    ],
)
