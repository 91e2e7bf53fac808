"""Titles and texts of invented achievements, put together from the words of their field."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from rapidfuzz import fuzz, process

from flows.demo.vocabulary import Trade, Work, sentences, trade_of, vocabulary
from models.enums import Category

TOO_ALIKE = 80
_ATTEMPTS = 500


class WordsExhausted(ValueError):
    """The vocabulary of a field gives no further title that differs enough from those used."""

    def __init__(self, field: str) -> None:
        super().__init__(f"no further title for {field!r} differs enough from those used already")


@dataclass(frozen=True)
class Story:
    """What a form tells about one achievement."""

    abstract: str
    innovation: str
    practicality: str
    benefit_social: str
    spread: str
    adoption: str


def invent_work(rng: Random, field: str) -> Work:
    """One of a field's kinds of work."""
    return rng.choice(trade_of(field).works)


def invent_title(rng: Random, field: str, work: Work, category: Category, used: list[str]) -> str:
    """A title unlike every one in `used`, which it joins. Raises WordsExhausted."""
    trade = trade_of(field)
    for _ in range(_ATTEMPTS):
        title = rng.choice(sentences().titles[category.value]).format(
            thing=rng.choice(work.things),
            device=rng.choice(work.devices),
            quality=rng.choice(vocabulary().qualities),
            process=rng.choice(work.processes),
            post=rng.choice(trade.posts),
        )
        if is_new(title, used):
            used.append(title)
            return title
    raise WordsExhausted(field)


def is_new(title: str, used: Iterable[str]) -> bool:
    """Whether a title differs enough from all others for nobody to take it for one of them."""
    return process.extractOne(title, used, scorer=fuzz.ratio, score_cutoff=TOO_ALIKE) is None


def tell_story(rng: Random, field: str, work: Work, title: str) -> Story:
    """The texts of one achievement, of the length and variety of real forms."""
    trade = trade_of(field)
    facts = _facts(rng, trade, work, title)

    def say(*purposes: str) -> str:
        chosen = "".join(rng.choice(sentences().texts[purpose]) for purpose in purposes)
        some = {"n": rng.randint(2, 9), "month": rng.randint(1, 12), "post": rng.choice(trade.posts)}
        return chosen.format(**some, **facts)

    return Story(
        abstract=say("problems", "answers", "results", "today"),
        innovation=say("news", "proofs"),
        practicality=say("handling", "upkeep"),
        benefit_social=say("social"),
        spread=say("spread"),
        adoption=say("adoption"),
    )


def _facts(rng: Random, trade: Trade, work: Work, title: str) -> dict[str, str]:
    """What all texts of one achievement speak of."""
    thing = next((candidate for candidate in work.things if candidate in title), rng.choice(work.things))
    other = rng.choice([candidate for candidate in work.things if candidate != thing])
    troubles, means, gains = rng.sample(work.troubles, 2), rng.sample(work.means, 3), _gains(rng, trade)
    return {
        "thing": thing,
        "other": other,
        "name": f"“{title}”" if len(title) < 20 else "本成果",
        "trouble": troubles[0],
        "burden": troubles[1],
        "first": means[0],
        "second": means[1],
        "third": means[2],
        "x": gains[0],
        "y": gains[1],
        "z": gains[2],
    }


def _gains(rng: Random, trade: Trade) -> list[str]:
    ranges = {"a": (11, 36), "b": (2, 6), "c": (93, 99), "d": (12, 55)}
    numbers = {name: rng.randint(*ends) for name, ends in ranges.items()}
    return [gain.format(**numbers) for gain in rng.sample(trade.gains, 3)]
