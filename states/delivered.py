"""What every row of one delivery shares, whatever kind of workbook it is."""

from dataclasses import dataclass
from datetime import datetime

from states.machine import Actor


@dataclass(frozen=True)
class Delivered:
    """What all rows of one delivery share."""

    season: int
    unit: str
    digest: str
    arrived_at: datetime
    at: datetime
    actor: Actor
    admitted: bool = False
    flow_run: str = ""
