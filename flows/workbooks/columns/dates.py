"""Dates as people type them, and those that must be asked back because they can mean two things."""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Any

from flows.workbooks.columns.cells import Cell, Understood, WrongCell, as_text, clean_line, means_nothing, quote

EXAMPLE = "例如：2025-03-05"
_EARLIEST, _LATEST = date(1990, 1, 1), date(2100, 1, 1)
_EPOCH = date(1899, 12, 30)  # serial numbers of Excel's 1900 system, good from 1900-03-01 on
_NUMBERS_UNTIL = 1910  # before it, a date is a small number that a date format has disguised
_DIGITS = str.maketrans("〇○零一二三四五六七八九", "000123456789")
_CLOCK = r"(?:[T ]?\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_FULL = re.compile(rf"(\d{{4}})[-./年,_](\d{{1,2}})[-./月,_](\d{{1,2}})[日号]?{_CLOCK}")
_EIGHT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MONTH = re.compile(r"(\d{4})[-./年,_](\d{1,2})(?:月份?)?")
_SIX = re.compile(r"(\d{4})(\d{2})")
_SHORT_YEAR = re.compile(r"\d{2}[-./年]\d{1,2}[-./月]\d{1,2}日?|\d{2}年\d{1,2}月")
_DAY_FIRST = re.compile(r"\d{1,2}[-./]\d{1,2}[-./]\d{4}")
_TENS = re.compile(r"([一二三]?)十([一二三四五六七八九]?)")


def day(value: Cell) -> Any:
    """A calendar date. A month without a day means its first day, as in Excel itself."""
    if isinstance(value, datetime):
        return _within(value.date()) if value.year > _NUMBERS_UNTIL else _from_number(_serial(value))
    if isinstance(value, date):
        return _within(value) if value.year > _NUMBERS_UNTIL else _from_number(float((value - _EPOCH).days))
    if isinstance(value, bool | time | timedelta):
        return WrongCell(f"应填日期，{EXAMPLE}")
    if isinstance(value, int | float):
        return _from_number(float(value))
    text = _folded(value or "")
    return None if means_nothing(text) else _from_text(text)


def _serial(moment: datetime) -> float:
    """The number that was typed into a cell with a date format: 2025.3 shows as a day in 1905."""
    return round((moment - datetime.combine(_EPOCH, time())) / timedelta(days=1), 6)


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", clean_line(text)).replace("。", ".").replace("—", "-").replace("–", "-")
    folded = re.sub(r"\s*([-./年月日号,:])\s*", r"\1", folded.strip()).strip(" .")
    if re.search(r"[一二三四五六七八九十〇○]", folded):
        folded = _TENS.sub(lambda ten: (ten[1] or "一") + (ten[2] or "0"), folded).translate(_DIGITS)
    return folded


def _from_text(text: str) -> Any:
    if len(text) > 40:
        return WrongCell(f"应填一个日期，{EXAMPLE}")
    for pattern in (_FULL, _EIGHT):
        if match := pattern.fullmatch(text):
            return _made(text, int(match[1]), int(match[2]), int(match[3]))
    for pattern in (_MONTH, _SIX):
        if match := pattern.fullmatch(text):
            return _first_of_month(text, int(match[1]), int(match[2]))
    if re.fullmatch(r"\d{5}(?:\.\d+)?", text):
        return _from_number(float(text))
    if re.fullmatch(r"\d{4}年?", text):
        return WrongCell(f"只写了年份{quote(text)}，请写到年月日，{EXAMPLE}")
    if _SHORT_YEAR.fullmatch(text):
        return WrongCell(f"{quote(text)}的年份请写四位，{EXAMPLE}")
    if _DAY_FIRST.fullmatch(text):
        return WrongCell(f"{quote(text)}分不清月和日，请按年-月-日填，{EXAMPLE}")
    return WrongCell(f"看不懂日期{quote(text)}，请只填一个日期，{EXAMPLE}")


def _from_number(number: float) -> Any:
    if number != number or number < 0:
        return WrongCell(f"应填日期，{EXAMPLE}")
    if number.is_integer() and 19_000_101 <= number <= 21_001_231:
        return _from_text(str(int(number)))
    if number.is_integer() and 199_001 <= number <= 210_012:
        return _from_text(str(int(number)))
    if 32_874 <= number <= 73_050:
        return _within(_EPOCH + timedelta(days=int(number)))
    if number.is_integer() and 1990 <= number <= 2100:
        return WrongCell(f"只写了年份“{number:.0f}”，请写到年月日，{EXAMPLE}")
    if 1990 <= number < 2101:
        return _from_decimal_point(number)
    return WrongCell(f"应填日期，现在是数字{quote(as_text(number))}，{EXAMPLE}")


def _from_decimal_point(number: float) -> Any:
    """2025.3 typed into a number cell; 2025.1 may have been 2025.10."""
    year, _, month = repr(number).partition(".")
    if month == "1":
        return WrongCell(f"“{year}.1”分不清是1月还是10月（表格会去掉末尾的0），请按年-月-日填，{EXAMPLE}")
    if len(month) <= 2:
        return _first_of_month(repr(number), int(year), int(month))
    return WrongCell(f"看不懂日期“{number!r}”，{EXAMPLE}")


def _first_of_month(text: str, year: int, month: int) -> Any:
    found = _made(text, year, month, 1)
    if isinstance(found, WrongCell):
        return found
    return Understood(found, f"{quote(text)}没有写日，按{found.isoformat()}计")


def _made(text: str, year: int, month: int, day_: int) -> Any:
    try:
        return _within(date(year, month, day_))
    except ValueError:
        return WrongCell(f"日历上没有{quote(text)}这一天，请核对")


def _within(found: date) -> Any:
    if not _EARLIEST <= found < _LATEST:
        return WrongCell(f"日期{found.isoformat()}不合常理，请核对年份")
    return found
