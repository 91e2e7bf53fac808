"""One message, and the mail it becomes: the same bytes whenever it is built."""

import hashlib
import mimetypes
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from config.local_time import ZONE
from config.season import Season
from config.settings import Settings
from flows.outbox.mail.failures import PermanentFailure, hashed

_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ics": "text/calendar",
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message on its way. `key` is its identity for ever; `written_at` is aware.

    `reply_to`: where answers go, if not to its sender; `thread`: Message-IDs of what it answers, directly the last.
    `names`: what the attachments are called in the mail, where not as they lie.
    """

    key: str
    recipient: str
    subject: str
    body: str
    attachments: tuple[Path, ...]
    written_at: datetime
    reply_to: str = ""
    thread: str = ""
    names: tuple[str, ...] = ()


def answers_to(settings: Settings, season: Season) -> str:
    """Where people's answers go: to the mailbox that is read, else to the office."""
    return settings.mail_from if settings.imap_url.get_secret_value() else season.office.mail


def build(envelope: Envelope, sender: str) -> EmailMessage:
    """The mail of an envelope: UTF-8, RFC 2231 file names, Message-ID and boundary from the key.

    Raises PermanentFailure for an address that is none and for an attachment that cannot be read.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(sender, "the sender")
    message["To"] = _address(envelope.recipient, "the recipient")
    message["Subject"] = " ".join(envelope.subject.split())
    message["Date"] = format_datetime(envelope.written_at.astimezone(ZONE))
    message["Message-ID"] = f"<{message_digest(envelope.key)}@{sender.rpartition('@')[2]}>"
    if envelope.reply_to:
        message["Reply-To"] = _address(envelope.reply_to, "those who answer")
    if envelope.thread:
        message["In-Reply-To"] = envelope.thread.split()[-1]
        message["References"] = envelope.thread
    # RFC 3834: holiday replies and other machines must not answer; that it did not arrive we want to know.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "DR, RN, NRN, OOF, AutoReply"
    message.set_content(envelope.body, cte="base64")
    names = envelope.names or [path.name for path in envelope.attachments]
    for path, name in zip(envelope.attachments, names, strict=True):
        _attach(message, path, name)
    if envelope.attachments:
        message.set_boundary(f"=_{message_digest(envelope.key)}")
    return message


def check_address(address: str) -> str:
    """The address itself. Raises ValueError for what no server could take."""
    spec = Address(addr_spec=address.strip()).addr_spec
    if not spec.isascii() or not spec.rpartition("@")[0] or not spec.rpartition("@")[2]:
        raise ValueError("not an ASCII address of the form name@host")
    return spec


def _address(address: str, whose: str) -> Address:
    try:
        return Address(addr_spec=check_address(address))
    except (ValueError, IndexError, MessageError) as problem:
        raise PermanentFailure(f"the address of {whose} ({hashed(address)}) is no mail address") from problem


def _attach(message: EmailMessage, path: Path, name: str) -> None:
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise PermanentFailure(f"the attachment {path.name} cannot be read ({problem.strerror})") from problem
    kind = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    main, _, sub = kind.partition("/")
    message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    if main == "text":
        [*message.iter_attachments()][-1].set_param("charset", "utf-8")


def message_digest(key: str) -> str:
    """What stands before the @ of a message's Message-ID."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]
