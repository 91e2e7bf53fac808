"""The panel: drawn from the eligible by the committed seed, assigned by affinity, replaced when one is lost."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from config.season import Season, local_day
from config.units import all_units
from models import (
    Assignment,
    Call,
    Contributor,
    DeclaredConflict,
    Expert,
    Organisation,
    Recusal,
    Seat,
    Submission,
    SubmissionVersion,
)
from models.enums import AssignmentState, SeatState, SubmissionState
from models.forms import SubmissionForm
from states.cases import Ask
from states.door import note_call, note_submission, note_submissions
from states.machine import Actor
from states.office import DecisionRefused
from states.record import canonical
from states.rules import conflicts as rules
from states.rules.affinity import ExpertProfile, SubmissionProfile, affinity
from states.rules.assignment import assign
from states.rules.conflicts import Conflicts, Parties, Person, Reviewer, find_conflicts
from states.rules.draw import Candidate, Panel, commitment, draw_panel


@dataclass(frozen=True)
class Assigned:
    """The whole assignment of a round: experts by submission, in no order of merit."""

    experts: Mapping[str, tuple[str, ...]]
    worst: str
    total: str


def eligible_pool(session: Session, season: Season, at: datetime) -> list[Expert]:
    """Experts who may be drawn: still valid, and with this season's statement signed."""
    today, opened = local_day(at), local_day(season.dates.open_call)
    experts = session.scalars(select(Expert).order_by(Expert.id)).all()
    return [
        one
        for one in experts
        if (one.valid_until is None or one.valid_until >= today)
        and one.statement_on is not None
        and opened <= one.statement_on <= today
    ]


def season_conflicts(session: Session, season: Season, experts: Sequence[Expert]) -> Conflicts:
    """Every barred pair of the season's eligible submissions and these experts."""
    every = _parties(session, season.year)
    reviewed = set(_eligible(session, season.year, (SubmissionState.DISTRICT_REVIEWED, SubmissionState.FINAL_REVIEWED)))
    names = (
        {unit.code: (unit.name,) for unit in all_units().values()} if season.final_round.unit_staff_conflict else None
    )
    return find_conflicts(
        [one for one in every if one.submission in reviewed],
        [Reviewer(one.id, one.name, one.organisation, one.credit_code) for one in experts],
        also_submitted=[one for one in every if one.submission not in reviewed],
        declared=session.execute(
            select(DeclaredConflict.expert, DeclaredConflict.key).where(DeclaredConflict.season == season.year)
        ).all(),
        recused=session.execute(select(Recusal.expert, Recusal.number).where(Recusal.season == season.year)).all(),
        unit_names=names,
    )


def draw(session: Session, season: Season, *, actor: Actor, at: datetime, flow_run: str = "") -> Panel:
    """Draw the panel and reveal the seed. Raises PanelShortage. Call once: the seats are the record."""
    pool = eligible_pool(session, season, at)
    barred = season_conflicts(session, season, pool).everywhere
    candidates = [Candidate(one.id, tuple(one.fields.split("、"))) for one in pool if one.id not in barred]
    rules_of = season.final_round
    seats = dict.fromkeys(_fields(session, season.year), rules_of.panel_per_field)
    seed = bytes.fromhex(session.get_one(Call, season.year).draw_seed)
    size = max(rules_of.panel_size, sum(seats.values()))
    panel = draw_panel(seed=seed, pool=candidates, seats=seats, size=size, reserves=rules_of.reserves)
    signed = {one.id: one.statement_on for one in pool}
    for state, drawn in ((SeatState.SEATED, panel.seated), (SeatState.RESERVE, panel.reserves)):
        session.add_all(
            Seat(
                season=season.year,
                expert=one.expert,
                position=one.position,
                field=one.field,
                state=state,
                signed_on=signed[one.expert],
            )
            for one in drawn
        )
    session.flush()
    facts = {
        "seed": seed.hex(),
        "commitment": commitment(seed),
        "seats": seats,
        "size": size,
        "reserves": rules_of.reserves,
        "pool": [[one.id, list(one.fields)] for one in candidates],
        "panel": panel.facts(),
    }
    note_call(session, season.year, "draw_panel", actor=actor, at=at, facts=facts, flow_run=flow_run)
    return panel


def assign_panel(session: Session, season: Season, *, actor: Actor, at: datetime, flow_run: str = "") -> Assigned:
    """Assign every eligible submission to its experts. Raises AssignmentInfeasible naming who and what limits."""
    numbers, experts = _to_review(session, season.year), seated(session, season.year)
    similarity = _similarity(session, season, numbers, experts)
    barred = season_conflicts(session, season, experts)
    per_paper = np.full(len(numbers), season.final_round.scores_per_submission)
    most = np.full(len(experts), season.final_round.submissions_per_expert)
    chosen = assign(similarity, per_paper, most, barred.matrix(numbers, [one.id for one in experts]))
    pairs = {
        number: tuple(sorted(experts[place].id for place in row if place >= 0))
        for number, row in zip(numbers, chosen, strict=True)
    }
    _keep_assignments(session, season.year, pairs, 1, at)
    sums = [similarity[row, [place for place in chosen[row] if place >= 0]].sum() for row in range(len(numbers))]
    assigned = Assigned(pairs, f"{min(sums, default=0):.6f}", f"{sum(sums):.6f}")
    ask = Ask("assign", actor, at, flow_run=flow_run, facts=lambda number: {"experts": list(pairs[number]), "round": 1})
    note_submissions(session, season.year, ask, Submission.number.in_(numbers))
    facts = {
        "assignment": hashlib.sha256(
            canonical({key: list(value) for key, value in pairs.items()}).encode()
        ).hexdigest(),
        "submissions": len(numbers),
        "experts": [one.id for one in experts],
        "worst": assigned.worst,
        "total": assigned.total,
        "conflicts": [
            [one, two, [found.kind.value for found in why]] for one, two, why in _barred_pairs(barred, numbers)
        ],
    }
    note_call(session, season.year, "assign", actor=actor, at=at, facts=facts, flow_run=flow_run)
    return assigned


def replace_missing(
    session: Session, season: Season, *, actor: Actor, at: datetime, flow_run: str = ""
) -> dict[str, list[str]]:
    """Give each submission that lost an expert another one: unconflicted, least loaded, nearest. Numbers by expert.

    Reserves take a seat when nobody seated is left. A submission that nobody may take is left
    short; the closing names it.
    """
    short = _short(session, season)
    if not short:
        return {}
    experts = seated(session, season.year) + reserves(session, season.year)
    numbers = sorted(short)
    similarity = _similarity(session, season, numbers, experts)
    barred = season_conflicts(session, season, experts)
    loads, taken = _loads(session, season.year), _assigned_pairs(session, season.year)
    on_reserve = {one.id for one in reserves(session, season.year)}
    added: dict[str, list[str]] = {}
    for row, number in enumerate(numbers):
        order = sorted(
            range(len(experts)),
            key=lambda place: (
                experts[place].id in on_reserve,
                loads.get(experts[place].id, 0),
                -similarity[row, place],
                experts[place].id,
            ),
        )
        free = [
            experts[place].id
            for place in order
            if (number, experts[place].id) not in taken
            and not barred.forbids(number, experts[place].id)
            and loads.get(experts[place].id, 0) < season.final_round.submissions_per_expert
        ]
        for expert in free[: short[number]]:
            _seat(session, season.year, expert, on_reserve)
            _keep_assignments(session, season.year, {number: (expert,)}, 1, at)
            loads[expert] = loads.get(expert, 0) + 1
            added.setdefault(expert, []).append(number)
            facts = {"expert": expert, "round": 1}
            ask = Ask("replace", actor, at, flow_run=flow_run, facts=lambda _, facts=facts: facts)  # type: ignore[misc]
            note_submission(session, number, ask)
    return added


def give_up_seat(session: Session, year: int, expert: str, *, actor: Actor, at: datetime, reason: str) -> int:
    """An expert leaves the panel (or does not answer); what they had not scored is lost to others. Returns how many."""
    seat = session.get(Seat, (year, expert), with_for_update=True)
    if seat is None or seat.state is SeatState.LEFT:
        raise DecisionRefused(expert, "nobody of this id has a seat on the panel")
    seat.state, seat.absent = SeatState.LEFT, True
    open_ones = session.scalars(
        select(Assignment).where(
            Assignment.season == year, Assignment.expert == expert, Assignment.state == AssignmentState.ACTIVE
        )
    ).all()
    for one in open_ones:
        one.state = AssignmentState.LOST
    session.flush()
    facts = {"expert": expert, "lost": sorted(one.number for one in open_ones)}
    note_call(session, year, "give_up_seat", actor=actor, at=at, reason=reason, facts=facts)
    return len(open_ones)


def seated(session: Session, year: int) -> list[Expert]:
    """The experts on the panel, by id."""
    return _in_seats(session, year, SeatState.SEATED)


def reserves(session: Session, year: int) -> list[Expert]:
    return _in_seats(session, year, SeatState.RESERVE)


def _in_seats(session: Session, year: int, state: SeatState) -> list[Expert]:
    return list(
        session.scalars(
            select(Expert)
            .join(Seat, Seat.expert == Expert.id)
            .where(Seat.season == year, Seat.state == state)
            .order_by(Expert.id)
        )
    )


def _to_review(session: Session, year: int) -> list[str]:
    return _eligible(session, year, (SubmissionState.DISTRICT_REVIEWED,))


def _eligible(session: Session, year: int, states: Sequence[SubmissionState]) -> list[str]:
    return list(
        session.scalars(
            select(Submission.number)
            .where(
                Submission.season == year,
                Submission.state.in_(states),
                Submission.eligible_at.is_not(None),
            )
            .order_by(Submission.number)
        )
    )


def _fields(session: Session, year: int) -> list[str]:
    return list(
        session.scalars(
            select(Submission.field)
            .where(Submission.number.in_(_to_review(session, year)))
            .distinct()
            .order_by(Submission.field)
        )
    )


def _parties(session: Session, year: int) -> list[Parties]:
    organisations: dict[str, list[rules.Organisation]] = {}
    for one in session.scalars(
        select(Organisation).join(Submission, Submission.number == Organisation.number).where(Submission.season == year)
    ):
        organisations.setdefault(one.number, []).append(rules.Organisation(one.name, one.credit_code))
    people: dict[str, list[Person]] = {}
    for person in session.scalars(
        select(Contributor).join(Submission, Submission.number == Contributor.number).where(Submission.season == year)
    ):
        people.setdefault(person.number, []).append(Person(person.name, person.organisation))
    rows = session.execute(
        select(Submission.number, Submission.unit).where(Submission.season == year).order_by(Submission.number)
    )
    return [
        Parties(number, unit, tuple(organisations.get(number, ())), tuple(people.get(number, ())))
        for number, unit in rows
    ]


def _similarity(session: Session, season: Season, numbers: Sequence[str], experts: Sequence[Expert]) -> np.ndarray:
    rows = session.execute(
        select(Submission.number, Submission.field, Submission.category, SubmissionVersion.content)
        .join(
            SubmissionVersion,
            (SubmissionVersion.number == Submission.number) & (SubmissionVersion.version == Submission.version),
        )
        .where(Submission.season == season.year)
        .order_by(Submission.number)
    )
    wanted = set(numbers)
    submissions = [
        SubmissionProfile(number, field, category, _text(content))
        for number, field, category, content in rows
        if number in wanted
    ]
    profiles = [
        ExpertProfile(one.id, tuple(one.fields.split("、")), f"{one.title} {one.organisation} {one.fields}")
        for one in experts
    ]
    return affinity(submissions, profiles)


def _text(content: str) -> str:
    form = SubmissionForm.model_validate_json(content)
    return " ".join((form.title, form.abstract, form.innovation))


def _keep_assignments(
    session: Session, year: int, pairs: Mapping[str, Sequence[str]], round_number: int, at: datetime
) -> None:
    rows = [
        {
            "season": year,
            "number": number,
            "expert": expert,
            "round": round_number,
            "state": AssignmentState.ACTIVE,
            "assigned_at": at,
        }
        for number, experts in pairs.items()
        for expert in experts
    ]
    if rows:
        session.execute(insert(Assignment), rows)


def _barred_pairs(barred: Conflicts, numbers: Sequence[str]) -> list[tuple[str, str, tuple[rules.Finding, ...]]]:
    """Barred pairs one by one, without those experts who are barred from everything."""
    known = set(numbers)
    return [(*pair, found) for pair, found in sorted(barred.pairs.items()) if pair[0] in known]


def _short(session: Session, season: Season) -> dict[str, int]:
    """How many experts each submission lacks."""
    counts: dict[str, int] = dict(
        session.execute(
            select(Assignment.number, func.count())
            .where(
                Assignment.season == season.year,
                Assignment.round == 1,
                Assignment.state.in_((AssignmentState.ACTIVE, AssignmentState.SCORED)),
            )
            .group_by(Assignment.number)
        ).all()
    )
    needed = season.final_round.scores_per_submission
    return {
        number: needed - counts.get(number, 0)
        for number in _to_review(session, season.year)
        if counts.get(number, 0) < needed
    }


def _loads(session: Session, year: int) -> dict[str, int]:
    return dict(
        session.execute(
            select(Assignment.expert, func.count())
            .where(Assignment.season == year, Assignment.state.in_((AssignmentState.ACTIVE, AssignmentState.SCORED)))
            .group_by(Assignment.expert)
        ).all()
    )


def _assigned_pairs(session: Session, year: int) -> set[tuple[str, str]]:
    return set(
        session.execute(
            select(Assignment.number, Assignment.expert).where(Assignment.season == year, Assignment.round == 1)
        ).all()
    )


def _seat(session: Session, year: int, expert: str, on_reserve: set[str]) -> None:
    if expert in on_reserve:
        session.get_one(Seat, (year, expert)).state = SeatState.SEATED
        on_reserve.discard(expert)
        session.flush()
