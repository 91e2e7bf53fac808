"""Names of people and organisations as they stand in cells: one, several that can be told apart, or a question.

A cell with three people would otherwise be one person whom no limit counts, no conflict finds and no mask hides.
"""

import re
from typing import Any

from flows.workbooks.columns.cells import (
    Cell,
    Understood,
    WrongCell,
    as_text,
    clean_line,
    compact,
    elsewhere,
    means_nothing,
    name,
    quote,
)

_LIMIT = 200
_HAN = r"[\u3400-\u9fff\U00020000-\U0003ffff]"
_BETWEEN = re.compile(r"[、，,;；/／|\n]+")
_PHONE = re.compile(r"[\s:：(（]*(?:电话|手机|联系方式|tel)?[\s:：.]*\+?\d[\d\s-]{5,}\d[)）]?", re.IGNORECASE)
_USUAL = re.compile(rf"{_HAN}{{2,3}}")
_BRACKET = re.compile(r"\s*[(（][^()（）]*[)）]$")
_PERSON = re.compile(rf"{_HAN}{{2,4}}|{_HAN}+(?:[·•・]{_HAN}+)+|[A-Za-z][A-Za-z.'·-]*(?: [A-Za-z][A-Za-z.'·-]*)*")
_NOBODY = re.compile(
    r"等(?:[\d一二三四五六七八九十几]*[人名位])?$|同[上前左]$|附[件表]$|^(?:本人|个[人体]|自己|自然人)$"
    r"|(?:班|班组|小组|项目组|团队|集体|全体|全体人员|职工|员工|车间|科室|工作室|公司|部门)$"
)
_DOUBLE_SURNAME = re.compile(
    r"欧阳|太史|端木|上官|司马|东方|独孤|南宫|万俟|闻人|夏侯|诸葛|尉迟|公羊|赫连|澹台|皇甫|宗政|濮阳|公冶|太叔"
    r"|申屠|公孙|慕容|仲孙|钟离|长孙|宇文|司徒|鲜于|司空|闾丘|子车|亓官|司寇|令狐|轩辕|呼延|百里|东郭|南门|西门"
)
_NO_ORGANISATION = frozenset({"个人", "本人", "个体", "自己", "自然人"})
_BLANKS, _LISTS = re.compile(r"\s+"), re.compile("[、；;]")
_LEGAL_BODY = re.compile(r"(?:公司|厂|集团|医院|大学|合作社|银行)$")
_BODY = re.compile(
    r"(?:公司|厂|院|所|校|学|局|中心|站|队|集团|协会|学会|委员会|社|处|店|场|馆|政府|办公室|园|矿|段|行|部|基地)(?:[(（].*[)）])?$"
)


def people(value: Cell) -> Any:
    """The name of one person, or an understood tuple of several."""
    text = as_text(value)
    if _USUAL.fullmatch(text) and not _NOBODY.search(text):
        return text
    seen = name(_LIMIT)(value)
    if seen is None or isinstance(seen, WrongCell) or means_nothing(text):
        return seen if isinstance(seen, WrongCell) else None
    if elsewhere(text) or compact(text) in _NO_ORGANISATION:
        return WrongCell(f"应填姓名，现在填的是{quote(text)}，请写出姓名")
    bare = _PHONE.sub("", text)
    parts = [part for piece in _BETWEEN.split(bare) if (part := _BRACKET.sub("", clean_line(piece)))]
    if not parts or any(map(_NOBODY.search, parts)) or not any(map(str.isalpha, bare)):
        return WrongCell(f"填的是{quote(text)}，不是一个人的姓名。请逐人写全，一格一人")
    found = [person for part in parts for person in _by_blanks(part)]
    if len(found) == 1:
        return _one(found[0], text)
    if all(map(_PERSON.fullmatch, found)):
        return Understood(tuple(found), f"里有{len(found)}人，已分开登记：{'、'.join(found)}")
    return WrongCell(f"填的是{quote(text)}，像是几个人，但看不清怎样分开。请一格一人")


def person(value: Cell) -> Any:
    """The name of one person."""
    found = people(value)
    if isinstance(found, Understood) and isinstance(found.value, tuple):
        return WrongCell(f"填的是{quote(as_text(value))}，像是{len(found.value)}个人，请一行一人")
    return found


def bodies(value: Cell) -> Any:
    """The name of one organisation, or an understood tuple of several."""
    text = as_text(value)
    seen = name(_LIMIT)(value)
    if seen is None or isinstance(seen, WrongCell) or means_nothing(text):
        return seen if isinstance(seen, WrongCell) else None
    if elsewhere(text) or compact(text) in _NO_ORGANISATION:
        return WrongCell(f"应填公章上的单位全称，现在填的是{quote(text)}")
    for between, ending in ((_BETWEEN, _BODY), (_BLANKS, _LEGAL_BODY)):
        parts = [part for piece in between.split(text) if (part := clean_line(piece))]
        like = sum(1 for part in parts if ending.search(part))
        if len(parts) > 1 and like == len(parts):
            return Understood(tuple(parts), f"里有{len(parts)}个单位，已分开登记：{'、'.join(parts)}")
        if like > 1 or (between is _BETWEEN and like and _LISTS.search(text.strip("、；; \n"))):
            return WrongCell(f"填的是{quote(text)}，像是几个单位，请一格一个单位")
    return seen


def body(value: Cell) -> Any:
    """The name of one organisation."""
    found = bodies(value)
    if isinstance(found, Understood) and isinstance(found.value, tuple):
        return WrongCell(f"填的是{quote(as_text(value))}，像是{len(found.value)}个单位，请一格一个单位")
    return found


def _by_blanks(part: str) -> list[str]:
    """People with blanks between them; a blank within a name of two or three characters is no such."""
    words = part.split(" ")
    if len(words) == 1 or not all(re.fullmatch(rf"{_HAN}+", word) for word in words):
        return [part]
    if all(len(word) == 1 for word in words) or (len(words) == 2 and len(words[0]) == 1):
        return ["".join(words)]
    if min(map(len, words)) > 1 and not (len(words) == 2 and _DOUBLE_SURNAME.fullmatch(words[0])):
        return words
    return [part, ""]  # 张 三 李四, 欧阳 震华: nobody can tell


def _one(found: str, text: str) -> Any:
    if found != clean_line(text) and found.replace(" ", "") != compact(text):
        return Understood(found, f"{quote(text)}按姓名“{found}”计，其余没有采用")
    if re.fullmatch(rf"{_HAN}{{5,}}", found):
        return WrongCell(f"填的是{quote(found)}，像是几个人。请一格一人；姓名本来就长的，请用“·”隔开")
    return found
