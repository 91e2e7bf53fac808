"""Scorecards as the office and the units read them: a page and a workbook for the city and for each unit.

Every figure names the entries of the record that it was made of, on the workbook's second sheet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.local_time import local_day
from config.season import Season
from config.units import name_on
from flows.reports.book import Book
from flows.reports.rendering import page
from states.scorecard.indicators import Card, Figure, Indicator, IndicatorLine, shown


@dataclass(frozen=True)
class Scored:
    """A season's cards, and the marks of the season before where there was one."""

    season: Season
    made_at: datetime
    cards: Mapping[str, Card]
    before: Mapping[str, Card]

    def name(self, unit: str) -> str:
        return name_on(unit, local_day(self.season.dates.open_call))

    def definition(self, indicator: Indicator) -> str:
        """What an indicator counts, in the season's own words where it has some."""
        own = {str(key): definition for key, definition in self.season.scorecard.definitions.items()}
        return own.get(indicator.key, indicator.definition)

    def last_year(self, unit: str, line: IndicatorLine) -> str:
        """The same indicator a year earlier, as it is shown."""
        card = self.before.get(unit)
        own = card and next((other for other in card.lines if other.indicator.key == line.indicator.key), None)
        return shown(own.indicator, own.figure) if own else "—"


def interval(indicator: Indicator, figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return "—"
    return f"{figure.low:.0%}～{figure.high:.0%}" if indicator.share else f"{figure.low:.2f}～{figure.high:.2f}"


def files(scored: Scored) -> dict[str, bytes]:
    """Every page and workbook, by its name."""
    made = {"index.html": _page("city", scored), "区县工作考核.xlsx": _city_book(scored)}
    for unit, card in scored.cards.items():
        made[f"{unit}.html"] = _page("unit", scored, card=card)
        made[f"{unit}-工作考核.xlsx"] = _unit_book(scored, card)
    return made


def _page(name: str, scored: Scored, **values: Any) -> bytes:
    return page(name, scored.season, scored.made_at, scored=scored, shown=shown, interval=interval, **values)


def _city_book(scored: Scored) -> bytes:
    with Book(scored.made_at) as book:
        sheet = book.sheet(
            "区县工作考核",
            ["名次", "代码", "单位", "得分", "上年得分", *(line.indicator.name for line in _first(scored))],
        )
        ordered = sorted(scored.cards.values(), key=lambda card: (card.place is None, card.place or 0, card.unit))
        for row, card in enumerate(ordered, start=1):
            before = scored.before.get(card.unit)
            cells = [
                card.place or "",
                card.unit,
                scored.name(card.unit),
                _mark(card.mark),
                _mark(before.mark if before else None),
            ]
            cells += [shown(line.indicator, line.figure) for line in card.lines]
            book.write(sheet, row, cells)
        _explain(book, scored)
        return book.done()


def _unit_book(scored: Scored, card: Card) -> bytes:
    headings = ["指标", "口径", "权重", "本单位", "95%区间", "案例数", "全市", "得分", "名次", "上年"]
    with Book(scored.made_at) as book:
        sheet = book.sheet("考核指标", headings)
        for row, line in enumerate(card.lines, start=1):
            indicator, figure = line.indicator, line.figure
            cells: list[Any] = [
                indicator.name,
                scored.definition(indicator),
                line.weight or "—",
                shown(indicator, figure),
            ]
            cells += [interval(indicator, figure), figure.cases, shown(indicator, line.city)]
            cells += [
                round(line.points, 2) if line.points is not None else "不比较" if line.weight else "—",
                line.place or "",
                scored.last_year(card.unit, line),
            ]
            book.write(sheet, row, cells)
        book.write(
            sheet,
            len(card.lines) + 2,
            ["总分", "各项得分之和÷所比较各项权重之和×100", "", _mark(card.mark), "", "", "", "", card.place or ""],
        )
        proof = book.sheet("依据", ["指标", "留痕对象", "序号"])
        row = 1
        for line in card.lines:
            for entry in line.figure.entries:
                book.write(proof, row, [line.indicator.name, entry.subject, entry.sequence])
                row += 1
        _explain(book, scored)
        return book.done()


def _explain(book: Book, scored: Scored) -> None:
    least = scored.season.scorecard.least_cases
    sheet = book.sheet("说明", ["事项", "说明"])
    told = [
        ("数据来源", "全部数字只取自操作留痕；各单位工作簿“依据”表逐条列出所用的留痕，可用 gangchuang history 查对"),
        (
            "少量案例",
            f"案例少于{least}的只列出、不比较；比例和一致性按95%区间比较，区间有重叠的视为相同，不分高下",
        ),
        ("得分", "权重×低于本单位的单位占其他可比单位的比例（相同的计一半）；总分只按参加比较的指标折算为百分制"),
        *((line.indicator.name, scored.definition(line.indicator)) for line in _first(scored)),
    ]
    for row, cells in enumerate(told, start=1):
        book.write(sheet, row, list(cells))


def _first(scored: Scored) -> tuple[IndicatorLine, ...]:
    return next(iter(scored.cards.values())).lines


def _mark(mark: float | None) -> float | str:
    return "" if mark is None else mark
