"""A year later: asks what became of the awarded achievements."""

from config.milestones import Milestone
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from states.submissions.settle import ask_about_awards


@stage_flow(name="follow-up")
def follow_up(season: int, dry_run: bool = False) -> dict[str, object]:
    """Ask the units what became of their awarded achievements (成果转化跟踪).

    Runs: at `follow_up`, a year after the results.
    Before: the season is archived.
    After: each unit with awards has a letter listing them.
    Undo: none.
    """
    return perform("follow_up", season, asking, milestone=Milestone.FOLLOW_UP, dry_run=dry_run)


def asking(run: Run) -> Ending:
    """One letter a unit, one row an achievement."""
    with run.step() as session:
        rows = ask_about_awards(session, run.year, run.act)
        for code in sorted({unit for unit, _, _ in rows}):
            items = [(number, title) for unit, number, title in rows if unit == code]
            post_to_unit(session, run, LetterKind.FOLLOW_UP, code, items=items, due_at=run.season.dates.close_season)
    run.tell("asked about", len(rows))
    return Ending(facts={"asked": len(rows)})
