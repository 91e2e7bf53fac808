"""The number of a submission: season, reporting unit, running number within the unit, as in 2026-500237-0001."""

from typing import NamedTuple, Self

from config.errors import GangchuangError


class UnknownSubmission(GangchuangError):
    def __init__(self, number: str) -> None:
        self.number = number
        self.chinese = f"没有编号为“{number}”的项目。没有任何改动。"
        super().__init__(f"There is no submission {number!r}. Numbers look like 2026-500237-0001.")


class Number(NamedTuple):
    """A submission's number in its parts; `str` writes it, `of` reads it."""

    season: int
    unit: str
    place: int

    def __str__(self) -> str:
        return f"{self.season}-{self.unit}-{self.place:04d}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises UnknownSubmission for what is no number."""
        season, _, rest = text.partition("-")
        unit, _, place = rest.rpartition("-")
        if not (unit and all(part.isascii() and part.isdigit() for part in (season, place))):
            raise UnknownSubmission(text)
        return cls(int(season), unit, int(place))
