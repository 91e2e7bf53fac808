"""What a ranking is made of: who contends, for what, and the lines that come out."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models.enums import Labelled, Tier
from states.rules.ranking.ties import SettledBy, Settlement
from states.rules.rounding import written
from states.rules.scoring.scores import Merit


class PassedOver(Labelled):
    """Why a submission gets no prize although places were left."""

    UNIT = "limit_per_unit", "所属区县获奖数已达上限"
    ORGANISATION = "limit_per_organisation", "所属单位获奖数已达上限"
    PERSON = "limit_per_person", "完成人获奖数已达上限"
    LEAST_MERIT = "least_merit", "未达到等次最低分，名额空缺"


@dataclass(frozen=True, slots=True)
class Contender:
    """A submission's merit with the keys that limits count: its unit, organisations and persons."""

    merit: Merit
    unit: str = ""
    organisations: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()

    @property
    def submission(self) -> str:
        return self.merit.submission


@dataclass(frozen=True, slots=True)
class TierSize:
    """How many prizes of a tier, and the merit from which one is given."""

    tier: Tier
    size: int
    least_merit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PrizeLimits:
    """At most so many prizes each; None is no limit."""

    per_unit: int | None = None
    per_organisation: int | None = None
    per_person: int | None = None

    def given(self) -> dict[PassedOver, int]:
        """The limits that there are."""
        limits = {
            PassedOver.UNIT: self.per_unit,
            PassedOver.ORGANISATION: self.per_organisation,
            PassedOver.PERSON: self.per_person,
        }
        return {kind: most for kind, most in limits.items() if most is not None}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A submission's rank: one more than the number of submissions with a higher merit (1, 2, 2, 4)."""

    rank: int
    merit: Merit


@dataclass(frozen=True, slots=True)
class Placed:
    """One line of the list. `position` is unique, `rank` shared by equals; `open`: its tie is not settled."""

    position: int
    rank: int
    merit: Merit
    tier: Tier | None
    settled: Settlement | None = None
    passed_over: PassedOver | None = None
    open: bool = False

    @property
    def submission(self) -> str:
        return self.merit.submission

    def facts(self) -> dict[str, object]:
        """The line as recorded: decimals are text."""
        return {
            "submission": self.submission,
            "position": self.position,
            "rank": self.rank,
            **self.merit.facts(),
            "tier": self.tier.value if self.tier else None,
            "settled": self.settled.facts() if self.settled else None,
            "passed_over": self.passed_over.value if self.passed_over else None,
            "open": self.open,
        }


@dataclass(frozen=True, slots=True)
class OpenTie:
    """Equals whose order decides, waiting for `needs`; `left` places of `tier` are at stake."""

    merit: Decimal
    submissions: tuple[str, ...]
    tier: Tier
    left: int
    needs: SettledBy

    def facts(self) -> dict[str, object]:
        return {
            "merit": written(self.merit),
            "submissions": list(self.submissions),
            "tier": self.tier.value,
            "left": self.left,
            "needs": self.needs.value,
        }


@dataclass(frozen=True, slots=True)
class CloseCut:
    """A cut below `tier` that the scores cannot tell: whose intervals reach over it, from either side."""

    tier: Tier
    last_in: Decimal
    first_out: Decimal
    above: tuple[str, ...]
    below: tuple[str, ...]

    def facts(self) -> dict[str, object]:
        return {
            "tier": self.tier.value,
            "last_in": written(self.last_in),
            "first_out": written(self.first_out),
            "above": list(self.above),
            "below": list(self.below),
        }


@dataclass(frozen=True)
class Ranking:
    """The list from first to last. With open ties it is a draft: the places of those tied are undecided."""

    placed: tuple[Placed, ...]
    open_ties: tuple[OpenTie, ...]
    close_cuts: tuple[CloseCut, ...]
    vacant: Mapping[Tier, int]

    @property
    def is_final(self) -> bool:
        return not self.open_ties

    def facts(self) -> dict[str, Any]:
        """The ranking as recorded: JSON values only."""
        return {
            "placed": [placed.facts() for placed in self.placed],
            "open_ties": [tie.facts() for tie in self.open_ties],
            "close_cuts": [cut.facts() for cut in self.close_cuts],
            "vacant": {tier.value: left for tier, left in self.vacant.items()},
        }
