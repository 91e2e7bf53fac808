"""Mail as .eml files: what a home without a mail server gets instead."""

import hashlib
import os
import re
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from flows.outbox.mail.envelope import Envelope, build
from flows.outbox.mail.failures import PermanentFailure, TemporaryFailure


class FileTransport:
    """Writes each message to a file of its own, named for its key."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        self._folder, self._sender = folder, sender

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def path_of(self, key: str) -> Path:
        """Where a message lies: readable, and different for different keys on any file system."""
        readable = re.sub(r"[^\w.-]+", "_", key)[:60].strip("._")
        return self._folder / f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.eml"

    def send(self, envelope: Envelope) -> None:
        """Write the message; writing the same again changes nothing.

        Raises PermanentFailure when another text lies under the key, TemporaryFailure when the disk refuses.
        """
        content = bytes(build(envelope, self._sender))
        path = self.path_of(envelope.key)
        try:
            if not _put_new(path, content) and path.read_bytes() != content:
                raise PermanentFailure(f"another text was already written to {path.name}; it stays")
        except OSError as problem:
            what = f"{path.name} cannot be written ({problem.strerror})"
            raise TemporaryFailure(what, server_gone=True) from problem


def _put_new(path: Path, content: bytes) -> bool:
    """Write a file whole unless there is one; whether it was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A hard link appears whole or not at all, and never replaces a file.
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True
