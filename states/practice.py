"""Good practice (好思路、好经验、好做法): what units and employers report once a year, and what of it is public.

The record has of a report its number, what it is and whose, what it lets be published, and a seal of its words with
their salt, so that the seal of what was deleted since tells nothing to who knows the rest.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from config.milestones import Milestone
from models import Contributor, GoodPractice
from models.enums import ConsentKind, Trigger
from models.forms import PracticeForm
from models.queries import lock_call
from states.guard_facts import deadline_of
from states.history.canonical import canonical
from states.history.read import is_erased
from states.history.seals import Seals
from states.machine import Act, Refusal
from states.numbers import Number
from states.officers import DecisionRefused, require_reason
from states.rules.names import name_key
from states.rules.reviewers.blind import Blindfold
from states.submissions.delivery import Delivered, RowChange, Taken
from states.submissions.released import masked, unnamed
from states.submissions.taking_back import Thing, withdraw_consent
from states.transitions import note_call

WORDS = ("background", "practice", "effect", "spread")


def take_practices(session: Session, delivered: Delivered, rows: Sequence[tuple[int, PracticeForm]]) -> Taken:
    """Take a unit's reports until the collection closes; one of the same title replaces the one before."""
    closes = deadline_of(session, delivered.season, Milestone.CLOSE_PRACTICE)
    if delivered.arrived_at > closes and not delivered.admitted:
        return Taken.refusing((position for position, _ in rows), _LATE)
    lock_call(session, delivered.season)
    taken = Taken()
    for position, form in rows:
        number, change = _keep(session, delivered, form)
        taken.accept(position, number, change)
    return taken


def _keep(session: Session, delivered: Delivered, form: PracticeForm) -> tuple[str, RowChange]:
    mine = (GoodPractice.season == delivered.season, GoodPractice.unit == delivered.unit)
    row = session.scalar(select(GoodPractice).where(*mine, GoodPractice.title_key == name_key(form.title)))
    words = {name: getattr(form, name) for name in WORDS}
    said: dict[str, Any] = {
        "kind": form.kind,
        "source": form.source,
        "title": form.title,
        "organisation": form.organisation,
    }
    said |= {"consent": form.consent}
    if row is not None and {**words_of(row), **{name: getattr(row, name) for name in said}} == {**words, **said}:
        return row.number, RowChange.UNCHANGED
    said |= {"content": _salted(words)}
    change = RowChange.NEW if row is None else RowChange.UPDATED
    if row is None:
        place = (session.scalar(select(func.max(GoodPractice.place)).where(*mine)) or 0) + 1
        number = f"{delivered.season}-{delivered.unit}-P{place:02d}"
        key: dict[str, Any] = {"number": number, "season": delivered.season, "unit": delivered.unit, "place": place}
        row = GoodPractice(**key, **said, title_key=name_key(form.title), received_at=delivered.act.at, delivery="")
        session.add(row)
    elif row.consent and not form.consent and row.withheld_at is None:
        _withhold(session, row, delivered.act, reason="")
    for name, value in said.items():
        setattr(row, name, value)
    row.received_at, row.delivery = delivered.act.at, delivered.digest
    session.flush()
    facts: dict[str, Any] = {
        "practice": row.number,
        "unit": row.unit,
        "place": row.place,
        "kind": form.kind.value,
        "source": form.source.value,
    }
    facts |= {"consent": form.consent, "sealed": seal_of(Seals(session, row.season), row), **delivered.facts}
    note_call(session, row.season, Trigger.RECORD_PRACTICE, delivered.act, facts=facts)
    return row.number, change


def _salted(words: Mapping[str, str]) -> str:
    return canonical({**words, "salt": secrets.token_hex(16)})


def seal_of(seals: Seals, row: GoodPractice) -> str:
    """What binds a report's words; seasons of earlier versions have no key, and then the words are not bound."""
    return seals.lasting("practice", row.number, row.title, row.organisation, row.content) if seals.key else ""


def withhold_practice(session: Session, season: int, number: str, act: Act, *, reason: str) -> GoodPractice:
    """A report is public no more: who gave it took the consent back, or the office withholds it. Raises DecisionRefused."""
    lock_call(session, season)
    row = session.get(GoodPractice, number, populate_existing=True)
    if row is None or row.season != season:
        raise DecisionRefused(f"practice {number}", "there is none of this number", f"本年度没有编号为{number}的材料")
    if row.withheld_at is not None or not row.consent:
        raise DecisionRefused(f"practice {number}", "it is not public already", "该材料本来就不公开")
    require_reason(f"practice {number}", reason)
    _withhold(session, row, act, reason=reason)
    return row


def _withhold(session: Session, row: GoodPractice, act: Act, *, reason: str) -> None:
    row.withheld_at = act.at
    session.flush()
    note_call(session, row.season, Trigger.WITHHOLD_PRACTICE, act, reason=reason, facts={"practice": row.number})


def mask_unnamed(session: Session, year: int) -> dict[str, str]:
    """In what is public of a season, mask for good who would not be named; the new seals by number."""
    sealed = dict[str, str]()
    for row in practices(session, year, public=True):
        sealed |= _mask(session, row, unnamed(session, year, row.unit))
    return sealed


def withdraw_consent_and_name(session: Session, number: str, words: str, act: Act, *, reason: str) -> tuple[Thing, ...]:
    """Take consents back as `withdraw_consent` does; of a name nothing stays in what its unit's good practice says.

    While the season's personal data is kept, the page masks such names; once it is deleted nobody else knows them, so
    that they are masked for good, which is an entry of the call. Raises UnknownSubmission, ConsentNotWithdrawn.
    """
    known = select(Contributor.position, Contributor.name).where(Contributor.number == number)
    people = dict(iter(session.execute(known)))
    things = withdraw_consent(session, number, words, act, reason=reason)
    own = Number.of(number)
    if is_erased(session, own.season):
        lock_call(session, own.season)
        gone = Blindfold([people[position] for kind, position in things if kind is ConsentKind.NAME], ())
        for row in practices(session, own.season, public=True):
            for practice, seal in (_mask(session, row, gone) if row.unit == own.unit else {}).items():
                facts = {"practice": practice, "sealed": seal}
                note_call(session, own.season, Trigger.ERASE_PERSON, act, reason=reason, facts=facts)
    return things


def _mask(session: Session, row: GoodPractice, blindfold: Blindfold) -> dict[str, str]:
    """Mask names in a report's texts; its new seal by its number, nothing where none of them stands there."""
    change = partial(masked, blindfold)
    named = any(change(text) != text for text in (row.title, row.organisation, *words_of(row).values()))
    return {row.number: rewrite(session, row, change)} if named else {}


def practices(session: Session, year: int, *, public: bool = False) -> Sequence[GoodPractice]:
    """A season's reports by number, or those that may be published."""
    query = select(GoodPractice).where(GoodPractice.season == year)
    if public:
        query = query.where(GoodPractice.consent, col(GoodPractice.withheld_at).is_(None))
    return session.scalars(query.order_by(GoodPractice.number)).all()


def words_of(row: GoodPractice) -> dict[str, str]:
    """The texts of a report by the names of its form's fields; empty once they are deleted."""
    said = json.loads(row.content) if row.content else {}
    return {name: said[name] for name in WORDS if name in said}


def units_without(session: Session, year: int, units: Sequence[str]) -> list[str]:
    """The units that have reported nothing."""
    known = set(session.scalars(select(GoodPractice.unit).where(GoodPractice.season == year).distinct()))
    return [unit for unit in units if unit not in known]


def rewrite(session: Session, row: GoodPractice, change: Callable[[str], str]) -> str:
    """Write a report's texts otherwise, under a new salt; returns the seal of what it says now."""
    row.title, row.organisation = change(row.title), change(row.organisation)
    row.title_key = name_key(row.title)
    row.content = _salted({name: change(text) for name, text in words_of(row).items()}) if row.content else ""
    session.flush()
    return seal_of(Seals(session, row.season), row)


def not_public() -> ColumnElement[bool]:
    """Reports without consent, or withheld since."""
    return ~col(GoodPractice.consent) | col(GoodPractice.withheld_at).is_not(None)


def erase_unpublished(session: Session, year: int) -> int:
    """Delete the words of what is not public; how many reports had some."""
    own = (GoodPractice.season == year, not_public(), GoodPractice.content != "")
    blank = {"title": "", "title_key": "", "organisation": "", "content": ""}
    return len(session.scalars(update(GoodPractice).where(*own).values(**blank).returning(GoodPractice.number)).all())


_LATE = Refusal(
    "late", "the collection of good practice is closed", "好经验好做法的征集已经截止；确有原因的，请联系办公室补收"
)
