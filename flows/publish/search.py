"""The search's index: for each sign and pair of signs of a season's texts, which cases have it, in many small files.

Whatever a text holds, the index holds every pair of it: a word is found wherever it stands (recall 1). Both sides are
made alike first: NFKC, lower case, traditional signs simplified.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from flows.publish.facts import SeasonFacts
from states.submissions.released import Released

SIMPLIFIED = "simplified.js"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MOST_SHARDS = 256
_CASES_A_SHARD = 6


def search_files(season: SeasonFacts) -> Iterator[tuple[str, bytes]]:
    """The season's shards; each names its season and version, so that no page mixes two releases."""
    count = shards_for(len(season.cases))
    shards: list[dict[str, str]] = [{} for _ in range(count)]
    for gram, indexes in index_of(map(text_of, by_number(season))).items():
        shards[shard_of(gram, count)][gram] = steps(indexes, -1)
    for number, grams in enumerate(shards):
        told = json.dumps(dict(sorted(grams.items())), ensure_ascii=False, separators=(",", ":"))
        text = f'GC.shard({season.year},"{season.version}",{number},{told});\n'
        yield f"cases/data/{season.year}/s{number}.js", text.replace("\u2028", "\\u2028").encode()


def by_number(season: SeasonFacts) -> list[Released]:
    """The season's cases in the order in which lists and index count them."""
    return [season.cases[number] for number in sorted(season.cases)]


def text_of(case: Released) -> str:
    """What of a case is searched, but for its number: title, organisations, people, texts, what pictures show."""
    shown = (*(text for _, text in case.texts), *(picture.alt for picture in case.pictures))
    parts = (case.title, *case.organisations, *case.people, *shown)
    return plain("\n".join(filter(None, parts)))


def index_of(texts: Iterable[str]) -> dict[str, list[int]]:
    """Which texts, by their place, have each sign and each pair of signs; no pair reaches over an end of line."""
    found: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        grams = {text[start : start + 2] for start in range(len(text) - 1)}
        grams.update(text)
        for gram in grams:
            if "\n" not in gram:
                found.setdefault(gram, []).append(place)
    return found


def plain(text: str) -> str:
    """Text as it is compared."""
    return unicodedata.normalize("NFKC", text).lower().translate(_simplified())


def shards_for(cases: int) -> int:
    """How many files the index of so many cases has: a power of two, so that each stays small."""
    count = 1
    while count < _MOST_SHARDS and count * _CASES_A_SHARD < cases:
        count *= 2
    return count


def shard_of(gram: str, count: int) -> int:
    return (ord(gram[0]) * 31 + (ord(gram[1]) if len(gram) > 1 else 0)) % count


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


@lru_cache
def _simplified() -> dict[int, str]:
    """Traditional sign -> simplified one, sign by sign, from OpenCC's tables."""
    from opencc import OpenCC  # its tables take a tenth of a second to load

    signs = [chr(point) for first, last in ((0x3400, 0x9FFF), (0x20000, 0x2FA1F)) for point in range(first, last + 1)]
    converted = OpenCC("t2s").convert("\n".join(signs)).split("\n")
    pairs = zip(signs, converted, strict=True)
    return {ord(sign): simple for sign, simple in pairs if sign != simple and len(simple) == 1}
