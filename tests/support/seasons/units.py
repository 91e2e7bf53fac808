"""What units may do to a season: each deed changes the model and returns "", or the code of its refusal."""

from collections.abc import Sequence
from datetime import datetime

from tests.support.seasons.model import JUDGING, Row, SeasonModel
from tests.support.seasons.people import withdraw

UNFIT = {"incomplete": "incomplete", "uncovered": "not_covered"}


def deliver(season: SeasonModel, unit: str, title: int, kind: str, *, at: datetime, admitted: bool = False) -> str:
    """One row of a workbook: `kind` is good, flawed (no credit code), incomplete or uncovered."""
    own = next(
        (row for row in season.rows.values() if (row.unit, row.title, row.state) == (unit, title, "submitted")), None
    )
    if own is not None:
        return _amend(season, own, kind, at=at, admitted=admitted)
    if season.call == "planned":
        return "call_not_open"
    if season.is_past("close_call", at, unit) and not admitted:
        return "late"
    if season.call not in JUDGING:
        return "call_over"
    if kind in UNFIT:
        return UNFIT[kind]
    if season.twin(title):
        return "duplicate"
    place = 1 + sum(row.unit == unit for row in season.rows.values())
    season.rows[f"{season.year}-{unit}-{place:04d}"] = Row(unit, title, kind == "flawed")
    return ""


def correct(season: SeasonModel, number: str, kind: str, *, at: datetime, admitted: bool = False) -> str:
    """The unit sends a row again with its number, and means it, whatever was there before."""
    row = season.rows[number]
    if season.twin(row.title, row):
        return "duplicate"
    return _amend(season, row, kind, at=at, admitted=admitted, meant=True)


def _amend(season: SeasonModel, row: Row, kind: str, *, at: datetime, admitted: bool, meant: bool = False) -> str:
    if kind == ("flawed" if row.flawed else "good") and not row.erased and row.outcome != "withdrawn":
        return ""
    over = row.due_at is not None and at > row.due_at
    if over and (row.owes_correction or row.out_uncorrected):
        return "late"
    if not row.owes_correction:
        if row.state != "submitted":
            return "state"
        if season.is_past("close_call", at, row.unit) and not admitted:
            return "late"
    if kind in UNFIT:
        return UNFIT[kind]
    if kind in row.replaced and not meant:
        return "older_version"
    row.replaced.add("flawed" if row.flawed else "good")
    row.flawed = kind == "flawed"
    if row.correction == "outstanding":
        row.correction = "answered"
    return ""


def judge(
    season: SeasonModel, unit: str, given: Sequence[tuple[str, str]], *, at: datetime, admitted: bool = False
) -> list[str]:
    """A workbook of verdicts as (number, verdict); the answer to each row."""
    over = _district_round_is_over(season, unit, at, admitted)
    if over:
        return [over] * len(given)
    answers = {number: _unfit_to_judge(season, unit, number, verdict, admitted) for number, verdict in given}
    taken = {number for number, _ in given if not answers[number]}
    wanted = {number for number, verdict in given if number in taken and verdict == "recommended"}
    if len((season.recommended_by(unit) - taken) | wanted) > season.quota:
        answers.update(dict.fromkeys(wanted, "over_quota"))
    for number, verdict in given:
        if not answers[number]:
            _take_verdict(season.rows[number], verdict, round_is_closed=season.round_is_closed(unit))
    return [answers[number] for number, _ in given]


def _take_verdict(row: Row, verdict: str, *, round_is_closed: bool) -> None:
    """After the close nobody looks again: what is not recommended is out at once, though it had passed the check."""
    row.verdict, row.state, row.outcome, row.origin = verdict, "district_reviewed", None, None
    if not row.recommended:
        row.eligible = False
        if round_is_closed:
            row.archive("not_recommended")


def _district_round_is_over(season: SeasonModel, unit: str, at: datetime, admitted: bool) -> str:
    if season.call not in JUDGING:
        return "round_not_open"
    if season.is_past("close_district_round", at, unit) and not admitted:
        return "late"
    return "check_closed" if season.checks_are_over else ""


def _unfit_to_judge(season: SeasonModel, unit: str, number: str, verdict: str, admitted: bool) -> str:
    """What fell out when the round closed comes back by an admitted verdict that says something new of it."""
    row = season.rows.get(number)
    if row is None or row.unit != unit:
        return "unknown_number"
    if row.state not in ("submitted", "district_reviewed"):
        again = row.outcome == verdict == "not_recommended"
        comes_back = admitted and row.fell_out_by_the_round and not again and row.correction != "outstanding"
        return "" if comes_back else "state"
    return "correction_outstanding" if row.correction == "outstanding" else ""


def ask_correction_by_unit(
    season: SeasonModel, unit: str, number: str, due_at: datetime | None, *, at: datetime
) -> str:
    """A unit sends back what it has still to judge; `due_at`: until when, if a working day is left for it."""
    over = _district_round_is_over(season, unit, at, admitted=False)
    if over:
        return over
    row = season.rows.get(number)
    if row is None or row.unit != unit:
        return "unknown_number"
    if row.correction == "outstanding":
        return ""
    if row.state != "submitted":
        return "state"
    if row.correction:
        return "had_its_chance"
    if due_at is None:
        return "too_late_to_correct"
    row.correction, row.due_at = "outstanding", due_at
    return ""


def withdraw_by_unit(season: SeasonModel, unit: str, number: str) -> str:
    row = season.rows.get(number)
    if row is None or row.unit != unit:
        return "unknown_number"
    return "" if row.outcome == "withdrawn" else withdraw(season, number)
