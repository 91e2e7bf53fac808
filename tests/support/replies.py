"""People who answer a letter by mail, with the programs that they have."""

from collections.abc import Mapping, Sequence
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import make_msgid
from pathlib import Path

from tests.support.mail import SENDER

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def a_reply(
    sender: str,
    *files: Path | tuple[str, bytes],
    text: str = "您好，表已填好，见附件。",
    to: str = SENDER,
    answers: str = "",
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """A mail as a person writes it, with files by path or (name, content)."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, to, "回复：请报送申报材料"
    mail["Message-ID"] = make_msgid(domain="people.invalid")
    if answers:
        mail["In-Reply-To"] = mail["References"] = answers
    for name, value in (headers or {}).items():
        mail[name] = value
    mail.set_content(text)
    for file in files:
        name, content = (file.name, file.read_bytes()) if isinstance(file, Path) else file
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail


def raw_mail(sender: str, parts: Sequence[tuple[bytes, bytes]], *, head: bytes = b"") -> bytes:
    """A mail written by bytes, as old programs do: (header of a part, its base64 body) each."""
    lines = [b"From: " + sender.encode(), b"To: " + SENDER.encode(), b"Subject: =?gb2312?B?u9i4tA==?=", head]
    lines = [line for line in lines if line]
    lines += [b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="=_b"', b""]
    for about, body in parts:
        lines += [b"--=_b", about, b"", body]
    return b"\r\n".join([*lines, b"--=_b--", b""])


def a_bounce(letter: Message, *, address: str, said: str = "550 5.1.1 User unknown", action: str = "failed") -> bytes:
    """What a server sends back that could not deliver a letter (RFC 3464)."""
    report = (
        "From: MAILER-DAEMON@mx.invalid\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=_r"\r\n\r\n'
        "--=_r\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n"
        "--=_r\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.invalid\r\n\r\nFinal-Recipient: rfc822; {address}\r\nAction: {action}\r\n"
        "Status: 5.1.1\r\nDiagnostic-Code: smtp; {said}\r\n"
        "--=_r\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    head = report.format(to=SENDER, address=address, action=action, said=said).encode()
    return head + bytes(letter) + b"\r\n--=_r--\r\n"
