"""Figures for a monitoring program, in Prometheus' text format; the same facts as `health`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import Settings
from flows.office.watch import everything_wrong, free_bytes
from models import Failure, Lease, Message
from models.database import database_seconds
from models.enums import CallState, MessageState, TroubleKind
from models.queries import call_state, planned_seasons
from states.troubles import TroubleLevel

__all__ = ["CONTENT_TYPE", "Measured", "as_text", "measured"]


@dataclass(frozen=True)
class Measured:
    """Seconds left of each sign of life (below 0: silent), and counts over the seasons that are not closed."""

    level: TroubleLevel
    troubles: Mapping[TroubleKind, int]
    leases: Mapping[str, float]
    oldest_unsent_seconds: float
    unsent: int
    failing_stages: int
    late_milestones: int
    free_bytes: int


def measured(session: Session, own: Settings, at: datetime) -> Measured:
    """Everything at one instant."""
    found = everything_wrong(session, own, at)
    open_ones = [year for year in planned_seasons(session) if call_state(session, year) is not CallState.CLOSED]
    present = database_seconds(session)
    expiring = select(Lease.name, Lease.expires).where(Lease.name.in_(("clock", "server", "worker")))
    waiting = select(func.count(), func.min(Message.written_at)).where(
        Message.state.in_((MessageState.WAITING, MessageState.SENDING))
    )
    unsent, oldest = session.execute(waiting).one()
    failing = select(func.count()).where(Failure.season.in_(open_ones))
    return Measured(
        max((trouble.level for trouble in found), default=TroubleLevel.FINE),
        {kind: sum(trouble.kind is kind for trouble in found) for kind in TroubleKind},
        {name: expires - present for name, expires in session.execute(expiring)},
        (at - oldest).total_seconds() if oldest else 0.0,
        unsent,
        session.scalar(failing) or 0,
        sum(trouble.kind is TroubleKind.MILESTONE_LATE for trouble in found),
        free_bytes(own),
    )


def as_text(figures: Measured) -> bytes:
    registry = CollectorRegistry()

    def gauge(name: str, told: str, value: float) -> None:
        Gauge(f"gangchuang_{name}", told, registry=registry).set(value)

    gauge("health_level", "0 all well, 1 to be watched, 2 somebody must act", figures.level)
    troubles = Gauge("gangchuang_troubles", "what is wrong, by its kind", ("kind",), registry=registry)
    for kind, count in figures.troubles.items():
        troubles.labels(kind.value).set(count)
    leases = Gauge(
        "gangchuang_sign_of_life_seconds",
        "seconds until a process counts as silent; below 0 it does",
        ("process",),
        registry=registry,
    )
    for name, left in figures.leases.items():
        leases.labels(name).set(left)
    gauge("oldest_unsent_letter_seconds", "age of the oldest letter that waits", figures.oldest_unsent_seconds)
    gauge("unsent_letters", "letters that wait", figures.unsent)
    gauge("failing", "stages, or pieces of their work, that fail at present", figures.failing_stages)
    gauge("late_milestones", "milestones an hour late and more", figures.late_milestones)
    gauge("disk_free_bytes", "free on the home's disk", figures.free_bytes)
    return generate_latest(registry)
