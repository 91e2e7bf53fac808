"""Files that appear whole or not at all."""

import hashlib
import os
import re
import shutil
import stat
from itertools import chain
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


def copy_atomically(source: Path, target: Path) -> None:
    """Copy a file or folder so that a reader sees nothing of it or all. Raises HomeNotWritable."""
    if not source.is_dir():
        write_atomically(target, source.read_bytes())
        return
    draft = target.with_name(f".{target.name[:64]}.{os.getpid()}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(source, draft, symlinks=True)
        move_atomically(draft, target)
    except OSError as problem:
        raise HomeNotWritable(target, problem.strerror or str(problem)) from problem


def move_atomically(source: Path, target: Path) -> None:
    """Move a file or folder within the home; gone already means that an earlier run moved it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and source.is_dir():
            # The same folder once more: out of sight first, so that nobody sees a half of it.
            target = source.with_name(f".{source.name[:64]}.{os.getpid()}.part")
            source.replace(target)
            shutil.rmtree(target)
        else:
            source.replace(target)
    except FileNotFoundError:
        if not target.exists():
            raise
    except OSError as problem:
        raise HomeNotWritable(target, problem.strerror or str(problem)) from problem


def is_larger(path: Path, most: int) -> bool:
    """Whether a file, or a folder's files together, have more bytes than this; looks no further than it must."""
    total = 0
    for part in chain((path,), path.rglob("*") if path.is_dir() and not path.is_symlink() else ()):
        kept = part.lstat()
        total += kept.st_size if stat.S_ISREG(kept.st_mode) else 0
        if total > most:
            return True
    return False


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, hex; of a folder, over the names and digests of what lies in it.

    Links are never followed and pipes never opened: they count by what they are.
    """
    kind = path.lstat().st_mode
    if stat.S_ISDIR(kind):
        listed = sorted((path.name.encode(errors="surrogateescape"), digest_of(path)) for path in path.iterdir())
        return hashlib.sha256(b"".join(name + b"\0" + digest.encode() for name, digest in listed)).hexdigest()
    if not stat.S_ISREG(kind):
        told = f"{stat.S_IFMT(kind)}:{path.readlink() if stat.S_ISLNK(kind) else ''}"
        return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_for_people(path: Path) -> str:
    """A file's name as text: bytes that are no UTF-8 are read as GB18030, as old programs write them."""
    name = path.name
    if not name.isprintable():
        raw = os.fsencode(name)
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                name = raw.decode("utf-8", "replace")
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", "_", name)
