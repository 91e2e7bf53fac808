"""The assignment against independent programs, by hand, and at its limits."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from config.errors import GangchuangError
from states.rules.assignment import assign, assign_with_certificate
from states.rules.assignment import flow as assignment_flow
from states.rules.assignment.best import TOTAL_KEPT
from states.rules.assignment.certificate import faults
from states.rules.assignment.instance import AssignmentMalformed, read_instance
from states.rules.assignment.limits import AssignmentInfeasible
from states.rules.assignment.search import SearchGoal, largest_total_with_floors

EXAMPLES = settings(max_examples=80, deadline=None, derandomize=True)


@dataclass(frozen=True)
class Given:
    similarity: np.ndarray
    per_paper: np.ndarray
    max_load: np.ndarray
    conflicts: np.ndarray
    min_load: np.ndarray

    def arrays(self):
        return (self.similarity, self.per_paper, self.max_load, self.conflicts, self.min_load)

    def named(self):
        return vars(self)


def an_instance(similarity, *, per_paper=1, max_load=None, conflicts=(), min_load=0) -> Given:
    similarity = np.asarray(similarity, dtype=float)
    P, R = similarity.shape
    barred = np.zeros((P, R), dtype=bool)
    for paper, expert in conflicts:
        barred[paper, expert] = True
    return Given(
        similarity=similarity,
        per_paper=np.broadcast_to(np.asarray(per_paper), (P,)).copy(),
        max_load=np.broadcast_to(np.asarray(P if max_load is None else max_load), (R,)).copy(),
        conflicts=barred,
        min_load=np.broadcast_to(np.asarray(min_load), (R,)).copy(),
    )


def a_random_instance(seed: int, papers: int, experts: int, kind: str) -> Given:
    rng = np.random.default_rng(seed)
    shape = (papers, experts)
    similarity = {
        "quarters": lambda: rng.choice([0.0, 0.25, 0.5, 1.0], shape),
        "hundredths": lambda: np.round(rng.random(shape), 2),
        "real": lambda: rng.random(shape),
        "crowded": lambda: 0.6 * rng.random(experts)[None, :] + 0.4 * rng.random(shape),
        "signed": lambda: rng.random(shape) - 0.5,
    }[kind]()
    per_paper = rng.integers(0, min(experts, 4) + 1, papers)
    even = int(np.ceil(per_paper.sum() / experts))
    most = rng.integers(even, even + 3, experts)
    least = np.minimum(most, rng.integers(0, max(even, 1) + 1, experts))
    conflicts = rng.random(shape) < rng.choice([0.0, 0.1, 0.3])
    return Given(similarity, per_paper, most, conflicts, least)


instances = st.builds(
    a_random_instance,
    seed=st.integers(0, 2**32 - 1),
    papers=st.integers(1, 9),
    experts=st.integers(1, 8),
    kind=st.sampled_from(["quarters", "hundredths", "real", "crowded", "signed"]),
)


def solved_otherwise(given_: Given, *, floor=None, level: bool = False) -> float | None:
    """The optimum by one plain program over all pairs: the level, or the total at floors; None if infeasible."""
    S, wanted, most, barred, least = given_.arrays()
    P, R = S.shape
    papers, experts = np.nonzero(~barred)
    n = papers.size
    if n == 0:
        return 0.0 if wanted.sum() == 0 and least.sum() == 0 else None
    places, ones = np.arange(n), np.ones(n)
    rows = [sparse.csr_matrix((ones, (papers, places)), (P, n)), sparse.csr_matrix((ones, (experts, places)), (R, n))]
    served = sparse.csr_matrix((S[papers, experts], (papers, places)), (P, n))[wanted > 0]
    aux = [sparse.csr_matrix((P, 1)), sparse.csr_matrix((R, 1)), sparse.csr_matrix(-np.ones((served.shape[0], 1)))]
    by_paper, by_expert, by_score = (
        sparse.hstack([block, two]).tocsr() for block, two in zip([*rows, served], aux, strict=True)
    )
    limits = [LinearConstraint(by_paper, wanted, wanted), LinearConstraint(by_expert, least, most)]
    limits.append(LinearConstraint(by_score, 0 if level else -np.inf, np.inf))
    if floor is not None:
        limits.append(LinearConstraint(by_score, np.broadcast_to(floor, wanted.shape)[wanted > 0] - 1e-9, np.inf))
    worth = np.append(np.zeros(n) if level else S[papers, experts], 1.0 if level else 0.0)
    reach = Bounds(np.append(np.zeros(n), -9.0 if level else 0.0), np.append(ones, 9.0 if level else 0.0))
    found = milp(-worth, integrality=np.append(ones, 0), bounds=reach, constraints=limits, options={"mip_rel_gap": 0})
    return None if found.status != 0 else -float(found.fun)


def total_of(given_: Given, experts: np.ndarray) -> float:
    rows, places = np.nonzero(experts >= 0)
    return float(given_.similarity[rows, experts[rows, places]].sum())


@EXAMPLES
@given(instances)
def test_total_equals_an_independent_program(given_):
    expected = solved_otherwise(given_)
    if expected is None:
        with pytest.raises(AssignmentInfeasible) as refused:
            assign(*given_.arrays(), aim="total")
        assert refused.value.needed > refused.value.available
        return

    found = assign_with_certificate(*given_.arrays(), aim="total")

    assert found.certificate.total == pytest.approx(expected, abs=1e-7)
    assert found.certificate.total_at_most == pytest.approx(expected, abs=1e-7)
    assert faults(found.experts, found.certificate, **given_.named()) == []


@EXAMPLES
@given(instances)
def test_fair_equals_independent_programs_one_aim_after_the_other(given_):
    if solved_otherwise(given_) is None or not given_.per_paper.any():
        return

    found = assign_with_certificate(*given_.arrays())

    worst = solved_otherwise(given_, level=True)
    assert found.certificate.worst == pytest.approx(worst, abs=1e-6)
    total = solved_otherwise(given_, floor=found.certificate.worst)
    assert found.certificate.total == pytest.approx(total, abs=1e-6)
    assert found.certificate.proven
    assert faults(found.experts, found.certificate, **given_.named()) == []


@EXAMPLES
@given(instances, st.integers(0, 2**32 - 1))
def test_floors_equal_an_independent_program(given_, seed):
    """Floors somewhere between nothing and each submission's own best, so that searches have work to do."""
    if solved_otherwise(given_) is None or not given_.per_paper.any():
        return
    instance = read_instance(*given_.arrays())
    own = instance.own_best() * np.random.default_rng(seed).choice([0.7, 0.85, 0.95], instance.shape[0])
    floors = np.where(instance.needy() & (own > 0), np.ceil(own - 1e-6) if instance.grid else own, -np.inf)

    kept = largest_total_with_floors(instance, SearchGoal(floors=floors))

    expected = solved_otherwise(given_, floor=floors / instance.unit)
    assert kept.finished
    assert (kept.chosen is None) == (expected is None)
    if kept.chosen is not None:
        assert (instance.served(kept.chosen) >= floors - instance.tolerance).all()
        assert instance.scores_of(kept.chosen).sum() / instance.unit == pytest.approx(expected, abs=1e-6)
        assert kept.bound / instance.unit == pytest.approx(expected, abs=1e-6)


@EXAMPLES
@given(instances)
def test_share_keeps_the_total_and_is_never_below_the_fair_worst_share(given_):
    if solved_otherwise(given_) is None:
        return

    found = assign_with_certificate(*given_.arrays(), aim="share")
    plain = assign_with_certificate(*given_.arrays(), aim="total").certificate

    assert found.certificate.total >= plain.total - (1 - TOTAL_KEPT) * abs(plain.total) - 1e-9
    assert found.certificate.worst_share >= plain.worst_share - 1e-9
    assert faults(found.experts, found.certificate, **given_.named()) == []


@EXAMPLES
@given(instances, st.randoms(use_true_random=False))
def test_values_do_not_depend_on_the_order_of_rows_and_columns(given_, random):
    P, R = given_.similarity.shape
    rows, columns = random.sample(range(P), P), random.sample(range(R), R)
    turned = Given(
        given_.similarity[np.ix_(rows, columns)],
        given_.per_paper[rows],
        given_.max_load[columns],
        given_.conflicts[np.ix_(rows, columns)],
        given_.min_load[columns],
    )
    try:
        found = assign_with_certificate(*given_.arrays()).certificate
    except AssignmentInfeasible:
        with pytest.raises(AssignmentInfeasible):
            assign(*turned.arrays())
        return
    again = assign_with_certificate(*turned.arrays()).certificate
    assert (again.worst, again.total) == (pytest.approx(found.worst, abs=1e-9), pytest.approx(found.total, abs=1e-9))


def test_assign_serves_the_worst_off_before_the_total():
    given_ = an_instance([[1.0, 0.5], [0.5, 0.25]], max_load=1)

    assert assign(*given_.arrays(), aim="total").tolist() == [[0], [1]]
    assert assign(*given_.arrays(), aim="fair").tolist() == [[1], [0]]


def test_assign_pads_with_minus_one_and_sorts_each_row():
    given_ = an_instance([[0.1, 0.9, 0.5], [0.9, 0.1, 0.5], [1, 1, 1]], per_paper=[2, 1, 0])

    assert assign(*given_.arrays()).tolist() == [[1, 2], [0, -1], [-1, -1]]


def test_assign_never_gives_one_expert_twice():
    given_ = an_instance([[1.0, 0.1, 0.1]], per_paper=2)

    assert sorted(set(assign(*given_.arrays())[0].tolist())) == assign(*given_.arrays())[0].tolist()


def test_assign_keeps_minimum_loads():
    given_ = an_instance([[1.0, 0.0], [1.0, 0.25]], min_load=[0, 1])

    assert assign(*given_.arrays(), aim="total").tolist() == [[0], [1]]


def test_assign_ignores_whatever_stands_in_a_pair_in_conflict():
    given_ = an_instance([[np.nan, 0.5], [0.5, np.inf]], conflicts=[(0, 0), (1, 1)])

    assert assign(*given_.arrays()).tolist() == [[1], [0]]


@pytest.mark.parametrize(("papers", "experts"), [(0, 0), (0, 3), (3, 0), (2, 2)])
def test_assign_of_nothing_wanted_is_empty(papers, experts):
    given_ = an_instance(np.ones((papers, experts)), per_paper=0)

    found = assign_with_certificate(*given_.arrays())

    assert found.experts.shape == (papers, 0)
    assert found.certificate.total == 0
    assert faults(found.experts, found.certificate, **given_.named()) == []


def test_assign_without_minimum_loads_needs_none():
    given_ = an_instance([[0.5, 0.25]])

    assert assign(*given_.arrays()[:4]).tolist() == [[0]]


def test_assign_is_exact_where_hundredths_would_round():
    """0.5004 against 0.4996: both are 0.50 in hundredths; a float sum decides for the larger."""
    given_ = an_instance([[0.5004, 0.5], [0.5, 0.4998]], max_load=1)

    assert assign(*given_.arrays(), aim="total").tolist() == [[0], [1]]
    assert assign_with_certificate(*given_.arrays(), aim="total").certificate.total == pytest.approx(1.0002, abs=1e-15)


def test_assign_tells_real_scores_apart_at_twelve_decimals():
    step = 2.0**-40
    given_ = an_instance([[1 / 3 + step, 1 / 3], [1 / np.pi, 1 / np.pi]], max_load=1)
    turned = replace(given_, similarity=given_.similarity[:, ::-1])

    assert assign(*given_.arrays(), aim="total").tolist() == [[0], [1]]
    assert assign(*turned.arrays(), aim="total").tolist() == [[1], [0]]


@pytest.mark.parametrize("aim", ["total", "fair", "share"])
def test_assign_twice_gives_the_same(aim):
    given_ = a_random_instance(5, 40, 15, "quarters")
    given_ = replace(given_, min_load=np.zeros(15, dtype=int), conflicts=np.zeros((40, 15), dtype=bool))

    assert np.array_equal(assign(*given_.arrays(), aim=aim), assign(*given_.arrays(), aim=aim))


def test_pruned_pairs_lose_nothing(monkeypatch):
    """Forced to start from few pairs, on an instance where the favourites are full at once."""
    rng = np.random.default_rng(3)
    similarity = np.round(0.4 * np.linspace(0, 1, 40)[None, :] + 0.6 * rng.random((120, 40)), 1)
    given_ = an_instance(similarity, per_paper=3, max_load=10)
    whole = assign_with_certificate(*given_.arrays())

    monkeypatch.setattr(assignment_flow, "FEW_PAIRS", 0)
    monkeypatch.setattr(assignment_flow, "FIRST_CHOICES", 1)
    pruned = assign_with_certificate(*given_.arrays())

    assert pruned.certificate.total == whole.certificate.total
    assert pruned.certificate.worst == whole.certificate.worst
    assert pruned.certificate.largest_total == whole.certificate.largest_total
    assert faults(pruned.experts, pruned.certificate, **given_.named()) == []


def test_largest_total_adds_the_pairs_that_pay(monkeypatch):
    """The first pairs admit an assignment, but not the best one: only prices bring the rest in."""
    given_ = an_instance([[0.9, 0.8, 0.1], [0.9, 0.8, 0.7], [0.9, 0.8, 0.1]], max_load=[1, 2, 1])
    instance = read_instance(*given_.arrays())
    monkeypatch.setattr(assignment_flow, "FEW_PAIRS", 0)
    monkeypatch.setattr(assignment_flow, "FIRST_CHOICES", 1)

    chosen, _ = assignment_flow.largest_total(instance)

    assert instance.scores_of(chosen).sum() / instance.unit == pytest.approx(2.5)


@pytest.mark.parametrize("seed", range(12))
def test_largest_total_of_few_pairs_equals_that_of_all(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    similarity = 0.5 * rng.random(30)[None, :] + 0.5 * rng.random((60, 30))
    instance = read_instance(*an_instance(similarity, per_paper=2, max_load=5, min_load=2).arrays())
    whole, _ = assignment_flow.largest_total(instance)
    looked_at = []
    within = assignment_flow.flow_within

    def watched(of, keys, *rest):
        looked_at.append(keys.size)
        return within(of, keys, *rest)

    monkeypatch.setattr(assignment_flow, "FEW_PAIRS", 0)
    monkeypatch.setattr(assignment_flow, "FIRST_CHOICES", 3)
    monkeypatch.setattr(assignment_flow, "flow_within", watched)
    pruned, _ = assignment_flow.largest_total(instance)

    assert len(looked_at) > 1
    assert max(looked_at) < instance.all_pairs().size
    assert instance.scores_of(pruned).sum() == pytest.approx(instance.scores_of(whole).sum(), abs=1e-9)


def test_pairs_are_added_until_they_admit_an_assignment(monkeypatch):
    """All want the same two experts first, and only their last choices have room."""
    instance = read_instance(*an_instance([[1.0, 0.9, 0.2, 0.1]] * 4, max_load=1).arrays())
    monkeypatch.setattr(assignment_flow, "FEW_PAIRS", 0)
    monkeypatch.setattr(assignment_flow, "FIRST_CHOICES", 0)

    chosen, _ = assignment_flow.largest_total(instance)

    assert sorted(instance.split(chosen)[1].tolist()) == [0, 1, 2, 3]


def test_a_floor_is_not_kept_by_the_solvers_tolerance():
    """The tempting choice misses its floor by 5e-10, less than the solver tells apart."""
    given_ = an_instance([[0.9, 0.6, 0.3 - 5e-10, 0.1], [1.0, 0.2, 0.2, 0.2]], per_paper=[2, 1], max_load=1)
    instance = read_instance(*given_.arrays())

    kept = largest_total_with_floors(instance, SearchGoal(floors=np.array([0.9, -np.inf])))

    assert (instance.served(kept.chosen) >= 0.9).tolist() == [True, False]
    assert instance.scores_of(kept.chosen).sum() == pytest.approx(1.7)


def test_floors_that_only_fractions_could_keep_are_refused():
    """Each wants one of the two best, of which half would do: the program in fractions is feasible."""
    instance = read_instance(*an_instance([[1.0, 1.0, 0.0, 0.0]] * 3, per_paper=2, max_load=[1, 1, 2, 2]).arrays())

    kept = largest_total_with_floors(instance, SearchGoal(floors=np.full(3, 0.6)))

    assert kept.chosen is None
    assert kept.finished


def test_a_search_out_of_patience_still_bounds():
    given_ = an_instance(
        0.6 * np.linspace(0, 1, 20)[None, :] + 0.4 * np.random.default_rng(1).random((60, 20)), per_paper=3, max_load=9
    )

    found = assign_with_certificate(*given_.arrays(), patience=0.0)

    assert found.certificate.total <= found.certificate.total_at_most + 1e-9
    assert found.certificate.level <= found.certificate.level_at_most + 1e-9
    assert not found.certificate.proven
    assert faults(found.experts, found.certificate, **given_.named()) == []


class TestInfeasible:
    def refusal(self, given_: Given) -> AssignmentInfeasible:
        with pytest.raises(AssignmentInfeasible) as caught:
            assign(*given_.arrays())
        assert isinstance(caught.value, GangchuangError)
        return caught.value

    def test_names_all_when_places_are_too_few(self):
        refused = self.refusal(an_instance(np.ones((3, 2)), per_paper=2, max_load=2))
        assert (refused.limit, refused.needed, refused.available) == ("max_load", 6, 4)
        assert "need 6 reviews" in str(refused)

    def test_names_the_submission_without_enough_experts(self):
        refused = self.refusal(an_instance(np.ones((2, 3)), per_paper=2, conflicts=[(1, 0), (1, 1)]))
        assert (refused.limit, refused.submissions, refused.needed, refused.available) == ("per_paper", (1,), 2, 1)

    def test_names_the_submissions_that_crowd_the_same_experts(self):
        barred = [(0, 2), (1, 2), (2, 2)]
        refused = self.refusal(an_instance(np.ones((4, 3)), max_load=[1, 1, 4], conflicts=barred))
        assert (refused.limit, refused.submissions, refused.experts) == ("max_load", (0, 1, 2), (0, 1))
        assert (refused.needed, refused.available) == (3, 2)
        assert "Submissions {0, 1, 2}" in str(refused)
        assert "experts {0, 1}" in str(refused)

    def test_names_the_expert_who_cannot_reach_the_minimum(self):
        refused = self.refusal(an_instance(np.ones((3, 2)), min_load=[2, 0], conflicts=[(0, 0), (1, 0)]))
        assert (refused.limit, refused.experts, refused.needed, refused.available) == ("min_load", (0,), 2, 1)

    def test_names_the_experts_whose_minimums_fight_for_the_same_submissions(self):
        barred = [(p, e) for p in (2, 3) for e in (0, 1)]
        refused = self.refusal(an_instance(np.ones((4, 3)), min_load=[2, 1, 0], conflicts=barred))
        assert (refused.limit, refused.experts) == ("min_load", (0, 1))
        assert (refused.needed, refused.available) == (3, 2)

    def test_names_minimums_that_add_up_to_too_many(self):
        refused = self.refusal(an_instance(np.ones((2, 2)), min_load=2))
        assert (refused.limit, refused.needed, refused.available) == ("min_load", 4, 2)

    def test_names_a_minimum_above_the_maximum(self):
        refused = self.refusal(an_instance(np.ones((2, 2)), max_load=[1, 2], min_load=[2, 0]))
        assert (refused.limit, refused.experts) == ("min_load", (0,))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"similarity": np.ones(3)}, "table"),
        ({"similarity": np.array([[np.nan, 1.0], [1.0, 1.0]])}, "finite"),
        ({"conflicts": np.zeros((1, 2), dtype=bool)}, "conflicts"),
        ({"per_paper": np.array([1, -1])}, "whole numbers"),
        ({"max_load": np.array([1.5, 1.0])}, "whole numbers"),
        ({"min_load": np.array([0])}, "minimum loads"),
    ],
)
def test_malformed_arrays_are_refused(change, sentence):
    given_ = replace(an_instance(np.ones((2, 2))), **change)

    with pytest.raises(AssignmentMalformed, match=sentence):
        assign(*given_.arrays())


def test_an_unknown_aim_is_refused():
    with pytest.raises(AssignmentMalformed, match="fair"):
        assign(*an_instance(np.ones((2, 2))).arrays(), aim="best")


class TestFaults:
    """The checker must find what is wrong, or its silence would prove nothing."""

    def found(self):
        given_ = an_instance([[1.0, 0.5, 0.2], [0.9, 0.1, 0.3]], per_paper=1, max_load=1, conflicts=[(0, 2)])
        return given_, assign_with_certificate(*given_.arrays())

    @pytest.mark.parametrize(
        ("experts", "sentence"),
        [
            ([[2], [0]], "conflict"),
            ([[0], [0]], "maximum load"),
            ([[0], [-1]], "wrong number"),
            ([[0], [7]], "does not fit"),
            ([[0], [2]], "worst"),
        ],
    )
    def test_finds_a_broken_assignment(self, experts, sentence):
        given_, found = self.found()
        said = faults(np.array(experts), found.certificate, **given_.named())
        assert any(sentence in fault for fault in said)

    @pytest.mark.parametrize("by", [-0.01, 0.01])
    @pytest.mark.parametrize("name", ["total", "worst", "worst_share", "largest_total", "total_from_prices"])
    def test_finds_a_wrong_figure(self, name, by):
        given_, found = self.found()
        forged = replace(found.certificate, **{name: getattr(found.certificate, name) + by})
        assert len(faults(found.experts, forged, **given_.named())) == 1

    def test_finds_a_level_that_the_proof_does_not_exclude(self):
        given_, found = self.found()
        forged = replace(found.certificate, level_from_prices=found.certificate.level_from_prices - 0.1)
        assert len(faults(found.experts, forged, **given_.named())) == 1

    def test_finds_a_bound_of_other_scores(self):
        given_, found = self.found()
        other = replace(given_, similarity=given_.similarity + np.array([[0.0, 0.0, 0.0], [0.0, 0.9, 0.0]]))
        assert faults(found.experts, found.certificate, **other.named())
