"""Moves one date, by a person with a reason; those concerned are told."""

import inspect
from typing import Any

from sqlalchemy.orm import Session

from config.local_time import local_instant
from config.milestones import Milestone
from flows.engine.forms import Form
from flows.outbox.letters import LetterKind
from flows.outbox.messages import deadline_entry, post, post_to_unit
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Call
from states.officers import officer
from states.panel.draw import seated
from states.timeline import Moved, UnknownMilestone, named
from states.timeline import move_date as move


@stage_flow(name="move-date")
def move_date(
    season: int,
    officer_name: str,
    milestone: str,
    to: str,
    reason: str,
    unit: str = "",
    ordinal: int = 1,
    take_effect_at_once: bool = False,
    dry_run: bool = False,
) -> dict[str, object]:
    """Move one date, for all or for one district (调整时间).

    Runs: by a person, whenever a date must change.
    Before: the milestone is not settled; for one district, its own deadlines only. A date before now, or a
    deadline earlier than it was, needs `take_effect_at_once`; a dry run shows who has nothing in and what follows.
    After: the date holds, the move and its reason are history, the units or experts concerned have a letter.
    `to` is local time, such as 2026-05-08T18:00.
    Undo: `gangchuang move` it back, with a reason, as long as its stage has not run.
    """

    if milestone not in set(Milestone):
        raise UnknownMilestone(milestone)
    moving_what = Milestone(milestone)

    def moving(run: Run) -> Ending:
        with run.step() as session:
            moved = move(
                session,
                season,
                milestone,
                run.act.by(officer(run.season, officer_name)),
                to=local_instant(to),
                reason=reason,
                unit=unit,
                ordinal=ordinal,
                at_once=take_effect_at_once or run.dry_run,
            )
            if moved.old != moved.new and not moving_what.is_reminder:
                _tell(session, run, moving_what, unit, moved, reason)
        run.tell("moved", f"{milestone} {unit}".strip())
        run.tell("from", moved.old)
        run.tell("to", moved.new)
        if moved.sudden:
            _tell_what_follows(run, moving_what, moved, meant=take_effect_at_once)
        return Ending()

    return perform("move_date", season, moving, dry_run=dry_run)


def _tell(session: Session, run: Run, milestone: Milestone, unit: str, moved: Moved, reason: str) -> None:
    """Experts' dates are told to the panel, the others to the districts."""
    # A date moved away and back and away again is told each time: the move's place in the record tells them apart.
    entry = session.get_one(Call, run.year, populate_existing=True).sequence
    key = f"{milestone}/{entry}"
    said: dict[str, Any] = {"milestone": milestone, "old": moved.old, "new": moved.new, "reason": reason}
    if milestone.is_for_experts:
        for expert in seated(session, run.year):
            whom: dict[str, Any] = {"key": f"{expert.id}/{key}", "to": expert.mail, "expert_name": expert.name}
            said["attachments"] = (deadline_entry(session, run, expert.id, milestone, moved.new, f"m{entry}"),)
            post(session, run, LetterKind.EXPERT_DATE_MOVED, **whom, **said)
        return
    for code in [unit] if unit else [reporting_unit.code for reporting_unit in run.season.units()]:
        said["attachments"] = (deadline_entry(session, run, code, milestone, moved.new, f"m{entry}"),)
        post_to_unit(session, run, LetterKind.DATE_MOVED, code, key=key, for_all=not unit, **said)


def _tell_what_follows(run: Run, milestone: Milestone, moved: Moved, *, meant: bool) -> None:
    run.tell("attention", moved.sudden)
    run.tell("nothing in yet", f"{len(moved.debtors)}: {named(moved.debtors)}" if moved.debtors else "nobody")
    if moved.new <= run.at:
        run.tell("then", f"the stage of {milestone} runs with the clock's next look, with all its letters")
    if not meant:
        run.tell("needed", "“take effect at once” (`--at-once`): without it this move is refused")


FORMS = (
    Form(move_date.fn.__name__, "调整时间", move_date, inspect.getdoc(move_date.fn) or "", fields={"ordinal": None}),
)
