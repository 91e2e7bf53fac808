"""What floors imply for whole experts: cuts that cut nothing off, counted levels, flows that promise tops."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.rules.assignment import assign_with_certificate
from states.rules.assignment_bounds import Proof, out_of_reach, total_bound
from states.rules.assignment_certificate import faults
from states.rules.assignment_counting import lowest_uncountable
from states.rules.assignment_cuts import top_bars
from states.rules.assignment_floors import without_hopeless_pairs
from states.rules.assignment_instance import Tops, read_instance
from states.rules.assignment_levels import floors_of
from states.rules.assignment_tilting import flow_with_tops, tilted
from tests.support.plain_assignment import best_total, best_worst

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

    bars = top_bars(instance, floors)

    for paper in range(3):
        scores = instance.scores[paper][instance.scores[paper] > -np.inf]
        for choice in combinations(scores, 3):
            if sum(choice) >= floors[paper]:
                assert all(sum(one >= bar for one in choice) > many for many, bar in enumerate(bars[paper]))


def test_a_bar_stands_at_the_last_expert_without_whom_the_floor_is_missed():
    """Three of {9, 8, 7, 2, 1}: without the 9 there are 17, without 9 and 8 there are 10, with one of {9, 8, 7} 12."""
    instance = read_instance([[9.0, 8, 7, 2, 1]], [3], [1] * 5, np.zeros((1, 5), bool), None)

    assert top_bars(instance, np.array([18.0])).tolist() == [[9.0, 7.0]]
    assert top_bars(instance, np.array([17.0])).tolist() == [[8.0, 7.0]]
    assert top_bars(instance, np.array([-np.inf])).tolist() == [[-np.inf, -np.inf]]


@given(SEEDS, st.sampled_from([0.6, 0.8, 0.9]))
@EXAMPLES
def test_no_payment_for_tops_makes_a_bound_too_low(seed, part):
    crowd = a_crowd(seed, papers=6, experts=8)
    instance = read_instance(**crowd)
    floor = part * best_worst(**crowd)
    floors = np.full(6, floor * instance.unit)
    rng = np.random.default_rng(seed)
    worth = rng.exponential(instance.unit / 3, (6, 2)) * rng.integers(0, 2, (6, 2))
    able = without_hopeless_pairs(instance, floors)
    weights, prices = 1 + rng.exponential(0.3, 6), rng.normal(0.3, 0.3, 8) * instance.unit
    proof = Proof(weights, prices, Tops(top_bars(able, floors), worth))

    assert total_bound(able, proof, floors) / instance.unit >= best_total(**crowd, floor=floor) - 1e-9


@given(SEEDS)
@EXAMPLES
def test_no_level_that_can_be_reached_is_excluded_by_counting(seed):
    crowd = a_crowd(seed)
    instance = read_instance(**crowd)

    def floors(level: float) -> np.ndarray:
        return floors_of(instance, np.ones(10), level)

    found = lowest_uncountable(instance, floors, 0.0, float(instance.own_best().min()), 1e-6)

    if found is not None:
        level, proof = found
        solvers_tolerance = 2e-6
        assert level / instance.unit > best_worst(**crowd) - solvers_tolerance
        assert out_of_reach(without_hopeless_pairs(instance, floors(level)), proof, floors(level))


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


def test_a_proof_with_bars_of_its_own_is_not_believed():
    """Bars above what the floors imply would demand more than they may, and the bound would come out too low."""
    crowd = a_crowd(3)
    found = assign_with_certificate(**crowd)
    bars = np.full((10, 2), np.inf)
    forged = replace(found.certificate.total_proof, tops=Tops(bars, np.full(bars.shape, 100.0)))
    instance = read_instance(**crowd)
    bound = total_bound(instance, forged, floors_of(instance, np.ones(10), found.certificate.level * instance.unit))

    said = faults(found.experts, replace(found.certificate, total_proof=forged, total_from_prices=bound), **crowd)

    assert any("total from prices" in one for one in said)


@given(SEEDS)
@EXAMPLES
def test_a_flow_with_tops_keeps_the_limits_and_the_tops(seed):
    crowd = a_crowd(seed)
    instance = read_instance(**crowd)
    floors = np.full(10, 0.95 * best_worst(**crowd) * instance.unit)
    able = without_hopeless_pairs(instance, floors)
    bars, keys = top_bars(able, floors), able.all_pairs()

    chosen = flow_with_tops(able, keys, -able.scores_of(keys), bars)
    nearest = tilted(able, floors, keys, bars)

    for some in (chosen, nearest):
        papers, experts = able.split(some)
        assert np.array_equal(np.bincount(papers, minlength=10), able.wanted)
        assert (np.bincount(experts, minlength=12) <= able.most).all()
        for many, bar in enumerate(bars.T):
            above = np.bincount(papers, able.scores_of(some) >= bar[papers], minlength=10)
            assert (above[bar > -np.inf] > many).all()
    assert np.maximum(floors - able.served(nearest), 0).sum() <= np.maximum(floors - able.served(chosen), 0).sum()
