"""Writes the yearly report, from the record alone."""

from config.milestones import Milestone
from flows.reports.yearly import put_report
from flows.run import Ending, Run
from flows.stage import perform, stage_flow


@stage_flow(name="write-report")
def write_report(season: int, again: bool = False, dry_run: bool = False) -> dict[str, object]:
    """Write the yearly report (年度报告).

    Runs: at `write_report`, once good practice is collected, and by itself once more when the season closes, with what
    became of the awards; by a person with `again`, after a design was changed or a file was lost.
    Before: the season is planned.
    After: `office/<year>/` has the report as a Word file and a page, and a workbook that names the entries of the record
    of every figure; the office has them in a letter.
    Undo: none needed: it decides nothing.
    """
    milestone = None if again else Milestone.WRITE_REPORT
    return perform("write_report", season, writing, milestone=milestone, dry_run=dry_run)


def writing(run: Run) -> Ending:
    """The report of this instant."""
    run.tell("files of the report", put_report(run))
    return Ending()
