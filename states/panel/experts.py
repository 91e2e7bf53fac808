"""The experts' pool: imported whole or row by row, with what changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import DeclaredConflict, Expert, Seat
from models.enums import Role, Trigger
from models.forms import ExpertForm
from models.queries import season_in_force
from states.machine import Refusal
from states.panel.pool import PoolChanges, find_expert, pool_changes, values_of
from states.rules.names import name_key
from states.submissions.delivery import Delivered, Taken
from states.transitions import note_call


@dataclass
class Imported(Taken):
    """Also what changed in the pool."""

    pool: PoolChanges = field(default_factory=PoolChanges)


def import_experts(session: Session, delivered: Delivered, rows: Sequence[tuple[int, ExpertForm]]) -> Imported:
    """Add or update experts by name and organisation; nobody is dropped by not being listed."""
    if delivered.act.actor.role is not Role.OFFICE:
        only = Refusal("role", "only the office keeps the pool", "专家库只能由协调小组办公室报送")
        return Imported.refusing((place for place, _ in rows), only)
    season = season_in_force(session, delivered.season)
    imported = Imported(pool=pool_changes(session, season, [form for _, form in rows]))
    for place, form in rows:
        imported.accept(place, _keep(session, delivered, form))
    facts = {**delivered.facts, "rows": len(rows), **imported.pool.counts()}
    note_call(session, delivered.season, Trigger.IMPORT_EXPERTS, delivered.act, facts=facts)
    return imported


def seats_of(session: Session, year: int) -> list[Seat]:
    """The season's seats in the order of the draw."""
    return list(session.scalars(select(Seat).where(Seat.season == year).order_by(Seat.position)))


def _keep(session: Session, delivered: Delivered, form: ExpertForm) -> str:
    expert = find_expert(session, form)
    if expert is None:
        count = session.scalar(select(func.count()).select_from(Expert)) or 0
        expert = Expert(
            id=f"E{count + 1:04d}",
            name=form.name,
            name_key=name_key(form.name),
            organisation=form.organisation,
            organisation_key=name_key(form.organisation),
            fields="",
        )
        session.add(expert)
    for name, value in values_of(form).items():
        setattr(expert, name, value)
    session.flush()
    _declare(session, delivered, expert.id, form.declared)
    return expert.id


def _declare(session: Session, delivered: Delivered, expert: str, names: Sequence[str]) -> None:
    for name in names:
        key = (delivered.season, expert, name_key(name))
        if session.get(DeclaredConflict, key) is None:
            session.add(DeclaredConflict(season=key[0], expert=expert, key=key[2], declared_at=delivered.act.at))
    session.flush()
