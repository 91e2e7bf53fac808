"""Files that appear whole or not at all."""

import hashlib
import os
from pathlib import Path

from config.settings import HomeNotWritable


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader or a crash sees the old one or the new one. Raises HomeNotWritable."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as problem:
        raise HomeNotWritable(path, problem.strerror or str(problem)) from problem


def move_atomically(source: Path, target: Path) -> None:
    """Move a file within the home; gone already means that an earlier run moved it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    except FileNotFoundError:
        if not target.exists():
            raise
    except OSError as problem:
        raise HomeNotWritable(target, problem.strerror or str(problem)) from problem


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
