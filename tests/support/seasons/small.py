"""The season that is played: the shipped one, small."""

from datetime import datetime, timedelta

from config.local_time import ZONE
from config.season import Season
from tests.support.builders import season_rules
from tests.support.seasons.game import Game

UNITS = ("500101", "500103", "500107")
QUOTA, SIZES, SCORES, EXPERTS = 2, (1, 1, 1), 2, 6


def rules_of_the_game(year: int) -> Season:
    """The shipped season, small; the earlier year's is late, forty days before, so that both run together."""
    shipped = season_rules()
    dates = {name: instant - timedelta(days=40 * (2026 - year)) for name, instant in shipped.dates.given()}
    dates["open_call"] = datetime(year, 12, 20, 9, tzinfo=ZONE) if year < 2026 else dates["open_call"]
    tiers = shipped.final_round.tiers.model_copy(
        update={"sizes": dict(zip(("first", "second", "third"), SIZES, strict=True)), "prizes": None}
    )
    final = {
        "scores_per_submission": SCORES,
        "panel_size": EXPERTS - 2,
        "panel_per_field": 1,
        "reserves": 2,
        "method": "mean",
        "tiers": tiers,
    }
    reminders = dict.fromkeys(type(shipped.reminders).model_fields.keys() - {"hour"}, ())
    return shipped.model_copy(
        update={
            "year": year,
            "covered_years": (year - 1,),
            "dates": shipped.dates.model_copy(update=dates),
            "final_round": shipped.final_round.model_copy(update=final),
            "reminders": shipped.reminders.model_copy(update=reminders),
            "district_round": shipped.district_round.model_copy(update={"quota": QUOTA}),
        }
    )


def begin(game: Game, *years: int) -> None:
    """Plan seasons, a week before the first of them opens."""
    game.now = rules_of_the_game(min(years)).dates.open_call - timedelta(days=7)
    for year in years:
        game.plan(rules_of_the_game(year), UNITS, QUOTA, SIZES, EXPERTS)
