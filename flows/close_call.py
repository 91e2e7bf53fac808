"""Closes the call: the last deliveries in, then nothing more; the district round begins."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.units import all_units
from flows import places
from flows.deliveries import take_deliveries
from flows.letters import LetterKind
from flows.near_duplicates import show_near_duplicates
from flows.perform import perform, stage_flow
from flows.post import post_to_unit
from flows.stage import Ending, Run
from flows.workbooks.mark import Mark
from flows.workbooks.template import write_template
from models import Organisation, Submission
from models.enums import SubmissionState, WorkbookKind
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
    run.each(codes, lambda code: issue_verdicts(run, code, deadlines))
    with run.step() as session:
        counts = {code: len(to_judge(session, run.year, code)) for code in codes}
    run.tell("units closed", len(codes))
    run.tell("submissions", sum(counts.values()))
    run.tell("units without any", sum(1 for count in counts.values() if not count))
    return Ending("close_call", facts={"submissions": counts})


def issue_verdicts(run: Run, code: str, deadlines: Deadlines) -> None:
    """A unit's verdict workbook with its submissions filled in, and the letter that brings it."""
    deadline = deadlines.at(Milestone.CLOSE_DISTRICT_ROUND, code) or run.season.dates.close_district_round
    path = places.issued(run.settings, run.year, code, WorkbookKind.VERDICTS)
    with run.step() as session:
        rows = to_judge(session, run.year, code)
        if rows and not run.dry_run:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_template(
                path,
                mark=Mark(run.year, code, WorkbookKind.VERDICTS, 1),
                key=run.settings.signing_key(),
                season=run.season,
                recipient_name=all_units()[code].name,
                deadline=deadline,
                rows=rows,
                rubric=run.season.rubric_of(code),
                created_at=run.at,
            )
        post_to_unit(
            session,
            run,
            LetterKind.CALL_CLOSED,
            code,
            count=len(rows),
            deadline=deadline,
            attachments=(path,) if rows else (),
        )


def to_judge(session: Session, year: int, code: str) -> list[dict[str, object]]:
    """The submissions that a unit has to judge, as rows of its verdict workbook."""
    rows = session.execute(
        select(Submission.number, Submission.title, Submission.category, Submission.carrier, Organisation.name)
        .join(Organisation, (Organisation.number == Submission.number) & (Organisation.position == 1))
        .where(Submission.season == year, Submission.unit == code, Submission.state == SubmissionState.SUBMITTED)
        .order_by(Submission.number)
    )
    return [
        {
            "number": number,
            "title": title,
            "category": category.label,
            "carrier": carrier.label,
            "organisation": organisation,
        }
        for number, title, category, carrier, organisation in rows
    ]


def _is_open(run: Run, deadlines: Deadlines, code: str) -> bool:
    own = deadlines.at(Milestone.CLOSE_CALL, code)
    return own is not None and own > run.at
