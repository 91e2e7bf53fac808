"""Figures that a page counts from its own lines."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from flows.publish.pages.content import AwardLine, ProposedLine
from models.enums import Carrier, Category, Tier


@dataclass(frozen=True, slots=True)
class TierCounts:
    """A word, its count in each tier (first, second, third) and in all."""

    name: str
    counts: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class TierTable:
    name: str
    rows: tuple[TierCounts, ...]


def by_tier(lines: Sequence[AwardLine]) -> list[tuple[Tier, list[AwardLine]]]:
    """The tiers that have awards, highest first; lines in the order given."""
    groups = ((tier, [line for line in lines if line.tier is tier]) for tier in Tier)
    return [(tier, group) for tier, group in groups if group]


def tables(lines: Sequence[AwardLine]) -> list[TierTable]:
    """Awards by category, carrier and unit; units with the most first, then by name."""
    units = sorted(_rows(lines, lambda line: line.unit, None), key=lambda row: (-row.total, row.name))
    return [
        TierTable("类别", _rows(lines, lambda line: line.category.label, [category.label for category in Category])),
        TierTable("载体", _rows(lines, lambda line: line.carrier.label, [carrier.label for carrier in Carrier])),
        TierTable("推荐单位", tuple(units)),
    ]


def scale(lines: Sequence[ProposedLine]) -> tuple[Decimal, Decimal]:
    """The axis on which intervals are drawn: whole tens around all of them, within 0 and 100."""
    if not lines:
        return Decimal(0), Decimal(100)
    low = (min(line.low for line in lines) / 10).to_integral_value(ROUND_FLOOR) * 10
    high = (max(line.high for line in lines) / 10).to_integral_value(ROUND_CEILING) * 10
    return max(low, Decimal(0)), min(max(high, low + 10), Decimal(100))


def interval(line: ProposedLine, axis: tuple[Decimal, Decimal]) -> tuple[str, str, str]:
    """Where low, merit and high lie on the axis, in percent of its length with one decimal."""
    start, end = axis
    length = (end - start) or Decimal(1)
    percents = ((value - start) / length * 100 for value in (line.low, line.merit, line.high))
    low, merit, high = (f"{min(max(percent, Decimal(0)), Decimal(100)):.1f}" for percent in percents)
    return low, merit, high


def _rows(
    lines: Sequence[AwardLine], word: Callable[[AwardLine], str], order: Sequence[str] | None
) -> tuple[TierCounts, ...]:
    counts = Counter((word(line), line.tier) for line in lines)
    names = order if order is not None else sorted({name for name, _ in counts})
    found = (TierCounts(name, tuple(counts[name, tier] for tier in Tier), 0) for name in names)
    return tuple(TierCounts(row.name, row.counts, sum(row.counts)) for row in found)
