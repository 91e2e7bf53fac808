"""Whatever is left at the end gets the outcome of how far it had come."""

from datetime import datetime

from sqlalchemy import Engine, select

from config.local_time import ZONE
from models import DistrictVerdict, Submission
from models.database import writing
from models.enums import CallState, Outcome, SubmissionState, Verdict
from states.audit.verify import verify
from states.machine import Act
from states.submissions.settle import settle_rest
from tests.support.builders import SYSTEM, a_season, a_submission
from tests.support.panel import an_eligible_submission

AT = datetime(2026, 9, 30, 9, tzinfo=ZONE)
S = SubmissionState


def test_every_submission_ends_with_one_outcome(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        expected = {
            a_submission(session, S.SUBMITTED): Outcome.NOT_REVIEWED,
            a_submission(session, S.DISTRICT_REVIEWED): Outcome.INELIGIBLE,
            a_submission(session, S.FINAL_REVIEWED): Outcome.NO_PRIZE,
            a_submission(session, S.AWARDED): Outcome.COMPLETED,
            a_submission(session, S.ARCHIVED, outcome=Outcome.WITHDRAWN): Outcome.WITHDRAWN,
            an_eligible_submission(session): Outcome.NOT_RECOMMENDED,
        }
        rejected = a_submission(session, S.DISTRICT_REVIEWED)
        session.get_one(DistrictVerdict, rejected).verdict = Verdict.NOT_RECOMMENDED
        session.flush()

        ended = settle_rest(session, 2026, Act(SYSTEM, AT))

        assert dict(session.execute(select(Submission.number, Submission.outcome)).all()) == {
            **expected,
            rejected: Outcome.NOT_RECOMMENDED,
        }
        assert ended == {
            Outcome.COMPLETED: 1,
            Outcome.NO_PRIZE: 1,
            Outcome.INELIGIBLE: 1,
            Outcome.NOT_RECOMMENDED: 2,
            Outcome.NOT_REVIEWED: 1,
        }
        assert settle_rest(session, 2026, Act(SYSTEM, AT)) == {}
        assert verify(session) == []


def test_another_season_is_left_alone(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        a_season(session, 2025)
        earlier = a_submission(session, year=2025)

        assert settle_rest(session, 2026, Act(SYSTEM, AT)) == {}

        assert session.get_one(Submission, earlier).state is S.SUBMITTED
