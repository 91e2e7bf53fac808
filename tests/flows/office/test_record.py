"""How the record reads, and how a submission is found in it."""

import pytest

from flows.office.record import fact_lines


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "–"),
        ("", "–"),
        (10, "10"),
        ([], "none"),
        ("a1" * 32, "a1a1a1a1a1a1a1a1…"),
        ("an" * 32, "an" * 32),
        ({"benefit": "25", "spread": "19"}, "benefit 25, spread 19"),
        ([["E0001", ["机械制造"]]], "(E0001, (机械制造))"),
        (list(range(9)), "0, 1, 2, 3, 4, 5, 6, 7 … and 1 more"),
        (list(range(8)), "0, 1, 2, 3, 4, 5, 6, 7"),
    ],
)
def test_a_fact_is_told_in_one_line(value: object, told: str) -> None:
    assert list(fact_lines({"fact": value})) == [f"fact: {told}"]


def test_facts_come_by_name_and_instants_in_local_time() -> None:
    facts = {"rank": 1, "arrived_at": "2026-04-28T02:00:00.000000+00:00"}

    assert list(fact_lines(facts)) == ["arrived_at: 2026-04-28 10:00 Asia/Shanghai", "rank: 1"]
