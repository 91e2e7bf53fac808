"""Whole teams under floors: the best of them, the cores that stand for them, prices they agree on, and the search."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.rules.assignment import assign_with_certificate, columns, faults
from states.rules.assignment.bounds import PricedBound, excludes, supply
from states.rules.assignment.columns import agreed_prices
from states.rules.assignment.flow import largest_total
from states.rules.assignment.instance import Instance, read_instance
from states.rules.assignment.search import SearchGoal, largest_total_with_floors, searched
from states.rules.assignment.solver import Patience
from states.rules.assignment.teams import best_teams, pairs_within
from tests.support.plain_assignment import best_total, best_worst

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)


def a_round(seed: int, papers: int = 6, experts: int = 9) -> Instance:
    """Some in conflict, from none to four experts for each submission; quarters or real scores, a few below zero."""
    rng = np.random.default_rng(seed)
    shape = (papers, experts)
    scores = rng.integers(-1, 5, shape) / 4 if seed % 2 else rng.random(shape) - 0.1
    return read_instance(
        scores, rng.integers(0, 5, papers), np.full(experts, papers), rng.random(shape) < 0.1, np.zeros(experts, int)
    )


def teams_of_one(instance: Instance, paper: int, floor: float) -> list[tuple[int, ...]]:
    allowed = np.flatnonzero(instance.scores[paper] > -np.inf)
    every = combinations(allowed, int(instance.wanted[paper]))
    return [team for team in every if instance.scores[paper, list(team)].sum() >= floor - instance.tolerance]


def some_floors(instance: Instance, rng: np.random.Generator) -> np.ndarray:
    own = instance.own_best()
    parts = own * np.where(own > 0, rng.uniform(0.5, 1.0, own.size), 1.0)
    return np.where(rng.random(own.size) < 0.2, -np.inf, parts)


def some_prices(instance: Instance, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0.2, 0.4, instance.shape[1]) * instance.unit * (rng.random(instance.shape[1]) < 0.7)


@given(SEEDS, st.sampled_from([0.0, 1.0]))
@EXAMPLES
def test_the_best_team_is_the_best_of_all_that_keep_the_floor(seed, weight):
    instance, rng = a_round(seed), np.random.default_rng(seed)
    floors, prices = some_floors(instance, rng), some_prices(instance, rng)

    found = best_teams(instance, np.flatnonzero(instance.needy()), floors, weight, prices)

    assert (found.gap <= instance.tolerance).all()
    for paper, team, worth in zip(found.papers, found.experts, found.worth, strict=True):
        mine = team[team >= 0]
        of = {
            other: (weight * instance.scores[paper, list(other)] - prices[list(other)]).sum()
            for other in teams_of_one(instance, paper, floors[paper])
        }
        assert worth == pytest.approx(max(of.values()))
        assert of[tuple(int(expert) for expert in mine)] == pytest.approx(worth)


@pytest.mark.parametrize("seed", range(40))
def test_of_many_teams_that_are_better_than_the_first_the_best_is_taken(seed):
    """Dear experts are the good ones: teams that keep the floor differ by little, and swapping one finds not all."""
    rng = np.random.default_rng(seed)
    scores = rng.random((1, 18))
    instance = read_instance(scores, [5], [1] * 18, np.zeros((1, 18), bool), None)
    prices = (1.5 * instance.scores[0]) ** 2 + 0.2 * rng.random(18)
    floors = 0.8 * instance.own_best()

    found = best_teams(instance, np.array([0]), floors, 1.0, prices)

    every = [(instance.scores[0] - prices)[list(team)].sum() for team in teams_of_one(instance, 0, floors[0])]
    assert found.worth[0] == pytest.approx(max(every), abs=1e-9)


@given(SEEDS)
@EXAMPLES
def test_a_team_found_without_effort_says_by_how_much_it_may_miss_the_best(seed):
    instance, rng = a_round(seed, experts=12), np.random.default_rng(seed)
    floors, prices = some_floors(instance, rng), some_prices(instance, rng)
    papers = np.flatnonzero(instance.needy())

    quick = best_teams(instance, papers, floors, 1.0, prices, effort=0)
    best = best_teams(instance, papers, floors, 1.0, prices)

    assert (quick.worth <= best.worth + 1e-9).all()
    assert (best.worth <= quick.worth + quick.gap + 1e-9).all()


def test_a_floor_that_nobody_can_keep_has_no_team():
    instance = read_instance([[3.0, 2.0, 1.0]], [2], [1] * 3, np.zeros((1, 3), bool), None)

    found = best_teams(instance, np.array([0]), np.array([6.0]), 1.0, np.zeros(3))

    assert found.worth.tolist() == [-np.inf]


@given(SEEDS, st.floats(0.0, 0.6))
@EXAMPLES
def test_every_team_within_the_loss_is_of_pairs_that_can_be_used(seed, loss):
    instance, rng = a_round(seed), np.random.default_rng(seed)
    floors, prices = some_floors(instance, rng), some_prices(instance, rng)
    best = best_teams(instance, np.flatnonzero(instance.needy()), floors, 1.0, prices)

    keys, staked = pairs_within(instance, floors, prices, loss * instance.unit)

    for paper, bar in zip(best.papers, best.worth - loss * instance.unit, strict=True):
        usable = {int(key) % 9 for key in keys if key // 9 == paper}
        worth = instance.scores[paper] - prices
        for team in teams_of_one(instance, paper, floors[paper]):
            if worth[list(team)].sum() >= bar:
                assert set(team) <= usable
        worst = sorted(instance.scores[paper, sorted(usable)])[: int(instance.wanted[paper])]
        assert paper in staked or sum(worst) >= floors[paper] - 1e-9


def a_contest(seed: int) -> dict[str, np.ndarray]:
    """Two fields of which the first has too few experts, and minimum loads."""
    rng = np.random.default_rng(seed)
    near = rng.integers(0, 2, 12)[:, None] == np.where(np.arange(10) < 3, 0, 1)[None, :]
    return {
        "similarity": np.round(0.6 * near + 0.4 * rng.random((12, 10)), 2 if seed % 2 else 9),
        "per_paper": np.full(12, 2),
        "max_load": np.full(10, 4),
        "conflicts": rng.random((12, 10)) < 0.05,
        "min_load": np.full(10, 1),
    }


@given(SEEDS, st.sampled_from([0.7, 0.9, 1.0]))
@EXAMPLES
def test_agreed_prices_bound_the_total_and_never_more_loosely_than_the_flows(seed, part):
    contest = a_contest(seed)
    instance, floor = read_instance(**contest), part * (best_worst(**contest) - 2e-6)
    floors = np.full(12, floor * instance.unit)
    chosen, prices = largest_total(instance)

    agreed = agreed_prices(instance, floors, prices, instance.all_pairs(), chosen, Patience())

    best = best_total(**contest, floor=floor) * instance.unit
    bound = supply(instance, agreed.proof, floors)
    assert best - 1e-6 <= bound <= supply(instance, PricedBound(1.0, prices), floors) + 1e-6
    assert agreed.missed == pytest.approx(0.0, abs=1e-9)
    assert not excludes(instance, agreed.proof, floors, best - 1e-6)


@given(SEEDS)
@EXAMPLES
def test_floors_that_cannot_be_kept_are_excluded_by_prices_or_searched_through(seed):
    contest = a_contest(seed)
    instance = read_instance(**contest)
    floors = np.full(12, np.floor(best_worst(**contest) * instance.unit + 1e-6) + 1 if instance.grid else 0.0)
    if not instance.grid:
        floors[:] = (best_worst(**contest) + 1e-5) * instance.unit

    kept = largest_total_with_floors(instance, SearchGoal(floors))

    assert (kept.chosen, kept.finished) == (None, True)
    if kept.excluded:
        assert excludes(instance, kept.proof, floors)


def test_a_search_without_prices_that_help_still_finds_the_best():
    """Prices of nothing exclude nothing: the search widens until all is looked through."""
    contest = a_contest(4)
    instance, floor = read_instance(**contest), 0.9 * best_worst(**contest)
    floors = np.full(12, floor * instance.unit)

    proof = PricedBound(1.0, np.zeros(10))
    kept = searched(instance, SearchGoal(floors), proof, supply(instance, proof, floors), None)

    assert kept.finished
    assert instance.scores_of(kept.chosen).sum() / instance.unit == pytest.approx(best_total(**contest, floor=floor))
    assert kept.priced > kept.bound


def test_a_least_total_above_the_best_is_out_of_reach():
    contest = a_contest(2)
    instance, floor = read_instance(**contest), 0.8 * best_worst(**contest)
    best = best_total(**contest, floor=floor) * instance.unit
    asked = SearchGoal(np.full(12, floor * instance.unit), least_total=best + 1e-3)

    assert largest_total_with_floors(instance, asked).chosen is None
    assert largest_total_with_floors(instance, replace(asked, least_total=best - 1e-3)).chosen is not None


def test_too_many_binding_floors_are_left_to_trades(monkeypatch):
    contest = a_contest(6)
    whole = assign_with_certificate(**contest).certificate
    monkeypatch.setattr(columns, "TEAMED_AT_MOST", 0)

    found = assign_with_certificate(**contest)

    assert whole.proven
    known = found.certificate
    assert known.level <= whole.level + 1e-9 <= known.level_at_most + 2e-9
    assert faults(found.experts, known, **contest) == []


@pytest.mark.parametrize(("aim", "weight"), [("fair", 0.0), ("share", 1.0)])
def test_a_level_below_what_prices_exclude_is_not_believed(aim, weight):
    """Excluded by places that cannot be paid for, and by the least total."""
    weights = set()
    for seed in range(30):
        contest = a_contest(seed)
        found = assign_with_certificate(**contest, aim=aim)
        known = found.certificate
        if known.level_proof is None:
            continue
        weights.add(known.level_proof.weight)
        forged = replace(known, level_from_prices=known.level_from_prices * 0.99)

        assert faults(found.experts, known, **contest) == []
        assert any("level from prices" in fault for fault in faults(found.experts, forged, **contest)), seed
    assert weight in weights


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("aim", ["fair", "share"])
def test_contests_with_minimum_loads_are_proven_and_equal_plain_programs(seed, aim):
    contest = a_contest(seed)

    found = assign_with_certificate(**contest, aim=aim)

    known = found.certificate
    assert known.proven
    assert faults(found.experts, known, **contest) == []
    if aim == "fair":
        assert known.worst == pytest.approx(best_worst(**contest), abs=1e-6)
        assert known.total == pytest.approx(best_total(**contest, floor=known.worst), abs=1e-6)


@pytest.mark.parametrize("aim", ["fair", "share"])
def test_a_level_that_the_assignment_does_not_reach_is_found(aim):
    contest = a_contest(4)
    found = assign_with_certificate(**contest, aim=aim)

    said = faults(found.experts, replace(found.certificate, level=found.certificate.level * 1.001), **contest)

    assert any("is not reached" in fault for fault in said)


def test_patience_that_is_half_used_leaves_the_prices_unagreed():
    instance = read_instance(**a_contest(2))
    chosen, prices = largest_total(instance)

    assert agreed_prices(instance, np.zeros(12), prices, instance.all_pairs(), chosen, Patience(0.0)) is None


def test_only_whole_assignments_within_the_limits_count_as_known():
    instance = read_instance(**a_contest(4))
    chosen, _ = largest_total(instance)
    asked = SearchGoal(np.full(12, -np.inf))

    assert asked.kept_by(instance, chosen)
    assert not asked.kept_by(instance, chosen[1:])
    assert not asked.kept_by(instance, None)
    assert not SearchGoal(instance.served(chosen) + 1).kept_by(instance, chosen)
    assert not SearchGoal(asked.floors, least_total=np.inf).kept_by(instance, chosen)


def test_a_solver_that_gives_up_leaves_the_work_to_trades(monkeypatch):
    contest = a_contest(6)
    monkeypatch.setattr(columns._Master, "solve", lambda self, patience: None)

    found = assign_with_certificate(**contest)

    known = found.certificate
    assert known.level <= known.level_at_most + 1e-9
    assert faults(found.experts, known, **contest) == []
