"""The call's table against one written out by hand; every guard refuses once."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from config.local_time import ZONE
from models.enums import CallState, Role
from states.call import CALL, CallCase
from states.machine import Refusal

C = CallState
DUE = datetime(2026, 3, 2, 9, tzinfo=ZONE)
SECOND = timedelta(seconds=1)
IN_ORDER = CallCase(2026, DUE, Role.SYSTEM, due_at=DUE, approved=True, notice_over=True)

TABLE: dict[tuple[str, CallState | None], CallState] = {
    ("plan", None): C.PLANNED,
    ("open_call", C.PLANNED): C.OPEN,
    ("close_call", C.OPEN): C.DISTRICT_REVIEW,
    ("begin_final_review", C.DISTRICT_REVIEW): C.FINAL_REVIEW,
    ("open_public_notice", C.FINAL_REVIEW): C.PUBLIC_NOTICE,
    ("publish_results", C.PUBLIC_NOTICE): C.PUBLISHED,
    ("close_season", C.PUBLISHED): C.CLOSED,
}
TRIGGERS = tuple(trigger for trigger, _ in TABLE)
REFUSALS: list[tuple[str, CallState, dict[str, Any], str]] = [
    ("begin_final_review", C.DISTRICT_REVIEW, {"rounds_open": ("500237",)}, "rounds_open"),
    ("begin_final_review", C.DISTRICT_REVIEW, {"corrections_outstanding": 1}, "eligibility_open"),
    ("begin_final_review", C.DISTRICT_REVIEW, {"unreviewed": 1}, "eligibility_open"),
    ("open_public_notice", C.FINAL_REVIEW, {"approved": False}, "not_approved"),
    ("publish_results", C.PUBLIC_NOTICE, {"notice_over": False}, "notice_not_over"),
    ("close_season", C.PUBLISHED, {"unsettled": 1}, "unsettled"),
]


@pytest.mark.parametrize(("trigger", "state"), list(product(TRIGGERS, (None, *C))))
def test_every_trigger_from_every_state(trigger: str, state: CallState | None) -> None:
    verdict = CALL.judge(trigger, replace(IN_ORDER, state=state))

    if (trigger, state) in TABLE:
        assert not isinstance(verdict, Refusal), verdict
        assert verdict is TABLE[trigger, state]
        assert CALL.move("call/2026", trigger, replace(IN_ORDER, state=state)) is verdict
    else:
        assert isinstance(verdict, Refusal)
        assert verdict.code == "state"


@pytest.mark.parametrize(("trigger", "state", "role"), [(*key, role) for key in TABLE for role in Role])
def test_only_office_and_system_move_the_call(trigger: str, state: CallState | None, role: Role) -> None:
    verdict = CALL.judge(trigger, replace(IN_ORDER, state=state, role=role))

    if role in (Role.OFFICE, Role.SYSTEM):
        assert not isinstance(verdict, Refusal), verdict
    else:
        assert isinstance(verdict, Refusal)
        assert verdict.code == "role"


@pytest.mark.parametrize(("trigger", "state", "changes", "code"), REFUSALS)
def test_each_guard_refuses(trigger: str, state: CallState, changes: dict[str, Any], code: str) -> None:
    verdict = CALL.judge(trigger, replace(IN_ORDER, state=state, **changes))

    assert isinstance(verdict, Refusal)
    assert verdict.code == code


@pytest.mark.parametrize(("trigger", "state"), [key for key in TABLE if key[1] is not None])
@pytest.mark.parametrize(("offset", "refused"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_nothing_happens_a_second_before_its_time(
    trigger: str, state: CallState, offset: timedelta, refused: bool
) -> None:
    verdict = CALL.judge(trigger, replace(IN_ORDER, state=state, at=DUE + offset))

    assert isinstance(verdict, Refusal) is refused
    if isinstance(verdict, Refusal):
        assert verdict.code == "not_due"


@pytest.mark.parametrize(("trigger", "state"), [key for key in TABLE if key[1] is not None])
def test_what_has_no_date_is_never_due(trigger: str, state: CallState) -> None:
    verdict = CALL.judge(trigger, replace(IN_ORDER, state=state, due_at=None))

    assert isinstance(verdict, Refusal)
    assert verdict.code == "not_due"


def test_a_call_without_a_word_of_approval_or_of_the_notices_end_goes_no_further() -> None:
    bare = CallCase(2026, DUE, Role.SYSTEM, due_at=DUE)

    assert isinstance(CALL.judge("open_public_notice", replace(bare, state=C.FINAL_REVIEW)), Refusal)
    assert isinstance(CALL.judge("publish_results", replace(bare, state=C.PUBLIC_NOTICE)), Refusal)


def test_the_rounds_that_are_still_open_are_named() -> None:
    verdict = CALL.judge("begin_final_review", replace(IN_ORDER, state=C.DISTRICT_REVIEW, rounds_open=("", "500103")))

    assert isinstance(verdict, Refusal)
    assert verdict.english == "the district round is still open for the season, 500103"
