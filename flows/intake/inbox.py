"""The inbox: what in it is a whole delivery, a sealed copy of one, and how it leaves.

A delivery is judged by a copy of ours that nobody else can write to. What lay in the inbox goes only if it still
is what was copied; whoever writes on meanwhile makes a new delivery of it.
"""

import errno
import fcntl
import os
import re
import shutil
import signal
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.milestones import Chore
from config.season_parts import FileLimits
from config.settings import HomeNotWritable, Settings
from flows.home import paths
from flows.home.files import digest_of, is_larger, name_for_people
from models.enums import CallState
from models.queries import call_state, season_in_force, seasons_going_on
from states.failures import resting

# What programs and systems leave beside files, and the passing names under which clients write them.
_TRACE = re.compile(r"^(?:\.|~\$|__macosx$|desktop\.ini$|thumbs\.db$)", re.IGNORECASE)
_PARTIAL = re.compile(
    r"\.(?:filepart|part|partial|crdownload|opdownload|download|downloading|aria2|xltd|tmp)$", re.IGNORECASE
)
_MIB = 1 << 20
_RESTS = 2.0  # seconds for which nobody may have written
_UNSEEN_RESTS = 60.0  # the same for files of other users, whose programs we may not be able to look into
_CUT_RESTS = 600.0  # after that what looks cut off is judged as it is
_UNKNOWN_RESTS = 30.0  # the same for what does not show whether it is whole
# How files begin, and what stands near the end of a whole one: zip (so every workbook), PDF, JPEG, PNG.
_ENDS = {b"PK\x03\x04": b"PK\x05\x06", b"%PDF": b"%%EOF", b"\xff\xd8\xff": b"\xff\xd9", b"\x89PNG": b"IEND"}
_LONGEST_END = 22 + 0xFFFF
_OLE, _LAST_SECTOR, _FREE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0xFFFFFFFA, 0xFFFFFFFF  # how an .xls begins
_DRAFT = re.compile(r"\.sealing-(\d+)-")


class DeliveryTooLarge(GangchuangError):
    """A delivery so large that it is not even looked at: hashing it alone would hold everybody up."""

    def __init__(self, path: Path, most_mib: int) -> None:
        self.path = path
        super().__init__(
            f"{path} is larger than any delivery may be ({most_mib} MiB, files.max_unpacked_mib of the season file). It "
            f"was not read and its sender has no answer. Move it away and ask them for a smaller one."
        )


class Sealed(NamedTuple):
    """A private copy of one delivery: what it holds is `digest`, as it came to lie at `arrived_at`.

    `came`: when the copied file came to lie there by the disk, which the copy keeps as its own time.
    """

    path: Path
    digest: str
    arrived_at: datetime
    came: int


def waiting_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """(folder, file) of every delivery that has come to rest, the oldest first."""
    found = [(path.lstat().st_mtime, folder, path) for folder, path in lying(settings) if _is_whole(settings, path)]
    return ((folder, path) for _, folder, path in sorted(found))


def lying(settings: Settings) -> Iterator[tuple[str, Path]]:
    """(folder, file) of everything in the inbox's folders that is or will be a delivery."""
    for folder in sorted(path for path in paths.inbox(settings).iterdir() if path.is_dir() and not path.is_symlink()):
        for path in sorted(folder.iterdir()):
            if not _TRACE.search(path.name) and not _PARTIAL.search(path.name):
                yield folder.name, path


def senders_waiting(settings: Settings) -> set[str]:
    """Folders in which something lies that is not taken: it came just now, or could not be taken."""
    return {folder for folder, _ in lying(settings)}


def files_to_take(session: Session, year: int, files: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Of the (folder, file) that wait, those to try now: one that failed again and again rests until it changes."""
    still = resting(session, year, Chore.COLLECT)
    return [(folder, path) for folder, path in files if still.get(subject_of(folder, path)) != mark_of(path)]


def files_of_season(session: Session, year: int, settings: Settings) -> list[tuple[str, Path]]:
    """(folder, file) of every delivery that a season has to take, the oldest first.

    Where several seasons go on at once, that is the season whose workbook it is, and for what bears no season the
    newest whose call has opened, which answers it.
    """
    files, going_on = list(waiting_files(settings)), seasons_going_on(session)
    if not files or len(going_on) < 2:
        return files
    limits, key = season_in_force(session, year).files, settings.signing_key()
    begun = [other for other in going_on if call_state(session, other) is not CallState.PLANNED]
    newest = max(begun or going_on)
    found = []
    for folder, path in files:
        of = _season_of(path, mark_of(path), limits, key)
        if (of if of in going_on else newest) == year:
            found.append((folder, path))
    return found


@lru_cache(maxsize=1024)
def _season_of(path: Path, _mark: str, limits: FileLimits, key: bytes) -> int | None:
    """The season whose workbook a file is; None when it is none, or too large to be looked into."""
    from flows.workbooks.reader.reading import genuine_mark  # brings the reader, which no look at the inbox needs

    try:
        mark = None if is_larger(path, limits.max_file_mib * _MIB) else genuine_mark(path, limits, key)
    except OSError:
        return None
    return mark.season if mark else None


def subject_of(folder: str, path: Path) -> str:
    """What a file is called in the record of failures."""
    return f"{folder}/{name_for_people(path)}"


def mark_of(path: Path) -> str:
    """Another one for every file that comes, is written or is only touched."""
    try:
        state = path.lstat()
    except FileNotFoundError:
        return "gone"
    return f"{state.st_ino}/{state.st_ctime_ns}/{state.st_size}"


def require_size(path: Path, limits: FileLimits) -> None:
    """Raises DeliveryTooLarge."""
    most_mib = max(limits.max_unpacked_mib, limits.max_file_mib)
    if is_larger(path, most_mib * _MIB):
        raise DeliveryTooLarge(path, most_mib)


def strays(settings: Settings) -> list[Path]:
    """Files that lie in no folder: nobody can say whose they are."""
    here = sorted(paths.inbox(settings).iterdir())
    return [path for path in here if not path.is_dir() and not _TRACE.search(path.name)]


def unfinished(settings: Settings) -> list[Path]:
    """What lies in the folders for long and is not whole: still open, cut off, or under a passing name."""
    partial = [path for path in paths.inbox(settings).glob("*/*") if _PARTIAL.search(path.name)]
    not_whole = [path for _, path in lying(settings) if not _is_whole(settings, path)]
    return [path for path in sorted(partial + not_whole) if settings.clock.is_at_rest(path, _CUT_RESTS)]


def _is_whole(settings: Settings, path: Path) -> bool:
    """Whether nobody writes to a file or folder any more, and nothing of it seems to be missing yet."""
    try:
        files = _files(path)
        if any(_PARTIAL.search(file.name) for file in files):
            return False
        unseen = os.geteuid() != 0 and any(file.lstat().st_uid != os.geteuid() for file in files)
        rests = max([_UNSEEN_RESTS if unseen else _RESTS, *map(_rests, files)])
        return settings.clock.is_at_rest(path, rests) and not any(map(is_open_for_writing, files))
    except FileNotFoundError:
        return False
    except PermissionError:
        return True  # it is named when it cannot be taken


def _files(path: Path) -> list[Path]:
    return [file for file in (path, *path.rglob("*")) if stat.S_ISREG(file.lstat().st_mode)]


def _rests(file: Path) -> float:
    """For how many seconds nobody may have written to a file that holds so much: less where it shows its own end."""
    with file.open("rb") as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(0)
        head = content.read(len(_OLE))
        if head == _OLE:
            return _RESTS if _ole_is_whole(content, size) else _CUT_RESTS
        end = next((end for start, end in _ENDS.items() if head.startswith(start)), None)
        if end is None:  # what has no end that we know may be half there
            return _UNKNOWN_RESTS if size else _CUT_RESTS
        content.seek(max(0, size - _LONGEST_END))
        return _RESTS if end in content.read() else _CUT_RESTS


def _ole_is_whole(content: BinaryIO, size: int) -> bool:
    """Whether every sector that an .xls has in use ([MS-CFB] 2.2 and 2.3) lies within what is there."""
    content.seek(0)
    header = content.read(512)
    if len(header) < 512:
        return False
    sector = 1 << min(struct.unpack_from("<H", header, 30)[0], 12)
    listed = [at for at in struct.unpack_from("<109I", header, 76) if at < _LAST_SECTOR]
    per_table, used = sector // 4, 0
    for place, at in enumerate(listed):
        content.seek((at + 1) * sector)
        table = content.read(sector)
        if len(table) < sector:
            return False
        entries = struct.unpack(f"<{per_table}I", table)
        used = max(
            (place * per_table + entry + 1 for entry, next_one in enumerate(entries) if next_one != _FREE), default=used
        )
    return size > used * sector


def is_open_for_writing(file: Path) -> bool:
    """Whether anybody on this machine has a file open to write; the system grants a read lease only if nobody has."""
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # who opens it meanwhile only breaks the lease
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as problem:
        return problem.errno == errno.EAGAIN or _is_held(os.fstat(handle))
    finally:
        os.close(handle)
    return False


def _is_held(own: os.stat_result) -> bool:
    """Where no lease is to be had (a file of another's): by the open files of every process that we may look into."""
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError, StopIteration):
            if os.path.samestat(handle.stat(), own):
                told = (handle.parents[1] / "fdinfo" / handle.name).read_text("ascii").splitlines()
                flags = int(next(line for line in told if line.startswith("flags:")).split()[1], 8)
                if flags & os.O_ACCMODE != os.O_RDONLY:
                    return True
    return False


@contextmanager
def sealing(settings: Settings) -> Iterator[Path]:
    """A folder of ours for copies of deliveries; what was not put away is gone at the end. Raises HomeNotWritable."""
    home = settings.folder("taken")
    _sweep(home)
    draft = home / f".sealing-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        draft.mkdir()
    except OSError as problem:
        raise HomeNotWritable(draft, problem.strerror or str(problem)) from problem
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def sealed(settings: Settings, path: Path) -> Iterator[Sealed]:
    """A private copy of a delivery, gone at the end unless it was put away. Raises HomeNotWritable."""
    with sealing(settings) as draft:
        arrived_at, came = settings.clock.arrived_at(path), _came(path)
        try:
            _copy(path, draft / path.name)
        except OSError as problem:
            raise HomeNotWritable(draft, problem.strerror or str(problem)) from problem
        yield Sealed(draft / path.name, digest_of(draft / path.name), arrived_at, came)


def put_away(copy: Sealed, target: Path) -> None:
    """The copy to where it lies from now on, in place of an earlier one of the same content."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.utime(copy.path, ns=(copy.came, copy.came), follow_symlinks=False)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        copy.path.replace(target)
    except OSError as problem:
        raise HomeNotWritable(target, problem.strerror or str(problem)) from problem


def is_left_over(copy: Sealed, target: Path) -> bool:
    """Whether this very file was taken before by a run that died before it left the inbox."""
    with suppress(FileNotFoundError):
        return target.lstat().st_mtime_ns == copy.came
    return False


def clear(path: Path, copy: Sealed) -> None:
    """Take a delivery that lies sealed out of the inbox, unless it is another one by now or somebody writes to it."""
    aside = copy.path.parent / f"{path.name[:8]}-aside"
    try:
        path.replace(aside)
        if digest_of(aside) == copy.digest and not any(map(is_open_for_writing, _files(aside))):
            return  # goes with the folder of the copy
        aside.replace(path.with_name(f"{copy.digest[:8]}-{path.name}") if path.exists() else path)
    except FileNotFoundError:
        return
    except OSError as problem:
        raise HomeNotWritable(path, problem.strerror or str(problem)) from problem


def _came(path: Path) -> int:
    return max(file.lstat().st_ctime_ns for file in (path, *path.rglob("*")))


def _sweep(home: Path) -> None:
    """Drafts of processes that died."""
    for draft in home.glob(".sealing-*"):
        found = _DRAFT.match(draft.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            shutil.rmtree(draft, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """A copy to read only; links and pipes as what they are."""
    details = source.lstat()
    if stat.S_ISDIR(details.st_mode):
        target.mkdir()
        for child in source.iterdir():
            _copy(child, target / child.name)
    elif stat.S_ISLNK(details.st_mode):
        target.symlink_to(source.readlink())
    elif not stat.S_ISREG(details.st_mode):
        os.mkfifo(target)
    else:
        with source.open("rb") as there, target.open("xb") as here:
            shutil.copyfileobj(there, here, 1 << 20)
            here.flush()
            os.fsync(here.fileno())
        target.chmod(0o400)
