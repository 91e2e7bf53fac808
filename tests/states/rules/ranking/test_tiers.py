"""Ranks, tiers, limits and ties: exact lists, and any small round against a model that tries every order."""

import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain, groupby, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.enums import Tier
from states.history.canonical import canonical
from states.rules.ranking.placings import Contender, PassedOver, PrizeLimits, Ranking, TierSize
from states.rules.ranking.tiers import RankingMalformed, apportion, cut, rank, tier_sizes
from states.rules.ranking.ties import CriterionIncomplete, SettledBy, Settlers, TieCriterion
from states.rules.reviewers.draw import draw_order
from states.rules.scoring.merits import Method, score_submissions
from states.rules.scoring.scores import GivenScore, Merit

SEED = b"a seed of thirty-two bytes, plain"
FIRST, SECOND, THIRD = Tier


def a_merit(number: str, merit: str | int, *, reach: str | int = 0) -> Merit:
    value, width = Decimal(merit), Decimal(reach)
    return Merit(number, value, width / 2, value - width, value + width, value, 5)


def contenders(reach: int = 0, **merits: str | int) -> list[Contender]:
    return [Contender(a_merit(number, merit, reach=reach)) for number, merit in merits.items()]


def tiers(*counts: int, **least: int) -> tuple[TierSize, ...]:
    sizes = dict(zip(("first", "second", "third"), counts, strict=False))
    return tier_sizes(sizes=sizes, least_merit={tier: Decimal(merit) for tier, merit in least.items()})


def given_out(ranking: Ranking) -> dict[str, Tier | None]:
    return {placed.submission: placed.tier for placed in ranking.placed}


def settled(ranking: Ranking) -> dict[str, SettledBy]:
    return {placed.submission: placed.settled.by for placed in ranking.placed if placed.settled}


def test_equal_merits_share_a_rank_and_leave_a_gap() -> None:
    ranked = rank([a_merit("d", 70), a_merit("c", 80), a_merit("b", 80), a_merit("a", 90)])

    assert [(listed.rank, listed.merit.submission) for listed in ranked] == [(1, "a"), (2, "b"), (2, "c"), (4, "d")]


def test_tiers_are_given_from_the_top() -> None:
    ranking = cut(contenders(a=90, b=85, c=80, d=75, e=70), tiers=tiers(1, 1, 2))

    assert given_out(ranking) == {"a": FIRST, "b": SECOND, "c": THIRD, "d": THIRD, "e": None}
    assert ranking.is_final
    assert ranking.vacant == {FIRST: 0, SECOND: 0, THIRD: 0}


def test_sizes_come_from_ratios() -> None:
    sizes = tier_sizes(prizes=394, ratios={"first": 1, "second": 2, "third": 3})

    assert [size.size for size in sizes] == [66, 131, 197]


@pytest.mark.parametrize("given_sizes", [{}, {"sizes": {"first": 1}, "prizes": 3}])
def test_sizes_are_given_one_way(given_sizes) -> None:
    with pytest.raises(RankingMalformed):
        tier_sizes(**given_sizes)


def test_place_that_nobody_reaches_stays_vacant() -> None:
    ranking = cut(contenders(a=88, b=84, c=60, d=59), tiers=tiers(2, 1, 5, first=85, third=60))

    assert given_out(ranking) == {"a": FIRST, "b": SECOND, "c": THIRD, "d": None}
    assert ranking.vacant == {FIRST: 1, SECOND: 0, THIRD: 4}
    assert [placed.passed_over for placed in ranking.placed] == [None, None, None, PassedOver.LEAST_MERIT]


def test_vacancy_at_the_top_explains_nothing_at_the_bottom() -> None:
    ranking = cut(contenders(a=80, b=70, c=60), tiers=tiers(1, 0, 2, first=90, third=50))

    assert given_out(ranking) == {"a": THIRD, "b": THIRD, "c": None}
    assert ranking.placed[2].passed_over is None


def test_full_tier_is_no_vacancy() -> None:
    ranking = cut(contenders(a=80, b=50), tiers=tiers(0, 0, 1, third=60))

    assert [(placed.tier, placed.passed_over) for placed in ranking.placed] == [(THIRD, None), (None, None)]


def test_limits_pass_the_place_to_the_next() -> None:
    entries = [
        Contender(a_merit("a", 90), "500101", ("示例厂",), ("示例·甲",)),
        Contender(a_merit("b", 85), "500101", ("示例二厂",), ("示例·乙",)),
        Contender(a_merit("c", 80), "500102", ("示例厂",), ("示例·丙",)),
        Contender(a_merit("d", 75), "500103", ("示例三厂",), ("示例·甲", "示例·丁")),
        Contender(a_merit("e", 70), "500104", ("示例四厂",), ("示例·戊",)),
    ]

    ranking = cut(entries, tiers=tiers(2), limits=PrizeLimits(per_unit=1, per_organisation=1, per_person=1))

    assert given_out(ranking) == {"a": FIRST, "b": None, "c": None, "d": None, "e": FIRST}
    assert [placed.facts()["passed_over"] for placed in ranking.placed] == [
        *(None, "limit_per_unit", "limit_per_organisation", "limit_per_person", None),
    ]


def test_the_words_for_who_is_passed_over_stand_as_record_and_notice_have_them() -> None:
    assert [(reason.value, reason.label) for reason in PassedOver] == [
        ("limit_per_unit", "所属区县获奖数已达上限"),
        ("limit_per_organisation", "所属单位获奖数已达上限"),
        ("limit_per_person", "完成人获奖数已达上限"),
        ("least_merit", "未达到等次最低分，名额空缺"),
    ]


def test_tie_inside_a_tier_needs_nothing() -> None:
    ranking = cut(contenders(a=90, b=90, c=80, d=80), tiers=tiers(2))

    assert given_out(ranking) == {"a": FIRST, "b": FIRST, "c": None, "d": None}
    assert ranking.is_final
    assert settled(ranking) == {}


def test_tie_at_a_cut_asks_for_a_re_review_of_just_those() -> None:
    ranking = cut(contenders(a=90, b=80, c=80, d=80, e=70, f=70), tiers=tiers(2, 2))

    assert [(tie.submissions, tie.tier, tie.left, tie.needs) for tie in ranking.open_ties] == [
        (("b", "c", "d"), FIRST, 1, SettledBy.RE_REVIEW)
    ]
    assert given_out(ranking) == dict.fromkeys("bcdef") | {"a": FIRST}
    assert {placed.submission for placed in ranking.placed if placed.open} == {"b", "c", "d"}


def test_every_cut_is_found_in_one_pass() -> None:
    ranking = cut(contenders(a=90, b=90, c=80, d=80, e=70, f=70), tiers=tiers(1, 2, 2))

    assert [(tie.submissions, tie.tier, tie.left) for tie in ranking.open_ties] == [
        (("a", "b"), FIRST, 1),
        (("c", "d"), SECOND, 1),
        (("e", "f"), THIRD, 1),
    ]


def test_ties_are_settled_in_the_declared_order() -> None:
    innovation = {number: Decimal(20) for number in "abcdef"} | {"b": Decimal(25), "c": Decimal(25)}
    benefit = {number: Decimal(10) for number in "abcdef"} | {"c": Decimal(11)}
    settlers = Settlers(
        re_review={"a": Decimal(88), "b": Decimal(85), "c": Decimal(85), "d": Decimal(85), "e": Decimal(70)},
        criteria=(TieCriterion("innovation", "创新性", innovation), TieCriterion("benefit", "效益性", benefit)),
        seed=SEED,
    )

    ranking = cut(contenders(a=80, b=80, c=80, d=80, e=80), tiers=tiers(2, 1), settlers=settlers)

    assert [placed.submission for placed in ranking.placed] == ["a", "c", "b", "d", "e"]
    assert given_out(ranking) == {"a": FIRST, "c": FIRST, "b": SECOND, "d": None, "e": None}
    assert settled(ranking) == {
        "a": SettledBy.RE_REVIEW,
        "c": SettledBy.CRITERION,
        "b": SettledBy.CRITERION,
        "d": SettledBy.CRITERION,
        "e": SettledBy.RE_REVIEW,
    }
    by_number = {placed.submission: placed.settled for placed in ranking.placed}
    assert by_number["a"].sentence == "同分，经复评确定（复评分88）"
    assert (by_number["c"].key, by_number["c"].figure) == ("benefit", "11")
    assert (by_number["d"].key, by_number["d"].sentence) == ("innovation", "同分，按“创新性”得分确定（20）")
    assert {placed.rank for placed in ranking.placed} == {1}


def test_the_words_for_what_settles_a_tie_stand_as_the_record_has_them() -> None:
    """An archived season names them so; another word would make its ranking unreadable."""
    assert [(way.value, way.label) for way in SettledBy] == [
        ("re_review", "复评"),
        ("criterion", "评审指标"),
        ("draw", "抽签"),
    ]


def test_later_steps_are_not_taken_when_an_earlier_one_suffices() -> None:
    settlers = Settlers(re_review={"a": Decimal(70), "b": Decimal(75), "c": Decimal(75)}, criteria=(), seed=None)

    ranking = cut(contenders(a=80, b=80, c=80), tiers=tiers(2), settlers=settlers)

    assert given_out(ranking) == {"b": FIRST, "c": FIRST, "a": None}
    assert set(settled(ranking).values()) == {SettledBy.RE_REVIEW}


def test_last_comes_the_recorded_draw() -> None:
    entries = contenders(a=80, b=80, c=80)

    waiting = cut(entries, tiers=tiers(1), settlers=Settlers(re_review={}))
    drawn = cut(entries, tiers=tiers(1), settlers=Settlers(re_review={}, seed=SEED))

    assert [tie.needs for tie in waiting.open_ties] == [SettledBy.DRAW]
    assert [placed.submission for placed in drawn.placed] == list(draw_order(SEED, "abc"))
    assert drawn.placed[0].settled.sentence == "同分，经抽签确定（第1签）"


def test_re_review_without_a_figure_for_each_is_passed_over() -> None:
    settlers = Settlers(
        re_review={"a": Decimal(90)},
        criteria=(TieCriterion("innovation", "创新性", {"a": Decimal(1), "b": Decimal(2)}),),
    )

    ranking = cut(contenders(a=80, b=80), tiers=tiers(1), settlers=settlers)

    assert given_out(ranking) == {"b": FIRST, "a": None}
    assert set(settled(ranking).values()) == {SettledBy.CRITERION}


def test_criterion_without_a_figure_is_refused() -> None:
    settlers = Settlers(re_review={}, criteria=(TieCriterion("innovation", "创新性", {"a": Decimal(1)}),))

    with pytest.raises(CriterionIncomplete) as caught:
        cut(contenders(a=80, b=80), tiers=tiers(1), settlers=settlers)

    assert (caught.value.criterion, caught.value.submissions) == ("innovation", ["b"])


def test_equals_of_one_unit_contend_for_the_units_last_prize() -> None:
    entries = [Contender(a_merit(number, 80), "500101") for number in "ab"]

    ranking = cut(entries, tiers=tiers(5), limits=PrizeLimits(per_unit=1))

    assert [(tie.submissions, tie.left) for tie in ranking.open_ties] == [(("a", "b"), 5)]


def test_equal_who_is_certain_of_a_prize_takes_no_part_in_the_tie() -> None:
    entries = [Contender(a_merit(number, 80), unit) for number, unit in (("a", "u"), ("b", "u"), ("c", "v"))]

    ranking = cut(entries, tiers=tiers(2), limits=PrizeLimits(per_unit=1))

    assert [tie.submissions for tie in ranking.open_ties] == [("a", "b")]
    assert given_out(ranking)["c"] is FIRST


def test_equal_that_a_limit_stops_takes_no_part_in_the_tie() -> None:
    entries = [
        Contender(a_merit("top", 90), "500101"),
        Contender(a_merit("a", 80), "500101"),
        Contender(a_merit("b", 80), "500102"),
        Contender(a_merit("c", 80), "500103"),
    ]
    settlers = Settlers(re_review={"b": Decimal(70), "c": Decimal(71)})

    ranking = cut(entries, tiers=tiers(2), limits=PrizeLimits(per_unit=1), settlers=settlers)

    assert given_out(ranking) == {"top": FIRST, "c": FIRST, "b": None, "a": None}
    assert {placed.submission: placed.passed_over for placed in ranking.placed}["a"] is PassedOver.UNIT


def test_cut_within_the_intervals_is_flagged_and_nothing_moved() -> None:
    ranking = cut(contenders(reach=3, a=90, b=81, c=80, d=78, e=72), tiers=tiers(1, 1, 1))

    assert given_out(ranking) == {"a": FIRST, "b": SECOND, "c": THIRD, "d": None, "e": None}
    assert [(close.tier, close.last_in, close.first_out, close.above, close.below) for close in ranking.close_cuts] == [
        (SECOND, 81, 80, ("b",), ("c", "d")),
        (THIRD, 80, 78, ("b", "c"), ("d",)),
    ]


def test_whom_a_limit_passed_over_makes_no_cut_close() -> None:
    entries = [
        Contender(a_merit("a", 80, reach=3), "500101"),
        Contender(a_merit("b", 79, reach=3), "500101"),
        Contender(a_merit("c", 60, reach=3), "500102"),
    ]

    assert cut(entries, tiers=tiers(2), limits=PrizeLimits(per_unit=1)).close_cuts == ()


@pytest.mark.parametrize(
    "broken",
    [
        {"contenders": contenders(a=80) * 2, "tiers": tiers(1)},
        {"contenders": [], "tiers": [TierSize(FIRST, -1)]},
        {"contenders": [], "tiers": [TierSize(FIRST, 1), TierSize(FIRST, 1)]},
        {"contenders": [], "tiers": tiers(1, 1, first=60, second=70)},
    ],
)
def test_contradictions_are_refused(broken) -> None:
    with pytest.raises(RankingMalformed):
        cut(broken["contenders"], tiers=broken["tiers"])


def test_facts_are_recordable() -> None:
    ranking = cut(
        [*contenders(reach=3, a=90, b=80, c=80), Contender(a_merit("d", 79, reach=2), "500101")],
        tiers=tiers(1, 1, 1),
        settlers=Settlers(re_review={"b": Decimal(7), "c": Decimal(8)}),
    )

    facts = ranking.facts()

    assert json.loads(canonical(facts)) == facts
    assert facts["placed"][1] == {
        "submission": "c", "position": 2, "rank": 2, "merit": "80", "standard_error": "1.5", "low": "77",
        "high": "83", "raw_mean": "80", "scores": 5, "tier": "second",
        "settled": {"by": "re_review", "key": "", "figure": "8"}, "passed_over": None, "open": False,
    }  # fmt: skip


small = st.builds(
    lambda merit, unit, persons: (merit, unit, persons),
    st.integers(70, 73),
    st.sampled_from(["u", "v", "w"]),
    st.sampled_from([("p",), ("q",), ("p", "q"), ()]),
)
fields = st.lists(small, max_size=6).map(
    lambda rows: [Contender(a_merit(f"s{n}", m), u, (), p) for n, (m, u, p) in enumerate(rows)]
)
sizes = st.tuples(*[st.integers(0, 2)] * 3)
limit_sets = st.builds(PrizeLimits, st.none() | st.integers(1, 2), st.none(), st.none() | st.integers(1, 2))
least_sets = st.sampled_from([{}, {"first": 72}, {"first": 73, "second": 72, "third": 71}])


def in_this_order(order: Sequence[Contender], tier_list, limits: PrizeLimits) -> dict[str, Tier | None]:
    """The rule for a strict order, as an official would read it aloud."""
    left = {size.tier: size.size for size in tier_list}
    used: Counter[str] = Counter()
    result: dict[str, Tier | None] = {}
    for contender in order:
        open_to = [
            size.tier
            for size in tier_list
            if left[size.tier] and (size.least_merit is None or contender.merit.merit >= size.least_merit)
        ]
        full = limits.per_unit is not None and used[contender.unit] >= limits.per_unit
        full |= limits.per_person is not None and any(used[person] >= limits.per_person for person in contender.persons)
        result[contender.submission] = None if full or not open_to else open_to[0]
        if result[contender.submission]:
            left[open_to[0]] -= 1
            used.update([contender.unit, *contender.persons])
    return result


def every_order(entries: Sequence[Contender]) -> list[list[Contender]]:
    ordered = sorted(entries, key=lambda contender: -contender.merit.merit)
    groups = [list(equals) for _, equals in groupby(ordered, key=lambda contender: contender.merit.merit)]
    return [list(chain.from_iterable(chosen)) for chosen in product(*(permutations(group) for group in groups))]


@given(fields, sizes, limit_sets, least_sets)
@settings(deadline=None, max_examples=120)
def test_tie_is_open_exactly_where_the_order_decides(entries, counts, limits, least) -> None:
    tier_list = tiers(*counts, **least)
    outcomes = [in_this_order(order, tier_list, limits) for order in every_order(entries)]

    ranking = cut(entries, tiers=tier_list, limits=limits)

    assert ranking.is_final == all(outcome == outcomes[0] for outcome in outcomes)
    if ranking.is_final:
        assert given_out(ranking) == outcomes[0]
    else:
        # With two kinds of limits who is certain is a packing problem; an invitation too many does no harm.
        undecided = {number for number in outcomes[0] if len({outcome[number] for outcome in outcomes}) > 1}
        first = ranking.open_ties[0]
        equals = {contender.submission for contender in entries if contender.merit.merit == first.merit}
        assert set(first.submissions) >= undecided & equals
        assert limits.per_person is not None or set(first.submissions) == undecided & equals


@given(fields, sizes, limit_sets, least_sets, st.randoms())
@settings(deadline=None, max_examples=120)
def test_settled_list_keeps_order_sizes_and_limits(entries, counts, limits, least, chance) -> None:
    tier_list = tiers(*counts, **least)
    settlers = Settlers(re_review={}, seed=SEED)

    ranking = cut(entries, tiers=tier_list, limits=limits, settlers=settlers)

    assert ranking.is_final
    by_number = {contender.submission: contender for contender in entries}
    order = [by_number[placed.submission] for placed in ranking.placed]
    taken = [contender for contender in order if given_out(ranking)[contender.submission]]
    assert given_out(ranking) in [in_this_order(order, tier_list, limits) for order in every_order(entries)]
    assert all(Counter(placed.tier for placed in ranking.placed)[size.tier] <= size.size for size in tier_list)
    assert (
        limits.per_unit is None
        or max(Counter(contender.unit for contender in taken).values(), default=0) <= limits.per_unit
    )
    assert cut(chance.sample(entries, len(entries)), tiers=tier_list, limits=limits, settlers=settlers) == ranking


def placings(ranking: Ranking) -> dict[str, tuple[object, ...]]:
    return {placed.submission: (placed.rank, placed.tier, placed.passed_over, placed.open) for placed in ranking.placed}


@given(fields, sizes, limit_sets, least_sets, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_renaming_submissions_changes_nothing_but_names(entries, counts, limits, least, chance) -> None:
    numbers = [contender.submission for contender in entries]
    new = dict(zip(numbers, chance.sample(numbers, len(numbers)), strict=True))
    renamed = [
        Contender(
            a_merit(new[contender.submission], contender.merit.merit),
            contender.unit,
            contender.organisations,
            contender.persons,
        )
        for contender in entries
    ]
    tier_list = tiers(*counts, **least)

    before, after = cut(entries, tiers=tier_list, limits=limits), cut(renamed, tiers=tier_list, limits=limits)

    if before.is_final:
        assert {new[number]: rest for number, rest in placings(before).items()} == placings(after)
    else:
        first, same = before.open_ties[0], after.open_ties[0]
        assert ({new[number] for number in first.submissions}, first.tier, first.left) == (
            set(same.submissions),
            same.tier,
            same.left,
        )


tenths = st.integers(0, 1000).map(lambda number: Decimal(number) / 10)
boards = st.lists(st.lists(tenths, min_size=1, max_size=6), min_size=2, max_size=6)


@pytest.mark.parametrize("method", [Method.MEAN, Method.TRIMMED_MEAN])
@given(board=boards, chosen=st.integers(0, 999), better=tenths)
@settings(deadline=None)
def test_better_score_never_lowers_a_rank(method: Method, board, chosen, better) -> None:
    def ranks(rows) -> list[int]:
        scores = [GivenScore(f"S{s}", f"E{e}", total) for s, row in enumerate(rows) for e, total in enumerate(row)]
        merits = score_submissions(scores, method=method).merits.values()
        return [listed.rank for listed in sorted(rank(merits), key=lambda listed: listed.merit.submission)]

    row = chosen % len(board)
    index = chosen % len(board[row])
    raised = [list(line) for line in board]
    raised[row][index] = max(raised[row][index], better)

    assert ranks(raised)[row] <= ranks(board)[row]


def test_apportioning_repeats_the_first_rounds_prizes() -> None:
    assert apportion(394, {FIRST: 1, SECOND: 2, THIRD: 3}) == {FIRST: 66, SECOND: 131, THIRD: 197}


@pytest.mark.parametrize(("total", "weight"), [(5, 0), (-1, 1), (5, -1)])
def test_apportioning_without_weight_is_refused(total: int, weight: int) -> None:
    with pytest.raises(RankingMalformed):
        apportion(total, dict.fromkeys(Tier, weight))


@given(st.integers(0, 500), st.lists(st.integers(1, 99), min_size=3, max_size=3))
def test_apportioned_shares_add_up(total: int, weights: list[int]) -> None:
    shares = apportion(total, dict(zip(Tier, weights, strict=True)))

    assert sum(shares.values()) == total
    assert min(shares.values()) >= 0
    assert all(
        shares[one] >= shares[other]
        for one, heavy in zip(Tier, weights, strict=True)
        for other, light in zip(Tier, weights, strict=True)
        if heavy > light
    )
