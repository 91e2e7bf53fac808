"""The deeds that a play chooses from, and when each has its time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True)
class Deed:
    """Something that people do, with what is drawn for it, and the states of the call in which it has its time."""

    does: Callable[..., None]
    drawn: dict[str, st.SearchStrategy[Any]]
    at_home: tuple[str, ...]
    weight: int


DEEDS: dict[str, Deed] = {}


def deed(*at_home: str, weight: int = 1, **drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Enter a method as a deed; it has its time always, when no state of the call is given."""

    def enter(does: Callable[..., None]) -> Callable[..., None]:
        DEEDS[does.__name__] = Deed(does, drawn, at_home, weight)
        return does

    return enter


def at_home(call: str, *, any_time: bool) -> list[Deed]:
    """What has its time in a state of the call, by weight; or everything once."""
    if any_time:
        return [*DEEDS.values()]
    fitting = (one for one in DEEDS.values() if not one.at_home or call in one.at_home)
    return [one for one in fitting for _ in range(one.weight)]
