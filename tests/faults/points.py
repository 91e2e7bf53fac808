"""Fault points: before and after every commit, statement, file operation, mail command and Prefect request.

The core knows nothing of this. `arm` wraps what Python, SQLAlchemy, smtplib and httpx offer, in
this process and for its main thread; from then on every point has a number, the same in every
run of the same move. At the chosen number the process kills itself with SIGKILL, or its disk is full from then on.
"""

import builtins
import io
import os
import re
import resource
import signal
import smtplib
import threading
import zipfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

KINDS = ("commit", "statement", "file", "mail", "smtp", "prefect", "instant", "full")


class _Points:
    """The counter of this process. Armed once, with the number at which to die (0: none) or a list to fill."""

    wrapped = armed = False
    quiet = 0
    passed = 0
    kill_at = full_at = 0
    halt_at = ""
    heard: list[str] | None = None
    home = ""


def arm(
    *,
    kill_at: int = 0,
    full_at: int = 0,
    halt_at: str = "",
    heard: list[str] | None = None,
    home: Path | None = None,
) -> None:
    """Begin to count in this process. `heard` gets a line a point, `kind what`; `halt_at` is how such a line begins."""
    if not _Points.wrapped:
        _wrap_everything()
    _Points.wrapped = _Points.armed = True
    _Points.passed, _Points.kill_at, _Points.full_at = 0, kill_at, full_at
    _Points.heard, _Points.halt_at = heard, halt_at
    _Points.home = f"{home}/" if home else ""


def disarm() -> None:
    """Count no more."""
    _Points.armed = False


def passed() -> int:
    """How many points this process has passed since it was armed."""
    return _Points.passed


class unheard:
    """What people do is not the system's, and is not killed."""

    def __enter__(self) -> None:
        _Points.quiet += 1

    def __exit__(self, *_: object) -> None:
        _Points.quiet -= 1


def point(kind: str, what: str) -> None:
    """One instant at which this process may be killed."""
    if not _Points.armed or _Points.quiet or threading.current_thread() is not threading.main_thread():
        return
    _Points.passed += 1
    if _Points.heard is not None:
        _Points.heard.append(f"{kind} {what}")
    if _Points.halt_at and f"{kind} {what}".startswith(_Points.halt_at):
        _Points.halt_at = ""
        os.kill(os.getpid(), signal.SIGSTOP)
    if _Points.passed == _Points.full_at:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    if _Points.passed == _Points.kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


def _wrap_everything() -> None:
    commit = DefaultDialect.do_commit
    DefaultDialect.do_commit = _around("commit", "", commit)  # type: ignore[method-assign]
    event.listen(Engine, "after_cursor_execute", _statement)
    for name in ("replace", "rename", "link", "unlink", "remove", "mkdir", "fsync", "sendfile", "copy_file_range"):
        if hasattr(os, name):
            setattr(os, name, _around_file(name, getattr(os, name)))
    opened = _around_opening(builtins.open)
    builtins.open = opened  # type: ignore[assignment]
    io.open = opened  # type: ignore[assignment]
    zipfile.ZipFile.close = _around_archive(zipfile.ZipFile.close)  # type: ignore[method-assign]
    smtplib.SMTP.send = _around("smtp", "send", smtplib.SMTP.send)  # type: ignore[method-assign]
    smtplib.SMTP.getreply = _around("smtp", "reply", smtplib.SMTP.getreply)  # type: ignore[method-assign]
    smtplib.SMTP.connect = _around("smtp", "connect", smtplib.SMTP.connect)  # type: ignore[method-assign]
    httpx.Client.send = _around_request(httpx.Client.send)  # type: ignore[method-assign]


def _around(kind: str, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def wrapped(*args: Any, **options: Any) -> Any:
        name = f"{what} {_command(args)}".strip() if kind == "smtp" and what == "send" else what
        point(kind, f"before {name}".strip())
        result = call(*args, **options)
        point(kind, f"after {name}".strip())
        return result

    return wrapped


def _command(args: tuple[Any, ...]) -> str:
    sent = args[1] if isinstance(args[1], bytes) else str(args[1]).encode()
    return "text" if sent.endswith(b"\r\n.\r\n") else re.match(rb"[A-Za-z]*", sent)[0].decode().upper()  # type: ignore[index]


def _statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA", "BEGIN")):
        point("statement", f"after {' '.join(statement.split()[:3])}")


def _around_file(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def wrapped(*args: Any, **options: Any) -> Any:
        what = _relative(args[1] if name in ("replace", "rename", "link") and len(args) > 1 else args[0])
        if what is None:
            return call(*args, **options)
        if name == "mkdir" and Path(_Points.home + what).is_dir():
            return call(*args, **options)
        point(_file_kind(what), f"before {name} {what}")
        result = call(*args, **options)
        point(_file_kind(what), f"after {name} {what}")
        return result

    return wrapped


def _around_opening(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def wrapped(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        what = _relative(file) if any(letter in mode for letter in "wxa+") else None
        if what is None:
            return call(file, mode, *args, **options)
        point(_file_kind(what), f"before open {what}")
        result = call(file, mode, *args, **options)
        point(_file_kind(what), f"after open {what}")
        return result

    return wrapped


def _around_archive(call: Callable[..., Any]) -> Callable[..., Any]:
    """A zip or workbook before its directory is written is half a file."""

    @wraps(call)
    def wrapped(archive: zipfile.ZipFile) -> Any:
        what = _relative(archive.filename) if archive.fp is not None and archive.mode in "wxa" else None
        if what is None:
            return call(archive)
        archive.fp.flush()  # type: ignore[union-attr]
        point(_file_kind(what), f"before end {what}")
        result = call(archive)
        point(_file_kind(what), f"after end {what}")
        return result

    return wrapped


def _around_request(call: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(call)
    def wrapped(client: Any, request: Any, *args: Any, **options: Any) -> Any:
        what = re.sub(r"[0-9a-f-]{36}", "…", f"{request.method} {request.url.path}")
        point("prefect", f"before {what}")
        result = call(client, request, *args, **options)
        point("prefect", f"after {what}")
        return result

    return wrapped


def _relative(path: Any) -> str | None:
    """The path below the home, by which alone files count; an open file's number counts as its path."""
    if isinstance(path, int):
        try:
            path = os.readlink(f"/proc/self/fd/{path}")
        except OSError:
            return None
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
    if not _Points.home or not text.startswith(_Points.home):
        return None
    return re.sub(r"\.\d+\.part$|[0-9a-f]{16}\.part$", ".part", text.removeprefix(_Points.home))


def _file_kind(what: str) -> str:
    return "mail" if what.startswith("mail/") else "file"
