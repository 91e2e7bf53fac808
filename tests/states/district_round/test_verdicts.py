"""The district round: verdicts within the quota and in time; one correction, which lapses."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.milestones import Milestone
from config.season import Season
from config.season_parts import UnitRules
from models import Call, Correction, DistrictVerdict, History, MilestoneDate, Submission
from models.database import reading, writing
from models.enums import CallState, Category, CorrectionState, MilestoneState, Outcome, Role, SubmissionState, Verdict
from models.forms import VerdictForm
from states.audit.verify import verify
from states.district_round.verdicts import VerdictsTaken, take_verdicts
from states.history.seals import Seals
from states.machine import Act, Actor
from states.submissions.corrections import CorrectionRefused, ask_correction, lapse_corrections
from states.submissions.delivery import Delivered
from states.submissions.settle import withdraw
from states.timeline import move_date
from tests.support.builders import ADMITTED, OFFICE, SYSTEM, UNIT, a_form, a_season, a_submission, season_rules
from tests.support.entries import words
from tests.support.panel import points_of

DEADLINE = datetime(2026, 5, 29, 18, tzinfo=ZONE)
IN_TIME = datetime(2026, 5, 10, 9, tzinfo=ZONE)
OTHER = "500101"
SECOND = timedelta(seconds=1)
S = SubmissionState


def a_district_round(session: Session, count: int = 0, **changes: Any) -> tuple[Season, list[str]]:
    """A season whose call is closed, with submissions of one unit; `changes` replace rules of the district round."""
    season = a_season(session, state=CallState.DISTRICT_REVIEW)
    if changes:
        season = season.model_copy(update={"district_round": season.district_round.model_copy(update=changes)})
        session.get_one(Call, 2026).rules = season.model_dump_json()
    return season, [a_submission(session) for _ in range(count)]


def verdict(number: str, total: int = 80, *, yes: bool = True, rank: int | None = None) -> VerdictForm:
    word = Verdict.RECOMMENDED if yes else Verdict.NOT_RECOMMENDED
    return VerdictForm(number=number, verdict=word, rank=rank, points=points_of(season_rules(), total))


def judge(
    session: Session, forms: Sequence[VerdictForm], *, unit: str = UNIT, at: datetime = IN_TIME, admitted: bool = False
) -> VerdictsTaken:
    delivered = Delivered(2026, unit, "d" * 64, at, Act(Actor(Role.DISTRICT, unit), at), ADMITTED if admitted else None)
    return take_verdicts(session, delivered, list(enumerate(forms, start=1)))


def codes(taken: VerdictsTaken) -> dict[int, str]:
    return {position: refusal.code for position, refusal in taken.refused.items()}


def ranks(session: Session) -> dict[str, int | None]:
    rows = session.execute(select(DistrictVerdict.number, DistrictVerdict.rank).order_by(DistrictVerdict.number))
    return {number: rank for number, rank in rows}


def state_of(session: Session, number: str) -> SubmissionState:
    return session.get_one(Submission, number, populate_existing=True).state


def test_a_verdict_moves_its_submission_and_is_in_the_record(engine: Engine) -> None:
    with writing(engine) as session:
        _, (number,) = a_district_round(session, 1)

        taken = judge(session, [verdict(number, 83)])

        entry = session.scalars(select(History).where(History.trigger == "record_district_review")).one()
        assert taken.accepted == {1: number}
        assert state_of(session, number) is S.DISTRICT_REVIEWED
        facts = json.loads(entry.facts)
        assert len(facts.pop("sealed")) == 64
        assert facts == {
            "delivery": "d" * 64,
            "points": {"benefit": "25", "innovation": "30", "practicality": "25", "spread": "3"},
            "quota": 10,
            "rank": 1,
            "total": "83",
            "verdict": "recommended",
        }
        assert verify(session) == []


def test_places_follow_the_given_ranks_and_then_the_points(engine: Engine) -> None:
    with writing(engine) as session:
        _, numbers = a_district_round(session, 5)

        judge(
            session,
            [
                verdict(numbers[0], 70),
                verdict(numbers[1], 90),
                verdict(numbers[2], 60, rank=1),
                verdict(numbers[3], 99, yes=False),
                verdict(numbers[4], 50, rank=2),
            ],
        )

        assert ranks(session) == dict(zip(numbers, (4, 3, 1, None, 2), strict=True))


def test_a_later_workbook_amends_a_verdict_and_the_places(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, second) = a_district_round(session, 2)
        judge(session, [verdict(first, 90), verdict(second, 80)])

        taken = judge(session, [verdict(first, 70)])

        assert taken.accepted == {1: first}
        assert ranks(session) == {first: 2, second: 1}
        assert session.get_one(DistrictVerdict, first).total == Decimal(70)
        triggers = session.scalars(
            select(History.trigger).where(History.subject == f"submission/{first}").order_by(History.sequence)
        )
        assert triggers.all() == ["submit", "record_district_review", "amend_verdict"]


def test_up_to_the_quota_is_taken_and_one_more_refuses_all_recommendations(engine: Engine) -> None:
    with writing(engine) as session:
        _, numbers = a_district_round(session, 4, quota=2)

        too_many = judge(session, [*(verdict(number) for number in numbers[:3]), verdict(numbers[3], yes=False)])
        assert codes(too_many) == {1: "over_quota", 2: "over_quota", 3: "over_quota"}
        assert "推荐名额为2项" in too_many.refused[1].chinese
        assert too_many.accepted == {4: numbers[3]}
        assert state_of(session, numbers[0]) is S.SUBMITTED

        assert judge(session, [verdict(number) for number in numbers[:2]]).refused == {}


def test_what_was_recommended_before_counts_and_may_be_exchanged(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, second, third) = a_district_round(session, 3, quota=2)
        judge(session, [verdict(first), verdict(second)])

        assert codes(judge(session, [verdict(third)])) == {1: "over_quota"}
        assert judge(session, [verdict(third), verdict(first, yes=False)]).refused == {}
        assert sorted(rank for rank in ranks(session).values() if rank) == [1, 2]


def test_a_units_own_quota_and_rubric_of_its_own(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, second) = a_district_round(session, 2, quota=0, units={UNIT: UnitRules(quota=1)})
        theirs = a_submission(session, unit=OTHER)

        assert codes(judge(session, [verdict(first), verdict(second)])) == {1: "over_quota", 2: "over_quota"}
        assert judge(session, [verdict(first)]).refused == {}
        assert codes(judge(session, [verdict(theirs)], unit=OTHER)) == {1: "over_quota"}


def test_a_quota_of_a_category(engine: Engine) -> None:
    with writing(engine) as session:
        a_district_round(session, 0, quota_by_category={"design": 1})
        numbers = [a_submission(session, form=a_form(f"设计{n}", category=Category.DESIGN)) for n in range(2)]
        other = a_submission(session)

        assert codes(judge(session, [*(verdict(number) for number in numbers), verdict(other)])) == dict.fromkeys(
            (1, 2, 3), "over_quota"
        )
        assert judge(session, [verdict(numbers[0]), verdict(numbers[1], yes=False), verdict(other)]).refused == {}


@pytest.mark.parametrize("gone", ["other unit", "unknown", "archived", "final reviewed"])
def test_a_verdict_on_what_is_not_the_units_to_judge(engine: Engine, gone: str) -> None:
    with writing(engine) as session:
        a_district_round(session)
        number = {
            "other unit": lambda: a_submission(session, unit=OTHER),
            "unknown": lambda: "2026-500103-0999",
            "archived": lambda: a_submission(session, S.ARCHIVED, outcome=Outcome.WITHDRAWN),
            "final reviewed": lambda: a_submission(session, S.FINAL_REVIEWED),
        }[gone]()
        here = a_submission(session)

        taken = judge(session, [verdict(number), verdict(here)])

        assert codes(taken) == {1: "state" if gone in ("archived", "final reviewed") else "unknown_number"}
        assert taken.accepted == {2: here}


@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
def test_the_deadline_a_second_before_at_and_after(engine: Engine, offset: timedelta, late: bool) -> None:
    with writing(engine) as session:
        _, (number,) = a_district_round(session, 1)

        taken = judge(session, [verdict(number)], at=DEADLINE + offset)

        assert codes(taken) == ({1: "late"} if late else {})


@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
@pytest.mark.parametrize("moved", [timedelta(days=-3), timedelta(days=2)])
def test_a_date_of_its_own_before_or_after_the_seasons_is_kept_to_the_second(
    engine: Engine, moved: timedelta, offset: timedelta, late: bool
) -> None:
    own = DEADLINE + moved
    with writing(engine) as session:
        _, (number,) = a_district_round(session, 1)
        how = {"reason": "示例", "act": Act(OFFICE, IN_TIME), "unit": UNIT, "at_once": True}
        move_date(session, 2026, "close_district_round", to=own, **how)

        assert codes(judge(session, [verdict(number)], at=own + offset)) == ({1: "late"} if late else {})


def test_a_unit_with_a_date_of_its_own(engine: Engine) -> None:
    own = datetime(2026, 5, 31, 18, tzinfo=ZONE)
    with writing(engine) as session:
        _, (number,) = a_district_round(session, 1)
        theirs = a_submission(session, unit=OTHER)
        move_date(session, 2026, "close_district_round", Act(OFFICE, IN_TIME), to=own, reason="示例", unit=UNIT)

        assert codes(judge(session, [verdict(theirs)], unit=OTHER, at=own)) == {1: "late"}
        assert codes(judge(session, [verdict(number)], at=own + SECOND)) == {1: "late"}
        assert judge(session, [verdict(number)], at=own).accepted == {1: number}


def test_a_late_workbook_changes_nothing_not_even_places(engine: Engine) -> None:
    with writing(engine) as session:
        _, (first, second) = a_district_round(session, 2)
        judge(session, [verdict(first, 80)])
        before = ranks(session)

        taken = judge(session, [verdict(second, 99, rank=1), verdict("2026-500103-0999")], at=DEADLINE + SECOND)

        assert codes(taken) == {1: "late", 2: "late"}
        assert ranks(session) == before == {first: 1}


def test_an_admitted_workbook_is_taken_although_late(engine: Engine) -> None:
    with writing(engine) as session:
        _, (number,) = a_district_round(session, 1)

        assert judge(session, [verdict(number)], at=DEADLINE + SECOND, admitted=True).accepted == {1: number}


def test_a_verdict_that_nobody_would_check_any_more_is_not_even_admitted(engine: Engine) -> None:
    with writing(engine) as session:
        _, (number,) = a_district_round(session, 1)
        for step in (Milestone.CLOSE_DISTRICT_ROUND, Milestone.CHECK_ELIGIBILITY, Milestone.CLOSE_ELIGIBILITY):
            row = session.get_one(MilestoneDate, (2026, step.value, 1, ""))
            row.state, row.settled_at = MilestoneState.DONE, row.due_at
        session.flush()

        taken = judge(session, [verdict(number)], at=DEADLINE + timedelta(days=20), admitted=True)

        assert codes(taken) == {1: "check_closed"}
        assert state_of(session, number) is S.SUBMITTED


@pytest.mark.parametrize("state", [CallState.PLANNED, CallState.FINAL_REVIEW, CallState.PUBLISHED])
def test_no_verdict_outside_the_district_round(engine: Engine, state: CallState) -> None:
    with writing(engine) as session:
        a_season(session, state=state)

        assert codes(judge(session, [verdict("2026-500103-0001")])) == {1: "round_not_open"}


def test_what_is_out_for_correction_waits_for_it(engine: Engine) -> None:
    with writing(engine) as session:
        season, (first, second) = a_district_round(session, 2)
        ask_correction(session, season, first, Act(OFFICE, IN_TIME), missing="缺附件")

        taken = judge(session, [verdict(first, 99), verdict(second, 50)])

        assert codes(taken) == {1: "correction_outstanding"}
        assert ranks(session) == {second: 1}


def test_a_correction_is_due_at_the_end_of_its_last_working_day_and_recorded(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_district_round(session, 1)

        # Wednesday before the Dragon Boat holiday (19 to 21 June 2026)
        due_at = ask_correction(
            session, season, number, Act(OFFICE, datetime(2026, 6, 17, 10, tzinfo=ZONE)), missing="缺附件"
        )

        assert due_at == datetime(2026, 6, 25, 23, 59, 59, tzinfo=ZONE)
        entry = session.scalars(select(History).where(History.trigger == "ask_correction")).one()
        assert Seals(session, 2026).show(json.loads(entry.facts))["missing"] == "缺附件"


@pytest.mark.parametrize(
    ("state", "missing", "words"),
    [
        (S.FINAL_REVIEWED, "缺附件", "it is final_reviewed"),
        (S.ARCHIVED, "缺附件", "it is archived"),
        (S.SUBMITTED, " ", "say what is missing"),
    ],
)
def test_a_correction_that_cannot_be_asked_for(
    engine: Engine, state: SubmissionState, missing: str, words: str
) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        number = a_submission(session, state)

        with pytest.raises(CorrectionRefused, match=words):
            ask_correction(session, season, number, Act(OFFICE, IN_TIME), missing=missing)
        with pytest.raises(CorrectionRefused, match="no such submission"):
            ask_correction(session, season, "2026-500103-0999", Act(OFFICE, IN_TIME), missing="x")


def test_there_is_one_chance_to_correct(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_district_round(session, 1)
        ask_correction(session, season, number, Act(OFFICE, IN_TIME), missing="缺附件")
        correction = session.get_one(Correction, number)
        correction.state, correction.settled_at = CorrectionState.ANSWERED, correction.asked_at

        with pytest.raises(CorrectionRefused, match="it had its one chance already"):
            ask_correction(session, season, number, Act(OFFICE, IN_TIME), missing="还缺")


@pytest.mark.parametrize(("offset", "lapsed"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
def test_a_correction_lapses_a_second_after_it_was_due(engine: Engine, offset: timedelta, lapsed: bool) -> None:
    with writing(engine) as session:
        season, (number,) = a_district_round(session, 1)
        due_at = ask_correction(session, season, number, Act(OFFICE, IN_TIME), missing="缺附件")

        numbers = lapse_corrections(session, 2026, Act(SYSTEM, due_at + offset))

        row = session.get_one(Submission, number, populate_existing=True)
        assert numbers == ([number] if lapsed else [])
        assert row.outcome is (Outcome.INELIGIBLE if lapsed else None)
        if lapsed:
            entry = session.scalars(select(History).where(History.trigger == "archive")).one()
            assert (words(session, entry), json.loads(entry.facts)["correction"]) == ("逾期未补正：缺附件", "lapsed")
            assert lapse_corrections(session, 2026, Act(SYSTEM, due_at + offset)) == []


def test_what_was_withdrawn_meanwhile_lapses_without_another_ending(engine: Engine) -> None:
    with writing(engine) as session:
        season, numbers = a_district_round(session, 2)
        for number in numbers:
            due_at = ask_correction(session, season, number, Act(OFFICE, IN_TIME), missing="缺附件")
        withdraw(session, numbers[0], Act(OFFICE, IN_TIME), reason="示例")

        assert lapse_corrections(session, 2026, Act(SYSTEM, due_at + SECOND)) == numbers[1:]

    with reading(engine) as session:
        outcomes = [session.get_one(Submission, number).outcome for number in numbers]
        assert outcomes == [Outcome.WITHDRAWN, Outcome.INELIGIBLE]
        assert verify(session) == []


def test_nothing_is_sent_back_that_nobody_will_check_again(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_district_round(session, 1)
        closing = session.get_one(MilestoneDate, (2026, "close_eligibility", 1, ""))
        closing.state, closing.settled_at = MilestoneState.DONE, closing.due_at
        session.flush()

        with pytest.raises(CorrectionRefused, match="the eligibility check is closed"):
            ask_correction(session, season, number, Act(OFFICE, IN_TIME), missing="缺附件")


def test_what_is_sent_back_after_it_passed_is_checked_again(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_district_round(session, 1)
        session.get_one(Submission, number).eligible_at = IN_TIME
        session.flush()

        ask_correction(session, season, number, Act(OFFICE, IN_TIME), missing="缺附件")

        assert session.get_one(Submission, number, populate_existing=True).eligible_at is None


def test_a_verdict_on_what_was_withdrawn_while_out_for_correction_names_its_state(engine: Engine) -> None:
    with writing(engine) as session:
        season, (number,) = a_district_round(session, 1)
        ask_correction(session, season, number, Act(OFFICE, IN_TIME), missing="缺附件")
        withdraw(session, number, Act(OFFICE, IN_TIME), reason="示例")

        assert codes(judge(session, [verdict(number)])) == {1: "state"}
