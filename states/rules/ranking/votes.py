"""Panel decisions: is there a quorum, and has the motion its share of those present? Whole numbers only."""

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

from config.errors import GangchuangError
from models.enums import Tier

TWO_THIRDS = Fraction(2, 3)


class VoteMalformed(GangchuangError):
    """The figures cannot be those of one vote."""


@dataclass(frozen=True, slots=True)
class VoteDecision:
    """How a vote ended; `needed_*` are the least whole numbers that suffice."""

    members: int
    present: int
    votes_for: int
    needed_present: int
    needed_for: int

    @property
    def quorate(self) -> bool:
        return self.present >= self.needed_present

    @property
    def carried(self) -> bool:
        return self.quorate and self.votes_for >= self.needed_for

    @property
    def sentence(self) -> str:
        """The result in Chinese, for minutes and pages."""
        seats = f"应到{self.members}人，实到{self.present}人"
        if not self.quorate:
            return f"{seats}，不足{self.needed_present}人，会议无效"
        word = "通过" if self.carried else "未通过"
        return f"{seats}，同意{self.votes_for}票（须{self.needed_for}票），{word}"

    def facts(self) -> dict[str, int | bool]:
        """The result as recorded."""
        return {
            "members": self.members,
            "present": self.present,
            "votes_for": self.votes_for,
            "needed_present": self.needed_present,
            "needed_for": self.needed_for,
            "quorate": self.quorate,
            "carried": self.carried,
        }


def decide(
    members: int,
    present: int,
    votes_for: int,
    *,
    quorum: Fraction | None = TWO_THIRDS,
    majority: Fraction = TWO_THIRDS,
) -> VoteDecision:
    """Whether enough members are present and enough of those present are in favour.

    "Two thirds" is reached at exactly two thirds; who abstains is present. A quorum of None
    asks for nobody's presence, yet a motion always needs one vote. Raises VoteMalformed.
    """
    if not 0 <= votes_for <= present <= members or members == 0:
        raise VoteMalformed(f"{votes_for} votes of {present} present of {members} members cannot be right.")
    if not 0 < majority <= 1 or not (quorum is None or 0 < quorum <= 1):
        raise VoteMalformed(f"Shares lie above 0 and at most at 1, not quorum {quorum} and majority {majority}.")
    needed_present = 0 if quorum is None else _at_least(quorum, members)
    return VoteDecision(members, present, votes_for, needed_present, max(1, _at_least(majority, present)))


def tier_after(tier: Tier, *, carried: bool, voted: Collection[Tier]) -> Tier | None:
    """The tier after the panel's vote on a prize proposed in `tier`.

    What is not carried falls to the highest tier below on which the panel does not vote – it was not
    asked about any other – or gets no prize. Nobody else moves: the place stays vacant.
    """
    if carried:
        return tier
    below = list(Tier)[list(Tier).index(tier) + 1 :]
    return next((lower for lower in below if lower not in voted), None)


def _at_least(share: Fraction, whole: int) -> int:
    """The least whole number that is at least this share."""
    return -(-share.numerator * whole // share.denominator)
