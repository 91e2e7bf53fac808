"""Takes what lies in the mailbox: each mail once, each answered in its thread where a person wrote it.

One transaction a mail: its deliveries, its answers and that it is dealt with are kept together or not at all, and
the mailbox itself is never changed. So whenever this process dies, a mail is either dealt with or still to be read.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import local_day
from config.milestones import Chore
from config.units import all_units
from flows.engine.tasks import PieceKind
from flows.home import paths
from flows.home.files import digest_of
from flows.intake.deliveries import COUNTED, take_brought, take_deliveries, tell_counts
from flows.intake.inbox import Sealed, sealing
from flows.intake.mail.letter import ReceivedMail, read_head, read_letter
from flows.intake.mail.parcels import Parcel, Unpacked, lay_out
from flows.intake.mail.server import Head, Mailbox, open_mailbox
from flows.intake.receipts import Brought
from flows.intake.senders import sender_named
from flows.outbox.letters import LetterKind
from flows.outbox.mail.envelope import message_digest
from flows.outbox.mail.failures import hashed
from flows.outbox.messages import post, post_to_office
from flows.run import Run
from flows.workbooks.reader.archives import MIB
from flows.workbooks.reader.findings import Note
from models import IncomingMail, Message
from models.enums import IncomingState, MailDoubt
from models.queries import lock_call
from states.failures import resting
from states.incoming_mail import (
    Arrived,
    admitted_mails,
    keep_look,
    keep_mail,
    known_heads,
    known_numbers,
    looked_at,
    mark_bounced,
    registered_addresses,
    season_of_mail,
)

log = logging.getLogger("gangchuang.mailbox")
_CLOUD = "邮件里有“超大附件”（云附件）的链接，系统不会打开链接，链接里的文件没有收到：请改用普通附件，或压缩成 zip、分几封发送"
_WINMAIL = (
    "附件被 Outlook 打包成了 winmail.dat，打不开：请在 Outlook 里把邮件格式改为“HTML”或“纯文本”，"
    "或者把填好的表压缩成 zip 后再附上"
)
_UNUSED = "邮件里的这些附件不属于任何一份填报表，没有读取：{names}。要报的请与申报汇总表放在同一封邮件里，并写进“附件文件名”一列"
_TOO_LARGE = "邮件太大（{mib}MB），没有读取：请减小附件，或分几封发送"
_NAMES_SHOWN = 10
_AT_ONCE = 500
_COUNTED = {
    IncomingState.ANSWERED: "mails answered",
    IncomingState.HELD: "mails held",
    IncomingState.BOUNCE: "mails that came back",
    IncomingState.IGNORED: "mails without need",
}


class MailFailed(GangchuangError):
    """One mail cannot be dealt with for a reason that lies with us; it stays in the mailbox."""

    def __init__(self, name: str, problem: Exception) -> None:
        super().__init__(
            f"{name} could not be dealt with ({type(problem).__name__}: {problem}). It stays in the mailbox and is "
            "tried again, with growing pauses; if this goes on, open it in the mailbox and hand in what it holds in "
            "inbox/office/."
        )


@dataclass
class _Round:
    """One look at the mailbox: whose addresses are whose, and what was counted."""

    run: Run
    registered: Mapping[str, set[str]]
    counts: Counter[str]

    @contextmanager
    def alone(self) -> Iterator[Session]:
        """One transaction, one reader of the mailbox at a time: whoever comes second sees what the first has kept."""
        with self.run.step() as session:
            lock_call(session, self.run.year)
            yield session

    @cached_property
    def letters(self) -> Mapping[str, str]:
        """The keys of all messages by what stands in their Message-IDs."""
        with self.run.step() as session:
            return {message_digest(key): key for key in session.scalars(select(Message.key))}


def take_everything(run: Run) -> None:
    """What lies in the inbox and what has come by mail: nobody's delivery may be missing when a round is closed."""
    take_deliveries(run)
    if run.settings.imap_url.get_secret_value():
        read_mailbox(run)


def read_until(session: Session, run: Run) -> datetime:
    """What came before this instant is known, also by mail."""
    if not run.settings.imap_url.get_secret_value():
        return run.at
    look = looked_at(session, run.year)
    return look.looked_at if look is not None else run.season.dates.open_call


def read_mailbox(run: Run) -> None:
    """Deal with every mail that was not, the oldest first; then with those that an officer let in."""
    with run.step() as session:
        admitted = admitted_mails(session, run.year)
        registered = registered_addresses(session, run.season, run.at)
    looking = _Round(run, registered, Counter(dict.fromkeys((*COUNTED, *_COUNTED.values()), 0)))
    run.each(
        admitted,
        lambda mail: _take_admitted(looking, mail),
        kind=PieceKind.INCOMING_MAIL,
        name=lambda mail: _name(mail.digest),
    )
    since = None if run.settings.clock.stepped else local_day(run.season.dates.open_call - timedelta(days=1))
    with open_mailbox(run.settings) as box:
        with run.step() as session:
            known = known_numbers(session, box.account.name, box.validity)
            again = known_heads(session, box.account.name, box.validity)
            still = resting(session, run.year, Chore.READ_MAIL)
        unread = list(box.heads([number for number in box.numbers(since) if number not in known]))
        run.marks |= {_name(head.digest): head.digest for head in unread}
        run.resting |= {_name(head.digest) for head in unread} & still.keys()
        unread = _without_machines(looking, box, unread)
        run.each(
            [head for head in unread if _name(head.digest) not in run.resting],
            lambda head: _deal_alone(looking, box, head, known_again=head.digest in again),
            kind=PieceKind.INCOMING_MAIL,
            name=lambda head: _name(head.digest),
        )
        if not run.failures and not run.resting:
            with looking.alone() as session:
                keep_look(session, run.year, box.account.name, box.newest, run.at)
    tell_counts(run, looking.counts)


def _without_machines(looking: _Round, box: Mailbox, heads: Sequence[Head]) -> list[Head]:
    """Without what needs no look at more than its head, which is kept in one transaction for many."""
    machines: list[Head] = []
    others: list[Head] = []
    for head in heads:
        about = read_head(head.head)
        (machines if about.automatic and not about.returned else others).append(head)
    if not _is_ours(looking, ()):
        return others
    for start in range(0, len(machines), _AT_ONCE):
        with looking.alone() as session:
            for head in machines[start : start + _AT_ONCE]:
                keep_mail(session, looking.run.year, _arrived(looking, box, head), IncomingState.IGNORED)
    looking.counts[_COUNTED[IncomingState.IGNORED]] += len(machines)
    return others


def _arrived(looking: _Round, box: Mailbox, head: Head) -> Arrived:
    came = looking.run.settings.clock.received_at(head.arrived_at)
    return Arrived(box.account.name, box.validity, head.uid, head.digest, came)


def _name(digest: str) -> str:
    return f"mail {digest[:12]}"


def _deal_alone(looking: _Round, box: Mailbox, head: Head, *, known_again: bool) -> None:
    """One mail; whatever is wrong with it or with us, the next one gets its turn. Raises GangchuangError."""
    try:
        _deal(looking, box, head, known_again=known_again)
    except GangchuangError:
        raise
    except Exception as problem:
        log.exception("a mail could not be dealt with")
        raise MailFailed(_name(head.digest), problem) from problem


def _deal(looking: _Round, box: Mailbox, head: Head, *, known_again: bool) -> None:
    run = looking.run
    mail, about = _arrived(looking, box, head), read_head(head.head)
    limits = run.season.files
    if known_again or about.sender == run.settings.mail_from.lower():
        _keep(looking, mail, IncomingState.IGNORED)
        return
    if head.size > limits.max_unpacked_mib * MIB * 3 // 2:
        _answer(looking, mail, about, [_TOO_LARGE.format(mib=head.size // MIB)], ())
        return
    raw = box.whole(head.uid)
    if not raw:
        return  # deleted meanwhile
    letter = read_letter(raw)
    if letter.automatic:
        _keep_automatic(looking, mail, letter)
        return
    with sealing(run.settings) as folder:
        found = lay_out(letter.enclosed, folder, limits, run.settings.signing_key())
        _judge(looking, mail, letter, found, raw)


def _judge(looking: _Round, mail: Arrived, letter: ReceivedMail, found: Unpacked, raw: bytes) -> None:
    if not found.parcels:
        hints = [hint for hint, true in ((_CLOUD, letter.cloud), (_WINMAIL, letter.winmail)) if true]
        _answer(looking, mail, letter, hints, found.unused)
        return
    if not _is_ours(looking, [parcel.mark.season for parcel in found.parcels if parcel.mark]):
        return
    named = [_recipient(looking, letter, parcel) for parcel in found.parcels]
    doubt = next(filter(None, (_doubt(looking, letter, whose) for whose in named)), None)
    if doubt is not None:
        _hold(looking, mail, letter, doubt, next(filter(None, named), ""), raw)
        return
    _take(looking, mail, letter, found, named)


def _is_ours(looking: _Round, named: Sequence[int]) -> bool:
    with looking.run.step() as session:
        return season_of_mail(session, named) == looking.run.year


def _recipient(looking: _Round, letter: ReceivedMail, parcel: Parcel) -> str:
    """Whose delivery it is: whom a genuine mark of the season names, else who alone writes from the address."""
    if parcel.mark is not None and parcel.mark.season == looking.run.year:
        return parcel.mark.recipient
    whose = sorted(looking.registered.get(letter.sender, ()))
    return whose[0] if len(whose) == 1 else ""


def _doubt(looking: _Round, letter: ReceivedMail, recipient: str) -> MailDoubt | None:
    """Why a delivery for somebody is not taken from whoever wrote: the office may hand in for anybody."""
    whose = looking.registered.get(letter.sender, set())
    if not letter.sender or not letter.authentic:
        return MailDoubt.NOT_AUTHENTIC
    if not whose:
        return MailDoubt.UNKNOWN_ADDRESS
    return None if {recipient, paths.OFFICE} & whose else MailDoubt.OTHERS_ADDRESS


def _take(
    looking: _Round,
    mail: Arrived,
    letter: ReceivedMail,
    found: Unpacked,
    named: Sequence[str],
    *,
    admitted: bool = False,
) -> None:
    """Every delivery of a mail, and that it is dealt with, in one transaction."""
    run = looking.run
    notes = [_CLOUD] if letter.cloud else []
    notes += [_WINMAIL] if letter.winmail else []
    notes += [_UNUSED.format(names="、".join(found.unused[:_NAMES_SHOWN]))] if found.unused else []
    counts = Counter[str]()
    with looking.alone() as session:
        if not admitted and session.get(IncomingMail, (mail.mailbox, mail.validity, mail.uid)) is not None:
            return  # another run read it at the same moment
        for parcel, code in zip(found.parcels, named, strict=True):
            sender = sender_named(session, run, code or paths.OFFICE)
            own = sender.code in looking.registered.get(letter.sender, set())
            copy = Sealed(parcel.path, digest_of(parcel.path), mail.arrived_at, _nanoseconds(mail))
            brought = Brought(
                sender,
                copy,
                parcel.path.name,
                "" if own or admitted else paths.OFFICE,
                tuple(Note("", None, f"{note}。", unread=True) for note in notes),
                (letter.sender,) if own or not letter.sender else (letter.sender, sender.mail),
                letter.thread,
            )
            counts += take_brought(session, run, brought)
        keep_mail(session, run.year, mail, IncomingState.TAKEN, sender=letter.sender, recipient=named[0])
    looking.counts.update(counts)


def _nanoseconds(mail: Arrived) -> int:
    return int(mail.arrived_at.timestamp()) * 10**9


def _hold(looking: _Round, mail: Arrived, letter: ReceivedMail, doubt: MailDoubt, recipient: str, raw: bytes) -> None:
    """Keep the mail until a person has decided; its sender and the office are told, but no machine's words answered."""
    run = looking.run
    name = all_units()[recipient].name if recipient in all_units() else recipient
    said: dict[str, Any] = {"doubt": doubt, "address": letter.sender or "（发件人不明）", "digest": mail.digest[:12]}
    with looking.alone() as session:
        run.write(paths.held(run.settings, run.year, mail.digest), raw)
        keep_mail(
            session,
            run.year,
            mail,
            IncomingState.HELD,
            sender=letter.sender,
            recipient=recipient,
            doubt=doubt,
        )
        post_to_office(
            session,
            run,
            LetterKind.MAIL_HELD_OFFICE,
            key=f"held/{mail.digest[:16]}",
            arrived_at=mail.arrived_at,
            unit_name=name or "（填报表没有标识）",
            **said,
        )
        if doubt is not MailDoubt.NOT_AUTHENTIC:
            post(
                session,
                run,
                LetterKind.MAIL_HELD,
                key=f"{_who(looking, letter)}/{mail.digest[:16]}",
                to=letter.sender,
                arrived_at=mail.arrived_at,
                doubt=doubt,
                thread=letter.thread,
            )
    looking.counts[_COUNTED[IncomingState.HELD]] += 1


def _take_admitted(looking: _Round, kept: IncomingMail) -> None:
    """A held mail that an officer let in, from where it lies."""
    run = looking.run
    mail = Arrived(kept.mailbox, kept.validity, kept.uid, kept.digest, kept.arrived_at)
    lies = paths.held(run.settings, run.year, kept.digest)
    try:
        letter = read_letter(lies.read_bytes())
    except OSError as problem:
        raise MailFailed(str(lies), problem) from problem
    with sealing(run.settings) as folder:
        found = lay_out(letter.enclosed, folder, run.season.files, run.settings.signing_key())
        named = [_recipient(looking, letter, parcel) or kept.recipient for parcel in found.parcels]
        _take(looking, mail, letter, found, named, admitted=True)


def _answer(looking: _Round, mail: Arrived, letter: ReceivedMail, hints: Sequence[str], names: Sequence[str]) -> None:
    """A mail without anything to take: what to do is answered, to strangers once a day, to forgers never."""
    run = looking.run
    if not letter.sender or not letter.authentic:
        _keep(looking, mail, IncomingState.IGNORED)
        return
    if not _is_ours(looking, ()):
        return
    known = letter.sender in looking.registered
    once = mail.digest[:16] if known else str(local_day(run.at))
    with looking.alone() as session:
        keep_mail(session, run.year, mail, IncomingState.ANSWERED, sender=letter.sender)
        post(
            session,
            run,
            LetterKind.MAIL_WITHOUT_WORKBOOK,
            key=f"{_who(looking, letter)}/{once}",
            to=letter.sender,
            arrived_at=mail.arrived_at,
            hints=list(hints),
            file_names=list(names[:_NAMES_SHOWN]),
            thread=letter.thread,
        )
    looking.counts[_COUNTED[IncomingState.ANSWERED]] += 1


def _who(looking: _Round, letter: ReceivedMail) -> str:
    """Whom a letter to an address is for, as a part of its key; strangers by the address's hash."""
    whose = sorted(looking.registered.get(letter.sender, ()))
    return whose[0] if whose else hashed(letter.sender)


def _keep_automatic(looking: _Round, mail: Arrived, letter: ReceivedMail) -> None:
    """What machines write is never answered; a letter that came back marks its address."""
    if not _is_ours(looking, ()):
        return
    bounce = letter.bounce
    if bounce is None or not bounce.failed:
        _keep(looking, mail, IncomingState.IGNORED)
        return
    run, key = looking.run, looking.letters.get(bounce.letter, "")
    with looking.alone() as session:
        message = session.get(Message, key) if key else None
        address = message.recipient.lower() if message is not None else bounce.address
        if message is not None or address in looking.registered:
            mark_bounced(session, run.year, address, mail.arrived_at, bounce.problem, key)
        keep_mail(session, run.year, mail, IncomingState.BOUNCE)
    looking.counts[_COUNTED[IncomingState.BOUNCE]] += 1


def _keep(looking: _Round, mail: Arrived, state: IncomingState) -> None:
    if not _is_ours(looking, ()):
        return
    with looking.alone() as session:
        keep_mail(session, looking.run.year, mail, state)
    looking.counts[_COUNTED[state]] += 1
