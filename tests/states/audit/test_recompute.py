"""The record alone gives what was decided; whatever is changed in it afterwards is named."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from models.database import make_engine, reading, writing
from models.schema import upgrade
from states.audit.recompute import recompute
from states.audit.verify import verify
from states.history.read import read_entries
from tests.support.builders import season_rules, with_votes
from tests.support.decided import a_decided_season, small_rules

Entries = list[dict[str, Any]]
ONE, TWO, THREE, FOUR = (f"2026-500103-000{n}" for n in range(1, 5))


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Entries:
    """A season decided with signed votes; the panel does not carry the first prize of the second submission."""
    return played(tmp_path_factory.mktemp("decided"), with_votes(small_rules()))


def played(folder: Path, rules: Any, **options: Any) -> Entries:
    engine = make_engine(f"sqlite:///{folder / 'season.db'}")
    upgrade(engine)
    with writing(engine) as session:
        a_decided_season(session, rules, **{"against": (THREE,), **options})
    with reading(engine) as session:
        assert verify(session) == []
        entries = list(read_entries(session, 2026))
    engine.dispose()
    return entries


def test_what_was_decided_follows_from_the_record(record: Entries) -> None:
    decided = {entry["trigger"]: json.loads(entry["facts"]) for entry in record}

    assert recompute(record) == []
    assert decided["approve"]["list"] == [[ONE, "first"], [THREE, "second"], [TWO, "second"]]
    assert {"draw_panel", "recuse", "replace", "open_votes", "record_votes", "close_votes", "strike", "award"} <= set(
        decided
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "trimmed_mean"},
        {"method": "shrinkage"},
        {"limits": {"per_unit": 3}},
        {"limits": {"per_organisation": 1, "per_person": 1}},
    ],
)
@pytest.mark.parametrize("secret", [None, True])
def test_it_follows_by_every_method_limit_and_ballot(
    tmp_path: Path, changes: dict[str, Any], secret: bool | None
) -> None:
    rules = small_rules()
    limits = rules.final_round.limits.model_copy(update=changes.get("limits", {}))
    rules = small_rules(rules, **{**changes, "limits": limits})

    assert recompute(played(tmp_path, rules if secret is None else with_votes(rules, secret=secret))) == []


def in_facts(trigger: str, change: Callable[[dict[str, Any]], None], subject: str = "") -> Callable[[Entries], None]:
    """Change the facts of the latest entry of a trigger (of a submission)."""

    def tamper(entries: Entries) -> None:
        entry = next(
            entry for entry in reversed(entries) if entry["trigger"] == trigger and entry["subject"].endswith(subject)
        )
        facts = json.loads(entry["facts"])
        change(facts)
        entry["facts"] = json.dumps(facts)

    return tamper


def setting(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(facts: dict[str, Any]) -> None:
        holder = facts
        for step in path[:-1]:
            holder = holder[step]
        assert holder[path[-1]] != to, "the tampering changes nothing"
        holder[path[-1]] = to

    return change


def leave_out_a_member(facts: dict[str, Any]) -> None:
    member = facts["panel"]["seated"][0]["expert"]
    facts["pool"] = [line for line in facts["pool"] if line[0] != member]


def swap(facts: dict[str, Any]) -> None:
    placed = facts["ranking"]["placed"]
    placed[0], placed[1] = placed[1], placed[0]


@pytest.mark.parametrize(
    ("tamper", "what", "subject"),
    [
        (in_facts("commit_draw", setting("commitment", to="0" * 64)), "commitment", "the draw's seed"),
        (in_facts("draw_panel", setting("seed", to="00" * 32)), "commitment", "the draw's seed"),
        (in_facts("draw_panel", leave_out_a_member), "panel", "the draw"),
        (in_facts("draw_panel", lambda facts: facts["panel"]["seated"].reverse()), "panel", "the draw"),
        (in_facts("assign", lambda facts: facts["experts"].pop(), ONE), "number of experts", ONE),
        (in_facts("assign", setting("experts", 0, to="E9999"), ONE), "experts off the panel", ONE),
        (in_facts("record_score", setting("total", to="91"), ONE), "digest", "the frozen scores"),
        (in_facts("freeze_scores", setting("scores", to="0" * 64)), "digest", "the frozen scores"),
        (in_facts("record_final_review", setting("merit", to="99.0000"), FOUR), "merit", FOUR),
        (in_facts("freeze_ranking", swap), "place", THREE),
        (in_facts("freeze_ranking", setting("ranking", "placed", 4, "tier", to="third")), "place", "2026-500103-0005"),
        (in_facts("freeze_ranking", setting("tie_seed_from", to="00" * 32)), "seed", "the draw among equals"),
        (in_facts("record_votes", setting("votes_for", to=0), ONE), "vote", ONE),
        (in_facts("close_votes", setting("votes", 0, "carried", to=False)), "vote", ONE),
        (in_facts("close_votes", setting("votes", 1, "after", to="first")), "vote", THREE),
        (in_facts("close_votes", lambda facts: facts["votes"].pop()), "motions", "the panel's votes"),
        (
            in_facts("close_votes", lambda facts: facts["votes"][0]["entitled"].append("E9999")),
            "votes of those who have none",
            ONE,
        ),
        (in_facts("approve", lambda facts: facts["list"].reverse()), "approved list", "the season"),
        (in_facts("approve", setting("list", 0, 1, to="third")), "approved list", "the season"),
        (in_facts("award", setting("tier", to="first"), TWO), "tier", TWO),
    ],
)
def test_what_was_changed_is_named(record: Entries, tamper: Callable[[Entries], None], what: str, subject: str) -> None:
    bent = deepcopy(record)
    tamper(bent)

    found = [(difference.what, difference.subject) for difference in recompute(bent)]

    assert found[:1] == [(what, subject)]


def test_a_difference_reads_as_a_sentence(record: Entries) -> None:
    bent = deepcopy(record)
    in_facts("award", setting("tier", to="first"), TWO)(bent)

    assert [str(difference) for difference in recompute(bent)] == [f"tier of {TWO}: recorded first, recomputed second"]


def test_the_votes_cannot_be_left_out(record: Entries) -> None:
    without = [entry for entry in record if entry["trigger"] not in ("close_votes", "record_votes")]

    assert [(difference.what, difference.subject) for difference in recompute(without)][:1] == [
        ("motions", "the panel's votes")
    ]


def test_a_withdrawal_after_the_approval_is_no_difference(tmp_path: Path) -> None:
    entries = played(tmp_path, small_rules(season_rules()))
    award = next(entry for entry in entries if entry["trigger"] == "award" and entry["subject"].endswith(ONE))
    award["trigger"], award["facts"], award["to_state"] = "archive", '{"outcome":"withdrawn"}', "archived"

    assert recompute(entries) == []
