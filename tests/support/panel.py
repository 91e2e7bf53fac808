"""What the final round is given: eligible submissions, experts assigned to them, scores."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from config.season import Season
from models import Assignment, Call, Score
from models.enums import AssignmentState, CallState, SubmissionState
from models.forms import SubmissionForm
from models.queries import season_in_force
from states.final_round.freeze import freeze_scores
from states.final_round.ranking import freeze_ranking, rank_list
from states.history import canonical
from states.machine import Act
from tests.support.builders import OFFICE, SYSTEM, UNIT, a_season, a_seat, a_submission, advance


def an_eligible_submission(
    session: Session, unit: str = UNIT, *, year: int = 2026, form: SubmissionForm | None = None
) -> str:
    """A submission that the district recommended and the eligibility check passed. Returns its number."""
    season = season_in_force(session, year)
    number = a_submission(session, SubmissionState.DISTRICT_REVIEWED, unit, year=year, form=form)
    at = season.dates.check_eligibility
    advance(session, number, "pass_eligibility", SubmissionState.DISTRICT_REVIEWED, OFFICE, at, eligible_at=at)
    return number


def a_scored_submission(session: Session, totals: Sequence[int], unit: str = UNIT, **options: Any) -> str:
    """An eligible submission, the first experts' totals given in order. Returns its number."""
    number = an_eligible_submission(session, unit, **options)
    for ordinal, total in enumerate(totals, start=1):
        a_score(session, number, ordinal, total)
    return number


def an_assignment(session: Session, number: str, ordinal: int, *, round_number: int = 1) -> str:
    """An expert is to score a submission. Returns the expert's id."""
    season = season_in_force(session, 2026)
    expert = a_seat(session, season, ordinal)
    session.add(
        Assignment(
            season=season.year,
            number=number,
            expert=expert,
            round=round_number,
            state=AssignmentState.ACTIVE,
            assigned_at=season.dates.draw_panel,
        )
    )
    session.flush()
    return expert


def a_score(
    session: Session, number: str, ordinal: int, total: int, *, round_number: int = 1, at: datetime | None = None
) -> str:
    """An expert has scored a submission. Returns the expert's id."""
    season = season_in_force(session, 2026)
    expert = an_assignment(session, number, ordinal, round_number=round_number)
    session.get_one(Assignment, (number, expert, round_number)).state = AssignmentState.SCORED
    points = {key: str(value) for key, value in points_of(season, total).items()}
    session.add(
        Score(
            number=number,
            expert=expert,
            round=round_number,
            points=canonical.canonical(points),
            total=Decimal(total),
            received_at=at or season.dates.close_final_round,
            delivery="0" * 64,
        )
    )
    session.flush()
    return expert


def points_of(season: Season, total: int) -> dict[str, Decimal]:
    """A total shared out over the final round's rubric, the first criteria filled first."""
    points = {}
    for criterion in season.final_round.rubric:
        points[criterion.key] = Decimal(min(total, criterion.maximum))
        total -= int(points[criterion.key])
    return points


SEED = "5e" * 32


def a_ranked_season(
    session: Session, totals: Sequence[int] = (90, 80, 70, 60), *, prizes: int = 3
) -> tuple[Season, list[str]]:
    """The final round is over: submissions in the order of `totals`, their ranking frozen."""
    season = a_season(session, state=CallState.FINAL_REVIEW)
    tiers = season.final_round.tiers.model_copy(
        update={"prizes": prizes, "ratios": {"first": 1, "second": 1, "third": 1}}
    )
    season = season.model_copy(update={"final_round": season.final_round.model_copy(update={"tiers": tiers})})
    call = session.get_one(Call, season.year)
    call.rules, call.draw_seed, call.seal_key = season.model_dump_json(), SEED, ""
    numbers = [a_scored_submission(session, [total] * 5) for total in totals]
    freeze_scores(session, season, Act(SYSTEM, season.dates.close_final_round))
    rank_again(session, season)
    return season, numbers


def rank_again(session: Session, season: Season) -> None:
    """Freeze the ranking from the scores as they stand."""
    ranking = rank_list(session, season, re_review_is_over=True)
    freeze_ranking(session, season, ranking, Act(SYSTEM, season.dates.close_re_review))
