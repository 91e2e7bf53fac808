"""Numbers as people type them: units, separators, full-width digits, stored as text."""

import re
import unicodedata
from datetime import date, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from flows.workbooks.columns.cells import Cell, Parser, Understood, WrongCell, as_text, clean_line, means_nothing, quote

_NUMBER = r"(?P<number>[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+)"
_VAGUE = r"约|大约|近|超|超过|达|逾"
_AMOUNT = re.compile(
    rf"(?P<vague>{_VAGUE})?(?:人民币|¥|rmb)?{_NUMBER}(?P<more>余|多)?"
    r"(?P<scale>亿|千万|百万|十万|万|千)?(?P<yuan>元|圆|人民币|rmb)?(?P<less>左右|以上)?(?:/年|每年|/a)?",
    re.IGNORECASE,
)
_PERCENT = re.compile(rf"(?:占)?{_NUMBER}(?P<sign>%|个?百分点)?")
_POINTS = re.compile(rf"{_NUMBER}分?")
_RANK = re.compile(r"第?(?P<number>\d{1,6})(?:\.0+)?(?:名|位)?")
_COUNT = re.compile(r"(?P<number>\d{1,4})(?:\.0+)?(?:票|张)?")
# 万元 per unit; a bare number stands in the column's own unit.
_SCALES = {
    "亿": Decimal(10_000),
    "千万": Decimal(1000),
    "百万": Decimal(100),
    "十万": Decimal(10),
    "万": Decimal(1),
}
_MOST_WAN = Decimal(10_000_000)
_REMARKED_WAN, _ASKED_WAN = Decimal(1000), Decimal(10_000)  # bare numbers from here on may be meant in 元


def plain(number: Decimal, places: int) -> Decimal:
    """The same number without trailing zeros or exponent, rounded half to even at `places`."""
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN).normalize()
    return rounded if rounded.as_tuple().exponent <= 0 else rounded.quantize(Decimal(1))  # type: ignore[operator]


def _typed(value: Cell) -> str | WrongCell:
    """The text of a cell that should hold a number, folded to half width; "" for an empty one."""
    if isinstance(value, bool):
        return WrongCell("应填数字")
    if isinstance(value, date | time | timedelta):
        return WrongCell(f"应填数字，这里却是日期（{as_text(value)}），请把单元格格式改为“常规”再填")
    if isinstance(value, float | int):
        return "" if value != value else format(Decimal(as_text(float(value))), "f")
    text = unicodedata.normalize("NFKC", clean_line(value or "")).replace(" ", "").replace("，", ",")
    return "" if means_nothing(text) else text.replace("−", "-").replace("–", "-")


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def amount_wan(value: Cell) -> Any:
    """An amount of money in 万元; `125000元`, `12.5万` and `0.3亿` are converted. Four places (1 元)."""
    if type(value) is float and 0 <= value < _REMARKED_WAN:
        return Decimal(int(value)) if value.is_integer() else plain(Decimal(repr(value)), 4)
    typed = _typed(value)
    if isinstance(typed, WrongCell) or not typed:
        return typed or None
    match = _AMOUNT.fullmatch(typed) if len(typed) <= 40 else None
    if match is None:
        return WrongCell(f"应填数字，单位万元（现在填的是{quote(typed)}），例如：12.5")
    number = _decimal(match["number"])
    if match["scale"] == "千":
        number = number / 10
    elif match["scale"]:
        number = number * _SCALES[match["scale"]]
    elif match["yuan"]:
        number = number / 10_000
    if number < 0:
        return WrongCell("不能是负数")
    if number > _MOST_WAN:
        return WrongCell(f"{quote(typed)}超过1000亿元，请核对单位（本列单位是万元）")
    number = plain(number, 4)
    return _with_remark(number, typed, match)


def _with_remark(number: Decimal, typed: str, match: re.Match[str]) -> Any:
    bare = not (match["scale"] or match["yuan"])
    if bare and number >= _ASKED_WAN:
        return WrongCell(
            f"填了{quote(typed)}，即{plain(number / 10_000, 4)}亿元，请核对单位：本意是元的，请填{plain(number / 10_000, 4)}；"
            f"确有{plain(number / 10_000, 4)}亿元的，请写“{plain(number, 4)}万元”"
        )
    if match["vague"] or match["more"] or match["less"] or match["scale"] or match["yuan"]:
        return Understood(number, f"{quote(typed)}按{number}万元计")
    if number >= _REMARKED_WAN:
        return Understood(number, f"按{number}万元计；如果本意是元，请除以10000后重报")
    return number


def percent(value: Cell) -> Any:
    """A share in percent, at most 100, 0 for none; two places. Fractions are judged with their row."""
    typed = _typed(value)
    if isinstance(typed, WrongCell) or not typed:
        return typed or None
    match = _PERCENT.fullmatch(typed) if len(typed) <= 40 else None
    exact = _decimal(match["number"]) if match else None
    number = plain(exact, 4) if exact is not None and abs(exact) <= 100 else None
    if number == 0:
        return Understood(None, "填的是0，按没有填计")
    if number is None or number < 0:
        return WrongCell(f"应填0到100之间的百分数（现在填的是{quote(typed)}），例如：30")
    return number if not (match and match["sign"]) or number > 1 else Understood(number, f"按{number}%计")


def points(maximum: int) -> Parser:
    """Points of one criterion: 0 to `maximum`, at most two places."""

    def parse(value: Cell) -> Any:
        typed = _typed(value)
        if isinstance(typed, WrongCell):
            return typed
        if not typed:
            return None
        match = _POINTS.fullmatch(typed) if len(typed) <= 40 else None
        if match is None:
            return WrongCell(f"应填0到{maximum}之间的分数（现在填的是{quote(typed)}）")
        number = _decimal(match["number"])
        if not 0 <= number <= maximum:
            return WrongCell(f"分数{quote(typed)}超出范围，应在0到{maximum}之间")
        if abs(number - plain(number, 2)) > Decimal("1e-9"):
            return WrongCell(f"分数{quote(typed)}最多保留两位小数")
        return plain(number, 2)

    return parse


def count(value: Cell) -> Any:
    """How many of something, from 0."""
    typed = _typed(value)
    if isinstance(typed, WrongCell) or not typed:
        return typed or None
    match = _COUNT.fullmatch(typed)
    return int(match["number"]) if match else WrongCell(f"应填票数，0或正整数（现在填的是{quote(typed)}）")


def rank(value: Cell) -> Any:
    """A place in an order, 1 is best."""
    typed = _typed(value)
    if isinstance(typed, WrongCell) or not typed:
        return typed or None
    match = _RANK.fullmatch(typed)
    if match is None or int(match["number"]) < 1:
        return WrongCell(f"应填正整数，1为最优（现在填的是{quote(typed)}）")
    return int(match["number"])
