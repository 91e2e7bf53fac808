"""One season in which everything is tried that is refused, each at the moment at which only that rule refuses it."""

from datetime import timedelta

from tests.support.seasons.deeds import owed_scores
from tests.support.seasons.game import SECOND, Game
from tests.support.seasons.model import Points, SeasonModel
from tests.support.seasons.script import UNITS, begin

A, B, C = UNITS
YES, NO = "recommended", "not_recommended"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def try_what_is_refused(game: Game) -> None:
    """A has 0 to 3 and 9, B has 4, 5 and 8, C has 6 (without a credit code), 5 once B has withdrawn it, and 11."""
    begin(game, 2026)
    season = game.seasons[2026]
    game.deliver(season, A, 0, "good")
    game.look_early(season)
    game.step(season)
    for unit, title in ((A, 0), (A, 1), (A, 2), (A, 3), (B, 4), (B, 5), (C, 6), (C, 11)):
        game.deliver(season, unit, title, "flawed" if title == 6 else "good")
    for tries in (_deliveries, _dates, _decisions_too_early, _verdicts, _closing_the_call, _closing_the_round):
        tries(game, season)
    for tries in (_the_check, _scores, _the_list, _the_notice, _the_end):
        tries(game, season)


def _of(season: SeasonModel, unit: str, title: int) -> str:
    return next(number for number, row in season.rows.items() if (row.unit, row.title) == (unit, title))


def _deliveries(game: Game, season: SeasonModel) -> None:
    own, gone = _of(season, A, 0), _of(season, B, 5)
    game.deliver(season, C, 0, "good")
    for kind in ("incomplete", "uncovered"):
        game.deliver(season, A, 7, kind)
        game.correct(own, kind)
    for unit in (A, B):
        game.withdraw_by_unit(season, unit, gone)
    game.withdraw(gone)
    game.deliver(season, C, 5, "good")
    game.reinstate(gone)
    game.correct(gone)
    game.reinstate(own)


def _dates(game: Game, season: SeasonModel) -> None:
    game.move(season, "archive", A, season.date("archive") + DAY)
    game.move(season, "open_call", "", game.now + DAY)
    game.move(season, "close_call", "", season.date("close_district_round"))
    game.move(season, "close_district_round", "", season.date("close_call"))
    game.move(season, "close_call", A, season.date("close_call") + 20 * DAY)
    game.move(season, "close_district_round", "", season.date("close_call", A))
    game.move(season, "close_district_round", A, season.date("close_call", A))
    game.move(season, "close_district_round", B, season.date("check_eligibility"))


def _decisions_too_early(game: Game, season: SeasonModel) -> None:
    number = _of(season, A, 0)
    game.approve(season)
    game.send_back(season)
    game.object_to(number, "示例")
    game.score("E0001", number, Points(60))
    game.give_up_seat(season, "E0001")
    game.revoke(number)
    game.revoke(_of(season, B, 5))


def _verdicts(game: Game, season: SeasonModel) -> None:
    zero, first, second, third = (_of(season, A, title) for title in range(4))
    game.ask_correction_by_unit(season, A, _of(season, B, 4))
    game.ask_correction_by_unit(season, A, third)
    game.judge(season, A, [(third, YES), (_of(season, B, 4), YES)])
    game.correct(third, "flawed")
    game.ask_correction_by_unit(season, A, third)
    game.ask_correction(third)
    game.judge(season, A, [(zero, YES), (first, YES), (second, YES), (third, NO)])
    game.judge(season, A, [(zero, YES), (first, YES)])
    game.judge(season, A, [(second, YES)])
    game.ask_correction_by_unit(season, A, first)
    game.withdraw(zero)
    game.judge(season, A, [(second, YES)])
    game.reinstate(zero)


def _closing_the_call(game: Game, season: SeasonModel) -> None:
    """B is too late, unless the office admits it; A has a date of its own."""
    game.step(season)
    game.now += SECOND
    game.deliver(season, B, 8, "good")
    game.deliver(season, B, 4, "flawed")
    game.correct(_of(season, B, 4), "flawed")
    game.deliver(season, B, 8, "good", admitted=True)
    game.deliver(season, A, 9, "good")
    game.step(season)
    game.now += SECOND
    game.deliver(season, A, 10, "good")


def _closing_the_round(game: Game, season: SeasonModel) -> None:
    late, poor = _of(season, C, 11), _of(season, C, 5)
    game.judge(season, B, [(_of(season, B, 4), YES), (_of(season, B, 8), YES)])
    game.judge(season, C, [(_of(season, C, 6), YES), (poor, NO)])
    game.now = season.date("close_district_round") - 3 * HOUR
    game.ask_correction_by_unit(season, C, late)
    game.now = season.date("close_district_round") + SECOND
    game.judge(season, C, [(late, YES)])
    game.ask_correction_by_unit(season, C, late)
    game.judge(season, C, [(late, YES)], admitted=True)
    game.step(season)
    game.ask_correction(poor)
    game.judge(season, C, [(poor, NO)], admitted=True)
    game.correct(poor, "flawed")


def _the_check(game: Game, season: SeasonModel) -> None:
    """C's credit code never comes, and an officer brings it back; what B is asked for at last comes too late."""
    asked, overruled = _of(season, B, 8), _of(season, C, 6)
    game.step(season)
    game.now = season.date("close_eligibility") - HOUR
    game.ask_correction(asked)
    game.step(season)
    game.correct(overruled)
    for does in (game.reinstate, game.withdraw):
        does(overruled)
    game.now = (season.rows[asked].due_at or game.now) + SECOND
    game.correct(asked, "flawed")
    game.look_out_of_turn(season, ("draw_panel", ""))
    game.look_out_of_turn(season, ("open_call", ""))
    game.step(season)
    game.ask_correction(_of(season, B, 4))
    game.judge(season, B, [(_of(season, B, 4), NO)], admitted=True)
    game.step(season)
    game.deliver(season, B, 7, "good", admitted=True)
    game.judge(season, B, [(_of(season, B, 4), NO)])


def _scores(game: Game, season: SeasonModel) -> None:
    """A's two are equal at the cut, in everything; B's and C's come after them."""
    first, other = _of(season, A, 1), _of(season, B, 4)
    game.step(season)
    game.give_time(season, "close_final_round", 7)
    scoring, leaving = sorted(season.rows[first].experts)
    game.score(scoring, first, Points(80))
    game.recuse(scoring, first)
    game.recuse(leaving, first)
    game.score(leaving, first, Points(80))
    given_up = sorted(season.rows[other].experts)[0]
    game.give_up_seat(season, given_up)
    game.give_up_seat(season, given_up)
    game.score(given_up, other, Points(70))
    for number, total in ((first, 80), (_of(season, A, 2), 80), (other, 70), (_of(season, C, 11), 60)):
        for expert in owed_scores(season.rows[number]):
            game.score(expert, number, Points(total))
    game.step(season)
    game.score(sorted(season.rows[other].experts)[0], other, Points(90))


def _the_list(game: Game, season: SeasonModel) -> None:
    again, placed, last = _of(season, A, 1), _of(season, B, 4), _of(season, C, 11)
    for expert, total in zip(owed_scores(season.rows[again]), (50, 60), strict=False):
        game.score(expert, again, Points(total))
    for expert in owed_scores(season.rows[_of(season, A, 2)]):
        game.score(expert, _of(season, A, 2), Points(90))
    game.step(season)
    game.score(sorted(season.rows[again].re_review)[0], again, Points(100))
    game.approve(season, [last])
    game.approve(season, [placed, placed])
    game.send_back(season)
    game.approve(season)
    game.step(season)
    game.step(season)
    game.approve(season, [placed])
    game.approve(season)
    game.send_back(season)


def _the_notice(game: Game, season: SeasonModel) -> None:
    first, second = _of(season, A, 1), _of(season, A, 2)
    game.step(season)
    for number in (first, first, _of(season, C, 5), second):
        game.object_to(number, "示例")
    game.answer(first, "示例", upheld=False)
    game.answer(first, "示例", upheld=True)
    game.now += DAY
    game.object_to(first, "示例")
    game.now = season.date("close_public_notice")
    game.object_to(first, "另一示例")


def _the_end(game: Game, season: SeasonModel) -> None:
    """The award that an objection suspends is given when the objection is dismissed."""
    first, second = _of(season, A, 1), _of(season, A, 2)
    for _ in range(2):
        game.step(season)
    game.withdraw(first)
    game.score(sorted(season.rows[first].experts)[0], first, Points(90))
    game.step(season)
    game.answer(second, "示例", upheld=False)
    while season.next_key:
        game.step(season)
    game.reinstate(first)
    game.object_to(second, "另一示例")
    assert (season.rows[first].outcome, season.rows[second].outcome) == ("completed", "completed")
