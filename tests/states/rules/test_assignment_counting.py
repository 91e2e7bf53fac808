"""Levels that counting excludes: submissions that need more of the same experts than there are places."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.rules.assignment import assign_with_certificate
from states.rules.assignment.bounds import out_of_reach
from states.rules.assignment.brackets import floors_of
from states.rules.assignment.certificate import faults
from states.rules.assignment.counting import crowd_at, highest_left, ranked_best, top_bars
from states.rules.assignment.instance import read_instance
from tests.support.plain_assignment import best_worst

EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)


def a_crowd(seed: int, *, papers: int = 10, experts: int = 12, each: int = 3) -> dict[str, np.ndarray]:
    """Two fields, the first with too few experts for its submissions: some must do without any of their own."""
    rng = np.random.default_rng(seed)
    field, known = rng.integers(0, 2, papers), np.where(np.arange(experts) < 2, 0, 1)
    similarity = 0.7 * (field[:, None] == known[None, :]) + 0.3 * rng.random((papers, experts))
    return {
        "similarity": np.round(similarity, 2) if seed % 2 else similarity,
        "per_paper": np.full(papers, each),
        "max_load": np.full(experts, int(np.ceil(1.2 * papers * each / experts))),
        "conflicts": rng.random((papers, experts)) < 0.05,
        "min_load": np.zeros(experts, dtype=int),
    }


@given(SEEDS, st.floats(0.5, 0.99))
@EXAMPLES
def test_bars_cut_no_choice_off_that_keeps_the_floor(seed, part):
    instance = read_instance(**a_crowd(seed, papers=3, experts=7))
    floors = part * instance.own_best()

    bars = top_bars(instance, floors, ranked_best(instance).scores)

    for paper in range(3):
        scores = instance.scores[paper][instance.scores[paper] > -np.inf]
        for choice in combinations(scores, 3):
            if sum(choice) >= floors[paper]:
                assert all(sum(one >= bar for one in choice) > many for many, bar in enumerate(bars[paper]))


def test_a_bar_stands_at_the_last_expert_without_whom_the_floor_is_missed():
    """Three of {9, 8, 7, 2, 1}: without the 9 there are 17, without 9 and 8 there are 10, with one of {9, 8, 7} 12."""
    instance = read_instance([[9.0, 8, 7, 2, 1]], [3], [1] * 5, np.zeros((1, 5), bool), None)
    best = ranked_best(instance).scores

    assert top_bars(instance, np.array([18.0]), best).tolist() == [[9.0, 7.0]]
    assert top_bars(instance, np.array([17.0]), best).tolist() == [[8.0, 7.0]]
    assert top_bars(instance, np.array([-np.inf]), best).tolist() == [[-np.inf, -np.inf]]


@given(SEEDS)
@EXAMPLES
def test_no_level_that_can_be_reached_is_excluded_by_counting(seed):
    crowd = a_crowd(seed)
    instance, slopes, solvers_tolerance = read_instance(**crowd), np.ones(10), 2e-6
    ceiling = floors_of(instance, slopes, float(instance.own_best().min()))

    proof = crowd_at(instance, ranked_best(instance), ceiling)

    if proof is not None:
        level, slope = highest_left(instance, slopes, proof)
        assert slope == 1.0
        assert level / instance.unit > best_worst(**crowd) - solvers_tolerance
        assert not out_of_reach(instance, proof, floors_of(instance, slopes, level))
        above = level + (1.0 if instance.grid else 1e-9)
        assert out_of_reach(instance, proof, floors_of(instance, slopes, above))


def test_a_crowd_is_named_with_what_its_experts_leave():
    """Three want the one good expert, who may see two: 1.0 for all three needs her three times, .2 twice at most."""
    similarity = [[0.9, 0.1, 0.1], [0.9, 0.1, 0.1], [0.9, 0.1, 0.1], [0.1, 0.9, 0.9]]
    instance = read_instance(similarity, [2] * 4, [2, 4, 4], np.zeros((4, 3), bool), None)
    slopes, ranked = np.ones(4), ranked_best(instance)

    crowd = crowd_at(instance, ranked, np.full(4, 1.0 * instance.unit))

    assert crowd.teamed.tolist() == [True, True, True, False]
    assert crowd.prices.tolist() == [1.0, 0.0, 0.0]
    assert highest_left(instance, slopes, crowd) == (0.2 * instance.unit, 1.0)
    assert crowd_at(instance, ranked, np.full(4, 0.2 * instance.unit)) is None


def test_counting_proves_what_fractions_of_experts_hide():
    """One good expert with one place for two: the second gets the rest whole, halves would give both 1.1."""
    similarity = [[2.0, 0.1, 0.1], [2.0, 0.1, 0.1]]
    crowded = {"similarity": similarity, "per_paper": [2, 2], "max_load": [1, 2, 2]}
    crowded |= {"conflicts": np.zeros((2, 3), bool), "min_load": None}

    found = assign_with_certificate(**crowded)

    known = found.certificate
    assert (known.worst, known.level_at_most, known.proven) == (pytest.approx(0.2), pytest.approx(0.2), True)
    assert not known.level_proof.weights.any()
    assert faults(found.experts, known, **crowded) == []
    lower = replace(known, level_from_prices=known.level_from_prices - 0.1)
    assert faults(found.experts, lower, **crowded) != []
