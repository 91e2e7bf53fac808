"""Where a season stands, as plain values: what `gangchuang status` shows and `--json` prints."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from config.errors import GangchuangError
from config.milestones import Milestone
from config.season import Season, load_season
from config.units import all_units
from flows.cli.installation import Installation, local
from flows.home import paths
from flows.intake.inbox import lying, strays, unfinished
from models import Delivery, Duplicate, Expert, Message, Objection, Submission
from models.enums import (
    CallState,
    DeliveryState,
    DuplicateDecision,
    MessageState,
    MilestoneState,
    ObjectionState,
)
from models.queries import (
    call_state,
    counts_by_outcome,
    counts_by_state,
    milestone_rows,
    outstanding_corrections,
    season_in_force,
)
from states.final_round.approval import is_proposed, list_digest, votes_are_open, waits_for_approval
from states.guard_facts import dated
from states.outstanding import debtors
from states.rules.calendar.timetable import due, next_dates
from states.troubles import troubles

_REFUSED_SHOWN = 5


def collect_facts(session: Session, here: Installation, year: int) -> dict[str, object]:
    """Everything the screen shows of one season, as plain values."""
    rules = season_in_force(session, year)
    rows = milestone_rows(session, year)
    every = dated(rows)
    overdue = {
        (due_date.dated.milestone, due_date.dated.ordinal, due_date.dated.unit) for due_date in due(every, here.at)
    }
    return {
        "season": year,
        "title": rules.title,
        "state": call_state(session, year).value,
        "state_label": call_state(session, year).label,
        "now": local(here.at),
        "submissions": {state.value: count for state, count in sorted(counts_by_state(session, year).items())},
        "outcomes": {outcome.value: count for outcome, count in sorted(counts_by_outcome(session, year).items())},
        "settled": sum(row.state is not MilestoneState.PENDING for row in rows),
        "milestones": len(rows),
        "due_now": [f"{milestone.value} {ordinal} {unit}".strip() for milestone, ordinal, unit in sorted(overdue)],
        "next": [
            {
                "at": local(date.due_at),
                "milestone": date.milestone.value,
                "label": date.milestone.label,
                "unit": date.unit,
            }
            for date in next_dates(every, here.at)[:5]
        ],
        "not_delivered": _not_delivered(session, rules),
        "waits_for_a_person": [*_waits(session, year), *_misplaced(session, here)],
        "messages": _messages(session, year),
        "troubles": [
            {"level": trouble.level.name.lower(), "sentence": trouble.sentence}
            for trouble in troubles(session, here.at, [year])
        ],
        "season_file": _file_note(here, year, rules),
    }


def _not_delivered(session: Session, season: Season) -> list[str]:
    """Who owes something for the round that is open: units, experts and who has still to vote."""
    state = call_state(session, season.year)
    if state is CallState.OPEN:
        return [debtor.name for debtor in debtors(session, season, Milestone.CLOSE_CALL)]
    if state is CallState.DISTRICT_REVIEW:
        owing = debtors(session, season, Milestone.CLOSE_DISTRICT_ROUND)
        return [f"{unit.name} ({unit.items} without verdict)" for unit in owing]
    if state is not CallState.FINAL_REVIEW:
        return []
    rounds = (Milestone.CLOSE_FINAL_ROUND, Milestone.CLOSE_RE_REVIEW)
    found = [
        f"{expert.name} ({expert.code}: {expert.items} score(s)"
        + (", nothing delivered)" if expert.nothing_in else ")")
        for milestone in rounds
        for expert in debtors(session, season, milestone)
    ]
    if votes_are_open(session, season.year):
        from states.final_round.votes import owing_votes

        found += [f"{caster} ({len(numbers)} vote(s))" for caster, numbers in owing_votes(session, season).items()]
    return found


def _waits(session: Session, year: int) -> list[str]:
    found = []
    if waits_for_approval(session, year) and is_proposed(session, year):
        found.append(f"approval of the proposed list, digest {list_digest(session, year)[:16]}")
    for objection in session.scalars(
        select(Objection)
        .join(Submission, Submission.number == Objection.number)
        .where(Submission.season == year, Objection.state == ObjectionState.OPEN)
        .order_by(Objection.id)
    ):
        found.append(f"objection {objection.id} to {objection.number}, to be answered by {local(objection.due_at)}")
    pairs = select(Duplicate.number, Duplicate.other).join(Submission, Submission.number == Duplicate.other)
    for number, other in session.execute(
        pairs.where(Submission.season == year, Duplicate.decision == DuplicateDecision.PENDING)
    ):
        found.append(f"are {number} and {other} the same achievement?")
    corrections = outstanding_corrections(session, year)
    if corrections:
        found.append(f"{corrections} correction(s) by their units")
    found += [
        f"refused delivery {delivery.digest[:12]} of {delivery.sender}: {delivery.file_name}"
        for delivery in _refused(session, year)
    ]
    return found


def _misplaced(session: Session, here: Installation) -> list[str]:
    """What lies in the inbox where or as nobody takes it."""
    home = here.settings
    known = {paths.OFFICE, *all_units(), *session.scalars(select(Expert.id))}
    folders = {folder for folder, _ in lying(home)} - known
    return [
        *(f"inbox/{path.name} lies in no folder: move it to inbox/<unit code>/" for path in strays(home)),
        *(
            f"inbox/{folder}/ is no unit's, expert's or office's folder: move what lies in it"
            for folder in sorted(folders)
        ),
        *(
            f"inbox/{path.parent.name}/{path.name} is not whole or still open: ask its sender, or move it away"
            for path in unfinished(home)
        ),
    ]


def _refused(session: Session, year: int) -> Sequence[Delivery]:
    """Deliveries sent back that their sender has not made good by a later one; none of a closed season."""
    if call_state(session, year) is CallState.CLOSED:
        return ()
    later = aliased(Delivery)
    made_good = (
        select(later.digest)
        .where(
            later.season == Delivery.season,
            later.sender == Delivery.sender,
            later.state != DeliveryState.REFUSED,
            later.taken_at > Delivery.taken_at,
            or_(Delivery.kind.is_(None), later.kind == Delivery.kind),
        )
        .exists()
    )
    refused = select(Delivery).where(Delivery.season == year, Delivery.state == DeliveryState.REFUSED, ~made_good)
    return session.scalars(refused.order_by(Delivery.taken_at.desc()).limit(_REFUSED_SHOWN)).all()


def _messages(session: Session, year: int) -> dict[str, int]:
    rows = session.execute(select(Message.state, func.count()).where(Message.season == year).group_by(Message.state))
    return {MessageState(state).value: count for state, count in rows}


def _file_note(here: Installation, year: int, in_force: Season) -> str:
    """Whether the season file still says what is in force."""
    try:
        same = load_season(year, here.settings.home) == in_force
    except GangchuangError as problem:
        return f"the season file cannot be used any more, the rules in force are not touched: {problem}"
    return "" if same else "the season file differs from the rules in force; dates are changed with `gangchuang move`"
