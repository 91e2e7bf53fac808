"""The payment list (奖补发放表) as a workbook: a district's own, and the city's with a summary by district.

Amounts are yuan with the fen, worked out beforehand; sums are formulas with their values beside them, so that a reader
that does not calculate shows them too. No bank account and no identity number stands here: the cashier has these.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

import xlsxwriter
from xlsxwriter.utility import xl_range, xl_range_abs, xl_rowcol_to_cell

from config.local_time import ZONE, local_day
from config.season import Season
from config.units import name_on
from flows.outbox.letters.filters import printable
from flows.workbooks.writer.guide import screen_width
from states.final_round.payment import Payee, Prize, Recovery
from states.rules.payment import FEN, in_words, tax
from states.submissions.certificates import CertificateNumber

_FONT = "SimSun"
_A4 = 9
_LINE = 15
_TOP = 3  # the first row of every sheet's table


class _Column(NamedTuple):
    heading: str
    width: int


_LIST = (
    _Column("序号", 5),
    _Column("区县", 9),
    _Column("申报编号", 17),
    _Column("成果名称", 24),
    _Column("等次", 7),
    _Column("奖金（元）", 11),
    _Column("收款人", 16),
    _Column("比例", 8),
    _Column("应发（元）", 11),
    _Column("代扣税（元）", 11),
    _Column("实发（元）", 11),
    _Column("签收", 11),
    _Column("备注", 18),
)
_GROSS, _SHARE, _TAX, _NET = 5, 8, 9, 10
_SUMMARY = (
    _Column("区县", 22),
    _Column("获奖项目（项）", 16),
    _Column("奖金（元）", 18),
    _Column("应发（元）", 18),
    _Column("代扣税（元）", 18),
    _Column("实发（元）", 18),
)
_RECOVERY = (
    _Column("序号", 5),
    _Column("区县", 10),
    _Column("申报编号", 17),
    _Column("成果名称", 26),
    _Column("撤销日期", 12),
    _Column("撤销理由", 28),
    _Column("收款人", 16),
    _Column("如已发放应追回（元）", 13),
    _Column("应交回的证书", 22),
    _Column("追回日期", 11),
    _Column("经办", 9),
)
_BACK = 7


@dataclass(frozen=True, slots=True)
class PaymentList:
    """What one list says: of one district, or of all with a summary."""

    season: Season
    prizes: Sequence[Prize]
    recoveries: Sequence[Recovery]
    made_on: datetime
    unit: str = ""

    @property
    def title(self) -> str:
        where = f"（{self.name_of(self.unit)}）" if self.unit else ""
        return f"{self.season.title}奖补发放表{where}"

    def name_of(self, unit: str) -> str:
        """What a district was called when the prizes were given."""
        return name_on(unit, local_day(self.made_on))


def write_payment_list(content: PaymentList) -> bytes:
    """The workbook; the same bytes for the same content."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True})
    book.set_properties({"title": content.title, "created": content.made_on.astimezone(ZONE).replace(tzinfo=None)})
    _Book(book, content).write()
    book.close()
    return made.getvalue()


class _Book:
    """One workbook with its formats."""

    def __init__(self, book: Any, content: PaymentList) -> None:
        self.book, self.content = book, content
        base = {"font_name": _FONT, "font_size": 10, "valign": "vcenter"}
        cell = {**base, "text_wrap": True, "border": 1}
        self.title = book.add_format({**base, "bold": True, "font_size": 15, "align": "center"})
        self.plain = book.add_format({**base, "text_wrap": True, "valign": "top"})
        self.head = book.add_format({**cell, "bold": True, "align": "center", "bg_color": "#E7E6E6"})
        self.text = book.add_format(cell)
        self.middle = book.add_format({**cell, "align": "center"})
        self.money = book.add_format({**cell, "num_format": "#,##0.00"})
        self.blank = book.add_format({**cell, "num_format": "#,##0.00", "bg_color": "#FFF9E5"})
        self.sum_text = book.add_format({**cell, "bold": True})
        self.sum = book.add_format({**cell, "bold": True, "num_format": "#,##0.00"})
        self.signature = book.add_format({**base, "font_size": 11})
        self.count = book.add_format({**cell, "bold": True, "num_format": "0"})

    def write(self) -> None:
        """The city's begins with its summary; every list has its recoveries."""
        summary = None if self.content.unit else self.book.add_worksheet("汇总")
        rows = self._list(self.book.add_worksheet("奖补发放表"))
        if summary is not None:
            self._summary(summary, rows)
        self._recovery(self.book.add_worksheet("追回表"))

    def _list(self, sheet: Any) -> int:
        """The list itself; how many rows it has under its head."""
        top = self._top(sheet, self.content.title, _LIST, self._rules())
        row = top
        for place, prize in enumerate(self.content.prizes, start=1):
            row = self._prize(sheet, row, place, prize)
        self._sums(sheet, top, row)
        self._signatures(sheet, row + 3, ("制表", "复核", "财务审核", "审批"))
        _fit(sheet, head=top - 1)
        return row - top

    def _prize(self, sheet: Any, row: int, place: int, prize: Prize) -> int:
        """The rows of one prize, one a payee; the next row."""
        payees = prize.payees or (Payee("", "", 0),)
        last = row + len(payees) - 1
        own = (place, self.content.name_of(prize.unit), prize.number, prize.title, prize.tier.label)
        for column, value in ((0, own[0]), *enumerate(own[2:], start=2)):
            self._over(sheet, row, last, column, value, self.text if column == 3 else self.middle)
        for line in range(row, last + 1):
            sheet.write_string(line, 1, own[1], self.middle)  # in each row: the summary looks for it
        self._over(sheet, row, last, _GROSS, prize.paid / FEN, self.money)
        for line, payee in enumerate(payees, start=row):
            amount = 0 if prize.why else payee.amount
            withheld = self._tax(amount)
            self._words(sheet, line, 6, payee.name, self.text)
            self._words(sheet, line, 7, payee.weight, self.middle)
            sheet.write_number(line, _SHARE, amount / FEN, self.money)
            share, held = xl_rowcol_to_cell(line, _SHARE), xl_rowcol_to_cell(line, _TAX)
            if withheld is None:
                sheet.write_blank(line, _TAX, None, self.blank)
            else:
                percent = self.content.season.payment.tax_percent
                sheet.write_formula(line, _TAX, f"=ROUND({share}*{percent}%,2)", self.money, withheld / FEN)
            sheet.write_formula(line, _NET, f"={share}-{held}", self.money, (amount - (withheld or 0)) / FEN)
            sheet.write_blank(line, 11, None, self.text)
            self._words(sheet, line, 12, prize.why, self.text)
            widest = max(_lines(payee.name, _LIST[6]), _lines(prize.why, _LIST[12]))
            shared = -(-max(_lines(str(value), _LIST[column]) for column, value in enumerate(own)) // len(payees))
            sheet.set_row(line, 6 + _LINE * max(1, widest, shared))
        return last + 1

    def _over(self, sheet: Any, first: int, last: int, column: int, value: object, form: Any) -> None:
        """A value over all rows of one prize."""
        if first != last:
            sheet.merge_range(first, column, last, column, "", form)
        if isinstance(value, int | float):
            sheet.write_number(first, column, value, form)
        else:
            self._words(sheet, first, column, str(value), form)

    def _words(self, sheet: Any, row: int, column: int, text: str, form: Any) -> None:
        """A text as it is, whatever it begins with; nothing for none."""
        if text:
            sheet.write_string(row, column, str(printable(text)), form)
        else:
            sheet.write_blank(row, column, None, form)

    def _sums(self, sheet: Any, top: int, row: int) -> None:
        totals = _Totals.of(self.content.prizes, self.content.season)
        sheet.merge_range(row, 0, row, 4, "合计", self.sum_text)
        for column in range(5, len(_LIST)):
            sheet.write_blank(row, column, None, self.sum_text)
        for _, column, value in totals.columns():
            self._sum(sheet, top, row, column, value / FEN, self.sum)
        sheet.set_row(row, 22)
        words = f"应发合计（大写）：人民币{in_words(totals.share)}"
        sheet.merge_range(row + 1, 0, row + 1, len(_LIST) - 1, words, self.sum_text)
        sheet.set_row(row + 1, 22)

    def _summary(self, sheet: Any, rows: int) -> None:
        top = self._top(sheet, f"{self.content.title}汇总", _SUMMARY, "取自“奖补发放表”；项数不含暂缓和撤销的项目")
        names = f"奖补发放表!{xl_range_abs(_TOP, 1, _TOP + max(rows, 1) - 1, 1)}"
        by_unit: dict[str, list[Prize]] = {}
        for prize in self.content.prizes:
            by_unit.setdefault(prize.unit, []).append(prize)
        row = top
        for unit, own in sorted(by_unit.items()):
            totals = _Totals.of(own, self.content.season)
            sheet.write_string(row, 0, self.content.name_of(unit), self.text)
            sheet.write_number(row, 1, totals.won, self.middle)
            for column, source, value in totals.columns():
                figures = f"奖补发放表!{xl_range_abs(_TOP, source, _TOP + max(rows, 1) - 1, source)}"
                formula = f"=SUMIF({names},{xl_rowcol_to_cell(row, 0)},{figures})"
                sheet.write_formula(row, column, formula, self.money, value / FEN)
            row += 1
        everything = _Totals.of(self.content.prizes, self.content.season)
        sheet.write_string(row, 0, "合计", self.sum_text)
        self._sum(sheet, top, row, 1, everything.won, self.count)
        for column, _, value in everything.columns():
            self._sum(sheet, top, row, column, value / FEN, self.sum)
        self._signatures(sheet, row + 2, ("制表", "复核", "财务审核", "审批"))
        _fit(sheet, head=top - 1)

    def _recovery(self, sheet: Any) -> None:
        top = self._top(
            sheet, f"{self.content.title}·追回表", _RECOVERY, "获奖已撤销：奖金如已发放，应予追回；证书应交回"
        )
        row, total, place = top, 0, 0
        for place, one in enumerate(self.content.recoveries, start=1):
            back = "、".join(str(CertificateNumber(self.content.season.year, ordinal)) for ordinal in one.certificates)
            payees = one.prize.payees or (Payee("", "", 0),)
            last = row + len(payees) - 1
            revoked = local_day(one.revoked_at)
            values = {
                **{0: place, 1: self.content.name_of(one.prize.unit), 2: one.prize.number, 3: one.prize.title},
                **{4: f"{revoked:%Y-%m-%d}", 5: one.reason, 8: back},
            }
            for column, value in values.items():
                self._over(sheet, row, last, column, value, self.text)
            shared = max(_lines(str(value), _RECOVERY[column]) for column, value in values.items())
            for line, payee in enumerate(payees, start=row):
                self._words(sheet, line, 6, payee.name, self.text)
                sheet.write_number(line, _BACK, payee.amount / FEN, self.money)
                for column in (9, 10):
                    sheet.write_blank(line, column, None, self.text)
                sheet.set_row(line, 6 + _LINE * max(1, _lines(payee.name, _RECOVERY[6]), -(-shared // len(payees))))
                total += payee.amount
            row = last + 1
        if not self.content.recoveries:
            sheet.merge_range(row, 0, row, len(_RECOVERY) - 1, "无", self.middle)
            row += 1
        sheet.merge_range(row, 0, row, _BACK - 1, "合计", self.sum_text)
        self._sum(sheet, top, row, _BACK, total / FEN, self.sum)
        for column in range(_BACK + 1, len(_RECOVERY)):
            sheet.write_blank(row, column, None, self.sum_text)
        self._signatures(sheet, row + 2, ("制表", "复核", "审批"))
        _fit(sheet, head=top - 1)

    def _top(self, sheet: Any, title: str, columns: Sequence[_Column], said: str) -> int:
        """Title, what is to be known, and the head; the first row under them."""
        sheet.merge_range(0, 0, 0, len(columns) - 1, title, self.title)
        sheet.set_row(0, 30)
        width = sum(column.width for column in columns)
        sheet.merge_range(1, 0, 1, len(columns) - 1, said, self.plain)
        sheet.set_row(1, 4 + _LINE * -(-screen_width(said) // width))
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
            sheet.write_string(_TOP - 1, place, column.heading, self.head)
        sheet.set_row(_TOP - 1, 6 + _LINE * max(_lines(column.heading, column) for column in columns))
        return _TOP

    def _rules(self) -> str:
        payment = self.content.season.payment
        to = "各完成人按申报的比例分得奖金，未全部填写比例的平均分配，分到分，尾差按最大余数法归位"
        to = "奖金整笔付给第一完成单位" if payment.payee == "organisation" else to
        percent = payment.tax_percent
        held = "税款由财务部门填写" if percent is None else f"按年度规定代扣{percent:f}%税款"
        return f"{to}；{held}。暂缓和撤销的项目列零并注明原因。银行账号、证件号码由财务部门另行核对，不在本表。"

    def _tax(self, amount: int) -> int | None:
        percent = self.content.season.payment.tax_percent
        return None if percent is None else tax(amount, percent)

    def _sum(self, sheet: Any, top: int, row: int, column: int, value: float, form: Any) -> None:
        """The sum of the rows above, as a formula with its value."""
        sheet.write_formula(row, column, f"=SUM({xl_range(top, column, max(top, row - 1), column)})", form, value)

    def _signatures(self, sheet: Any, row: int, roles: Iterable[str]) -> None:
        sheet.write_string(row, 0, "　　　　　　　　".join(f"{role}：" for role in roles), self.signature)
        sheet.set_row(row, 28)


class _Totals(NamedTuple):
    """Of some prizes, in fen; how many are paid."""

    won: int
    gross: int
    share: int
    withheld: int

    @classmethod
    def of(cls, prizes: Iterable[Prize], season: Season) -> Self:
        paid = [prize for prize in prizes if not prize.why]
        amounts = [payee.amount for prize in paid for payee in prize.payees]
        percent = season.payment.tax_percent
        withheld = sum(tax(amount, percent) for amount in amounts) if percent is not None else 0
        return cls(len(paid), sum(prize.paid for prize in paid), sum(amounts), withheld)

    def columns(self) -> Iterator[tuple[int, int, int]]:
        """(column of the summary, column of the list, value) of each sum of money."""
        sums = (self.gross, self.share, self.withheld, self.share - self.withheld)
        yield from zip(range(2, 6), (_GROSS, _SHARE, _TAX, _NET), sums, strict=True)


def _lines(text: str, column: _Column) -> int:
    """Lines that a text takes in a column: not every program fits wrapped text by itself."""
    return max(1, -(-screen_width(text) // max(1, column.width - 2)))


def _fit(sheet: Any, *, head: int) -> None:
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(head)
    sheet.center_horizontally()
    sheet.freeze_panes(head + 1, 0)
    sheet.set_footer("&C第&P页，共&N页")
