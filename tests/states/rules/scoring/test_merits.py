"""Merits: exact, robust, invariant, and better than the plain mean where experts are harsh or lenient."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from states.history.canonical import canonical
from states.rules.rounding import exact, root, settle
from states.rules.scoring.disagreement import wide_spreads
from states.rules.scoring.merits import Method, Scoring, score_submissions
from states.rules.scoring.scores import GivenScore, Merit, ScoresMalformed
from states.rules.scoring.shrinkage import ModelUnsettled
from states.rules.scoring.variances import Variances

MEANS = (Method.MEAN, Method.TRIMMED_MEAN)


def given_scores(**totals: Sequence[float]) -> list[GivenScore]:
    return [GivenScore(submission, f"E{n}", total) for submission, row in totals.items() for n, total in enumerate(row)]


def merits(scores: Sequence[GivenScore], method: Method) -> dict[str, Decimal]:
    return {number: merit.merit for number, merit in score_submissions(scores, method=method).merits.items()}


def a_round(
    seed: int, *, submissions: int, experts: int, each: int = 5, offset: float = 0.0, level: float = 70.0
) -> tuple[list[GivenScore], np.ndarray]:
    """Scores around known merits: merits and noise deviate by 8 points, offsets by that share of it."""
    chance = np.random.default_rng(seed)
    true, offsets = chance.normal(level, 8, submissions), chance.normal(0, 8 * offset, experts)
    scores = []
    for number in range(submissions):
        for expert in chance.choice(experts, each, replace=False):
            total = round(true[number] + offsets[expert] + chance.normal(0, 8), 1)
            scores.append(GivenScore(f"S{number:04}", f"E{expert:03}", min(max(total, 0.0), 100.0)))
    return scores, true


def tau(scores: Sequence[GivenScore], true: np.ndarray, method: Method) -> float:
    found = merits(scores, method)
    return float(kendalltau([float(found[number]) for number in sorted(found)], true).statistic)


def test_mean_is_exact_and_rounded_half_to_even() -> None:
    found = merits(given_scores(a=[90, 90, 91], b=[80, "80.0001"], c=[80, "80.0003"]), Method.MEAN)

    assert found == {"a": Decimal("90.3333"), "b": Decimal("80.0000"), "c": Decimal("80.0002")}


def test_float_means_what_is_written() -> None:
    assert merits(given_scores(a=[0.1, 0.2, 0.3]), Method.MEAN) == {"a": Decimal("0.2000")}


def test_highest_and_lowest_are_dropped_from_five_scores_on() -> None:
    found = merits(given_scores(five=[0, 80, 81, 85, 100], four=[0, 80, 81, 85]), Method.TRIMMED_MEAN)

    assert found == {"five": Decimal("82.0000"), "four": Decimal("61.5000")}


def test_one_of_several_equal_extremes_is_dropped() -> None:
    assert merits(given_scores(a=[60, 60, 60, 90, 90]), Method.TRIMMED_MEAN) == {"a": Decimal("70.0000")}


def test_interval_of_the_mean_pools_the_noise() -> None:
    found = score_submissions(given_scores(a=[70, 74], b=[80, 80]), method=Method.MEAN).merits

    # s² = (8 + 0) / (1 + 1), standard error sqrt(4 / 2), t(97.5 %, 2) = 4.302653.
    assert {merit.standard_error for merit in found.values()} == {Decimal("1.4142")}
    assert (found["a"].low, found["a"].high) == (Decimal("65.9151"), Decimal("78.0849"))


def test_interval_of_the_trimmed_mean_is_winsorised() -> None:
    found = score_submissions(given_scores(a=[10, 70, 73, 76, 99]), method=Method.TRIMMED_MEAN).merits["a"]

    # 70 70 73 76 76: W = 36, h = 3, s² = 36 / 2, standard error sqrt(18 / 3), t(97.5 %, 2) = 4.302653.
    assert (found.merit, found.standard_error) == (Decimal("73.0000"), Decimal("2.4495"))
    assert (found.low, found.high) == (Decimal("62.4607"), Decimal("83.5393"))


@pytest.mark.parametrize("method", Method)
def test_one_score_each_leaves_the_interval_at_the_whole_scale(method: Method) -> None:
    found = score_submissions(
        [GivenScore("a", "E1", 80), GivenScore("b", "E1", 70), GivenScore("c", "E2", 60)], method=method
    )

    assert [merit.merit for merit in found.merits.values()] == [Decimal(80), Decimal(70), Decimal(60)]
    assert {(merit.standard_error, merit.low, merit.high) for merit in found.merits.values()} == {(None, 0, 100)}
    assert found.variances is None


@pytest.mark.parametrize("method", Method)
def test_equal_scores_give_equal_merits_without_noise(method: Method) -> None:
    found = score_submissions(given_scores(a=[75] * 5, b=[75] * 5, c=[75] * 3), method=method).merits

    assert {(merit.merit, merit.low, merit.high) for merit in found.values()} == {(75, 75, 75)}


@pytest.mark.parametrize("method", Method)
def test_no_scores_give_no_merits(method: Method) -> None:
    assert score_submissions([], method=method).merits == {}


@pytest.mark.parametrize("method", Method)
def test_one_submission_keeps_its_mean(method: Method) -> None:
    assert merits(given_scores(a=[70, 72, 74, 76, 78]), method) == {"a": Decimal("74.0000")}


def test_two_submissions_keep_their_order() -> None:
    found = merits(given_scores(a=[70, 75, 72], b=[71, 79, 75]), Method.SHRINKAGE)

    assert found["b"] > found["a"]


def test_shrinkage_recovers_purely_additive_scores() -> None:
    lenient, true = [0, 4, -6, 2], [60, 65, 70, 80, 90]
    totals = {f"S{index}": [value + shift for shift in lenient] for index, value in enumerate(true)}
    # E0 did not score S0, so the plain mean of S0 misses an expert who scores as the panel does.
    scores = [score for score in given_scores(**totals) if (score.submission, score.expert) != ("S0", "E0")]

    scoring = score_submissions(scores, method=Method.SHRINKAGE)

    gaps = [float(merit.merit) - value for merit, value in zip(scoring.merits.values(), true, strict=True)]
    assert max(gaps) - min(gaps) < 0.05
    shifts = [float(offset.offset) for offset in scoring.offsets]
    assert shifts == pytest.approx(lenient, abs=0.05)


def test_expert_with_a_single_score_is_hardly_corrected() -> None:
    scores, _ = a_round(3, submissions=40, experts=10, offset=0.5)
    lone = GivenScore("S0000", "E999", 100.0)

    offsets = {offset.expert: offset for offset in score_submissions([*scores, lone], method="shrinkage").offsets}

    assert offsets["E999"].scores == 1
    assert offsets["E999"].standard_error == max(offset.standard_error for offset in offsets.values())
    assert 0 < offsets["E999"].offset < Decimal(20)


def test_shrinkage_agrees_with_the_full_mixed_model_equations() -> None:
    scores, _ = a_round(5, submissions=12, experts=6, each=3, offset=0.5)
    scores = scores[:-2]
    variances = Variances(Decimal(50), Decimal(20), Decimal(60))

    found = score_submissions(scores, method=Method.SHRINKAGE, variances=variances)

    numbers = sorted({score.submission for score in scores})
    experts = sorted({score.expert for score in scores})
    design = np.zeros((len(scores), 1 + len(numbers) + len(experts)))
    for row, score in enumerate(scores):
        design[row, [0, 1 + numbers.index(score.submission), 1 + len(numbers) + experts.index(score.expert)]] = 1
    penalty = np.diag([0.0] + [60 / 50] * len(numbers) + [60 / 20] * len(experts))
    inverse = np.linalg.inv(design.T @ design + penalty)
    solution = inverse @ design.T @ np.array([float(score.total) for score in scores])
    for index, number in enumerate(numbers):
        pick = np.zeros(len(solution))
        pick[[0, 1 + index]] = 1
        assert float(found.merits[number].merit) == pytest.approx(pick @ solution, abs=6e-5)
        error = np.sqrt(60 * pick @ inverse @ pick)
        assert float(found.merits[number].standard_error) == pytest.approx(error, abs=6e-5)
    for index, offset in enumerate(found.offsets):
        assert float(offset.offset) == pytest.approx(solution[1 + len(numbers) + index], abs=6e-5)


@pytest.mark.parametrize(("experts", "offset"), [(40, 0.5), (6, 1.0)])
def test_variances_are_found_again(experts: int, offset: float) -> None:
    estimates = []
    for seed in range(30):
        scores, _ = a_round(seed, submissions=120, experts=experts, offset=offset, level=50)
        found = score_submissions(scores, method=Method.SHRINKAGE).variances
        assert found is not None
        estimates.append([float(found.merit), float(found.offset), float(found.noise)])

    # Four standard errors of the mean estimate; the true values are 64, 64 offset² and 64.
    error = 4 * np.std(estimates, axis=0, ddof=1) / np.sqrt(len(estimates))
    assert np.all(np.abs(np.mean(estimates, axis=0) - [64, 64 * offset**2, 64]) <= error)
    assert np.all(error <= [10, 40, 4])


def test_recorded_variances_give_the_same_merits_again() -> None:
    scores, _ = a_round(1, submissions=30, experts=10, offset=0.5)
    first = score_submissions(scores, method=Method.SHRINKAGE)

    again = score_submissions(scores, method=Method.SHRINKAGE, variances=first.variances)

    assert again == first


def test_merits_do_not_depend_on_the_machines_floating_point(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, _ = a_round(2, submissions=80, experts=20, offset=0.5)
    here = score_submissions(scores, method=Method.SHRINKAGE)
    invert, chance = np.linalg.inv, np.random.default_rng(0)

    def sloppy(matrix: np.ndarray) -> np.ndarray:
        return invert(matrix) * (1 + chance.normal(0, 1e-5, matrix.shape))

    monkeypatch.setattr("numpy.linalg.inv", sloppy)
    there = score_submissions(scores, method=Method.SHRINKAGE)

    assert {n: merit.merit for n, merit in there.merits.items()} == {n: merit.merit for n, merit in here.merits.items()}
    assert [offset.offset for offset in there.offsets] == [offset.offset for offset in here.offsets]
    assert there.variances == here.variances


def test_variances_that_cannot_be_are_refused() -> None:
    scores, _ = a_round(1, submissions=10, experts=6)

    with pytest.raises(ModelUnsettled):
        score_submissions(scores, method="shrinkage", variances=Variances(Decimal(0), Decimal(1), Decimal(1)))


def test_shrinkage_beats_the_mean_where_experts_differ_and_loses_nothing_where_not() -> None:
    gain = {}
    for offset in (0.0, 0.5):
        rounds = [a_round(seed, submissions=100, experts=25, offset=offset) for seed in range(12)]
        gain[offset] = np.mean([tau(*drawn, Method.SHRINKAGE) - tau(*drawn, Method.MEAN) for drawn in rounds])

    assert gain[0.5] > 0.012
    assert gain[0.0] > -0.003


@pytest.mark.parametrize("method", Method)
def test_intervals_hold_the_true_merit_nineteen_times_in_twenty(method: Method) -> None:
    held = []
    for seed in range(10):
        scores, true = a_round(seed, submissions=100, experts=25, offset=0.3)
        found = score_submissions(scores, method=method).merits
        held += [float(found[number].low) <= true[index] <= float(found[number].high)
                 for index, number in enumerate(sorted(found))]  # fmt: skip

    assert 0.93 <= np.mean(held) <= 0.975


@pytest.mark.parametrize("total", [-1, 100.5, float("nan"), Decimal("Infinity"), "viele"])
def test_impossible_totals_are_refused(total) -> None:
    with pytest.raises(ScoresMalformed, match="a by E0"):
        score_submissions(given_scores(a=[total]), method="mean")


def test_every_problem_is_named() -> None:
    with pytest.raises(ScoresMalformed) as caught:
        score_submissions(
            [GivenScore("a", "E1", 70), GivenScore("a", "E1", 70), GivenScore("b", "E2", 101)], method="mean"
        )

    assert caught.value.problems == ["a by E1: scored twice", "b by E2: 101 is not between 0 and 100"]


def test_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="z_score"):
        score_submissions([], method="z_score")


@pytest.mark.parametrize("method", Method)
def test_facts_are_recordable(method: Method) -> None:
    scores, _ = a_round(1, submissions=6, experts=5, each=3, offset=0.5)

    facts = score_submissions(scores, method=method).facts()

    assert json.loads(canonical(facts)) == facts
    assert facts["merits"]["S0000"]["scores"] == 3


totals = st.integers(0, 1000).map(lambda tenths: Decimal(tenths) / 10)
boards = st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 6)), totals, min_size=1, max_size=30).map(
    lambda board: [GivenScore(f"S{s}", f"E{e}", total) for (s, e), total in board.items()]
)


def renamed(scoring: Scoring, names: dict[str, str]) -> dict[str, tuple[object, ...]]:
    def plain(merit: Merit) -> tuple[object, ...]:
        return merit.merit, merit.raw_mean, merit.standard_error, merit.low, merit.high, merit.scores

    return {names[number]: plain(merit) for number, merit in scoring.merits.items()}


@pytest.mark.parametrize("method", Method)
@given(board=boards, chance=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_permuting_experts_or_submissions_changes_nothing_but_names(method: Method, board, chance) -> None:
    submissions = sorted({score.submission for score in board})
    experts = sorted({score.expert for score in board})
    new_number = dict(zip(submissions, chance.sample(submissions, len(submissions)), strict=True))
    new_expert = dict(zip(experts, chance.sample(experts, len(experts)), strict=True))
    shuffled = [GivenScore(new_number[score.submission], new_expert[score.expert], score.total) for score in board]
    chance.shuffle(shuffled)

    before, after = score_submissions(board, method=method), score_submissions(shuffled, method=method)

    assert renamed(before, new_number) == renamed(after, {number: number for number in submissions})
    assert before.variances == after.variances
    assert {new_expert[offset.expert]: offset.offset for offset in before.offsets} == {
        offset.expert: offset.offset for offset in after.offsets
    }


@pytest.mark.parametrize("method", MEANS)
@given(board=boards, chosen=st.integers(0, 99), better=totals)
@settings(deadline=None)
def test_better_score_never_lowers_a_merit_or_moves_another(method: Method, board, chosen, better) -> None:
    index = chosen % len(board)
    old = board[index]
    raised = [*board[:index], GivenScore(old.submission, old.expert, max(old.total, better)), *board[index + 1 :]]

    before, after = merits(board, method), merits(raised, method)

    assert after.pop(old.submission) >= before.pop(old.submission)
    assert after == before


@pytest.mark.parametrize("method", MEANS)
@given(board=boards, chosen=st.integers(0, 99))
@settings(deadline=None)
def test_withdrawn_submission_changes_no_other_merit(method: Method, board, chosen) -> None:
    gone = board[chosen % len(board)].submission

    before = merits(board, method)
    after = merits([score for score in board if score.submission != gone], method)

    before.pop(gone)
    assert after == before


@given(board=boards, chosen=st.integers(0, 99), better=totals)
@settings(max_examples=60, deadline=None)
def test_better_score_never_lowers_its_own_shrunk_merit_at_recorded_variances(board, chosen, better) -> None:
    variances = Variances(Decimal(50), Decimal(20), Decimal(60))
    index = chosen % len(board)
    old = board[index]
    raised = [*board[:index], GivenScore(old.submission, old.expert, max(old.total, better)), *board[index + 1 :]]

    before, after = (
        score_submissions(scores, method=Method.SHRINKAGE, variances=variances).merits for scores in (board, raised)
    )

    assert after[old.submission].merit >= before[old.submission].merit


@given(board=boards)
@settings(max_examples=80, deadline=None)
def test_shrinkage_is_sane_on_any_board(board) -> None:
    scoring = score_submissions(board, method=Method.SHRINKAGE)

    for merit in scoring.merits.values():
        assert merit.low <= merit.merit <= merit.high
        assert -60 <= merit.merit <= 160
        assert merit.standard_error is None or merit.standard_error >= 0


@given(st.fractions(0, 10**6, max_denominator=10**6))
def test_root_squares_back(value: Fraction) -> None:
    assert root(value) ** 2 <= value < (root(value) + Fraction(1, 10**29)) ** 2


@given(st.fractions(-1000, 1000), st.integers(0, 8))
def test_settling_is_decimal_half_even(value: Fraction, places: int) -> None:
    found = settle(value, places)

    assert found.as_tuple().exponent == -places
    assert abs(exact(found) - value) <= Fraction(1, 2 * 10**places)


def test_spread_tells_range_deviation_and_who_is_furthest() -> None:
    found = wide_spreads(given_scores(a=[50, 80, 81, 85], b=[60, 80], c=[70]), 0)

    assert [(spread.submission, f"{spread.range}", f"{spread.deviation}", spread.furthest) for spread in found] == [
        ("a", "35.0000", "16.1452", "E0"),
        ("b", "20.0000", "14.1421", None),
        ("c", "0.0000", "0.0000", None),
    ]


def test_wide_spreads_begin_at_the_threshold() -> None:
    scores = list(given_scores(a=[50, 80], b=[50.1, 80], c=[40, 80], d=[90, 100]))

    assert [spread.submission for spread in wide_spreads(scores, 30)] == ["c", "a"]
    assert wide_spreads(scores, None) == []
