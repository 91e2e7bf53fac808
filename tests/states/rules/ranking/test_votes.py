"""Quorum and two thirds, at the boundary and one vote to either side."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.enums import Tier
from states.rules.ranking.votes import VoteMalformed, decide, tier_after


@pytest.mark.parametrize(
    ("members", "present", "votes_for", "quorate", "carried"),
    [
        (9, 6, 4, True, True),
        (9, 6, 3, True, False),
        (9, 5, 5, False, False),
        (10, 7, 5, True, True),
        (10, 6, 6, False, False),
        (10, 7, 4, True, False),
        (3, 2, 2, True, True),
        (3, 2, 1, True, False),
        (1, 1, 1, True, True),
        (1, 1, 0, True, False),
        (3, 0, 0, False, False),
    ],
)
def test_two_thirds_present_and_two_thirds_of_those(members, present, votes_for, quorate, carried) -> None:
    decision = decide(members, present, votes_for)

    assert (decision.quorate, decision.carried) == (quorate, carried)


def test_without_a_quorum_one_vote_is_still_needed() -> None:
    assert decide(9, 1, 1, quorum=None).carried
    assert not decide(9, 0, 0, quorum=None).carried


def test_more_than_half_is_not_half() -> None:
    assert decide(8, 8, 4, majority=Fraction(1, 2)).carried
    assert not decide(8, 8, 4, majority=Fraction(51, 100)).carried


@pytest.mark.parametrize("figures", [(3, 4, 1), (3, 2, 3), (3, 2, -1), (0, 0, 0)])
def test_impossible_figures_are_refused(figures) -> None:
    with pytest.raises(VoteMalformed):
        decide(*figures)


@pytest.mark.parametrize("share", [Fraction(0), Fraction(3, 2)])
def test_impossible_shares_are_refused(share: Fraction) -> None:
    with pytest.raises(VoteMalformed):
        decide(3, 3, 3, quorum=share)
    with pytest.raises(VoteMalformed):
        decide(3, 3, 3, majority=share)


@given(st.integers(1, 400), st.data(), st.fractions(Fraction(1, 50), 1), st.fractions(Fraction(1, 50), 1))
def test_decision_is_that_of_exact_fractions(members, data, quorum, majority) -> None:
    present = data.draw(st.integers(0, members))
    votes_for = data.draw(st.integers(0, present))

    decision = decide(members, present, votes_for, quorum=quorum, majority=majority)

    assert decision.quorate == (present >= quorum * members)
    assert decision.carried == (decision.quorate and votes_for >= max(majority * present, 1))
    assert decision.facts()["carried"] is decision.carried


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ((9, 6, 4), "应到9人，实到6人，同意4票（须4票），通过"),
        ((9, 6, 3), "应到9人，实到6人，同意3票（须4票），未通过"),
        ((9, 5, 5), "应到9人，实到5人，不足6人，会议无效"),
    ],
)
def test_sentence_for_the_minutes(figures, sentence) -> None:
    assert decide(*figures).sentence == sentence


@pytest.mark.parametrize(
    ("tier", "carried", "voted", "after"),
    [
        (Tier.FIRST, True, [Tier.FIRST], Tier.FIRST),
        (Tier.FIRST, False, [Tier.FIRST], Tier.SECOND),
        (Tier.FIRST, False, [Tier.FIRST, Tier.SECOND], Tier.THIRD),
        (Tier.FIRST, False, [Tier.FIRST, Tier.THIRD], Tier.SECOND),
        (Tier.SECOND, False, [Tier.FIRST, Tier.SECOND], Tier.THIRD),
        (Tier.THIRD, False, [Tier.THIRD], None),
        (Tier.FIRST, False, list(Tier), None),
    ],
)
def test_what_is_not_carried_falls_below_what_the_panel_votes_on(
    tier: Tier, carried: bool, voted: list[Tier], after: Tier | None
) -> None:
    assert tier_after(tier, carried=carried, voted=voted) is after


def test_everybody_may_be_asked_for() -> None:
    everybody = Fraction(1)

    assert decide(3, 3, 3, quorum=everybody, majority=everybody).carried
    assert not decide(3, 3, 2, majority=everybody).carried
    assert not decide(3, 2, 2, quorum=everybody).quorate


def test_without_a_quorum_nobody_need_be_present() -> None:
    assert decide(9, 0, 0, quorum=None).quorate
