"""One season in which every edge of both machines is taken, every time in the same way."""

from datetime import timedelta

from tests.support.seasons.game import Game
from tests.support.seasons.model import SeasonModel
from tests.support.seasons.rows import Points
from tests.support.seasons.small import UNITS, begin

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
    for place, title in enumerate((3, 6, 7, 8, 5)):
        for expert in sorted(season.rows[numbers[title]].experts):
            game.score(expert, numbers[title], Points(90 - place))
    game.step(season)
    game.withdraw(numbers[6])
    game.reinstate(numbers[6])
    game.step(season)
    game.approve(season)
    game.step(season)
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
