"""What comes back finds its place as things stand by then: quota, check, and the same achievement sent again."""

from datetime import datetime

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.milestones import Milestone
from models import Call, Correction, DistrictVerdict, History, MilestoneDate, Submission
from models.database import writing
from models.enums import CallState, CorrectionState, MilestoneState, Outcome, SubmissionState, Verdict
from states.audit.invariants import broken_invariants
from states.audit.verify import verify
from states.machine import Act, TransitionRefused
from states.numbers import UnknownSubmission
from states.submissions.reinstatement import ReinstatementRefused, reinstate
from states.submissions.settle import withdraw
from states.transitions import Ask, apply_transition
from tests.support.builders import OFFICE, UNIT, a_form, a_season, a_submission

AT = datetime(2026, 5, 20, 10, tzinfo=ZONE)
S = SubmissionState


def a_district_round(session: Session, quota: int) -> None:
    season = a_season(session, state=CallState.DISTRICT_REVIEW)
    district = season.district_round.model_copy(update={"quota": quota})
    rules = season.model_copy(update={"district_round": district}).model_dump_json()
    session.get_one(Call, 2026).rules = rules
    session.flush()


def settle(session: Session, *milestones: Milestone) -> None:
    for milestone in milestones:
        row = session.get_one(MilestoneDate, (2026, milestone.value, 1, ""))
        row.state, row.settled_at = MilestoneState.DONE, row.due_at
    session.flush()


def take_back(session: Session, number: str, outcome: Outcome = Outcome.WITHDRAWN) -> None:
    apply_transition(session, number, Ask("archive", Act(OFFICE, AT), reason="示例", outcome=outcome))


def bring_back(session: Session, number: str) -> SubmissionState:
    return reinstate(session, number, Act(OFFICE, AT), reason="示例")


def test_a_place_in_the_quota_that_was_given_to_another_does_not_come_back(engine: Engine) -> None:
    with writing(engine) as session:
        a_district_round(session, quota=1)
        first, second = a_submission(session, S.DISTRICT_REVIEWED), a_submission(session, S.SUBMITTED)
        take_back(session, first)
        session.get_one(DistrictVerdict, first)
        other = a_submission(session, S.DISTRICT_REVIEWED)

        with pytest.raises(ReinstatementRefused, match="has recommended 1 others since, and its quota is 1"):
            bring_back(session, first)

        assert session.get_one(Submission, first, populate_existing=True).outcome is Outcome.WITHDRAWN
        take_back(session, other)
        assert bring_back(session, first) is S.DISTRICT_REVIEWED
        assert second in session.scalars(select(Submission.number)).all()


def test_who_comes_back_takes_a_place_that_is_free(engine: Engine) -> None:
    with writing(engine) as session:
        a_district_round(session, quota=3)
        first, second = a_submission(session, S.DISTRICT_REVIEWED), a_submission(session, S.DISTRICT_REVIEWED)
        take_back(session, first)
        session.get_one(DistrictVerdict, second).rank = 1
        session.flush()

        bring_back(session, first)

        ranks = dict(session.execute(select(DistrictVerdict.number, DistrictVerdict.rank)).all())
        assert ranks == {first: 2, second: 1}
        assert '"rank":2' in session.scalars(select(History.facts).where(History.trigger == "reinstate")).one()
        assert [breach.invariant.name for breach in broken_invariants(session)] == []


def test_what_was_not_recommended_needs_no_place(engine: Engine) -> None:
    with writing(engine) as session:
        a_district_round(session, quota=1)
        first = a_submission(session, S.DISTRICT_REVIEWED)
        session.get_one(DistrictVerdict, first).verdict = Verdict.NOT_RECOMMENDED
        take_back(session, first)
        a_submission(session, S.DISTRICT_REVIEWED)

        assert bring_back(session, first) is S.DISTRICT_REVIEWED


@pytest.mark.parametrize("again", [S.SUBMITTED, S.FINAL_REVIEWED])
def test_the_same_achievement_does_not_stand_twice(engine: Engine, again: SubmissionState) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        first = a_submission(session, form=a_form("示例重复"))
        withdraw(session, first, Act(OFFICE, AT), reason="示例")
        second = a_submission(session, again, unit="500101", form=a_form("示例重复"))

        with pytest.raises(ReinstatementRefused, match=f"came again meanwhile, as {second}"):
            bring_back(session, first)

        withdraw(session, second, Act(OFFICE, AT), reason="示例")
        assert bring_back(session, first) is S.SUBMITTED


def test_a_closed_season_says_that_it_is_closed_and_looks_for_no_place(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.CLOSED)
        gone = [a_submission(session, S.ARCHIVED, form=a_form(title)) for title in ("示例一", "示例二")]
        for number in gone:
            session.get_one(Submission, number).fingerprint = ""  # as the deletion of personal data leaves it
        session.flush()

        with pytest.raises(TransitionRefused, match="the season is closed"):
            bring_back(session, gone[0])


CHECKED, CLOSED = (Milestone.CHECK_ELIGIBILITY,), (Milestone.CHECK_ELIGIBILITY, Milestone.CLOSE_ELIGIBILITY)


@pytest.mark.parametrize(
    ("settled", "outcome", "passes"),
    [
        ((), Outcome.INELIGIBLE, False),
        (CHECKED, Outcome.INELIGIBLE, True),
        (CHECKED, Outcome.WITHDRAWN, False),
        (CLOSED, Outcome.INELIGIBLE, True),
        (CLOSED, Outcome.WITHDRAWN, True),
    ],
)
def test_once_nobody_checks_any_more_the_officers_word_stands(
    engine: Engine, settled: tuple[Milestone, ...], outcome: Outcome, passes: bool
) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        number = a_submission(session, S.DISTRICT_REVIEWED)
        settle(session, *settled)
        take_back(session, number, outcome)

        bring_back(session, number)

        row = session.get_one(Submission, number, populate_existing=True)
        assert row.eligible_at == (AT if passes else None)
        last = select(History.trigger).where(History.subject == f"submission/{number}").order_by(History.sequence)
        assert session.scalars(last).all()[-1] == ("pass_eligibility" if passes else "reinstate")
        assert verify(session) == []


def test_a_correction_that_nobody_waits_for_any_more_has_lapsed(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        number = a_submission(session, S.DISTRICT_REVIEWED)
        session.add(Correction(number=number, asked_by="", asked_at=AT, missing="示例", due_at=AT))
        settle(session, *CLOSED)
        take_back(session, number)

        bring_back(session, number)

        assert session.get_one(Correction, number).state is CorrectionState.LAPSED


def test_what_stands_cannot_be_brought_back_nor_what_is_not_there(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        number = a_submission(session)

        with pytest.raises(TransitionRefused, match="possible only from: archived"):
            bring_back(session, number)
        with pytest.raises(UnknownSubmission):
            bring_back(session, f"2026-{UNIT}-0999")
