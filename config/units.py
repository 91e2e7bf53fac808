"""The reporting units (districts, counties, functional zones), each judged by date."""

import csv
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from config.errors import GangchuangError

UNITS_FILE = Path(__file__).parent / "reporting_units.csv"


class UnknownUnit(GangchuangError):
    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"No reporting unit has the code {code!r}. The codes are listed in config/{UNITS_FILE.name}.")


class UnitNotInForce(GangchuangError):
    def __init__(self, unit: "Unit", on: date) -> None:
        self.unit, self.on = unit, on
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


@lru_cache
def all_units() -> dict[str, Unit]:
    """Every unit ever, by code, in the file's order."""
    with UNITS_FILE.open(encoding="utf-8", newline="") as lines:
        return {row["code"]: _unit(row) for row in csv.DictReader(lines)}


def units_in_force(on: date) -> list[Unit]:
    """The reporting units of a day, in the file's order."""
    return [unit for unit in all_units().values() if unit.in_force(on)]


def unit_on(code: str, on: date) -> Unit:
    """One unit as of a day. Raises UnknownUnit, or UnitNotInForce naming the successors."""
    unit = all_units().get(code)
    if unit is None:
        raise UnknownUnit(code)
    if not unit.in_force(on):
        raise UnitNotInForce(unit, on)
    return unit


def _unit(row: dict[str, str]) -> Unit:
    def day(text: str) -> date | None:
        return date.fromisoformat(text) if text else None

    successors = tuple(part for part in row["successor"].split(";") if part)
    return Unit(row["code"], row["name"], row["kind"], day(row["valid_from"]), day(row["valid_to"]), successors)
