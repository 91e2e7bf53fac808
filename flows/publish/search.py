"""The search's index: for each sign and pair of signs of a season's texts, which cases have it, in many small files.

Whatever a text holds, the index holds every pair of it: a word is found wherever it stands (recall 1). A case may have
all pairs of a word and not the word; so runs of three signs are in it too, many of them to a row, since rows of their
own would be too many. Both sides are made alike first: NFKC, lower case, traditional signs simplified.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flows.publish.facts import PublicSeason
from states.submissions.released import Released

SIMPLIFIED = "simplified.js"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MOST_SHARDS = 256
_CASES_A_SHARD = 6
_ROWS = 8192  # a season, in all its shards
_PRIME, _SPREAD = 65521, 22  # `cases.js` goes the same way from a run to its row
_POINT = 21  # bits of a sign
Numbers = NDArray[np.int64]


def search_files(season: PublicSeason) -> Iterator[tuple[str, bytes]]:
    """The season's shards; each names its season and version, so that no page mixes two releases."""
    for number, (grams, rows) in enumerate(shards_of([text_of(case) for case in by_number(season)])):
        told = json.dumps(grams, ensure_ascii=False, separators=(",", ":"))
        text = f'GC.shard({season.year},"{season.version}",{number},{told},"{",".join(rows)}");\n'
        yield f"cases/data/{season.year}/s{number}.js", text.replace("\u2028", "\\u2028").encode()


def shards_of(texts: Sequence[str]) -> list[tuple[dict[str, str], list[str]]]:
    """By shard: for each sign and pair the texts that have it, and for each row those with a run that falls into it.

    Texts are told by their place, as `steps`. No pair and no run reaches over white space.
    """
    count = shards_for(len(texts))
    signs, owners = _points(texts)
    solid = signs != ord(" ")
    singles, pairs = np.flatnonzero(solid), np.flatnonzero(solid[:-1] & solid[1:])
    first, second = signs[:-1][pairs], signs[1:][pairs]
    keys = np.concatenate((signs[singles] << _POINT, first << _POINT | second))
    shards: list[tuple[dict[str, str], list[str]]] = [({}, [""] * (_ROWS // count)) for _ in range(count)]
    for key, told in _postings(keys, np.concatenate((owners[singles], owners[pairs])), len(texts)):
        one, other = key >> _POINT, key & (1 << _POINT) - 1
        shards[(one * 31 + other) % count][0][chr(one) + (chr(other) if other else "")] = told
    runs = np.flatnonzero(solid[:-2] & solid[1:-1] & solid[2:])
    first, second, third = signs[runs], signs[runs + 1], signs[runs + 2]
    within = ((first * 31 + second) * 31 + third) % _PRIME * _SPREAD % _PRIME % (_ROWS // count)
    rows = (first * 31 + second) % count * (_ROWS // count) + within
    for row, told in _postings(rows, owners[runs], len(texts)):
        shard, place = divmod(row, _ROWS // count)
        shards[shard][1][place] = told
    return shards


def _points(texts: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Every sign of all texts as its code point, white space as a blank, one after each text; and whose it is."""
    lines = [" ".join(text.split()) + " " for text in texts]
    signs = np.frombuffer("".join(lines).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    return signs, np.repeat(np.arange(len(lines)), [len(line) for line in lines])


def _postings(keys: Numbers, owners: Numbers, texts: int) -> Iterator[tuple[int, str]]:
    """Each key, ascending, with the texts that have it."""
    met = np.sort(keys * texts + owners)
    met = met[np.flatnonzero(np.diff(met, prepend=-1))]
    key, owner = np.divmod(met, max(texts, 1))
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    step = np.diff(owner, prepend=-1)
    step[begins] = owner[begins] + 1
    told = list(map(_numerals(texts).__getitem__, step.tolist()))
    for start, end in pairwise([*begins.tolist(), len(met)]):
        yield int(key[start]), " ".join(told[start:end])


@lru_cache(maxsize=1)
def _numerals(most: int) -> list[str]:
    return [base36(number) for number in range(most + 1)]


def by_number(season: PublicSeason) -> list[Released]:
    """The season's cases in the order in which lists and index count them."""
    return [season.cases[number] for number in sorted(season.cases)]


def text_of(case: Released) -> str:
    """What of a case is searched, but for its number: title, organisations, people, texts, what pictures show."""
    shown = (*(text for _, text in case.texts), *(picture.alt for picture in case.pictures))
    parts = (case.title, *case.organisations, *case.people, *shown)
    return plain("\n".join(filter(None, parts)))


def plain(text: str) -> str:
    """Text as it is compared."""
    return unicodedata.normalize("NFKC", text).lower().translate(_simplified())


def shards_for(cases: int) -> int:
    """How many files the index of so many cases has: a power of two, so that each stays small."""
    count = 1
    while count < _MOST_SHARDS and count * _CASES_A_SHARD < cases:
        count *= 2
    return count


def steps(ascending: Iterable[int], before: int) -> str:
    """Ascending numbers as the steps between them, in base 36, the first one a step from `before`."""
    told = []
    for number in ascending:
        told.append(base36(number - before))
        before = number
    return " ".join(told)


def base36(number: int) -> str:
    signs = ""
    while number or not signs:
        number, rest = divmod(number, 36)
        signs = _DIGITS[rest] + signs
    return signs


def simplified_script() -> bytes:
    """The same table for the reader's side."""
    table = _simplified()
    told = ("".join(map(chr, table)), "".join(table.values()))
    return f"GC.simplified({json.dumps(told[0], ensure_ascii=False)},{json.dumps(told[1], ensure_ascii=False)});\n".encode()


def warm_up() -> None:
    """Read the table, once for all processes that are forked from this one."""
    _simplified()


@lru_cache
def _simplified() -> dict[int, str]:
    """Traditional sign -> simplified one, sign by sign, from OpenCC's tables."""
    from opencc import OpenCC  # its tables take a tenth of a second to load

    signs = [chr(point) for first, last in ((0x3400, 0x9FFF), (0x20000, 0x2FA1F)) for point in range(first, last + 1)]
    converted = OpenCC("t2s").convert("\n".join(signs)).split("\n")
    pairs = zip(signs, converted, strict=True)
    return {ord(sign): simple for sign, simple in pairs if sign != simple and len(simple) == 1}
