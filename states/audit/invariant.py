"""What an invariant of the database is, and the short way to write one as a query."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

Offenders = Iterable[Any]
Query = Select[Any]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that must hold. `offenders` names whatever breaks it: subjects, keys, paths."""

    name: str
    sentence: str
    offenders: Callable[[Session, Path | None], Offenders]


def breaking(query: Query) -> Callable[[Session, Path | None], Offenders]:
    """An invariant told as a query for what breaks it."""
    return lambda session, _: (tuple(row) for row in session.execute(query))
