"""The files of the home against the database: what lies there that nothing knows, and what is known but gone.

Deliveries and receipts are the named invariants of `states.audit.invariants`; here is what only the
flows know: where pages, exports and letters lie.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.settings import PUBLIC, strangers_in
from flows.home.files import digest_of
from flows.outbox.mail.envelope import Envelope, build
from flows.outbox.mail.files import FileTransport
from flows.publish.notice import notice_page
from flows.publish.pages import render_index, render_notice, render_results
from flows.publish.publications import EXPORT, PAGES, VERIFIER, index_page, results_page
from models import Attachment, Delivery, Message, Publication
from models.enums import PublicationKind
from models.queries import planned_seasons, season_in_force
from states.audit.export import digest_of_checker, digest_of_export
from states.audit.invariants import Invariant, Offenders
from states.history.read import erased_seasons
from states.numbers import Number
from states.roots import newest_publication

_BY_SEASON = ("site", "office", "outbox", "taken", "receipts", "attachments")


def _pages(session: Session, home: Path | None) -> Offenders:
    """Publications whose page is gone or prints another root; files beside the pages that belong to none."""
    if home is None:
        return
    expected: dict[Path, str] = {}
    for published in session.scalars(select(Publication)):
        folder = home / "site" / str(published.season)
        expected[folder / PAGES[published.kind][1]] = published.root
        expected.setdefault(folder / "index.html", published.root)
        if published.kind is not PublicationKind.PUBLIC_NOTICE:
            expected[folder / EXPORT] = published.root
            expected.setdefault(folder / VERIFIER, "")
    for path, root in expected.items():
        if not path.is_file():
            yield path.relative_to(home).as_posix(), "is gone"
        elif root not in path.read_text("utf-8", "backslashreplace"):
            yield path.relative_to(home).as_posix(), "does not bear the recorded root"
    for path, problem in _unlike(session, home):
        yield path.relative_to(home).as_posix(), problem
    for path in _files_below(home / "site"):
        if path not in expected:
            yield path.relative_to(home).as_posix(), "belongs to no publication"


def _unlike(session: Session, home: Path) -> Iterator[tuple[Path, str]]:
    """Pages and downloads that are not, byte by byte, what this version makes of the database."""
    for year in planned_seasons(session):
        season, folder = season_in_force(session, year), home / "site" / str(year)
        newest = newest_publication(session, year)
        if newest is None:
            continue
        made = {"index.html": render_index(index_page(session, season))}
        notice, results = (
            session.get(Publication, (year, kind, 1))
            for kind in (PublicationKind.PUBLIC_NOTICE, PublicationKind.RESULTS)
        )
        if notice is not None:
            made["notice.html"] = render_notice(notice_page(session, season, notice))
        if results is not None:
            made["results.html"] = render_results(results_page(session, season, results))
        digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in made.items()}
        if "results.html" in made:
            digests |= {EXPORT: digest_of_export(session, newest), VERIFIER: digest_of_checker()}
        for name, digest in digests.items():
            if (folder / name).is_file() and digest_of(folder / name) != digest:
                yield (
                    folder / name,
                    "is not what this version makes of the database: it was altered, or an earlier version put it there "
                    f"(`gangchuang pages {year}` puts it again)",
                )


def _attachments(session: Session, home: Path | None) -> Offenders:
    """Files of versions that are gone, and files that no version names; each is named by its content's SHA-256."""
    if home is None:
        return
    rows = session.execute(select(Attachment.number, Attachment.digest).order_by(Attachment.number)).all()
    known = {(str(Number.of(number).season), digest): number for number, digest in rows}
    lying = {(path.parent.name, path.stem): path for path in _files_below(home / "attachments")}
    yield from ((known[key], f"{key[1]} is gone") for key in known.keys() - lying.keys())
    yield from (lying[key].relative_to(home).as_posix() for key in sorted(lying.keys() - known.keys()))
    for key in sorted(lying.keys() & known.keys()):
        if digest_of(lying[key]) != key[1]:
            yield lying[key].relative_to(home).as_posix(), "is not the file that came"


def _taken(session: Session, home: Path | None) -> Offenders:
    """Deliveries that do not lie as they came; each lies sealed, named by the beginning of its content's SHA-256."""
    if home is None:
        return
    query = select(Delivery.season, Delivery.sender, Delivery.digest).order_by(Delivery.season, Delivery.sender)
    for season, sender, digest in session.execute(query.where(Delivery.season.not_in(erased_seasons(session)))):
        found = sorted((home / "taken" / str(season) / sender).glob(f"{digest[:16]}-*"))
        if not found:
            yield sender, f"{digest[:16]} is gone"
        yield from (
            (path.relative_to(home).as_posix(), "is not what came") for path in found if digest_of(path) != digest
        )


def _letters(session: Session, home: Path | None) -> Offenders:
    if home is None:
        return
    folder = home / "mail"
    path_of = FileTransport(folder, sender="").path_of
    known = {path_of(message.key).name: message for message in session.scalars(select(Message))}
    for path in _files_below(folder):
        message = known.get(path.name)
        if message is not None and message.body and not _is_letter(home, path, message):
            yield path.relative_to(home).as_posix(), "is not what was written, or an attachment of it was changed"
    yield from (path.relative_to(home).as_posix() for path in _files_below(folder) if path.name not in known)


def _is_letter(home: Path, path: Path, message: Message) -> bool:
    """Whether a letter is, byte by byte, what the message and its attachments make; who sent it, it says itself."""
    lying = path.read_bytes()
    sender = str(message_from_bytes(lying, policy=policy.default)["From"])
    attachments = tuple(home / name for name in json.loads(message.attachments))
    envelope = (message.key, message.recipient, message.subject, message.body, attachments, message.written_at)
    try:
        return bytes(build(Envelope(*envelope), sender)) == lying
    except (GangchuangError, OSError, ValueError):
        return False


def _strange_seasons(session: Session, home: Path | None) -> Offenders:
    if home is None:
        return
    years = {str(year) for year in planned_seasons(session)}
    for folder in _BY_SEASON:
        for path in sorted((home / folder).glob("*/")):
            if path.is_dir() and path.name not in years:
                yield path.relative_to(home).as_posix()


def _modes(_: Session, home: Path | None) -> Offenders:
    """Whose the home is, and whom else it lets in: what lies at its top decides for all below."""
    if home is None:
        return
    owner = os.geteuid() or home.stat().st_uid  # root may look at anybody's home
    deeper = [*(home / "keys").glob("*"), home / "prefect" / "sign-in", *(home / PUBLIC).rglob("*")]
    for path in (home, *sorted((*home.iterdir(), *deeper))):
        name = path.relative_to(home).as_posix()
        if path.is_symlink() or not path.exists():
            continue
        kept = path.stat()
        if kept.st_uid != owner:
            yield name, f"belongs to user {kept.st_uid}, not to {owner}"
        if open_bits := stat.S_IMODE(kept.st_mode) & strangers_in(path, home):
            yield (
                name,
                f"lets other users in: its mode is {stat.S_IMODE(kept.st_mode):o}, which must lose {open_bits:o}",
            )


def _files_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))


FILE_INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "pages_as_published",
        "Every publication has its page with its root, and no other file lies beside the pages.",
        _pages,
    ),
    Invariant(
        "attachments_are_kept",
        "Every attachment of a submission lies in the home, and no other file among them.",
        _attachments,
    ),
    Invariant("taken_as_they_came", "Every delivery lies in the home as it came, byte by byte.", _taken),
    Invariant("no_orphan_letter", "Every letter among the mail files belongs to a message.", _letters),
    Invariant(
        "home_is_closed",
        "The home is its user's alone, but for the public pages, and its keys are nobody else's to read.",
        _modes,
    ),
    Invariant("no_strange_season", "No folder of a season lies here that was never planned.", _strange_seasons),
)
