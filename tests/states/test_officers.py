"""What a named officer decides: each decision with its reason, its limits, and its trace."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Admission, Delivery, Duplicate, History, Objection, Submission
from models.database import writing
from models.enums import (
    CallState,
    DeliveryState,
    DuplicateDecision,
    Outcome,
    Role,
    SubmissionState,
    Tier,
    Trigger,
    WorkbookKind,
)
from states.audit.verify import verify
from states.guard_facts import Ask
from states.machine import Act, Actor
from states.officers import DECIDED_BY_OFFICERS, DecisionRefused, MayNotAct, NotAnOfficer, may_note, officer
from states.submissions.admission import admit_late
from states.submissions.duplicates import decide_duplicate
from states.submissions.reinstatement import reinstate
from states.submissions.settle import revoke, withdraw
from states.transitions import (
    JUDGED,
    TransitionRefused,
    apply_to_many,
    apply_transition,
    begin_submissions,
    note_call,
    note_objection,
    note_submission,
    note_submissions,
    plan_call,
)
from tests.support.builders import OFFICE, a_season, a_submission, an_expert, season_rules

S = SubmissionState
AT = datetime(2026, 8, 5, 10, tzinfo=ZONE)
NOTICE_ENDS = datetime(2026, 8, 8, 0, tzinfo=ZONE)
SECOND = timedelta(seconds=1)
DIGEST = "ab" * 32


def row(session: Session, number: str) -> Submission:
    return session.get_one(Submission, number, populate_existing=True)


def test_only_accounts_of_the_season_file_are_officers() -> None:
    assert officer(season_rules(), "示例·李干事") == Actor(Role.OFFICE, "示例·李干事")
    with pytest.raises(
        NotAnOfficer, match="'示例·路人' is no officer of this season. Officers: 示例·王主任, 示例·李干事"
    ):
        officer(season_rules(), "示例·路人")


UNKNOWN = (
    Actor(Role.OFFICE, ""),
    Actor(Role.OFFICE, " "),
    Actor(Role.OFFICE, f"{OFFICE.name} "),
    Actor(Role.OFFICE, "示例·路人"),
    Actor(Role.SYSTEM, ""),
    Actor(Role.PANEL, ""),
    Actor(Role.DISTRICT, "999999"),
    Actor(Role.EXPERT, "E9999"),
    Actor(Role.APPLICANT, "2026-500103-9999"),
)


@pytest.mark.parametrize("actor", UNKNOWN, ids=str)
def test_no_entry_is_written_in_a_name_that_the_season_does_not_know(engine: Engine, actor: Actor) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)
        written = session.scalar(select(func.count()).select_from(History))
        act, reason = Act(actor, AT), "示例"
        archive = Ask(Trigger.ARCHIVE, act, reason=reason, outcome=Outcome.WITHDRAWN)
        noted = Ask(Trigger.PASS_ELIGIBILITY, act, reason=reason)
        objection = Objection(id=1, season=2026, number=number)
        ways: dict[str, Callable[[], object]] = {
            "note_call": lambda: note_call(session, 2026, Trigger.MOVE_DATE, act, reason=reason),
            "note_submission": lambda: note_submission(session, number, noted),
            "note_submissions": lambda: note_submissions(session, 2026, noted, Submission.number == number),
            "note_objection": lambda: note_objection(session, objection, Trigger.RAISE_OBJECTION, act),
            "begin_submissions": lambda: begin_submissions(session, 2026, act, []),
            "plan_call": lambda: plan_call(session, 2027, act, rules=season_rules(2027).model_dump_json(), facts={}),
        }
        if actor.role is Role.OFFICE:  # the machine itself refuses other roles
            ways["apply_transition"] = lambda: apply_transition(session, number, archive)
            ways["apply_to_many"] = lambda: apply_to_many(session, 2026, archive, Submission.number == number)

        for name, way in ways.items():
            with pytest.raises((MayNotAct, TransitionRefused)) as refused:
                way()
            assert isinstance(refused.value, MayNotAct) or name == "plan_call", name
        assert session.scalar(select(func.count()).select_from(History)) == written


def test_what_moves_nothing_is_noted_only_by_whose_word_it_can_be(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number, expert = a_submission(session), an_expert(session)
        names = {Role.OFFICE: OFFICE.name, Role.DISTRICT: "500103", Role.EXPERT: expert, Role.APPLICANT: number}
        actors = [Actor(role, names.get(role, "tests")) for role in Role]
        refused = 0
        for trigger in Trigger:
            for actor in actors if trigger not in JUDGED else ():
                point = session.begin_nested()
                if actor.role in may_note(trigger):
                    note_call(session, 2026, trigger, Act(actor, AT))
                else:
                    with pytest.raises(MayNotAct, match=f"{trigger} is the word of"):
                        note_call(session, 2026, trigger, Act(actor, AT))
                    refused += 1
                point.rollback()
                session.expire_all()
        assert refused > 150


@pytest.mark.parametrize("name", ["office", "示例·赵监督"])
def test_an_officer_answers_by_name_for_what_only_officers_decide(engine: Engine, name: str) -> None:
    """Not the folder in which the office's workbooks come, nor who only looks into objections."""
    with writing(engine) as session:
        a_season(session)
        note_call(session, 2026, Trigger.IMPORT_EXPERTS, Act(Actor(Role.OFFICE, name), AT))

        for trigger in DECIDED_BY_OFFICERS:
            with pytest.raises(MayNotAct, match=f"nobody of that name who may {trigger}"):
                note_call(session, 2026, trigger, Act(Actor(Role.OFFICE, name), AT))


@pytest.mark.parametrize("state", [S.SUBMITTED, S.DISTRICT_REVIEWED, S.FINAL_REVIEWED])
def test_a_unit_may_withdraw_before_the_award(engine: Engine, state: SubmissionState) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = a_submission(session, state)

        withdraw(session, number, Act(OFFICE, AT), reason="单位申请")

        assert (row(session, number).outcome, row(session, number).archived_from) == (Outcome.WITHDRAWN, state)


@pytest.mark.parametrize("state", [S.AWARDED, S.ARCHIVED])
def test_nobody_withdraws_after_the_award(engine: Engine, state: SubmissionState) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, state)

        with pytest.raises(TransitionRefused):
            withdraw(session, number, Act(OFFICE, AT), reason="单位申请")


@pytest.mark.parametrize("outcome", Outcome)
def test_reinstated_where_it_came_from(engine: Engine, outcome: Outcome) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, S.ARCHIVED, outcome=outcome)
        origin = row(session, number).archived_from

        with pytest.raises(TransitionRefused, match="a reason is needed"):
            reinstate(session, number, Act(OFFICE, AT), reason=" ")
        assert reinstate(session, number, Act(OFFICE, AT), reason="示例") is origin

        assert (row(session, number).state, row(session, number).outcome) == (origin, None)
        assert verify(session) == []


def test_nothing_is_reinstated_in_a_closed_season_but_an_award_is_revoked(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.CLOSED)
        number = a_submission(session, S.ARCHIVED, outcome=Outcome.COMPLETED)

        with pytest.raises(TransitionRefused, match="the season is closed"):
            reinstate(session, number, Act(OFFICE, AT), reason="示例")
        revoke(session, number, Act(OFFICE, AT), reason="示例")

        assert row(session, number).outcome is Outcome.REVOKED


@pytest.mark.parametrize("state", [S.AWARDED, S.ARCHIVED])
def test_an_award_is_revoked_with_a_reason_and_may_come_back(engine: Engine, state: SubmissionState) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = a_submission(session, state, tier=Tier.SECOND)

        with pytest.raises(TransitionRefused, match="a reason is needed"):
            revoke(session, number, Act(OFFICE, AT), reason="")
        revoke(session, number, Act(OFFICE, AT), reason="材料不实")
        with pytest.raises(TransitionRefused, match="only an award archived as completed"):
            revoke(session, number, Act(OFFICE, AT), reason="再次")
        reinstate(session, number, Act(OFFICE, AT), reason="申诉成立")

        assert (row(session, number).state, row(session, number).tier) == (S.AWARDED, Tier.SECOND)
        assert verify(session) == []


def a_delivery(session: Session, digest: str = DIGEST, state: DeliveryState = DeliveryState.REFUSED) -> Delivery:
    made = Delivery(
        digest=digest,
        sender="500103",
        season=2026,
        kind=WorkbookKind.SUBMISSIONS,
        file_name="申报.xlsx",
        arrived_at=AT,
        taken_at=AT,
        state=state,
    )
    session.add(made)
    session.flush()
    return made


@pytest.mark.parametrize("state", [DeliveryState.REFUSED, DeliveryState.PARTLY])
def test_a_late_delivery_is_admitted_once_with_a_reason(engine: Engine, state: DeliveryState) -> None:
    with writing(engine) as session:
        a_season(session)
        a_delivery(session, state=state)

        for _ in range(2):
            admitted = admit_late(session, 2026, DIGEST[:8], Act(OFFICE, AT), reason="邮路中断")

        assert admitted.digest == DIGEST
        assert [
            (admission.digest, admission.officer, admission.reason) for admission in session.scalars(select(Admission))
        ] == [(DIGEST, OFFICE.name, "邮路中断")]
        entry = session.scalars(select(History).where(History.trigger == "admit_late")).one()
        assert json.loads(entry.facts) == {"delivery": DIGEST, "sender": "500103"}


@pytest.mark.parametrize(
    ("digest", "reason", "state", "words"),
    [
        ("ab" * 4, "  ", DeliveryState.REFUSED, "a reason is needed"),
        ("ab" * 4, "示例", DeliveryState.ACCEPTED, "it was accepted already"),
        ("cd" * 4, "示例", DeliveryState.REFUSED, "0 deliveries begin so"),
        ("", "示例", DeliveryState.REFUSED, "at least 8 characters"),
        ("%%%%%%%%", "示例", DeliveryState.REFUSED, "0 deliveries begin so"),
    ],
)
def test_what_cannot_be_admitted(engine: Engine, digest: str, reason: str, state: DeliveryState, words: str) -> None:
    with writing(engine) as session:
        a_season(session)
        a_delivery(session, state=state)

        with pytest.raises(DecisionRefused, match=words):
            admit_late(session, 2026, digest, Act(OFFICE, AT), reason=reason)


def test_a_beginning_that_two_deliveries_share_admits_neither(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        a_delivery(session)
        a_delivery(session, "abababab" + "0" * 56)

        with pytest.raises(DecisionRefused, match="2 deliveries begin so"):
            admit_late(session, 2026, "abababab", Act(OFFICE, AT), reason="示例")


@pytest.mark.parametrize(("same", "word"), [(True, DuplicateDecision.SAME), (False, DuplicateDecision.DISTINCT)])
def test_two_that_look_alike_are_decided_once_and_on_the_later_ones_record(
    engine: Engine, same: bool, word: DuplicateDecision
) -> None:
    with writing(engine) as session:
        a_season(session)
        first, second = a_submission(session), a_submission(session)
        session.add(Duplicate(number=first, other=second, similarity=95))

        decide_duplicate(session, second, first, Act(OFFICE, AT), same=same, reason="示例")

        pair = session.get_one(Duplicate, (first, second))
        assert (pair.decision, pair.officer, pair.reason) == (word, OFFICE.name, "示例")
        entry = session.scalars(select(History).where(History.trigger == "decide_duplicate")).one()
        assert entry.subject == f"submission/{second}"
        assert json.loads(entry.facts) == {"decision": word.value, "other": first, "similarity": 95}
        with pytest.raises(DecisionRefused, match="decided already"):
            decide_duplicate(session, first, second, Act(OFFICE, AT), same=not same, reason="示例")


@pytest.mark.parametrize("state", [SubmissionState.SUBMITTED, SubmissionState.DISTRICT_REVIEWED])
def test_found_the_same_after_the_eligibility_check_the_later_one_is_dropped_at_once(
    engine: Engine, state: SubmissionState
) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        first, second = a_submission(session, state), a_submission(session, state)
        session.add(Duplicate(number=first, other=second, similarity=95))

        dropped = decide_duplicate(session, first, second, Act(OFFICE, AT), same=True, reason="示例")

        assert dropped == second
        later = session.get_one(Submission, second, populate_existing=True)
        assert (later.state, later.outcome) == (SubmissionState.ARCHIVED, Outcome.INELIGIBLE)
        assert session.get_one(Submission, first).state is state


@pytest.mark.parametrize(
    ("call", "state"),
    [
        (CallState.FINAL_REVIEW, SubmissionState.FINAL_REVIEWED),
        (CallState.PUBLISHED, SubmissionState.AWARDED),
    ],
)
def test_found_the_same_too_late_the_way_out_is_named(engine: Engine, call: CallState, state: SubmissionState) -> None:
    with writing(engine) as session:
        a_season(session, state=call)
        first, second = a_submission(session, state), a_submission(session, state)
        session.add(Duplicate(number=first, other=second, similarity=95))

        with pytest.raises(DecisionRefused, match="too late to drop it.*strike it when the list is approved"):
            decide_duplicate(session, first, second, Act(OFFICE, AT), same=True, reason="示例")

        assert session.get_one(Duplicate, (first, second)).decision is DuplicateDecision.PENDING
        assert decide_duplicate(session, first, second, Act(OFFICE, AT), same=False, reason="示例") == ""


def test_what_was_never_shown_as_alike_is_not_decided(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        first, second = a_submission(session), a_submission(session)

        with pytest.raises(DecisionRefused, match="never shown as alike"):
            decide_duplicate(session, first, second, Act(OFFICE, AT), same=True, reason="示例")
