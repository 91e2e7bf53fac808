"""The files of a season that the office hands out: workbooks, receipts, the proposed list, the pages. Nothing else."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from config.settings import PUBLIC, Settings
from flows.home import paths

# Folders of the home below which a season has a folder of its own, and what people call them.
OUTWARD = {"outbox": "发出的工作簿", "receipts": "回执", paths.OFFICE: "内部名单", PUBLIC: "公开页面"}
# No draft of a file, nothing hidden, no way up.
_PART = re.compile(r"(?!\.)[^/\\\x00]+", re.DOTALL)


@dataclass(frozen=True)
class Outward:
    """One file: `path` below the home, whose it is, when it was written."""

    path: str
    whose: str
    name: str
    size: int
    written_at: datetime


def outward_files(own: Settings, year: int, folder: str, names: Mapping[str, str]) -> list[Outward]:
    """The files of one of the folders of a season, by whose they are; `names` of units and experts by their codes."""
    home = own.home.absolute()
    top = home / folder / str(year)
    found = []
    for path in sorted(_walked(top)):
        below = path.relative_to(top)
        whose = names.get(below.parts[0], below.parts[0]) if len(below.parts) > 1 else ""
        details = path.stat()
        found.append(
            Outward(
                path.relative_to(home).as_posix(),
                whose,
                below.name if len(below.parts) <= 2 else PurePosixPath(*below.parts[1:]).as_posix(),
                details.st_size,
                datetime.fromtimestamp(details.st_mtime, UTC),
            )
        )
    return found


def owners(own: Settings, year: int) -> set[str]:
    """The codes after which folders of a season are named."""
    tops = (own.home.absolute() / folder / str(year) for folder in OUTWARD)
    return {path.name for top in tops if top.is_dir() for path in top.iterdir() if path.is_dir()}


def outward_file(own: Settings, wanted: str) -> Path | None:
    """The file that lies at a path below the home, if it is one that the office hands out; None for anything else."""
    parts = wanted.split("/")
    known = len(parts) >= 3 and parts[0] in OUTWARD and parts[1].isascii() and parts[1].isdigit()
    if not known or not all(_PART.fullmatch(part) for part in parts):
        return None
    home = own.home.absolute()
    path = home.joinpath(*parts)
    try:
        # Whoever can write into the home could link out of it; the public pages' own folder is a link within it.
        top = (home / parts[0]).resolve(strict=True)
        within = top.is_relative_to(home.resolve()) and path.resolve(strict=True) == top.joinpath(*parts[1:])
    except (OSError, RuntimeError):
        return None
    return path if within and path.is_file() else None


def _walked(top: Path) -> Iterator[Path]:
    for path in top.rglob("*") if top.is_dir() else ():
        seen = all(_PART.fullmatch(part) for part in path.relative_to(top).parts)
        if seen and path.is_file() and not path.is_symlink():
            yield path
