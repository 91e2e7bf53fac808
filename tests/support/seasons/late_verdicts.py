"""One season in which units judge again after their round has closed, and the office admits it."""

from datetime import timedelta

from tests.support.seasons.game import Game
from tests.support.seasons.model import SeasonModel
from tests.support.seasons.small import UNITS, begin

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
