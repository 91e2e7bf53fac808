"""From merits to ranks and tiers.

Equal merit – equal in every recorded digit – is equal rank. Going down the ranking, each
submission takes a place in the highest tier that has one left, if its merit reaches the
tier's least merit (a place nobody reaches stays vacant) and no limit is used up (then the
place goes to the next). Where the order among equals decides who gets what, and only there,
the tie is settled (`states.rules.ranking.ties`). Nothing here changes an order that the scores give;
cuts that lie within the intervals are flagged for the office.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from config.errors import GangchuangError
from models.enums import Tier
from states.rules.ranking.placings import (
    CloseCut,
    Contender,
    OpenTie,
    PassedOver,
    Placed,
    PrizeLimits,
    Ranked,
    Ranking,
    TierSize,
)
from states.rules.ranking.ties import SettledBy, Settlement, Settlers, next_step, split
from states.rules.scoring.scores import Merit

if TYPE_CHECKING:  # it loads the season's models
    from config.season_parts import Tiers, TierWord

NO_LIMITS, NO_SETTLERS = PrizeLimits(), Settlers()


class RankingMalformed(GangchuangError):
    """The ranking's input contradicts itself: a submission twice, or tiers that fall behind one another."""


def rank(merits: Iterable[Merit]) -> tuple[Ranked, ...]:
    """Merits from the highest down; equals share a rank and stand in the order of their numbers."""
    ordered = sorted(merits, key=lambda merit: (-merit.merit, merit.submission))
    ranked: list[Ranked] = []
    for position, merit in enumerate(ordered, 1):
        tied = bool(ranked) and ranked[-1].merit.merit == merit.merit
        ranked.append(Ranked(ranked[-1].rank if tied else position, merit))
    return tuple(ranked)


def tier_sizes(
    *,
    sizes: Mapping["TierWord", int] | None = None,
    prizes: int | None = None,
    ratios: Mapping["TierWord", int] | None = None,
    least_merit: Mapping["TierWord", Decimal] | None = None,
) -> tuple[TierSize, ...]:
    """The tiers from the first down: of given sizes, or `prizes` shared out by `ratios`."""
    if (sizes is None) == (prizes is None):
        raise RankingMalformed("Give either the sizes of the tiers or the number of prizes, not both or neither.")
    shares = dict.fromkeys(Tier, 0) | {
        Tier(word): share for word, share in ((ratios if sizes is None else sizes) or {}).items()
    }
    least = {Tier(word): merit for word, merit in (least_merit or {}).items()}
    if prizes is not None:
        shares = apportion(prizes, shares)
    return tuple(TierSize(tier, shares[tier], least.get(tier)) for tier in Tier)


def apportion(total: int, weights: Mapping[Tier, int]) -> dict[Tier, int]:
    """Whole prizes in proportion to `weights` by largest remainders (Hare-Niemeyer); of equal ones the first gets one more.

    Raises RankingMalformed.
    """
    whole = sum(weights.values())
    if total < 0 or min(weights.values()) < 0 or (total and not whole):
        raise RankingMalformed(f"{total} prizes cannot be shared out: give the tiers positive ratios.")
    quotas = {tier: Fraction(total * weight, whole or 1) for tier, weight in weights.items()}
    shares = {tier: int(quota) for tier, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda tier: shares[tier] - quotas[tier])
    for tier in by_remainder[: total - sum(shares.values())]:
        shares[tier] += 1
    return shares


def sizes_of(tiers: "Tiers") -> tuple[TierSize, ...]:
    """How many prizes of each tier a season gives."""
    return tier_sizes(sizes=tiers.sizes, prizes=tiers.prizes, ratios=tiers.ratios, least_merit=tiers.least_merit)


def beyond(tiers: "Tiers", prizes: Mapping[Tier, int]) -> dict[Tier, int]:
    """Of which tier and the better ones more prizes stand than a season gives of these, and how many.

    A place that a better tier lost may be a lower one's: an award that was lowered takes none that was not there.
    """
    found, have, most = {}, 0, 0
    for size in sizes_of(tiers):
        have, most = have + prizes.get(size.tier, 0), most + size.size
        if have > most:
            found[size.tier] = have
    return found


def cut(
    contenders: Collection[Contender],
    *,
    tiers: Sequence[TierSize],
    limits: PrizeLimits = NO_LIMITS,
    settlers: Settlers = NO_SETTLERS,
) -> Ranking:
    """Rank the contenders and give out the tiers. Deterministic, whatever the order of the contenders.

    Raises RankingMalformed, CriterionIncomplete.
    """
    _check(contenders, tiers)
    by_number = {contender.submission: contender for contender in contenders}
    table = _Table(tiers, limits.given(), settlers, {size.tier: size.size for size in tiers})
    ranked = rank(contender.merit for contender in contenders)
    for place, equals in groupby(ranked, key=lambda listed: listed.rank):
        table.seat(place, [by_number[listed.merit.submission] for listed in equals])
    placed = tuple(table.placed)
    return Ranking(placed, tuple(table.open_ties), _close_cuts(placed, tiers), dict(table.left))


def _check(contenders: Collection[Contender], tiers: Sequence[TierSize]) -> None:
    twice = [number for number, times in Counter(contender.submission for contender in contenders).items() if times > 1]
    if twice:
        raise RankingMalformed(f"These submissions stand in the ranking more than once: {'、'.join(sorted(twice))}.")
    if any(size.size < 0 for size in tiers) or len({size.tier for size in tiers}) < len(tiers):
        raise RankingMalformed("Each tier stands once, with a size of zero or more.")
    least = [size.least_merit for size in tiers if size.least_merit is not None]
    if least != sorted(least, reverse=True):
        raise RankingMalformed("A higher tier cannot ask for less merit than a lower one.")


@dataclass
class _Table:
    """The list while it is filled from the top: places left, and prizes counted against the limits."""

    tiers: Sequence[TierSize]
    most: Mapping[PassedOver, int]
    settlers: Settlers
    left: dict[Tier, int]
    used: Counter[tuple[PassedOver, str]] = field(default_factory=Counter)
    placed: list[Placed] = field(default_factory=list)
    open_ties: list[OpenTie] = field(default_factory=list)

    def seat(
        self,
        place: int,
        equals: Sequence[Contender],
        settled: Mapping[str, Settlement] | None = None,
        step: int = 0,
    ) -> None:
        """List equals: at once if their order is of no matter, else after the next step of the tie-break."""
        known = settled or {}
        tier = self._tier_for(equals[0].merit.merit)
        limit_of = {} if tier is None else {contender.submission: self._limit(contender) for contender in equals}
        free = [contender for contender in equals if limit_of.get(contender.submission) is None]
        contested = (
            {} if tier is None else {contender.submission: contender for contender in self._contested(free, tier)}
        )
        for contender in free:
            if contender.submission not in contested:
                self._list(place, contender, self._award(contender), known.get(contender.submission))
        if tier is not None and contested:
            self._settle(place, contested, known, tier, step)
        for contender in equals:
            if (limit := limit_of.get(contender.submission)) is not None:
                self._list(place, contender, None, known.get(contender.submission), limit)

    def _contested(self, free: Sequence[Contender], tier: Tier) -> list[Contender]:
        """Those of equals whose prize depends on the order among them; the others get one in any order."""
        asked = Counter(key for contender in free for key in self._keys(contender))
        if self.left[tier] < self._most_served(free, asked):
            return list(free)
        over = {key for key, number in asked.items() if number > self._room(key)}
        return [contender for contender in free if self._keys(contender) & over]

    def _most_served(self, free: Sequence[Contender], asked: Mapping[tuple[PassedOver, str], int]) -> int:
        """No order gives more of these a prize: whoever counts against a limit needs room under it."""
        most = len(free)
        for kind in self.most:
            unlimited = sum(all(key[0] is not kind for key in self._keys(contender)) for contender in free)
            room = sum(min(number, self._room(key)) for key, number in asked.items() if key[0] is kind)
            most = min(most, unlimited + room)
        return most

    def _room(self, key: tuple[PassedOver, str]) -> int:
        return self.most[key[0]] - self.used[key]

    def _settle(
        self,
        place: int,
        contested: Mapping[str, Contender],
        known: Mapping[str, Settlement],
        tier: Tier,
        step: int,
    ) -> None:
        """Take the next step of the tie-break, or leave the tie open if that is not at hand."""
        if (needs := next_step(self.settlers, step)) is not None:
            self._leave_open(place, list(contested.values()), known, tier, needs)
            return
        parts = split(list(contested), self.settlers, step)
        for part in parts:
            # A step that told nobody apart settled nothing.
            now = dict(part) if len(parts) > 1 else known
            self.seat(place, [contested[number] for number, _ in part], now, step + 1)

    def _leave_open(
        self,
        place: int,
        free: Sequence[Contender],
        known: Mapping[str, Settlement],
        tier: Tier,
        needs: SettledBy,
    ) -> None:
        submissions = tuple(contender.submission for contender in free)
        self.open_ties.append(OpenTie(free[0].merit.merit, submissions, tier, self.left[tier], needs))
        for contender in free:
            # Those below need to know how much is used up; who used it stays undecided.
            if self._limit(contender) is None:
                self._award(contender)
            placed = Placed(
                len(self.placed) + 1, place, contender.merit, None, known.get(contender.submission), open=True
            )
            self.placed.append(placed)

    def _award(self, contender: Contender) -> Tier | None:
        """Take a place of the highest tier open to this merit."""
        tier = self._tier_for(contender.merit.merit)
        if tier is not None:
            self.left[tier] -= 1
            self.used.update(self._keys(contender))
        return tier

    def _list(
        self,
        place: int,
        contender: Contender,
        tier: Tier | None,
        settled: Settlement | None,
        passed_over: PassedOver | None = None,
    ) -> None:
        if tier is None and passed_over is None and self._lacks_merit(contender.merit.merit):
            passed_over = PassedOver.LEAST_MERIT
        position = len(self.placed) + 1
        self.placed.append(Placed(position, place, contender.merit, tier, settled, passed_over))

    def _tier_for(self, merit: Decimal) -> Tier | None:
        for size in self.tiers:
            if self.left[size.tier] > 0 and (size.least_merit is None or merit >= size.least_merit):
                return size.tier
        return None

    def _lacks_merit(self, merit: Decimal) -> bool:
        """Whether the lowest tier has places that this merit does not reach."""
        given = [size for size in self.tiers if size.size > 0]
        lowest = given[-1] if given else None
        if lowest is None or lowest.least_merit is None:
            return False
        return self.left[lowest.tier] > 0 and merit < lowest.least_merit

    def _keys(self, contender: Contender) -> set[tuple[PassedOver, str]]:
        """What a prize for this submission would count against."""
        counted = {
            PassedOver.UNIT: (contender.unit,),
            PassedOver.ORGANISATION: contender.organisations,
            PassedOver.PERSON: contender.persons,
        }
        return {(kind, key) for kind in self.most for key in counted[kind] if key}

    def _limit(self, contender: Contender) -> PassedOver | None:
        full = {key[0] for key in self._keys(contender) if self._room(key) <= 0}
        return next((kind for kind in PassedOver if kind in full), None)


def _close_cuts(placed: Sequence[Placed], tiers: Sequence[TierSize]) -> tuple[CloseCut, ...]:
    """The cuts over which intervals reach; whom a limit passed over did not lose by the scores."""
    order = {size.tier: index for index, size in enumerate(tiers)}
    judged = [placing for placing in placed if not placing.open and placing.passed_over is None]
    cuts = []
    for size in tiers:
        above = [placing for placing in judged if placing.tier is not None and order[placing.tier] <= order[size.tier]]
        below = [placing for placing in judged if placing.tier is None or order[placing.tier] > order[size.tier]]
        if not below or not any(placing.tier is size.tier for placing in above):
            continue
        last_in, first_out = above[-1].merit, below[0].merit
        over = tuple(placing.submission for placing in above if placing.merit.low <= first_out.high)
        under = tuple(placing.submission for placing in below if placing.merit.high >= last_in.low)
        if over and under:
            cuts.append(CloseCut(size.tier, last_in.merit, first_out.merit, over, under))
    return tuple(cuts)
