"""The units' verdict workbooks: each lists what the unit has to judge."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.units import all_units
from flows import places
from flows.letters import LetterKind
from flows.post import post_to_unit
from flows.stage import Run
from flows.workbooks.mark import Mark
from flows.workbooks.template import write_template
from models import Organisation, Submission
from models.enums import CallState, SubmissionState, WorkbookKind
from models.queries import call_state
from states.cases import load_frame


def issue_verdicts(session: Session, run: Run, code: str, *, key: str = "") -> None:
    """A unit's verdict workbook over all that it has still to judge, and the letter that brings it.

    `key` tells the letters apart when a unit gets a further workbook.
    """
    deadlines = load_frame(session, run.year).deadlines
    deadline = deadlines.at(Milestone.CLOSE_DISTRICT_ROUND, code) or run.season.dates.close_district_round
    path = places.issued(run.settings, run.year, code, WorkbookKind.VERDICTS)
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
        key=key,
        count=len(rows),
        deadline=deadline,
        attachments=(path,) if rows else (),
    )


def issue_after_admission(session: Session, run: Run, code: str, digest: str) -> None:
    """Submissions admitted after the call has closed want a verdict too: their unit gets a further workbook."""
    if call_state(session, run.year) is CallState.DISTRICT_REVIEW and code in all_units():
        issue_verdicts(session, run, code, key=f"late/{digest[:16]}")


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
