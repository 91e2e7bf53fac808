"""The panel's draw: repeatable by anyone, fair among the eligible, and never short by its own fault."""

import hashlib
from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.rules.reviewers.draw import (
    Candidate,
    DrawMalformed,
    PanelShortage,
    commitment,
    derive_seed,
    draw_order,
    draw_panel,
)

SEED = bytes(range(32))


def a_pool(**fields: int) -> list[Candidate]:
    return [Candidate(f"{field}{n}", (field,)) for field, size in fields.items() for n in range(size)]


def test_commitment_is_the_seeds_hash() -> None:
    assert commitment(SEED) == "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"


def test_order_is_that_of_the_hashes() -> None:
    ids = [f"E{n:03}" for n in range(50)]

    drawn = draw_order(SEED, ids)

    assert list(drawn) == sorted(ids, key=lambda mark: hashlib.sha256(SEED + mark.encode()).hexdigest())
    assert drawn[:3] == ("E020", "E048", "E045")


def test_short_seed_and_repeated_id_are_refused() -> None:
    with pytest.raises(DrawMalformed, match="guessed"):
        draw_order(b"short", ["a"])
    with pytest.raises(DrawMalformed, match="more than one a"):
        draw_order(SEED, ["a", "b", "a"])


def test_derived_seeds_differ_by_purpose() -> None:
    assert len({derive_seed(SEED, purpose) for purpose in ("tie", "panel", "")} | {SEED}) == 4


def test_panel_has_the_seats_of_each_field_then_the_next_in_order() -> None:
    pool = a_pool(m=10, e=10, h=3)

    panel = draw_panel(seed=SEED, pool=pool, seats={"m": 2, "e": 2, "h": 2}, size=9, reserves=4)

    order = draw_order(SEED, [candidate.id for candidate in pool])
    first_two = [[expert for expert in order if expert[0] == field][:2] for field in "meh"]
    own = {expert for pair in first_two for expert in pair}
    rest = [expert for expert in order if expert not in own]
    assert {seat.expert for seat in panel.seated} == own | set(rest[:3])
    assert [seat.expert for seat in panel.reserves] == rest[3:7]
    assert [seat.position for seat in (*panel.seated, *panel.reserves)] == list(range(1, 14))
    assert [seat.expert for seat in panel.seated] == [expert for expert in order if expert in own | set(rest[:3])]


def test_expert_of_two_fields_leaves_the_seat_that_another_needs() -> None:
    both, only = Candidate("both", ("a", "b")), Candidate("only", ("a",))

    for seed in (bytes([number]) * 32 for number in range(20)):
        panel = draw_panel(seed=seed, pool=[both, only], seats={"a": 1, "b": 1})

        assert {seat.expert: seat.field for seat in panel.seated} == {"both": "b", "only": "a"}


def test_shortage_names_the_field() -> None:
    with pytest.raises(PanelShortage) as caught:
        draw_panel(seed=SEED, pool=a_pool(m=9, e=2), seats={"m": 3, "e": 3})

    assert (caught.value.fields, caught.value.eligible, caught.value.needed) == (("e",), 2, 3)
    assert "2 eligible experts in e for 3 seats" in str(caught.value)


def test_shortage_names_the_fields_that_share_too_few() -> None:
    shared = [Candidate(f"s{n}", ("a", "b")) for n in range(3)]

    with pytest.raises(PanelShortage) as caught:
        draw_panel(seed=SEED, pool=[*shared, *a_pool(c=5)], seats={"a": 2, "b": 2, "c": 2})

    assert (caught.value.fields, caught.value.eligible, caught.value.needed) == (("a", "b"), 3, 4)


def test_pool_smaller_than_the_panel_is_a_shortage_of_the_pool() -> None:
    with pytest.raises(PanelShortage) as caught:
        draw_panel(seed=SEED, pool=a_pool(m=4), seats={"m": 2}, size=5)

    assert (caught.value.fields, caught.value.eligible, caught.value.needed) == ((), 4, 5)


def test_fewer_reserves_than_asked_are_no_error() -> None:
    panel = draw_panel(seed=SEED, pool=a_pool(m=4), seats={"m": 3}, reserves=5)

    assert len(panel.reserves) == 1
    assert panel.facts()["reserves"] == [{"position": 4, "expert": panel.reserves[0].expert, "field": "m"}]


def test_size_below_the_seats_is_refused() -> None:
    with pytest.raises(DrawMalformed):
        draw_panel(seed=SEED, pool=a_pool(m=9), seats={"m": 3}, size=2)


fields = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).map(tuple)
pools = st.lists(fields, max_size=7).map(lambda listed: [Candidate(str(n), f) for n, f in enumerate(listed)])
seat_counts = st.fixed_dictionaries({"a": st.integers(0, 2), "b": st.integers(0, 2), "c": st.integers(0, 2)})


@given(pools, seat_counts, st.binary(min_size=16, max_size=32), st.randoms())
def test_draw_succeeds_exactly_when_the_seats_can_be_filled(pool, seats, seed, chance) -> None:
    slots = [field for field, number in seats.items() for _ in range(number)]
    fillable = any(
        all(slot in candidate.fields for slot, candidate in zip(slots, chosen, strict=True))
        for chosen in permutations(pool, len(slots))
    )

    if not fillable:
        with pytest.raises(PanelShortage) as caught:
            draw_panel(seed=seed, pool=pool, seats=seats)
        short = caught.value
        together = [candidate for candidate in pool if set(candidate.fields) & set(short.fields)]
        assert short.eligible == len(together) < short.needed == sum(seats[field] for field in short.fields)
        return

    panel = draw_panel(seed=seed, pool=pool, seats=seats)
    by_id = {candidate.id: candidate for candidate in pool}
    assert Counter(seat.field for seat in panel.seated) == Counter(slots)
    assert all(seat.field in by_id[seat.expert].fields for seat in panel.seated)
    assert draw_panel(seed=seed, pool=chance.sample(pool, len(pool)), seats=dict(reversed(seats.items()))) == panel


def test_every_eligible_expert_is_drawn_equally_often() -> None:
    pool = a_pool(m=10)
    seated: Counter[str] = Counter()
    for number in range(2000):
        panel = draw_panel(seed=number.to_bytes(32), pool=pool, seats={"m": 3})
        seated.update(seat.expert for seat in panel.seated)

    # Binomial(2000, .3): five standard deviations are 102.
    assert all(abs(times - 600) <= 102 for times in seated.values())
