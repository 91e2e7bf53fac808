"""The life of an objection (异议): eight states, one line an edge.

received → accepted → investigating → rejected or upheld → closed, with one reconsideration on the way; or received →
not accepted. Whoever investigates had no part in the award: the guards refuse everybody else.
"""

from dataclasses import dataclass
from datetime import datetime

from models.enums import NotAccepted, ObjectionResult, ObjectionState, Role, SubmissionState, Tier, Trigger
from states.machine import Edge, Refusal, TransitionTable

O = ObjectionState  # noqa: E741


@dataclass(frozen=True, slots=True)
class ObjectionCase:
    """Everything an objection's guards may look at: facts of it, of its award and of the request, at one instant."""

    at: datetime
    role: Role
    state: ObjectionState | None = None
    # the objection
    grounds: str = ""
    comes_from_the_future: bool = False
    is_late: bool = False
    is_anonymous: bool = False
    concerns_an_award: bool = False
    repeats: int | None = None
    # the request
    answer: str = ""
    refusal: NotAccepted | None = None
    investigator: str = ""
    barred_as: str = ""
    acting: str = ""
    result: ObjectionResult | None = None
    tier: Tier | None = None
    people: bool = False
    # the award
    standing: SubmissionState | None = None
    current_tier: Tier | None = None
    reconsider_until: datetime | None = None


def has_grounds(case: ObjectionCase) -> Refusal | None:
    if case.grounds.strip():
        return None
    return Refusal("no_grounds", "an objection is in writing and has grounds", "异议须以书面形式提出并写明理由")


def has_come_already(case: ObjectionCase) -> Refusal | None:
    if not case.comes_from_the_future:
        return None
    return Refusal("not_come_yet", "the day of receipt has not come yet", "收到日期晚于今天")


def came_in_time(case: ObjectionCase) -> Refusal | None:
    if not case.is_late:
        return None
    return Refusal(
        "late", "it did not come while the notice ran, nor about an award that was given", "异议不是在公示期内提出"
    )


def bears_a_name(case: ObjectionCase) -> Refusal | None:
    if not case.is_anonymous:
        return None
    return Refusal("anonymous", "an objection bears a real name", "异议须署真实姓名或单位名称")


def concerns_an_award(case: ObjectionCase) -> Refusal | None:
    if case.concerns_an_award:
        return None
    return Refusal("out_of_scope", "it is not about a proposed or given award", "不涉及拟获奖或已获奖的项目")


def is_not_taken_already(case: ObjectionCase) -> Refusal | None:
    if case.repeats is None:
        return None
    return Refusal("repeated", f"this objection was taken already, as number {case.repeats}", "同一异议已经受理")


def has_an_answer(case: ObjectionCase) -> Refusal | None:
    if case.answer.strip():
        return None
    return Refusal("no_answer", "an answer with its reasons is needed", "须写明答复及理由")


def is_refused_for_what_it_is(case: ObjectionCase) -> Refusal | None:
    """Of lateness, namelessness and repetition the door knows itself; what is out of scope an officer says."""
    holds = {
        NotAccepted.LATE: case.is_late,
        NotAccepted.ANONYMOUS: case.is_anonymous,
        NotAccepted.REPEATED: case.repeats is not None,
        NotAccepted.OUT_OF_SCOPE: True,
    }
    if case.refusal is not None and holds[case.refusal]:
        return None
    words = f"it is not {case.refusal}" if case.refusal else f"give one of: {', '.join(NotAccepted)}"
    return Refusal("refusal", words, "不予受理的理由与事实不符")


def is_given_to_somebody_impartial(case: ObjectionCase) -> Refusal | None:
    if case.investigator.strip() and not case.barred_as:
        return None
    if not case.investigator.strip():
        return Refusal("nobody", "somebody must be named to investigate it", "须指定核查人")
    return Refusal(
        "partial", f"{case.investigator} may not investigate it: {case.barred_as}", "核查人与本项有关，应当回避"
    )


def is_answered_by_its_investigator(case: ObjectionCase) -> Refusal | None:
    if case.acting == case.investigator and not case.barred_as:
        return None
    if case.acting == case.investigator:
        return Refusal("partial", f"{case.acting} may not decide it: {case.barred_as}", "核查人与本项有关，应当回避")
    return Refusal("not_the_investigator", f"{case.investigator} investigates it and answers", "须由指定的核查人答复")


def says_what_follows(case: ObjectionCase) -> Refusal | None:
    if case.result is None:
        known = ", ".join(ObjectionResult)
        return Refusal("no_result", f"say what was found: one of {known}", "须注明核查结果")
    if (case.result is ObjectionResult.TIER_CHANGED) != (case.tier is not None):
        return Refusal("tier", "a changed tier, and nothing else, names the tier", "调整等次须注明新的等次")
    if case.result is ObjectionResult.TIER_CHANGED and case.tier is case.current_tier:
        return Refusal("tier", f"it has the tier {case.tier} already", "等次没有变化")
    if (case.result is ObjectionResult.PEOPLE_CHANGED) != case.people:
        return Refusal(
            "people", "corrected contributors, and nothing else, come with their list", "更正完成人须附更正后的名单"
        )
    return None


def is_asked_for_in_time(case: ObjectionCase) -> Refusal | None:
    if case.reconsider_until is not None and case.at <= case.reconsider_until:
        return None
    return Refusal("too_late", "the time to ask for a reconsideration is over", "申请复核的期限已过")


def nobody_can_ask_any_more(case: ObjectionCase) -> Refusal | None:
    if case.reconsider_until is not None and case.at > case.reconsider_until:
        return None
    return Refusal(
        "still_open", f"a reconsideration may be asked for until {case.reconsider_until}", "申请复核的期限未到"
    )


def _is_rejected(case: ObjectionCase) -> bool:
    return case.result is ObjectionResult.REJECTED


def _is_upheld(case: ObjectionCase) -> bool:
    return not _is_rejected(case)


_OFFICE = (Role.OFFICE,)
_ANSWERED = (has_an_answer, is_answered_by_its_investigator, says_what_follows)

OBJECTION = TransitionTable(
    "objection",
    ObjectionState,
    [
        Edge(Trigger.RAISE_OBJECTION, None, O.RECEIVED, _OFFICE, (has_grounds, has_come_already)),
        Edge(
            Trigger.ACCEPT_OBJECTION,
            O.RECEIVED,
            O.ACCEPTED,
            _OFFICE,
            (came_in_time, bears_a_name, concerns_an_award, is_not_taken_already),
        ),
        Edge(
            Trigger.DECLINE_OBJECTION,
            O.RECEIVED,
            O.NOT_ACCEPTED,
            _OFFICE,
            (is_refused_for_what_it_is, has_an_answer),
        ),
        *(
            Edge(
                Trigger.INVESTIGATE_OBJECTION,
                state,
                O.INVESTIGATING,
                _OFFICE,
                (is_given_to_somebody_impartial,),
            )
            for state in (O.ACCEPTED, O.INVESTIGATING)
        ),
        Edge(Trigger.ANSWER_OBJECTION, O.INVESTIGATING, O.REJECTED, _OFFICE, _ANSWERED, _is_rejected),
        Edge(Trigger.ANSWER_OBJECTION, O.INVESTIGATING, O.UPHELD, _OFFICE, _ANSWERED, _is_upheld),
        *(
            Edge(
                Trigger.RECONSIDER_OBJECTION,
                state,
                O.RECONSIDERING,
                _OFFICE,
                (is_asked_for_in_time, is_given_to_somebody_impartial),
            )
            for state in (O.REJECTED, O.UPHELD)
        ),
        Edge(Trigger.ANSWER_OBJECTION, O.RECONSIDERING, O.CLOSED, _OFFICE, _ANSWERED),
        *(
            Edge(Trigger.CLOSE_OBJECTION, state, O.CLOSED, (Role.OFFICE, Role.SYSTEM), (nobody_can_ask_any_more,))
            for state in (O.REJECTED, O.UPHELD)
        ),
    ],
)
