"""The district round: a unit's verdicts, their places, and its quota."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from models import Correction, DistrictVerdict, Submission
from models.enums import Category, CorrectionState, Outcome, SubmissionState, Trigger, Verdict
from models.forms import VerdictForm
from models.queries import lock_call
from states.district_round.late_verdicts import bring_back, comes_back, let_fall, void_check
from states.guard_facts import Ask, SeasonFacts, load_season_facts
from states.history.seals import Seals
from states.machine import Refusal, TransitionRefused
from states.submission import Case, district_round_is_open
from states.submissions.delivery import Delivered, Taken
from states.transitions import apply_to_many, note_submissions


@dataclass
class VerdictsTaken(Taken):
    """After the round's close verdicts move submissions at once: `back` again, `out` by not being recommended."""

    back: tuple[str, ...] = ()
    out: tuple[str, ...] = ()


class _Own(NamedTuple):
    """A submission of the unit: where it stands, and what it counts against."""

    state: SubmissionState
    category: str
    outcome: Outcome | None


def take_verdicts(
    session: Session,
    delivered: Delivered,
    rows: Sequence[tuple[int, VerdictForm]],
    faulty: Sequence[tuple[int, VerdictForm]] = (),
) -> VerdictsTaken:
    """Record a unit's verdicts; more recommended than the quota allows refuses all recommendations at once.

    `faulty`: rows that come back anyway; what would speak against them otherwise is told at once.
    """
    lock_call(session, delivered.season)  # no round or check closes between the look and the deed
    season_facts = load_season_facts(session, delivered.season)
    late = round_is_over(season_facts, delivered)
    if late is not None:
        return VerdictsTaken.refusing((position for position, _ in (*rows, *faulty)), late)
    own = _own_submissions(session, delivered)
    refused = _not_to_be_judged(session, delivered, rows, own)
    todo = [(position, form) for position, form in rows if position not in refused]
    refused |= _over_quota(session, season_facts, delivered, todo, own)
    kept = [(position, form) for position, form in todo if position not in refused]
    refused |= _not_to_be_judged(session, delivered, faulty, own)
    left = [(position, form) for position, form in faulty if position not in refused]
    beyond = _over_quota(session, season_facts, delivered, [*kept, *left], own)
    refused |= {position: beyond[position] for position, _ in left if position in beyond}
    back, out = _take(session, season_facts, delivered, [form for _, form in kept])
    return VerdictsTaken({position: form.number for position, form in kept}, refused, back=back, out=out)


def _take(
    session: Session, season_facts: SeasonFacts, delivered: Delivered, forms: Sequence[VerdictForm]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Verdicts that nothing speaks against; which submissions come back by them, and which fall out."""
    judged = {form.number for form in forms}
    rejected = {form.number for form in forms if form.verdict is Verdict.NOT_RECOMMENDED}
    back = bring_back(session, delivered, judged)
    ranks = _ranks(session, delivered, forms)
    _record(session, season_facts, delivered, forms, ranks)
    _shift(session, delivered, judged, ranks)
    void_check(session, rejected)
    out = let_fall(session, delivered, rejected)
    return tuple(number for number in back if number not in rejected), out


def total_of(points: Mapping[str, Decimal]) -> Decimal:
    """The sum of a rubric's points."""
    return sum(points.values(), Decimal(0))


def _own_submissions(session: Session, delivered: Delivered) -> dict[str, _Own]:
    rows = session.execute(
        select(Submission.number, Submission.state, Submission.category, Submission.outcome).where(
            Submission.season == delivered.season, Submission.unit == delivered.unit
        )
    )
    return {number: _Own(state, category, outcome) for number, state, category, outcome in rows}


def _not_to_be_judged(
    session: Session, delivered: Delivered, rows: Sequence[tuple[int, VerdictForm]], own: Mapping[str, _Own]
) -> dict[int, Refusal]:
    """What is out for correction, another's or archived; but what fell out comes back by an admitted verdict."""
    refused = _in_correction(session, rows)
    for position, form in rows:
        outcome = own[form.number].outcome if form.number in own else None
        misplaced = _misplaced(form, own)
        if misplaced is not None and (position in refused or not comes_back(delivered, outcome, form.verdict)):
            refused[position] = misplaced
    return refused


def _misplaced(form: VerdictForm, own: Mapping[str, _Own]) -> Refusal | None:
    if form.number not in own:
        return Refusal(
            "unknown_number",
            f"the unit has no submission {form.number}",
            f"本单位没有编号为“{form.number}”的申报",
            "number",
        )
    state = own[form.number].state
    if state in (SubmissionState.SUBMITTED, SubmissionState.DISTRICT_REVIEWED):
        return None
    return Refusal("state", f"it is {state}", f"编号 {form.number} 当前为“{state.label}”，不能再填写初评结果", "number")


def _over_quota(
    session: Session,
    season_facts: SeasonFacts,
    delivered: Delivered,
    rows: Sequence[tuple[int, VerdictForm]],
    own: Mapping[str, _Own],
) -> dict[int, Refusal]:
    before = _recommended(session, delivered)
    replaced = {form.number for _, form in rows}
    wanted = (before - replaced) | {form.number for _, form in rows if form.verdict is Verdict.RECOMMENDED}
    problem = _quota_problem(season_facts.season, delivered.unit, wanted, own)
    if problem is None:
        return {}
    return {position: problem for position, form in rows if form.verdict is Verdict.RECOMMENDED}


def _quota_problem(season: Season, unit: str, wanted: set[str], own: Mapping[str, _Own]) -> Refusal | None:
    quota = season.quota_of(unit)
    if len(wanted) > quota:
        return Refusal(
            "over_quota",
            f"{len(wanted)} recommended, the quota is {quota}",
            f"本单位推荐名额为{quota}项，连同已接收的共推荐了{len(wanted)}项；"
            f"请从中选定不超过{quota}项填“推荐”，其余填“不推荐”，改好后整表重新报送",
            about="verdict",
        )
    by_category = Counter(own[number].category for number in wanted)
    for category, most in season.district_round.quota_by_category.items():
        if by_category[category] > most:
            return Refusal(
                "over_quota",
                f"{by_category[category]} of {category} recommended, the quota is {most}",
                f"“{Category(category).label}”推荐名额为{most}项，共推荐了{by_category[category]}项；"
                f"请从中选定不超过{most}项填“推荐”，其余填“不推荐”，改好后整表重新报送",
                about="verdict",
            )
    return None


def _recommended(session: Session, delivered: Delivered) -> set[str]:
    rows = session.scalars(
        select(DistrictVerdict.number)
        .join(Submission, Submission.number == DistrictVerdict.number)
        .where(
            Submission.season == delivered.season,
            Submission.unit == delivered.unit,
            Submission.state != SubmissionState.ARCHIVED,
            DistrictVerdict.verdict == Verdict.RECOMMENDED,
        )
    )
    return set(rows)


def _ranks(session: Session, delivered: Delivered, forms: Sequence[VerdictForm]) -> dict[str, int]:
    """Places within the unit: as given, then by points; never the same place twice."""
    recommended = [form for form in forms if form.verdict is Verdict.RECOMMENDED]
    kept = _recommended(session, delivered) - {form.number for form in forms}
    verdicts = [session.get_one(DistrictVerdict, number) for number in kept]
    entries = [(form.rank or 10_000, -total_of(form.points), form.number) for form in recommended]
    entries += [(verdict.rank or 10_000, -verdict.total, verdict.number) for verdict in verdicts]
    return {number: position for position, (_, _, number) in enumerate(sorted(entries), start=1)}


def _shift(session: Session, delivered: Delivered, judged: Collection[str], ranks: Mapping[str, int]) -> None:
    """Others of the unit move down or up by what was delivered: a place decides, so the record has it."""
    shifted: dict[str, int] = {}
    for number in ranks.keys() - set(judged):
        verdict = session.get_one(DistrictVerdict, number)
        if verdict.rank != ranks[number]:
            verdict.rank = shifted[number] = ranks[number]
    session.flush()
    if shifted:
        ask = Ask(
            Trigger.SHIFT_RANK,
            delivered.act,
            own=lambda number: {"rank": shifted[number], **delivered.facts},
        )
        note_submissions(session, delivered.season, ask, Submission.number.in_(shifted))


def _record(
    session: Session,
    season_facts: SeasonFacts,
    delivered: Delivered,
    forms: Sequence[VerdictForm],
    ranks: Mapping[str, int],
) -> None:
    """Keep verdicts and move their submissions together."""
    before = {
        row.number: row
        for row in session.scalars(
            select(DistrictVerdict).where(DistrictVerdict.number.in_([form.number for form in forms]))
        )
    }
    facts = {
        form.number: _keep(session, season_facts, delivered, form, before.get(form.number), ranks) for form in forms
    }
    session.flush()
    ask = Ask(
        Trigger.RECORD_DISTRICT_REVIEW,
        delivered.act,
        arrived_at=delivered.arrived_at,
        admitted=delivered.admitted,
        own=facts.__getitem__,
    )
    mine = Submission.number.in_(facts)
    again = list(session.scalars(select(Submission.number).where(mine, Submission.state == _REVIEWED)))
    applied = apply_to_many(session, delivered.season, ask, mine, Submission.state == SubmissionState.SUBMITTED)
    for number, refusal in applied.refused.items():
        # The guards looked at the same facts before; a refusal here is a rule that this module does not know.
        raise TransitionRefused(number, ask.trigger, SubmissionState.SUBMITTED, refusal)
    if again:
        note_submissions(
            session, delivered.season, replace(ask, trigger=Trigger.AMEND_VERDICT), Submission.number.in_(again)
        )


def _in_correction(session: Session, rows: Sequence[tuple[int, VerdictForm]]) -> dict[int, Refusal]:
    correcting = set(
        session.scalars(
            select(Correction.number).where(
                Correction.number.in_([form.number for _, form in rows]),
                Correction.state == CorrectionState.OUTSTANDING,
            )
        )
    )
    return {position: _IN_CORRECTION for position, form in rows if form.number in correcting}


def round_is_over(season_facts: SeasonFacts, delivered: Delivered) -> Refusal | None:
    """Why a unit's delivery comes too late for the district round, or None."""
    case = Case(
        delivered.act.at,
        delivered.act.actor.role,
        call_state=season_facts.call_state,
        arrived_at=delivered.arrived_at,
        admitted=delivered.admitted,
        district_deadline=season_facts.deadlines.at(Milestone.CLOSE_DISTRICT_ROUND, delivered.unit),
        check_closed=season_facts.check_closed,
    )
    return district_round_is_open(case)


def _keep(
    session: Session,
    season_facts: SeasonFacts,
    delivered: Delivered,
    form: VerdictForm,
    row: DistrictVerdict | None,
    ranks: Mapping[str, int],
) -> dict[str, Any]:
    points = {key: str(value) for key, value in sorted(form.points.items())}
    if row is None:
        row = DistrictVerdict(
            number=form.number,
            verdict=form.verdict,
            points="",
            total=total_of(form.points),
            received_at=delivered.act.at,
            delivery=delivered.digest,
        )
        session.add(row)
    row.verdict, row.points, row.total = form.verdict, json.dumps(points), total_of(form.points)
    row.rank = ranks.get(form.number) if form.verdict is Verdict.RECOMMENDED else None
    row.comment, row.received_at, row.delivery = form.comment, delivered.act.at, delivered.digest
    return {
        "verdict": form.verdict.value,
        "total": str(row.total),
        "rank": row.rank,
        "points": points,
        "quota": season_facts.season.quota_of(delivered.unit),
        **Seals(session, delivered.season).sealed("district_verdict", form.number, form.comment),
        **delivered.facts,
    }


_REVIEWED = SubmissionState.DISTRICT_REVIEWED
_IN_CORRECTION = Refusal(
    "correction_outstanding", "a correction is outstanding", "该申报处于退回补正中，补正后方可初评"
)
