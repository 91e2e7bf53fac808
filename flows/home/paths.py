"""Where everything lies below the home folder."""

from pathlib import Path

from config.settings import Settings
from models import Publication
from models.enums import WorkbookKind

OFFICE = "office"
TIMESTAMPS = "timestamps"
_LONGEST_NAME = 230  # bytes; file systems allow 255, and a digest stands before it


def inbox(settings: Settings) -> Path:
    """Deliveries come in here: `inbox/<unit code>/…`, `inbox/<expert id>/…`, `inbox/office/…`."""
    return settings.folder("inbox")


def issued(settings: Settings, year: int, recipient: str, kind: WorkbookKind, issue: int = 1) -> Path:
    """An issued workbook, ready to be sent or fetched."""
    number = f"-{issue}" if issue > 1 else ""
    return (
        settings.home.absolute() / "outbox" / str(year) / recipient / f"{year}年{kind.label}-{recipient}{number}.xlsx"
    )


def receipt(settings: Settings, year: int, sender: str, digest: str, *, again: bool = False) -> Path:
    """The answer to a delivery; taken again after it was admitted late, it has a second one beside the first."""
    name = f"{digest[:16]}-{'补收' if again else ''}回执.xlsx"
    return settings.home.absolute() / "receipts" / str(year) / sender / name


def taken(settings: Settings, year: int, sender: str, digest: str, name: str) -> Path:
    """Where a delivered file lies once it was taken, as it came; a name too long for the disk is cut."""
    stem, suffix = Path(name).stem, Path(name).suffix[:20]
    while len(f"{stem}{suffix}".encode()) > _LONGEST_NAME:
        stem = stem[:-1]
    return settings.home.absolute() / "taken" / str(year) / sender / f"{digest[:16]}-{stem}{suffix}"


def held(settings: Settings, year: int, digest: str) -> Path:
    """A mail that waits for a decision, as it came."""
    return settings.home.absolute() / "held" / str(year) / f"{digest}.eml"


def attachments(settings: Settings, year: int) -> Path:
    """The files that came with submissions, each content once, named by its SHA-256."""
    return settings.folder("attachments", str(year))


def pictures(home: Path, year: int) -> Path:
    """Pictures as they may be published; they outlast the attachments that they were made of."""
    return home.absolute() / "pictures" / str(year)


def picture_files(home: Path, year: int, encoded: str) -> tuple[Path, Path, Path]:
    """The large and the small WebP and the JPEG of one picture, by the SHA-256 of the large one."""
    folder = pictures(home, year)
    return folder / f"{encoded}.webp", folder / f"{encoded}-small.webp", folder / f"{encoded}.jpg"


def material(settings: Settings, year: int, expert: str, issue: int, part: int) -> Path:
    """What belongs to an expert's score sheet of some issue; `part` from 1, 0 when there is only one."""
    further = f"-补充{issue}" if issue > 1 else ""
    name = f"材料{further}" + (f"-{part}" if part else "") + ".zip"
    return settings.home.absolute() / "outbox" / str(year) / expert / name


def calendar_file(settings: Settings, year: int, name: str) -> Path:
    return settings.home.absolute() / "outbox" / str(year) / f"{name}.ics"


def timestamp(settings: Settings, publication: Publication) -> Path:
    """The time stamp (RFC 3161) of a published root."""
    name = f"{publication.season}-{publication.kind.value}-{publication.ordinal}.tsr"
    return settings.home.absolute() / TIMESTAMPS / name


def office_folder(settings: Settings, year: int) -> Path:
    """Pages and workbooks for the office alone."""
    return settings.folder(OFFICE, str(year))


def objection_letters(settings: Settings, year: int) -> Path:
    """Objections to be entered lie here, each in a folder of its own, until they are."""
    return settings.folder(OFFICE, str(year), "objections")


def evidence(settings: Settings, year: int) -> Path:
    """The files that came with objections, each content once, named by its SHA-256."""
    return settings.folder("evidence", str(year))


def paper(settings: Settings, year: int, recipient: str, name: str, digest: str) -> Path:
    """A certificate's package, payment list or press kit as a letter brings it: named by its content, it stays."""
    stem, suffix = Path(name).stem, Path(name).suffix
    folder = settings.home.absolute() / "outbox" / str(year) / recipient
    return folder / f"{year}年{stem}-{recipient}-{digest[:8]}{suffix}"
