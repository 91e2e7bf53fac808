"""Envelopes, and a real SMTP server on loopback that behaves as badly as a test asks."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, Session
from aiosmtpd.smtp import Envelope as Received
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flows.outbox.mail.transport import Envelope

SENDER = "gangchuang@example.invalid"
WRITTEN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def an_envelope(
    key: str = "2026/call_opened/500101",
    *,
    to: str = "kexie-500101@example.invalid",
    subject: str = "请报送申报材料（万州区）",
    body: str = "万州区科协：\n\n请于截止前报送。\n.\n..两点\n",
    attachments: tuple[Path, ...] = (),
) -> Envelope:
    return Envelope(key, to, subject, body, attachments, WRITTEN)


HOST = "127.0.0.1"
USER, PASSWORD = "mailer@example.invalid", "p@ss/word"


@dataclass
class Post:
    """What a server does and what it has received. Answers are looked up by the recipient's address."""

    on_mail: str = ""
    on_recipient: dict[str, str] = field(default_factory=dict)
    on_data: dict[str, str] = field(default_factory=dict)
    drop_after_data: bool = False
    hang_on_data: bool = False
    on_text: Callable[[], None] | None = None
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    greetings: int = 0
    server: SMTP | None = None
    port: int = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Received, hostname: str, responses: list[str]
    ) -> list[str]:
        del envelope
        session.host_name = hostname
        self.greetings += 1
        self.server = server
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Received, address: str, options: list[str]
    ) -> str:
        del server, session
        if self.on_mail:
            return self.on_mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Received, address: str, options: list[str]
    ) -> str:
        del server, session, options
        answer = self.on_recipient.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Received) -> str:
        recipient = envelope.rcpt_tos[0]
        answer = self.on_data.get(recipient, "250 taken")
        if answer.startswith("250"):
            content = cast(bytes, envelope.content)
            mail = cast(EmailMessage, message_from_bytes(content, policy=policy.default))
            self.received.append((recipient, mail))
            self.secured.append(session.ssl is not None)
        if self.on_text is not None:
            self.on_text()
        if self.hang_on_data:
            await asyncio.sleep(3600)
        if self.drop_after_data:
            cast(asyncio.Transport, server.transport).abort()
        return answer

    def hang_up(self) -> None:
        """Close the connection from the server's side, as one does that was idle for too long."""
        assert self.server is not None
        self.server.loop.call_soon_threadsafe(cast(asyncio.Transport, self.server.transport).abort)


@contextmanager
def serving(post: Post, **options: Any) -> Iterator[Post]:
    """Run the server; `options` are aiosmtpd's (tls_context, ssl_context, authenticator …)."""
    post.port = _free_port()
    controller = Controller(post, hostname=HOST, port=post.port, **options)
    controller.start()
    try:
        yield post
    finally:
        controller.stop()


def knows_the_account(server: SMTP, session: Session, envelope: Received, mechanism: str, data: Any) -> AuthResult:
    """An authenticator that lets USER with PASSWORD in."""
    del server, session, envelope, mechanism
    assert isinstance(data, LoginPassword)
    known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS context with a certificate for loopback, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, public = folder / "loopback.pem", certificate.public_bytes(serialization.Encoding.PEM)
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + public
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=public.decode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
