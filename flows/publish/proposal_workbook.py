"""The proposed list as a workbook for the office: the ranking, and a sheet for each thing to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from config.local_time import ZONE, instant
from flows.outbox.letters.filters import printable
from flows.publish.pages.content import ProposalPage, ProposedLine
from flows.workbooks.writer.guide import screen_width
from models.enums import Tier

_FONT = "Microsoft YaHei"
_A3, _A4 = 8, 9
_LINE, _HIGHEST = 14, 400
_RANKING = (
    ("名次", 6),
    ("申报编号", 17),
    ("成果名称", 38),
    ("区县", 12),
    ("类别", 9),
    ("申报单位", 26),
    ("拟授等次", 10),
    ("终评分", 9),
    ("原始均分", 9),
    ("区间下限", 9),
    ("区间上限", 9),
    ("评分份数", 9),
    ("分差", 8),
    ("同分处理", 26),
    ("表决", 30),
    ("未授奖原因", 22),
    ("移出原因", 22),
)

_CUTS = (
    *(("分界", 12), ("末位", 8), ("情形", 14), ("名次", 8), ("申报编号", 17), ("成果名称", 44), ("拟授等次", 10)),
    *(("终评分", 9), ("区间下限", 9), ("区间上限", 9)),
)
_LOOKS = (("申报编号", 17), ("成果名称", 38), ("各专家总分", 34), ("分差", 8), ("偏离最大的专家", 24))
_PAIRS = (("申报编号", 17), ("专家", 26), ("原因", 70))
_DECISIONS = (("申报编号", 17), ("成果名称", 38), ("决定", 22), ("理由", 40), ("决定人", 18), ("时间", 34))


def write_workbook(target: Path, page: ProposalPage) -> None:
    """Write it whole or not at all; its folder exists."""
    draft = target.with_name(f".{target.name}.part")
    book = xlsxwriter.Workbook(str(draft), {"strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": "拟获奖名单", "created": page.made_at.astimezone(ZONE).replace(tzinfo=None)})
    _Book(book).write(page)
    book.close()
    draft.replace(target)


class _Book:
    """One workbook with its formats."""

    def __init__(self, book: Any) -> None:
        self.book = book
        base = {"font_name": _FONT, "font_size": 10, "valign": "vcenter"}
        cell = {**base, "text_wrap": True, "border": 1, "border_color": "#D9D9D9"}
        self.title = book.add_format({**base, "bold": True, "font_size": 14})
        self.plain = book.add_format(base)
        self.head = book.add_format(
            {**cell, "bold": True, "bg_color": "#1F4E78", "font_color": "#FFFFFF", "align": "center"}
        )
        self.text = book.add_format(cell)
        self.points = book.add_format({**cell, "num_format": "0.00"})
        self.tiers = {
            tier: book.add_format({**cell, "bg_color": colour})
            for tier, colour in zip(Tier, ("#FCE4D6", "#FFF2CC", "#E2EFDA"), strict=True)
        }

    def write(self, page: ProposalPage) -> None:
        """All sheets, the ranking first."""
        self._ranking(page)
        cuts = [
            (
                *(f"{cut.tier.label}以下", cut.after, why, line.rank, line.number, line.title),
                *(line.tier.label if line.tier else "", float(line.merit), float(line.low), float(line.high)),
            )
            for cut in page.cuts
            for why, line in page.at_cut(cut)
        ]
        self._sheet("等次分界", _CUTS, cuts)
        looks = [
            (look.number, look.title, "、".join(map(str, look.totals)), float(look.spread), look.furthest)
            for look in page.disagreements
        ]
        self._sheet("专家分歧", _LOOKS, looks)
        self._sheet("利益冲突", _PAIRS, [(pair.number, pair.expert, pair.reason) for pair in page.barred])
        self._sheet("回避", _PAIRS, [(pair.number, pair.expert, pair.reason) for pair in page.recused])
        decisions = [
            (made.number, made.title, made.change, made.reason, made.officer, instant(made.decided_at))
            for made in page.deviations
        ]
        self._sheet("人工调整", _DECISIONS, decisions)

    def _ranking(self, page: ProposalPage) -> None:
        sheet = self.book.add_worksheet("拟获奖名单")
        sheet.write_string(
            0, 0, f"{page.programme}拟获奖名单（{'已' if page.approval else '待'}审定，不得外传）", self.title
        )
        sheet.write_string(1, 0, _digests(page), self.plain)
        counts = "，".join(f"{tier.label}{page.prizes(tier)}项" for tier in Tier)
        vacant = "".join(f"；{tier.label}空缺{left}项" for tier, left in page.vacant)
        facts = (
            f"{counts}{vacant}；计分办法：{page.method}；评审专家{page.experts}人，"
            f"利益冲突{page.conflicts}对（均未配对），回避{page.recusals}次，缺席未评{page.absences}人"
        )
        sheet.write_string(2, 0, f"{facts}；专家分配：{page.assignment}" if page.assignment else facts, self.plain)
        sheet.set_row(0, 24)
        for column, (heading, width) in enumerate(_RANKING):
            sheet.write_string(4, column, heading, self.head)
            sheet.set_column(column, column, width)
        for row, line in enumerate(page.lines, start=5):
            self._line(sheet, row, line)
        sheet.freeze_panes(5, 3)
        sheet.autofilter(4, 0, 4 + len(page.lines), len(_RANKING) - 1)
        _print(sheet, heading=4, paper=_A3)

    def _line(self, sheet: Any, row: int, line: ProposedLine) -> None:
        text = self.tiers[line.tier] if line.tier and not line.struck else self.text
        values: tuple[object, ...] = (
            line.rank,
            line.number,
            line.title,
            line.unit,
            line.category.label,
            line.organisation,
            line.tier.label if line.tier else "",
            *(float(value) for value in (line.merit, line.raw_mean, line.low, line.high)),
            line.scores,
            float(line.spread),
            line.settled,
            line.voted,
            line.passed_over,
            line.struck,
        )
        for column, value in enumerate(values):
            self._write(sheet, row, column, value, text)
        sheet.set_row(row, _height(values, _RANKING))

    def _sheet(self, name: str, headings: Sequence[tuple[str, int]], rows: Sequence[Sequence[object]]) -> None:
        sheet = self.book.add_worksheet(name)
        for column, (heading, width) in enumerate(headings):
            sheet.write_string(0, column, heading, self.head)
            sheet.set_column(column, column, width)
        for row, values in enumerate(rows, start=1):
            for column, value in enumerate(values):
                self._write(sheet, row, column, value, self.text)
            sheet.set_row(row, _height(values, headings))
        if not rows:
            sheet.write_string(1, 0, "无", self.text)
        sheet.freeze_panes(1, 0)
        _print(sheet, heading=0)

    def _write(self, sheet: Any, row: int, column: int, value: object, text: Any) -> None:
        if isinstance(value, float):
            sheet.write_number(row, column, value, self.points)
        elif isinstance(value, int):
            sheet.write_number(row, column, value, text)
        else:
            sheet.write_string(row, column, printable(str(value)), text)


def _digests(page: ProposalPage) -> str:
    if page.approval is None:
        return f"名单校验码：{page.digest}"
    approved, by, at = page.approval
    left = "" if approved == page.digest else f"；移出以后的名单校验码（撤回审定时填写）：{page.digest}"
    return f"审定时的名单校验码（与邮件一致）：{approved}，{by}，{instant(at)}{left}"


def _height(values: Sequence[object], headings: Sequence[tuple[str, int]]) -> int:
    """Points for the longest of a row's texts: not every program fits wrapped text by itself."""
    lines = (-(-screen_width(str(value)) // (width - 1)) for value, (_, width) in zip(values, headings, strict=True))
    return min(_HIGHEST, 4 + _LINE * max(1, *lines))


def _print(sheet: Any, *, heading: int, paper: int = _A4) -> None:
    sheet.set_landscape()
    sheet.set_paper(paper)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(heading)
    sheet.set_footer("&C第&P页，共&N页")
