"""Who may work on something right now: a lease with a fence, timed by the database's clock.

A holder that dies loses its lease when it runs out. A holder that merely slept finds
another fence and can write nothing more, because every one of its transactions begins with
`hold`, which locks the lease's row until the commit.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from models import Lease
from models.database import database_seconds


class LeaseTaken(GangchuangError):
    """Somebody else is at it at this moment."""

    def __init__(self, name: str, owner: str, seconds: float) -> None:
        self.name, self.owner = name, owner
        self.chinese = "另一次运行正在处理同一件事，请稍后再试。没有任何改动。"
        super().__init__(
            f"{name} is being worked on by another run ({owner}). Nothing was changed. "
            f"If that run died, its lease ends in {max(seconds, 0):.0f} s; try again then."
        )


class LeaseLost(GangchuangError):
    """This run slept through its lease and somebody else took over; its transaction is rolled back."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name}: another run took over while this one was silent. Nothing more was written.")


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease in one's hands. `silent`: from whom it was taken over, because it had run out."""

    name: str
    owner: str
    fence: int
    seconds: float
    silent: str = ""


def take(session: Session, name: str, *, owner: str, seconds: float, flow_run: str = "") -> HeldLease:
    """Take a free or expired lease, or one's own again. Raises LeaseTaken."""
    now = database_seconds(session)
    row = session.scalar(select(Lease).where(Lease.name == name).with_for_update())
    if row is None:
        session.add(Lease(name=name, owner=owner, fence=1, expires=now + seconds, flow_run=flow_run))
        try:
            session.flush()
        except IntegrityError as problem:
            raise LeaseTaken(name, "just now", seconds) from problem
        return HeldLease(name, owner, 1, seconds)
    if row.expires > now and row.owner != owner:
        raise LeaseTaken(name, row.owner, row.expires - now)
    silent = row.owner if row.expires > 0 and row.owner != owner else ""
    row.owner, row.fence, row.expires = owner, row.fence + 1, now + seconds
    row.done, row.total, row.flow_run = 0, 0, flow_run
    session.flush()
    return HeldLease(name, owner, row.fence, seconds, silent)


def hold(session: Session, held: HeldLease, done: int = 0, total: int = 0) -> None:
    """Renew a lease at the beginning of a transaction, and say how far the work is. Raises LeaseLost."""
    renewed: Any = session.execute(
        update(Lease)
        .where(Lease.name == held.name, Lease.owner == held.owner, Lease.fence == held.fence)
        .values(expires=database_seconds(session) + held.seconds, done=done, total=total)
    )
    if renewed.rowcount != 1:
        raise LeaseLost(held.name)


def release(session: Session, held: HeldLease) -> None:
    """Give a lease back; the fence stays, so that it never repeats."""
    session.execute(
        update(Lease)
        .where(Lease.name == held.name, Lease.owner == held.owner, Lease.fence == held.fence)
        .values(expires=0.0)
    )


def is_live(session: Session, name: str) -> bool:
    """Whether somebody holds a lease at this moment."""
    expires = session.scalar(select(Lease.expires).where(Lease.name == name))
    return expires is not None and expires > database_seconds(session)


def forget(session: Session, prefix: str) -> None:
    """Drop all leases whose name begins so (leases on the starts of a milestone whose date was moved)."""
    session.execute(delete(Lease).where(Lease.name.startswith(prefix, autoescape=True)))
