"""How messages leave: by SMTP where the settings name a server, else as files."""

import ssl
from types import TracebackType
from typing import Protocol, Self

from config.settings import Settings
from flows.outbox.mail.envelope import Envelope, build
from flows.outbox.mail.failures import MailFailure, PermanentFailure, SmtpUrlBroken, TemporaryFailure, hashed
from flows.outbox.mail.files import FileTransport
from flows.outbox.mail.smtp import Server, SmtpTransport

__all__ = [
    "Envelope",
    "FileTransport",
    "MailFailure",
    "PermanentFailure",
    "Server",
    "SmtpTransport",
    "SmtpUrlBroken",
    "TemporaryFailure",
    "Transport",
    "build",
    "hashed",
    "open_transport",
]


class Transport(Protocol):
    """A way out; used in a `with` block, for any number of messages."""

    def send(self, envelope: Envelope) -> None:
        """Deliver one message. Raises TemporaryFailure or PermanentFailure."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_transport(
    settings: Settings, *, seconds: float = 30.0, context: ssl.SSLContext | None = None
) -> SmtpTransport | FileTransport:
    """The transport that the settings ask for; `seconds` is the longest silence of a server.

    Raises SmtpUrlBroken. Nothing is connected or written before the first message.
    """
    url = settings.smtp_url.get_secret_value()
    if not url:
        return FileTransport(settings.home.absolute() / "mail", sender=settings.mail_from)
    return SmtpTransport(Server.of(url), sender=settings.mail_from, seconds=seconds, context=context)
