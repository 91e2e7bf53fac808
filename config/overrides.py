"""What an administrator put into the home in the place of what is shipped: a file there wins.

    <home>/seasons/2027.toml            a season's rules
    <home>/holidays/2027.toml           a year's holidays, once the State Council has announced them
    <home>/units/reporting_units.csv    the reporting units, when districts merge or change their name
    <home>/templates/letters/<kind>.j2  the wording of a letter
    <home>/templates/pages/<name>       the wording of a page
    <home>/templates/reports/<name>     the pages of scorecards and of the yearly report
    <home>/templates/papers/<name>      the design of certificates and press kits, with its pictures and fonts

The home is the one that `GANGCHUANG_HOME` names. A file is looked up whenever it is needed and read again when it
has changed, so that what is running need not be started again.
"""

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

HOLIDAYS, SEASONS, UNITS, LETTERS, PAGES, REPORTS, PAPERS = (
    "holidays",
    "seasons",
    "units/reporting_units.csv",
    "templates/letters",
    "templates/pages",
    "templates/reports",
    "templates/papers",
)
Content = TypeVar("Content")


def in_home(*parts: str) -> Path:
    """Where the home has, or would have, its own file or folder."""
    return _below(os.environ.get("GANGCHUANG_HOME") or "var", Path.cwd(), parts)


@lru_cache(maxsize=1024)
def _below(home: str, here: Path, parts: tuple[str, ...]) -> Path:
    return here.joinpath(home, *parts)


def winning(shipped: Path, *parts: str) -> Path:
    """The home's own file where there is one, else the one that is shipped, which may be missing."""
    own = in_home(*parts)
    return own if own.is_file() else shipped


def own_files(*parts: str) -> Iterator[Path]:
    """What lies in one of the home's folders of overrides, by name."""
    folder = in_home(*parts)
    return iter(sorted(path for path in folder.glob("*") if path.is_file())) if folder.is_dir() else iter(())


def reread(read: Callable[[Path], Content]) -> Callable[[Path], Content]:
    """Read a file once for as long as it does not change."""

    @lru_cache(maxsize=256)
    def kept(path: Path, _modified: int, _size: int) -> Content:
        return read(path)

    def current(path: Path) -> Content:
        state = path.stat()
        return kept(path, state.st_mtime_ns, state.st_size)

    return current
