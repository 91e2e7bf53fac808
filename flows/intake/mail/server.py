"""The mailbox on its IMAP server: looked at and read, never changed."""

import imaplib
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from imap_tools import MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError

from config.errors import GangchuangError
from config.settings import Settings

_PORTS = {"imap": 143, "imaps": 993}
_SECONDS = 30.0  # the longest silence of a server
_HEADS_AT_ONCE = 200
_HEAD = "(UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])"
_WHOLE = "(UID INTERNALDATE RFC822.SIZE BODY.PEEK[])"
# RFC 2971; the large Chinese providers let nobody select a folder who has not said this.
_OURSELVES = '("name" "gangchuang" "vendor" "gangchuang" "version" "1")'
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class ImapUrlBroken(GangchuangError):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"GANGCHUANG_IMAP_URL cannot be used: {reason}. Write it as imaps://user:password@host:993/INBOX, "
            "special characters percent-encoded."
        )


class MailboxAway(GangchuangError):
    """The mailbox cannot be read at the moment; nothing of it is lost, and the next look reads it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The mailbox cannot be read ({what}). Mail stays there and counts by the time at which it came. Look at "
            "the server and at GANGCHUANG_IMAP_URL; it is tried again by itself, with growing pauses."
        )


@dataclass(frozen=True, slots=True)
class MailAccount:
    """Whose mailbox, where."""

    host: str
    port: int
    tls: bool
    user: str
    password: str
    folder: str

    @classmethod
    def of(cls, url: str) -> "MailAccount":
        """Read `imap[s]://user:password@host:port/folder`. Raises ImapUrlBroken, which never shows the password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ImapUrlBroken("host or port are not readable") from None
        if parts.scheme not in _PORTS:
            raise ImapUrlBroken("it must begin with imap:// or imaps://")
        if not (parts.hostname and parts.username and parts.password):
            raise ImapUrlBroken("it must name user, password and host")
        folder = unquote(parts.path.strip("/")) or "INBOX"
        user, password = unquote(parts.username), unquote(parts.password)
        return cls(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "imaps", user, password, folder)

    @property
    def name(self) -> str:
        """The mailbox in the database: the same for the same one, and no address."""
        return sha256(f"{self.user}@{self.host}/{self.folder}".encode()).hexdigest()[:16]

    @property
    def on_loopback(self) -> bool:
        with suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host == "localhost"


class Head(NamedTuple):
    """A mail's head, when the server took it in, and how many bytes the whole has."""

    uid: int
    arrived_at: datetime
    size: int
    head: bytes

    @property
    def digest(self) -> str:
        return sha256(self.head).hexdigest()


class Mailbox:
    """An open mailbox; `newest` changes whenever mail has come, `validity` when all numbers have changed."""

    def __init__(self, box: MailBoxUnencrypted | MailBox, account: MailAccount) -> None:
        self._box, self.account = box, account
        status = box.folder.status(account.folder, ["UIDVALIDITY", "UIDNEXT"])
        self.validity = int(status["UIDVALIDITY"])
        self.newest = f"{self.validity}/{status['UIDNEXT']}"

    def numbers(self, since: date | None) -> list[int]:
        """The numbers of all mails that came on a day or later, in order."""
        self._box.folder.set(self.account.folder, readonly=True)
        day = f"SINCE {since.day}-{_MONTHS[since.month - 1]}-{since.year}" if since else "ALL"
        return sorted(map(int, self._box.uids(day, charset=None)))

    def heads(self, numbers: Sequence[int]) -> Iterator[Head]:
        """The heads of some mails, in order; one that was deleted meanwhile is left out."""
        for start in range(0, len(numbers), _HEADS_AT_ONCE):
            listed = ",".join(map(str, numbers[start : start + _HEADS_AT_ONCE]))
            yield from sorted(self._fetch(listed, _HEAD))

    def whole(self, number: int) -> bytes:
        """One mail as it came; empty when it was deleted meanwhile."""
        return next((found.head for found in self._fetch(str(number), _WHOLE)), b"")

    def _fetch(self, numbers: str, what: str) -> Iterator[Head]:
        said, answer = self._box.client.uid("FETCH", numbers, what)
        if said != "OK":
            raise MailboxAway(f"the server answered {said}")
        told: list[tuple[bytes, bytes]] = []
        for part in answer:
            if isinstance(part, tuple):
                told.append((part[0], part[1]))
            elif told and isinstance(part, bytes):
                told[-1] = (told[-1][0] + part, told[-1][1])
        yield from (_head(about, content) for about, content in told)


def _head(about: bytes, content: bytes) -> Head:
    uid, size = re.search(rb"UID (\d+)", about), re.search(rb"RFC822\.SIZE (\d+)", about)
    came = imaplib.Internaldate2tuple(about)
    if uid is None or size is None or came is None:
        raise MailboxAway("the server's answer is not readable")
    return Head(int(uid[1]), datetime.fromtimestamp(time.mktime(came), UTC), int(size[1]), content)


@contextmanager
def open_mailbox(settings: Settings) -> Iterator[Mailbox]:
    """The mailbox that the settings name. Raises ImapUrlBroken and, whenever the server is away, MailboxAway."""
    account = MailAccount.of(settings.imap_url.get_secret_value())
    box: Any = None
    try:
        kind = MailBox if account.tls else MailBoxUnencrypted if account.on_loopback else MailBoxStartTls
        box = kind(account.host, account.port, timeout=_SECONDS)
        box.login(account.user, account.password, initial_folder=None)
        if "ID" in box.client.capabilities:
            box.client.xatom("ID", _OURSELVES)
        yield Mailbox(box, account)
    except MailboxLoginError as problem:
        raise MailboxAway("the server refused our account") from problem
    except (OSError, imaplib.IMAP4.error, ImapToolsError) as problem:
        raise MailboxAway(f"{type(problem).__name__}: {problem}") from problem
    finally:
        if box is not None:
            with suppress(OSError, imaplib.IMAP4.error, ImapToolsError):
                box.logout()
