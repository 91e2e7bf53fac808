"""What the office and the experts may do to a season: each deed changes the model and returns "", or why it is refused.

What is said is the refusal's code, or for a decision of the office a piece of its sentence.
"""

from collections.abc import Sequence
from datetime import datetime

from config.local_time import local_day
from tests.support.seasons import clock
from tests.support.seasons.model import JUDGING, LIVE, PER_UNIT, STEPS, Points, SeasonModel

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


def move(season: SeasonModel, step: str, unit: str, to: datetime, *, now: datetime, at_once: bool) -> str:
    """Give a step another date, for all or for one unit. Steps keep their order, for every unit.

    To have come already, or to take time away from people, must be meant.
    """
    if unit and step not in PER_UNIT:
        return "can differ for one district"
    if (step, unit) in season.settled:
        return "already"
    index, sudden = STEPS.index(step), to <= now or (step.startswith("close_") and to < season.date(step, unit))
    if to == season.dates.get((step, unit)):
        return ""
    to = max(to, now)
    for code in season.units if not unit else (unit,):
        if not unit and (step, code) in season.dates:
            continue  # this unit has a date of its own for it
        for other in STEPS:
            ends_by_itself = (step, other) == ("open_public_notice", "close_public_notice")
            if other == step or ends_by_itself:
                continue
            if STEPS.index(other) < index and season.date(other, code) >= to:
                return "would come before"
            if STEPS.index(other) > index and season.date(other, code) <= to:
                return "would come after"
    if sudden and not (at_once or step == "close_season"):
        return "with nothing in|nobody is without"
    season.dates[step, unit] = to
    return ""


def approve(season: SeasonModel, strike: Sequence[str]) -> str:
    """All of it or nothing."""
    refusal = _not_before_the_office(season)
    if refusal:
        return refusal
    for index, number in enumerate(strike):
        row = season.rows.get(number)
        if row is None or row.placed is None:
            return "not on the proposed list"
        if row.struck or number in strike[:index]:
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
    if ("erase_personal_data", "") in season.settled:
        return "personal data are deleted"
    given = row.state == "awarded" or row.outcome == "completed"
    if not given and row.state != "final_reviewed":
        return "out_of_scope"
    on_notice = season.call in ("public_notice", "published", "closed")
    if not given and not (on_notice and at < season.date("close_public_notice")):
        return "late"
    if (grounds, local_day(at)) in row.objected:
        return "was entered already"
    if any(said == grounds for said, _ in row.objected):
        return "repeated"
    row.objections.append(grounds)
    row.objected.append((grounds, local_day(at)))
    return ""


def answer(season: SeasonModel, number: str, grounds: str, *, upheld: bool) -> str:
    row = season.rows[number]
    if grounds not in row.objections:
        return "state"
    row.objections.remove(grounds)
    if upheld and row.state == "final_reviewed":
        row.archive("objection_upheld")
    elif upheld and (row.state == "awarded" or row.outcome == "completed"):
        revoke(season, number)
    elif not upheld:
        clock.give_suspended(season, row)
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
