"""Which deadline holds for whom: a district's own date before the season's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from config.milestones import Milestone


@dataclass(frozen=True, slots=True)
class Dated:
    """One dated milestone as kept: `unit` is empty for the season's own date."""

    milestone: Milestone
    ordinal: int
    unit: str
    due_at: datetime
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The dates of one season, asked by milestone and unit."""

    dates: Mapping[tuple[Milestone, str], datetime]

    @classmethod
    def of(cls, dated: Iterable[Dated]) -> "Deadlines":
        return cls({(one.milestone, one.unit): one.due_at for one in dated if one.ordinal == 1})

    def at(self, milestone: Milestone, unit: str = "") -> datetime | None:
        """When a milestone falls for a unit; None when the season has no such date."""
        return self.dates.get((milestone, unit)) or self.dates.get((milestone, ""))

    def required(self, milestone: Milestone, unit: str = "") -> datetime:
        """When a milestone falls for a unit. Raises LookupError when the season has no such date."""
        found = self.at(milestone, unit)
        if found is None:
            raise LookupError(f"the season has no {milestone}")
        return found
