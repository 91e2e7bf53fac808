"""The words of each field of work and the sentences made of them: two TOML files, typed."""

import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

HERE = Path(__file__).parent


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Work(_Words):
    """One kind of work: things worked on, devices for them, processes, troubles and ways out."""

    things: tuple[str, ...]
    devices: tuple[str, ...]
    processes: tuple[str, ...]
    troubles: tuple[str, ...]
    means: tuple[str, ...]


class Trade(_Words):
    """One field of work: its kinds of work, what is gained, who employs and who works there."""

    works: tuple[Work, ...]
    gains: tuple[str, ...]
    employers: tuple[str, ...]
    posts: tuple[str, ...]


class Vocabulary(_Words):
    qualities: tuple[str, ...]
    fields: dict[str, Trade]


class Sentences(_Words):
    """Lists of patterns by purpose."""

    titles: dict[str, tuple[str, ...]]
    texts: dict[str, tuple[str, ...]]
    comments: dict[str, tuple[str, ...]]


@lru_cache
def vocabulary() -> Vocabulary:
    """All words, read once."""
    return Vocabulary.model_validate(tomllib.loads((HERE / "vocabulary.toml").read_text("utf-8")))


@lru_cache
def sentences() -> Sentences:
    """All patterns, read once."""
    return Sentences.model_validate(tomllib.loads((HERE / "sentences.toml").read_text("utf-8")))


def trade_of(field: str) -> Trade:
    """The words of a field; a field that a season invents anew borrows those of another, always the same."""
    known = list(vocabulary().fields.values())
    return vocabulary().fields.get(field) or known[sum(map(ord, field)) % len(known)]
