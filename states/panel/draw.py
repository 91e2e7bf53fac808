"""The panel: drawn from the eligible by the committed seed, and assigned by affinity."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.season import Season
from models import (
    Call,
    Expert,
    Seat,
    Submission,
    SubmissionVersion,
)
from models.enums import SeatState, SubmissionState, Trigger
from models.forms import SubmissionForm
from models.queries import lock_call, version_in_force
from states.guard_facts import Ask
from states.history.canonical import call_subject, canonical
from states.history.read import latest_facts
from states.history.seals import Seals
from states.history.verify_history import MILLIONTHS
from states.machine import Act
from states.officers import DecisionRefused
from states.panel.pairs import eligible_numbers, make_pairs, season_conflicts
from states.panel.pool import bound_pool, keeps_out
from states.rules.assignment import (
    AssignmentInfeasible,
    BestAssignment,
    OptimalityCertificate,
    assign_with_certificate,
    written,
)
from states.rules.reviewers import conflicts as rules
from states.rules.reviewers.affinity import ExpertProfile, SubmissionProfile, affinity
from states.rules.reviewers.conflicts import Conflicts
from states.rules.reviewers.draw import Candidate, Panel, commitment, draw_panel, mark_of, pool_digest, seed_with
from states.transitions import note_call, note_submissions


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
    def of(cls, found: OptimalityCertificate) -> "AssignmentQuality":
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
class RoundAssignment:
    """The whole assignment of a round: experts by submission, in no order of merit."""

    experts: Mapping[str, tuple[str, ...]]
    quality: AssignmentQuality


class PanelTooSmall(GangchuangError):
    """The panel cannot review what is to be reviewed: too few places, or too many conflicts. Names both sides."""

    def __init__(self, season: Season, numbers: Sequence[str], experts: Sequence[str], why: AssignmentInfeasible):
        self.numbers = tuple(numbers[row] for row in why.submissions)
        self.experts = tuple(experts[column] for column in why.experts)
        limits = season.final_round
        super().__init__(
            f"{why.told(numbers, experts)} Limits of the season: "
            f"final_round.scores_per_submission = {limits.scores_per_submission}, "
            f"submissions_per_expert = {limits.submissions_per_expert}, panel_size = {limits.panel_size}, "
            f"panel_per_field = {limits.panel_per_field}."
        )


def eligible_pool(session: Session, season: Season, at: datetime) -> list[Expert]:
    """Experts who may be drawn: still valid, and with this season's statement signed."""
    experts = session.scalars(select(Expert).order_by(Expert.id)).all()
    return [expert for expert in experts if not keeps_out(expert, season, at)]


def commit_draw(session: Session, year: int, act: Act, *, secret: Callable[[], bytes]) -> str:
    """Record the hashes of the draw's seed and of the key of marks, once; the seed's own hash.

    `secret` keeps 64 bytes outside the database and gives them; it is asked when nothing is committed to yet.
    """
    lock_call(session, year)
    known = latest_facts(session, call_subject(year), Trigger.COMMIT_DRAW)
    if known:
        return str(known["commitment"])
    seed, key = secret()[:32], secret()[32:]
    facts = {"commitment": commitment(seed), "marks": commitment(key)}
    note_call(session, year, Trigger.COMMIT_DRAW, act, facts=facts)
    return facts["commitment"]


class SecretLost(GangchuangError):
    def __init__(self, year: int) -> None:
        super().__init__(
            f"The secret of the draw of {year} (keys/draw-{year}.key) is not the one committed to at the opening. "
            "Restore it from a backup: without it nobody can draw as was promised."
        )


def ready_to_draw(session: Session, season: Season, act: Act, secret: bytes) -> str:
    """Freeze the pool, and say what the draw still waits for; empty when nothing.

    A pool that changed since is frozen again, and public numbers of before count no more.
    """
    if session.get_one(Call, season.year).draw_seed:
        return ""
    _check_secret(session, season, secret)
    candidates, subject = _candidates(session, season, act, secret), call_subject(season.year)
    frozen, named = pool_digest(candidates), season.final_round.public_randomness
    if latest_facts(session, subject, Trigger.FREEZE_POOL).get("pool") != frozen:
        bound = bound_pool(session, season.year)
        facts = {"pool": frozen, "experts": len(candidates), "public": named, **bound}
        note_call(session, season.year, Trigger.FREEZE_POOL, act, facts=facts)
    if not named or _public(session, season):
        return ""
    return f"the pool is frozen ({frozen[:16]}…); an officer has now to enter what comes out: {named}"


def enter_randomness(session: Session, season: Season, act: Act, value: str, *, reason: str) -> None:
    """Keep the public numbers that the season named, once, after the pool was frozen. Raises DecisionRefused."""
    subject, digits = call_subject(season.year), "".join(value.split())
    frozen = latest_facts(session, subject, Trigger.FREEZE_POOL).get("pool")
    problem = (
        "the season names no public numbers"
        if not season.final_round.public_randomness
        else "the pool is not frozen yet"
        if frozen is None
        else "they were entered already"
        if _public(session, season)
        else "say the numbers, and as reason where they were published"
        if not digits or not reason.strip()
        else ""
    )
    if problem:
        raise DecisionRefused("public numbers", problem, "公开随机数现在不能录入，或者写法不对")
    facts = {"public": digits, "pool": frozen, "named": season.final_round.public_randomness}
    note_call(session, season.year, Trigger.ENTER_RANDOMNESS, act, reason=reason, facts=facts)


def _check_secret(session: Session, season: Season, secret: bytes) -> None:
    promised = latest_facts(session, call_subject(season.year), Trigger.COMMIT_DRAW)
    parts = (secret[:32], secret[32:])
    if len(secret) != 64 or tuple(map(commitment, parts)) != (promised.get("commitment"), promised.get("marks")):
        raise SecretLost(season.year)


def _public(session: Session, season: Season) -> str:
    """The public numbers entered for the pool as it was frozen last; empty when there are none."""
    subject = call_subject(season.year)
    entered = latest_facts(session, subject, Trigger.ENTER_RANDOMNESS)
    fits = entered.get("pool") == latest_facts(session, subject, Trigger.FREEZE_POOL).get("pool")
    return str(entered.get("public", "")) if fits else ""


def _candidates(session: Session, season: Season, act: Act, secret: bytes) -> list[Candidate]:
    """Who may be drawn, by their marks; without a secret (a season opened by an earlier version), by their ids."""
    pool = eligible_pool(session, season, act.at)
    barred = season_conflicts(session, season, pool).everywhere
    key = secret[32:]
    marked = (
        (expert, mark_of(key, str(season.year), expert.name_key, expert.organisation_key) if key else "")
        for expert in pool
    )
    found = [
        Candidate(expert.id, tuple(expert.fields.split("、")), mark)
        for expert, mark in marked
        if expert.id not in barred
    ]
    return sorted(found, key=lambda candidate: candidate.mark or candidate.id)


def draw(session: Session, season: Season, act: Act, secret: bytes = b"") -> Panel:
    """Draw the panel and reveal the seed. Raises PanelShortage, SecretLost. Call once: the seats are the record.

    `secret` is what was committed to at the opening; seasons opened by earlier versions have their seed in the call.
    """
    call = session.get_one(Call, season.year)
    kept, secret = call.draw_seed, b"" if call.draw_seed else secret
    seed = bytes.fromhex(kept) if kept else secret[:32]
    if not kept:
        _check_secret(session, season, secret)
    candidates, public = _candidates(session, season, act, secret), _public(session, season) if secret else ""
    rules_of = season.final_round
    seats = dict.fromkeys(_fields(session, season.year), rules_of.panel_per_field)
    size = max(rules_of.panel_size, sum(seats.values()))
    drawing = seed_with(seed, public)
    panel = draw_panel(seed=drawing, pool=candidates, seats=seats, size=size, reserves=rules_of.reserves)
    call.draw_seed = seed.hex()
    experts = session.scalars(select(Expert).where(Expert.id.in_([candidate.id for candidate in candidates])))
    signed = {expert.id: expert.statement_on for expert in experts}
    for state, drawn in ((SeatState.SEATED, panel.seated), (SeatState.RESERVE, panel.reserves)):
        session.add_all(
            Seat(
                season=season.year,
                expert=seat.expert,
                position=seat.position,
                field=seat.field,
                state=state,
                signed_on=signed[seat.expert],
            )
            for seat in drawn
        )
    session.flush()
    facts = {
        "seed": seed.hex(),
        "commitment": commitment(seed),
        "seats": seats,
        "size": size,
        "reserves": rules_of.reserves,
        "signed": {seat.expert: f"{signed[seat.expert]}" for seat in (*panel.seated, *panel.reserves)},
        "pool": [
            [candidate.id, list(candidate.fields), candidate.mark][: 3 if secret else 2] for candidate in candidates
        ],
        **({"public": public} if secret else {}),
        "panel": panel.facts(),
    }
    note_call(session, season.year, Trigger.DRAW_PANEL, act, facts=facts)
    return panel


def assign_panel(session: Session, season: Season, act: Act) -> RoundAssignment:
    """Assign every eligible submission to its experts, by the season's order of aims.

    Raises PanelTooSmall naming who and what limits. An assignment that could not be proven best is
    used all the same: the record says so, and by how much it may fall short.
    """
    hide = Seals(session, season.year).hide
    # In the order of the record's aliases: the order of ids would tell whose they are.
    numbers, experts = (
        to_review(session, season.year),
        sorted(seated(session, season.year), key=lambda expert: hide(expert.id)),
    )
    barred = season_conflicts(session, season, [*experts, *reserves(session, season.year)])
    near = similarity_of(session, season, numbers, experts)
    found, proof = _best(season, numbers, [expert.id for expert in experts], near, barred)
    pairs = {
        number: tuple(sorted(experts[index].id for index in row if index >= 0))
        for number, row in zip(numbers, found.experts, strict=True)
    }
    make_pairs(session, season, pairs, at=act.at)
    assigned = RoundAssignment(pairs, AssignmentQuality.of(found.certificate))
    # Whole millionths, in the order of the call's list of experts: with the prices they prove the assignment.
    rows = dict(zip(numbers, np.rint(near * MILLIONTHS).astype(int).tolist(), strict=True))
    ask = Ask(
        Trigger.ASSIGN,
        act,
        own=lambda number: {"experts": list(pairs[number]), "round": 1, "affinities": rows[number]},
    )
    note_submissions(session, season.year, ask, Submission.number.in_(numbers))
    facts = {
        "assignment": hashlib.sha256(canonical(hide(pairs)).encode()).hexdigest(),
        "submissions": len(numbers),
        "experts": [expert.id for expert in experts],
        **asdict(assigned.quality),
        "certificate": proof,
        "conflicts": [
            [number, expert, [kind.value for kind in why]]
            for number, expert, why in sorted(_barred_pairs(barred, numbers), key=lambda pair: (pair[0], hide(pair[1])))
        ],
    }
    note_call(session, season.year, Trigger.ASSIGN, act, facts=facts)
    return assigned


def _best(
    season: Season, numbers: Sequence[str], experts: Sequence[str], similarity: np.ndarray, barred: Conflicts
) -> tuple[BestAssignment, dict[str, Any]]:
    """The assignment, and its certificate for the record."""
    rules_of = season.final_round
    limits: dict[str, Any] = {
        "similarity": similarity,
        "per_paper": np.full(len(numbers), rules_of.scores_per_submission),
        "max_load": np.full(len(experts), rules_of.submissions_per_expert),
        "conflicts": barred.matrix(numbers, experts),
    }
    try:
        found = assign_with_certificate(**limits, aim=rules_of.assignment)
        return found, written(found.certificate, numbers, **limits)
    except AssignmentInfeasible as why:
        raise PanelTooSmall(season, numbers, experts, why) from why


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


def to_review(session: Session, year: int) -> list[str]:
    return eligible_numbers(session, year, (SubmissionState.DISTRICT_REVIEWED,))


def _fields(session: Session, year: int) -> list[str]:
    return list(
        session.scalars(
            select(Submission.field)
            .where(Submission.number.in_(to_review(session, year)))
            .distinct()
            .order_by(Submission.field)
        )
    )


def similarity_of(session: Session, season: Season, numbers: Sequence[str], experts: Sequence[Expert]) -> np.ndarray:
    rows = session.execute(
        select(Submission.number, Submission.field, Submission.category, SubmissionVersion.content)
        .join(SubmissionVersion, version_in_force())
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
        ExpertProfile(
            expert.id, tuple(expert.fields.split("、")), f"{expert.title} {expert.organisation} {expert.fields}"
        )
        for expert in experts
    ]
    return affinity(submissions, profiles)


def _text(content: str) -> str:
    form = SubmissionForm.model_validate_json(content)
    return " ".join((form.title, form.abstract, form.innovation))


def _barred_pairs(barred: Conflicts, numbers: Sequence[str]) -> list[tuple[str, str, tuple[rules.ConflictKind, ...]]]:
    """Barred pairs one by one, without those experts who are barred from everything."""
    known = set(numbers)
    return [(*pair, found) for pair, found in sorted(barred.pairs.items()) if pair[0] in known]
