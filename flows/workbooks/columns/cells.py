"""One cell's value as people type it -> the value that a form holds.

Every parser takes what calamine gives (text, float, bool, date, datetime, time, timedelta; empty
is "") and returns the value, None for an empty cell, `Understood` when the meaning had to be
guessed and should be shown, or `WrongCell` with the sentence for the sender. None of them raises.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from rapidfuzz import fuzz, process
from stdnum.cn import uscc

from states.rules.names import INVISIBLE

Cell = str | int | float | bool | date | datetime | time | timedelta | None


@dataclass(frozen=True, slots=True)
class WrongCell:
    """Why a cell cannot be taken; `message` reads on after the column's name."""

    message: str


@dataclass(frozen=True, slots=True)
class Understood:
    """A value with the remark how it was understood."""

    value: Any
    remark: str


Parser = Callable[[Cell], Any]

_HALF = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_INVISIBLE = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff"
)
_UNSEEN = re.compile(f"[{INVISIBLE}]")
_DROPPED = re.compile(f"_x000[dD]_|\r|[{_INVISIBLE}\ud800-\udfff]")
_ODD_LINE = re.compile(f"_x000|[\\s{_INVISIBLE}\ud800-\udfff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000]")
_CHANGED_IN_NAME = re.compile(f"[ {INVISIBLE}\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_CHANGED_IN_LINE = re.compile("[ \uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_ODD_PROSE = re.compile(f"_x000|[\r\t\xa0{_INVISIBLE}\ud800-\udfff\u3000]")
_SPACES = re.compile(r"[ \t\xa0\u3000]+")
_BREAK_IN_CHINESE = re.compile(r"(?<=[^\x00-\xff])\s*\n\s*|\s*\n\s*(?=[^\x00-\xff])")
_MAIL = re.compile(r"[^@\s,;，；]+@[^@\s,;，；]+\.[A-Za-z0-9-]{2,}")
_PHONE = re.compile(r"\+?[0-9][0-9-]{5,19}(?:转[0-9]{1,6})?")
_LIST = re.compile(r"[;；、\n|]+|[,，](?!\d{3}(?!\d))")
_SHORT = 8
_NEAR = 60  # percent
_ELSEWHERE = frozenset(
    {"同上", "同前", "同左", "〃", "″", '"', "''", "′′", "略", "见附件", "详见附件", "见材料", "见附表", "如附件"}
)
_NOTHING = frozenset({"", "-", "--", "—", "——", "/", "\\", "无", "没有", "暂无", "空", "n/a", "na", "none", "null"})


def as_text(value: Cell) -> str:
    """What a person sees in the cell, near enough: 3.0 is 3, a date is 2025-03-05."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e22 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def clean_line(text: str) -> str:
    """One line: no breaks or invisible characters, half-width letters and digits, single spaces."""
    if _ODD_LINE.search(text) is None:
        return text
    text = _DROPPED.sub("", text.replace("\r\n", "\n")).translate(_HALF)
    return _SPACES.sub(" ", _BREAK_IN_CHINESE.sub("", text.strip()).replace("\n", " ")).strip()


def clean_prose(text: str) -> str:
    """Several lines: breaks stay, invisible characters and blanks at the ends go."""
    if _ODD_PROSE.search(text) is None:
        return text.strip()
    text = _DROPPED.sub("", text.replace("\r\n", "\n").replace("\t", " ").replace("\xa0", " "))
    return text.strip(" \n\u3000")


def compact(text: str) -> str:
    """The bare key of a word that is compared: compatibility forms folded, no blanks, lower case."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", clean_line(text))).lower()


def quote(text: str) -> str:
    """A cell's text in a sentence, short."""
    flat = clean_line(text)
    return f"“{flat[:24]}…”" if len(flat) > 25 else f"“{flat}”"


@dataclass(frozen=True, slots=True)
class Text:
    """The parser of a text of at most `limit` characters.

    `clean` makes a text tidy; among printable characters it changes only what `odd` finds and, where
    there is no `odd`, blanks at the ends. `asked` is said to who points elsewhere (见附件) instead of
    writing; `seen`: every sign must be one that people see.
    """

    limit: int
    clean: Callable[[str], str]
    odd: re.Pattern[str] | None = None
    advice: str = ""
    asked: str = ""
    seen: bool = False

    def __call__(self, value: Cell) -> Any:
        raw = value if type(value) is str else as_text(value)
        hidden = _UNSEEN.search(raw) if self.seen else None
        if hidden:
            where = f"第{hidden.start() + 1}个字处有看不见的字符（U+{ord(hidden[0]):04X}）"
            return WrongCell(f"{where}，请把这一格清空后重新输入")
        text = self.clean(raw)
        if self.asked and len(text) < _SHORT:
            if means_nothing(text):
                return None
            if elsewhere(text):
                return WrongCell(f"现在填的是{quote(text)}，{self.asked}")
        if len(text) > self.limit:
            return WrongCell(f"太长：有{len(text)}个字，最多{self.limit}个字{self.advice}")
        return text or None

    def column(self, values: Sequence[Cell]) -> list[Any] | None:
        """All of a column at once when nothing in it is odd, otherwise None."""
        if set(map(type, values)) != {str}:
            return None
        texts = cast(Sequence[str], values)
        if max(map(len, texts)) > self.limit:
            return None
        if self.asked and any(0 < len(value) < _SHORT for value in texts):
            return None
        joined = "".join(texts)
        if not joined.isprintable() or "_x000" in joined:
            return None
        if self.odd is None:
            return [text.strip() or None for text in texts]
        if self.odd.search(joined):
            return None
        return list(values) if all(values) else [value or None for value in values]


def line(limit: int) -> Text:
    """A name or title of at most `limit` characters."""
    return Text(limit, clean_line, _CHANGED_IN_LINE)


def name(limit: int, asked: str = "") -> Text:
    """A name or title: one line without signs that nobody sees, which would make two of what looks the same."""
    return Text(limit, clean_line, _CHANGED_IN_NAME, asked=asked, seen=True)


def prose(limit: int) -> Text:
    """A text of at most `limit` characters, line breaks allowed."""
    return Text(limit, clean_prose, advice="，请精简，详细材料放附件")


def told(limit: int) -> Text:
    """A text that experts are to read: not 见附件 or 略, which tells them nothing."""
    return Text(limit, clean_prose, advice="，请精简，详细材料放附件", asked="评审看不到别处的内容，请写在这一格里")


def choice(labels: Mapping[str, Any], also: Mapping[str, Any] | None = None) -> Parser:
    """One of a closed list, by its label or by another name people give it."""
    known = {compact(label): value for label, value in {**(also or {}), **labels}.items()}
    allowed, folded = "、".join(labels), {compact(label): label for label in labels}

    def parse(value: Cell) -> Any:
        key = compact(as_text(value))
        if not key:
            return None
        if key in known:
            return known[key]
        return WrongCell(f"只能填：{allowed}（现在填的是{quote(as_text(value))}{near(key, folded)}）")

    return parse


def near(key: str, words: Mapping[str, str]) -> str:
    """The word (by its key) that was most likely meant, as a question that goes on in a sentence; or empty."""
    found = process.extractOne(key, list(words), scorer=fuzz.ratio, score_cutoff=_NEAR) if key else None
    return f"，是不是“{words[found[0]]}”？" if found else ""


def credit_code(value: Cell) -> Any:
    """A unified social credit code (GB 32100-2015), checked by its check digit."""
    text = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", clean_line(as_text(value)))).upper()
    if text.lower() in _NOTHING:
        return None
    if isinstance(value, float) and abs(value) >= 1e15:
        return WrongCell("被当作数字，后几位已经丢失。请先把单元格设为“文本”格式再填18位代码")
    if len(text) != 18:
        return WrongCell(f"应为18位，现在是{len(text)}位（{quote(text)}）")
    if not uscc.is_valid(text):
        return WrongCell(f"{quote(text)}不是有效的代码（校验位不符），请核对营业执照或法人证书")
    return text


def phone(value: Cell) -> Any:
    """A telephone number: digits, hyphens, an extension."""
    if type(value) is str and value.isdigit() and value.isascii() and 6 <= len(value) <= 20:
        return value
    text = re.sub(r"[\s()]", "", unicodedata.normalize("NFKC", clean_line(as_text(value))))
    text = text.replace("—", "-").replace("–", "-")
    if text.lower() in _NOTHING:
        return None
    if _PHONE.fullmatch(text) is None:
        return WrongCell(f"{quote(text)}不像一个电话号码，请只填一个号码")
    return text


def mail(value: Cell) -> Any:
    """One mail address."""
    if type(value) is str and value.isascii() and len(value) <= 254 and _MAIL.fullmatch(value):
        return value
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", clean_line(as_text(value))))
    if text.lower() in _NOTHING:
        return None
    if _MAIL.fullmatch(text) is None or len(text) > 254:
        return WrongCell(f"{quote(text)}不像一个邮箱地址，请只填一个邮箱")
    return text


def words(value: Cell) -> Any:
    """A list in one cell, split at 、 ; , or a line break: a tuple of texts, None when there is none."""
    text = as_text(value)
    if not text:
        return None
    parts = [clean_line(part) for part in _LIST.split(text)]
    return tuple(dict.fromkeys([part for part in parts if part.lower() not in _NOTHING])) or None


def words_of(labels: tuple[str, ...]) -> Parser:
    """A list of words that must all be in a closed list."""
    known = {compact(label): label for label in labels}

    def parse(value: Cell) -> Any:
        parts = words(value)
        if parts is None:
            return None
        strange = [part for part in parts if compact(part) not in known]
        if strange:
            meant = near(compact(strange[0]), known)
            return WrongCell(f"只能填：{'、'.join(labels)}，可填多个，用“、”隔开（{quote(strange[0])}不在其中{meant}）")
        return tuple(known[compact(part)] for part in parts)

    return parse


def consent(value: Cell) -> Any:
    """Yes or no to publication; nothing is assumed from an empty cell."""
    key = compact(as_text(value))
    if key in {"同意", "是", "y", "yes", "true", "√", "✓", "✔", "☑", "愿意"}:
        return True
    if key in {"不同意", "否", "n", "no", "false", "×", "✗", "x", "不愿意"}:
        return False
    return WrongCell(f"只能填：同意、不同意（现在填的是{quote(as_text(value))}）") if key else None


def elsewhere(text: str) -> bool:
    """True for what points to another cell or paper instead of saying it: 同上, 见附件, 略."""
    return compact(text) in _ELSEWHERE


def means_nothing(text: str) -> bool:
    """True for what people write into a cell to say that there is nothing."""
    return compact(text) in _NOTHING
