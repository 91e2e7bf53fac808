"""Takes deliveries from the inbox: each content once, each answered with a receipt."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from flows.engine.tasks import PieceKind
from flows.home import paths
from flows.home.files import name_for_people
from flows.intake.inbox import (
    clear,
    files_of_season,
    files_to_take,
    is_left_over,
    mark_of,
    put_away,
    require_size,
    sealed,
    subject_of,
)
from flows.intake.misplaced import part_misplaced
from flows.intake.receipts import Answer, Brought, answer_again, keep_answer, rows_back_of
from flows.intake.senders import sender_of
from flows.kinds.kind import HandedIn
from flows.kinds.table import KINDS, read_delivery, superseding
from flows.run import Run
from flows.workbooks.reader.findings import FilledRow, Note, Problem, Reading
from flows.workbooks.reader.reading import without_collector
from flows.workbooks.reader.table import letters
from models import Admission, Delivery
from models.enums import DeliveryState, Role, WorkbookKind
from models.queries import lock_call
from states.machine import Actor
from states.panel.aliases import OF_EXPERTS, Aliases
from states.submissions.delivery import Admitted, Delivered, RowChange

log = logging.getLogger("gangchuang.deliveries")
COUNTED = ("taken", "taken before", "rows in", "rows back")


class DeliveryFailed(GangchuangError):
    """One file cannot be taken for a reason that lies with us or the disk; it stays where it is."""

    def __init__(self, path: Path, problem: Exception) -> None:
        self.path = path
        super().__init__(
            f"{path} could not be taken ({type(problem).__name__}: {problem}). It stays in the inbox and is tried "
            f"again, with growing pauses, or at once when the file is touched; if this goes on, move it away and "
            f"tell its sender."
        )


def take_deliveries(run: Run) -> None:
    """Take every file that lies whole in the inbox, the oldest first."""
    with run.step() as session:
        everything = files_of_season(session, run.year, run.settings)
        files = files_to_take(session, run.year, everything)
    run.marks = {subject_of(folder, path): mark_of(path) for folder, path in everything}
    run.resting = {subject_of(*waiting) for waiting in everything if waiting not in files}
    counts = Counter(dict.fromkeys(COUNTED, 0))
    run.each(
        files,
        lambda waiting: _take_alone(run, *waiting, counts),
        kind=PieceKind.DELIVERY,
        name=lambda waiting: subject_of(*waiting),
    )
    tell_counts(run, counts)
    if run.resting:
        run.tell("could not be taken, and rest", len(run.resting))


def take_by_hand(run: Run, folder: str, path: Path) -> None:
    """Take one file that a person names, as if it had come into a folder's inbox."""
    counts = Counter(dict.fromkeys(COUNTED, 0))
    _take(run, folder, path, counts)
    tell_counts(run, counts)


def tell_counts(run: Run, counts: Mapping[str, int]) -> None:
    """Add to what was counted on another way in."""
    for name, count in counts.items():
        run.tell(name, int(run.lines.get(name, "0")) + count)


def take_brought(session: Session, run: Run, brought: Brought) -> Counter[str]:
    """Take one sealed delivery, once for its content and sender, and answer it. Returns what to count.

    The copy lies where it stays before the caller commits: nothing counts as taken that does not lie sealed.
    """
    sender, copy, counts = brought.sender, brought.copy, Counter[str]()
    target = paths.taken(run.settings, run.year, sender.code, copy.digest, brought.name)
    # One intake at a time: whoever comes second sees what the first has kept.
    lock_call(session, run.year)
    known = session.get(Delivery, (copy.digest, sender.code))
    admission = session.query(Admission).filter_by(digest=copy.digest).one_or_none()
    if known is not None and (admission is None or known.state is DeliveryState.ACCEPTED):
        counts["taken before"] += 1
        if not is_left_over(copy, target):
            answer_again(session, run, known, brought)
    else:
        with without_collector():
            answer = _judge(session, run, brought, admission)
        keep_answer(session, run, brought, answer, known)
        counts += Counter({"taken": 1, "rows in": len(answer.accepted), "rows back": rows_back_of(answer)})
    if not run.dry_run:
        put_away(copy, target)
    return counts


def _take_alone(run: Run, folder: str, path: Path, counts: Counter[str]) -> None:
    """One file; whatever is wrong with it or with us, the next one gets its turn. Raises GangchuangError."""
    try:
        _take(run, folder, path, counts)
    except GangchuangError:
        raise
    except Exception as problem:
        log.exception("%s could not be taken", path)
        raise DeliveryFailed(path, problem) from problem


def _take(run: Run, folder: str, path: Path, counts: Counter[str]) -> None:
    require_size(path, run.season.files)
    with sealed(run.settings, path) as copy:
        sender = sender_of(run, folder, copy.path)
        brought = Brought(sender, copy, name_for_people(path), folder if folder != sender.code else "")
        with run.step() as session:
            counted = take_brought(session, run, brought)
        counts.update(counted)
        if not run.dry_run:
            clear(path, copy)


def _judge(session: Session, run: Run, brought: Brought, admission: Admission | None) -> Answer:
    sender, copy = brought.sender, brought.copy
    if sender.problem:
        return Answer(Reading(None, None, problems=(Problem("", None, sender.problem),)))
    # What came before a further issue went out is judged by the issue of its time; what the office admits, by none.
    newest = {} if admission is not None else superseding(session, run.year, sender.code, copy.arrived_at)
    reading = read_delivery(
        copy.path, season=run.season, sender=sender.code, key=run.settings.signing_key(), newest_issue=newest
    )
    reading = _by_numbers(Aliases(session, run.season), reading)
    reading = replace(part_misplaced(session, reading), notes=(*reading.notes, *brought.notes))
    newest_file = _replacing(run, reading, newest)
    if reading.refused or reading.kind is None:
        return Answer(reading, newest=newest_file)
    admitted = Admitted(Actor(Role.OFFICE, admission.officer), admission.reason) if admission else None
    act = run.act.by(sender.actor)
    delivered = Delivered(run.year, sender.code, copy.digest, copy.arrived_at, act, admitted, brought.handed_in_by)
    taken = KINDS[reading.kind].take(session, run, HandedIn(copy.path, reading, delivered))
    lines = [(row.sheet, row.line) for row in reading.rows]
    # What a new row may turn out to be, its sender must see in the letter too.
    hints = [
        Note(lines[index][0], f"A{lines[index][1]}", f"{remark}。")
        for index, remark in taken.remarks.items()
        if taken.changes.get(index) is RowChange.NEW
    ]
    return Answer(
        replace(reading, notes=(*reading.notes, *hints)),
        accepted={lines[index]: number for index, number in taken.accepted.items()},
        remarks={lines[index]: remark for index, remark in taken.remarks.items()},
        changes={lines[index]: change for index, change in taken.changes.items()},
        refused=[
            Problem(row.sheet, _cell(reading, row, reason.about), reason.chinese)
            for row, refusal in ((reading.rows[index], refusal) for index, refusal in taken.refused.items())
            for reason in refusal.each
        ],
        newest=newest_file,
    )


def _cell(reading: Reading, row: FilledRow, field: str) -> str:
    """Where in a row a field of its form stands; the row's first cell where the field has none."""
    columns = next((table.columns for table in reading.tables if table.sheet == row.sheet), {})
    return f"{letters(columns.get(field, 0))}{row.line}"


def _by_numbers(aliases: Aliases, reading: Reading) -> Reading:
    """The reading of an expert's workbook with the numbers of what it calls by aliases."""
    if reading.kind not in OF_EXPERTS or not aliases.in_force:
        return reading
    rows = []
    for row in reading.rows:
        alias = getattr(row.form, "number", "")
        known = row.form.model_copy(update={"number": aliases.number_of(alias)}) if row.form and alias else row.form
        rows.append(replace(row, form=known))
    return replace(reading, rows=tuple(rows))


def _replacing(run: Run, reading: Reading, newest: Mapping[WorkbookKind, int]) -> Path | None:
    """The workbook to be used instead of a stale one: it comes with the receipt."""
    mark = reading.mark
    if not reading.refused or mark is None or mark.issue >= newest.get(mark.kind, 0):
        return None
    return paths.issued(run.settings, run.year, mark.recipient, mark.kind, newest[mark.kind])
