"""Where a text gives away who stands behind it: names of people and organisations, found and masked.

People write a name with blanks or dots between its characters, in full or half width, in traditional
characters, with signs that look alike or that nobody sees, and an organisation without its legal form
or the city in front. All of these are found. A person's
name of a single character is not looked for, nor is a rest of an organisation's name that is
shorter than `_LEAST`: both would stand in half of all texts by chance.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from states.rules.names import fold, like_digits

MASK = "■■"
_LEAST = 4
_BETWEEN = r"[\s\-·•・‧.]*"
_LEGAL_FORM = re.compile(r"\(?(?:有限责任公司|股份有限公司|有限公司|总公司|公司|集团)\)?$")
_CITY = re.compile(r"^重庆市?")
_NOBODY = frozenset({"个人", "自由职业", "退休", "已退休", "没有", "暂无"})


@dataclass(frozen=True, slots=True)
class Trace:
    """A name that stands in a text: what was looked for, and how it is written there."""

    name: str
    written: str


class Blindfold:
    """Masks the names of one submission's people and organisations."""

    def __init__(self, people: Iterable[str], organisations: Iterable[str]) -> None:
        self._names: dict[str, str] = {}
        for person in people:
            self._look_for(person, person, least=2)
        for organisation in organisations:
            for spelling in _spellings(organisation):
                self._look_for(spelling, organisation, least=_LEAST)

    def mask(self, text: str) -> tuple[str, tuple[Trace, ...]]:
        """The text with every name masked, and what was found, in the order of the text."""
        bare_text = text.translate(_BARE)
        if not any(bare in bare_text for bare in self._names):
            return text, ()
        plain, origin = _folded(text)
        masked, traces, done = "", [], 0
        for found in self._pattern.finditer(plain):
            begin, end = origin[found.start()], origin[found.end() - 1] + 1
            masked += text[done:begin] + MASK
            traces.append(Trace(self._names[_bare(found.group())], text[begin:end]))
            done = end
        return masked + text[done:], tuple(traces)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Compiling takes milliseconds, and most texts name nobody."""
        longest_first = sorted(self._names, key=lambda bare: (-len(bare), bare))
        return re.compile("|".join(map(_loosely, longest_first)))

    def _look_for(self, spelling: str, name: str, *, least: int) -> None:
        bare = spelling.translate(_BARE)
        if len(bare) >= least and bare not in _NOBODY:
            self._names.setdefault(bare, name)


def _spellings(organisation: str) -> Iterable[str]:
    """How people write an organisation: whole, with ever less of the legal form, each with and without the city."""
    spellings = [_folded(organisation.strip())[0]]
    while (shorter := _LEGAL_FORM.sub("", spellings[-1])) != spellings[-1]:
        spellings.append(shorter)
    return dict.fromkeys([*spellings, *(_CITY.sub("", spelling) for spelling in spellings)])


def _folded(text: str) -> tuple[str, list[int]]:
    """Every sign folded, with the place in the text from which each one came."""
    characters, origin = [], []
    for index, character in enumerate(text):
        for folded in like_digits(fold(character)):
            characters.append(folded)
            origin.append(index)
    return "".join(characters), origin


def _bare(folded: str) -> str:
    return re.sub(_BETWEEN, "", folded)


class _Signs(dict[int, str]):
    """For `str.translate`: every sign folded, and none of those between the signs of a name."""

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, _bare(like_digits(fold(chr(code)))))


_BARE = _Signs()


def _loosely(bare: str) -> str:
    return _BETWEEN.join(map(re.escape, bare))
