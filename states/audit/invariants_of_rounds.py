"""Named invariants of a season's rounds: what was let in, judged, scored, ranked, objected to, and when."""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from config.milestones import Milestone
from config.season import Season
from models import (
    Assignment,
    Call,
    Contributor,
    Correction,
    DistrictVerdict,
    History,
    MilestoneDate,
    Objection,
    Organisation,
    Placing,
    Score,
    Submission,
)
from models.enums import (
    AssignmentState,
    CallState,
    CorrectionState,
    MilestoneState,
    ObjectionState,
    Outcome,
    SubmissionState,
    Tier,
    Trigger,
    Verdict,
)
from models.queries import planned_seasons, season_in_force
from states.audit.invariant import Invariant, Offenders, Query, breaking
from states.history.canonical import call_subject
from states.history.read import latest_entry
from states.rules.ranking.tiers import tier_sizes

S, C = SubmissionState, CallState
_STANDING = (AssignmentState.ACTIVE, AssignmentState.SCORED)
_OUT = (Outcome.WITHDRAWN, Outcome.INELIGIBLE)
_STATE_AFTER = {
    Milestone.OPEN_CALL: C.OPEN,
    Milestone.CLOSE_CALL: C.DISTRICT_REVIEW,
    Milestone.DRAW_PANEL: C.FINAL_REVIEW,
    Milestone.OPEN_PUBLIC_NOTICE: C.PUBLIC_NOTICE,
    Milestone.PUBLISH_RESULTS: C.PUBLISHED,
    Milestone.CLOSE_SEASON: C.CLOSED,
}
# The first state of the call in which a submission can stand so. Awards are given as the results go out.
_EARLIEST = {
    S.SUBMITTED: C.OPEN,
    S.DISTRICT_REVIEWED: C.OPEN,
    S.FINAL_REVIEWED: C.FINAL_REVIEW,
    S.AWARDED: C.PUBLIC_NOTICE,
}


def _been(*states: SubmissionState) -> ColumnElement[bool]:
    """Submissions that stand in one of these states, or were archived from it."""
    return or_(col(Submission.state).in_(states), col(Submission.archived_from).in_(states))


def _off_their_milestones(session: Session, _: Path | None) -> Offenders:
    done = select(MilestoneDate.season, MilestoneDate.milestone).where(
        MilestoneDate.state == MilestoneState.DONE, MilestoneDate.unit == ""
    )
    settled = {tuple(row) for row in session.execute(done)}
    for season, state in session.execute(select(Call.season, Call.state).order_by(Call.season)):
        reached = [after for step, after in _STATE_AFTER.items() if (season, step.value) in settled]
        expected = reached[-1] if reached else C.PLANNED
        if state is not expected:
            yield season, state.value, f"not {expected.value}"


def _ahead_of_their_call(session: Session, _: Path | None) -> Offenders:
    order = list(C)
    query = (
        select(Submission.number, Submission.state, Submission.archived_from, Call.state)
        .join(Call, col(Call.season) == Submission.season)
        .order_by(Submission.number)
    )
    for number, state, origin, call in session.execute(query):
        if order.index(call) < order.index(_EARLIEST[origin or state]):
            yield number, (origin or state).value, call.value


def _twins() -> Query:
    other = aliased(Submission)
    live = [col(one.outcome).is_(None) | col(one.outcome).not_in(_OUT) for one in (Submission, other)]
    query: Query = select(Submission.number, other.number).join(
        # With the personal data deleted, a submission has no fingerprint any more.
        other,
        (other.fingerprint == Submission.fingerprint) & (Submission.fingerprint != ""),
    )
    return query.where(Submission.number < other.number, *live)


def _too_many_people(session: Session, _: Path | None) -> Offenders:
    for year in planned_seasons(session):
        call = season_in_force(session, year).call
        for table, most in ((Contributor, call.max_contributors), (Organisation, call.max_organisations)):
            query = select(table.number, func.count()).join(Submission, Submission.number == table.number)
            crowded = query.where(Submission.season == year).group_by(table.number).having(func.count() > most)
            for number, count in session.execute(crowded):
                yield number, table.__tablename__, count


def _verdicts_beside() -> Query:
    query = select(Submission.number).outerjoin(DistrictVerdict, col(DistrictVerdict.number) == Submission.number)
    reviewed = _been(S.DISTRICT_REVIEWED, S.FINAL_REVIEWED, S.AWARDED)
    return query.where(reviewed != col(DistrictVerdict.number).is_not(None))


def _short_of_scores(session: Session, _: Path | None) -> Offenders:
    scored = (
        select(func.count())
        .where(
            Assignment.number == Submission.number,
            Assignment.round == 1,
            Assignment.state == AssignmentState.SCORED,
        )
        .correlate(Submission)
        .scalar_subquery()
    )
    for year in planned_seasons(session):
        needed = season_in_force(session, year).final_round.scores_per_submission
        query = select(Submission.number, scored).where(Submission.season == year, _been(S.FINAL_REVIEWED, S.AWARDED))
        yield from (tuple(row) for row in session.execute(query.where(scored < needed)))


def _wrong_sums(session: Session, _: Path | None) -> Offenders:
    for year in planned_seasons(session):
        maxima = {one.key: one.maximum for one in season_in_force(session, year).final_round.rubric}
        query = select(Score.number, Score.expert, Score.round, Score.points, Score.total).join(
            Submission, col(Submission.number) == Score.number
        )
        for *key, text, total in session.execute(query.where(Submission.season == year)):
            points = {name: Decimal(value) for name, value in json.loads(text).items()}
            within = points.keys() == maxima.keys() and all(0 <= points[name] <= maxima[name] for name in maxima)
            if not within or sum(points.values()) != total:
                yield tuple(key)


def _thawed(session: Session, _: Path | None) -> Offenders:
    """First-round scores received after the record says that they were frozen; rankings of scores never frozen."""
    for year in planned_seasons(session):
        frozen_at = latest_entry(session, call_subject(year), Trigger.FREEZE_SCORES)[0]
        of_season = (Score.round == 1, col(Score.number).startswith(f"{year}-"))
        if frozen_at:
            late = col(Score.received_at) > datetime.fromisoformat(frozen_at)
            for row in session.execute(select(Score.number, Score.expert).where(*of_season, late)):
                yield tuple(row)
        elif _is_ranked(session, year):
            yield year, "ranked before the scores were frozen"


def _is_ranked(session: Session, year: int) -> bool:
    subject = History.subject == call_subject(year)
    return (
        session.scalar(select(History.sequence).where(subject, History.trigger == Trigger.FREEZE_RANKING)) is not None
    )


def _gaps_in_rankings() -> Select[tuple[int]]:
    query = select(Placing.season).group_by(col(Placing.season))
    uneven = or_(
        func.min(Placing.position) != 1,
        func.max(Placing.position) != func.count(),
        func.count(col(Placing.position).distinct()) != func.count(),
    )
    return query.having(uneven)


def _too_many_prizes(session: Session, _: Path | None) -> Offenders:
    query = select(Placing.season, Placing.tier, func.count()).where(col(Placing.tier).is_not(None))
    counts = session.execute(query.group_by(col(Placing.season), col(Placing.tier)).order_by(Placing.season))
    for year, group in groupby(counts, key=lambda row: row.season):
        sizes = _sizes(season_in_force(session, year))
        yield from ((year, tier.value, count) for _, tier, count in group if count > sizes[tier])


def _sizes(season: Season) -> dict[Tier, int]:
    tiers = season.final_round.tiers
    ratios = tiers.ratios if tiers.sizes is None else None
    return {one.tier: one.size for one in tier_sizes(sizes=tiers.sizes, prizes=tiers.prizes, ratios=ratios)}


def _overloaded(session: Session, _: Path | None) -> Iterator[tuple[object, ...]]:
    for year in planned_seasons(session):
        most = season_in_force(session, year).final_round.submissions_per_expert
        standing = (Assignment.season == year, Assignment.round == 1, col(Assignment.state).in_(_STANDING))
        query = select(Assignment.expert, func.count()).where(*standing).group_by(col(Assignment.expert))
        for expert, count in session.execute(query.having(func.count() > most)):
            yield year, expert, count


_ANSWERED = (Objection.answered_at.is_not(None)) & (Objection.officer != "") & (Objection.answer != "")
_JUDGING = (C.OPEN, C.DISTRICT_REVIEW)

OF_ROUNDS: tuple[Invariant, ...] = (
    Invariant("call_follows_milestones", "A call stands where its settled milestones say.", _off_their_milestones),
    Invariant("none_ahead_of_its_call", "No submission is further than its call allows.", _ahead_of_their_call),
    Invariant("no_achievement_twice", "No achievement stands twice, except for what is out.", breaking(_twins())),
    Invariant(
        "contributors_within_limits",
        "No submission has more contributors or organisations than the season allows.",
        _too_many_people,
    ),
    Invariant(
        "verdict_exactly_when_reviewed",
        "What a district has reviewed has its verdict, and nothing else has one.",
        breaking(_verdicts_beside()),
    ),
    Invariant(
        "correction_settled_with_instant",
        "A correction has an instant of settling exactly when it is settled.",
        breaking(
            select(Correction.number).where(
                (Correction.state == CorrectionState.OUTSTANDING) != col(Correction.settled_at).is_(None)
            )
        ),
    ),
    Invariant(
        "corrections_end_with_the_check",
        "Once the panel is drawn, no submission that stands is out for correction.",
        breaking(
            select(Correction.number)
            .join(Submission, col(Submission.number) == Correction.number)
            .join(Call, col(Call.season) == Submission.season)
            .where(
                Correction.state == CorrectionState.OUTSTANDING,
                Submission.state != S.ARCHIVED,
                col(Call.state).not_in(_JUDGING),
            )
        ),
    ),
    Invariant(
        "assigned_only_when_eligible",
        "What experts have to review has passed the eligibility check.",
        breaking(
            select(Assignment.number, Assignment.expert, Assignment.round)
            .join(Submission, col(Submission.number) == Assignment.number)
            .where(col(Assignment.state).in_(_STANDING), col(Submission.eligible_at).is_(None))
        ),
    ),
    Invariant(
        "eligible_only_when_recommended",
        "What has passed the eligibility check is recommended by its district.",
        breaking(
            select(Submission.number)
            .join(DistrictVerdict, col(DistrictVerdict.number) == Submission.number)
            .where(col(Submission.eligible_at).is_not(None), DistrictVerdict.verdict != Verdict.RECOMMENDED)
        ),
    ),
    Invariant("no_expert_overloaded", "No expert has more submissions than the season allows.", _overloaded),
    Invariant(
        "scores_add_up", "A score is the sum of its points, one for each criterion and none beyond it.", _wrong_sums
    ),
    Invariant("enough_scores", "What was final reviewed has as many scores as are needed.", _short_of_scores),
    Invariant(
        "scores_frozen_before_ranking", "Scores are frozen before they are ranked, and none comes after.", _thawed
    ),
    Invariant(
        "ranking_without_gap", "The places of a ranking are 1, 2, 3 without a gap.", breaking(_gaps_in_rankings())
    ),
    Invariant("prizes_within_tiers", "No tier has more prizes than the season gives it.", _too_many_prizes),
    Invariant(
        "objection_answered_by_a_person",
        "An objection is open, or a named officer has answered it with reasons.",
        breaking(select(Objection.number, Objection.id).where((Objection.state == ObjectionState.OPEN) == _ANSWERED)),
    ),
)
