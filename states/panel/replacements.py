"""Who is lost to the panel is replaced: by the next unconflicted expert, or by one an officer names."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.season import Season
from models import Assignment, Seat
from models.enums import AssignmentState, SeatState, Trigger
from states.guard_facts import Ask
from states.machine import Act
from states.officers import DecisionRefused, require_reason
from states.panel.draw import reserves, seated, similarity_of, to_review
from states.panel.pairs import make_pairs, season_conflicts
from states.transitions import note_call, note_submission


def replace_missing(session: Session, season: Season, act: Act) -> dict[str, list[str]]:
    """Give each submission that lost an expert another one: unconflicted, least loaded, nearest. Numbers by expert.

    Reserves take a seat when nobody seated is left. A submission that nobody may take is left
    short; the closing names it.
    """
    short = lacking_experts(session, season)
    if not short:
        return {}
    on_bench = reserves(session, season.year)
    experts = seated(session, season.year) + on_bench
    numbers, on_reserve = sorted(short), {expert.id for expert in on_bench}
    similarity = similarity_of(session, season, numbers, experts)
    barred = season_conflicts(session, season, experts)
    loads, taken = _loads(session, season.year), _assigned_pairs(session, season.year)
    most = season.final_round.submissions_per_expert
    pairs: dict[str, list[str]] = {}
    for row, number in enumerate(numbers):
        distances = zip(-similarity[row], (expert.id for expert in experts), strict=True)
        free = [
            (expert in on_reserve, loads.get(expert, 0), distance, expert)
            for distance, expert in distances
            if (number, expert) not in taken and not barred.forbids(number, expert) and loads.get(expert, 0) < most
        ]
        for *_, expert in sorted(free)[: short[number]]:
            _seat(session, season.year, expert, on_reserve)
            loads[expert] = loads.get(expert, 0) + 1
            pairs.setdefault(number, []).append(expert)
    make_pairs(session, season, pairs, at=act.at)
    added: dict[str, list[str]] = {}
    for number, chosen in pairs.items():
        for expert in chosen:
            added.setdefault(expert, []).append(number)
            _note_replacement(session, number, expert, act)
    return added


def assign_by_hand(session: Session, season: Season, number: str, expert: str, act: Act, *, reason: str) -> None:
    """An officer gives a submission that lacks an expert one of their choice; a reserve takes a seat.

    Raises PairRefused where nobody may be paired – a conflict bars by hand as well – and DecisionRefused.
    """
    require_reason(number, reason)
    if number not in lacking_experts(session, season):
        raise DecisionRefused(
            number,
            "it lacks no expert; give one of them up first (replace_expert, recuse)",
            f"{number}不缺专家；请先办理回避或者评委退出",
        )
    if (number, expert) in _assigned_pairs(session, season.year):
        raise DecisionRefused(number, f"{expert} has it, or had it before", f"{expert}正在评审或者评审过{number}")
    _seat(session, season.year, expert, {reserve.id for reserve in reserves(session, season.year)})
    make_pairs(session, season, {number: (expert,)}, at=act.at)
    _note_replacement(session, number, expert, act, reason=reason)


def give_up_seat(session: Session, year: int, expert: str, act: Act, *, reason: str, excused: bool = False) -> int:
    """An expert leaves the panel; what they had not scored is lost to others. Returns how many.

    It counts as an absence unless they are excused: they said so in time and gave a reason.
    """
    seat = session.get(Seat, (year, expert), with_for_update=True)
    if seat is None or seat.state is SeatState.LEFT:
        raise DecisionRefused(expert, "nobody of this id has a seat on the panel", f"{expert}不是本年度评委")
    seat.state, seat.absent = SeatState.LEFT, not excused
    open_ones = session.scalars(
        select(Assignment).where(
            Assignment.season == year, Assignment.expert == expert, Assignment.state == AssignmentState.ACTIVE
        )
    ).all()
    for assignment in open_ones:
        assignment.state = AssignmentState.LOST
    session.flush()
    facts = {"expert": expert, "lost": sorted(assignment.number for assignment in open_ones), "excused": excused}
    note_call(session, year, Trigger.GIVE_UP_SEAT, act, reason=reason, facts=facts)
    return len(open_ones)


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
        for number in to_review(session, season.year)
        if counts.get(number, 0) < needed
    }


def _note_replacement(session: Session, number: str, expert: str, act: Act, *, reason: str = "") -> None:
    facts = {"expert": expert, "round": 1}
    note_submission(session, number, Ask(Trigger.REPLACE, act, reason=reason, facts=facts))


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
