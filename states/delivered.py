"""What every row of one delivery shares, whatever kind of workbook it is."""

from dataclasses import dataclass
from datetime import datetime

from states.machine import Actor


@dataclass(frozen=True)
class Admitted:
    """A late delivery was let in: by whom, and why."""

    officer: Actor
    reason: str


@dataclass(frozen=True)
class Delivered:
    """What all rows of one delivery share."""

    season: int
    unit: str
    digest: str
    arrived_at: datetime
    at: datetime
    actor: Actor
    admission: Admitted | None = None
    flow_run: str = ""

    @property
    def admitted(self) -> bool:
        return self.admission is not None
