"""Tends objections (异议): calls owed answers to mind, ends what is final, gives awards that nothing holds up any more."""

from flows.objections import clear_entered, end_objection, remind_of, reminder_due
from flows.publish.publications import publish_change
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from states.objections.measures import give_award
from states.objections.reading import noticed_by_now, to_be_closed
from states.submissions.certificates import keep_in_step


@stage_flow(name="tend-objections")
def tend_objections(season: int, dry_run: bool = False) -> dict[str, object]:
    """Tend objections (异议).

    Runs: whenever an owed answer is to be called to mind, the time to ask for a reconsideration has run out, or the
    notice of somebody who moved up is over.
    Before: nothing.
    After: the office has a letter at half time and three working days before an answer is due; answered objections
    are closed when nobody asked for a reconsideration; where the season says so, the next in the list moved up.
    Undo: none.
    """
    return perform("tend_objections", season, tending, dry_run=dry_run)


def tending(run: Run) -> Ending:
    """Reminders, ends, awards: each in a transaction of its own."""
    with run.step() as session:
        closing = to_be_closed(session, run.year, run.at)
        reminded = sum(remind_of(session, run, *due) for due in reminder_due(session, run.season, run.at))
        noticed = noticed_by_now(session, run.year, run.at)
    for objection in closing:
        with run.step() as session:
            end_objection(session, run, objection)
    given = 0
    for number in noticed:
        with run.step() as session:
            given += give_award(session, run.year, number, run.act)
            keep_in_step(session, run.year, run.act)
    if closing or given:
        with run.step() as session:
            publish_change(session, run)
    clear_entered(run)
    run.tell("reminded", reminded)
    run.tell("objections closed", len(closing))
    run.tell("awarded after their own notice", given)
    return Ending()
