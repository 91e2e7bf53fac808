"""The end of scoring: enough scores, who was present, scores frozen, merits by the declared method."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config.season import Season
from models import Assignment, Score, Seat, Submission
from models.enums import AssignmentState, Role, SeatState, SubmissionState, Trigger
from models.queries import by_whom_assigned
from states.guard_facts import Ask
from states.history.canonical import call_subject, canonical
from states.history.read import latest_trigger
from states.history.seals import Seals
from states.machine import Act, Actor
from states.outstanding import scores_owed
from states.panel.pairs import eligible_numbers
from states.rules.ranking.votes import VoteDecision, decide
from states.rules.scoring import scores as rules
from states.rules.scoring.merits import Scoring, score_submissions
from states.transitions import Applied, apply_to_many, note_call

PANEL = Actor(Role.PANEL, "panel")


@dataclass(frozen=True)
class Frozen:
    """The scores of a round as counted: merits, the scores themselves, and their digest."""

    scoring: Scoring
    scores: tuple[rules.GivenScore, ...]
    digest: str


def short_of_scores(session: Session, season: Season) -> dict[str, int]:
    """Submissions that have fewer unconflicted scores than needed, and how many they have."""
    counted = dict.fromkeys(eligible_numbers(session, season.year, (SubmissionState.DISTRICT_REVIEWED,)), 0)
    for score in counted_scores(session, season.year):
        if score.submission in counted:
            counted[score.submission] += 1
    needed = season.final_round.scores_per_submission
    return {number: count for number, count in counted.items() if count < needed}


def presence(session: Session, season: Season) -> VoteDecision:
    """Whether the panel is quorate: present is who has scored everything that was asked of them."""
    seats = session.scalars(select(Seat.expert).where(Seat.season == season.year, Seat.state == SeatState.SEATED)).all()
    owing = scores_owed(session, season.year, 1)
    present = sum(expert not in owing for expert in seats)
    return decide(max(len(seats), 1), present, present, quorum=season.final_round.quorum)


def counted_scores(session: Session, year: int, round_number: int = 1) -> list[rules.GivenScore]:
    """The scores that count in a round: given by who is still assigned."""
    rows = session.execute(
        select(Score.number, Score.expert, Score.total)
        .join(Assignment, by_whom_assigned())
        .where(
            Assignment.season == year,
            Score.round == round_number,
            Assignment.state == AssignmentState.SCORED,
        )
        .order_by(Score.number, Score.expert)
    )
    return [rules.GivenScore(number, expert, total) for number, expert, total in rows]


def freeze_scores(session: Session, season: Season, act: Act) -> Applied:
    """Close scoring: every submission with enough scores is final reviewed, its merit recorded; absences are counted.

    Once: frozen scores do not thaw, and asked again it moves nothing.
    """
    if scores_are_frozen(session, season.year):
        return Applied((), {})
    frozen = frozen_scores(session, season)
    merits = frozen.scoring.merits
    ask = Ask(
        Trigger.RECORD_FINAL_REVIEW,
        act.by(PANEL),
        own=lambda number: {**merits[number].facts(), "method": frozen.scoring.method.value},
    )
    applied = apply_to_many(session, season.year, ask, Submission.state == SubmissionState.DISTRICT_REVIEWED)
    absent = _count_absences(session, season.year)
    facts = {"scores": frozen.digest, "count": len(frozen.scores), "absent": absent, "scoring": _model_facts(frozen)}
    note_call(session, season.year, Trigger.FREEZE_SCORES, act, facts=facts)
    return applied


def scores_are_frozen(session: Session, year: int, round_number: int = 1) -> bool:
    """Whether a round's scores are closed by the record, whatever a deadline says."""
    last = Trigger.FREEZE_SCORES if round_number == 1 else Trigger.FREEZE_RANKING
    return latest_trigger(session, call_subject(year), (last,)) == last


def frozen_scores(session: Session, season: Season) -> Frozen:
    """Merits from the first round's scores, by the season's declared method."""
    scores = counted_scores(session, season.year)
    hide = Seals(session, season.year).hide
    lines = sorted([score.submission, hide(score.expert), str(score.total)] for score in scores)
    digest = hashlib.sha256(canonical({"scores": lines}).encode()).hexdigest()
    return Frozen(score_submissions(scores, method=season.final_round.method), tuple(scores), digest)


def _count_absences(session: Session, year: int) -> list[str]:
    """Experts who still owe scores at the close, without having given up their seat."""
    owing = list(scores_owed(session, year, 1))
    session.execute(update(Seat).where(Seat.season == year, Seat.expert.in_(owing)).values(absent=True))
    return owing


def _model_facts(frozen: Frozen) -> dict[str, object]:
    facts = frozen.scoring.facts()
    return {key: facts[key] for key in ("method", "offsets", "variances")}
