"""Takes deliveries from the inbox: each content once, each answered with a receipt."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import local_day
from config.milestones import Chore
from config.settings import Settings
from config.units import UnitNotInForce, UnknownUnit, unit_on
from flows.home import paths
from flows.home.files import is_larger, name_for_people
from flows.intake.inbox import clear, is_left_over, lying, put_away, sealed, waiting_files
from flows.intake.misplaced import part_misplaced
from flows.intake.receipts import Answer, Brought, Sender, answer_again, keep_answer, rows_back_of
from flows.kinds.kind import HandedIn
from flows.kinds.table import KINDS, REISSUED, read_delivery
from flows.run import Run
from flows.workbooks.reader.archives import MIB
from flows.workbooks.reader.findings import Problem, Reading
from flows.workbooks.reader.reading import genuine_mark, without_collector
from models import Admission, Delivery, Expert
from models.enums import DeliveryState, Role, WorkbookKind
from models.queries import lock_call
from states.failures import resting
from states.issued import newest_issues
from states.machine import Actor
from states.submissions.delivery import Admitted, Delivered

log = logging.getLogger("gangchuang.deliveries")


class DeliveryFailed(GangchuangError):
    """One file cannot be taken for a reason that lies with us or the disk; it stays where it is."""

    def __init__(self, path: Path, problem: Exception) -> None:
        self.path = path
        super().__init__(
            f"{path} could not be taken ({type(problem).__name__}: {problem}). It stays in the inbox and is tried "
            f"again, with growing pauses, or at once when the file is touched; if this goes on, move it away and "
            f"tell its sender."
        )


class DeliveryTooLarge(GangchuangError):
    """A delivery so large that it is not even looked at: hashing it alone would hold everybody up."""

    def __init__(self, path: Path, most_mib: int) -> None:
        self.path = path
        super().__init__(
            f"{path} is larger than any delivery may be ({most_mib} MiB, files.max_unpacked_mib of the season file). It "
            f"was not read and its sender has no answer. Move it away and ask them for a smaller one."
        )


def take_deliveries(run: Run) -> None:
    """Take every file that lies whole in the inbox, the oldest first."""
    everything = list(waiting_files(run.settings))
    with run.step() as session:
        files = files_to_take(session, run.year, everything)
    run.marks = {_subject(folder, path): _mark(path) for folder, path in everything}
    run.resting = {_subject(*one) for one in everything if one not in files}
    counts = dict.fromkeys(("taken", "taken before", "rows in", "rows back"), 0)
    run.each(
        files,
        lambda one: _take_alone(run, one[0], one[1], counts),
        name=lambda one: _subject(*one),
    )
    for name, count in counts.items():
        run.tell(name, count)
    if run.resting:
        run.tell("could not be taken, and rest", len(run.resting))


def files_to_take(session: Session, year: int, files: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Of the (folder, file) that wait, those to try now: one that failed again and again rests until it changes."""
    still = resting(session, year, Chore.COLLECT)
    return [one for one in files if still.get(_subject(*one)) != _mark(one[1])]


def _subject(folder: str, path: Path) -> str:
    return f"{folder}/{name_for_people(path)}"


def _mark(path: Path) -> str:
    """Another one for every file that comes, is written or is only touched."""
    try:
        state = path.lstat()
    except FileNotFoundError:
        return "gone"
    return f"{state.st_ino}/{state.st_ctime_ns}/{state.st_size}"


def take_by_hand(run: Run, folder: str, path: Path) -> None:
    """Take one file that a person names, as if it had come into a folder's inbox."""
    counts = dict.fromkeys(("taken", "taken before", "rows in", "rows back"), 0)
    _take(run, folder, path, counts)
    for name, count in counts.items():
        run.tell(name, count)


def senders_waiting(settings: Settings) -> set[str]:
    """Folders in which something lies that is not taken: it came just now, or could not be taken."""
    return {folder for folder, _ in lying(settings)}


def _take_alone(run: Run, folder: str, path: Path, counts: dict[str, int]) -> None:
    """One file; whatever is wrong with it or with us, the next one gets its turn. Raises GangchuangError."""
    try:
        _take(run, folder, path, counts)
    except GangchuangError:
        raise
    except Exception as problem:
        log.exception("%s could not be taken", path)
        raise DeliveryFailed(path, problem) from problem


def _take(run: Run, folder: str, path: Path, counts: dict[str, int]) -> None:
    limits = run.season.files
    if is_larger(path, max(limits.max_unpacked_mib, limits.max_file_mib) * MIB):
        raise DeliveryTooLarge(path, max(limits.max_unpacked_mib, limits.max_file_mib))
    with sealed(run.settings, path) as copy:
        recipient = _recipient(run, folder, copy.path)
        sender = _sender(run, recipient)
        target = paths.taken(run.settings, run.year, sender.code, copy.digest, name_for_people(path))
        with run.step() as session:
            # One intake at a time: whoever comes second sees what the first has kept.
            lock_call(session, run.year)
            known = session.get(Delivery, (copy.digest, sender.code))
            admission = session.query(Admission).filter_by(digest=copy.digest).one_or_none()
            if known is not None and (admission is None or known.state is DeliveryState.ACCEPTED):
                counts["taken before"] += 1
                if not is_left_over(copy, target):
                    answer_again(session, run, known, copy.arrived_at)
            else:
                brought = Brought(sender, copy, name_for_people(path), folder if folder != sender.code else "")
                with without_collector():
                    answer = _judge(session, run, brought, admission)
                keep_answer(session, run, brought, answer, known)
                counts["taken"] += 1
                counts["rows in"] += len(answer.accepted)
                counts["rows back"] += rows_back_of(answer)
            if not run.dry_run:
                # Before the commit: nothing counts as taken that does not lie sealed.
                put_away(copy, target)
        if not run.dry_run:
            clear(path, copy)


def _recipient(run: Run, folder: str, path: Path) -> str:
    """Whose delivery it is: the folder's – but the office hands in for whoever a genuine mark names."""
    mark = genuine_mark(path, run.season, run.settings.signing_key()) if folder == paths.OFFICE else None
    return mark.recipient if mark else folder


def _sender(run: Run, folder: str) -> Sender:
    office = run.season.office
    if folder == paths.OFFICE:
        return Sender(folder, office.name, office.mail, Actor(Role.OFFICE, folder))
    with run.step() as session:
        expert = session.get(Expert, folder)
    if expert is not None:
        return Sender(folder, expert.name, expert.mail, Actor(Role.EXPERT, folder))
    try:
        unit = unit_on(folder, local_day(run.season.dates.open_call))
    except UnknownUnit:
        problem = f"收件文件夹“{folder}”不是报送单位代码，也不是专家编号；请联系协调小组办公室"
    except UnitNotInForce as gone:
        heirs = "、".join(gone.unit.successors)
        problem = f"收件文件夹“{folder}”：{gone.unit.name}已撤销，本年度不再单独报送；请由承接单位（代码{heirs}）报送"
    else:
        return Sender(folder, unit.name, run.season.mail_of(folder), Actor(Role.DISTRICT, folder))
    return Sender(folder, office.name, office.mail, Actor(Role.DISTRICT, folder), problem)


def _judge(session: Session, run: Run, brought: Brought, admission: Admission | None) -> Answer:
    sender, copy = brought.sender, brought.copy
    if sender.problem:
        return Answer(Reading(None, None, problems=(Problem("", None, sender.problem),)))
    # What came before a further issue went out is judged by the issue of its time; what the office admits, by none.
    newest = {} if admission is not None else _superseding(session, run, sender.code, copy.arrived_at)
    reading = read_delivery(
        copy.path, season=run.season, sender=sender.code, key=run.settings.signing_key(), newest_issue=newest
    )
    reading = part_misplaced(session, reading)
    answer = Answer(reading, newest=_replacing(run, reading, newest))
    if reading.refused or reading.kind is None:
        return answer
    act = run.act.by(sender.actor)
    delivered = Delivered(
        run.year, sender.code, copy.digest, copy.arrived_at, act, _admitted(admission), brought.handed_in_by
    )
    taken = KINDS[reading.kind].take(session, run, HandedIn(copy.path, reading, delivered))
    for place, number in taken.accepted.items():
        answer.accepted[_line(reading, place)] = number
    for place, change in taken.changes.items():
        answer.changes[_line(reading, place)] = change
    for place, remark in taken.remarks.items():
        answer.remarks[_line(reading, place)] = remark
    for place, refusal in taken.refused.items():
        sheet, line = _line(reading, place)
        answer.refused.append(Problem(sheet, f"A{line}", refusal.chinese))
    return answer


def _line(reading: Reading, place: int) -> tuple[str, int]:
    return reading.rows[place].sheet, reading.rows[place].line


def _superseding(session: Session, run: Run, code: str, arrived_at: datetime) -> dict[WorkbookKind, int]:
    """What makes earlier issues stale: what came before a further issue went out is judged by the issue of its time."""
    newest = newest_issues(session, run.year, code, arrived_at)
    return {kind: newest[kind] for kind in REISSUED if kind in newest}


def _admitted(admission: Admission | None) -> Admitted | None:
    return Admitted(Actor(Role.OFFICE, admission.officer), admission.reason) if admission else None


def _replacing(run: Run, reading: Reading, newest: Mapping[WorkbookKind, int]) -> Path | None:
    """The workbook to be used instead of a stale one: it comes with the receipt."""
    mark = reading.mark
    if not reading.refused or mark is None or mark.issue >= newest.get(mark.kind, 0):
        return None
    return paths.issued(run.settings, run.year, mark.recipient, mark.kind, newest[mark.kind])
