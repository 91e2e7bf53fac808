"""What a unit is measured by, and how much may be read out of it. Pure.

A share of few cases says little, and so does the agreement of few pairs. Each is shown with its 95 % interval (of a share
Wilson's of 1927), and of two units one stands behind the other only where their intervals do not meet; else they are
equals. A unit with fewer than a season's `least_cases` cases is shown, but not compared. A unit's points of an indicator
are the share of the other compared units that it does not stand behind, of which equals count half, times the
indicator's weight; its mark is its points over the weights of the indicators by which it was compared, of a hundred.
"""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import sqrt

from models.enums import Carrier, Category, Tier, Use
from states.scorecard.facts import CaseRecord, EntryPlace, SeasonTold

_Z = 1.959964
Span = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """One figure of one unit: `part` of `cases`, or a count; the entries it was made of; what it may be as well.

    `value` is what is shown, None where there is nothing to say; `low` and `high` its interval.
    """

    value: float | None
    cases: int
    entries: tuple[EntryPlace, ...] = ()
    part: float = 0.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Indicator:
    """One line of the scorecard. `share`: of cases, between 0 and 1; `fewer`: the smaller the better."""

    key: str
    name: str
    definition: str
    measure: Callable[["Own"], Figure]
    share: bool = True
    fewer: bool = False


@dataclass
class Own:
    """What the record says of a unit, or of all together: its submissions, and what it did beside them.

    `organisations` and `people`: different ones, None where the record does not say (seasons of earlier versions).
    """

    cases: list[CaseRecord] = field(default_factory=list)
    organisations: int | None = None
    people: int | None = None
    counted: tuple[EntryPlace, ...] = ()
    practices: list[EntryPlace] = field(default_factory=list)

    def __iter__(self) -> Iterator[CaseRecord]:
        return iter(self.cases)


def own_of(told: SeasonTold, units: Sequence[str]) -> dict[str, Own]:
    """What is whose, in the order of `units`; the city's own under ""."""
    found: dict[str, Own] = {unit: Own() for unit in units}
    for case in told.cases.values():
        found.setdefault(case.unit, Own()).cases.append(case)
    for unit, entry in told.practices.values():
        found.setdefault(unit, Own()).practices.append(entry)
    city = Own(
        [case for own in found.values() for case in own], practices=[entry for _, entry in told.practices.values()]
    )
    if told.counted is not None:
        for unit, own in found.items():
            own.organisations, own.people = told.mobilised.get(unit, (0, 0))
            own.counted = (told.counted,)
        bodies, people = zip(*told.mobilised.values(), strict=True) if told.mobilised else ((), ())
        city.organisations, city.people, city.counted = sum(bodies), sum(people), (told.counted,)
    return {**found, "": city}


def shown(indicator: Indicator, figure: Figure) -> str:
    """A figure for people: a share with its part and cases, a count as it is."""
    if figure.value is None:
        return "—"
    if indicator.share:
        return f"{figure.value:.0%}（{figure.part:.0f}/{figure.cases}）"
    return f"{figure.value:.2f}" if indicator.key == "agreement" else f"{figure.value:.0f}"


def wilson(part: int, cases: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if not cases:
        return 0.0, 1.0
    share, z2 = part / cases, _Z * _Z
    middle = (share + z2 / (2 * cases)) / (1 + z2 / cases)
    reach = _Z * sqrt(share * (1 - share) / cases + z2 / (4 * cases * cases)) / (1 + z2 / cases)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _share(of: Iterable[tuple[bool, Iterable[EntryPlace | None]]]) -> Figure:
    judged = [(bool(holds), entries) for holds, entries in of]
    cases, part = len(judged), sum(holds for holds, _ in judged)
    told = tuple(entry for _, entries in judged for entry in entries if entry is not None)
    if not cases:
        return Figure(None, 0)
    low, high = wilson(part, cases)
    return Figure(part / cases, cases, told, part, low, high)


def _count(entries: Iterable[EntryPlace | None], amounts: Iterable[float] | None = None) -> Figure:
    told = tuple(entry for entry in entries if entry is not None)
    total = float(sum(amounts)) if amounts is not None else float(len(told))
    return Figure(total, len(told), told, total)


def _counted(count: int | None, entries: tuple[EntryPlace, ...]) -> Figure:
    """What the record counted by itself."""
    return Figure(None, 0) if count is None else Figure(float(count), count, entries, count)


def _ties(values: Iterable[Hashable]) -> int:
    """How many pairs of some values are equal."""
    return sum(count * (count - 1) // 2 for count in Counter(values).values())


def _agreement(cases: Iterable[CaseRecord]) -> Figure:
    """Kendall's tau-b of the district's points and the panel's merits over what both judged, with its interval."""
    pairs, told = list[tuple[Decimal, Decimal]](), list[EntryPlace]()
    for case in cases:
        if case.district_total is not None and case.merit is not None:
            pairs.append((case.district_total, case.merit))
            told += [entry for entry in (case.judged, case.scored) if entry is not None]
    pairs.sort()
    tied_here, tied_there = _ties(here for here, _ in pairs), _ties(there for _, there in pairs)
    every, count = len(pairs) * (len(pairs) - 1) // 2, len(pairs)
    spread = sqrt((every - tied_here) * (every - tied_there)) if every else 0.0
    if not spread:
        return Figure(None, count, tuple(told))
    # Pairs that neither ties are in order or out of it; in the district's order, a merit is out of order with each larger
    # one before it (Knight 1966), so that a city of thousands costs a sorting and not a look at every pair.
    before, apart = list[Decimal](), 0
    for _, merit in pairs:
        apart += len(before) - bisect_right(before, merit)
        insort(before, merit)
    together = every - tied_here - tied_there + _ties(pairs) - apart
    tau = (together - apart) / spread
    # The variance of tau where nothing agrees but by chance (Kendall 1938): how far chance alone would carry it.
    reach = _Z * sqrt(2 * (2 * count + 5) / (9 * count * (count - 1)))
    return Figure(tau, count, tuple(told), tau, max(-1.0, tau - reach), min(1.0, tau + reach))


def _tier(tier: Tier) -> Callable[[Own], Figure]:
    return lambda cases: _count(case.awarded for case in cases if case.tier is tier)


def _of_category(category: Category) -> Callable[[Own], Figure]:
    return lambda cases: _count((case.changed or [case.submitted])[-1] for case in cases if case.category is category)


def _of_carrier(carrier: Carrier) -> Callable[[Own], Figure]:
    return lambda cases: _count((case.changed or [case.submitted])[-1] for case in cases if case.carrier is carrier)


INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        "submissions",
        "申报数",
        "已接收的申报项数（含后来撤回、不合格的）",
        lambda cases: _count(case.submitted for case in cases),
        share=False,
    ),
    *(
        Indicator(
            f"category_{category.value}",
            f"{category.label}申报数",
            f"类别为{category.label}的申报项数（以最后一版为准）",
            _of_category(category),
            share=False,
        )
        for category in Category
    ),
    *(
        Indicator(
            f"carrier_{carrier.value}",
            f"{carrier.label}申报数",
            f"载体为{carrier.label}的申报项数（以最后一版为准）",
            _of_carrier(carrier),
            share=False,
        )
        for carrier in Carrier
    ),
    Indicator(
        "organisations",
        "发动单位数",
        "补正截止时各申报的申报单位，去除重复后的个数；全市为各单位之和",
        lambda own: _counted(own.organisations, own.counted),
        share=False,
    ),
    Indicator(
        "people",
        "发动人数",
        "补正截止时各申报的完成人，去除重复后的人数；全市为各单位之和",
        lambda own: _counted(own.people, own.counted),
        share=False,
    ),
    Indicator(
        "contributors",
        "发动人次",
        "各申报最后一版的完成人数之和",
        lambda cases: _count((case.submitted for case in cases), (case.contributors for case in cases)),
        share=False,
    ),
    Indicator(
        "first_delivery",
        "一次合格率",
        "没有更正、也没有被退回补正过的申报，占已接收申报的比例",
        lambda cases: _share(
            (not case.changed and not case.corrections, (case.submitted, *case.changed, *case.corrections))
            for case in cases
        ),
    ),
    Indicator(
        "call_in_time",
        "申报按时率",
        "在申报截止前送达的申报（不是逾期后准予接收的），占已接收申报的比例",
        lambda cases: _share((not case.admitted, (case.submitted,)) for case in cases),
    ),
    Indicator(
        "review_in_time",
        "初评按时率",
        "有初评结论的申报，占有结论和因无结论归档（未初评）的申报之和的比例",
        lambda cases: _share(
            (case.not_reviewed is None, (case.judged, case.not_reviewed))
            for case in cases
            if case.judged is not None or case.not_reviewed is not None
        ),
    ),
    Indicator(
        "corrected",
        "补正完成率",
        "退回补正的申报中，没有逾期的比例",
        lambda cases: _share(
            (case.lapsed is None, (*case.corrections, case.lapsed)) for case in cases if case.corrections
        ),
    ),
    Indicator(
        "agreement",
        "初评与终评一致性",
        "初评总分与终评得分的次序一致程度（肯德尔 tau-b，-1到1），只看两次都评过的申报",
        _agreement,
        share=False,
    ),
    Indicator(
        "recommended",
        "推荐数",
        "初评结论为推荐的申报项数",
        lambda cases: _count(case.judged for case in cases if case.recommended),
        share=False,
    ),
    *(
        Indicator(
            f"awarded_{tier.value}", f"{tier.label}数", f"获{tier.label}的项数（撤销的不计）", _tier(tier), share=False
        )
        for tier in Tier
    ),
    Indicator(
        "award_rate",
        "推荐获奖率",
        "推荐的申报中获奖的比例",
        lambda cases: _share(
            (case.awarded is not None, (case.judged, case.awarded)) for case in cases if case.recommended
        ),
    ),
    Indicator(
        "followed_up",
        "转化跟踪报送率",
        "归档的获奖项目中，已报送成果转化情况的比例",
        lambda cases: _share(
            (case.answered is not None, (case.awarded, case.answered)) for case in cases if case.asked
        ),
    ),
    Indicator(
        "in_use",
        "成果在用率",
        "已报送转化情况的获奖项目中，仍在用的比例",
        lambda cases: _share((case.use is Use.IN_USE, (case.answered,)) for case in cases if case.answered is not None),
    ),
    Indicator(
        "places",
        "推广单位数",
        "已报送转化情况的获奖项目中，本单位以外采用单位数之和",
        lambda cases: _count(
            (case.answered for case in cases if case.places is not None),
            (case.places for case in cases if case.places is not None),
        ),
        share=False,
    ),
    Indicator(
        "practice",
        "好经验好做法数",
        "报送的好思路、好经验、好做法份数（含用人单位的，公开与否都计）",
        lambda own: _count(own.practices),
        share=False,
    ),
    Indicator(
        "upheld",
        "异议成立数",
        "异议成立的次数，越少越好",
        lambda cases: _count(entry for case in cases for entry in case.upheld),
        share=False,
        fewer=True,
    ),
)


@dataclass(frozen=True)
class IndicatorLine:
    """One indicator of one unit: the figure, what all units have together, points of the weight (None: not compared)."""

    indicator: Indicator
    weight: int
    figure: Figure
    city: Figure
    points: float | None
    place: int | None


@dataclass(frozen=True)
class Card:
    """One unit's scorecard: `mark` of a hundred and `place` among the units, None where too little can be compared."""

    unit: str
    lines: tuple[IndicatorLine, ...]
    mark: float | None
    place: int | None

    @property
    def standing(self) -> int:
        """For ordering: who is compared by their place, the others after them."""
        return self.place or 1_000_000


def scorecards(told: SeasonTold, units: Sequence[str], weights: Mapping[str, int], least_cases: int) -> dict[str, Card]:
    """The card of every unit, in the order of `units`; a unit without submissions has one too."""
    by_unit = own_of(told, units)
    everything = by_unit.pop("")
    lines: dict[str, list[IndicatorLine]] = {unit: [] for unit in by_unit}
    for indicator in INDICATORS:
        city = indicator.measure(everything)
        figures = {unit: indicator.measure(own) for unit, own in by_unit.items()}
        compared = {
            unit: _comparable(indicator, figure)
            for unit, figure in figures.items()
            if _may_be_compared(indicator, figure, by_unit[unit].cases, least_cases)
        }
        weight = weights.get(indicator.key, 0)
        for unit, figure in figures.items():
            points = place = None
            if unit in compared and weight:
                points, place = weight * _standing(compared, unit), _place(compared, unit)
            lines[unit].append(IndicatorLine(indicator, weight, figure, city, points, place))
    marks = {unit: _mark(own) for unit, own in lines.items()}
    standing = {unit: (mark, mark) for unit, mark in marks.items() if mark is not None}
    return {
        unit: Card(unit, tuple(own), marks[unit], _place(standing, unit) if unit in standing else None)
        for unit, own in lines.items()
    }


def _may_be_compared(indicator: Indicator, figure: Figure, cases: Sequence[CaseRecord], least_cases: int) -> bool:
    """A count needs as many submissions behind it as a share needs cases."""
    enough = figure.cases if indicator.share or indicator.key == "agreement" else len(cases)
    return figure.value is not None and enough >= least_cases


def _comparable(indicator: Indicator, figure: Figure) -> Span:
    """From what to what a figure may be, the more the better."""
    assert figure.value is not None
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return (-high, -low) if indicator.fewer else (low, high)


def _standing(compared: Mapping[str, Span], unit: str) -> float:
    """The share of the others that a unit does not stand behind; equals count half."""
    low, high = compared[unit]
    others = [span for name, span in compared.items() if name != unit]
    if not others:
        return 0.5
    return sum(1.0 if span[1] < low else 0.0 if high < span[0] else 0.5 for span in others) / len(others)


def _place(compared: Mapping[str, Span], unit: str) -> int:
    return 1 + sum(span[0] > compared[unit][1] for span in compared.values())


def _mark(lines: Sequence[IndicatorLine]) -> float | None:
    counted = [(line.points, line.weight) for line in lines if line.points is not None]
    weight = sum(weight for _, weight in counted)
    return round(100 * sum(points for points, _ in counted) / weight, 1) if weight else None
