"""Titles that look alike, each pair once."""

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from states.rules.similarity import near_pairs

TITLES = [
    ("n1", "输电线路巡检机器人"),
    ("n2", "输电线路巡检机器人2"),
    ("n3", "果蔬保鲜盒"),
    ("n4", "输电线路巡检机器人"),
]


def test_pairs_of_a_season_come_once_with_their_percentage() -> None:
    assert list(near_pairs(TITLES, [], 90)) == [("n1", "n2", 95), ("n1", "n4", 100), ("n2", "n4", 95)]


def test_earlier_seasons_are_compared_with_but_not_among_themselves() -> None:
    earlier = [("e1", "果蔬保鲜盒"), ("e2", "果蔬保鲜盒")]

    assert list(near_pairs(TITLES, earlier, 100)) == [("n1", "n4", 100), ("n3", "e1", 100), ("n3", "e2", 100)]


def test_nothing_is_like_nothing() -> None:
    assert list(near_pairs([], TITLES, 50)) == []


@given(
    st.lists(st.text("甲乙丙丁", max_size=5), max_size=12),
    st.lists(st.text("甲乙丙丁", max_size=5), max_size=6),
)
def test_the_same_pairs_as_by_comparing_each_with_each(here: list[str], earlier: list[str]) -> None:
    mine = [(f"n{n}", title) for n, title in enumerate(here)]
    others = [(f"e{n}", title) for n, title in enumerate(earlier)]

    found = {(ours, two) for ours, two, _ in near_pairs(mine, others, 75)}

    every = [*mine, *others]
    assert found == {
        (number, other)
        for index, (number, title) in enumerate(mine)
        for other, their in every[index + 1 :]
        if fuzz.ratio(title, their) >= 75
    }


def test_more_titles_than_one_block_holds() -> None:
    here = [(f"n{n:04d}", f"{n:06d}" * 3) for n in range(1100)] + [("n9999", f"{7:06d}" * 3)]

    assert list(near_pairs(here, [], 100)) == [("n0007", "n9999", 100)]
