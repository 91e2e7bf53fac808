"""A delivery as it lies in the inbox: a workbook alone, or a zip or folder with its attachments."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from config.season_parts import FileLimits
from flows.workbooks.reader.archives import MIB, Archive
from flows.workbooks.reader.findings import FileRefused
from flows.workbooks.reader.formats import SPREADSHEETS, Format, identify
from flows.workbooks.reader.pictures import MadePicture, make_picture
from flows.workbooks.reader.sheets import marks_in
from states.submissions.attachments import AttachedFile

_JUNK = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|~\$|\._|\.~)", re.IGNORECASE)
_PROGRAMS = frozenset(
    [
        ".exe",
        ".bat",
        ".cmd",
        ".com",
        ".scr",
        ".msi",
        ".ps1",
        ".vbs",
        ".vbe",
        ".js",
        ".jse",
        ".wsf",
        ".hta",
        ".lnk",
        ".jar",
        ".sh",
        ".dll",
        ".reg",
        ".pif",
        ".cpl",
        ".app",
    ]
)
_MOST_DEPTH = 8
_CHUNK = 1 << 20


@dataclass(frozen=True)
class OpenDelivery:
    """The workbook's path and what lies beside it; `packed` when it came with room for attachments.

    `pictures`: what was made of the attachments that `make_picture` was asked for, by their names.
    """

    workbook: Path
    attachments: tuple[AttachedFile, ...]
    packed: bool
    pictures: dict[str, MadePicture] = field(default_factory=dict)
    copies: Callable[[str], Path] | None = None

    def make_picture(self, name: str) -> None:
        """Make what may be published of an attachment, in a process with limits. Raises PictureUnreadable."""
        if name not in self.pictures and self.copies is not None:
            copy = self.copies(name)
            try:
                self.pictures[name] = make_picture(copy)
            finally:
                copy.unlink()


class _PackedFile(NamedTuple):
    name: str
    size: int
    chunks: Callable[[], Iterator[bytes]]


@contextmanager
def open_delivery(path: Path, limits: FileLimits) -> Iterator[OpenDelivery]:
    """Find the workbook of a delivery. Raises FileRefused.

    Of several spreadsheets in a package, the one that bears a mark is the workbook. A workbook
    inside a package is copied to a temporary folder that goes when the context ends.
    """
    with _packed_files(path, limits) as files, TemporaryDirectory(prefix="gangchuang-") as scratch:
        if files is None:
            yield OpenDelivery(path, (), packed=False)
            return
        workbook, copy = _choose(files, Path(scratch), limits)
        others = {packed.name: packed for packed in files if packed is not workbook}

        def copied(name: str) -> Path:
            target = Path(scratch) / "picture"
            _copy(others[name], target)
            return target

        yield OpenDelivery(copy, tuple(map(_attachment, others.values())), packed=True, copies=copied)


def save_attachments(path: Path, folder: Path, limits: FileLimits, names: Iterable[str]) -> Mapping[str, Path]:
    """Copy the named attachments of a delivery into `folder`: their name -> the file, named by its SHA-256.

    Each appears whole or not at all; one that lies there already is left as it is.

    Names are those of `Reading.attachments`. Raises FileRefused when the delivery can no longer be read.
    """
    wanted, saved = set(names), {}
    with _packed_files(path, limits) as files:
        for packed in files or ():
            if packed.name in wanted:
                target = folder / (_attachment(packed).digest + PurePosixPath(packed.name).suffix.lower()[:12])
                if not target.exists():
                    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
                    _copy(packed, draft, sync=True)
                    draft.replace(target)
                saved[packed.name] = target
    return saved


def holds_workbook(path: Path, limits: FileLimits) -> bool:
    """Whether a file is a workbook, or a package that holds something like one, readable or not."""
    try:
        with _packed_files(path, limits) as files:
            return files is None or any(_is_sheet(packed.name) for packed in files)
    except FileRefused:
        return True  # the reader says to its sender what is wrong with it


def unpack(path: Path, folder: Path, limits: FileLimits) -> None:
    """Lay what a package holds into a folder, in folders of their own where it has such. Raises FileRefused."""
    with _packed_files(path, limits) as files:
        for packed in files or ():
            target = folder / packed.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(packed, target)


@contextmanager
def _packed_files(path: Path, limits: FileLimits) -> Iterator[list[_PackedFile] | None]:
    """The files of a package, or None for a single file."""
    kind = path.lstat().st_mode
    if stat.S_ISLNK(kind):
        raise FileRefused("这是一个链接，不是文件，请放入文件本身。")
    if stat.S_ISDIR(kind):
        yield _folder_files(path, limits)
    elif not stat.S_ISREG(kind):
        raise FileRefused("这不是普通文件，无法读取。")
    else:
        form, archive = identify(path, limits)
        if archive is None:
            yield None
            return
        with archive.file:
            yield _zip_files(archive) if form is Format.PACKAGE else None


def _zip_files(archive: Archive) -> list[_PackedFile]:
    files = []
    for member in archive.members:
        if member.link:
            raise FileRefused("压缩包里有链接（快捷方式），请换成文件本身后重新压缩。")
        name = _safe_name(member.name)
        if not _JUNK.search(name):
            files.append(_PackedFile(name, member.size, partial(archive.chunks, member)))
    return _checked(files)


def _safe_name(name: str) -> str:
    """The stored path, if it stays inside the package."""
    parts = PurePosixPath(name).parts
    if "\x00" in name or "\\" in name or name[:1] == "/" or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise FileRefused("压缩包里的文件路径不正常，出于安全考虑不予接收，请用常规方式重新压缩。")
    return unicodedata.normalize("NFC", name)


def _folder_files(folder: Path, limits: FileLimits) -> list[_PackedFile]:
    files: list[_PackedFile] = []
    total = 0
    for path, details in _walk(folder, 0):
        name = unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
        if _JUNK.search(name):
            continue
        total += details.st_size
        if len(files) >= limits.max_archive_files:
            raise FileRefused(f"文件夹里的文件超过{limits.max_archive_files}个，请减少后再报送。")
        if total > limits.max_unpacked_mib * MIB:
            raise FileRefused(f"文件夹里的文件合计超过{limits.max_unpacked_mib}MB，请减小后再报送。")
        files.append(_PackedFile(name, details.st_size, _file_reader(path)))
    return _checked(files)


def _walk(folder: Path, depth: int) -> Iterator[tuple[Path, os.stat_result]]:
    if depth > _MOST_DEPTH:
        raise FileRefused(f"文件夹嵌套超过{_MOST_DEPTH}层，请简化后再报送。")
    for path in sorted(folder.iterdir()):
        details = path.lstat()
        if stat.S_ISLNK(details.st_mode):
            raise FileRefused(f"文件夹里的“{path.name}”是链接，请换成文件本身。")
        if stat.S_ISDIR(details.st_mode):
            yield from _walk(path, depth + 1)
        elif stat.S_ISREG(details.st_mode):
            yield path, details
        else:
            raise FileRefused(f"文件夹里的“{path.name}”不是普通文件，请移走。")


def _file_reader(path: Path) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece

    return chunks


def _checked(files: list[_PackedFile]) -> list[_PackedFile]:
    for packed in files:
        if PurePosixPath(packed.name).suffix.lower() in _PROGRAMS:
            raise FileRefused(f"“{PurePosixPath(packed.name).name}”是程序文件，不予接收，请移走后重新报送。")
    return files


def _choose(files: list[_PackedFile], scratch: Path, limits: FileLimits) -> tuple[_PackedFile, Path]:
    """The one file that is the filled template, and a copy of it that can be opened."""
    sheets = [packed for packed in files if _is_sheet(packed.name)]
    if not sheets:
        raise FileRefused("没有找到填报表（.xlsx）。请把填好的模板和附件放在一起报送。")
    copies = {}
    for index, packed in enumerate(sheets):
        copies[index] = scratch / f"{index}{PurePosixPath(packed.name).suffix.lower()}"
        _copy(packed, copies[index])
    if len(sheets) == 1:
        return sheets[0], copies[0]
    marked = [index for index, copy in copies.items() if marks_in(copy, limits)]
    if not marked:
        raise FileRefused(f"有{len(sheets)}个表格文件，但没有一个带模板标识。请使用下发的模板填写。")
    if len(marked) > 1:
        names = "、".join(PurePosixPath(sheets[index].name).name for index in marked[:5])
        raise FileRefused(f"一次只能报送一份填报表，这里有{len(marked)}份：{names}。请分开报送。")
    return sheets[marked[0]], copies[marked[0]]


def _is_sheet(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SPREADSHEETS


def _copy(packed: _PackedFile, target: Path, *, sync: bool = False) -> None:
    with target.open("wb") as file:
        for piece in packed.chunks():
            file.write(piece)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _attachment(packed: _PackedFile) -> AttachedFile:
    digest = hashlib.sha256()
    for piece in packed.chunks():
        digest.update(piece)
    return AttachedFile(packed.name, digest.hexdigest(), packed.size)
