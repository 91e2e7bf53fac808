"""The deliveries that a mail holds: each workbook with what belongs to it, laid out as the reader takes it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from config.season_parts import FileLimits
from flows.intake.mail.letter import Enclosed
from flows.workbooks.columns.mark import Mark
from flows.workbooks.reader.findings import FileRefused
from flows.workbooks.reader.formats import SPREADSHEETS
from flows.workbooks.reader.packages import holds_workbook, unpack
from flows.workbooks.reader.reading import genuine_mark
from models.enums import WorkbookKind

_PACKED = (".zip", ".rar", ".7z", ".gz", ".tar", ".tgz")


@dataclass(frozen=True)
class Parcel:
    """One delivery: a file, or a folder with a workbook and its attachments; `mark` where it is a genuine one."""

    path: Path
    mark: Mark | None


@dataclass(frozen=True)
class Unpacked:
    """What a mail holds: deliveries, and the names of files that belong to none of them."""

    parcels: tuple[Parcel, ...]
    unused: tuple[str, ...]


def lay_out(enclosed: Iterable[Enclosed], folder: Path, limits: FileLimits, key: bytes) -> Unpacked:
    """Lay a mail's files into an empty folder of ours and tell its deliveries.

    Loose attachments, and packages without a workbook, go with the workbook beside them as if all lay in one zip;
    where there are several, with those of submissions, since no others have attachments.
    """
    files = _laid(enclosed, folder / "files")
    loose = [file for file in files if _suffix(file) in SPREADSHEETS]
    packages = [file for file in files if _suffix(file) in _PACKED]
    whole = [file for file in packages if holds_workbook(file, limits)]
    others = [file for file in files if file not in (*loose, *whole)]
    marks = {file: genuine_mark(file, limits, key) for file in (*loose, *whole)}
    if not loose and not whole:
        return Unpacked((), tuple(file.name for file in others))
    taking = _with_attachments(loose, marks)
    parcels = [
        Parcel(_joined(file, others, folder / str(index), limits) if others and file in taking else file, marks[file])
        for index, file in enumerate((*loose, *whole))
    ]
    return Unpacked(tuple(parcels), () if taking else tuple(file.name for file in others))


def _laid(enclosed: Iterable[Enclosed], folder: Path) -> list[Path]:
    """Every file under its own name; of two with one name the second is told apart."""
    folder.mkdir()
    laid: list[Path] = []
    for file in enclosed:
        if not file.shown:
            laid.append(_put(folder, file.name, file.content))
    return laid


def _put(folder: Path, name: str, content: bytes) -> Path:
    plain = PurePosixPath(name)
    stem, suffix, count = plain.stem, plain.suffix[:20], 1
    while len(f"{stem}{suffix}".encode()) > 200:
        stem = stem[:-1]
    target = folder / f"{stem}{suffix}"
    while target.exists():
        count += 1
        target = folder / f"{stem}（{count}）{suffix}"
    target.write_bytes(content)
    return target


def _suffix(file: Path) -> str:
    return file.suffix.lower()


def _with_attachments(loose: Sequence[Path], marks: dict[Path, Mark | None]) -> list[Path]:
    if len(loose) <= 1:
        return list(loose)
    return [file for file in loose if (mark := marks[file]) and mark.kind is WorkbookKind.SUBMISSIONS]


def _joined(workbook: Path, others: Sequence[Path], folder: Path, limits: FileLimits) -> Path:
    """A folder with a workbook and copies of what came beside it; packages of attachments are opened."""
    whole = folder / f"{workbook.stem}（含附件）"
    whole.mkdir(parents=True)
    for file in (workbook, *others):
        if _suffix(file) == ".zip":
            with suppress(FileRefused):
                unpack(file, whole, limits)
                continue
        (whole / file.name).write_bytes(file.read_bytes())
    return whole
