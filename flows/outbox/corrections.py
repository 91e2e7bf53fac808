"""The letters about corrections (退回补正): what is missing, until when, with a calendar entry; what lapsed."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.home import paths
from flows.home.files import write_atomically
from flows.outbox.calendar_entry import calendar_entry
from flows.outbox.letters import LetterKind
from flows.outbox.messages import papers, post_to_unit
from flows.run import Run
from models import Submission
from models.enums import WorkbookKind
from states.submissions.corrections import ask_correction, lapse_corrections
from states.submissions.eligibility import Checked


def tell_correction(
    session: Session, run: Run, code: str, items: Sequence[tuple[str, str, str]], due_at: datetime, *, key: str
) -> None:
    """A unit learns what was sent back: `items` are (number, title, missing), `key` tells its letters apart."""
    path = paths.calendar_file(run.settings, run.year, f"{code}/补正截止-{key}")
    entry = calendar_entry(
        key=f"correction/{code}/{key}", title="退回补正截止", at=due_at, written_at=run.at, season=run.season
    )
    if not run.dry_run:
        write_atomically(path, entry)
    post_to_unit(
        session,
        run,
        LetterKind.CORRECTION_ASKED,
        code,
        key=key,
        items=list(items),
        due_at=due_at,
        attachments=(*papers(session, run, code, WorkbookKind.SUBMISSIONS), path),
    )


def send_back_faulty(session: Session, run: Run, checked: Sequence[Checked], *, key: str = "") -> None:
    """Send back once what lacks something; without a `key` each letter bears its first number."""
    faulty = [found for found in checked if found.missing and found.correction is None]
    due_at = [ask_correction(session, run.season, found.number, run.act, missing=found.missing) for found in faulty]
    for code in sorted({found.unit for found in faulty}):
        items = [(found.number, found.title, found.missing) for found in faulty if found.unit == code]
        tell_correction(session, run, code, items, due_at[0], key=key or items[0][0])


def let_lapse(session: Session, run: Run, *, sparing: Collection[str] = (), due_before: datetime | None = None) -> None:
    """What was not corrected in time lapses, and its unit is told; units to be spared have a delivery with us."""
    numbers = lapse_corrections(session, run.year, run.act, sparing=sparing, due_before=due_before)
    _tell_lapsed(session, run, numbers)
    run.tell("corrections lapsed", len(numbers))


def _tell_lapsed(session: Session, run: Run, numbers: Collection[str]) -> None:
    """Units learn which of their submissions were archived because nobody corrected them in time."""
    rows = session.execute(
        select(Submission.unit, Submission.number, Submission.title)
        .where(Submission.number.in_(numbers))
        .order_by(Submission.number)
    ).all()
    for code in sorted({row.unit for row in rows}):
        items = [(number, title) for unit, number, title in rows if unit == code]
        post_to_unit(session, run, LetterKind.CORRECTION_LAPSED, code, key=items[0][0], items=items)
