"""The experts' pool as a season sees it: what an import changes, who may be drawn, who stayed away before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.local_time import local_day
from config.season import Season
from models import DeclaredConflict, Expert, Seat
from models.enums import Role, SeatState, Trigger
from models.forms import ExpertForm
from models.queries import season_in_force
from states.history.canonical import instant_text
from states.history.seals import Seals
from states.machine import Refusal
from states.panel.pairs import season_conflicts
from states.rules.names import name_key
from states.submissions.delivery import Delivered, Taken
from states.submissions.released import WITHHELD
from states.transitions import note_call

# What an import may change, with the words that the office reads.
FIELDS = {
    "credit_code": "统一社会信用代码",
    "fields": "专业领域",
    "title": "职称",
    "phone": "联系电话",
    "mail": "联系邮箱",
    "valid_until": "有效期至",
    "statement_on": "承诺书签署日期",
}
_PRIVATE = ("phone", "mail")
_IDENTITY = ("name", "organisation", "credit_code", "fields", "title", "valid_until", "statement_on")


@dataclass(frozen=True, slots=True)
class Changed:
    """One field of one expert: `old` and `new` as people read them; contact data only as changed."""

    expert: str
    name: str
    field: str
    old: str
    new: str


@dataclass(frozen=True)
class PoolChanges:
    """What an import changes: names of the new; field by field of the known; who is not listed; whose term ends."""

    added: tuple[tuple[str, str], ...] = ()
    changed: tuple[Changed, ...] = ()
    unlisted: tuple[tuple[str, str], ...] = ()
    expiring: tuple[tuple[str, date], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.unlisted or self.expiring)

    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in ("added", "changed", "unlisted", "expiring")}


@dataclass(frozen=True)
class PoolMember:
    """One expert as the season sees them. `problem` is empty for who may be drawn."""

    expert: Expert
    problem: str
    seat: SeatState | None
    absences: Mapping[int, bool] = field(default_factory=dict)


def values_of(form: ExpertForm) -> dict[str, object]:
    """A form's columns as the table keeps them; a blank takes no signature back."""
    values = form.model_dump(include=set(FIELDS) - {"fields"})
    if form.statement_on is None:
        del values["statement_on"]
    return {**values, "fields": "、".join(form.fields)}


def find_expert(session: Session, form: ExpertForm) -> Expert | None:
    """The expert of this name and organisation, however they are written."""
    keys = name_key(form.name), name_key(form.organisation)
    return session.scalar(select(Expert).where(Expert.name_key == keys[0], Expert.organisation_key == keys[1]))


def pool_changes(session: Session, season: Season, forms: Sequence[ExpertForm]) -> PoolChanges:
    """What importing these rows would change. Nobody is dropped by not being listed; they are only named."""
    added: list[tuple[str, str]] = []
    changed: list[Changed] = []
    listed: set[str] = set()
    for form in forms:
        expert = find_expert(session, form)
        if expert is None:
            added.append((form.name, form.organisation))
        else:
            listed.add(expert.id)
            changed += _differences(expert, form)
    others = session.scalars(select(Expert).where(Expert.id.not_in(listed)).order_by(Expert.id))
    unlisted = tuple((expert.id, expert.name) for expert in others)
    ends = local_day(season.dates.close_season)
    expiring = tuple((form.name, form.valid_until) for form in forms if form.valid_until and form.valid_until < ends)
    return PoolChanges(tuple(added), tuple(changed), unlisted, expiring)


def pool_members(session: Session, season: Season, at: datetime) -> list[PoolMember]:
    """Every expert, by id, with what keeps them from the draw and when they stayed away without excuse."""
    experts = list(session.scalars(select(Expert).order_by(Expert.id)))
    barred = season_conflicts(session, season, experts).everywhere
    seats: dict[str, dict[int, Seat]] = {}
    for seat in session.scalars(select(Seat).order_by(Seat.season)):
        seats.setdefault(seat.expert, {})[seat.season] = seat
    found = []
    for expert in experts:
        own = seats.get(expert.id, {})
        problem = keeps_out(expert, season, at) or ("contributes" if expert.id in barred else "")
        state = own[season.year].state if season.year in own else None
        found.append(PoolMember(expert, problem, state, {year: seat.absent for year, seat in own.items()}))
    return found


def carried_over(session: Session, season: Season) -> tuple[list[Expert], list[tuple[str, str]]]:
    """The pool cleaned for a season: who is asked again, by id, and who is not, as (id and name, reason).

    Asked is whoever's term lasts until the draw, who works in one of the season's fields, and whom a letter reaches. To
    be drawn they must sign the season's statement themselves: nobody's consent is carried over.
    """
    draws_on, fields = local_day(season.dates.draw_panel), set(season.fields)
    carried, left_out = [], []
    for expert in session.scalars(select(Expert).order_by(Expert.id)):
        if expert.valid_until is not None and expert.valid_until < draws_on:
            reason = "their term ends before the draw"
        elif not expert.mail:
            reason = "no mail address"
        elif not fields & set(expert.fields.split("、")):
            reason = "no field of the season's"
        else:
            carried.append(expert)
            continue
        left_out.append((f"{expert.id} {expert.name}", reason))
    return carried, left_out


def keeps_out(expert: Expert, season: Season, at: datetime) -> str:
    """Why an expert cannot be drawn at an instant, whatever is submitted; empty when they can."""
    today, opened = local_day(at), local_day(season.dates.open_call)
    if expert.valid_until is not None and expert.valid_until < today:
        return "expired"
    if expert.statement_on is None or not opened <= expert.statement_on <= today:
        return "not signed"
    return ""


def _differences(expert: Expert, form: ExpertForm) -> Iterator[Changed]:
    for name, new in values_of(form).items():
        old = getattr(expert, name)
        if old != new:
            shown = ("", "已更改") if name in _PRIVATE else (_word(old), _word(new))
            yield Changed(expert.id, expert.name, FIELDS[name], *shown)


def _word(value: object) -> str:
    return str(value) if value not in (None, "") else "（空）"


@dataclass
class Imported(Taken):
    """Also what changed in the pool."""

    pool: PoolChanges = field(default_factory=PoolChanges)


def import_experts(session: Session, delivered: Delivered, rows: Sequence[tuple[int, ExpertForm]]) -> Imported:
    """Add or update experts by name and organisation; nobody is dropped by not being listed."""
    if delivered.act.actor.role is not Role.OFFICE:
        only = Refusal("role", "only the office keeps the pool", "专家库只能由协调小组办公室报送")
        return Imported.refusing((position for position, _ in rows), only)
    season = season_in_force(session, delivered.season)
    imported = Imported(pool=pool_changes(session, season, [form for _, form in rows]))
    for position, form in rows:
        imported.accept(position, _keep(session, delivered, form))
    facts = {**delivered.facts, "rows": len(rows), **imported.pool.counts(), **bound_pool(session, delivered.season)}
    note_call(session, delivered.season, Trigger.IMPORT_EXPERTS, delivered.act, facts=facts)
    return imported


def bound_pool(session: Session, year: int) -> dict[str, dict[str, str]]:
    """What an entry says of the pool: by expert the seal of who they are and signed, of how they are reached, of
    what they declared for this season. Seasons without a key bind nothing.
    """
    seals = Seals(session, year)
    if not seals.seals_persons:
        return {}
    experts = session.scalars(select(Expert).order_by(Expert.id)).all()
    return {
        "identities": {expert.id: seal_of_identity(seals, expert) for expert in experts},
        "reached": {expert.id: seal_of_contact(seals, expert) for expert in experts},
        "declared": declared_by(session, seals, year),
    }


def declared_by(session: Session, seals: Seals, year: int) -> dict[str, str]:
    """By expert the seal of what they declared for a season, in the order of its keys."""
    declared: dict[str, list[DeclaredConflict]] = {}
    own = select(DeclaredConflict).where(DeclaredConflict.season == year).order_by(DeclaredConflict.key)
    for conflict in session.scalars(own.execution_options(populate_existing=True)):
        declared.setdefault(conflict.expert, []).append(conflict)
    return {
        expert: seals.sealed(
            "declared", *(word for row in rows for word in (row.expert, row.key, instant_text(row.declared_at)))
        )["sealed"]
        for expert, rows in declared.items()
    }


def seal_of_identity(seals: Seals, expert: Expert) -> str:
    """Stays checkable for good, as the pool goes from season to season."""
    return seals.lasting("identity", expert.id, *(str(getattr(expert, name)) for name in _IDENTITY))


def forget(expert: Expert) -> None:
    """Leave nothing of who an expert is; the row stays, since scores refer to it."""
    for name, left in _left_of(expert.id).items():
        setattr(expert, name, left)


def is_forgotten(expert: Expert) -> bool:
    return all(getattr(expert, name) == left for name, left in _left_of(expert.id).items())


def _left_of(expert: str) -> dict[str, str]:
    of_names = {"name": WITHHELD, "organisation": WITHHELD, "name_key": f"#{expert}", "organisation_key": f"#{expert}"}
    return of_names | dict.fromkeys(("title", "credit_code", "phone", "mail"), "")


def seal_of_contact(seals: Seals, expert: Expert) -> str:
    return seals.sealed("contact", expert.id, expert.phone, expert.mail)["sealed"]


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
