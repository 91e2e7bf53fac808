"""The reporting units (districts, counties, functional zones), each judged by date.

`reporting_units.csv`, the home's own before the one shipped, has a line a unit. A unit that ends has its first day of
being no more in `valid_to` and the codes that take over its work in `successor`. A unit that is only renamed has a
second line with the same code that begins where the first one ends: what it was called on a day is what its line
of that day says.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from config import overrides
from config.errors import GangchuangError

UNITS_FILE = Path(__file__).parent / "reporting_units.csv"


class UnknownUnit(GangchuangError):
    def __init__(self, code: str) -> None:
        self.code = code
        self.chinese = f"没有代码为“{code}”的报送单位。没有任何改动。"
        super().__init__(f"No reporting unit has the code {code!r}. The codes are listed in {units_file()}.")


class UnitsFileBroken(GangchuangError):
    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path, self.problems = path, problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{path} cannot be used:\n{lines}\nCorrect these lines and check it again.")


class UnitNotInForce(GangchuangError):
    def __init__(self, unit: "Unit", on: date) -> None:
        self.unit, self.on = unit, on
        self.chinese = f"{unit.name}在{on}不是报送单位。没有任何改动。"
        follow = f"; its work went to {'、'.join(unit.successors)}" if unit.successors else ""
        super().__init__(f"{unit.name} ({unit.code}) is no reporting unit on {on}{follow}.")


@dataclass(frozen=True)
class Unit:
    """One reporting unit; `valid_to` is the first day on which it is no more."""

    code: str
    name: str
    kind: str
    valid_from: date | None
    valid_to: date | None
    successors: tuple[str, ...]

    def in_force(self, on: date) -> bool:
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on < self.valid_to)


def units_file() -> Path:
    """The file in force: the home's own before the one shipped."""
    return overrides.winning(UNITS_FILE, overrides.UNITS)


def all_units() -> dict[str, Unit]:
    """Every unit ever, by code, as its latest line has it, in the file's order. Raises UnitsFileBroken."""
    return {code: lines[-1] for code, lines in _lines(units_file()).items()}


def units_in_force(on: date) -> list[Unit]:
    """The reporting units of a day, in the file's order."""
    return [unit for lines in _lines(units_file()).values() for unit in lines if unit.in_force(on)]


def unit_on(code: str, on: date) -> Unit:
    """One unit as of a day. Raises UnknownUnit, or UnitNotInForce naming the successors."""
    lines = _lines(units_file()).get(code)
    if lines is None:
        raise UnknownUnit(code)
    found = next((unit for unit in lines if unit.in_force(on)), None)
    if found is None:
        raise UnitNotInForce(lines[-1], on)
    return found


def name_on(code: str, on: date) -> str:
    """What a unit is called on a day: of one that is no more, its last name; of one not yet, its first."""
    lines = _lines(units_file()).get(code)
    if lines is None:
        raise UnknownUnit(code)
    begun = [unit for unit in lines if unit.valid_from is None or unit.valid_from <= on]
    return (begun or lines)[-1 if begun else 0].name


def heirs_on(code: str, on: date) -> list[Unit]:
    """Who does a unit's work on a day, if it is no more by then: its successors, and theirs in turn."""
    known, found, asked = all_units(), [], [code]
    while asked:
        unit = known[asked.pop(0)]
        if unit.valid_to is None or on < unit.valid_to:
            found.append(unit)
        else:
            asked += [heir for heir in unit.successors if heir != code]
    return [] if [unit.code for unit in found] == [code] else found


@overrides.reread
def _lines(path: Path) -> dict[str, tuple[Unit, ...]]:
    """The lines of each code, the earliest first."""
    problems: list[str] = []
    found: dict[str, tuple[Unit, ...]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except UnicodeDecodeError as problem:
        raise UnitsFileBroken(path, [f"it is not written in UTF-8 ({problem})"]) from problem
    if missing := [name for name in _COLUMNS if rows and name not in rows[0]]:
        raise UnitsFileBroken(path, [f"it lacks the column {name}" for name in missing])
    for number, row in enumerate(rows, start=2):
        try:
            unit = _unit(row)
        except ValueError as problem:
            problems.append(f"line {number}: {problem}")
            continue
        if not unit.code or not unit.name:
            problems.append(f"line {number}: code and name are needed")
        found[unit.code] = (*found.get(unit.code, ()), unit)
    found = {code: tuple(sorted(own, key=lambda unit: unit.valid_from or date.min)) for code, own in found.items()}
    problems += [problem for code, own in found.items() for problem in _amiss(code, own, set(found))]
    if problems or not found:
        raise UnitsFileBroken(path, problems or ["it lists no unit"])
    return found


def _amiss(code: str, lines: Sequence[Unit], codes: set[str]) -> list[str]:
    """What is wrong with the lines of one code."""
    found = [
        f"{code}: two of its lines hold on the same day ({after.valid_from or 'from the beginning'})"
        for before, after in pairwise(lines)
        if before.valid_to is None or after.valid_from is None or after.valid_from < before.valid_to
    ]
    for unit in lines:
        found += [f"{code}: its successor {heir} is in no line" for heir in unit.successors if heir not in codes]
    last = lines[-1]
    if last.valid_to is not None and not last.successors:
        found.append(f"{code} ends on {last.valid_to}, and no successor takes over its work")
    return found


_COLUMNS = ("code", "name", "kind", "valid_from", "valid_to", "successor")


def _unit(row: dict[str, str]) -> Unit:
    def day(name: str) -> date | None:
        text = (row[name] or "").strip()
        return date.fromisoformat(text) if text else None

    successors = tuple(part.strip() for part in (row["successor"] or "").split(";") if part.strip())
    return Unit(
        row["code"].strip(), row["name"].strip(), row["kind"].strip(), day("valid_from"), day("valid_to"), successors
    )
