"""Assignments that all submissions compete for: trades, honest bounds, shapes of real conferences."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.rules.assignment import assign, assign_with_certificate
from states.rules.assignment.certificate import faults
from states.rules.assignment.exchange import missing_of, raised_level, raised_total
from states.rules.assignment.flow import largest_total
from states.rules.assignment.instance import read_instance
from states.rules.assignment.levels import level_of
from tests.support.plain_assignment import best_total, best_worst


def a_contested_instance(seed: int, papers: int = 60, experts: int = 20, each: int = 3) -> dict[str, np.ndarray]:
    """Everybody wants the same experts, and a tenth of the places is left free."""
    rng = np.random.default_rng(seed)
    even = papers * each / experts
    return {
        "similarity": 0.6 * rng.random(experts)[None, :] + 0.4 * rng.random((papers, experts)),
        "per_paper": np.full(papers, each),
        "max_load": np.full(experts, int(np.ceil(1.1 * even))),
        "conflicts": rng.random((papers, experts)) < 0.02,
        "min_load": np.full(experts, int(even / 2)),
    }


def a_conference(seed: int, shape: str) -> dict[str, np.ndarray]:
    """40 submissions and 15 experts of five fields, in one of the shapes that make assignments hard."""
    rng = np.random.default_rng(seed)
    near = rng.integers(0, 5, 40)[:, None] == rng.integers(0, 5, 15)[None, :]
    similarity = 0.7 * near + 0.3 * rng.beta(2, 5, (40, 15))
    per_paper = rng.integers(1, 5, 40) if shape == "mixed" else np.full(40, 3)
    most = np.full(15, int(np.ceil(1.2 * per_paper.sum() / 15)))
    if shape == "zeros":
        similarity[::13] = 0.0
    if shape == "sparse":
        similarity[rng.random((40, 15)) < 0.5] = 0.0
    if shape == "tight":
        most = np.full(15, 8)
    conflicts = rng.random((40, 15)) < 0.05
    least = np.full(15, 6 if shape == "least" else 0)
    return {
        "similarity": similarity,
        "per_paper": per_paper,
        "max_load": most,
        "conflicts": conflicts,
        "min_load": least,
    }


@pytest.mark.parametrize("shape", ["plain", "zeros", "sparse", "tight", "least", "mixed"])
@pytest.mark.parametrize("seed", range(2))
def test_every_shape_reaches_the_optima_of_plain_programs(seed, shape):
    conference = a_conference(seed, shape)

    found = assign_with_certificate(**conference).certificate

    assert found.proven
    assert found.worst == pytest.approx(best_worst(**conference), abs=1e-6)
    assert found.total == pytest.approx(best_total(**conference, floor=found.worst), abs=1e-6)


@pytest.mark.parametrize("aim", ["fair", "share"])
def test_without_any_patience_the_bounds_hold_and_nothing_is_claimed(aim):
    contested = a_contested_instance(1)

    found = assign_with_certificate(**contested, aim=aim, patience=0.0)

    known = found.certificate
    assert not known.proven
    assert known.level < known.level_at_most
    assert known.total <= known.total_at_most <= known.largest_total
    assert faults(found.experts, known, **contested) == []


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_trades_keep_the_limits_and_only_improve(seed):
    instance = read_instance(**a_contested_instance(seed, papers=24, experts=9))
    keys, slopes = instance.all_pairs(), np.ones(24)
    chosen, _ = largest_total(instance)

    lifted = raised_level(instance, slopes, keys, chosen, np.inf)
    floors = instance.served(lifted) - 0.05
    richer = raised_total(instance, floors, keys, lifted)

    assert level_of(instance, slopes, lifted) >= level_of(instance, slopes, chosen)
    assert instance.scores_of(richer).sum() >= instance.scores_of(lifted).sum()
    assert missing_of(instance, floors, richer) == 0.0
    for some in (lifted, richer):
        papers, experts = instance.split(some)
        load = np.bincount(experts, minlength=9)
        assert np.array_equal(np.bincount(papers, minlength=24), instance.wanted)
        assert (np.diff(some) > 0).all()
        assert ((instance.least <= load) & (load <= instance.most)).all()
        assert (instance.scores_of(some) > -np.inf).all()


def test_trades_fill_what_is_missing_before_they_raise_the_total():
    """The largest total leaves one submission with nothing: it gets its floor though the total falls."""
    arrays = {"similarity": [[1.0, 0.5], [0.75, 0.0]], "per_paper": [1, 1], "max_load": [1, 1]}
    instance = read_instance(**arrays, conflicts=np.zeros((2, 2), bool), min_load=None)
    floors = np.array([0.5, 0.5]) * instance.unit

    found = raised_total(instance, floors, instance.all_pairs(), np.array([0, 3]))

    assert found.tolist() == [1, 2]


@pytest.mark.parametrize("seed", range(4))
def test_other_names_change_nothing_but_names_where_the_optimum_is_unique(seed):
    """Real scores: the optimum is one assignment, so rows and columns in another order give the very same."""
    conference = a_conference(seed, "plain")
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(40), rng.permutation(15)
    turned = {
        "similarity": conference["similarity"][np.ix_(rows, columns)],
        "per_paper": conference["per_paper"][rows],
        "max_load": conference["max_load"][columns],
        "conflicts": conference["conflicts"][np.ix_(rows, columns)],
        "min_load": conference["min_load"][columns],
    }

    plain, again = assign(**conference), assign(**turned)

    assert [sorted(columns[row].tolist()) for row in again] == [plain[row].tolist() for row in rows]


def test_another_process_assigns_alike_and_writes_nothing_of_its_own():
    """Whoever prints the result prints that alone: the solvers' banners would spoil it."""
    script = (
        "from tests.states.rules.test_assignment_contested import a_contested_instance as a\n"
        "from states.rules.assignment import assign\n"
        "print(assign(**a(2, papers=30, experts=10)).tolist())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
        for _ in range(2)
    ]

    here = str(assign(**a_contested_instance(2, papers=30, experts=10)).tolist())
    assert [(run.stdout, run.stderr) for run in runs] == [(f"{here}\n", "")] * 2
