"""How alike two titles are, for the office's eyes: never a decision by itself."""

from collections.abc import Iterator, Sequence

import numpy as np
from rapidfuzz import fuzz, process

_ROWS = 500


def near_pairs(
    here: Sequence[tuple[str, str]], earlier: Sequence[tuple[str, str]], least: int
) -> Iterator[tuple[str, str, int]]:
    """Pairs (number, other, percent) of titles at least so alike, each pair once, by number.

    `here` and `earlier` hold (number, title key). Similarity is the normalised InDel ratio
    (twice the longest common subsequence over the summed lengths), in percent.
    """
    others = [*here, *earlier]
    keys = [key for _, key in others]
    for start in range(0, len(here), _ROWS):
        block = here[start : start + _ROWS]
        scores = process.cdist(
            [key for _, key in block], keys, scorer=fuzz.ratio, score_cutoff=least, dtype=np.uint8, workers=-1
        )
        for row, column in zip(*np.nonzero(scores), strict=True):
            if column > start + row:
                yield block[row][0], others[column][0], int(scores[row, column])
