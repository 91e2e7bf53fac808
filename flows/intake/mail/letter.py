"""What a mail says and holds, whatever program wrote it. Never raises for bad input."""

import re
from base64 import b64decode
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from typing import NamedTuple

_MOST_DEPTH = 6
_MOST_PARTS = 300
_MOST_TEXT = 1 << 20
_OFTEN_WRONG = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030"}
_TYPES = {
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/pdf": ".pdf",
}
# Large attachments that providers keep on a server of theirs, and of which the mail holds a link.
_CLOUD = re.compile(
    r"超大附件|云附件|文件中转站|大附件下载|mail\.qq\.com/(?:ftn|cgi-bin/ftn)|mail\.(?:163|126)\.com/(?:large-attachment|"
    r"filehub)|(?:163|126|yeah)\.(?:com|net)/[^\s\"'<>]*(?:bigattach|largeattach)|cloud-attachment",
    re.IGNORECASE,
)
_MACHINE = re.compile(r"^(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)[@+-]", re.IGNORECASE)
_RETURNED = re.compile(
    r"undeliver|delivery (?:status|failure)|failure notice|mail delivery failed|returned mail|退信|投递失败|发送失败",
    re.IGNORECASE,
)
_OURS = re.compile(r"<([0-9a-f]{40})@[^<>\s]+>")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_ENHANCED = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")
_METHOD = re.compile(r"(?:^|;)\s*(spf|dkim|dmarc)\s*=\s*([a-z]+)", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")


class Enclosed(NamedTuple):
    """A file in a mail; `shown` when the text shows it, as a signature does its picture."""

    name: str
    content: bytes
    shown: bool = False


class Bounce(NamedTuple):
    """A letter of ours that came back: for good or only delayed, from which address, why, and which letter it was."""

    failed: bool
    address: str
    problem: str
    letter: str


@dataclass(frozen=True)
class ReceivedMail:
    """A mail as it is understood. `sender` is one plain address in small letters, or empty.

    `automatic`: a machine wrote it; `returned`: it looks like a letter of ours that came back.
    """

    sender: str
    message_id: str
    references: tuple[str, ...]
    automatic: bool
    returned: bool
    authentic: bool
    bounce: Bounce | None = None
    enclosed: tuple[Enclosed, ...] = ()
    winmail: bool = False
    cloud: bool = False

    @property
    def thread(self) -> tuple[str, ...]:
        """The Message-IDs that an answer to it names."""
        return (*self.references[-20:], *([self.message_id] if self.message_id else ()))


@dataclass
class _Content:
    """What was found while walking through a mail."""

    enclosed: list[Enclosed] = field(default_factory=list)
    winmail: bool = False
    cloud: bool = False
    parts: int = 0


def read_head(head: bytes) -> ReceivedMail:
    """What a mail's head alone says."""
    return _of_head(message_from_bytes(head))


def read_letter(raw: bytes) -> ReceivedMail:
    """A whole mail with the files in it, also of those that were forwarded within it."""
    message = message_from_bytes(raw)
    about = _of_head(message)
    if about.automatic:
        return _with(about, bounce=_bounce(message))
    content = _Content()
    _walk(message, 0, content)
    return _with(about, enclosed=tuple(content.enclosed), winmail=content.winmail, cloud=content.cloud)


def _with(letter: ReceivedMail, **more: object) -> ReceivedMail:
    return ReceivedMail(**{**letter.__dict__, **more})


def _of_head(message: Message) -> ReceivedMail:
    addresses = [address for _, address in getaddresses([_raw(message, "From")]) if "@" in address]
    sender = addresses[0].strip().lower() if len(addresses) == 1 and len(message.get_all("From", [])) == 1 else ""
    ids = re.findall(r"<[^<>\s]{3,250}>", _raw(message, "Message-ID"))
    references = re.findall(r"<[^<>\s]{3,250}>", f"{_raw(message, 'References')} {_raw(message, 'In-Reply-To')}")
    return ReceivedMail(
        sender,
        ids[0] if ids else "",
        tuple(dict.fromkeys(references)),
        _is_automatic(message, sender),
        _is_returned(message, sender),
        _is_authentic(message),
    )


def _is_automatic(message: Message, sender: str) -> bool:
    """Whether a machine wrote it: a bounce, a holiday reply, a list (RFC 3834)."""
    submitted = _raw(message, "Auto-Submitted").partition(";")[0].strip().lower()
    returned = "<>" in _raw(message, "Return-Path")
    answering = any(message.get(name) for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "List-Id"))
    bulk = _raw(message, "Precedence").strip().lower() in ("bulk", "junk", "list", "auto_reply")
    return submitted not in ("", "no") or returned or answering or bulk or _is_returned(message, sender)


def _is_returned(message: Message, sender: str) -> bool:
    report = message.get_content_type() == "multipart/report"
    return report or bool(_MACHINE.match(sender)) or bool(_RETURNED.search(_decoded(_raw(message, "Subject"))))


def _is_authentic(message: Message) -> bool:
    """What our own mail server found of the sender; where it says nothing, nothing speaks against it (RFC 8601).

    The server puts its results on top; what stands below, of another server's name, may be the sender's own words.
    """
    results = [str(value) for name, value in message.raw_items() if name.lower() == "authentication-results"]
    if not results:
        return True
    server = results[0].strip().split(";")[0].split()[:1]
    own = [text for text in results if text.strip().split(";")[0].split()[:1] == server]
    first = _methods(own[0])
    every = [pair for text in own for pair in _methods(text)]
    if ("dmarc", "pass") in first:
        return True
    failing = {method for method, result in every if result in ("fail", "hardfail", "softfail")}
    return (
        "dmarc" not in failing
        and not ("spf" in failing and ("dkim", "pass") not in first)
        and not ("dkim" in failing and ("spf", "pass") not in first)
    )


def _methods(result: str) -> list[tuple[str, str]]:
    before = ""
    while before != result:
        before, result = result, _COMMENT.sub(" ", result)
    return [(method.lower(), said.lower()) for method, said in _METHOD.findall(" ".join(result.split()))]


def _bounce(message: Message) -> Bounce | None:
    """A report of a server that a letter did not arrive, in the usual form (RFC 3464) or in words."""
    parts = list(message.walk())
    report = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    text = "\n".join(_text_of(part) for part in parts if part.get_content_maintype() == "text")
    if report is None and not _RETURNED.search(_decoded(_raw(message, "Subject"))):
        return None
    said = _decoded("\n".join(str(block) for block in _blocks(report))) if report is not None else text
    action = re.search(r"^Action:\s*(\w+)", said, re.MULTILINE | re.IGNORECASE)
    address = re.search(r"^(?:Final|Original)-Recipient:[^;\n]*;\s*<?([^<>\s]+)", said, re.MULTILINE | re.IGNORECASE)
    why = re.search(r"^Diagnostic-Code:[^;\n]*;\s*((?:.+\n?)(?:[ \t]+.+\n?)*)", said, re.MULTILINE | re.IGNORECASE)
    whole = text + "\n".join(_raw(part, "Message-ID") for part in parts[1:])
    ours = _OURS.search(whole) or _OURS.search(f"{_raw(message, 'References')} {_raw(message, 'In-Reply-To')}")
    named = address[1] if address else next(iter(_ADDRESS.findall(text)), "")
    code = _ENHANCED.search(said)
    problem = " ".join((why[1] if why else code[0] if code else _decoded(_raw(message, "Subject"))).split())[:300]
    failed = (action[1].lower() == "failed") if action else True
    return Bounce(failed, named.strip().lower(), problem, ours[1] if ours else "")


def _blocks(report: Message) -> list[object]:
    payload = report.get_payload()
    return list(payload) if isinstance(payload, list) else [payload]


def _walk(message: Message, depth: int, content: _Content) -> None:
    if depth > _MOST_DEPTH:
        return
    payload = message.get_payload()
    if isinstance(payload, list):
        for part in payload:
            if isinstance(part, Message):
                content.parts += 1
                if content.parts > _MOST_PARTS:
                    return
                _walk(part, depth + 1, content)
        return
    name, kind = file_name(message), message.get_content_type()
    if kind in ("application/ms-tnef", "application/vnd.ms-tnef") or name.lower() == "winmail.dat":
        content.winmail = True
        return
    if kind in ("text/plain", "text/html") and not name:
        content.cloud = content.cloud or bool(_CLOUD.search(_text_of(message)))
        return
    body = _content_of(message)
    if name.lower().endswith(".eml"):  # a mail forwarded as a file
        _walk(message_from_bytes(body), depth + 1, content)
        return
    if not name and kind not in _TYPES:
        return
    shown = message.get_content_disposition() != "attachment" and bool(message.get("Content-ID"))
    content.enclosed.append(Enclosed(name or f"附件{_TYPES[kind]}", body, shown))


def _content_of(message: Message) -> bytes:
    try:
        body = message.get_payload(decode=True)
    except (ValueError, AssertionError):
        body = None
    if isinstance(body, bytes):
        return body
    return b64decode(str(message.get_payload()) + "==", validate=False) if message.get_payload() else b""


def _text_of(message: Message) -> str:
    body = _content_of(message)[:_MOST_TEXT] if not message.is_multipart() else b""
    return _from_bytes(body, message.get_content_charset() or "")


def file_name(message: Message) -> str:
    """The name that a part gives its file, as people read it: RFC 2231, RFC 2047, or bytes in GBK or UTF-8."""
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        probe = Message()
        probe["Content-Disposition"] = " ".join(_raw(message, header).split("\n")).replace("\r", " ")
        given = probe.get_param(parameter, None, "content-disposition")
        if isinstance(given, tuple):
            charset, _, value = given
            given = _from_bytes(value.encode("latin-1", "ignore"), charset or "")
        if given:
            plain = re.sub(r"[\x00-\x1f\x7f]", "", _decoded(given)).replace("\\", "/").rpartition("/")[2].strip()
            if plain.strip("."):
                return plain[:200]
    return ""


def _decoded(text: str) -> str:
    """Encoded words (RFC 2047) as people read them."""
    if "=?" not in text:
        return text
    try:
        pieces = decode_header(re.sub(r"\?=\s+=\?", "?==?", text))
    except (HeaderParseError, ValueError, LookupError):
        return text
    return "".join(
        _from_bytes(piece, charset or "") if isinstance(piece, bytes) else piece for piece, charset in pieces
    )


def _raw(message: Message, name: str) -> str:
    """A header's own text; bytes that are no ASCII are read as UTF-8 or GB18030."""
    found = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    if found.isascii():
        return found
    return _from_bytes(found.encode("utf-8", "surrogateescape"), "")


def _from_bytes(raw: bytes, charset: str) -> str:
    for encoding in filter(None, (_OFTEN_WRONG.get(charset.lower(), charset), "utf-8", "gb18030")):
        try:
            return raw.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("utf-8", "replace")
