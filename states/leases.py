"""Who may work on something right now: a lease with a fence, timed by the database's clock.

A holder that dies loses its claim when the lease runs out. A holder that merely slept finds
another fence and can write nothing more, because every one of its transactions begins with
`hold`, which locks the claim's row until the commit.
"""

from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlmodel import col

from config.errors import GangchuangError
from models import Claim
from models.database import database_seconds


class ClaimTaken(GangchuangError):
    """Somebody else is at it at this moment."""

    def __init__(self, name: str, owner: str, seconds: float) -> None:
        self.name, self.owner = name, owner
        super().__init__(
            f"{name} is being worked on by another run ({owner}). Nothing was changed. "
            f"If that run died, its claim ends in {max(seconds, 0):.0f} s; try again then."
        )


class ClaimLost(GangchuangError):
    """This run slept through its lease and somebody else took over; its transaction is rolled back."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name}: another run took over while this one was silent. Nothing more was written.")


@dataclass(frozen=True, slots=True)
class Held:
    """A claim in one's hands. `silent`: from whom it was taken over, because the lease had run out."""

    name: str
    owner: str
    fence: int
    seconds: float
    silent: str = ""


def take(session: Session, name: str, *, owner: str, seconds: float) -> Held:
    """Take a free or expired claim, or one's own again. Raises ClaimTaken."""
    now = database_seconds(session)
    row = session.scalar(select(Claim).where(Claim.name == name).with_for_update())
    if row is None:
        session.add(Claim(name=name, owner=owner, fence=1, expires=now + seconds))
        try:
            session.flush()
        except IntegrityError as problem:
            raise ClaimTaken(name, "just now", seconds) from problem
        return Held(name, owner, 1, seconds)
    if row.expires > now and row.owner != owner:
        raise ClaimTaken(name, row.owner, row.expires - now)
    silent = row.owner if row.expires > 0 and row.owner != owner else ""
    row.owner, row.fence, row.expires = owner, row.fence + 1, now + seconds
    session.flush()
    return Held(name, owner, row.fence, seconds, silent)


def hold(session: Session, held: Held) -> None:
    """Renew a claim at the beginning of a transaction. Raises ClaimLost."""
    renewed = session.execute(
        update(Claim)
        .where(Claim.name == held.name, Claim.owner == held.owner, Claim.fence == held.fence)
        .values(expires=database_seconds(session) + held.seconds)
    )
    if renewed.rowcount != 1:
        raise ClaimLost(held.name)


def release(session: Session, held: Held) -> None:
    """Give a claim back; the fence stays, so that it never repeats."""
    session.execute(
        update(Claim)
        .where(Claim.name == held.name, Claim.owner == held.owner, Claim.fence == held.fence)
        .values(expires=0.0)
    )


def is_live(session: Session, name: str) -> bool:
    """Whether somebody holds a claim at this moment."""
    expires = session.scalar(select(Claim.expires).where(Claim.name == name))
    return expires is not None and expires > database_seconds(session)


def forget(session: Session, prefix: str) -> None:
    """Drop all claims whose name begins so (tickets of a milestone whose date was moved)."""
    session.execute(delete(Claim).where(col(Claim.name).startswith(prefix, autoescape=True)))
