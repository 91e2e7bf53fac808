"""How alike two titles are, for the office's eyes: never a decision by itself."""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil

import numpy as np
from rapidfuzz import fuzz, process

_PAIRS = 1_000_000  # that are looked at together, of some hundred bytes each
_WORDS = 4  # of 64 bits each, a title's signature


def near_pairs(
    here: Sequence[tuple[str, str]], earlier: Sequence[tuple[str, str]], least: int
) -> Iterator[tuple[str, str, int]]:
    """Pairs (number, other, percent) of titles at least so alike, each pair once, by number.

    `here` and `earlier` hold (number, title key). Similarity is the normalised InDel ratio
    (twice the longest common subsequence over the summed lengths), in percent.

    Only titles that may be so alike are compared, and none of these is left out: a common
    subsequence is no longer than what two titles share of characters, each counted as often as it
    stands, and two titles that share enough have one of their rarest in common (the prefix filter
    of set similarity joins: Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007).
    """
    others = [*here, *earlier]
    keys = np.array([key for _, key in others], dtype=object)
    lengths = np.array([len(key) for key in keys])
    signs = _signs([key for _, key in others])
    signatures = np.array([_signature(own) for own in signs], dtype=np.uint64)
    fraction = Fraction(least, 200 - least)  # of its characters, how many a title shares at the least
    prefixes = [own[: len(own) - ceil(len(own) * fraction) + 1] for own in signs]
    titles = _titles_by_sign(prefixes)
    together = max(1, _PAIRS // max(1, len(others)))
    for start in range(0, len(here), together):
        found = [_later(index, prefixes[index], titles) for index in range(start, min(start + together, len(here)))]
        rows = np.repeat(np.arange(start, start + len(found)), [len(later) for later in found])
        columns = np.concatenate(found)
        unshared = _unshared(signatures[rows], signatures[columns]), _unshared(signatures[columns], signatures[rows])
        shared = np.minimum(lengths[rows] - unshared[0], lengths[columns] - unshared[1])
        likely = 200 * shared >= least * (lengths[rows] + lengths[columns])
        rows, columns = rows[likely], columns[likely]
        percents = process.cpdist(
            keys[rows], keys[columns], scorer=fuzz.ratio, score_cutoff=least, dtype=np.uint8, workers=-1
        )
        for index in np.flatnonzero(percents):
            yield others[rows[index]][0], others[columns[index]][0], int(percents[index])


def closest(key: str, others: Sequence[str], least: int) -> tuple[int, int] | None:
    """(place, percent) of the title key most like one, at least so alike; the first of equals."""
    found = process.extractOne(key, others, scorer=fuzz.ratio, score_cutoff=least)
    return None if found is None else (found[2], int(found[1]))


def _signs(keys: Sequence[str]) -> list[list[int]]:
    """Each title's characters as numbers, the rarest first; a second 机 in a title counts as a sign of its own."""
    titles = [[(sign, key[:index].count(sign)) for index, sign in enumerate(key)] or [("", 0)] for key in keys]
    frequency = Counter(sign for title in titles for sign in title)
    rank = {sign: index for index, sign in enumerate(sorted(frequency, key=lambda sign: (frequency[sign], sign)))}
    return [sorted(rank[sign] for sign in title) for title in titles]


def _signature(signs: Sequence[int]) -> list[int]:
    words = [0] * _WORDS
    for sign in signs:
        words[sign % _WORDS] |= 1 << (sign // _WORDS % 64)
    return words


def _titles_by_sign(prefixes: Sequence[Sequence[int]]) -> dict[int, np.ndarray]:
    """The titles in whose prefix a sign stands, in their order."""
    titles: dict[int, list[int]] = {}
    for index, prefix in enumerate(prefixes):
        for sign in prefix:
            titles.setdefault(sign, []).append(index)
    return {sign: np.array(places) for sign, places in titles.items()}


def _later(index: int, prefix: Sequence[int], titles: dict[int, np.ndarray]) -> np.ndarray:
    """The titles behind a title that have one of its rarest signs among theirs."""
    found = [own[np.searchsorted(own, index, "right") :] for own in (titles[sign] for sign in prefix)]
    return np.unique(np.concatenate(found))


def _unshared(signatures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of how many characters, at the least, the other title has none."""
    missing: np.ndarray = np.bitwise_count(signatures & ~others).sum(axis=1)
    return missing
