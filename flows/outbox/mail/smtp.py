"""Mail by an SMTP server: one connection for as long as the server keeps it."""

import smtplib
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from flows.outbox.mail.envelope import Envelope, build, check_address
from flows.outbox.mail.failures import PermanentFailure, SmtpUrlBroken, TemporaryFailure

_PORTS = {"smtp": 25, "smtps": 465}
# RFC 4954: these say that our account is wrong, not the recipient.
_ABOUT_US = {454, 530, 534, 535, 538}
# RFC 1870: the one refusal after MAIL that is about this message.
_TOO_LARGE = 552
_CLOSING = 421


@dataclass(frozen=True, slots=True)
class Server:
    """Where and as whom to deliver."""

    host: str
    port: int
    tls: bool
    user: str = ""
    password: str = ""

    @classmethod
    def of(cls, url: str) -> "Server":
        """Read `smtp[s]://user:password@host:port`. Raises SmtpUrlBroken, which never shows the password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SmtpUrlBroken("host or port are not readable") from None
        if parts.scheme not in _PORTS:
            raise SmtpUrlBroken("it must begin with smtp:// or smtps://")
        if not parts.hostname:
            raise SmtpUrlBroken("it names no host")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if bool(user) != bool(password):
            raise SmtpUrlBroken("user and password go together")
        return cls(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "smtps", user, password)

    @property
    def on_loopback(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class SmtpTransport:
    """Hands messages to one server. Connects at the first, reconnects when the server hung up."""

    def __init__(
        self, server: Server, *, sender: str, seconds: float = 30.0, context: ssl.SSLContext | None = None
    ) -> None:
        self._server, self._sender, self._seconds = server, sender, seconds
        self._context = context or ssl.create_default_context()
        self._connection: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def send(self, envelope: Envelope) -> None:
        """Deliver one message; when this returns, the server has taken it.

        Raises TemporaryFailure (4xx, lost, timed out, our account refused) or PermanentFailure
        (5xx for this recipient or message, an address that is none, an attachment gone).
        """
        content = bytes(build(envelope, self._sender))
        connection = self._ready()
        kept = False
        try:
            self._announce(connection, envelope.recipient, len(content))
            self._hand_over(connection, content)
            kept = True
        except TemporaryFailure as failure:
            kept = not failure.server_gone
            raise
        except PermanentFailure:
            kept = True
            raise
        finally:
            # A kept connection is reset before the next message; a broken or interrupted one may still
            # be within the text of this one, where even QUIT would be read as text.
            if not kept:
                self._drop()

    def _announce(self, connection: smtplib.SMTP, recipient: str, length: int) -> None:
        size = [f"size={length}"] if connection.has_extn("size") else []
        try:
            code, reply = connection.mail(check_address(self._sender), size)
            if code == _TOO_LARGE:
                raise PermanentFailure("the server takes no message of this size", _text(reply), code)
            if code != 250:
                # A refused sender is wrong for every message: each waits until an operator has looked.
                raise _temporary("the server refused our sender address", reply, code, gone=code >= 500)
            code, reply = connection.rcpt(check_address(recipient))
        except (OSError, smtplib.SMTPException) as problem:
            raise _lost(problem) from problem
        if code not in (250, 251):
            raise _refused("the server refused the recipient", reply, code)

    def _hand_over(self, connection: smtplib.SMTP, content: bytes) -> None:
        try:
            code, reply = connection.data(content)
        except smtplib.SMTPDataError as problem:
            code, reply = problem.smtp_code, _raw(problem.smtp_error)
        except (OSError, smtplib.SMTPException) as problem:
            raise _lost(problem, uncertain=True) from problem
        if code != 250:
            raise _refused("the server refused the message", reply, code)

    def _ready(self) -> smtplib.SMTP:
        """The open connection if the server still answers on it, or a new one."""
        if self._connection is not None:
            try:
                if self._connection.rset()[0] == 250:
                    return self._connection
            except (OSError, smtplib.SMTPException):
                pass
            self._drop()
        self._connection = self._connect()
        return self._connection

    def _connect(self) -> smtplib.SMTP:
        connection: smtplib.SMTP | None = None
        try:
            connection = self._dial()
            self._secure(connection)
            if self._server.user:
                connection.login(self._server.user, self._server.password)
            return connection
        except smtplib.SMTPResponseException as problem:
            refused = isinstance(problem, smtplib.SMTPAuthenticationError)
            what = "the server refused our account" if refused else "the server takes no mail now"
            failure = _temporary(what, _raw(problem.smtp_error), problem.smtp_code, gone=True)
        except (OSError, smtplib.SMTPException) as problem:
            failure = _lost(problem)
        except TemporaryFailure as problem:
            failure = problem
        if connection is not None:
            connection.close()
        raise failure

    def _dial(self) -> smtplib.SMTP:
        server = self._server
        if server.tls:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=self._seconds, context=self._context)
        return smtplib.SMTP(server.host, server.port, timeout=self._seconds)

    def _secure(self, connection: smtplib.SMTP) -> None:
        connection.ehlo_or_helo_if_needed()
        if self._server.tls:
            return
        if connection.has_extn("starttls"):
            connection.starttls(context=self._context)
            connection.ehlo()
        elif self._server.user and not self._server.on_loopback:
            raise TemporaryFailure(
                "the server offers no encryption, and the password is not sent in the clear; use smtps://",
                server_gone=True,
            )

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.quit()
        except (OSError, smtplib.SMTPException):
            connection.close()


def _refused(what: str, reply: bytes, code: int) -> TemporaryFailure | PermanentFailure:
    if code >= 500 and code not in _ABOUT_US:
        return PermanentFailure(what, _text(reply), code)
    return _temporary(what, reply, code)


def _temporary(what: str, reply: bytes, code: int, *, gone: bool = False) -> TemporaryFailure:
    gone = gone or code == _CLOSING or code in _ABOUT_US
    return TemporaryFailure(what, _text(reply), code, server_gone=gone)


def _lost(problem: Exception, *, uncertain: bool = False) -> TemporaryFailure:
    # smtplib turns a time-out while waiting for a reply into a lost connection.
    late = isinstance(problem, TimeoutError) or isinstance(problem.__context__, TimeoutError)
    what = "the server did not answer in time" if late else "the connection to the server failed"
    after = " after it had the message; it may have taken it" if uncertain else ""
    said = "" if late else str(problem)
    return TemporaryFailure(f"{what}{after}", said, uncertain=uncertain, server_gone=True)


def _raw(reply: bytes | str) -> bytes:
    return reply if isinstance(reply, bytes) else reply.encode()


def _text(reply: bytes) -> str:
    return reply.decode("utf-8", "replace")
