"""Panel decisions: is there a quorum, and has the motion its share of those present? Whole numbers only."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from config.errors import GangchuangError

TWO_THIRDS = Fraction(2, 3)


class Choice(StrEnum):
    FOR = "for"
    AGAINST = "against"
    ABSTAIN = "abstain"


class VoteMalformed(GangchuangError):
    """The figures or ballots cannot be those of one vote."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """One member's ballot."""

    member: str
    choice: Choice


@dataclass(frozen=True, slots=True)
class Decision:
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
) -> Decision:
    """Whether enough members are present and enough of those present are in favour.

    "Two thirds" is reached at exactly two thirds; who abstains is present. A quorum of None
    asks for nobody's presence, yet a motion always needs one vote. Raises VoteMalformed.
    """
    if not 0 <= votes_for <= present <= members or members == 0:
        raise VoteMalformed(f"{votes_for} votes of {present} present of {members} members cannot be right.")
    if not 0 < majority <= 1 or not (quorum is None or 0 < quorum <= 1):
        raise VoteMalformed(f"Shares lie above 0 and at most at 1, not quorum {quorum} and majority {majority}.")
    needed_present = 0 if quorum is None else _at_least(quorum, members)
    return Decision(members, present, votes_for, needed_present, max(1, _at_least(majority, present)))


def count_ballots(members: Collection[str], ballots: Iterable[Ballot]) -> tuple[int, int]:
    """(present, votes_for) of the ballots cast. Raises VoteMalformed for a stranger's or a second ballot."""
    cast: dict[str, Choice] = {}
    known = set(members)
    for ballot in ballots:
        if ballot.member not in known:
            raise VoteMalformed(f"{ballot.member} is no member of this panel and cannot vote.")
        if ballot.member in cast:
            raise VoteMalformed(f"{ballot.member} has voted twice; one ballot must be struck.")
        cast[ballot.member] = ballot.choice
    return len(cast), sum(choice is Choice.FOR for choice in cast.values())


def ballot_facts(ballots: Collection[Ballot], *, secret: bool) -> dict[str, object]:
    """The ballots as recorded: numbers only when secret, each member's choice when signed."""
    numbers = {choice.value: sum(ballot.choice is choice for ballot in ballots) for choice in Choice}
    if secret:
        return {"secret": True, **numbers}
    return {
        "secret": False,
        **numbers,
        "ballots": {one.member: one.choice.value for one in sorted(ballots, key=_by)},
    }


def _by(ballot: Ballot) -> str:
    return ballot.member


def _at_least(share: Fraction, whole: int) -> int:
    """The least whole number that is at least this share."""
    return -(-share.numerator * whole // share.denominator)
