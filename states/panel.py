"""The panel: drawn from the eligible by the committed seed, assigned by affinity, replaced when one is lost."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.season import Season
from models import (
    Assignment,
    Call,
    Expert,
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
from states.pairing import eligible_numbers, make_pairs, season_conflicts
from states.pool import keeps_out
from states.record import canonical
from states.rules import conflicts as rules
from states.rules.affinity import ExpertProfile, SubmissionProfile, affinity
from states.rules.assignment import assign_with_certificate
from states.rules.assignment_certificate import Certificate
from states.rules.conflicts import Conflicts
from states.rules.draw import Candidate, Panel, commitment, draw_panel


@dataclass(frozen=True)
class AssignmentQuality:
    """How well the submissions are served and what no assignment within the limits exceeds, as decimals.

    `worst` is the affinity of the worst-served submission's experts together, `share` the smallest part of what
    its own best experts would give; the season's aim says which of the two was raised first (`level`). `total`
    is bounded among assignments that reach `level`. `proven`: both bounds are reached.
    """

    aim: str
    worst: str
    share: str
    total: str
    largest_total: str
    level: str
    level_at_most: str
    total_at_most: str
    proven: bool

    @classmethod
    def of(cls, found: Certificate) -> "AssignmentQuality":
        level = found.worst if found.level is None else found.level
        at_most = level if found.level_at_most is None else found.level_at_most
        return cls(
            aim=found.aim,
            worst=_decimal(found.worst),
            share=_decimal(found.worst_share),
            total=_decimal(found.total),
            largest_total=_decimal(found.largest_total),
            level=_decimal(level),
            level_at_most=_decimal(at_most),
            total_at_most=_decimal(found.total_at_most),
            proven=found.proven,
        )


def _decimal(figure: float) -> str:
    return f"{figure:.6f}"


@dataclass(frozen=True)
class Assigned:
    """The whole assignment of a round: experts by submission, in no order of merit."""

    experts: Mapping[str, tuple[str, ...]]
    quality: AssignmentQuality


def eligible_pool(session: Session, season: Season, at: datetime) -> list[Expert]:
    """Experts who may be drawn: still valid, and with this season's statement signed."""
    experts = session.scalars(select(Expert).order_by(Expert.id)).all()
    return [one for one in experts if not keeps_out(one, season, at)]


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
    """Assign every eligible submission to its experts, by the season's order of aims.

    Raises AssignmentInfeasible naming who and what limits. An assignment that could not be proven best is
    used all the same: the record says so, and by how much it may fall short.
    """
    numbers, experts = _to_review(session, season.year), seated(session, season.year)
    similarity = _similarity(session, season, numbers, experts)
    barred = season_conflicts(session, season, [*experts, *reserves(session, season.year)])
    per_paper = np.full(len(numbers), season.final_round.scores_per_submission)
    most = np.full(len(experts), season.final_round.submissions_per_expert)
    found = assign_with_certificate(
        similarity,
        per_paper,
        most,
        barred.matrix(numbers, [one.id for one in experts]),
        aim=season.final_round.assignment,
    )
    pairs = {
        number: tuple(sorted(experts[place].id for place in row if place >= 0))
        for number, row in zip(numbers, found.experts, strict=True)
    }
    make_pairs(session, season, pairs, at=at)
    assigned = Assigned(pairs, AssignmentQuality.of(found.certificate))
    ask = Ask("assign", actor, at, flow_run=flow_run, facts=lambda number: {"experts": list(pairs[number]), "round": 1})
    note_submissions(session, season.year, ask, Submission.number.in_(numbers))
    facts = {
        "assignment": hashlib.sha256(
            canonical({key: list(value) for key, value in pairs.items()}).encode()
        ).hexdigest(),
        "submissions": len(numbers),
        "experts": [one.id for one in experts],
        **asdict(assigned.quality),
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
    short = lacking_experts(session, season)
    if not short:
        return {}
    experts = seated(session, season.year) + reserves(session, season.year)
    numbers = sorted(short)
    similarity = _similarity(session, season, numbers, experts)
    barred = season_conflicts(session, season, experts)
    loads, taken = _loads(session, season.year), _assigned_pairs(session, season.year)
    on_reserve = {one.id for one in reserves(session, season.year)}
    added: dict[str, list[str]] = {}
    pairs: dict[str, list[str]] = {}
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
            loads[expert] = loads.get(expert, 0) + 1
            added.setdefault(expert, []).append(number)
            pairs.setdefault(number, []).append(expert)
    make_pairs(session, season, pairs, at=at)
    for number, chosen in pairs.items():
        for expert in chosen:
            _note_replacement(session, number, expert, actor=actor, at=at, flow_run=flow_run)
    return added


def assign_by_hand(
    session: Session, season: Season, number: str, expert: str, *, actor: Actor, at: datetime, reason: str
) -> None:
    """An officer gives a submission that lacks an expert one of their choice; a reserve takes a seat.

    Raises PairRefused where nobody may be paired – a conflict bars by hand as well – and DecisionRefused.
    """
    if not reason.strip():
        raise DecisionRefused(number, "a reason is needed")
    if number not in lacking_experts(session, season):
        raise DecisionRefused(number, "it lacks no expert; give one of them up first (replace_expert, recuse)")
    if (number, expert) in _assigned_pairs(session, season.year):
        raise DecisionRefused(number, f"{expert} has it, or had it before")
    _seat(session, season.year, expert, {one.id for one in reserves(session, season.year)})
    make_pairs(session, season, {number: (expert,)}, at=at)
    _note_replacement(session, number, expert, actor=actor, at=at, reason=reason)


def _note_replacement(
    session: Session, number: str, expert: str, *, actor: Actor, at: datetime, reason: str = "", flow_run: str = ""
) -> None:
    facts = {"expert": expert, "round": 1}
    note_submission(session, number, Ask("replace", actor, at, reason=reason, flow_run=flow_run, facts=lambda _: facts))


def give_up_seat(
    session: Session, year: int, expert: str, *, actor: Actor, at: datetime, reason: str, excused: bool = False
) -> int:
    """An expert leaves the panel; what they had not scored is lost to others. Returns how many.

    It counts as an absence unless they are excused: they said so in time and gave a reason.
    """
    seat = session.get(Seat, (year, expert), with_for_update=True)
    if seat is None or seat.state is SeatState.LEFT:
        raise DecisionRefused(expert, "nobody of this id has a seat on the panel")
    seat.state, seat.absent = SeatState.LEFT, not excused
    open_ones = session.scalars(
        select(Assignment).where(
            Assignment.season == year, Assignment.expert == expert, Assignment.state == AssignmentState.ACTIVE
        )
    ).all()
    for one in open_ones:
        one.state = AssignmentState.LOST
    session.flush()
    facts = {"expert": expert, "lost": sorted(one.number for one in open_ones), "excused": excused}
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
    return eligible_numbers(session, year, (SubmissionState.DISTRICT_REVIEWED,))


def _fields(session: Session, year: int) -> list[str]:
    return list(
        session.scalars(
            select(Submission.field)
            .where(Submission.number.in_(_to_review(session, year)))
            .distinct()
            .order_by(Submission.field)
        )
    )


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


def _barred_pairs(barred: Conflicts, numbers: Sequence[str]) -> list[tuple[str, str, tuple[rules.Finding, ...]]]:
    """Barred pairs one by one, without those experts who are barred from everything."""
    known = set(numbers)
    return [(*pair, found) for pair, found in sorted(barred.pairs.items()) if pair[0] in known]


def lacking_experts(session: Session, season: Season) -> dict[str, int]:
    """How many experts each submission that is still to be scored lacks; those that lack none are left out."""
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
