"""Asks every unit for good practice: its own and that of employers in its district."""

from config.milestones import Milestone
from config.units import Unit
from flows.engine.tasks import PieceKind
from flows.kinds.practice import issue_practice
from flows.outbox.letters import LetterKind
from flows.outbox.messages import deadline_entry, post_to_unit
from flows.run import Ending, Run
from flows.stage import perform, stage_flow


@stage_flow(name="open-practice")
def open_practice(season: int, dry_run: bool = False) -> dict[str, object]:
    """Ask every unit for good practice (征集好思路、好经验、好做法).

    Runs: at `open_practice`, after the archive; a season whose file gives no such date has none.
    Before: the season is archived.
    After: each unit has a workbook and a letter; what it sends until `close_practice` is kept, with a receipt as for any
    delivery.
    Undo: none.
    """
    return perform("open_practice", season, asking, milestone=Milestone.OPEN_PRACTICE, dry_run=dry_run)


def asking(run: Run) -> Ending:
    """One workbook and one letter a unit."""
    units = run.season.units()
    run.each(units, lambda unit: _ask(run, unit), kind=PieceKind.TEMPLATE, name=lambda unit: unit.code)
    run.tell("units asked", len(units))
    return Ending(facts={"units": [unit.code for unit in units]})


def _ask(run: Run, unit: Unit) -> None:
    with run.step() as session:
        issued = issue_practice(session, run, unit.code)
        entry = deadline_entry(session, run, unit.code, Milestone.CLOSE_PRACTICE, issued.deadline, issued.issue)
        post_to_unit(
            session,
            run,
            LetterKind.PRACTICE_ASKED,
            unit.code,
            deadline=issued.deadline,
            attachments=(issued.path, entry),
        )
