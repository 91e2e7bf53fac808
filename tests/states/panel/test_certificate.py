"""The recorded proof of the panel's assignment: checked from the export alone, whatever of it is forged is found."""

import json
from collections.abc import Callable
from copy import deepcopy
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.database import make_engine, reading, writing
from models.schema import upgrade
from states.audit.recompute import recompute
from states.history.read import read_entries
from states.history.verify_history import ZERO, Assigned, History, Wrong, best_team, entry_hash
from states.rules.assignment import assign_with_certificate, written
from tests.support.builders import with_votes
from tests.support.decided import a_decided_season, small_rules

Entries = list[dict[str, Any]]


def a_round(papers: int, experts: int, *, each: int = 3, aim: str = "fair", seed: int = 1) -> Assigned:
    """A few fields, of which some have too few experts; a few pairs in conflict."""
    rng = np.random.default_rng(seed)
    near = rng.integers(0, 4, papers)[:, None] == rng.integers(0, 4, experts)[None, :]
    limits = {
        "similarity": np.round(0.7 * near + 0.3 * rng.beta(2, 5, (papers, experts)), 6),
        "per_paper": np.full(papers, each),
        "max_load": np.full(experts, int(np.ceil(1.1 * papers * each / experts))),
        "conflicts": rng.random((papers, experts)) < 0.05,
    }
    found = assign_with_certificate(**limits, aim=aim)
    numbers, names = [f"S{row:04}" for row in range(papers)], [f"E{column:04}" for column in range(experts)]
    barred = [(numbers[row], names[column]) for row, column in zip(*np.nonzero(limits["conflicts"]), strict=True)]
    assigned = Assigned(json.loads(json.dumps(written(found.certificate, numbers, **limits))), names, barred)
    for number, row, mine in zip(numbers, found.experts, limits["similarity"], strict=True):
        affinities = np.rint(mine * 10**6).astype(int).tolist()
        assigned.add(number, {"experts": [names[column] for column in row], "affinities": affinities})
    return assigned


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("aim", ["fair", "share"])
def test_the_certificate_of_every_round_holds(seed: int, aim: str) -> None:
    assigned = a_round(24, 9, aim=aim, seed=seed)

    assert assigned.problem() == ""
    assert assigned.certificate["proven"]


@pytest.mark.parametrize("seed", range(8))
def test_the_checkers_best_team_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [(int(score), int(score) - int(price)) for score, price in rng.integers(0, 50, (9, 2))]

    for floor in (0, 60, 90, 110, 130, 200):
        every = [team for team in combinations(pairs, 3) if sum(score for score, _ in team) >= floor]
        expected = max((sum(worth for _, worth in team) for team in every), default=None)
        assert best_team(pairs, 3, floor) == expected


FIGURES = ["level", "level_at_most", "excluded", "largest_total", "total", "total_at_most", "total_from_prices"]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("aim", ["fair", "share"])
def test_a_forged_figure_is_found(name: str, aim: str) -> None:
    """Each is claimed better than it is: what is reached higher, what bounds lower."""
    assigned = a_round(24, 9, aim=aim)
    by = 1.001 if name in ("level", "total") else 0.999
    assigned.certificate[name] = f"{float(assigned.certificate[name]) * by:.6f}"

    assert assigned.problem() != ""


@pytest.mark.parametrize(
    "forge",
    [
        lambda known: known["prices"].update(total=known["prices"]["total"][::-1]),
        lambda known: known["prices"].update(total=["0"] * len(known["prices"]["total"])),
        lambda known: known["prices"].pop("largest_total"),
        lambda known: known.update(most=known["most"] - 1),
        lambda known: known.update(level="1e0"),
        lambda known: known.clear(),
    ],
)
def test_a_forged_certificate_is_found(forge: Callable[[dict[str, Any]], None]) -> None:
    assigned = a_round(24, 9)
    forge(assigned.certificate)

    assert assigned.problem() != ""


@pytest.mark.parametrize("aim", ["fair", "share"])
def test_a_worse_assignment_is_not_proven_by_figures_of_its_own(aim: str) -> None:
    """Whoever moves a favourite away and writes level and total anew lacks the prices."""
    assigned = a_round(24, 9, aim=aim)
    known, column_of = assigned.certificate, {name: column for column, name in enumerate(assigned.experts)}
    other = a_round(24, 9, aim="fair" if aim == "share" else "share")
    assert other.chosen != assigned.chosen, "both aims end alike: nothing is tried"
    assigned.chosen = other.chosen
    served = [
        sum(assigned.rows[number][column_of[expert]] for expert in team) for number, team in assigned.chosen.items()
    ]
    assert assigned.problem() != ""
    known["total"] = known["total_at_most"] = known["total_from_prices"] = f"{sum(served) / 10**6:.6f}"
    known["level"] = known["level_at_most"] = known["excluded"] = "0.1"

    assert (
        "do not prove" in assigned.problem() or "could have more" in assigned.problem() or "below" in assigned.problem()
    )


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Entries:
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('decided') / 'season.db'}")
    upgrade(engine)
    with writing(engine) as session:
        a_decided_season(session, with_votes(small_rules()))
    with reading(engine) as session:
        entries = list(read_entries(session, 2026))
    engine.dispose()
    return entries


def bent(record: Entries, change: Callable[[dict[str, Any]], None], subject: str = "call/") -> Entries:
    """The facts of every entry of the assignment changed, and all hashes made anew: the owner can do that."""
    entries, previous = deepcopy(record), {}
    for entry in entries:
        if entry["trigger"] == "assign" and entry["subject"].startswith(subject):
            facts = json.loads(entry["facts"])
            change(facts)
            entry["facts"] = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        entry["previous_hash"] = previous.get(entry["subject"], ZERO)
        previous[entry["subject"]] = entry["hash"] = entry_hash(entry)
    return entries


def outsider(entries: Entries) -> tuple[str, str]:
    """What the checker without our code says of the assignment. Raises Wrong."""
    history = History(2026)
    subjects = {entry["subject"] for entry in entries}
    end = {"line": "end", "entries": len(entries), "subjects": len(subjects)}
    history.check(iter([*({"line": "entry", **entry} for entry in entries), end]))
    history.check_assignment()
    assert history.assigned is not None
    return history.assigned.told()


def test_what_the_panel_was_given_is_proven_by_the_export_alone(record: Entries) -> None:
    assert recompute(record) == []
    assert "the prices recorded prove it" in outsider(record)[0]


@pytest.mark.parametrize(
    ("subject", "change"),
    [
        ("call/", lambda facts: facts.pop("certificate")),
        ("call/", lambda facts: facts["certificate"].clear()),
        ("call/", lambda facts: facts["certificate"].update(total="0.000001")),
        ("call/", lambda facts: facts["certificate"]["prices"].update(total=["9"] * len(facts["experts"]))),
        ("submission/", lambda facts: facts.pop("affinities")),
        ("submission/", lambda facts: facts.update(affinities=[999_999] * len(facts["affinities"]))),
    ],
)
def test_what_is_taken_away_or_forged_is_found_by_both(
    record: Entries, subject: str, change: Callable[[dict[str, Any]], None]
) -> None:
    entries = bent(record, change, subject)

    assert "certificate" in {difference.what for difference in recompute(entries)}
    with pytest.raises(Wrong, match="assignment"):
        outsider(entries)


def test_seasons_drawn_before_say_that_no_certificate_was_recorded(record: Entries) -> None:
    entries = bent(
        bent(record, lambda facts: facts.pop("certificate")), lambda facts: facts.pop("affinities"), "submission/"
    )

    assert recompute(entries) == []
    assert outsider(entries)[0] == "No certificate of the assignment was recorded"


def test_a_round_of_four_hundred_takes_two_kilobytes_and_three_hundred_bytes_a_submission() -> None:
    assigned = a_round(400, 45, each=5)

    assert assigned.problem() == ""
    assert len(json.dumps(assigned.certificate)) < 6_000
    assert max(len(json.dumps(row, separators=(",", ":"))) for row in assigned.rows.values()) < 8 * 45


def test_the_checker_stands_without_any_package_of_ours() -> None:
    source = (Path(__file__).parents[3] / "states" / "history" / "verify_history.py").read_text(encoding="utf-8")

    assert "import numpy" not in source
    assert "from states" not in source
