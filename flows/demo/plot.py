"""Who plays which part, so that every edge of both state machines is taken at least once."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from models.enums import Outcome


@dataclass(frozen=True)
class Pair:
    """An achievement and the row that repeats it, by their keys; `unit` sends the second one."""

    first: str
    second: str
    unit: str


@dataclass(frozen=True)
class Plot:
    """The parts. Units by code, submissions by key (`unit code/number within the cast`)."""

    # units
    late_unit: str
    admitted_unit: str
    extended_unit: str
    over_quota_unit: str
    zipped_units: tuple[str, ...]
    # rows that have trouble coming in
    late: tuple[str, ...]
    incomplete: tuple[str, ...]
    changed: str
    copied_within: Pair
    copied_across: Pair
    near_same: Pair
    near_distinct: Pair
    # archived while submitted
    withdrawn_submitted: str
    reinstated_submitted: str
    lapsed_submitted: str
    not_reviewed: str
    # archived while district_reviewed
    withdrawn_reviewed: str
    reinstated_reviewed: str
    lapsed_reviewed: str
    corrected: str
    not_recommended: str
    # archived while final_reviewed
    withdrawn_final: str
    reinstated_final: str
    no_prize: str
    struck: str
    objection_upheld: str
    objection_dismissed: str
    # awarded
    reinstated_awarded: str
    revoked_awarded: str
    revoked_archived: str
    tier_changed: str

    def endings(self) -> Mapping[str, Outcome | None]:
        """How each part must end; None for rows that never become a submission."""
        return {
            **dict.fromkeys(self.late),
            self.copied_within.second: None,
            self.copied_across.second: None,
            self.near_same.second: Outcome.INELIGIBLE,
            self.withdrawn_submitted: Outcome.WITHDRAWN,
            self.lapsed_submitted: Outcome.INELIGIBLE,
            self.not_reviewed: Outcome.NOT_REVIEWED,
            self.withdrawn_reviewed: Outcome.WITHDRAWN,
            self.lapsed_reviewed: Outcome.INELIGIBLE,
            self.not_recommended: Outcome.NOT_RECOMMENDED,
            self.withdrawn_final: Outcome.WITHDRAWN,
            self.no_prize: Outcome.NO_PRIZE,
            self.struck: Outcome.NO_PRIZE,
            self.objection_upheld: Outcome.OBJECTION_UPHELD,
            self.objection_dismissed: Outcome.COMPLETED,
            self.reinstated_awarded: Outcome.COMPLETED,
            self.revoked_awarded: Outcome.REVOKED,
            self.revoked_archived: Outcome.REVOKED,
            self.tier_changed: Outcome.COMPLETED,
        }

    def unjudged(self) -> tuple[str, ...]:
        """Those on whom their district sends no verdict: forgotten, or sent back and never corrected."""
        return self.not_reviewed, self.lapsed_submitted

    def uncoded(self) -> tuple[str, ...]:
        """Those that come in without a credit code, which the eligibility check asks for."""
        return self.corrected, self.lapsed_reviewed

    def winners(self) -> tuple[str, ...]:
        """Those who must come within the prizes for their part to be played."""
        return (
            self.struck,
            self.objection_upheld,
            self.objection_dismissed,
            self.reinstated_awarded,
            self.revoked_awarded,
            self.revoked_archived,
            self.tier_changed,
        )

    def contenders(self) -> tuple[str, ...]:
        """Those who must be recommended by their district."""
        return (
            self.changed,
            *self.incomplete,
            self.near_same.second,
            self.near_distinct.first,
            self.near_distinct.second,
            self.withdrawn_submitted,
            self.reinstated_submitted,
            self.lapsed_submitted,
            self.not_reviewed,
            self.withdrawn_reviewed,
            self.reinstated_reviewed,
            self.lapsed_reviewed,
            self.corrected,
            self.withdrawn_final,
            self.reinstated_final,
        )


_SINGLE = (
    "changed",
    "withdrawn_submitted",
    "reinstated_submitted",
    "lapsed_submitted",
    "not_reviewed",
    "withdrawn_reviewed",
    "reinstated_reviewed",
    "lapsed_reviewed",
    "corrected",
    "not_recommended",
    "withdrawn_final",
    "reinstated_final",
    "no_prize",
    "struck",
    "objection_upheld",
    "objection_dismissed",
    "reinstated_awarded",
    "revoked_awarded",
    "revoked_archived",
    "tier_changed",
)
_UNIT_PARTS = ("late_unit", "admitted_unit", "extended_unit", "over_quota_unit")
COPY = "~copy"
NEAR = "~near"


def unit_parts(rng: Random, units: list[str]) -> dict[str, str]:
    """The four units that need a number of submissions or a time of their own."""
    return dict(zip(_UNIT_PARTS, rng.sample(units, len(_UNIT_PARTS)), strict=True))


def cast_parts(
    rng: Random, keys_of: Mapping[str, list[str]], taken: Mapping[str, str], *, longest: Mapping[str, str]
) -> Plot:
    """Give out the parts, each to a unit of its own, at least 34 units.

    `keys_of` has the keys of every unit, `longest` the one whose title is the longest.
    """
    free = [unit for unit in keys_of if unit not in taken.values()]
    rng.shuffle(free)

    def somebody() -> str:
        return rng.choice(keys_of[free.pop()])

    def repeated(mark: str, *, elsewhere: bool) -> Pair:
        # Of two that are alike the one with the later number counts as the repetition.
        unit, sender = sorted((free.pop(), free.pop())) if elsewhere else (free[-1], free.pop())
        first = longest[unit]
        return Pair(first, f"{sender}/{first.replace('/', '-')}{mark}", sender)

    single = {part: somebody() for part in _SINGLE}
    return Plot(
        **taken,
        **single,
        zipped_units=(free.pop(), free.pop()),
        late=tuple(keys_of[taken["late_unit"]][-2:]),
        incomplete=tuple(key for unit in (free.pop(), free.pop()) for key in rng.sample(keys_of[unit], 2)),
        copied_within=repeated(COPY, elsewhere=False),
        copied_across=repeated(COPY, elsewhere=True),
        near_same=repeated(NEAR, elsewhere=True),
        near_distinct=repeated(NEAR, elsewhere=False),
    )
