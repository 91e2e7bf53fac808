"""Releases of the public pages as folders: `releases/<n>`, of which the link `site` names the one that is out.

A release is built out of sight, unchanged files as hard links to the release before; it is synced once, takes
its place by a rename, and goes out by renaming a link. Whoever dies in between leaves the old one out: the next
one to come clears away what is half made, and puts out what is whole. A reader sees one release or the next.

It is built in the folder of the release that was the last to make place, where there is one: ten thousand folders
cost a file system more than all that is written into them. What in it is not the release before's own file goes.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from config.errors import GangchuangError
from config.settings import PUBLIC, RELEASES, HomeNotWritable

FORMAT = "gangchuang-release/1"
MANIFEST = "release.json"
KEPT = 5
_FEW = 64  # so many files are synced one by one; beyond, the whole file system at once is cheaper
_WAIT_SECONDS = 120.0
_KEY_DIGITS = 32
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class SiteBusy(GangchuangError):
    def __init__(self) -> None:
        super().__init__(
            f"Another run has been publishing the pages for more than {_WAIT_SECONDS:.0f} s. Nothing was changed; "
            "if it hangs, end it, and `gangchuang site publish` does its work."
        )


class ReleaseGone(GangchuangError):
    def __init__(self, number: int, kept: list[int]) -> None:
        listed = ", ".join(map(str, kept)) or "none"
        super().__init__(f"There is no release {number} to put back (kept: {listed}). See `gangchuang site list`.")


@dataclass(frozen=True, slots=True)
class FileGroup:
    """What follows from `key` alone: where it is the key of the release before, nothing of it is made again.

    It may hold groups in its turn: those of it whose key has stayed are not made again when it is.
    """

    name: str
    key: str
    make: Callable[[], Iterable["Made"]]


Made = tuple[str, bytes] | FileGroup


@dataclass(frozen=True)
class Manifest:
    """`release.json`: what a release holds, and of which instant.

    `root` is the Merkle root over `roots`, the roots of the seasons in their order; `marks`, `whole` and `hidden` are
    those of `states.releases.Marks`. `files`: SHA-256 by path; `groups`: key, paths and inner groups by name. `program` is the
    digest of what made it, `put_back` the release whose files these are, `before` the SHA-256 of the `release.json`
    before this one.
    """

    number: int
    instant: str
    root: str = ""
    roots: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    whole: Mapping[str, str] = field(default_factory=dict)
    hidden: int = 0
    put_back: int | None = None
    program: str = ""
    before: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.text).hexdigest()

    @cached_property
    def text(self) -> bytes:
        told = {"format": FORMAT} | {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() + b"\n"


class Releases:
    """The releases of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.folder, self.link = self.home / RELEASES, self.home / PUBLIC

    def numbers(self) -> list[int]:
        """The releases that lie here whole, the oldest first."""
        found = (path.parent.name for path in self.folder.glob(f"[0-9]*/{MANIFEST}"))
        return sorted(int(name) for name in found if name.isascii() and name.isdigit())

    def out(self) -> int | None:
        """The number of the release that the link names."""
        if not self.link.is_symlink():
            return None
        name = self.link.readlink().name
        return int(name) if name.isdigit() and (self.folder / name / MANIFEST).is_file() else None

    def manifest(self, number: int) -> Manifest:
        """What a release says of itself. Raises ReleaseGone, also for one that was altered."""
        try:
            return _read(*_state(self.folder / str(number) / MANIFEST))
        except (OSError, ValueError, KeyError, TypeError):
            raise ReleaseGone(number, self.numbers()) from None

    def newest(self) -> Manifest | None:
        """The newest whole release, whether it is out yet or not."""
        numbers = self.numbers()
        with suppress(ReleaseGone):
            return self.manifest(numbers[-1]) if numbers else None
        return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One who publishes at a time; what a dead one left half made is cleared away. Raises SiteBusy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        with (self.folder / ".lock").open("a") as lock:
            ends = time.monotonic() + _WAIT_SECONDS
            while not _taken(lock.fileno()):
                if time.monotonic() > ends:
                    raise SiteBusy
                time.sleep(0.05)
            for leftover in (*self.folder.glob(".*.part"), *self.folder.glob(".*.gone")):
                shutil.rmtree(leftover, ignore_errors=True)
            for leftover in self.home.glob(f".{PUBLIC}.*.part"):
                leftover.unlink()
            yield

    def is_locked(self) -> bool:
        """Whether somebody publishes at this moment."""
        try:
            with (self.folder / ".lock").open("a") as lock:
                return not _taken(lock.fileno())
        except OSError:
            return False

    def build(self, made: Iterable[Made], about: Manifest, *, afresh: bool = False) -> Manifest:
        """Write the release that `about` describes, but for its files, and put it out. The lock is held.

        Afresh, no file is taken from the release before. Raises HomeNotWritable.
        """
        before = None if afresh else self.newest()
        draft = self.folder / f".{about.number}.part"
        try:
            spare = None if afresh else next(self.folder.glob(".*.spare"), None)
            if spare is None:
                draft.mkdir()
            else:
                spare.replace(draft)
            draft.chmod(0o755)
            building = _Building(draft, self.folder / str(before.number) if before else None, before)
            for file in made:
                building.take(file, about.program)
            whole = replace(about, files=building.files, groups=building.groups)
            building.write(MANIFEST, whole.text)
            building.finish()
            draft.replace(self.folder / str(about.number))
            self.put_out(about.number)
        except OSError as problem:
            raise HomeNotWritable(Path(problem.filename or draft), problem.strerror or str(problem)) from problem
        return whole

    def again(self, number: int, about: Manifest) -> Manifest:
        """The files of an earlier release once more, as a new one. Raises ReleaseGone, HomeNotWritable."""
        old = self.manifest(number)
        kept = self.folder / str(number)
        return self.build(((path, (kept / path).read_bytes()) for path in old.files), about, afresh=True)

    def put_out(self, number: int) -> None:
        """Have the link name a release; in one step, so that nobody finds none."""
        _set_aside(self.link, self.folder / "0")
        draft = self.home / f".{PUBLIC}.{os.getpid()}.part"
        draft.symlink_to(Path(RELEASES, str(number)))
        _sync_file(self.folder)
        draft.replace(self.link)
        _sync_file(self.home)

    def is_pruned(self, hidden: int) -> bool:
        """Whether what `prune` removes is gone; not when it was cut off."""
        numbers = self.numbers()
        return len(numbers) <= KEPT and (len(numbers) < 2 or self._hidden(numbers[-2]) >= hidden)

    def prune(self, hidden: int) -> None:
        """Keep the last five; none from before something was taken away for good. The next is built in the one before them."""
        numbers = self.numbers()
        told = [number for number in numbers[:-1] if self._hidden(number) < hidden]
        spare = next((number for number in numbers[-KEPT - 1 : -KEPT] if number not in told), None)
        for path in self.folder.glob(".*.spare"):
            _removed(path, path.with_suffix(".gone"))
        for number in numbers[:-1]:
            if number == spare:
                (self.folder / str(number)).replace(self.folder / f".{number}.spare")
            elif number in told or number not in numbers[-KEPT:]:
                _removed(self.folder / str(number), self.folder / f".{number}.gone")
        if hidden or len(numbers) >= KEPT:
            shutil.rmtree(self.folder / "0", ignore_errors=True)

    def _hidden(self, number: int) -> int:
        try:
            return _hidden_in(*_state(self.folder / str(number) / MANIFEST))
        except (OSError, ValueError, KeyError, TypeError):
            return -1


class _Building:
    """A release in the making: every file is a new one, or a link to the same in the release before.

    `lying`, `lying_folders`: what the draft's folder held from an earlier release and is not yet taken or replaced;
    files by path, as inodes.
    """

    def __init__(self, draft: Path, before: Path | None, manifest: Manifest | None) -> None:
        self.draft, self.before = draft, before
        self.known = manifest.files if manifest else {}
        self.known_groups = manifest.groups if manifest else {}
        self.files: dict[str, str] = {}
        self.groups: dict[str, Any] = {}
        self.folders = {""}
        self.written = 0
        self.masked: bool | None = None
        self.lying: dict[str, int] = {}
        self.lying_folders: set[str] = set()
        self._look(str(draft), "")

    def take(self, made: Made, program: str) -> None:
        if isinstance(made, FileGroup):
            self._take_group(made, program)
            return
        path, content = made
        digest = hashlib.sha256(content).hexdigest()
        if path in self.files:
            raise ValueError(f"two parts make {path}")
        if self.known.get(path) != digest or not self._linked(path):
            self.write(path, content)
        self.files[path] = digest

    def _take_group(self, group: FileGroup, program: str) -> None:
        key = hashlib.sha256(f"{program}/{group.key}".encode()).hexdigest()[:_KEY_DIGITS]
        if self.groups.get(group.name, {"key": key})["key"] != key:
            raise ValueError(f"two parts make {group.name}")
        if group.name in self.groups:  # two groups hold it, as a picture that two seasons show
            return
        known = self.known_groups.get(group.name)
        if known and known["key"] == key and self._kept(group.name):
            return
        paths, inner = [], []
        for file in group.make():
            self.take(file, program)
            if isinstance(file, FileGroup):
                inner.append(file.name)
            else:
                paths.append(file[0])
        self.groups[group.name] = {"key": key, "files": paths, "groups": inner}

    def _kept(self, name: str) -> bool:
        """Whether a group of the release before, and all within it, could be taken as it is."""
        known = self.known_groups[name]
        for path in known["files"]:
            if not self._linked(path):
                return False
        self.files.update((path, self.known[path]) for path in known["files"])
        if not all(inner in self.groups or self._kept(inner) for inner in known["groups"]):
            for path in known["files"]:  # what is missed within is made again, and this with it
                del self.files[path]
            return False
        self.groups[name] = known
        return True

    def write(self, path: str, content: bytes) -> None:
        target = self._place(path)
        if self.lying.pop(path, None) is not None:
            Path(target).unlink()
        try:
            number = os.open(target, _NEW, 0o644)
        except FileExistsError:  # linked before the rest of its group was missed
            Path(target).unlink()
            number = os.open(target, _NEW, 0o644)
        try:
            os.fchmod(number, 0o644)  # whatever the process's umask: pages are for everybody
            left = memoryview(content)
            while left:
                left = left[os.write(number, left) :]
        finally:
            os.close(number)
        self.written += 1

    def _linked(self, path: str) -> bool:
        """Whether the draft now has the release before's own file."""
        if self.before is None:
            return False
        source, target = f"{self.before}/{path}", self._place(path)
        try:
            inode = self.lying.pop(path, None)
            if inode is not None:
                if inode == os.lstat(source).st_ino:
                    return True
                Path(target).unlink()
            os.link(source, target)
        except FileExistsError:
            return True
        except OSError:
            return False
        return True

    def _place(self, path: str) -> str:
        parent = path.rpartition("/")[0]
        if parent not in self.folders:
            if not {"", ".", ".."}.isdisjoint(path.split("/")):
                raise ValueError(f"{path} is no path within a release")
            self._folder(parent)
        if path in self.lying_folders:  # where a folder was, a file comes
            self._clear(f"{path}/")
        return f"{self.draft}/{path}"

    def _folder(self, path: str) -> None:
        above = path.rpartition("/")[0]
        if above not in self.folders:
            self._folder(above)
        self.folders.add(path)
        if path in self.lying_folders:
            return
        made = f"{self.draft}/{path}"
        if self.lying.pop(path, None) is not None:
            Path(made).unlink()
        os.mkdir(made, 0o755)  # noqa: PTH102 - of ten thousand, a Path each costs as much again
        if self.masked is None:
            self.masked = Path(made).stat().st_mode & 0o777 != 0o755
        if self.masked:
            Path(made).chmod(0o755)

    def _look(self, folder: str, within: str) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = within + entry.name
                if entry.is_dir(follow_symlinks=False):
                    self.lying_folders.add(path)
                    self._look(entry.path, f"{path}/")
                else:
                    self.lying[path] = entry.inode()

    def finish(self) -> None:
        """Away with what the folder held and this release has not; then everything is synced, once."""
        self._clear("")
        if self.written + len(self.folders) > _FEW:
            _sync_all(self.draft)
            return
        for path in (*self.files, MANIFEST, *sorted(self.folders, key=len, reverse=True)):
            _sync_file(self.draft / path)

    def _clear(self, within: str) -> None:
        """Unlink what still lies in a folder, and the folders that nothing was put into, that one too."""
        for path in [path for path in self.lying if path.startswith(within)]:
            (self.draft / path).unlink()
            del self.lying[path]
        empty = [path for path in self.lying_folders - self.folders if f"{path}/".startswith(within)]
        for path in sorted(empty, key=len, reverse=True):
            (self.draft / path).rmdir()
            self.lying_folders.remove(path)


def _state(path: Path) -> tuple[Path, int, int, int]:
    """A file as it is now: what was read of it holds as long as this is the same."""
    found = path.stat()
    return path, found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=1)
def _read(path: Path, *_: int) -> Manifest:
    """Raises OSError, ValueError, KeyError and TypeError for what is no manifest, or was altered."""
    lying = path.read_bytes()
    told = json.loads(lying)
    manifest = Manifest(**{field.name: told[field.name] for field in fields(Manifest)})
    if manifest.text != lying:
        raise ValueError(MANIFEST)
    return manifest


@lru_cache
def _hidden_in(*state: Any) -> int:
    return _read(*state).hidden


def _taken(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _removed(path: Path, gone: Path) -> None:
    """Out of sight at once, so that whoever dies meanwhile leaves what the next one clears away."""
    path.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _set_aside(link: Path, aside: Path) -> None:
    """What earlier versions wrote into the folder itself makes place for the link."""
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
        link.replace(aside)


def _sync_file(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _sync_all(path: Path) -> None:
    """The file system of a path, where the system can say so, else all of them."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    number = os.open(path, os.O_RDONLY)
    try:
        if syncfs is None or syncfs(number) != 0:
            os.sync()
    finally:
        os.close(number)
