"""What people may do to a season: each deed changes the model and returns "", or says why it is refused.

What is said is the refusal's code, or for a decision of the office a piece of its sentence.
"""

from collections.abc import Sequence
from datetime import datetime

from tests.support.seasons.model import JUDGING, PER_UNIT, STEPS, SeasonModel
from tests.support.seasons.rows import LIVE, Points, Row

UNFIT = {"incomplete": "incomplete", "uncovered": "not_covered"}

# units


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
    """The unit sends a row again with its number."""
    row = season.rows[number]
    if season.twin(row.title, row):
        return "duplicate"
    return _amend(season, row, kind, at=at, admitted=admitted)


def _amend(season: SeasonModel, row: Row, kind: str, *, at: datetime, admitted: bool) -> str:
    if kind == ("flawed" if row.flawed else "good") and not row.erased:
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
    answers = {number: _unfit_to_judge(season, unit, number) for number, _ in given}
    taken = {number for number, _ in given if not answers[number]}
    wanted = {number for number, verdict in given if number in taken and verdict == "recommended"}
    if len((season.recommended_by(unit) - taken) | wanted) > season.quota:
        answers.update(dict.fromkeys(wanted, "over_quota"))
    for number, verdict in given:
        if not answers[number]:
            season.rows[number].verdict, season.rows[number].state = verdict, "district_reviewed"
    return [answers[number] for number, _ in given]


def _district_round_is_over(season: SeasonModel, unit: str, at: datetime, admitted: bool) -> str:
    if season.call not in JUDGING:
        return "round_not_open"
    if season.is_past("close_district_round", at, unit) and not admitted:
        return "late"
    return "check_closed" if season.checks_are_over else ""


def _unfit_to_judge(season: SeasonModel, unit: str, number: str) -> str:
    row = season.rows.get(number)
    if row is None or row.unit != unit:
        return "unknown_number"
    if row.state not in ("submitted", "district_reviewed"):
        return "state"
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


# the office


def ask_correction(season: SeasonModel, number: str, due_at: datetime) -> str:
    row = season.rows[number]
    if row.state not in ("submitted", "district_reviewed"):
        return f"it is {row.state}"
    if row.correction:
        return "had its one chance"
    if season.call not in JUDGING or season.checks_are_over:
        return "the eligibility check is closed"
    row.correction, row.due_at, row.eligible = "outstanding", due_at, False
    return ""


def withdraw(season: SeasonModel, number: str) -> str:
    row = season.rows[number]
    if not row.stands:
        return "state"
    if row.state not in LIVE:
        return "outcome"
    row.archive("withdrawn")
    return ""


def reinstate(season: SeasonModel, number: str) -> str:
    row = season.rows[number]
    if row.stands:
        return "state"
    if season.call == "closed":
        return "season_closed"
    if season.twin(row.title, row):
        return "came again"
    recommended = row.origin == "district_reviewed" and row.recommended
    if recommended and len(season.recommended_by(row.unit)) >= season.quota:
        return "its quota is"
    overruled = row.outcome == "ineligible" and season.is_done("check_eligibility")
    if recommended and (overruled or season.checks_are_over):
        row.eligible = True
        row.correction = "lapsed" if row.correction == "outstanding" else row.correction
    row.state, row.outcome, row.origin = row.origin or "", None, None
    return ""


def revoke(season: SeasonModel, number: str) -> str:
    row = season.rows[number]
    if row.state == "awarded":
        row.archive("revoked")
        return ""
    if row.stands:
        return "state"
    if row.outcome != "completed":
        return "not_completed"
    row.outcome = "revoked"
    return ""


def move(season: SeasonModel, step: str, unit: str, to: datetime) -> str:
    """Give a step another date, for all or for one unit. Steps keep their order, for every unit."""
    if unit and step not in PER_UNIT:
        return "can differ for one district"
    if (step, unit) in season.settled:
        return "already"
    place = STEPS.index(step)
    for one in season.units if not unit else (unit,):
        if not unit and (step, one) in season.dates:
            continue  # this unit has a date of its own for it
        for other in STEPS:
            ends_by_itself = (step, other) == ("open_public_notice", "close_public_notice")
            if other == step or ends_by_itself:
                continue
            if STEPS.index(other) < place and season.date(other, one) >= to:
                return "would come before"
            if STEPS.index(other) > place and season.date(other, one) <= to:
                return "would come after"
    season.dates[step, unit] = to
    return ""


def approve(season: SeasonModel, strike: Sequence[str]) -> str:
    """All of it or nothing."""
    refusal = _not_before_the_office(season)
    if refusal:
        return refusal
    for place, number in enumerate(strike):
        row = season.rows.get(number)
        if row is None or row.placed is None:
            return "not on the proposed list"
        if row.struck or number in strike[:place]:
            return "struck already"
    for number in strike:
        season.rows[number].struck = True
    for number in season.proposed():
        season.rows[number].approved = True
    season.approved = True
    return ""


def send_back(season: SeasonModel, *, at: datetime) -> str:
    """The list is drawn up again, from now."""
    refusal = _not_before_the_office(season)
    if not refusal:
        season.settled.remove(("close_re_review", ""))
        season.dates["close_re_review", ""] = at
        season.ranked = False
    return refusal


def _not_before_the_office(season: SeasonModel) -> str:
    if season.call != "final_review" or not season.ranked:
        return "no ranking waits"
    return "approved already" if season.approved else ""


def object_to(season: SeasonModel, number: str, grounds: str, *, at: datetime) -> str:
    row = season.rows[number]
    if season.call != "public_notice" or at >= season.date("close_public_notice"):
        return "while the public notice runs"
    if row.state != "final_reviewed":
        return f"it is {row.state}"
    if grounds in row.objections:
        return "was taken already"
    row.objections.append(grounds)
    return ""


def answer(season: SeasonModel, number: str, grounds: str, *, upheld: bool) -> str:
    row = season.rows[number]
    if grounds not in row.objections:
        return "answered it already"
    row.objections.remove(grounds)
    if upheld and row.stands:
        row.archive("objection_upheld")
    return ""


# experts


def score(season: SeasonModel, expert: str, number: str, points: Points, *, at: datetime) -> str:
    row = season.rows[number]
    again = expert in row.re_review
    if expert in row.recused:
        return "recused"
    if expert in row.lost_to_re_review or (not again and expert not in row.experts):
        return "not_assigned"
    if season.call != "final_review":
        return "round_not_open"
    frozen = season.ever_ranked if again else season.scores_frozen
    if frozen or season.is_past("close_re_review" if again else "close_final_round", at):
        return "late"
    (row.re_review if again else row.experts)[expert] = points
    return ""


def recuse(season: SeasonModel, expert: str, number: str) -> str:
    row = season.rows[number]
    if row.experts.get(expert) is not None:
        return "it is scored already"
    row.experts.pop(expert, None)
    row.recused.add(expert)
    return ""


def give_up_seat(season: SeasonModel, expert: str) -> str:
    """What an expert has scored stays; what they had still to score is lost to others."""
    if expert not in season.panel:
        return "nobody of this id has a seat"
    season.panel.remove(expert)
    for row in season.rows.values():
        if expert in row.experts and row.experts[expert] is None:
            del row.experts[expert]
        if expert in row.re_review and row.re_review[expert] is None:
            row.lost_to_re_review.add(expert)
    return ""
