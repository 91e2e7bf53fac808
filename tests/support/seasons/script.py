"""The small season that is played, and two of its plays: every edge of both machines; verdicts that come again late."""

from datetime import datetime, timedelta

from config.local_time import ZONE
from config.season import Season
from tests.support.builders import season_rules
from tests.support.seasons.game import Game
from tests.support.seasons.model import Points, SeasonModel

ENDS = (
    *("not_reviewed", "ineligible", "not_reviewed", "revoked", "ineligible", "no_prize"),
    *("revoked", "objection_upheld", "no_prize", "not_recommended", "withdrawn"),
)
RECOMMENDED = (3, 4, 5, 6, 7, 8)  # what is 4 lacks a credit code


def play_every_edge(game: Game) -> None:
    """Eleven submissions, each with another fate; the database is looked at after every deed."""
    begin(game, 2026)
    season = game.seasons[2026]
    game.step(season)
    for title in range(len(ENDS)):
        game.deliver(season, UNITS[title % 3], title, "flawed" if title == 4 else "good")
    numbers = sorted(season.rows, key=lambda number: season.rows[number].title)
    _until_the_draw(game, season, numbers)
    _until_the_notice(game, season, numbers)
    _until_the_end(game, season, numbers)
    assert [season.rows[number].outcome for number in numbers] == [*ENDS]


def _until_the_draw(game: Game, season: SeasonModel, numbers: list[str]) -> None:
    game.withdraw(numbers[0])
    game.reinstate(numbers[0])
    game.withdraw(numbers[10])
    game.step(season)
    game.ask_correction_by_unit(season, UNITS[1], numbers[1])
    for title in (*RECOMMENDED, 9):
        verdict = "recommended" if title in RECOMMENDED else "not_recommended"
        game.judge(season, UNITS[title % 3], [(numbers[title], verdict)])
    game.withdraw(numbers[5])
    game.reinstate(numbers[5])
    while season.call == "district_review":
        # What is out for correction is not corrected: its days pass.
        game.now += timedelta(days=8) if season.owing_corrections() else timedelta(0)
        game.tend(season)
        game.step(season)


def _until_the_notice(game: Game, season: SeasonModel, numbers: list[str]) -> None:
    for index, title in enumerate((3, 6, 7, 8, 5)):
        for expert in sorted(season.rows[numbers[title]].experts):
            game.score(expert, numbers[title], Points(90 - index))
    game.step(season)
    game.withdraw(numbers[6])
    game.reinstate(numbers[6])
    game.step(season)
    game.approve(season)
    game.step(season)
    game.score(min(season.rows[numbers[8]].experts), numbers[8], Points(70))  # the round is long over
    game.object_to(numbers[7], "示例")
    game.answer(numbers[7], "示例", upheld=True)


def _until_the_end(game: Game, season: SeasonModel, numbers: list[str]) -> None:
    game.step(season)
    game.step(season)
    game.revoke(numbers[3])
    game.step(season)
    game.reinstate(numbers[6])
    while season.next_key:
        game.step(season)
    game.revoke(numbers[6])


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


A, B, C = UNITS
YES, NO = "recommended", "not_recommended"


def count_late_verdicts(game: Game) -> None:
    """A has 0 and 1, B has 2, C has 3 and 4 (without a credit code); what was out comes to the experts, and B's not."""
    begin(game, 2026)
    season = game.seasons[2026]
    game.step(season)
    for unit, title in ((A, 0), (A, 1), (B, 2), (C, 3), (C, 4)):
        game.deliver(season, unit, title, "flawed" if title == 4 else "good")
    numbers = sorted(season.rows, key=lambda number: season.rows[number].title)
    _the_round(game, season, numbers)
    _the_check(game, season, numbers)
    game.step(season)
    assert [bool(season.rows[number].experts) for number in numbers] == [True, True, False, True, True]
    assert season.rows[numbers[2]].outcome == "not_recommended"


def _the_round(game: Game, season: SeasonModel, numbers: list[str]) -> None:
    """C says nothing in time."""
    game.step(season)
    game.judge(season, A, [(numbers[0], YES), (numbers[1], NO)])
    game.judge(season, B, [(numbers[2], YES)])
    game.step(season)
    game.now += timedelta(seconds=1)
    game.judge(season, C, [(numbers[3], YES)])
    game.judge(season, C, [(numbers[3], NO)], admitted=True)
    game.judge(season, C, [(numbers[3], NO)], admitted=True)
    game.judge(season, C, [(numbers[3], YES)], admitted=True)


def _the_check(game: Game, season: SeasonModel, numbers: list[str]) -> None:
    """What comes back after the check is checked at its close, and what it lacks then is waited for."""
    game.step(season)
    for verdict in (NO, YES):
        game.judge(season, A, [(numbers[0], verdict)], admitted=True)
    game.judge(season, A, [(numbers[1], YES)], admitted=True)
    game.judge(season, B, [(numbers[2], NO)], admitted=True)
    game.judge(season, C, [(numbers[4], YES)], admitted=True)
    assert not game.step(season)
    game.correct(numbers[4])
    game.step(season)
