"""Scores come in from who is assigned, in time, and never once the round is frozen."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from models import Assignment, History, Recusal, Score
from models.database import writing
from models.enums import AssignmentState, CallState, Role
from models.forms import RecusalForm, ScoreForm
from states.audit.verify import verify
from states.final_round.freeze import freeze_scores, presence
from states.final_round.scores import take_scores
from states.machine import Act, Actor
from states.panel.replacements import give_up_seat
from states.submissions.delivery import Delivered, Taken
from states.submissions.settle import withdraw
from tests.support.builders import OFFICE, SYSTEM, a_season, a_seat, season_rules
from tests.support.panel import a_score, a_scored_submission, an_assignment, an_eligible_submission, points_of

DEADLINE = datetime(2026, 7, 17, 18, tzinfo=ZONE)
IN_TIME = datetime(2026, 7, 1, 9, tzinfo=ZONE)
SECOND = timedelta(seconds=1)


def send(
    session: Session, expert: str, *forms: ScoreForm | RecusalForm, at: datetime = IN_TIME, digest: str = "5"
) -> Taken:
    delivered = Delivered(2026, expert, digest * 64, at, Act(Actor(Role.EXPERT, expert), at))
    return take_scores(session, delivered, list(enumerate(forms, start=1)))


def scored(number: str, total: int, comment: str = "") -> ScoreForm:
    return ScoreForm(number=number, points=points_of(season_rules(), total), comment=comment)


def codes(taken: Taken) -> dict[int, str]:
    return {position: refusal.code for position, refusal in taken.refused.items()}


def test_a_score_is_kept_and_in_the_record(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        expert = an_assignment(session, number, 1)

        taken = send(session, expert, scored(number, 77, "示例评语"))

        assert taken.accepted == {1: number}
        assert (
            session.get_one(Score, (number, expert, 1)).total,
            session.get_one(Assignment, (number, expert, 1)).state,
        ) == (
            77,
            AssignmentState.SCORED,
        )
        entry = session.scalars(select(History).where(History.trigger == "record_score")).one()
        assert '"total":"77"' in entry.facts
        assert "示例评语" not in entry.facts
        assert verify(session) == []


def test_the_same_scores_again_leave_no_second_trace_and_others_do(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        expert = an_assignment(session, number, 1)
        send(session, expert, scored(number, 77))

        again = send(session, expert, scored(number, 77))
        changed = send(session, expert, scored(number, 78))

        assert (again.accepted, changed.accepted) == ({1: number}, {1: number})
        assert session.get_one(Score, (number, expert, 1)).total == 78
        assert len(session.scalars(select(History).where(History.trigger == "record_score")).all()) == 2


def test_what_is_not_assigned_cannot_be_scored(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        stranger = a_seat(session, season, 9)

        taken = send(session, stranger, scored(number, 80), scored("2026-500103-0999", 80))

        assert codes(taken) == {1: "not_assigned", 2: "not_assigned"}
        assert session.scalars(select(Score)).all() == []


def test_who_stepped_back_cannot_score(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        expert = an_assignment(session, number, 1)

        first = send(session, expert, RecusalForm(number=number, reason="示例"))
        second = send(session, expert, scored(number, 80))

        assert (first.accepted, codes(second)) == ({1: number}, {1: "recused"})
        assert session.get(Recusal, (2026, expert, number)) is not None


def test_who_gave_up_the_seat_cannot_score(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        expert = an_assignment(session, number, 1)
        give_up_seat(session, 2026, expert, Act(OFFICE, IN_TIME), reason="示例")

        assert codes(send(session, expert, scored(number, 80))) == {1: "not_assigned"}
        assert session.get_one(Assignment, (number, expert, 1)).state is AssignmentState.LOST


@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
def test_the_deadline_a_second_before_at_and_after(engine: Engine, offset: timedelta, late: bool) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        expert = an_assignment(session, number, 1)

        taken = send(session, expert, scored(number, 80), at=DEADLINE + offset)

        assert codes(taken) == ({1: "late"} if late else {})


@pytest.mark.parametrize("state", [CallState.DISTRICT_REVIEW, CallState.PUBLIC_NOTICE])
def test_no_score_outside_the_final_round(engine: Engine, state: CallState) -> None:
    with writing(engine) as session:
        a_season(session, state=state)
        number = an_eligible_submission(session)
        expert = an_assignment(session, number, 1)

        assert codes(send(session, expert, scored(number, 80))) == {1: "round_not_open"}


def test_frozen_scores_do_not_thaw_for_a_file_that_lay_there_in_time(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        number = a_scored_submission(session, (90, 80, 70, 60, 50))
        freeze_scores(session, season, Act(SYSTEM, DEADLINE))

        taken = send(session, "E0001", scored(number, 10), at=DEADLINE - SECOND)

        assert codes(taken) == {1: "late"}
        assert session.get_one(Score, (number, "E0001", 1)).total == 90


@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (0 * SECOND, False), (SECOND, True)])
def test_the_re_review_has_a_deadline_of_its_own(engine: Engine, offset: timedelta, late: bool) -> None:
    closes = datetime(2026, 7, 24, 18, tzinfo=ZONE)
    with writing(engine) as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        number = a_scored_submission(session, (90, 80, 70, 60, 50))
        freeze_scores(session, season, Act(SYSTEM, DEADLINE))
        session.add(Assignment(season=2026, number=number, expert="E0001", round=2, assigned_at=DEADLINE))

        assert codes(send(session, "E0001", scored(number, 85), at=closes + offset)) == ({1: "late"} if late else {})


def test_the_re_review_is_scored_after_the_final_round_until_its_own_deadline(engine: Engine) -> None:
    closes = datetime(2026, 7, 24, 18, tzinfo=ZONE)
    with writing(engine) as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        number = a_scored_submission(session, (90, 80, 70, 60, 50))
        freeze_scores(session, season, Act(SYSTEM, DEADLINE))
        session.add(Assignment(season=2026, number=number, expert="E0001", round=2, assigned_at=DEADLINE))

        late = send(session, "E0001", scored(number, 85), at=closes + SECOND)
        taken = send(session, "E0001", scored(number, 85), at=closes)

        assert (codes(late), taken.accepted) == ({1: "late"}, {1: number})
        assert session.get_one(Score, (number, "E0001", 1)).total == 90
        assert session.get_one(Score, (number, "E0001", 2)).total == 85


def test_nobody_owes_scores_of_what_was_withdrawn(engine: Engine) -> None:
    with writing(engine) as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session)
        a_score(session, number, 1, 80)
        an_assignment(session, number, 2)
        assert presence(session, season).present == 1

        withdraw(session, number, Act(OFFICE, IN_TIME), reason="示例")

        assert presence(session, season).present == 2
