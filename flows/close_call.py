"""Closes the call: the last deliveries in, then nothing more; the district round begins."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from flows.engine.tasks import PieceKind
from flows.intake.mail.taking import take_everything
from flows.kinds.verdicts import again_after, issue_verdicts, to_judge
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office
from flows.run import Ending, Run
from flows.sharing import share
from flows.stage import perform, stage_flow
from models import Duplicate, Submission
from models.enums import SubmissionState, Trigger
from states.guard_facts import load_season_facts
from states.rules.calendar.timetable import Deadlines
from states.rules.similarity import near_pairs
from states.submissions.duplicates import keep_pairs


@stage_flow(name="close-call")
def close_call(season: int, unit: str = "", dry_run: bool = False) -> dict[str, object]:
    """Close the call, for all or for one district with a date of its own (申报截止).

    Runs: at `close_call`; for a district with its own date, then.
    Before: the call is open.
    After: what lay in the inbox in time is in; near duplicates are before the office; each unit
    has its verdict workbook and its count; the district round is open.
    Undo: `gangchuang move close_call` for one district, or `gangchuang decide admit_late` for one late delivery.
    """
    return perform("close_call", season, closing, milestone=Milestone.CLOSE_CALL, unit=unit, dry_run=dry_run)


def closing(run: Run) -> Ending:
    """Collect a last time, show near duplicates, issue the verdict workbooks."""
    take_everything(run)
    with run.step() as session:
        deadlines = load_season_facts(session, run.year).deadlines
        _show_near_duplicates(session, run)
    codes = (
        [run.unit]
        if run.unit
        else [unit.code for unit in run.season.units() if not _is_open(run, deadlines, unit.code)]
    )
    share(run, codes, issuing)
    with run.step() as session:
        counts = {code: len(to_judge(session, run.year, code)) for code in codes}
    run.tell("units closed", len(codes))
    run.tell("submissions", sum(counts.values()))
    run.tell("units without any", sum(1 for count in counts.values() if not count))
    return Ending(Trigger.CLOSE_CALL, facts={"submissions": counts})


def issuing(run: Run, codes: Sequence[str]) -> None:
    """The verdict workbook and the forms to be stamped of each of some units that are closed."""
    with run.step() as session:
        deadlines = load_season_facts(session, run.year).deadlines
    closed = [code for code in codes if run.unit or not _is_open(run, deadlines, code)]
    run.each(closed, lambda code: _issue(run, code, deadlines), kind=PieceKind.VERDICTS)


def _issue(run: Run, code: str, deadlines: Deadlines) -> None:
    with run.step() as session:
        own = deadlines.at(Milestone.CLOSE_CALL, code)
        issue_verdicts(session, run, code, key=again_after(session, run, code, own))


def _is_open(run: Run, deadlines: Deadlines, code: str) -> bool:
    own = deadlines.at(Milestone.CLOSE_CALL, code)
    return own is not None and own > run.at


def _show_near_duplicates(session: Session, run: Run) -> None:
    """Compare this season's open submissions with each other and with all earlier ones; new pairs go to the office."""
    here = session.execute(
        select(Submission.number, Submission.title_key)
        .where(Submission.season == run.year, Submission.state != SubmissionState.ARCHIVED)
        .order_by(Submission.number)
    ).all()
    earlier = session.execute(
        select(Submission.number, Submission.title_key).where(Submission.season != run.year).order_by(Submission.number)
    ).all()
    known = {frozenset(pair) for pair in session.execute(select(Duplicate.number, Duplicate.other))}
    least = run.season.call.near_duplicate_percent
    own = {number for number, _ in here}
    # The second of a pair is the later one, which is dropped when the office finds them to be the same.
    pairs = [
        (first, second, alike) if second in own else (second, first, alike)
        for first, second, alike in near_pairs(here, earlier, least)
    ]
    found = [pair for pair in pairs if frozenset(pair[:2]) not in known]
    keep_pairs(session, found)
    if found:
        post_to_office(session, run, LetterKind.DUPLICATE_FOUND, key="/".join(found[0][:2]), pairs=found)
    run.tell("near duplicates shown to the office", len(found))
