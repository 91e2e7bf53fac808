"""Holds what the database has against what the model has."""

from typing import Any

from tests.support.seasons.database import SeasonsDatabase
from tests.support.seasons.model import SeasonModel
from tests.support.seasons.rows import Row


def same(expected: Any, found: Any) -> None:
    if isinstance(expected, dict) and isinstance(found, dict) and expected != found:
        differing = {key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
        expected, found = ({key: one.get(key) for key in differing} for one in (expected, found))
    assert found == expected, f"the model has {expected}, the database {found}"


def same_season(season: SeasonModel, database: SeasonsDatabase) -> None:
    """A season's call, dates and submissions, and who has them to score."""
    dates = {key: (due_at, key in season.settled) for key, due_at in season.dates.items()}
    rows = {number: _known(row) for number, row in season.rows.items()}
    same(season.call, database.call(season.year))
    same(dates, database.dates(season.year))
    same(rows, database.submissions(season.year))
    assigned = database.assigned(season.year)
    for number, row in season.rows.items():
        same((number, set(row.experts)), (number, assigned.get((number, 1), set())))
        again = row.re_review.keys() - row.lost_to_re_review
        same((number, again), (number, assigned.get((number, 2), set())))


def _known(row: Row) -> tuple[Any, ...]:
    return (
        row.unit,
        row.state,
        row.outcome,
        row.origin,
        row.tier,
        row.eligible,
        row.correction,
        row.placed,
        row.struck,
        row.approved,
        sorted(row.objections),
    )
