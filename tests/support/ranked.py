"""A season whose list is frozen and lies before the office."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from config.season import Season
from models import Call
from models.enums import CallState
from states.final import freeze_scores
from states.final_ranking import freeze_ranking, rank_list
from states.machine import Act
from tests.support.builders import SYSTEM, a_season
from tests.support.panel import a_scored_submission

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
    call.rules, call.draw_seed = season.model_dump_json(), SEED
    numbers = [a_scored_submission(session, [total] * 5) for total in totals]
    freeze_scores(session, season, Act(SYSTEM, season.dates.close_final_round))
    rank_again(session, season)
    return season, numbers


def rank_again(session: Session, season: Season) -> None:
    """Freeze the ranking from the scores as they stand."""
    ranking = rank_list(session, season, re_review_is_over=True)
    freeze_ranking(session, season, ranking, Act(SYSTEM, season.dates.close_re_review))
