"""A year later: asks what became of the awarded achievements."""

from config.milestones import Milestone
from flows.kinds.follow_up import issue_follow_up
from flows.outbox.letters import LetterKind
from flows.outbox.messages import deadline_entry, post_to_unit
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from states.submissions.follow_up import ask_about_awards


@stage_flow(name="follow-up")
def follow_up(season: int, dry_run: bool = False) -> dict[str, object]:
    """Ask the units what became of their awarded achievements (成果转化跟踪).

    Runs: at `follow_up`, a year after the results.
    Before: the season is archived.
    After: each unit with awards has a workbook listing them and a letter; what it answers until the season closes is
    kept, with a receipt as for any delivery.
    Undo: none.
    """
    return perform("follow_up", season, asking, milestone=Milestone.FOLLOW_UP, dry_run=dry_run)


def asking(run: Run) -> Ending:
    """One workbook and letter a unit, one row an achievement."""
    with run.step() as session:
        rows = ask_about_awards(session, run.year, run.act)
        for code in sorted({asked.unit for asked in rows}):
            issued = issue_follow_up(session, run, code)
            post_to_unit(
                session,
                run,
                LetterKind.FOLLOW_UP,
                code,
                items=[(asked.number, asked.title) for asked in rows if asked.unit == code],
                due_at=issued.deadline,
                attachments=(
                    issued.path,
                    deadline_entry(session, run, code, Milestone.CLOSE_SEASON, issued.deadline, issued.issue),
                ),
            )
    run.tell("asked about", len(rows))
    return Ending(facts={"asked_about": [asked.number for asked in rows]})
