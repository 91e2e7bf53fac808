"""What can go wrong with a message, by what its sender can do about it."""

import hashlib
import re

from config.errors import GangchuangError, MayPass

_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


def hashed(address: str) -> str:
    """An address as logs may hold it: the same for the same address, and not readable."""
    return f"mail:{hashlib.sha256(address.strip().lower().encode()).hexdigest()[:12]}"


def without_addresses(sentence: str) -> str:
    """A server's sentence on one line, every mail address in it hashed."""
    return _ADDRESS.sub(lambda found: hashed(found[0].rstrip(".")), " ".join(sentence.split()))


class MailFailure(GangchuangError):
    """A message did not go out. `reply`: the server's sentence, addresses hashed; `code`: its number or 0."""

    def __init__(self, what: str, reply: str = "", code: int = 0) -> None:
        self.code = code
        self.reply = without_addresses(reply)
        said = f": {code or ''} {self.reply}".replace(":  ", ": ") if self.reply else ""
        super().__init__(f"{what}{said}")


class TemporaryFailure(MailFailure, MayPass):
    """Try again later.

    `uncertain`: the server may have taken the message (it broke off while it had the text).
    `server_gone`: the whole server cannot be used at the moment, so the rest of a batch will fare no better.
    """

    def __init__(
        self, what: str, reply: str = "", code: int = 0, *, uncertain: bool = False, server_gone: bool = False
    ) -> None:
        self.uncertain, self.server_gone = uncertain, server_gone
        super().__init__(what, reply, code)


class PermanentFailure(MailFailure):
    """No use trying again: a person must look at the address or the message."""


class SmtpUrlBroken(GangchuangError):
    def __init__(self, reason: str) -> None:
        super().__init__(
            f"GANGCHUANG_SMTP_URL cannot be used: {reason}. Write it as smtp://user:password@host:587 "
            "or smtps://user:password@host:465, special characters percent-encoded."
        )
