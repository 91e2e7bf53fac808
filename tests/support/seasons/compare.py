"""Holds what the database has against what the model has."""

from typing import Any

from tests.support.seasons.rows import Row


def same(expected: Any, found: Any) -> None:
    if isinstance(expected, dict) and isinstance(found, dict) and expected != found:
        differing = {key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
        expected, found = ({key: one.get(key) for key in differing} for one in (expected, found))
    assert found == expected, f"the model has {expected}, the database {found}"


def known(row: Row) -> tuple[Any, ...]:
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
