"""The submission's table against one written out by hand; every guard refuses once."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from config.local_time import ZONE
from models.enums import OUTCOMES, CallState, Outcome, Role, SubmissionState, Tier, Verdict
from states.machine import Refusal
from states.submission import SUBMISSION, Case

S, O, R = SubmissionState, Outcome, Role
DEADLINE = datetime(2026, 4, 30, 18, tzinfo=ZONE)
SECOND = timedelta(seconds=1)

# Everything is in order: whatever the table allows from a state, this case may do.
IN_ORDER = Case(
    "2026-500103-0001",
    DEADLINE,
    R.OFFICE,
    call_state=CallState.DISTRICT_REVIEW,
    reason="示例理由",
    arrived_at=DEADLINE,
    call_deadline=DEADLINE,
    completed_on=date(2025, 6, 1),
    covered_years=(2025,),
    district_deadline=DEADLINE,
    verdict=Verdict.RECOMMENDED,
    district_scored=True,
    within_quota=True,
    eligible=True,
    scores=5,
    scores_needed=5,
    notice_over=True,
    approved_tier=Tier.FIRST,
    tier=Tier.FIRST,
)
SOURCES = (None, *S)
TRIGGERS = ("submit", "record_district_review", "record_final_review", "award", "archive", "reinstate", "revoke")

# trigger, from -> to, and by whom. What is not here must be refused.
TABLE: dict[tuple[str, SubmissionState | None], tuple[SubmissionState, set[Role]]] = {
    ("submit", None): (S.SUBMITTED, {R.DISTRICT, R.APPLICANT}),
    ("record_district_review", S.SUBMITTED): (S.DISTRICT_REVIEWED, {R.DISTRICT}),
    ("record_final_review", S.DISTRICT_REVIEWED): (S.FINAL_REVIEWED, {R.PANEL}),
    ("award", S.FINAL_REVIEWED): (S.AWARDED, {R.OFFICE, R.SYSTEM}),
    ("archive", S.SUBMITTED): (S.ARCHIVED, {R.DISTRICT, R.APPLICANT, R.OFFICE}),
    ("archive", S.DISTRICT_REVIEWED): (S.ARCHIVED, {R.DISTRICT, R.APPLICANT, R.OFFICE}),
    ("archive", S.FINAL_REVIEWED): (S.ARCHIVED, {R.DISTRICT, R.APPLICANT, R.OFFICE}),
    ("archive", S.AWARDED): (S.ARCHIVED, {R.OFFICE, R.SYSTEM}),
    ("reinstate", S.ARCHIVED): (S.SUBMITTED, {R.OFFICE}),
    ("revoke", S.AWARDED): (S.ARCHIVED, {R.OFFICE}),
    ("revoke", S.ARCHIVED): (S.ARCHIVED, {R.OFFICE}),
}

# outcome: from which states, by whom
ENDINGS: dict[Outcome, tuple[set[SubmissionState], set[Role]]] = {
    O.WITHDRAWN: ({S.SUBMITTED, S.DISTRICT_REVIEWED, S.FINAL_REVIEWED}, {R.DISTRICT, R.APPLICANT, R.OFFICE}),
    O.INELIGIBLE: ({S.SUBMITTED, S.DISTRICT_REVIEWED}, {R.OFFICE, R.SYSTEM}),
    O.NOT_REVIEWED: ({S.SUBMITTED}, {R.OFFICE, R.SYSTEM}),
    O.NOT_RECOMMENDED: ({S.DISTRICT_REVIEWED}, {R.DISTRICT, R.OFFICE, R.SYSTEM}),
    O.NO_PRIZE: ({S.FINAL_REVIEWED}, {R.OFFICE, R.SYSTEM}),
    O.OBJECTION_UPHELD: ({S.FINAL_REVIEWED}, {R.OFFICE}),
    O.COMPLETED: ({S.AWARDED}, {R.OFFICE, R.SYSTEM}),
    O.REVOKED: ({S.AWARDED}, {R.OFFICE}),
}

DAY_LATE = {"arrived_at": DEADLINE + timedelta(days=1)}
REFUSALS: list[tuple[str, SubmissionState | None, dict[str, Any], str]] = [
    ("submit", None, {"call_state": CallState.PLANNED}, "call_not_open"),
    ("submit", None, {"arrived_at": None}, "call_not_open"),
    ("submit", None, {"call_deadline": None}, "call_not_open"),
    ("submit", None, DAY_LATE, "late"),
    ("submit", None, {"call_state": CallState.FINAL_REVIEW}, "call_over"),
    ("submit", None, {"call_state": CallState.CLOSED, "admitted": True, **DAY_LATE}, "call_over"),
    ("submit", None, {"missing": (("summary", "成果简介"),)}, "incomplete"),
    ("submit", None, {"completed_on": date(2024, 12, 31)}, "not_covered"),
    ("submit", None, {"completed_on": None}, "not_covered"),
    ("submit", None, {"duplicate_of": "2026-500101-0001"}, "duplicate"),
    ("record_district_review", S.SUBMITTED, {"call_state": CallState.FINAL_REVIEW}, "round_not_open"),
    ("record_district_review", S.SUBMITTED, {"call_state": CallState.PLANNED}, "round_not_open"),
    ("record_district_review", S.SUBMITTED, {"district_deadline": None}, "round_not_open"),
    ("record_district_review", S.SUBMITTED, {"arrived_at": None}, "round_not_open"),
    ("record_district_review", S.SUBMITTED, DAY_LATE, "late"),
    ("record_district_review", S.SUBMITTED, {"check_closed": True}, "check_closed"),
    ("record_district_review", S.SUBMITTED, {"check_closed": True, "admitted": True, **DAY_LATE}, "check_closed"),
    ("record_district_review", S.SUBMITTED, {"correction_outstanding": True}, "correction_outstanding"),
    ("record_district_review", S.SUBMITTED, {"verdict": None}, "no_verdict"),
    ("record_district_review", S.SUBMITTED, {"district_scored": False}, "no_verdict"),
    ("record_final_review", S.DISTRICT_REVIEWED, {"verdict": Verdict.NOT_RECOMMENDED}, "not_recommended"),
    ("record_final_review", S.DISTRICT_REVIEWED, {"verdict": None}, "not_recommended"),
    ("record_final_review", S.DISTRICT_REVIEWED, {"within_quota": False}, "over_quota"),
    ("record_final_review", S.DISTRICT_REVIEWED, {"eligible": False}, "not_eligible"),
    ("record_final_review", S.DISTRICT_REVIEWED, {"correction_outstanding": True}, "not_eligible"),
    ("record_final_review", S.DISTRICT_REVIEWED, {"scores": 4}, "too_few_scores"),
    ("record_final_review", S.DISTRICT_REVIEWED, {"scores": 0, "scores_needed": 0}, "too_few_scores"),
    ("award", S.FINAL_REVIEWED, {"notice_over": False}, "notice_not_over"),
    ("award", S.FINAL_REVIEWED, {"objections_open": 1}, "objection_open"),
    ("award", S.FINAL_REVIEWED, {"approved_tier": None}, "not_approved"),
    ("award", S.FINAL_REVIEWED, {"tier": Tier.SECOND}, "tier"),
    ("award", S.FINAL_REVIEWED, {"tier": None}, "tier"),
    ("archive", S.SUBMITTED, {"outcome": None}, "no_outcome"),
    ("archive", S.SUBMITTED, {"outcome": O.COMPLETED}, "outcome"),
    ("archive", S.SUBMITTED, {"outcome": O.NOT_REVIEWED, "role": R.DISTRICT}, "role"),
    ("archive", S.SUBMITTED, {"call_state": CallState.CLOSED}, "season_closed"),
    ("reinstate", S.ARCHIVED, {"reason": "  "}, "no_reason"),
    ("reinstate", S.ARCHIVED, {"call_state": CallState.CLOSED}, "season_closed"),
    ("reinstate", S.ARCHIVED, {"too_many": (Tier.SECOND, 3)}, "no_place"),
    ("change_tier", S.AWARDED, {}, "tier"),
    ("change_tier", S.AWARDED, {"tier": Tier.SECOND, "too_many": (Tier.SECOND, 3)}, "no_place"),
    ("revoke", S.AWARDED, {"reason": ""}, "no_reason"),
    ("revoke", S.ARCHIVED, {"reason": ""}, "no_reason"),
    ("revoke", S.ARCHIVED, {"previous_outcome": O.NO_PRIZE}, "not_completed"),
    ("revoke", S.ARCHIVED, {"previous_outcome": O.REVOKED}, "not_completed"),
]


def in_order(trigger: str, state: SubmissionState | None, **changes: Any) -> Case:
    """A case in which nothing stands against a trigger."""
    known = TABLE.get((trigger, state))
    role = sorted(known[1])[0] if known else R.OFFICE
    archived = state is S.ARCHIVED
    outcome = O.COMPLETED if state is S.AWARDED else O.WITHDRAWN
    base = replace(
        IN_ORDER,
        state=state,
        role=role,
        outcome=outcome if trigger == "archive" else None,
        archived_from=S.SUBMITTED if archived else None,
        previous_outcome=O.COMPLETED if archived else None,
    )
    return replace(base, **changes)


@pytest.mark.parametrize(("trigger", "state"), list(product(TRIGGERS, SOURCES)))
def test_every_trigger_from_every_state(trigger: str, state: SubmissionState | None) -> None:
    verdict = SUBMISSION.judge(trigger, in_order(trigger, state))

    if (trigger, state) in TABLE:
        assert not isinstance(verdict, Refusal), verdict
        assert verdict is TABLE[trigger, state][0]
        assert SUBMISSION.move("n", trigger, in_order(trigger, state)) is verdict
    else:
        assert isinstance(verdict, Refusal)
        assert verdict.code == "state"


@pytest.mark.parametrize(("trigger", "state", "role"), [(*key, role) for key in TABLE for role in Role])
def test_who_may_take_each_edge(trigger: str, state: SubmissionState | None, role: Role) -> None:
    verdict = SUBMISSION.judge(trigger, in_order(trigger, state, role=role))

    if role in TABLE[trigger, state][1]:
        assert not isinstance(verdict, Refusal), verdict
    else:
        assert isinstance(verdict, Refusal)
        assert verdict.code == "role"


@pytest.mark.parametrize(("trigger", "state", "changes", "code"), REFUSALS)
def test_each_guard_refuses(trigger: str, state: SubmissionState | None, changes: dict[str, Any], code: str) -> None:
    verdict = SUBMISSION.judge(trigger, in_order(trigger, state, **changes))

    assert isinstance(verdict, Refusal)
    assert verdict.code == code
    assert verdict.english
    assert verdict.chinese


def test_every_guard_of_the_table_was_seen_to_refuse() -> None:
    refusing = set()
    for trigger, state, changes, _ in REFUSALS:
        case = in_order(trigger, state, **changes)
        for edge in SUBMISSION.edges:
            if (edge.trigger, edge.source) == (trigger, state):
                refusing |= {guard for guard in edge.guards if guard(case)}

    assert refusing == {guard for edge in SUBMISSION.edges for guard in edge.guards}


@pytest.mark.parametrize(("outcome", "state", "role"), list(product(Outcome, S, Role)))
def test_which_outcome_from_where_by_whom(outcome: Outcome, state: SubmissionState, role: Role) -> None:
    states, roles = ENDINGS[outcome]

    verdict = SUBMISSION.judge("archive", in_order("archive", state, outcome=outcome, role=role))

    if state in states and role in roles:
        assert not isinstance(verdict, Refusal), verdict
    else:
        assert isinstance(verdict, Refusal)
        expected = "state" if state is S.ARCHIVED else "outcome" if state not in states else "role"
        assert verdict.code == expected


def test_the_outcomes_are_all_there() -> None:
    assert set(OUTCOMES) == set(Outcome) == set(ENDINGS)


@pytest.mark.parametrize("origin", [S.SUBMITTED, S.DISTRICT_REVIEWED, S.FINAL_REVIEWED, S.AWARDED])
def test_reinstated_goes_back_to_where_it_came_from(origin: SubmissionState) -> None:
    case = in_order("reinstate", S.ARCHIVED, archived_from=origin)

    assert SUBMISSION.move("n", "reinstate", case) is origin


def test_archived_from_nowhere_cannot_be_reinstated() -> None:
    verdict = SUBMISSION.judge("reinstate", in_order("reinstate", S.ARCHIVED, archived_from=None))

    assert isinstance(verdict, Refusal)


@pytest.mark.parametrize("trigger", ["submit", "record_district_review"])
@pytest.mark.parametrize(("offset", "refused"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
def test_a_deadline_a_second_before_at_and_after(trigger: str, offset: timedelta, refused: bool) -> None:
    state = None if trigger == "submit" else S.SUBMITTED
    case = in_order(trigger, state, arrived_at=DEADLINE + offset)

    verdict = SUBMISSION.judge(trigger, case)

    assert isinstance(verdict, Refusal) is refused
    if isinstance(verdict, Refusal):
        assert verdict.code == "late"
        assert "0 d 0 h 0 min 1 s after the deadline" in verdict.english
        assert "2026年04月30日18:00" in verdict.chinese
        assert "迟到1秒" in verdict.chinese


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (timedelta(days=2, hours=3, minutes=4, seconds=5), "2天3小时4分5秒"),
        (timedelta(hours=1), "1小时"),
        (timedelta(microseconds=1), "不足1秒"),
    ],
)
def test_how_late_is_said_in_words(late: timedelta, words: str) -> None:
    verdict = SUBMISSION.judge("submit", in_order("submit", None, arrived_at=DEADLINE + late))

    assert isinstance(verdict, Refusal)
    assert f"迟到{words}" in verdict.chinese


def test_the_office_may_admit_what_is_late_but_not_before_the_call_opens() -> None:
    late = {**DAY_LATE, "admitted": True}

    assert not isinstance(SUBMISSION.judge("submit", in_order("submit", None, **late)), Refusal)
    assert not isinstance(
        SUBMISSION.judge("record_district_review", in_order("record_district_review", S.SUBMITTED, **late)), Refusal
    )
    planned = SUBMISSION.judge("submit", in_order("submit", None, call_state=CallState.PLANNED, **late))
    assert isinstance(planned, Refusal)
    assert planned.code == "call_not_open"
