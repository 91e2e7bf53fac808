"""The deeds that a play chooses from and when each has its time; and what people do so that the next step comes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.support.seasons.game import Game
from tests.support.seasons.model import Points, Row, SeasonModel


@dataclass(frozen=True)
class Deed:
    """Something that people do, with what is drawn for it, and the states of the call in which it has its time."""

    does: Callable[..., None]
    drawn: dict[str, st.SearchStrategy[Any]]
    at_home: tuple[str, ...]
    weight: int


DEEDS: dict[str, Deed] = {}


def deed(*at_home: str, weight: int = 1, **drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Enter a method as a deed; it has its time always, when no state of the call is given."""

    def enter(does: Callable[..., None]) -> Callable[..., None]:
        DEEDS[does.__name__] = Deed(does, drawn, at_home, weight)
        return does

    return enter


def at_home(call: str, *, any_time: bool) -> list[Deed]:
    """What has its time in a state of the call, by weight; or everything once."""
    if any_time:
        return [*DEEDS.values()]
    fitting = (known for known in DEEDS.values() if not known.at_home or call in known.at_home)
    return [known for known in fitting for _ in range(known.weight)]


def owed_scores(row: Row) -> list[str]:
    """Experts who have still to score it, in the final round or in the re-review."""
    rounds: Iterable[dict[str, Points | None]] = (row.re_review,) if row.re_review else (row.experts,)
    owing = sorted(expert for given in rounds for expert, points in given.items() if points is None)
    return [expert for expert in owing if expert not in row.lost_to_re_review]


def prepare(game: Game, season: SeasonModel) -> None:
    """People do what the next step waits for, so that the end of a year is reached."""
    step = season.next_step
    if step == "close_district_round":
        _judge_what_is_left(game, season)
    elif step in ("close_eligibility", "draw_panel"):
        _correct_what_isowed_scores(game, season)
    elif step in ("close_final_round", "close_re_review"):
        _score_what_is_left(game, season, step)
    elif step == "open_public_notice" and not season.approved:
        game.approve(season)
    elif step == "close_season":
        for number, row in season.rows.items():
            for grounds in [*row.objections]:
                game.answer(number, grounds, upheld=False)


def _judge_what_is_left(game: Game, season: SeasonModel) -> None:
    for unit in season.units:
        numbers = [number for number, row in season.rows.items() if (row.unit, row.state) == (unit, "submitted")]
        room = season.quota - len(season.recommended_by(unit))
        given = [(number, "recommended" if at < room else "not_recommended") for at, number in enumerate(numbers)]
        if given:
            game.judge(season, unit, given)


def _correct_what_isowed_scores(game: Game, season: SeasonModel) -> None:
    """Every other unit corrects in time; for the others the working days pass."""
    for at, number in enumerate([*season.rows]):
        if season.rows[number].owes_correction and at % 2:
            game.correct(number)
    overdue = [row.due_at for row in season.owing_corrections() if row.due_at]
    if overdue and season.due(game.now):
        game.now = max(game.now, max(overdue) + timedelta(seconds=1))


def _score_what_is_left(game: Game, season: SeasonModel, step: str) -> None:
    if season.is_past(step, game.now):
        game.give_time(season, step, 7)
    for number, row in season.rows.items():
        for at, expert in enumerate(owed_scores(row)):
            game.score(expert, number, Points(60 + (7 * len(number) + 13 * at + len(row.had)) % 35))
    for number, row in season.rows.items():
        if row.in_final_round and len(row.scores) < season.scores_needed:
            game.withdraw(number)  # nobody is left who may score it
