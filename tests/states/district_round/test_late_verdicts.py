"""Verdicts that are taken after their round has closed: each counts, and moves its submission at once."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from models import DistrictVerdict, History, MilestoneDate, Submission
from models.database import reading, writing
from models.enums import CallState, MilestoneState, Outcome, Role, SubmissionState, Verdict
from models.forms import VerdictForm
from states.audit.verify import verify
from states.district_round.verdicts import VerdictsTaken, take_verdicts
from states.history.canonical import instant_text
from states.machine import Act, Actor
from states.panel.draw import to_review
from states.submissions.corrections import ask_correction
from states.submissions.delivery import Delivered
from states.submissions.reinstatement import reinstate
from states.timeline import move_date
from tests.support.builders import ADMITTED, OFFICE, UNIT, a_season, a_submission, advance, season_rules
from tests.support.entries import words
from tests.support.panel import an_eligible_submission, points_of
from tests.support.threads import sessions_at_once

M, S = Milestone, SubmissionState
AT = season_rules().dates.check_eligibility + timedelta(hours=1)
DIGEST = "d" * 64


def after_the_check(session: Session) -> None:
    """The round is closed and the eligibility check made, but not closed."""
    a_season(session, state=CallState.DISTRICT_REVIEW)
    for step in (M.CLOSE_DISTRICT_ROUND, M.CHECK_ELIGIBILITY):
        row = session.get_one(MilestoneDate, (2026, step.value, 1, ""))
        row.state, row.settled_at = MilestoneState.DONE, row.due_at


def judge(session: Session, *given: tuple[str, bool], admitted: bool = True, in_time: bool = False) -> VerdictsTaken:
    forms = [
        VerdictForm(
            number=number,
            verdict=Verdict.RECOMMENDED if yes else Verdict.NOT_RECOMMENDED,
            points=points_of(season_rules(), 80),
        )
        for number, yes in given
    ]
    arrived_at = season_rules().dates.close_district_round if in_time else AT
    admission = ADMITTED if admitted else None
    delivered = Delivered(2026, UNIT, DIGEST, arrived_at, Act(Actor(Role.DISTRICT, UNIT), AT), admission)
    return take_verdicts(session, delivered, list(enumerate(forms, start=1)))


def codes(taken: VerdictsTaken) -> dict[int, str]:
    return {position: refusal.code for position, refusal in taken.refused.items()}


def row(session: Session, number: str) -> Submission:
    return session.get_one(Submission, number, populate_existing=True)


def told(session: Session, number: str) -> list[tuple[Any, ...]]:
    """What the record says of a submission since it was reviewed or archived, as (trigger, to, actor, reason)."""
    query = select(History).where(History.subject == f"submission/{number}", History.at == instant_text(AT))
    entries = session.scalars(query.order_by(History.sequence))
    return [(entry.trigger, entry.to_state, entry.actor, words(session, entry)) for entry in entries]


def not_recommended(session: Session) -> str:
    """Archived when its round closed, by its unit's word."""
    number = a_submission(session, S.DISTRICT_REVIEWED)
    verdict = session.get_one(DistrictVerdict, number)
    verdict.verdict, verdict.rank = Verdict.NOT_RECOMMENDED, None
    _archive(session, number, Outcome.NOT_RECOMMENDED)
    return number


def not_reviewed(session: Session) -> str:
    number = a_submission(session)
    _archive(session, number, Outcome.NOT_REVIEWED)
    return number


def _archive(session: Session, number: str, outcome: Outcome) -> None:
    origin, at = row(session, number).state, season_rules().dates.close_district_round
    standing = {"archived_from": origin, "outcome": outcome}
    advance(session, number, "archive", S.ARCHIVED, OFFICE, at, {"outcome": outcome.value}, **standing)


OUT = ("archive", "archived", f"district:{UNIT}", "区县初评未推荐")
BACK = ("office:示例·王主任", "示例：邮路中断")


def test_what_had_passed_the_check_is_out_when_its_unit_no_longer_recommends_it(engine: Engine) -> None:
    with writing(engine) as session:
        after_the_check(session)
        gone, stays = an_eligible_submission(session), an_eligible_submission(session)

        taken = judge(session, (gone, False))

        assert (taken.accepted, taken.back, taken.out) == ({1: gone}, (), (gone,))
        found = row(session, gone)
        assert (found.outcome, found.archived_from) == (Outcome.NOT_RECOMMENDED, S.DISTRICT_REVIEWED)
        assert found.eligible_at is None
        assert told(session, gone) == [("amend_verdict", "district_reviewed", f"district:{UNIT}", ""), OUT]
        facts = session.scalar(select(History.facts).where(History.trigger == "archive"))
        assert json.loads(facts or "") == {"cause": "not_recommended", "delivery": DIGEST, "outcome": "not_recommended"}
        assert session.get_one(DistrictVerdict, stays).rank == 1
        assert to_review(session, 2026) == [stays]
        assert verify(session) == []


def test_what_came_in_time_and_is_taken_late_is_out_without_an_admission(engine: Engine) -> None:
    with writing(engine) as session:
        after_the_check(session)
        number = an_eligible_submission(session)

        assert judge(session, (number, False), admitted=False, in_time=True).out == (number,)


@pytest.mark.parametrize("own", [False, True], ids=["for all", "by a date of its own"])
def test_before_the_close_a_verdict_waits_for_it(engine: Engine, own: bool) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.DISTRICT_REVIEW)
        number = a_submission(session, S.DISTRICT_REVIEWED)
        if own:
            closing = session.get_one(MilestoneDate, (2026, M.CLOSE_DISTRICT_ROUND.value, 1, ""))
            closing.state, closing.settled_at = MilestoneState.DONE, closing.due_at
            to = season.dates.close_district_round + timedelta(hours=1)
            at = season.dates.close_district_round
            move_date(session, 2026, M.CLOSE_DISTRICT_ROUND, Act(OFFICE, at), to=to, reason="示例", unit=UNIT)

        taken = judge(session, (number, False))

        assert (taken.accepted, taken.out) == ({1: number}, ())
        assert row(session, number).state is S.DISTRICT_REVIEWED


@pytest.mark.parametrize("fallen", [not_recommended, not_reviewed])
def test_what_fell_out_comes_back_by_an_admitted_recommendation_and_is_checked(engine: Engine, fallen: Any) -> None:
    with writing(engine) as session:
        after_the_check(session)
        number, other = fallen(session), an_eligible_submission(session)
        session.get_one(DistrictVerdict, other).rank = 1
        origin = row(session, number).archived_from

        taken = judge(session, (number, True))

        found = row(session, number)
        assert (taken.accepted, taken.back, taken.out) == ({1: number}, (number,), ())
        assert (found.state, found.outcome, found.eligible_at) == (S.DISTRICT_REVIEWED, None, None)
        assert sorted(session.get_one(DistrictVerdict, submission).rank or 0 for submission in (number, other)) == [
            1,
            2,
        ]
        judged = "amend_verdict" if origin is S.DISTRICT_REVIEWED else "record_district_review"
        assert told(session, number) == [
            ("reinstate", origin, *BACK),
            (judged, "district_reviewed", f"district:{UNIT}", ""),
        ]
        assert to_review(session, 2026) == [other]
        assert verify(session) == []


def test_what_nobody_judged_ends_as_not_recommended_when_that_is_said_late(engine: Engine) -> None:
    with writing(engine) as session:
        after_the_check(session)
        number = not_reviewed(session)

        taken = judge(session, (number, False))

        assert (taken.back, taken.out, row(session, number).outcome) == ((), (number,), Outcome.NOT_RECOMMENDED)
        assert [entry[0] for entry in told(session, number)] == ["reinstate", "record_district_review", "archive"]


def test_a_verdict_taken_back_and_given_again_is_checked_again(engine: Engine) -> None:
    with writing(engine) as session:
        after_the_check(session)
        number = an_eligible_submission(session)

        judge(session, (number, False))
        assert judge(session, (number, True)).back == (number,)

        assert (row(session, number).state, row(session, number).eligible_at) == (S.DISTRICT_REVIEWED, None)
        assert verify(session) == []


def test_what_an_officer_brings_back_does_not_reach_the_panel_by_a_check_of_before(engine: Engine) -> None:
    with writing(engine) as session:
        after_the_check(session)
        number = an_eligible_submission(session)
        judge(session, (number, False))

        reinstate(session, number, Act(OFFICE, AT), reason="示例")

        assert row(session, number).state is S.DISTRICT_REVIEWED
        assert to_review(session, 2026) == []


def withdrawn(session: Session) -> str:
    return a_submission(session, S.ARCHIVED, outcome=Outcome.WITHDRAWN)


def ineligible(session: Session) -> str:
    return a_submission(session, S.ARCHIVED, outcome=Outcome.INELIGIBLE)


def out_for_correction(session: Session) -> str:
    """Its correction can no longer come, for it is archived; only an officer can bring it back."""
    number = a_submission(session)
    ask_correction(session, season_rules(), number, Act(OFFICE, AT), missing="示例")
    _archive(session, number, Outcome.NOT_REVIEWED)
    return number


@pytest.mark.parametrize(
    ("fallen", "yes"),
    [(withdrawn, True), (ineligible, True), (out_for_correction, True), (not_recommended, False)],
    ids=["withdrawn", "ineligible", "out for correction", "not recommended again"],
)
def test_what_fell_out_otherwise_stays_out(engine: Engine, fallen: Any, yes: bool) -> None:
    with writing(engine) as session:
        after_the_check(session)
        number = fallen(session)
        before = row(session, number).sequence

        assert codes(judge(session, (number, yes))) == {1: "state"}
        assert row(session, number).sequence == before


def test_what_came_in_time_brings_nothing_back_by_itself(engine: Engine) -> None:
    """For that an officer is needed: the admission is their word."""
    with writing(engine) as session:
        after_the_check(session)
        number = not_reviewed(session)

        assert codes(judge(session, (number, True), admitted=False, in_time=True)) == {1: "state"}
        assert codes(judge(session, (number, True), admitted=False)) == {1: "late"}


@pytest.mark.parametrize("freed", [False, True])
def test_nothing_comes_back_beyond_the_quota(engine: Engine, freed: bool) -> None:
    with writing(engine) as session:
        after_the_check(session)
        standing = [an_eligible_submission(session) for _ in range(season_rules().quota_of(UNIT))]
        number = not_reviewed(session)
        exchanged: Sequence[tuple[str, bool]] = [(standing[0], False)] if freed else []

        taken = judge(session, (number, True), *exchanged)

        assert codes(taken) == ({} if freed else {1: "over_quota"})
        assert taken.back == ((number,) if freed else ())
        assert row(session, number).outcome is (None if freed else Outcome.NOT_REVIEWED)
        assert verify(session) == []


def test_an_eligible_submission_that_nobody_recommends_is_not_assigned(engine: Engine) -> None:
    """However it may have come about: the draw asks for the verdict too."""
    with writing(engine) as session:
        after_the_check(session)
        number = an_eligible_submission(session)
        session.get_one(DistrictVerdict, number).verdict = Verdict.NOT_RECOMMENDED
        session.flush()

        assert to_review(session, 2026) == []


def test_of_twenty_that_say_it_at_once_one_moves_it_and_the_others_find_it_moved(engine: Engine) -> None:
    with writing(engine) as session:
        after_the_check(session)
        number = an_eligible_submission(session)

    through, refused = sessions_at_once(engine, lambda session, _: judge(session, (number, False)))

    assert refused == []
    assert sorted(taken.out for taken in through) == [()] * 19 + [(number,)]
    with reading(engine) as session:
        assert [entry[0] for entry in told(session, number)] == ["amend_verdict", "archive"]
        assert verify(session) == []
