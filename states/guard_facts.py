"""Loads the facts that guards look at: the same query for one submission and for a whole round."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from models import Assignment, Call, Correction, DistrictVerdict, MilestoneDate, Objection, Placing, Score, Submission
from models.enums import (
    OPEN_OBJECTIONS,
    AssignmentState,
    CallState,
    Cause,
    CorrectionState,
    MilestoneState,
    Outcome,
    SubmissionState,
    Tier,
    Trigger,
)
from models.queries import by_whom_assigned, milestone_rows, season_in_force
from states.machine import Act
from states.rules.calendar.timetable import Dated, Deadlines
from states.rules.ranking.tiers import beyond
from states.submission import Case


@dataclass(frozen=True)
class Ask:
    """What is asked of every submission of one step. The record adds the same `facts` of all, and `own` of each by number."""

    trigger: Trigger
    act: Act
    reason: str = ""
    cause: Cause | None = None
    outcome: Outcome | None = None
    tier: Tier | None = None
    arrived_at: datetime | None = None
    admitted: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    own: Callable[[str], Mapping[str, Any]] | None = None

    @property
    def said(self) -> str:
        """The reason as recorded: somebody's words, else what the cause is called."""
        return self.reason or (self.cause.label if self.cause else "")


@dataclass(frozen=True)
class SeasonFacts:
    """What all submissions of a season share at one instant; `prizes` that stand, by tier, where a guard asks for them."""

    season: Season
    call_state: CallState
    deadlines: Deadlines
    check_closed: bool
    notice_over: bool
    prizes: Mapping[Tier, int] = field(default_factory=dict)


class CaseGroup(NamedTuple):
    """Submissions of equal facts: the one case of all of them, and of each (number, sequence, hash of the latest entry)."""

    case: Case
    members: list[tuple[str, int, str]]


def deadline_of(session: Session, year: int, milestone: Milestone, unit: str = "") -> datetime:
    """When a milestone falls for a unit. Raises LookupError when the season has no such date."""
    return load_season_facts(session, year).deadlines.required(milestone, unit)


def load_season_facts(session: Session, year: int) -> SeasonFacts:
    """The season's rules, state and dates. Raises SeasonNotPlanned."""
    season = season_in_force(session, year)
    rows = milestone_rows(session, year)
    state = session.execute(select(Call.state).where(Call.season == year)).scalar_one()
    check_closed, notice_over = (
        _is_over(rows, milestone) for milestone in (Milestone.CLOSE_ELIGIBILITY, Milestone.CLOSE_PUBLIC_NOTICE)
    )
    return SeasonFacts(season, state, deadlines_of(rows), check_closed, notice_over)


def deadlines_of(rows: Sequence[MilestoneDate]) -> Deadlines:
    return Deadlines.of(dated(rows))


def dated(rows: Sequence[MilestoneDate]) -> list[Dated]:
    """Milestone rows as the pure rules read them."""
    return [
        Dated(Milestone(row.milestone), row.ordinal, row.unit, row.due_at, row.state is not MilestoneState.PENDING)
        for row in rows
    ]


def _is_over(rows: Sequence[MilestoneDate], milestone: Milestone) -> bool:
    return any(row.milestone == milestone and row.state is MilestoneState.DONE for row in rows)


# What a trigger's guards look at beyond the submission's own row, as (name, column).
def _correction() -> ColumnElement[Any]:
    return (
        select(func.count())
        .where(Correction.number == Submission.number, Correction.state == CorrectionState.OUTSTANDING)
        .correlate(Submission)
        .scalar_subquery()
        .label("corrections")
    )


def _objections() -> ColumnElement[Any]:
    return (
        select(func.count())
        .where(Objection.number == Submission.number, Objection.state.in_(OPEN_OBJECTIONS))
        .correlate(Submission)
        .scalar_subquery()
        .label("objections")
    )


def _scores() -> ColumnElement[Any]:
    return (
        select(func.count())
        .select_from(Score)
        .join(Assignment, by_whom_assigned())
        .where(
            Score.number == Submission.number,
            Score.round == 1,
            Assignment.state == AssignmentState.SCORED,
        )
        .correlate(Submission)
        .scalar_subquery()
        .label("scores")
    )


def _with_verdict(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    joined = query.outerjoin(DistrictVerdict, DistrictVerdict.number == Submission.number)
    return joined.add_columns(Submission.unit, DistrictVerdict.verdict)


def _with_standing(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    eligible = Submission.eligible_at.is_not(None).label("eligible")
    return query.add_columns(eligible, DistrictVerdict.rank.label("district_rank"))


def _with_placing(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    joined = query.outerjoin(Placing, (Placing.number == Submission.number) & Placing.approved)
    return joined.add_columns(Placing.tier.label("approved_tier"), Placing.notice_until)


def _with_listed(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query.outerjoin(Placing, Placing.number == Submission.number).add_columns(Placing.tier.label("listed_tier"))


_EXTRAS: dict[str, Callable[[Select[*tuple[Any, ...]]], Select[*tuple[Any, ...]]]] = {
    Trigger.RECORD_DISTRICT_REVIEW: lambda query: _with_verdict(query.add_columns(_correction())),
    Trigger.RECORD_FINAL_REVIEW: lambda query: _with_standing(
        _with_verdict(query.add_columns(_correction(), _scores()))
    ),
    Trigger.AWARD: lambda query: _with_placing(query.add_columns(_objections())),
    Trigger.CHANGE_TIER: _with_placing,
    Trigger.REINSTATE: _with_listed,
}


def _as_it_is(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query


def load_cases(session: Session, season_facts: SeasonFacts, ask: Ask, *where: ColumnElement[bool]) -> list[CaseGroup]:
    """The submissions of a season that meet the conditions, grouped by what decides about them, each group by number."""
    query: Select[*tuple[Any, ...]] = select(
        Submission.number,
        Submission.sequence,
        Submission.head,
        Submission.state,
        Submission.archived_from,
        Submission.outcome,
        Submission.tier,
    ).where(Submission.season == season_facts.season.year, *where)
    query = _EXTRAS.get(ask.trigger, _as_it_is)(query).order_by(Submission.number)
    if session.get_bind().dialect.name == "postgresql":
        query = query.with_for_update(of=Submission)
    if ask.trigger in _TAKING_PLACES:
        season_facts = replace(season_facts, prizes=prizes_standing(session, season_facts.season.year))
    groups: dict[tuple[Any, ...], CaseGroup] = {}
    for row in session.execute(query):
        decisive = row[_DECISIVE:]
        group = groups.get(decisive)
        if group is None:
            group = groups[decisive] = CaseGroup(_case(row, season_facts, ask), [])
        # Plain tuples of plain values: of a hundred thousand, the garbage collector need not look at one.
        group.members.append((row[0], row[1], row[2]))
    return list(groups.values())


# From this column on, a row holds what decides; before it, which submission it is.
_DECISIVE = 3


def _case(row: Any, season_facts: SeasonFacts, ask: Ask) -> Case:
    told = row._mapping
    own = {
        "at": ask.act.at,
        "role": ask.act.actor.role,
        "state": told["state"],
        "archived_from": told["archived_from"],
        "previous_outcome": told["outcome"],
        "previous_tier": told["tier"],
        "call_state": season_facts.call_state,
        "reason": ask.reason,
        "outcome": ask.outcome,
        "tier": ask.tier,
    }
    extra = _FACTS.get(ask.trigger)
    if extra:
        own |= extra(told, season_facts, ask)
    return Case(**own)


def _district_facts(row: Any, season_facts: SeasonFacts, ask: Ask) -> dict[str, Any]:
    return {
        "correction_outstanding": row["corrections"] > 0,
        "verdict": row["verdict"],
        "district_scored": row["verdict"] is not None,
        "arrived_at": ask.arrived_at,
        "admitted": ask.admitted,
        "district_deadline": season_facts.deadlines.at(Milestone.CLOSE_DISTRICT_ROUND, row["unit"]),
        "check_closed": season_facts.check_closed,
    }


def _final_facts(row: Any, season_facts: SeasonFacts, ask: Ask) -> dict[str, Any]:
    rank = row["district_rank"]
    return {
        "correction_outstanding": row["corrections"] > 0,
        "verdict": row["verdict"],
        "within_quota": rank is not None and rank <= season_facts.season.quota_of(row["unit"]),
        "eligible": bool(row["eligible"]),
        "scores": row["scores"],
        "scores_needed": season_facts.season.final_round.scores_per_submission,
    }


def _award_facts(row: Any, season_facts: SeasonFacts, ask: Ask) -> dict[str, Any]:
    # Awards are given tier by tier as approved; a caller may not ask for another.
    # Who moved up into a freed place has had a notice of its own.
    own_notice_over = row["notice_until"] is None or ask.act.at > row["notice_until"]
    return {
        "notice_over": season_facts.notice_over and own_notice_over,
        "objections_open": row["objections"],
        "approved_tier": row["approved_tier"],
        "tier": ask.tier or row["approved_tier"],
    }


def _tier_facts(row: Any, season_facts: SeasonFacts, ask: Ask) -> dict[str, Any]:
    return {"approved_tier": row["approved_tier"], **_place(season_facts, row, row["approved_tier"], ask.tier)}


def _place(season_facts: SeasonFacts, row: Any, left: Tier | None, taken: Tier | None) -> dict[str, Any]:
    """Whether the prizes that stand leave a place for one that leaves a tier and takes another."""
    stands = row["state"] is not SubmissionState.ARCHIVED or row["outcome"] is Outcome.COMPLETED
    prizes = Counter(season_facts.prizes)
    if stands and left:
        prizes[left] -= 1
    if taken:
        prizes[taken] += 1
    tiers = season_facts.season.final_round.tiers
    before = beyond(tiers, season_facts.prizes)
    worse = (found for found in beyond(tiers, prizes).items() if found[1] > before.get(found[0], 0))
    return {"too_many": next(worse, None)}


_FACTS: dict[str, Callable[[Any, SeasonFacts, Ask], dict[str, Any]]] = {
    Trigger.RECORD_DISTRICT_REVIEW: _district_facts,
    Trigger.RECORD_FINAL_REVIEW: _final_facts,
    Trigger.AWARD: _award_facts,
    Trigger.CHANGE_TIER: _tier_facts,
    Trigger.REINSTATE: lambda row, season_facts, _: _place(season_facts, row, None, row["listed_tier"]),
}
_TAKING_PLACES = (Trigger.CHANGE_TIER, Trigger.REINSTATE)
_STANDING = (Submission.state != SubmissionState.ARCHIVED) | (Submission.outcome == Outcome.COMPLETED)


def prizes_standing(session: Session, year: int) -> Counter[Tier]:
    """How many prizes of the list stand, by tier."""
    query = select(Placing.tier, func.count()).join(Submission, Submission.number == Placing.number)
    query = query.where(Placing.season == year, Placing.tier.is_not(None), _STANDING).group_by(Placing.tier)
    return Counter({tier: prizes for tier, prizes in session.execute(query) if tier})
