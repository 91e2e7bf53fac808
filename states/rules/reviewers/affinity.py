"""How near an expert is to a submission: their fields first, then the words they share. Pure, deterministic.

    affinity = 0.7 · field + 0.3 · text

field: 1 where the submission's field is the expert's main one, 0.8 where it is another of theirs,
else 0. text: cosine of the TF-IDF vectors of character bigrams (Salton and Buckley 1988, smoothed
idf), scaled so that the nearest pair of all has 1. Bigrams need no word list for
Chinese.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

FIELD_WEIGHT, TEXT_WEIGHT = 0.7, 0.3
MAIN_FIELD, OTHER_FIELD = 1.0, 0.8
_PLACES = 6


@dataclass(frozen=True, slots=True)
class SubmissionProfile:
    """What a submission is about; no names of people or organisations belong in `text`."""

    number: str
    field: str
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class ExpertProfile:
    """What an expert knows: `fields` with the main one first."""

    identifier: str
    fields: tuple[str, ...]
    text: str


def affinity(submissions: Sequence[SubmissionProfile], experts: Sequence[ExpertProfile]) -> NDArray[np.float64]:
    """float64[P,R] in [0, 1], rounded to six decimals, so that every machine assigns alike."""
    fields = np.array([[_field(submission.field, expert.fields) for expert in experts] for submission in submissions])
    return np.round(
        FIELD_WEIGHT * fields.reshape(len(submissions), len(experts)) + TEXT_WEIGHT * _text(submissions, experts),
        _PLACES,
    )


def _field(field: str, known: tuple[str, ...]) -> float:
    if field not in known:
        return 0.0
    return MAIN_FIELD if known[0] == field else OTHER_FIELD


def _text(submissions: Sequence[SubmissionProfile], experts: Sequence[ExpertProfile]) -> NDArray[np.float64]:
    texts = [submission.text for submission in submissions] + [expert.text for expert in experts]
    vectors = _vectors([_bigrams(text) for text in texts])
    cosine = np.asarray((vectors[: len(submissions)] @ vectors[len(submissions) :].T).todense())
    nearest = cosine.max(initial=0.0)
    return cosine / nearest if nearest > 0 else cosine


def _bigrams(text: str) -> Counter[str]:
    folded = "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
    return Counter(folded[index : index + 2] for index in range(len(folded) - 1))


def _vectors(counts: Sequence[Counter[str]]) -> "sparse.csr_matrix":
    """Rows of unit length: term frequency times smoothed inverse document frequency."""
    # Scipy is heavy, and only the drawing of a panel needs it.
    from scipy import sparse

    documents = Counter(term for document in counts for term in document)
    columns = {term: column for column, term in enumerate(sorted(documents))}
    idf = {term: np.log((1 + len(counts)) / (1 + many)) + 1 for term, many in documents.items()}
    rows, places, values = [], [], []
    for row, document in enumerate(counts):
        weights = {term: count * idf[term] for term, count in document.items()}
        length = float(np.sqrt(sum(weight**2 for weight in weights.values()))) or 1.0
        for term, weight in weights.items():
            rows.append(row)
            places.append(columns[term])
            values.append(weight / length)
    return sparse.csr_matrix((values, (rows, places)), shape=(len(counts), max(len(columns), 1)))
