"""One engine a home: a lock that the kernel lets go of when its holder dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.engine.errors import EngineRunning


@contextmanager
def home_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises EngineRunning when another process holds it."""
    with (folder / "engine.lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise EngineRunning(folder.parent) from problem
        yield
