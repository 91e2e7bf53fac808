"""Finds submissions that were removed whole, by what else in the database still knows of them."""

import re
from collections.abc import Iterator, Sequence

from sqlalchemy import Table, func, literal, select, union
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from models import Submission
from models.database import table_of
from states.audit.chain import Entry, Finding
from states.history.canonical import submission_subject
from states.numbers import Number

_NUMBER = re.compile(r"\b\d{4}-\w+-\d{4,}\b")


class Removals:
    """The calls' own records, the tables that belong to submissions, and the running numbers of each unit."""

    def __init__(self, session: Session, season: int | None) -> None:
        self._session, self._season = session, season
        self._named: dict[str, tuple[str, int]] = {}

    def take(self, subject: str, entries: Sequence[Entry]) -> None:
        """One subject in the subjects' order: calls come before the submissions that they name."""
        if subject.startswith("call/"):
            for entry in entries:
                for number in _NUMBER.findall(str(entry["facts"])):
                    self._named.setdefault(submission_subject(number), (subject, entry["sequence"]))
        elif entries:
            self._named.pop(subject, None)

    def findings(self) -> list[Finding]:
        """The submissions that are known somewhere and are nowhere, once every subject was taken."""
        found = {
            subject: f"it was removed whole: {call}, entry {sequence}, names it"
            for subject, (call, sequence) in self._named.items()
        }
        for number, table in self._orphans():
            found.setdefault(submission_subject(number), f"it was removed whole: the table {table} knows it")
        for number in self._missing_places():
            sentence = "it was removed whole: the running numbers of its unit have a gap here"
            found.setdefault(submission_subject(number), sentence)
        return [Finding("removed", subject, 1, found[subject]) for subject in sorted(found)]

    def _orphans(self) -> Iterator[tuple[str, str]]:
        orphans = []
        for table in _belonging():
            query = select(table.c.number, literal(table.name).label("name")).where(
                table.c.number.not_in(select(Submission.number))
            )
            if self._season is not None:
                query = query.where(table.c.number.like(f"{self._season}-%"))
            orphans.append(query)
        yield from ((number, name) for number, name in self._session.execute(union(*orphans)))

    def _missing_places(self) -> Iterator[str]:
        of_unit = (Submission.season, Submission.unit)
        query = select(*of_unit, func.max(Submission.place)).group_by(*of_unit)
        query = query.having(func.max(Submission.place) != func.count())
        if self._season is not None:
            query = query.where(Submission.season == self._season)
        for season, unit, last in self._session.execute(query).all():
            own = select(Submission.place).where(Submission.season == season, Submission.unit == unit)
            taken = set(self._session.scalars(own))
            yield from (str(Number(season, unit, place)) for place in range(1, last + 1) if place not in taken)


def _belonging() -> list[Table]:
    """The tables whose rows belong to a submission by its number."""
    own = table_of(Submission).c.number
    tables = [table for table in SQLModel.metadata.sorted_tables if "number" in table.c]
    return [table for table in tables if any(key.references(own.table) for key in table.c.number.foreign_keys)]
