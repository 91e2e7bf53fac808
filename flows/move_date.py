"""Moves one date, by a person with a reason; those concerned are told."""

from datetime import datetime

from sqlalchemy.orm import Session

from config.local_time import local_instant
from config.milestones import Milestone
from flows.letters import LetterKind
from flows.perform import perform, stage_flow
from flows.post import post_to_unit
from flows.stage import Ending, Run
from models import Call
from states.office import officer
from states.planning import move_date as move


@stage_flow(name="move-date")
def move_date(
    season: int,
    officer_name: str,
    milestone: Milestone,
    to: str,
    reason: str,
    unit: str = "",
    ordinal: int = 1,
    dry_run: bool = False,
) -> dict[str, object]:
    """Move one date, for all or for one district (调整时间).

    Runs: by a person, whenever a date must change.
    Before: the milestone is not settled; for one district, its own deadlines only.
    After: the date holds, the move and its reason are history, the units concerned have a letter.
    `to` is local time, such as 2026-05-08T18:00.
    Undo: move it back, with a reason.
    """

    def moving(run: Run) -> Ending:
        new = local_instant(to)
        with run.step() as session:
            actor = officer(run.season, officer_name)
            old, new = move(
                session, season, milestone, to=new, reason=reason, actor=actor, at=run.at, unit=unit, ordinal=ordinal
            )
            if old != new and not milestone.is_reminder:
                _tell_units(session, run, milestone, unit, old, new, reason)
        run.tell("moved", f"{milestone} {unit}".strip())
        run.tell("from", old)
        run.tell("to", new)
        return Ending()

    return perform("move_date", season, moving, dry_run=dry_run)


def _tell_units(
    session: Session, run: Run, milestone: Milestone, unit: str, old: datetime, new: datetime, reason: str
) -> None:
    codes = [unit] if unit else [one.code for one in run.season.units()]
    # A date moved away and back and away again is told each time: the move's place in the record tells them apart.
    move_number = session.get_one(Call, run.year, populate_existing=True).sequence
    for code in codes:
        post_to_unit(
            session,
            run,
            LetterKind.DATE_MOVED,
            code,
            key=f"{milestone}/{move_number}",
            milestone=milestone,
            old=old,
            new=new,
            reason=reason,
        )
