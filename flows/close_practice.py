"""Closes the collection of good practice: what was consented to is public, the office has everything in one workbook."""

from config.local_time import local_day
from config.milestones import Milestone
from config.units import name_on
from flows.intake.mail.taking import take_everything
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office
from flows.reports.practice import write_practice_book
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from states.practice import practices, units_without


@stage_flow(name="close-practice")
def close_practice(season: int, dry_run: bool = False) -> dict[str, object]:
    """Close the collection of good practice (好经验好做法征集截止).

    Runs: at `close_practice`.
    Before: the units were asked.
    After: the reports with consent stand on the season's page of good practice; the office has all of them in a workbook
    and a letter with who sent none. A late one may still be admitted.
    Undo: `gangchuang decide withhold_practice` for one report.
    """
    return perform("close_practice", season, closing, milestone=Milestone.CLOSE_PRACTICE, dry_run=dry_run)


def closing(run: Run) -> Ending:
    """Take the last deliveries, write the workbook, tell the office."""
    take_everything(run)
    with run.step() as session:
        rows = practices(session, run.year)
        public = len(practices(session, run.year, public=True))
        silent = units_without(session, run.year, [unit.code for unit in run.season.units()])
        path = write_practice_book(session, run)
        names = [name_on(code, local_day(run.season.dates.open_call)) for code in silent]
        told = {"count": len(rows), "published": public, "silent": names}
        post_to_office(session, run, LetterKind.PRACTICE_CLOSED, key="", attachments=(path,), **told)
    run.tell("reports of good practice", len(rows))
    run.tell("to be published", public)
    run.tell("units without a report", len(silent))
    return Ending(facts={"reports": len(rows), "public": public})
