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
            f"submission/{submission.number}": Standing(
                submission.state, submission.archived_from, submission.outcome, submission.tier
            )
            for submission in session.scalars(select(Submission))
        }
        kept["call/2026"] = Standing(session.get_one(Call, 2026).state)
    assert replayed == kept
    assert len(kept) == 11
    assert len({standing.outcome for standing in kept.values()}) == 7  # six outcomes, and the call's none


def test_the_ranking_recomputed_from_the_export_is_the_databases(
    played: Player, exported: list[dict[str, Any]]
) -> None:
    assert recompute(exported) == []

    record = read_record(exported)
    recorded = [
        (placed["submission"], placed["position"], placed["rank"], placed["merit"], placed["tier"])
        for placed in record.one("freeze_ranking")["ranking"]["placed"]
    ]
    after_votes = {vote["number"]: vote["after"] for vote in record.one("close_votes")["votes"]}
    with played.reading() as session:
        rows = session.scalars(select(Placing).order_by(Placing.position)).all()
    assert [(row.number, row.position, row.rank, str(row.merit), row.tier) for row in rows] == [
        (number, position, rank, merit, after_votes.get(number, tier))
        for number, position, rank, merit, tier in recorded
    ]
    approved = [[row.number, row.tier] for row in rows if row.approved]
    assert record.one("approve")["list"] == approved


@pytest.mark.parametrize("trigger", ["record_score", "assign", "strike", "award"])
def test_an_export_that_says_otherwise_is_told_apart(exported: list[dict[str, Any]], trigger: str) -> None:
    entry = next(entry for entry in reversed(exported) if entry["trigger"] == trigger)
    facts = json.loads(entry["facts"])
    changed = {"total": "12", "experts": ["E0009"], "tier": "second"}
    if trigger == "strike":
        exported.remove(entry)
    else:
        entry["facts"] = json.dumps({**facts, **{name: changed[name] for name in changed.keys() & facts.keys()}})

    assert recompute(exported) != []
