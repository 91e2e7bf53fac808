"""What every row of one delivery shares, whatever kind of workbook it is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any, Self

from sqlalchemy.orm import Session

from models import Delivery
from models.enums import Trigger
from states.history.canonical import instant_text
from states.history.seals import Seals
from states.machine import Act, Actor, Refusal
from states.transitions import note_call


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
    act: Act
    admission: Admitted | None = None
    handed_in_by: str = ""

    @property
    def facts(self) -> dict[str, str]:
        """What every entry that a delivery causes says of it."""
        handed_in = {"handed_in_by": self.handed_in_by} if self.handed_in_by else {}
        return {"delivery": self.digest, **handed_in}

    @property
    def admitted(self) -> bool:
        return self.admission is not None


class RowChange(Enum):
    """What an accepted row changed."""

    NEW = auto()
    UPDATED = auto()
    UNCHANGED = auto()
    WITHDRAWN = auto()


@dataclass
class Taken:
    """What became of the rows of a delivery, by their positions, whatever kind of workbook it is.

    `accepted`: the number (or the expert's id) that a row is about; `changes`: what it changed of that, where the kind
    tells; `remarks`: Chinese words for the receipt.
    """

    accepted: dict[int, str] = field(default_factory=dict)
    refused: dict[int, Refusal] = field(default_factory=dict)
    remarks: dict[int, str] = field(default_factory=dict)
    changes: dict[int, RowChange] = field(default_factory=dict)

    @classmethod
    def refusing(cls, positions: Iterable[int], refusal: Refusal) -> Self:
        """Every row refused for the same reason."""
        return cls(refused=dict.fromkeys(positions, refusal))

    def accept(self, position: int, number: str, change: RowChange | None = None, remark: str = "") -> None:
        self.accepted[position] = number
        if change is not None:
            self.changes[position] = change
        if remark:
            self.remarks[position] = remark

    def of(self, change: RowChange) -> dict[int, str]:
        """The accepted rows that changed something so."""
        return {position: number for position, number in self.accepted.items() if self.changes.get(position) is change}

    def join(self, other: "Taken") -> "Taken":
        """Takes over what became of other rows of the same delivery; returns itself."""
        self.accepted |= other.accepted
        self.refused |= other.refused
        self.remarks |= other.remarks
        self.changes |= other.changes
        return self


DELIVERY_WORDS = ("file_name", "problems", "receipt")  # may name people, and go with the personal data


def keep_delivery(session: Session, row: Delivery, act: Act, **answer: Any) -> None:
    """Keep what became of a delivery, by its columns: of one that is new, or of one that is taken once more."""
    for column, value in answer.items():
        setattr(row, column, value)
    row.taken_at = act.at
    session.add(row)
    session.flush()
    facts = {
        "delivery": row.digest,
        "sender": row.sender,
        "kind": row.kind.value if row.kind else None,
        "arrived_at": instant_text(row.arrived_at),
        "state": row.state.value,
        "rows_in": row.rows_in,
        "rows_back": row.rows_back,
        "handed_in_by": row.handed_in_by,
        **seal_of_delivery(Seals(session, row.season), row),
    }
    note_call(session, row.season, Trigger.TAKE_DELIVERY, act, facts=facts)


def seal_of_delivery(seals: Seals, row: Delivery) -> dict[str, str]:
    """The seal of a delivery's `DELIVERY_WORDS`, as a fact."""
    return seals.sealed("delivery", row.digest, row.sender, *(getattr(row, name) for name in DELIVERY_WORDS))
