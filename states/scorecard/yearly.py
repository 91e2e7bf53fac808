"""The year in figures (年度报告), from the record alone: what there was, when, how fairly, what became of it. Pure.

Every figure has the entries it was made of. Shares of few cases come with their 95 % interval, and years are only said to
differ where intervals do not meet; sums of fewer than `LEAST` answers are not given.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from config.local_time import ZONE, minute
from config.milestones import Milestone
from config.season import Season
from models.enums import ObjectionKind, ObjectionState, Trigger, Use
from states.scorecard.facts import CaseRecord, EntryPlace, Said, SeasonTold
from states.scorecard.indicators import INDICATORS, Figure, Indicator, own_of, shown

LEAST = 3  # answers below which no sum is given
_LATE = timedelta(hours=1)
_COMPARED = (
    *("submissions", "organisations", "people", "first_delivery", "call_in_time", "review_in_time", "corrected"),
    *("recommended", "awarded_first", "awarded_second", "awarded_third", "award_rate", "practice"),
    *("followed_up", "in_use"),
)


@dataclass(frozen=True)
class Bars:
    """A chart: bars of one unit, each with its label, in the order given."""

    title: str
    unit: str
    bars: tuple[tuple[str, float], ...]

    @property
    def most(self) -> float:
        return max((value for _, value in self.bars), default=0) or 1


@dataclass(frozen=True)
class Section:
    """One part of the report: sentences, a table, charts."""

    title: str
    sentences: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    charts: tuple[Bars, ...] = ()


@dataclass(frozen=True)
class TracedFigure:
    """A figure as the report says it, and the entries that it was made of."""

    section: str
    name: str
    value: str
    entries: tuple[EntryPlace, ...]


@dataclass(frozen=True)
class Yearly:
    """The whole report."""

    sections: tuple[Section, ...]
    traces: tuple[TracedFigure, ...]


@dataclass(frozen=True)
class Compared:
    """What a report needs of a year to compare it: the city's figures, its awards, the cases that were asked about later.

    The whole of what a season's record tells is many times as much, and five of them need not be held at once.
    """

    figures: Mapping[str, Figure]
    awards: int
    asked: tuple[CaseRecord, ...]


def compared(told: SeasonTold) -> Compared:
    """A year's part in a comparison, without the entries that only its own report traces."""
    city = own_of(told, ())[""]
    return Compared(
        {
            indicator.key: replace(indicator.measure(city), entries=())
            for indicator in INDICATORS
            if indicator.key in _COMPARED
        },
        sum(case.awarded is not None for case in city),
        tuple(case for case in told.cases.values() if case.asked or case.answered),
    )


def yearly(season: Season, told: SeasonTold, years: Mapping[int, Compared], names: Mapping[str, str]) -> Yearly:
    """The report of a season; `years` has the earlier ones and itself, `names` those of the units by their codes."""
    traces = list[TracedFigure]()
    parts = (_compared, _by_unit, _in_time, _fair, _objected, _adopted)
    sections = [part(_Making(season, told, years, names, traces)) for part in parts]
    return Yearly(tuple(sections), tuple(traces))


@dataclass(frozen=True)
class _Making:
    season: Season
    told: SeasonTold
    years: Mapping[int, Compared]
    names: Mapping[str, str]
    traces: list[TracedFigure]

    def trace(self, section: str, name: str, value: object, entries: Iterable[EntryPlace]) -> str:
        """Keeps where a figure comes from; the figure as it is written."""
        self.traces.append(TracedFigure(section, name, str(value), tuple(entries)))
        return str(value)


def _compared(making: _Making) -> Section:
    title, years = "总体情况和历年比较", sorted(making.years)
    own = own_of(making.told, ())[""]
    known = {indicator.key: indicator for indicator in INDICATORS}
    rows = []
    for key in _COMPARED:
        indicator = known[key]
        figures = [making.years[year].figures[key] for year in years]
        cells = [shown(indicator, figure) for figure in figures]
        making.trace(title, indicator.name, cells[-1], indicator.measure(own).entries)
        rows.append((indicator.name, *cells, _change(indicator, figures)))
    charts = tuple(
        Bars(
            f"历年{known[key].name}",
            "项",
            tuple((f"{year}", making.years[year].figures[key].value or 0.0) for year in years),
        )
        for key in ("submissions",)
    )
    awards = tuple((f"{year}", float(making.years[year].awards)) for year in years)
    sentence = "比例后的括号是分子和分母。只有一年的，没有比较；区间有重叠的升降可能出于偶然，不作判断。"
    headings = ("指标", *(f"{year}年" for year in years), "比上年")
    return Section(title, (sentence,), headings, tuple(rows), (*charts, Bars("历年获奖数", "项", awards)))


def _change(indicator: Indicator, figures: Sequence[Figure]) -> str:
    """Up or down against the year before, where chance does not explain it."""
    if len(figures) < 2 or figures[-1].value is None or figures[-2].value is None:
        return "—"
    before, now = figures[-2], figures[-1]
    assert before.value is not None
    assert now.value is not None
    if not indicator.share:
        return f"{now.value - before.value:+.0f}"
    if now.low is not None and before.high is not None and now.low > before.high:
        return "上升"
    if now.high is not None and before.low is not None and now.high < before.low:
        return "下降"
    return "区间重叠，不作判断"


def _by_unit(making: _Making) -> Section:
    title, units = "各报送单位", list(making.names)
    known = {indicator.key: indicator for indicator in INDICATORS}
    keys = ("submissions", "recommended", "award_rate", "practice")
    rows, bars = [], []
    for unit, own in own_of(making.told, units).items():
        if unit and (own.cases or own.practices):
            figures = [known[key].measure(own) for key in keys]
            cells = [shown(known[key], figure) for key, figure in zip(keys, figures, strict=True)]
            rows.append((making.names.get(unit, unit), *cells))
            bars.append((making.names.get(unit, unit), figures[0].value or 0.0))
            making.trace(title, f"{making.names.get(unit, unit)}申报数", cells[0], figures[0].entries)
    silent = [making.names[unit] for unit in units if making.names[unit] not in {row[0] for row in rows}]
    least = making.season.scorecard.least_cases
    sentences = [f"申报少于{least}项的单位，获奖率只供了解，不宜与其他单位比较。"]
    if silent:
        sentences.append(f"没有申报也没有报送好经验好做法的单位有{len(silent)}个：{'、'.join(silent)}。")
    headings = ("单位", *(known[key].name for key in keys))
    chart = Bars("各单位申报数", "项", tuple(sorted(bars, key=lambda bar: -bar[1])))
    return Section(title, tuple(sentences), headings, tuple(rows), (chart,) if bars else ())


def _in_time(making: _Making) -> Section:
    """Every dated step: planned, moved with the reason, done, and how late."""
    title, told = "时效：什么晚了、为什么", making.told
    planned = next(iter(told.of(Trigger.PLAN))).facts["dates"]
    moves: dict[str, list[Said]] = {}
    for said in told.of(Trigger.MOVE_DATE):
        moves.setdefault(said.facts["milestone"], []).append(said)
    done = {said.facts["milestone"]: said for said in told.call if "late_seconds" in said.facts}
    rows, late = [], 0
    for key in sorted({*planned, *moves}, key=lambda key: (done[key].at if key in done else told.call[0].at, key)):
        step = Milestone(key.partition("/")[0])
        if step.is_reminder or key not in done:
            continue
        said, moved = done[key], moves.get(key, [])
        behind = timedelta(seconds=said.facts["late_seconds"])
        late += behind >= _LATE
        why = [f"调整：{move.reason}" for move in moved if move.reason]
        why += [f"晚了{_span(behind)}"] if behind >= _LATE else []
        why += [f"跳过：{said.reason}"] if said.trigger == Trigger.SKIP_MILESTONE else []
        unit = key.split("/")[2] if key.count("/") == 2 else ""
        name = step.label + (f"（{making.names.get(unit, unit)}）" if unit else "")
        rows.append(
            (
                name,
                _day(planned.get(key, "")),
                _day(moved[-1].facts["new"]) if moved else "",
                _instant(said),
                "；".join(why),
            )
        )
        making.trace(title, name, _instant(said), (said.entry, *(move.entry for move in moved)))
    admitted, lapsed = told.of(Trigger.ADMIT_LATE), [case.lapsed for case in told.cases.values() if case.lapsed]
    skipped = told.of(Trigger.SKIP_MILESTONE)
    sentences = [
        f"各节点中，晚一小时以上的{making.trace(title, '晚一小时以上的节点', late, [])}个，"
        f"调整过时间的{making.trace(title, '调整时间', sum(map(len, moves.values())), [move.entry for every in moves.values() for move in every])}次，"
        f"错过而跳过的催办{making.trace(title, '跳过的催办', len(skipped), [said.entry for said in skipped])}次。",
        f"逾期后准予接收的来件{making.trace(title, '准予逾期接收', len(admitted), [said.entry for said in admitted])}件"
        + (f"，理由：{'；'.join(dict.fromkeys(said.reason for said in admitted))}" if admitted else "")
        + f"；逾期未补正的{making.trace(title, '逾期未补正', len(lapsed), lapsed)}项。",
    ]
    headings = ("节点", "计划", "调整为", "完成", "说明")
    return Section(title, tuple(sentences), headings, tuple(rows))


def _fair(making: _Making) -> Section:
    """Conflicts avoided, disagreement of experts, and what correcting the experts' severity changed."""
    title, told = "公平：回避、分歧和评分方法", making.told
    cases, looks = list(told.cases.values()), making.season.final_round.look_range
    assigned = [said for said in told.of(Trigger.ASSIGN) if "conflicts" in said.facts]
    barred = sum(len(said.facts["conflicts"]) for said in assigned)
    recused = [entry for case in cases for entry in case.recused]
    left = told.of(Trigger.GIVE_UP_SEAT)
    spreads = {case.number: _spread(case) for case in cases if len(case.scores) > 1}
    wide = [case for case in cases if spreads.get(case.number, Decimal(0)) >= looks]
    middle = f"{median(spreads.values()):.1f}分" if spreads else "—"
    given = [entry for case in cases for _, entry in case.scores.values()]
    rows = [
        ("抽取和分配时避开的利益冲突", f"{barred}对", "专家与项目有利害关系的，分配时一律不配对"),
        ("专家主动或者经决定回避", f"{len(recused)}人次", "回避后由别的专家评审，原有分数不计"),
        ("中途退出的评委", f"{len(left)}人", "由候补接替"),
        ("同一项目专家打分的最大差距（中位数）", middle, f"{len(spreads)}个项目"),
        (f"最大差距达到{looks}分的项目", f"{len(wide)}项", "审定前逐项提请查看"),
    ]
    seen = [entry for case in wide for _, entry in case.scores.values()]
    entries = ([said.entry for said in assigned], recused, [said.entry for said in left], given, seen)
    for (name, value, _), own in zip(rows, entries, strict=True):
        making.trace(title, name, value, own)
    return Section(title, tuple(_severity(making, title)), ("事项", "数", "说明"), tuple(rows))


def _spread(case: CaseRecord) -> Decimal:
    totals = [total for total, _ in case.scores.values()]
    return max(totals) - min(totals)


def _severity(making: _Making, title: str) -> Iterator[str]:
    """The list by the declared method beside one by plain means of the same scores."""
    frozen = making.told.of(Trigger.FREEZE_RANKING)
    if not frozen:
        yield "终评尚未排序。"
        return
    placed = frozen[-1].facts["ranking"]["placed"]
    method = {"mean": "平均分", "trimmed_mean": "去掉最高最低分后的平均分", "shrinkage": "校正专家宽严的得分"}
    prizes = sum(placing["tier"] is not None for placing in placed)
    by_merit = [placing["submission"] for placing in placed][:prizes]
    plain = sorted(placed, key=lambda one: (-Decimal(one["raw_mean"]), one["position"]))
    by_mean = [placing["submission"] for placing in plain][:prizes]
    other = len(set(by_merit) - set(by_mean))
    furthest = max((abs(placing["position"] - place) for place, placing in enumerate(plain, start=1)), default=0)
    count = making.trace(title, "评分方法改变的获奖项目", other, [frozen[-1].entry])
    yield (
        f"本年度按{method.get(frozen[-1].facts['method'], frozen[-1].facts['method'])}排序。与简单平均分相比，拟奖的{prizes}项中有"
        f"{count}项不同，位次变动最大{furthest}位。"
    )
    ties = making.told.of(Trigger.ASSIGN_RE_REVIEW)
    again = {number for said in ties for number in said.facts["submissions"]}
    if again:
        yield f"得分相同、须分先后的{making.trace(title, '复评项目', len(again), [said.entry for said in ties])}项经复评确定。"


def _objected(making: _Making) -> Section:
    title = "异议"
    cases = [case for case in making.told.cases.values() if case.disputes]
    every = [dispute for case in cases for dispute in case.disputes.values()]
    counts: Counter[tuple[str, str]] = Counter()
    entries: dict[tuple[str, str], list[EntryPlace]] = {}
    for dispute in every:
        result = "成立" if dispute.upheld else "不予受理" if dispute.state == ObjectionState.NOT_ACCEPTED else "不成立"
        open_still = dispute.state in (ObjectionState.RECEIVED, ObjectionState.ACCEPTED, ObjectionState.INVESTIGATING)
        kind = ObjectionKind(dispute.kind).label if dispute.kind else "未分类"
        key = kind, "办理中" if open_still else result
        counts[key] += 1
        entries.setdefault(key, []).extend(dispute.entries)
    rows = []
    for key, count in sorted(counts.items()):
        rows.append((*key, making.trace(title, "·".join(key), f"{count}件", entries[key])))
    revoked = [case.revoked for case in making.told.cases.values() if case.revoked]
    sentences = (
        f"共收到异议{making.trace(title, '异议', len(every), [objection.entries[0] for objection in every])}件，"
        f"成立{sum(objection.upheld is not None for objection in every)}件；授奖后撤销{making.trace(title, '撤销', len(revoked), revoked)}项。",
    )
    return Section(title, sentences, ("内容", "结果", "件数") if rows else (), tuple(rows))


def _adopted(making: _Making) -> Section:
    """What became of awards: of this season where it was asked already, else of the newest that was."""
    title = "成果转化"
    asked = [
        year for year in sorted(making.years, reverse=True) if any(case.answered for case in making.years[year].asked)
    ]
    if not asked:
        return Section(title, ("获奖满一年后开始跟踪，目前还没有报送的情况。",))
    year = asked[0]
    due = [case for case in making.years[year].asked if case.asked]
    answered = [case for case in due if case.answered]
    rows = []
    for use in Use:
        own = [case.answered for case in answered if case.use is use and case.answered]
        rows.append((use.label, making.trace(title, use.label, f"{len(own)}项", own)))
    for name, unit, figures in (
        ("近一年经济效益合计", "万元", {c.number: (c.benefit, c.answered) for c in answered if c.benefit is not None}),
        ("推广单位数合计", "家", {c.number: (Decimal(c.places), c.answered) for c in answered if c.places is not None}),
    ):
        told = [entry for _, entry in figures.values() if entry]
        total = sum((amount for amount, _ in figures.values() if amount is not None), Decimal(0))
        value = (
            f"{total.normalize():f}{unit}（{len(figures)}项填报）"
            if len(figures) >= LEAST
            else f"填报不足{LEAST}项，不合计"
        )
        rows.append((name, making.trace(title, name, value, told)))
    sentence = f"{year}年度获奖项目{len(due)}项，已报送转化情况{len(answered)}项。数字由报送单位填报，未经审计。"
    return Section(title, (sentence,), ("事项", "数"), tuple(rows))


def _span(behind: timedelta) -> str:
    hours = round(behind / timedelta(hours=1))
    return f"{hours}小时" if hours < 48 else f"{hours // 24}天"


def _day(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(ZONE):%Y-%m-%d}" if instant else ""


def _instant(said: Said) -> str:
    return minute(said.at)
