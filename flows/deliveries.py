"""Takes deliveries from the inbox: each content once, each answered with a receipt."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import local_day
from config.milestones import Chore
from config.settings import Settings
from config.units import UnitNotInForce, UnknownUnit, unit_on
from flows import places
from flows.answers import Answer, Sender, keep_answer, rows_back_of
from flows.files import digest_of, is_larger, move_atomically, name_for_people
from flows.issuing import newest_issues
from flows.kinds.kind import HandedIn
from flows.kinds.table import KINDS, REISSUED, read_delivery
from flows.misplaced import part_misplaced
from flows.stage import Run
from flows.workbooks.archives import MIB
from flows.workbooks.findings import Problem, Reading
from flows.workbooks.reading import without_collector
from models import Admission, Delivery, Expert
from models.enums import DeliveryState, Role, WorkbookKind
from models.queries import lock_call
from states.delivered import Admitted, Delivered
from states.failures import resting
from states.machine import Actor

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


class DeliveryChanged(GangchuangError):
    """A file was replaced while it was read; nothing of it was kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} was replaced while it was being read. Nothing was kept; it is taken with the next look."
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


def waiting_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """(folder, file) of every delivery that has come to rest, the oldest first."""
    at_rest = ((folder, path) for folder, path in _lying(settings) if settings.clock.is_at_rest(path))
    found = [(path.lstat().st_mtime, folder, path) for folder, path in at_rest]
    return ((folder, path) for _, folder, path in sorted(found))


def senders_waiting(settings: Settings) -> set[str]:
    """Folders in which something lies that is not taken: it came just now, or could not be taken."""
    return {folder for folder, _ in _lying(settings)}


def _lying(settings: Settings) -> Iterator[tuple[str, Path]]:
    """(folder, file) of everything in the inbox but for the traces of programs."""
    for folder in sorted(path for path in places.inbox(settings).iterdir() if path.is_dir() and not path.is_symlink()):
        for path in folder.iterdir():
            if not (path.name.startswith((".", "~$")) or path.name.endswith((".part", ".tmp", ".crdownload"))):
                yield folder.name, path


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
    arrived_at = run.settings.clock.arrived_at(path)
    digest = digest_of(path)
    sender = _sender(run, folder)
    with run.step() as session:
        # One intake at a time: whoever comes second sees what the first has kept.
        lock_call(session, run.year)
        known = session.get(Delivery, (digest, folder))
        admission = session.query(Admission).filter_by(digest=digest).one_or_none()
        if known is not None and (admission is None or known.state is DeliveryState.ACCEPTED):
            counts["taken before"] += 1
        else:
            with without_collector():
                answer = _judge(session, run, sender, path, digest, arrived_at, admission)
            keep_answer(session, run, sender, path, digest, arrived_at, answer, known)
            counts["taken"] += 1
            counts["rows in"] += len(answer.accepted)
            counts["rows back"] += rows_back_of(answer)
            if digest_of(path) != digest:
                raise DeliveryChanged(path)
    if not run.dry_run:
        _put_away(path, places.taken(run.settings, run.year, folder, digest, name_for_people(path)), digest)


def _put_away(path: Path, target: Path, digest: str) -> None:
    """Move a taken file out of the inbox; another one that came in its place meanwhile is not touched."""
    with suppress(FileNotFoundError):
        if target.exists() and digest_of(path) != digest:
            return
    move_atomically(path, target)
    if digest_of(target) != digest:
        # It came in the very last moment: back, unless there is yet another.
        with suppress(FileExistsError):
            if target.is_dir():
                path.mkdir()
                target.replace(path)
            else:
                path.hardlink_to(target)
                target.unlink()


def _sender(run: Run, folder: str) -> Sender:
    office = run.season.office
    if folder == places.OFFICE:
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
        problem = f"{gone.unit.name}已撤销，本年度不再单独报送；请由承接单位（代码{heirs}）报送"
    else:
        return Sender(folder, unit.name, run.season.mail_of(folder), Actor(Role.DISTRICT, folder))
    return Sender(folder, office.name, office.mail, Actor(Role.DISTRICT, folder), problem)


def _judge(
    session: Session,
    run: Run,
    sender: Sender,
    path: Path,
    digest: str,
    arrived_at: datetime,
    admission: Admission | None,
) -> Answer:
    if sender.problem:
        return Answer(Reading(None, None, problems=(Problem("", None, sender.problem),)))
    newest = {} if admission is not None else _superseding(session, run, sender.code, arrived_at)
    reading = read_delivery(
        path, season=run.season, sender=sender.code, key=run.settings.signing_key(), newest_issue=newest
    )
    reading = part_misplaced(session, reading)
    answer = Answer(reading, newest=_replacing(run, reading, newest))
    if reading.refused or reading.kind is None:
        return answer
    delivered = Delivered(run.year, sender.code, digest, arrived_at, run.act.by(sender.actor), _admitted(admission))
    taken = KINDS[reading.kind].take(session, run, HandedIn(path, reading, delivered))
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
    return places.issued(run.settings, run.year, mark.recipient, mark.kind, newest[mark.kind])
