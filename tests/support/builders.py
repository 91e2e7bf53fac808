"""Builders for what a test is given: seasons, submissions in any state, experts.

What is cheap goes through the transitions; later states are written as consistent rows with a real
chain of history, so that verification and the invariants hold on everything built here.
"""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season, load_season
from config.season_parts import Votes
from models import Assignment, Call, DistrictVerdict, Expert, Placing, Publication, Score, Seat, Submission
from models.enums import (
    OUTCOMES,
    AssignmentState,
    CallState,
    Carrier,
    Category,
    MilestoneState,
    Outcome,
    Role,
    SeatState,
    SubmissionState,
    Tier,
    Verdict,
)
from models.forms import ContactForm, ContributorForm, OrganisationForm, SubmissionForm
from models.queries import milestone_rows, season_in_force
from states.call import CALL, CallCase
from states.history import canonical
from states.machine import Act, Actor
from states.rules.names import name_key
from states.submissions.delivery import Admitted, Delivered
from states.submissions.identity import Incoming
from states.submissions.intake import take_submissions
from states.timeline import plan_season
from states.transitions import move_call
from tests.support.entries import Entry, Link, append, chain

OFFICE = Actor(Role.OFFICE, "示例·王主任")
SYSTEM = Actor(Role.SYSTEM, "tests")
PANEL = Actor(Role.PANEL, "示例评审委员会")
UNIT = "500103"
ADMITTED = Admitted(OFFICE, "示例：邮路中断")

_REACHED_BY = {
    CallState.PLANNED: None,
    CallState.OPEN: Milestone.OPEN_CALL,
    CallState.DISTRICT_REVIEW: Milestone.CLOSE_CALL,
    CallState.FINAL_REVIEW: Milestone.DRAW_PANEL,
    CallState.PUBLIC_NOTICE: Milestone.OPEN_PUBLIC_NOTICE,
    CallState.PUBLISHED: Milestone.PUBLISH_RESULTS,
    CallState.CLOSED: Milestone.CLOSE_SEASON,
}
_WAY = (
    SubmissionState.SUBMITTED,
    SubmissionState.DISTRICT_REVIEWED,
    SubmissionState.FINAL_REVIEWED,
    SubmissionState.AWARDED,
)


@lru_cache
def season_rules(year: int = 2026) -> Season:
    """The season file that is shipped, moved to another year."""
    shipped = load_season(2026)
    dates = {name: _in_year(instant, year) for name, instant in shipped.dates.given()}
    changes = {"year": year, "covered_years": (year - 1,), "dates": shipped.dates.model_copy(update=dates)}
    return shipped.model_copy(update=changes)


def with_votes(season: Season, *, tiers: tuple[str, ...] = ("first",), secret: bool = False) -> Season:
    """The same season with the panel voting on the prizes of some tiers."""
    final_round = season.final_round.model_copy(update={"votes": Votes(tiers=tiers, secret=secret)})
    closes_at = season.dates.close_re_review + timedelta(days=4)
    dates = season.dates.model_copy(update={"close_votes": closes_at})
    return season.model_copy(update={"final_round": final_round, "dates": dates})


def a_season(
    session: Session, year: int = 2026, state: CallState = CallState.OPEN, *, rules: Season | None = None
) -> Season:
    """A season planned and brought to a state by transitions; the milestones before are settled."""
    season = rules or season_rules(year)
    plan_season(session, season, Act(OFFICE, season.dates.open_call - timedelta(days=30)))
    for edge in CALL.edges:
        current = session.get_one(Call, year).state
        if current is state:
            break
        if edge.source is current:
            at = getattr(season.dates, str(_REACHED_BY[CallState(edge.target)]))
            case = CallCase(year, at, Role.SYSTEM, current, due_at=at, approved=True, notice_over=True)
            move_call(session, year, edge.trigger, Act(SYSTEM, at), case=case)
    _settle_milestones(session, season, state)
    return season


def a_form(title: str = "示例小发明", **changes: Any) -> SubmissionForm:
    """A complete form of fictitious people; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "title": title,
        "category": Category.INVENTION,
        "carrier": Carrier.INDIVIDUAL,
        "field": season_rules().fields[0],
        "abstract": "示例摘要",
        "innovation": "示例创新点",
        "practicality": "示例实用性",
        "benefit_economic": Decimal("12.5"),
        "spread": "示例推广性",
        "completed_on": date(season_rules().covered_years[0], 6, 1),
        "organisations": (OrganisationForm(name=f"示例单位{title}"),),
        "contributors": (ContributorForm(name=f"示例·{title}", organisation=f"示例单位{title}", consent=True),),
        "contact": ContactForm(name="示例·联系人", phone="00000000000", mail="contact@example.invalid"),
        "text_consent": True,
    }
    return SubmissionForm(**{**fields, **changes})


def a_submission(
    session: Session,
    state: SubmissionState = SubmissionState.SUBMITTED,
    unit: str = UNIT,
    *,
    year: int = 2026,
    tier: Tier = Tier.THIRD,
    outcome: Outcome | None = None,
    form: SubmissionForm | None = None,
) -> str:
    """A submission brought to a state, with everything that its way leaves behind. Returns its number.

    Archived with an outcome, it comes from the last state from which that outcome is possible
    (completed when none is given). The season's call must have opened.
    """
    season = season_in_force(session, year)
    number = _taken_in(session, season, unit, form)
    if state is SubmissionState.ARCHIVED and outcome is None:
        outcome = Outcome.COMPLETED
    origin = OUTCOMES[outcome][0][-1] if outcome else state
    for step in _WAY[1 : min(_WAY.index(origin), 2) + 1]:
        _STEPS[step](session, season, number)
    if origin is SubmissionState.AWARDED:
        _award(session, season, number, tier)
    if outcome:
        at = season.dates.archive
        advance(
            session,
            number,
            "archive",
            SubmissionState.ARCHIVED,
            OFFICE,
            at,
            {"outcome": outcome.value},
            archived_from=origin,
            outcome=outcome,
        )
    return number


def an_expert(session: Session, ordinal: int = 1, **changes: Any) -> str:
    """An expert of the pool, made when missing. Returns the id."""
    identity = f"E{ordinal:04d}"
    if session.get(Expert, identity) is None:
        name, organisation = f"示例·专家{ordinal}", f"示例研究院{ordinal}"
        fields = {
            "name": name,
            "name_key": name_key(name),
            "organisation": organisation,
            "organisation_key": name_key(organisation),
            "fields": "、".join(season_rules().fields),
            "mail": f"expert-{ordinal}@example.invalid",
        }
        session.add(Expert(id=identity, **{**fields, **changes}))
        session.flush()
    return identity


def a_seat(session: Session, season: Season, ordinal: int = 1) -> str:
    """An expert on a season's panel who has signed, made when missing. Returns the expert's id."""
    expert = an_expert(session, ordinal)
    if session.get(Seat, (season.year, expert)) is None:
        session.add(
            Seat(
                season=season.year,
                expert=expert,
                position=ordinal,
                field=season.fields[0],
                state=SeatState.SEATED,
                signed_on=season.dates.draw_panel.date(),
            )
        )
        session.flush()
    return expert


def advance(
    session: Session,
    number: str,
    trigger: str,
    to: SubmissionState,
    actor: Actor,
    at: datetime,
    facts: Mapping[str, Any] | None = None,
    *,
    reason: str = "",
    **columns: Any,
) -> None:
    """One step of a submission without its guards: the row's state and a real link of the chain."""
    row = session.get_one(Submission, number, populate_existing=True)
    at = after_roots(session, row.season, at)
    entry = Entry(
        canonical.submission_subject(number),
        row.season,
        at,
        str(actor),
        trigger,
        row.state.value,
        to.value,
        reason,
        canonical.canonical(facts or {}),
        "",
    )
    written, link = chain(entry, Link(row.sequence, row.head))
    append(session, [written])
    for name, value in {**columns, "state": to, "sequence": link.sequence, "head": link.head}.items():
        setattr(row, name, value)
    session.flush()


def after_roots(session: Session, year: int, at: datetime) -> datetime:
    """The instant, or that of the newest root: what is written now is dated no earlier than what was published."""
    newest = session.scalar(select(func.max(Publication.published_at)).where(Publication.season == year))
    return max(at, newest) if newest else at


def _taken_in(session: Session, season: Season, unit: str, form: SubmissionForm | None) -> str:
    at = after_roots(session, season.year, season.dates.open_call + timedelta(hours=1))
    known = session.scalar(select(func.count()).where(Submission.season == season.year)) or 0
    completed_on = date(season.covered_years[0], 6, 1)
    form = form or a_form(f"示例项目{season.year}第{known + 1}号", completed_on=completed_on)
    delivered = Delivered(
        season=season.year,
        unit=unit,
        digest=hashlib.sha256(form.title.encode()).hexdigest(),
        arrived_at=at,
        act=Act(Actor(Role.DISTRICT, unit), at),
        admission=ADMITTED,
    )
    call = session.get_one(Call, season.year, populate_existing=True)
    state, call.state = call.state, CallState.OPEN  # it came in time, whenever a test thinks of it
    taken = take_submissions(session, delivered, [Incoming(1, form)])
    call.state = state
    session.flush()
    assert not taken.refused, taken.refused
    return taken.accepted[1]


def _district_reviewed(session: Session, season: Season, number: str) -> None:
    at = season.dates.close_call + timedelta(days=1)
    row = session.get_one(Submission, number)
    before = (
        select(func.count())
        .select_from(DistrictVerdict)
        .join(Submission)
        .where(Submission.season == season.year, Submission.unit == row.unit)
    )
    rank = (session.scalar(before) or 0) + 1
    points = {criterion.key: str(criterion.maximum) for criterion in season.rubric_of(row.unit)}
    session.add(
        DistrictVerdict(
            number=number,
            verdict=Verdict.RECOMMENDED,
            points=canonical.canonical(points),
            total=Decimal(100),
            rank=rank,
            received_at=at,
            delivery="0" * 64,
        )
    )
    facts = {
        "verdict": "recommended",
        "total": "100",
        "rank": rank,
        "points": points,
        "quota": season.quota_of(row.unit),
        "delivery": "0" * 64,
    }
    advance(
        session,
        number,
        "record_district_review",
        SubmissionState.DISTRICT_REVIEWED,
        Actor(Role.DISTRICT, row.unit),
        at,
        facts,
    )


def _final_reviewed(session: Session, season: Season, number: str) -> None:
    at = season.dates.close_final_round
    checked_at = season.dates.check_eligibility
    advance(
        session,
        number,
        "pass_eligibility",
        SubmissionState.DISTRICT_REVIEWED,
        OFFICE,
        checked_at,
        eligible_at=checked_at,
    )
    points = {criterion.key: str(criterion.maximum) for criterion in season.final_round.rubric}
    for ordinal in range(1, season.final_round.scores_per_submission + 1):
        expert = a_seat(session, season, ordinal)
        session.add(
            Assignment(
                season=season.year,
                number=number,
                expert=expert,
                state=AssignmentState.SCORED,
                assigned_at=season.dates.draw_panel,
            )
        )
        session.add(
            Score(
                number=number,
                expert=expert,
                points=canonical.canonical(points),
                total=Decimal(100),
                received_at=at,
                delivery="0" * 64,
            )
        )
    advance(session, number, "record_final_review", SubmissionState.FINAL_REVIEWED, PANEL, at)


def _award(session: Session, season: Season, number: str, tier: Tier) -> None:
    rank = (session.scalar(select(func.count()).where(Placing.season == season.year)) or 0) + 1
    full = Decimal(100)
    session.add(
        Placing(
            number=number,
            season=season.year,
            position=rank,
            rank=rank,
            merit=full,
            raw_mean=full,
            low=full,
            high=full,
            scores=season.final_round.scores_per_submission,
            spread=Decimal(0),
            tier=tier,
            approved=True,
        )
    )
    advance(
        session,
        number,
        "award",
        SubmissionState.AWARDED,
        OFFICE,
        season.dates.publish_results,
        {"tier": tier.value},
        tier=tier,
    )


_STEPS = {
    SubmissionState.DISTRICT_REVIEWED: _district_reviewed,
    SubmissionState.FINAL_REVIEWED: _final_reviewed,
}


def _settle_milestones(session: Session, season: Season, state: CallState) -> None:
    last = _REACHED_BY[state]
    if last is None:
        return
    order = list(Milestone)
    for row in milestone_rows(session, season.year):
        step = Milestone(row.milestone)
        if order.index(step) <= order.index(last):
            row.state = MilestoneState.SKIPPED if step.is_reminder else MilestoneState.DONE
            row.settled_at = row.due_at
    session.flush()


def _in_year(instant: datetime, year: int) -> datetime:
    return instant.replace(year=instant.year + year - 2026)
