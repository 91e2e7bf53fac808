"""An objection from its letter to its end: what the door lets through, who may look into it, what follows."""

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.season import Season
from models import History, MilestoneDate, Objection, ObjectionRuling, Placing, Submission, SubmissionVersion
from models.database import writing
from models.enums import (
    CallState,
    MilestoneState,
    NotAccepted,
    ObjectionKind,
    ObjectionParty,
    ObjectionResult,
    ObjectionState,
    Outcome,
    SubmissionState,
    Tier,
)
from models.forms import ContributorForm
from states.audit.invariants import broken_invariants
from states.audit.projection import ROWS_AGREE
from states.audit.verify import verify
from states.history.verify_history import OBJECTION_STEPS
from states.machine import Act, TransitionRefused
from states.numbers import UnknownSubmission
from states.objection import OBJECTION
from states.objections.measures import Corrected
from states.objections.process import (
    accept_objection,
    answer_objection,
    close_objection,
    decline_objection,
    investigate_objection,
    reconsider_objection,
    refused_at_once,
    show_objector,
)
from states.objections.reading import objection_counts, objection_lines, owed_answers, reminders_of, to_be_closed
from states.objections.standing import rulings_of
from states.officers import DecisionRefused, NotAnOfficer
from states.submissions.attachments import AttachedFile
from states.submissions.settle import withdraw
from states.timeline import close_notice_after
from states.transitions import Ask, apply_to_many
from tests.support.builders import OFFICE, SYSTEM, a_season, a_submission, season_rules
from tests.support.entries import words
from tests.support.objections import INVESTIGATOR, KEY, SECOND_INVESTIGATOR, answer, by, entered, object_to

S = SubmissionState
O = ObjectionState
AT = datetime(2026, 8, 5, 10, tzinfo=ZONE)
ANSWER_BY = datetime(2026, 8, 26, 23, 59, 59, tzinfo=ZONE)
LAST_DAY = date(2026, 8, 7)
ACT = Act(OFFICE, AT)
SECOND = timedelta(seconds=1)
SEASON = season_rules()


def row(session: Session, number: str) -> Submission:
    return session.get_one(Submission, number, populate_existing=True)


def a_notice(session: Session, *, listed: int = 1, rules: Season = SEASON) -> list[str]:
    """A public notice that runs, with approved submissions on it."""
    season = a_season(session, state=CallState.PUBLIC_NOTICE, rules=rules)
    close_notice_after(session, season, season.dates.open_public_notice, Act(SYSTEM, AT), reason="示例")
    numbers = [a_submission(session, S.FINAL_REVIEWED) for _ in range(listed)]
    for position, number in enumerate(numbers, start=1):
        a_place(session, number, position)
    return numbers


def a_place(session: Session, number: str, position: int) -> None:
    figures = dict.fromkeys(("merit", "raw_mean", "low", "high"), 90)
    placed = {"position": position, "rank": position, "scores": 5, "spread": 0, "tier": Tier.THIRD, "approved": True}
    session.add(Placing(number=number, season=2026, **figures, **placed))
    session.flush()


def the_results(session: Session) -> None:
    """The notice is over and the awards are given."""
    settled = session.get_one(MilestoneDate, (2026, "close_public_notice", 1, ""))
    settled.state, settled.settled_at = MilestoneState.DONE, settled.due_at
    session.flush()
    apply_to_many(session, 2026, Ask("award", Act(SYSTEM, AT)), Submission.state == S.FINAL_REVIEWED)


def test_an_objection_is_kept_with_its_time_to_answer_and_without_a_name_in_the_record(engine: Engine) -> None:
    paper = AttachedFile("合同.pdf", "ab" * 32, 1024)
    with writing(engine) as session:
        (number,) = a_notice(session)

        objection = entered(session, SEASON, number, ACT, contact="示例·电话", evidence=(paper,))

        assert (objection.state, objection.due_at) == (O.RECEIVED, ANSWER_BY)
        entry = session.scalars(select(History).where(History.trigger == "raise_objection")).one()
        assert "举报人" not in entry.facts + entry.reason + objection.objector
        assert "电话" not in entry.facts + entry.reason + objection.contact
        facts = json.loads(entry.facts)
        assert (facts["from"], facts["to"], facts["evidence"]) == ("", "received", [paper.digest])
        assert verify(session) == []


def test_objections_are_numbered_within_their_season_without_a_hole(engine: Engine) -> None:
    with writing(engine) as session:
        numbers = a_notice(session, listed=3)
    with pytest.raises(ZeroDivisionError), writing(engine) as session:
        entered(session, SEASON, numbers[0], ACT)
        raise ZeroDivisionError

    with writing(engine) as session:
        kept = [entered(session, SEASON, number, ACT).id for number in numbers]

    assert kept == [20_260_001, 20_260_002, 20_260_003]


def test_the_same_letter_is_entered_once(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        entered(session, SEASON, number, ACT)

        with pytest.raises(DecisionRefused, match="it was entered already, as number 20260001"):
            entered(session, SEASON, number, ACT)
        assert entered(session, SEASON, number, ACT, objector="示例·另一人").id == 20_260_002


@pytest.mark.parametrize(
    ("said", "code"), [({"grounds": " "}, "no_grounds"), ({"received_on": date(2026, 8, 6)}, "not_come_yet")]
)
def test_what_cannot_be_entered(engine: Engine, said: dict[str, Any], code: str) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)

        with pytest.raises(TransitionRefused) as refused:
            entered(session, SEASON, number, ACT, **said)
        assert refused.value.refusal.code == code
        with pytest.raises(UnknownSubmission):
            entered(session, SEASON, "2026-500103-0999", ACT)


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"received_on": LAST_DAY}, None),
        ({"received_on": LAST_DAY + timedelta(days=1)}, NotAccepted.LATE),
        ({"received_on": date(2026, 8, 2)}, NotAccepted.LATE),
        ({"objector": " "}, NotAccepted.ANONYMOUS),
    ],
)
def test_late_and_nameless_ones_are_recorded_and_not_taken_up(
    engine: Engine, said: dict[str, Any], refusal: NotAccepted | None
) -> None:
    act = Act(OFFICE, AT + timedelta(days=10))
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = entered(session, SEASON, number, act, **{"received_on": LAST_DAY, **said})

        assert refused_at_once(session, SEASON, objection, act, key=KEY) is refusal
        if refusal is None:
            accept_objection(session, SEASON, objection.id, act, key=KEY)
            with pytest.raises(TransitionRefused):
                decline_objection(session, SEASON, objection.id, act, refusal=NotAccepted.LATE, answer="示例", key=KEY)
            return
        with pytest.raises(TransitionRefused) as refused:
            accept_objection(session, SEASON, objection.id, act, key=KEY)
        assert refused.value.refusal.code == refusal.value
        decline_objection(session, SEASON, objection.id, act, refusal=refusal, answer="不予受理", key=KEY)

        assert (objection.state, objection.settled_at) == (O.NOT_ACCEPTED, act.at)
        assert row(session, number).state is S.FINAL_REVIEWED
        (line,) = objection_lines(session, 2026)
        assert line.published_reason == f"{refusal.label}（权属与完成人）"
        assert verify(session) == []


def test_an_objection_is_not_declined_for_what_it_is_not(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = entered(session, SEASON, number, ACT)

        for refusal in (NotAccepted.LATE, NotAccepted.ANONYMOUS, NotAccepted.REPEATED):
            with pytest.raises(TransitionRefused, match=f"it is not {refusal}"):
                decline_objection(session, SEASON, objection.id, ACT, refusal=refusal, answer="示例", key=KEY)
        with pytest.raises(TransitionRefused, match="an answer with its reasons"):
            decline_objection(session, SEASON, objection.id, ACT, refusal=NotAccepted.OUT_OF_SCOPE, answer=" ", key=KEY)
        decline_objection(
            session, SEASON, objection.id, ACT, refusal=NotAccepted.OUT_OF_SCOPE, answer="等次不属于异议", key=KEY
        )


def test_one_about_no_submission_is_recorded_in_the_calls_history_and_declined(engine: Engine) -> None:
    with writing(engine) as session:
        a_notice(session)
        objection = entered(session, SEASON, "", ACT)
        with pytest.raises(TransitionRefused, match="not about a proposed or given award"):
            accept_objection(session, SEASON, objection.id, ACT, key=KEY)

        declined = {"refusal": NotAccepted.OUT_OF_SCOPE, "answer": "不涉及具体项目"}
        decline_objection(session, SEASON, objection.id, ACT, **declined, key=KEY)

        entries = session.scalars(
            select(History.subject).where(History.trigger.in_(("raise_objection", "decline_objection")))
        )
        assert set(entries) == {"call/2026"}
        assert verify(session) == []


def test_the_same_on_another_day_is_declined_as_repeated(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        object_to(session, SEASON, number, ACT)
        again = entered(session, SEASON, number, Act(OFFICE, AT + timedelta(days=1)))
        other = entered(session, SEASON, number, Act(OFFICE, AT + timedelta(days=1)), objector="示例·另一人")

        assert refused_at_once(session, SEASON, again, ACT, key=KEY) is NotAccepted.REPEATED
        assert refused_at_once(session, SEASON, other, ACT, key=KEY) is None


def test_what_is_out_of_the_running_is_objected_to_in_vain(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        withdraw(session, number, ACT, reason="示例")
        objection = entered(session, SEASON, number, ACT)

        with pytest.raises(TransitionRefused, match="not about a proposed or given award"):
            accept_objection(session, SEASON, objection.id, ACT, key=KEY)


def test_an_open_objection_suspends_one_award_only_and_its_dismissal_gives_it(engine: Engine) -> None:
    with writing(engine) as session:
        first, second = a_notice(session, listed=2)
        objection = object_to(session, SEASON, first, ACT)
        the_results(session)

        assert [row(session, number).state for number in (first, second)] == [S.FINAL_REVIEWED, S.AWARDED]
        answered = answer(session, SEASON, objection.id, ACT)
        assert (objection.state, answered.awarded) == (O.REJECTED, False)
        the_results(session)
        assert row(session, first).state is S.AWARDED


def test_an_objection_upheld_ends_that_one_award(engine: Engine) -> None:
    with writing(engine) as session:
        first, second = a_notice(session, listed=2)
        objection = object_to(session, SEASON, first, ACT)

        answer(session, SEASON, objection.id, ACT, upheld=True, answer="情况属实")

        assert (objection.state, rulings_of(session, objection.id)[-1].answer) == (O.UPHELD, "情况属实")
        assert (row(session, first).outcome, row(session, second).state) == (Outcome.OBJECTION_UPHELD, S.FINAL_REVIEWED)
        assert verify(session) == []


def test_an_objection_to_what_was_withdrawn_meanwhile_can_be_upheld(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = object_to(session, SEASON, number, ACT)
        withdraw(session, number, ACT, reason="示例")

        answer(session, SEASON, objection.id, ACT, upheld=True)

        assert (objection.state, row(session, number).outcome) == (O.UPHELD, Outcome.WITHDRAWN)
        assert verify(session) == []


@pytest.mark.parametrize("state", [S.AWARDED, S.ARCHIVED])
def test_after_the_award_the_same_process_ends_in_its_revocation(engine: Engine, state: SubmissionState) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        number = (
            a_submission(session, state, outcome=Outcome.COMPLETED)
            if state is S.ARCHIVED
            else a_submission(session, state)
        )
        act = Act(OFFICE, SEASON.dates.archive + timedelta(days=30))
        objection = object_to(session, SEASON, number, act)

        answer(session, SEASON, objection.id, act, upheld=True)

        assert (row(session, number).outcome, row(session, number).tier) == (Outcome.REVOKED, Tier.THIRD)
        assert verify(session) == []


def test_after_the_award_objections_are_taken_as_long_as_the_season_says(engine: Engine) -> None:
    rules = SEASON.model_copy(update={"objections": SEASON.objections.model_copy(update={"after_award_days": 10})})
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED, rules=rules)
        number = a_submission(session, S.AWARDED)
        for days, late in ((10, False), (11, True)):
            act = Act(OFFICE, SEASON.dates.publish_results + timedelta(days=days))
            objection = entered(session, rules, number, act, grounds=f"示例{days}")
            assert (refused_at_once(session, rules, objection, act, key=KEY) is NotAccepted.LATE) is late


def test_a_changed_tier_is_carried_out_before_and_after_the_award(engine: Engine) -> None:
    with writing(engine) as session:
        first, second = a_notice(session, listed=2)
        one = object_to(session, SEASON, first, ACT)
        to_second = {"result": ObjectionResult.TIER_CHANGED, "tier": Tier.SECOND}
        with pytest.raises(TransitionRefused, match="it has the tier third already"):
            answer(session, SEASON, one.id, ACT, result=ObjectionResult.TIER_CHANGED, tier=Tier.THIRD)
        answer(session, SEASON, one.id, ACT, **to_second)
        the_results(session)
        assert [row(session, number).tier for number in (first, second)] == [Tier.SECOND, Tier.THIRD]

        two = object_to(session, SEASON, second, Act(OFFICE, AT), kind=ObjectionKind.FACTS)
        answer(session, SEASON, two.id, ACT, **to_second)

        assert row(session, second).tier is session.get_one(Placing, second).tier is Tier.SECOND
        assert verify(session) == []
        assert broken_invariants(session, None) == []


def test_a_tier_takes_a_further_award_only_where_it_or_a_better_one_has_a_place(engine: Engine) -> None:
    sizes = SEASON.final_round.tiers.model_copy(update={"sizes": {"first": 1, "second": 0, "third": 1}, "prizes": None})
    rules = SEASON.model_copy(update={"final_round": SEASON.final_round.model_copy(update={"tiers": sizes})})
    changed = {"result": ObjectionResult.TIER_CHANGED, "tier": Tier.SECOND}
    with writing(engine) as session:
        first, second = a_notice(session, listed=2, rules=rules)
        one, two = (object_to(session, rules, number, ACT).id for number in (first, second))
        answer(session, rules, one, ACT, **changed)
        assert broken_invariants(session, None) == []

    with (
        pytest.raises(TransitionRefused, match="2 prizes of the second tier and better would stand"),
        writing(engine) as session,
    ):
        answer(session, rules, two, ACT, **changed)

    with writing(engine) as session:
        assert session.get_one(Placing, second).tier is Tier.THIRD
        assert verify(session) == []


def test_corrected_contributors_are_a_new_version(engine: Engine) -> None:
    given = (ContributorForm(name="示例·新完成人", organisation="示例单位"),)
    people = Corrected(given, AttachedFile("完成人.csv", "cd" * 32, 64))
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = object_to(session, SEASON, number, ACT)
        with pytest.raises(TransitionRefused, match="come with their list"):
            answer(session, SEASON, objection.id, ACT, result=ObjectionResult.PEOPLE_CHANGED)

        answer(session, SEASON, objection.id, ACT, result=ObjectionResult.PEOPLE_CHANGED, people=people)

        kept = session.get_one(SubmissionVersion, (number, 2))
        assert "示例·新完成人" in kept.content
        assert (row(session, number).version, row(session, number).state) == (2, S.FINAL_REVIEWED)
        assert verify(session) == []


def test_given_once_more_to_the_same_investigator_an_objection_stays_as_it_is(engine: Engine) -> None:
    given = select(func.count()).where(History.trigger == "investigate_objection")
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = object_to(session, SEASON, number, ACT)
        for _ in range(2):
            investigate_objection(session, SEASON, objection.id, ACT, person=INVESTIGATOR)
        assert session.scalar(given) == 1

        investigate_objection(session, SEASON, objection.id, ACT, person=SECOND_INVESTIGATOR)
        assert session.scalar(given) == 2


def test_an_objection_is_answered_by_its_investigator_alone_and_with_reasons(engine: Engine) -> None:
    rejected = {"result": ObjectionResult.REJECTED, "answer": "示例"}
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = object_to(session, SEASON, number, ACT)
        with pytest.raises(TransitionRefused, match="possible only from: investigating, reconsidering"):
            answer_objection(session, SEASON, objection.id, ACT, **rejected)
        investigate_objection(session, SEASON, objection.id, ACT, person=INVESTIGATOR)

        with pytest.raises(TransitionRefused, match=f"{INVESTIGATOR} investigates it and answers"):
            answer_objection(session, SEASON, objection.id, ACT, **rejected)
        with pytest.raises(TransitionRefused, match="an answer with its reasons"):
            answer_objection(session, SEASON, objection.id, by(INVESTIGATOR, ACT), **{**rejected, "answer": " "})
        answer_objection(session, SEASON, objection.id, by(INVESTIGATOR, ACT), **rejected)
        with pytest.raises(TransitionRefused, match="possible only from"):
            answer_objection(session, SEASON, objection.id, by(INVESTIGATOR, ACT), **rejected)
        with pytest.raises(DecisionRefused, match="no such objection"):
            answer_objection(session, SEASON, 999, ACT, **rejected)


def test_either_side_may_ask_once_for_a_reconsideration_by_somebody_else(engine: Engine) -> None:
    asked = {"asked_by": ObjectionParty.OBJECTOR, "reason": "仍有异议"}
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = object_to(session, SEASON, number, ACT)
        answer(session, SEASON, objection.id, ACT, upheld=True)
        assert objection.reconsider_until == datetime(2026, 8, 19, 23, 59, 59, tzinfo=ZONE)
        last = Act(OFFICE, objection.reconsider_until)

        with pytest.raises(TransitionRefused, match="they investigated it the first time"):
            reconsider_objection(session, SEASON, objection.id, last, person=INVESTIGATOR, **asked)
        with pytest.raises(TransitionRefused, match="the time to ask"):
            late = Act(OFFICE, last.at + SECOND)
            reconsider_objection(session, SEASON, objection.id, late, person=SECOND_INVESTIGATOR, **asked)
        reconsider_objection(session, SEASON, objection.id, last, person=SECOND_INVESTIGATOR, **asked)
        overturned = {"result": ObjectionResult.REJECTED, "answer": "原决定有误"}
        answer_objection(session, SEASON, objection.id, by(SECOND_INVESTIGATOR, last), **overturned)

        assert (objection.state, row(session, number).state) == (O.CLOSED, S.FINAL_REVIEWED)
        with pytest.raises(TransitionRefused, match="possible only from"):
            reconsider_objection(session, SEASON, objection.id, last, person=SECOND_INVESTIGATOR, **asked)
        rulings = session.scalars(select(ObjectionRuling).order_by(ObjectionRuling.ordinal)).all()
        assert [ruling.result for ruling in rulings] == [ObjectionResult.REMOVED, ObjectionResult.REJECTED]
        assert objection_counts(session, 2026) == {(ObjectionKind.OWNERSHIP, "异议不成立"): 1}
        assert verify(session) == []


def test_an_answer_is_final_when_nobody_asked_in_time(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = object_to(session, SEASON, number, ACT)
        answer(session, SEASON, objection.id, ACT)
        until = objection.reconsider_until
        assert until is not None
        with pytest.raises(TransitionRefused, match="may be asked for until"):
            close_objection(session, SEASON, objection.id, Act(SYSTEM, until))
        assert to_be_closed(session, 2026, until) == []

        assert to_be_closed(session, 2026, until + SECOND) == [objection.id]
        close_objection(session, SEASON, objection.id, Act(SYSTEM, until + SECOND))

        assert (objection.state, objection.settled_at) == (O.CLOSED, until + SECOND)
        assert verify(session) == []


def test_what_is_owed_is_called_to_mind_at_half_time_and_three_working_days_before(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = object_to(session, SEASON, number, ACT)

        half, early = reminders_of(SEASON, objection)

        assert half == datetime(2026, 8, 16, 11, 59, 59, tzinfo=ZONE)
        assert early == datetime(2026, 8, 21, SEASON.reminders.hour, tzinfo=ZONE), "Friday before Wednesday"
        (owed,) = owed_answers(session, 2026, ANSWER_BY)
        assert not owed.overdue
        (overdue,) = owed_answers(session, 2026, ANSWER_BY + SECOND)
        assert (overdue.overdue, overdue.number) == (True, number)


def test_who_objected_is_shown_to_an_officer_with_a_reason_and_that_is_an_entry(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = entered(session, SEASON, number, ACT, contact="示例·电话")

        with pytest.raises(DecisionRefused, match="say why"):
            show_objector(session, SEASON, objection.id, ACT, reason="", key=KEY)
        shown = show_objector(session, SEASON, objection.id, ACT, reason="寄送答复", key=KEY)

        assert shown == ("示例·举报人", "示例·电话")
        entry = session.scalars(select(History).where(History.trigger == "show_objector")).one()
        assert (entry.actor, words(session, entry)) == (str(OFFICE), "寄送答复")
        with pytest.raises(NotAnOfficer):
            investigate_objection(session, SEASON, objection.id, ACT, person="示例·路人")


def test_the_checkers_steps_are_those_of_the_table() -> None:
    assert {step[:3] for step in OBJECTION_STEPS} == {
        (str(edge.trigger), edge.source.value if edge.source else "", edge.target.value) for edge in OBJECTION.edges
    }


def test_rows_of_objections_follow_the_record(engine: Engine) -> None:
    with writing(engine) as session:
        (number,) = a_notice(session)
        objection = object_to(session, SEASON, number, ACT)
        answer(session, SEASON, objection.id, ACT, upheld=True)
        session.get_one(Objection, objection.id).grounds = "改动"
        session.flush()

        found = [
            offender for breach in broken_invariants(session, None, (ROWS_AGREE,)) for offender in breach.offenders
        ]

    assert f"objection/{objection.id}/{number}/is not what was sealed: objector, contact, grounds" in found
