"""Money to the fen: nothing is lost, nobody is a fen from their due, vouchers read as people write them."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.rules.payment import in_words, shares, tax

D = Decimal
WEIGHTS = st.lists(st.decimals(0, 100, places=2), min_size=1, max_size=9).filter(any)


@given(st.integers(0, 10**9), WEIGHTS)
def test_the_parts_add_up_and_are_less_than_a_fen_from_what_is_due(amount: int, weights: list[Decimal]) -> None:
    parts = shares(amount, weights)

    assert sum(parts) == amount
    whole = sum(map(Fraction, weights))
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(weight) * amount / whole) < 1


@given(st.integers(0, 10**9), WEIGHTS)
def test_who_has_more_never_gets_less(amount: int, weights: list[Decimal]) -> None:
    parts = shares(amount, weights)

    assert all(parts[i] >= parts[j] for i, more in enumerate(weights) for j, less in enumerate(weights) if more > less)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100_000, [D(1)] * 3, (33_334, 33_333, 33_333)),
        (100_000, [None] * 3, (33_334, 33_333, 33_333)),
        (200_000, [D("33.3"), D("33.3"), D("33.4")], (66_600, 66_600, 66_800)),
        (100_000, [D(60), None], (50_000, 50_000)),
        (100_000, [D(0), D(0)], (50_000, 50_000)),
        (100_001, [D(50), D(50)], (50_001, 50_000)),
        (10, [D(2), D(3), D(3)], (2, 4, 4)),
        (300_000, [D(40), D(30)], (171_429, 128_571)),
        (0, [D(1), D(2)], (0, 0)),
        (1, [D(1), D(2)], (0, 1)),
    ],
)
def test_shares_by_hand(amount: int, weights: list[Decimal | None], parts: tuple[int, ...]) -> None:
    assert shares(amount, weights) == parts


def test_nobody_cannot_be_paid() -> None:
    with pytest.raises(ValueError, match="nobody"):
        shares(1, [])


@pytest.mark.parametrize(
    ("amount", "percent", "held"),
    [(66_667, "20", 13_333), (66_668, "20", 13_334), (5, "10", 1), (5, "0", 0), (3, "50", 2)],
)
def test_tax_is_rounded_half_up(amount: int, percent: str, held: int) -> None:
    assert tax(amount, D(percent)) == held


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "零元整"),
        (5, "伍分"),
        (50, "伍角整"),
        (105, "壹元零伍分"),
        (33_334, "叁佰叁拾叁元叁角肆分"),
        (100_000, "壹仟元整"),
        (1_000_500, "壹万零伍元整"),
        (10_100_000, "壹拾万壹仟元整"),
        (18_000_000, "壹拾捌万元整"),
        (10_000_000_100, "壹亿零壹元整"),
        (123_456_789_012, "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元壹角贰分"),
    ],
)
def test_amounts_in_the_words_of_a_voucher(amount: int, words: str) -> None:
    assert in_words(amount) == words
