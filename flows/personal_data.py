"""One person's data on request: which files of the home name them, the deletion, and the extract that they are handed.

Workbooks, packages, letters and pages are looked through as they lie there, however deep the text is packed. A scanned
paper or a PDF from elsewhere cannot be: those are listed by the submission that they came with.
"""

import io
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import overrides
from config.local_time import day, instant
from config.season import Season
from flows.home import paths
from flows.home.templates import environment, home_before
from flows.outbox.letters import LetterKind
from flows.outbox.mail.files import FileTransport
from flows.outbox.messages import post_to_unit
from flows.reports.practice import practice_book, write_practice_book
from flows.run import Run
from models import Attachment, Delivery, FollowUpPicture, GoodPractice, Picture, Submission
from models.enums import Trigger
from states.history.canonical import submission_subject
from states.history.read import every_facts
from states.machine import Act
from states.maintenance.personal_data import Mention
from states.maintenance.personal_deletion import Forgotten, erase_person, whom
from states.numbers import Number
from states.rules.grouping import grouped

# Folders of the home in which people are named, and what they are for who reads the list.
FOLDERS = {
    "taken": "来件原件",
    "receipts": "回执",
    "outbox": "发出的工作簿和材料",
    "office": "办公室文件",
    "mail": "信件",
    "held": "暂扣的邮件",
    "inbox": "尚未收取的来件",
    "rehearsals": "演练",
}
_OFFICE = ("office",)
_OPAQUE = (".pdf", ".png", ".jpg", ".jpeg", ".webp", ".heic", ".tif", ".tiff", ".bmp", ".mp4")
_PACKED = (".xlsx", ".docx", ".zip", ".xlsm", ".wps", ".et")
_MOST = 300 * 2**20  # unpacked bytes looked through of one file
_TEMPLATES = Path(__file__).parent / "papers" / "templates"
_STYLE = Path(__file__).parent / "publish" / "pages" / "templates" / "page.css"


def files_naming(
    home: Path, names: Collection[str], year: int | None = None, *, but: Collection[str] = ()
) -> Iterator[Path]:
    """The files of the home that name somebody so; of one season, or of all. Letters lie together, whatever their season.

    `but`: longer names, of which one of these is a part.
    """
    wanted = _Names(tuple(name for name in names if name), tuple(sorted(but, key=len, reverse=True)))
    for folder in FOLDERS:
        top = home / folder
        own = top / str(year) if year is not None and (top / str(year)).is_dir() else top
        if year is not None and own is top and folder not in ("mail", "inbox", "rehearsals"):
            continue
        for path in sorted(own.rglob("*")) if own.is_dir() else ():
            if path.is_file() and not path.is_symlink() and wanted.stand_in(path.name, path.read_bytes()):
                yield path


def unread_files(session: Session, home: Path, found: Collection[Mention]) -> Iterator[tuple[str, str, Path]]:
    """Scans, PDFs and pictures of the submissions in question, in which no text can be looked for: a person must look.

    Yields number, name as it was sent, and where it lies.
    """
    known = {place.key.partition("/")[0] for place in found}
    numbers = session.scalars(select(Submission.number).where(Submission.number.in_(known))).all()
    query = select(Attachment.number, Attachment.name, Attachment.digest).where(Attachment.number.in_(numbers))
    for number, name, digest in session.execute(query.distinct().order_by(Attachment.number, Attachment.name)):
        if name.lower().endswith(_OPAQUE):
            for path in sorted((home / "attachments" / str(Number.of(number).season)).glob(f"{digest}*")):
                yield number, name, path
    for table in (Picture, FollowUpPicture):
        shown = select(table.number, table.alt, table.encoded).where(table.number.in_(numbers))
        for number, alt, encoded in session.execute(shown.order_by(table.number, table.position)):
            yield number, alt, paths.picture_files(home, Number.of(number).season, encoded)[0]


@dataclass(frozen=True)
class _Names:
    """What is looked for, and the longer names in which it does not count."""

    wanted: tuple[str, ...]
    longer: tuple[str, ...]

    def are_in(self, text: str) -> bool:
        if not any(name in text for name in self.wanted):
            return False
        for name in self.longer:
            text = text.replace(name, "")
        return any(name in text for name in self.wanted)

    def stand_in(self, file_name: str, content: bytes, deep: int = 3) -> bool:
        """Whether a file's name or content has one; packed files are unpacked."""
        if self.are_in(file_name):
            return True
        suffix = Path(file_name).suffix.lower()
        if suffix in _OPAQUE:
            return False
        if suffix in _PACKED and deep:
            try:
                with zipfile.ZipFile(io.BytesIO(content)) as package:
                    small = [entry for entry in package.infolist() if entry.file_size <= _MOST]
                    return any(self.stand_in(entry.filename, package.read(entry), deep - 1) for entry in small)
            except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
                return False
        if suffix == ".eml":
            return self._stand_in_mail(content, deep)
        text = content.decode("utf-8", "replace")
        return self.are_in(unescape(text) if suffix in (".xml", ".html", ".rels") else text)

    def _stand_in_mail(self, content: bytes, deep: int) -> bool:
        mail = message_from_bytes(content, policy=policy.default)
        if any(self.are_in(str(mail.get(header, ""))) for header in ("From", "To", "Cc", "Subject")):
            return True
        for part in mail.walk():
            if not part.is_multipart():
                held = part.get_content()
                raw = held.encode() if isinstance(held, str) else held
                if isinstance(raw, bytes) and self.stand_in(part.get_filename() or ".txt", raw, deep - 1):
                    return True
        return False


def take_deletion(session: Session, run: Run, act: Act, name: str, organisation: str, reason: str) -> None:
    """Delete one person of the season: rows with their entries, and the files that name them."""
    meant = whom(session, run.year, name, organisation)
    home = run.settings.home.absolute()
    units = {Number.of(number).unit for number in meant.numbers} | {*meant.practices.values()}
    owners = units | {*meant.experts, *_OFFICE}
    naming = [
        path
        for path in files_naming(home, meant.names, run.year, but=meant.longer)
        if _is_theirs(home, path, run.year, owners)
    ]
    naming += _with_portraits(session, home, run.year, meant.places)
    done = erase_person(
        session,
        run.season,
        name,
        organisation,
        act,
        reason=reason,
        deliveries=_deliveries(session, run.year, home, naming),
    )
    for number in done.numbers:
        row = session.get_one(Submission, number)
        places = [f"完成人{place}" for place in done.places.get(number, ())]
        what = "、".join([*places, "联系人"] if number in done.contacts else places)
        post_to_unit(
            session, run, LetterKind.PERSON_ERASED, row.unit, key=f"{number}/{row.sequence}", number=number,
            title=row.title, what=what,
        )  # fmt: skip
    for number, unit in done.practices.items():
        report = session.get_one(GoodPractice, number)
        post_to_unit(
            session, run, LetterKind.PERSON_ERASED, unit, key=f"{number}/{run.at:%Y%m%dT%H%M%S}", number=number,
            title=report.title, what="文字中的姓名",
        )  # fmt: skip
    gone = {*naming, *_files_of(run, done)}
    if practice_book(run) in gone:
        gone.remove(write_practice_book(session, run))
    run.discarded += gone
    run.tell("submissions", len(done.numbers))
    run.tell("experts forgotten", len(done.experts))
    run.tell("reports of good practice", len(done.practices))
    run.tell("letters masked", len(done.letters))
    run.tell("files", len(gone))
    run.tell("still to be deleted by hand", "backups made before, and before-restore/")


def _is_theirs(home: Path, path: Path, year: int, owners: Collection[str]) -> bool:
    """Whether a file that bears the name is about this person's submissions: others may be called the same.

    What waits in the inbox is taken first; rehearsals are deleted as a whole.
    """
    folder, *below = path.relative_to(home).parts
    if folder == "mail":
        return path.name.startswith(f"{year}_") and any(owner in path.name for owner in owners)
    if folder in ("office", "held"):
        return True
    return folder in ("taken", "receipts", "outbox") and below[1] in owners


def _with_portraits(session: Session, home: Path, year: int, numbers: Collection[str]) -> Iterator[Path]:
    """Originals and receipts of answers that came with pictures of people, whom no word in them need name."""
    for number in numbers:
        for answer in every_facts(session, submission_subject(number), Trigger.RECORD_FOLLOW_UP):
            if any(picture["portrait"] for picture in answer.get("pictures", ())):
                for folder in ("taken", "receipts"):
                    yield from (home / folder / str(year)).glob(f"*/{answer['delivery'][:16]}-*")


def _deliveries(session: Session, year: int, home: Path, naming: Collection[Path]) -> list[str]:
    """Digests of the deliveries whose original or receipt names the person."""
    known = session.scalars(select(Delivery.digest).where(Delivery.season == year)).all()
    begun = {path.name.partition("-")[0] for path in naming if path.relative_to(home).parts[0] in ("taken", "receipts")}
    return [digest for digest in known if digest[:16] in begun]


def _files_of(run: Run, done: Forgotten) -> Iterator[Path]:
    """Files that rows named which are gone, and the letters that were written otherwise."""
    home = run.settings.home.absolute()
    folder = paths.attachments(run.settings, run.year)
    for digest in sorted(done.attachments):
        yield from sorted(folder.glob(f"{digest}*"))
    for encoded in sorted(done.pictures):
        yield from paths.picture_files(home, run.year, encoded)
    path_of = FileTransport(home / "mail", sender="").path_of
    yield from map(path_of, done.letters)


def extract_page(season: Season, name: str, organisation: str, found: Collection[Mention], at: datetime) -> bytes:
    """What is held of one person, as a page to be printed and handed to them: their own data, and nobody else's.

    It says who holds it: the office of a season.
    """
    templates = environment(home_before(_TEMPLATES, overrides.PAPERS))
    templates.filters |= {"instant": instant, "day": day}
    groups = grouped((place.what, place) for place in found)
    values: dict[str, Any] = {"season": season, "name": name, "organisation": organisation, "groups": groups, "at": at}
    page = templates.get_template("extract.html.j2").render(style=_STYLE.read_text("utf-8"), **values)
    return page.encode()
