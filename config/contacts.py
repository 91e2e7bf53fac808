"""How the reporting units are reached by telephone: `contacts.csv` in the home, kept by the office.

Columns `code,name,phone` (单位代码、联系人、电话), as Excel writes them. Not in the season file, whose rules enter the
record for good: a person's telephone can be corrected here, and deleted.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from config.errors import GangchuangError
from config.units import all_units

CONTACTS_FILE = "contacts.csv"
_HEADINGS = {"code": ("code", "单位代码"), "person": ("name", "联系人"), "phone": ("phone", "电话")}


class ContactsBroken(GangchuangError):
    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"{path}: {reason}. The file has a line of headings, code,name,phone (or 单位代码,联系人,电话), "
            f"and a line a reporting unit; correct it, or move it away."
        )


@dataclass(frozen=True)
class UnitContact:
    """Whom to call at a unit."""

    person: str
    phone: str


def contacts(home: Path) -> dict[str, UnitContact]:
    """Whom to call, by the units' codes; nobody where there is no file. Raises ContactsBroken."""
    path = home / CONTACTS_FILE
    if not path.exists():
        return {}
    rows = list(csv.reader(_text(path).splitlines()))
    places = {field: _place(rows[0] if rows else [], words, path) for field, words in _HEADINGS.items()}
    found = {}
    for line, row in enumerate(rows[1:], start=2):
        cells = {field: row[place].strip() if place < len(row) else "" for field, place in places.items()}
        if not any(cells.values()):
            continue
        if cells["code"] not in all_units():
            raise ContactsBroken(path, f"line {line}: {cells['code']!r} is no reporting unit's code")
        found[cells["code"]] = UnitContact(cells["person"], cells["phone"])
    return found


def _place(headings: list[str], words: tuple[str, ...], path: Path) -> int:
    place = next((place for place, heading in enumerate(headings) if heading.strip() in words), None)
    if place is None:
        raise ContactsBroken(path, f"no column is called {' or '.join(words)}")
    return place


def _text(path: Path) -> str:
    """Excel in China writes GBK where it is not told otherwise."""
    try:
        raw = path.read_bytes()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")
    except OSError as problem:
        raise ContactsBroken(path, problem.strerror or str(problem)) from problem
