"""The units' verdict workbooks: each lists what the unit has to judge."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.milestones import Milestone
from config.units import all_units
from flows import places
from flows.issuing import number_of_issue
from flows.letters import LetterKind
from flows.post import post_to_unit
from flows.stage import Run
from flows.workbooks.mark import Mark
from flows.workbooks.template import write_template
from models import DistrictVerdict, IssuedWorkbook, Organisation, Submission
from models.enums import CallState, Carrier, Category, SubmissionState, WorkbookKind
from models.queries import call_state
from states.cases import load_frame


def issue_verdicts(session: Session, run: Run, code: str, *, key: str = "") -> None:
    """A unit's verdict workbook over all that it has still to judge, and the letter that brings it.

    `key` tells the occasions apart when a unit gets a further workbook: that one takes the place of
    the earlier ones, so it holds the verdicts already given as well.
    """
    rows = to_judge(session, run.year, code)
    path, issue = _issued(session, run, code, rows, key) if rows else (None, 1)
    post_to_unit(
        session,
        run,
        LetterKind.CALL_CLOSED,
        code,
        key=key,
        count=len(rows),
        deadline=_deadline(session, run, code),
        issue=issue,
        attachments=(path,) if path else (),
    )


def again_after(session: Session, run: Run, code: str, closed_at: datetime | None) -> str:
    """The key of the workbook that follows a call that was open once more for a unit; empty for the first close."""
    first = session.get(IssuedWorkbook, (run.year, code, WorkbookKind.VERDICTS.value, ""))
    if first is None or closed_at is None or first.issued_at >= closed_at:
        return ""
    return f"reopened/{closed_at.astimezone(ZONE):%Y-%m-%dT%H:%M}"


def issue_verdicts_again(session: Session, run: Run, code: str, *, key: str) -> tuple[Path, int, datetime]:
    """A unit's verdict workbook once more, for a letter of its own. Returns (file, issue, deadline)."""
    path, issue = _issued(session, run, code, to_judge(session, run.year, code), key)
    return path, issue, _deadline(session, run, code)


def _issued(session: Session, run: Run, code: str, rows: list[dict[str, object]], key: str) -> tuple[Path, int]:
    issue = number_of_issue(session, run, code, WorkbookKind.VERDICTS, key)
    path = places.issued(run.settings, run.year, code, WorkbookKind.VERDICTS, issue)
    if not run.dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_template(
            path,
            mark=Mark(run.year, code, WorkbookKind.VERDICTS, issue),
            key=run.settings.signing_key(),
            season=run.season,
            recipient_name=all_units()[code].name,
            deadline=_deadline(session, run, code),
            rows=[*rows, *_judged(session, run.year, code)],
            rubric=run.season.rubric_of(code),
            created_at=run.at,
        )
    return path, issue


def _deadline(session: Session, run: Run, code: str) -> datetime:
    deadlines = load_frame(session, run.year).deadlines
    return deadlines.at(Milestone.CLOSE_DISTRICT_ROUND, code) or run.season.dates.close_district_round


def issue_after_admission(session: Session, run: Run, code: str, digest: str) -> None:
    """Submissions admitted after the call has closed want a verdict too: their unit gets a further workbook."""
    if call_state(session, run.year) is CallState.DISTRICT_REVIEW and code in all_units():
        issue_verdicts(session, run, code, key=f"late/{digest[:16]}")


def to_judge(session: Session, year: int, code: str) -> list[dict[str, object]]:
    """The submissions that a unit has to judge, as rows of its verdict workbook."""
    return [_row(*one) for one in session.execute(_listed(year, code, SubmissionState.SUBMITTED))]


def _judged(session: Session, year: int, code: str) -> list[dict[str, object]]:
    """What the unit has judged already, with its words: a later workbook can change them."""
    found = []
    for one in session.execute(_listed(year, code, SubmissionState.DISTRICT_REVIEWED)).all():
        verdict = session.get_one(DistrictVerdict, one[0])
        given = {f"points.{key}": Decimal(points) for key, points in json.loads(verdict.points).items()}
        said = {"verdict": verdict.verdict.label, "rank": verdict.rank, "comment": verdict.comment}
        found.append({**_row(*one), **given, **said})
    return found


def _listed(year: int, code: str, state: SubmissionState) -> Select[Any]:
    return (
        select(Submission.number, Submission.title, Submission.category, Submission.carrier, Organisation.name)
        .join(Organisation, (Organisation.number == Submission.number) & (Organisation.position == 1))
        .where(Submission.season == year, Submission.unit == code, Submission.state == state)
        .order_by(Submission.number)
    )


def _row(number: str, title: str, category: Category, carrier: Carrier, organisation: str) -> dict[str, object]:
    return {
        "number": number,
        "title": title,
        "category": category.label,
        "carrier": carrier.label,
        "organisation": organisation,
    }
