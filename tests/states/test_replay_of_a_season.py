"""What was decided can be worked out from the exported history alone, and is what the database holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models import Call, Placing, Submission
from states.audit.export import export_history, read_export
from states.audit.recompute import read_record, recompute
from states.audit.replay import Standing, replay
from tests.support.playing import Player


@pytest.fixture
def exported(played: Player, tmp_path: Path) -> list[dict[str, Any]]:
    """The entries of the played season's export: all that the tests below may look at."""
    with played.reading() as session:
        made = export_history(session, 2026, tmp_path / "history.jsonl")
    return list(read_export(made.path))


def test_states_and_outcomes_replayed_from_the_export_are_the_databases(
    played: Player, exported: list[dict[str, Any]]
) -> None:
    replayed = dict(replay(exported))

    with played.reading() as session:
        kept = {
            f"submission/{one.number}": Standing(one.state, one.archived_from, one.outcome, one.tier)
            for one in session.scalars(select(Submission))
        }
        kept["call/2026"] = Standing(session.get_one(Call, 2026).state)
    assert replayed == kept
    assert len(kept) == 11
    assert len({one.outcome for one in kept.values()}) == 7  # six outcomes, and the call's none


def test_the_ranking_recomputed_from_the_export_is_the_databases(
    played: Player, exported: list[dict[str, Any]]
) -> None:
    assert recompute(exported) == []

    record = read_record(exported)
    recorded = [
        (one["submission"], one["position"], one["rank"], one["merit"], one["tier"])
        for one in record.one("freeze_ranking")["ranking"]["placed"]
    ]
    after_votes = {one["number"]: one["after"] for one in record.one("close_votes")["votes"]}
    with played.reading() as session:
        rows = session.scalars(select(Placing).order_by(Placing.position)).all()
    assert [(one.number, one.position, one.rank, str(one.merit), one.tier) for one in rows] == [
        (number, position, rank, merit, after_votes.get(number, tier))
        for number, position, rank, merit, tier in recorded
    ]
    approved = [[one.number, one.tier] for one in rows if one.approved]
    assert record.one("approve")["list"] == approved


@pytest.mark.parametrize("trigger", ["record_score", "assign", "strike", "award"])
def test_an_export_that_says_otherwise_is_told_apart(exported: list[dict[str, Any]], trigger: str) -> None:
    entry = next(one for one in reversed(exported) if one["trigger"] == trigger)
    facts = json.loads(entry["facts"])
    changed = {"total": "12", "experts": ["E0009"], "tier": "second"}
    if trigger == "strike":
        exported.remove(entry)
    else:
        entry["facts"] = json.dumps({**facts, **{name: changed[name] for name in changed.keys() & facts.keys()}})

    assert recompute(exported) != []
