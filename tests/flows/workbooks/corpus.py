"""Awkward and hostile deliveries, each named for what it is, with the exact answer to expect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.workbooks import SHEET, UNIT, Workshop

Build = Callable[[Workshop], Path]


@dataclass(frozen=True)
class Case:
    """One delivery. `takes`: line -> some of the form's fields; `backs` and `notes`: (cell, message).

    `refused` is the one problem of a file of which nothing can be taken: (sheet, cell, message).
    """

    name: str
    build: Build
    takes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    backs: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, str | None, str] | None = None
    notes: tuple[tuple[str | None, str], ...] = ()
    unread: bool = False
    sheet: str = SHEET
    sender: str = UNIT
    newest_issue: int | None = 1


CASES: list[Case] = []


def case(name: str, **expected: Any) -> Callable[[Build], Build]:
    """Register a builder as a case."""

    def register(build: Build) -> Build:
        assert all(known.name != name for known in CASES), name
        CASES.append(Case(name, build, **expected))
        return build

    return register


def add(name: str, build: Build, **expected: Any) -> None:
    """Register a case that needs no function of its own."""
    case(name, **expected)(build)
