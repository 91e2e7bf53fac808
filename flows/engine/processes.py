"""The processes of an engine: one engine a home, none that outlives its parent, lines told at once."""

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from flows.engine.errors import EngineRunning

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process a signal when its parent process `parent` ends (Linux)."""
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def default_signals() -> None:
    """Undo what a shell or a parent may have set: a process that ignores SIGINT never stops."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def home_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises EngineRunning when another process holds it."""
    with (folder / "engine.lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise EngineRunning(folder.parent) from problem
        yield


@contextmanager
def place_among_workers(folder: Path, host: str) -> Iterator[int]:
    """Hold the first free ordinal among a host's further workers, from 2 on: the worker of `serve` is the first."""
    for ordinal in count(2):
        with (folder / f"worker-{host}-{ordinal}.lock").open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield ordinal
            return


def tell(line: object) -> None:
    """Write one line at once; a process of the tree may be killed at any moment."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
