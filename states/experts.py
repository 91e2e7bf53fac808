"""The experts' pool: imported whole or row by row, changes shown; and stepping back (回避)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from models import Assignment, DeclaredConflict, Expert, Recusal, Score, Seat, Submission
from models.enums import AssignmentState, Role
from models.forms import ExpertForm
from states.cases import Ask
from states.door import note_call, note_submission
from states.intake import Delivered
from states.machine import Actor, Refusal
from states.rules.names import name_key


class RecusalRefused(GangchuangError):
    def __init__(self, expert: str, number: str, reason: str) -> None:
        self.expert, self.number = expert, number
        super().__init__(f"{expert} cannot step back from {number}: {reason}")


@dataclass(frozen=True)
class Imported:
    """What became of the pool's rows, by their place; `changes` in words for the office."""

    accepted: Mapping[int, str]
    refused: Mapping[int, Refusal]
    changes: tuple[str, ...]


def import_experts(session: Session, delivered: Delivered, rows: Sequence[tuple[int, object]]) -> Imported:
    """Add or update experts by name and organisation; nobody is dropped by not being listed."""
    if delivered.actor.role is not Role.OFFICE:
        only = Refusal("role", "only the office keeps the pool", "专家库只能由协调小组办公室报送")
        return Imported({}, {place: only for place, _ in rows}, ())
    accepted: dict[int, str] = {}
    changes: list[str] = []
    for place, form in rows:
        if isinstance(form, ExpertForm):
            accepted[place] = _keep(session, delivered, form, changes)
    facts = {"delivery": delivered.digest, "rows": len(accepted), "changes": len(changes)}
    note_call(
        session,
        delivered.season,
        "import_experts",
        actor=delivered.actor,
        at=delivered.at,
        facts=facts,
        flow_run=delivered.flow_run,
    )
    return Imported(accepted, {}, tuple(changes))


def recuse(
    session: Session,
    year: int,
    expert: str,
    number: str,
    *,
    reason: str,
    actor: Actor,
    at: datetime,
    flow_run: str = "",
) -> None:
    """An expert steps back from one submission before scoring it; never undone. Raises RecusalRefused."""
    submission = session.get(Submission, number)
    if submission is None or submission.season != year or session.get(Expert, expert) is None:
        raise RecusalRefused(expert, number, "there is no such expert, or no such submission in this season")
    if session.get(Score, (number, expert, 1)) is not None:
        raise RecusalRefused(expert, number, "it is scored already; ask the office to strike the score's submission")
    if session.get(Recusal, (year, expert, number)) is not None:
        return
    session.add(Recusal(season=year, expert=expert, number=number, reason=reason, recused_at=at))
    session.execute(
        update(Assignment)
        .where(Assignment.number == number, Assignment.expert == expert)
        .values(state=AssignmentState.RECUSED)
    )
    session.flush()
    facts = {"expert": expert}  # the reason may name people, and the history holds none
    note_submission(session, number, Ask("recuse", actor, at, flow_run=flow_run, facts=lambda _: facts))


def seats_of(session: Session, year: int) -> list[Seat]:
    """The season's seats in the order of the draw."""
    return list(session.scalars(select(Seat).where(Seat.season == year).order_by(Seat.position)))


def _keep(session: Session, delivered: Delivered, form: ExpertForm, changes: list[str]) -> str:
    keys = name_key(form.name), name_key(form.organisation)
    expert = session.scalar(select(Expert).where(Expert.name_key == keys[0], Expert.organisation_key == keys[1]))
    if expert is None:
        count = session.scalar(select(func.count()).select_from(Expert)) or 0
        expert = Expert(
            id=f"E{count + 1:04d}",
            name=form.name,
            name_key=keys[0],
            organisation=form.organisation,
            organisation_key=keys[1],
            fields="",
        )
        session.add(expert)
        changes.append(f"新增 {expert.id}")
    values = form.model_dump(include={"credit_code", "title", "phone", "mail", "valid_until", "statement_on"})
    values["fields"] = "、".join(form.fields)
    changed = [name for name, value in values.items() if getattr(expert, name) != value]
    if changed and expert.mail:
        changes.append(f"更新 {expert.id}：{'、'.join(changed)}")
    for name, value in values.items():
        setattr(expert, name, value)
    session.flush()
    _declare(session, delivered, expert.id, form.declared)
    return expert.id


def _declare(session: Session, delivered: Delivered, expert: str, names: Sequence[str]) -> None:
    for name in names:
        key = (delivered.season, expert, name_key(name))
        if session.get(DeclaredConflict, key) is None:
            session.add(DeclaredConflict(season=key[0], expert=expert, key=key[2], declared_at=delivered.at))
    session.flush()
