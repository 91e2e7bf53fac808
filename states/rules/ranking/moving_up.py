"""Who moves up when a prize falls free after the list was approved.

The list is cut anew without what was removed, by the same rules, scores and draw among equals. Whoever would stand
better moves there. Nobody moves into a tier on which the panel votes, nobody falls, and who was struck, left the
running or was given a tier after an objection stays out of it; a place that nobody may take stays vacant.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from models.enums import Tier
from states.rules.ranking.placings import Ranking

_ORDER: dict[Tier | None, int] = {tier: place for place, tier in enumerate([*Tier, None])}


@dataclass(frozen=True, slots=True)
class TierStanding:
    """The tier that a submission has by now (None: no prize), and whether it may move at all."""

    tier: Tier | None
    may_move: bool


def who_moves_up(
    ranking: Ranking, standing: Mapping[str, TierStanding], voted: Collection[Tier] = ()
) -> dict[str, Tier]:
    """The new tier of each submission that moves up, the best first. `ranking` is the list cut anew."""
    moved = {}
    for placed in ranking.placed:
        now = standing[placed.submission]
        better = placed.tier is not None and _ORDER[placed.tier] < _ORDER[now.tier]
        if better and placed.tier is not None and now.may_move and placed.tier not in voted:
            moved[placed.submission] = placed.tier
    return moved
