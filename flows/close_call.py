"""Closes the call: the last deliveries in, then nothing more; the district round begins."""

from config.milestones import Milestone
from flows.deliveries import take_deliveries
from flows.kinds.verdicts import again_after, issue_verdicts, to_judge
from flows.near_duplicates import show_near_duplicates
from flows.perform import perform, stage_flow
from flows.stage import Ending, Run
from models.enums import Trigger
from states.cases import load_frame
from states.rules.deadlines import Deadlines


@stage_flow(name="close-call")
def close_call(season: int, unit: str = "", dry_run: bool = False) -> dict[str, object]:
    """Close the call, for all or for one district with a date of its own (申报截止).

    Runs: at `close_call`; for a district with its own date, then.
    Before: the call is open.
    After: what lay in the inbox in time is in; near duplicates are before the office; each unit
    has its verdict workbook and its count; the district round is open.
    Undo: `gangchuang move close_call` for one district, or admit one late delivery with a reason.
    """
    return perform("close_call", season, closing, milestone=Milestone.CLOSE_CALL, unit=unit, dry_run=dry_run)


def closing(run: Run) -> Ending:
    """Collect a last time, show near duplicates, issue the verdict workbooks."""
    take_deliveries(run)
    with run.step() as session:
        deadlines = load_frame(session, run.year).deadlines
        show_near_duplicates(session, run)
    codes = (
        [run.unit] if run.unit else [one.code for one in run.season.units() if not _is_open(run, deadlines, one.code)]
    )
    run.each(codes, lambda code: _issue(run, code, deadlines))
    with run.step() as session:
        counts = {code: len(to_judge(session, run.year, code)) for code in codes}
    run.tell("units closed", len(codes))
    run.tell("submissions", sum(counts.values()))
    run.tell("units without any", sum(1 for count in counts.values() if not count))
    return Ending(Trigger.CLOSE_CALL, facts={"submissions": counts})


def _issue(run: Run, code: str, deadlines: Deadlines) -> None:
    with run.step() as session:
        own = deadlines.at(Milestone.CLOSE_CALL, code)
        issue_verdicts(session, run, code, key=again_after(session, run, code, own))


def _is_open(run: Run, deadlines: Deadlines, code: str) -> bool:
    own = deadlines.at(Milestone.CLOSE_CALL, code)
    return own is not None and own > run.at
