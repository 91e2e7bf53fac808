"""The files of the home against the database: what lies there that nothing knows, and what is known but gone.

Deliveries and receipts are the named invariants of `states.audit.invariants`; here is what only the
flows know: where pages, exports and letters lie.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.settings import PUBLIC, RELEASES, settings, strangers_in
from flows.home.files import digest_of
from flows.home.releases import MANIFEST, Manifest, ReleaseGone, Releases
from flows.outbox.attached import attached_to
from flows.outbox.links import links_in, with_links
from flows.outbox.mail.envelope import Envelope, build
from flows.outbox.mail.files import FileTransport
from flows.papers.certificates import Press
from flows.papers.putting import CERTIFICATES, make_papers, papers_of
from flows.publish.facts import facts_of
from flows.publish.pictures import lying_files, named_files
from flows.publish.release import about, digests_of, is_behind
from flows.reports.yearly import MARK, read_mark, report_files
from models import Attachment, Delivery, Message, Objection, ObjectionEvidence
from models.queries import planned_seasons, season_in_force
from states.audit.invariants import Invariant, Offenders, files_below, told_by
from states.history.read import erased_seasons, forgotten_deliveries
from states.numbers import Number

FILE_INVARIANTS: list[Invariant] = []
FileCheck = Callable[[Session, Path], Offenders]


def lying(said: str) -> Callable[[FileCheck], FileCheck]:
    """A check of a home's files becomes one of the FILE_INVARIANTS; without a home there is nothing to look at."""

    def listed(check: FileCheck) -> FileCheck:
        FILE_INVARIANTS.append(told_by(check, said, lambda session, home: check(session, home) if home else ()))
        return check

    return listed


_AFRESH = "`gangchuang site publish --afresh` writes it again"
_BY_SEASON = ("office", "outbox", "taken", "receipts", "attachments", "evidence", "held", "pictures")


@lying("公开网页须与发布时一致")
def pages_as_published(session: Session, home: Path) -> Offenders:
    """Every release is as it was made, and the newest is out and what the database makes of it.

    A home without any release has none to be held against: the next one is made from the database.
    """
    releases = Releases(home)
    numbers = releases.numbers()
    if numbers and releases.out() != numbers[-1]:
        yield PUBLIC, f"does not lead to the newest release, {numbers[-1]}"
    for folder in sorted((home / RELEASES).glob("[0-9]*/")):
        if not (folder / MANIFEST).is_file():
            yield f"{RELEASES}/{folder.name}/{MANIFEST}", f"is gone ({_AFRESH})"
    before = None
    for number in numbers:
        folder, name = home / RELEASES / str(number), f"{RELEASES}/{number}"
        try:
            manifest = releases.manifest(number)
        except ReleaseGone:
            yield f"{name}/{MANIFEST}", f"cannot be read, or was altered ({_AFRESH})"
            before = None
            continue
        if before is not None and manifest.before != before.digest:
            yield f"{RELEASES}/{before.number}/{MANIFEST}", f"was altered ({_AFRESH})"
        for path, digest in manifest.files.items():
            if not (folder / path).is_file():
                yield f"{name}/{path}", "is gone"
            elif digest_of(folder / path) != digest:
                yield f"{name}/{path}", f"was altered ({_AFRESH})"
        known = {folder / path for path in manifest.files} | {folder / MANIFEST}
        for lying in files_below(folder):
            if lying not in known:
                yield lying.relative_to(home).as_posix(), "belongs to no release"
        before = manifest
    if before is not None and before.number == numbers[-1]:
        yield from _unlike(session, home, before)


def _unlike(session: Session, home: Path, newest: Manifest) -> Iterator[tuple[str, str]]:
    """What the newest release has otherwise than this version makes of the database; one put back may differ."""
    name = f"{RELEASES}/{newest.number}"
    facts = facts_of(session, settings())
    if is_behind(facts, newest):
        yield f"{name}/{MANIFEST}", "is behind the database: the clock makes a release within a minute"
        return
    told = about(facts, newest.number, datetime.fromisoformat(newest.instant), None)
    if newest.put_back is None:
        made = digests_of(facts)
        for path in sorted(made.keys() | newest.files.keys()):
            if made.get(path) != newest.files.get(path):
                yield f"{name}/{path}", f"is not what this version makes of the database ({_AFRESH})"
    if told.whole != newest.whole:  # entries came in of which the public reads nothing yet
        told = replace(told, whole=newest.whole, root=newest.root, roots=newest.roots)
    expected = replace(told, files=newest.files, groups=newest.groups, before=newest.before).text
    if (home / name / MANIFEST).read_bytes() != expected:
        yield f"{name}/{MANIFEST}", f"is not what this version makes of the database ({_AFRESH})"


@lying("证书、奖金表和宣传材料须与数据一致")
def papers_as_made(session: Session, home: Path) -> Offenders:
    """Every certificate in force, payment list and press kit lies in the home as this version makes it."""
    for year in planned_seasons(session):
        papers, folder = (
            papers_of(session, season_in_force(session, year), settings().site_url),
            home / "office" / str(year),
        )
        if papers is None:
            continue
        press = Press()
        made = make_papers(papers, press, press.set)
        yield from made.problems.items()
        for name, content in made.office.items():
            if not (folder / name).is_file():
                yield (folder / name).relative_to(home).as_posix(), "is gone"
            elif (folder / name).read_bytes() != content:
                yield (
                    (folder / name).relative_to(home).as_posix(),
                    f"is not what this version makes of the database (`gangchuang papers {year}` makes it again)",
                )
        for path in files_below(folder / CERTIFICATES):
            if f"{CERTIFICATES}/{path.name}" not in made.office:
                yield path.relative_to(home).as_posix(), "is no certificate in force"


@lying("年度报告须与记录一致")
def reports_as_made(session: Session, home: Path) -> Offenders:
    """Every yearly report lies in the home as this version makes it of the record."""
    for year in planned_seasons(session):
        folder = home / "office" / str(year)
        kept = read_mark(folder / MARK)
        if kept is None:
            continue
        made_at, digests = kept
        made = report_files(session, season_in_force(session, year), made_at)
        for name, digest in digests.items():
            path = folder / name
            if not path.is_file():
                yield path.relative_to(home).as_posix(), "is gone"
            elif digest_of(path) != digest or hashlib.sha256(made[name]).hexdigest() != digest:
                yield (
                    path.relative_to(home).as_posix(),
                    f"is not what this version makes of the record (`gangchuang run write-report {year} --set "
                    "again=true` makes it again)",
                )


@lying("附件须齐全，且没有多余")
def attachments_are_kept(session: Session, home: Path) -> Offenders:
    """Every attachment of a submission lies in the home, and no other file among them.

    Files of versions that are gone, and files that no version names; each is named by its content's SHA-256.
    """
    rows = session.execute(select(Attachment.number, Attachment.digest).order_by(Attachment.number)).all()
    known = {(str(Number.of(number).season), digest): number for number, digest in rows}
    yield from _named_by_digest(home, "attachments", known)


@lying("异议材料须与收到时一致")
def evidence_as_it_came(session: Session, home: Path) -> Offenders:
    """Every file that came with an objection lies in the home as it came, and no other does."""
    rows = session.execute(
        select(Objection.season, ObjectionEvidence.digest, Objection.id).join(
            Objection, Objection.id == ObjectionEvidence.objection
        )
    ).all()
    known = {(str(season), digest): f"objection {objection}" for season, digest, objection in rows}
    yield from _named_by_digest(home, "evidence", known)


def _named_by_digest(home: Path, folder: str, known: Mapping[tuple[str, str], str]) -> Offenders:
    lying = {(path.parent.name, path.stem): path for path in files_below(home / folder)}
    yield from ((known[key], f"{key[1]} is gone") for key in known.keys() - lying.keys())
    yield from (lying[key].relative_to(home).as_posix() for key in sorted(lying.keys() - known.keys()))
    for key in sorted(lying.keys() & known.keys()):
        if digest_of(lying[key]) != key[1]:
            yield lying[key].relative_to(home).as_posix(), "is not the file that came"


@lying("可公开的图片须齐全，已删除的不得还在")
def pictures_are_kept(session: Session, home: Path) -> Offenders:
    """Every picture that may be published lies in the home as it was made, and none that was deleted."""
    erased = erased_seasons(session)
    for year in planned_seasons(session):
        named, lying = named_files(session, home, year), set(lying_files(home, year))
        yield from ((path.relative_to(home).as_posix(), "is gone") for path in sorted(named - lying))
        if year in erased:
            left = sorted(lying - named)
            yield from ((path.relative_to(home).as_posix(), "should be deleted") for path in left)
        large = sorted(path for path in named & lying if len(path.name) == len("0" * 64 + ".webp"))
        for path in large:  # the others are made of the same, and bound by nothing
            if digest_of(path) != path.stem:
                yield path.relative_to(home).as_posix(), "is not what was made of what came"


@lying("收到的文件须与收到时一致")
def taken_as_they_came(session: Session, home: Path) -> Offenders:
    """Every delivery lies in the home as it came, byte by byte.

    Deliveries that do not lie as they came; each lies sealed, named by the beginning of its content's SHA-256.
    """
    query = select(Delivery.season, Delivery.sender, Delivery.digest).order_by(Delivery.season, Delivery.sender)
    forgotten = forgotten_deliveries(session)
    for season, sender, digest in session.execute(query.where(Delivery.season.not_in(erased_seasons(session)))):
        found = sorted((home / "taken" / str(season) / sender).glob(f"{digest[:16]}-*"))
        if (season, digest) in forgotten:
            yield from ((path.relative_to(home).as_posix(), "should be deleted") for path in found)
            continue
        if not found:
            yield sender, f"{digest[:16]} is gone"
        yield from (
            (path.relative_to(home).as_posix(), "is not what came") for path in found if digest_of(path) != digest
        )


@lying("邮件文件须各有信件")
def no_orphan_letter(session: Session, home: Path) -> Offenders:
    """Every letter among the mail files belongs to a message."""
    folder = home / "mail"
    path_of = FileTransport(folder, sender="").path_of
    known = {path_of(message.key).name: message for message in session.scalars(select(Message))}
    for path in files_below(folder):
        message = known.get(path.name)
        if message is not None and message.body and not _is_letter(session, home, path, message):
            yield path.relative_to(home).as_posix(), "is not what was written, or an attachment of it was changed"
    yield from (path.relative_to(home).as_posix() for path in files_below(folder) if path.name not in known)


def _is_letter(session: Session, home: Path, path: Path, message: Message) -> bool:
    """Whether a letter is, byte by byte, what the message and its attachments make; who sent it and who is to be answered, it says itself."""
    lying = path.read_bytes()
    mail = message_from_bytes(lying, policy=policy.default)
    sender, reply_to = str(mail["From"]), str(mail["Reply-To"] or "")
    attached = attached_to(session, home, message)
    said_in_it = mail.get_body(("plain",))
    body = with_links(message.body, links_in(said_in_it.get_content() if said_in_it else ""))
    said = (message.key, message.recipient, message.subject, body, tuple(attached), message.written_at)
    try:
        # Letters of earlier versions call what they bring as it lies there.
        called = (tuple(attached.values()), ())
        return any(bytes(build(Envelope(*said, reply_to, message.thread, names), sender)) == lying for names in called)
    except (GangchuangError, OSError, ValueError):
        return False


@lying("不得有未立项年度的文件夹")
def no_strange_season(session: Session, home: Path) -> Offenders:
    """No folder of a season lies here that was never planned."""
    years = {str(year) for year in planned_seasons(session)}
    for folder in _BY_SEASON:
        for path in sorted((home / folder).glob("*/")):
            if path.is_dir() and path.name not in years:
                yield path.relative_to(home).as_posix()


@lying("系统文件夹须只有本系统用户可读")
def home_is_closed(_: Session, home: Path) -> Offenders:
    """The home is its user's alone, but for the public pages, and its keys are nobody else's to read.

    Whose the home is, and whom else it lets in: what lies at its top decides for all below.
    """
    owner = os.geteuid() or home.stat().st_uid  # root may look at anybody's home
    deeper = [*(home / "keys").glob("*"), home / "prefect" / "sign-in", *(home / RELEASES).rglob("*")]
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
