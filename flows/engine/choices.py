"""What the forms offer at a moment: officers, units, dates, open objections… as the database has them; and the check
of what somebody answers, before any run is made of it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import ZONE, local_instant
from config.milestones import Milestone
from config.units import all_units
from flows.engine.forms import CHECK, GIVEN, OFFERS, Check, Offer, fitted, instant_of
from models import Delivery, Duplicate, Expert, Objection, Seat, Submission
from models.database import reading
from models.enums import (
    CallState,
    DeliveryState,
    DuplicateDecision,
    MilestoneState,
    SeatState,
)
from models.queries import call_state, milestone_rows, planned_seasons, season_in_force
from states.final_round.approval import is_proposed, list_digest, waits_for_approval
from states.incoming_mail import held_mails
from states.maintenance.stuck_messages import troubled_messages
from states.officers import investigators

_DELIVERIES_SHOWN = 100
_DIGEST_SHOWN = 16

Lines = list[Any]


class Choices:
    """The lists of one moment, each made when it is asked for, and once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        planned = planned_seasons(session)
        running = [year for year in planned if call_state(session, year) is not CallState.CLOSED]
        self.planned, self.running = planned, running or planned[-1:]
        self._made: dict[Offer, Lines] = {}

    def of(self, offer: Offer) -> Lines:
        """What a field offers; seasons that still run come before others."""
        if offer not in self._made:
            self._made[offer] = _MADE[offer](self)
        return self._made[offer]

    def filled(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A form's schema with the lists and values of this moment in it."""
        return {**schema, "properties": {name: self._filled(drawn) for name, drawn in schema["properties"].items()}}

    def _filled(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        filled = dict(drawn)
        if OFFERS in drawn:
            blank = [drawn["default"]] if "default" in drawn else []
            filled["enum"] = [*blank, *self.of(Offer(drawn[OFFERS]))]
        if GIVEN in drawn:
            given = self.of(Offer(drawn[GIVEN]))
            filled.pop("default", None)
            filled |= {"default": given[0]} if given else {}
        return filled

    def _each(self, made: Callable[[int], Iterable[str]]) -> Lines:
        return list(dict.fromkeys(line for year in self.running for line in made(year)))

    def officers(self) -> Lines:
        return self._each(lambda year: season_in_force(self.session, year).office.officers)

    def investigators(self) -> Lines:
        return self._each(lambda year: investigators(season_in_force(self.session, year)))

    def units(self) -> Lines:
        return self._each(
            lambda year: (f"{unit.code} {unit.name}" for unit in season_in_force(self.session, year).units())
        )

    def milestones(self) -> Lines:
        """What is pending, with its present date."""

        def lines(year: int) -> Iterable[str]:
            for row in milestone_rows(self.session, year):
                milestone = Milestone(row.milestone)
                if row.state is MilestoneState.PENDING and not row.unit:
                    which = f" 第{row.ordinal}次" if milestone.is_reminder else ""
                    yield f"{milestone.label}{which} {row.due_at.astimezone(ZONE):%Y-%m-%d %H:%M}"

        return self._each(lines)

    def objections(self) -> Lines:
        opened = (
            select(Objection)
            .where(Objection.settled_at.is_(None))  # of closed seasons too
            .order_by(Objection.id)
        )
        return [
            f"{objection.id} {objection.number or '不涉及项目'} {objection.state.label} {objection.due_at.astimezone(ZONE):%m-%d}前答复"
            for objection in self.session.scalars(opened)
        ]

    def deliveries(self) -> Lines:
        refused = (
            select(Delivery)
            .where(Delivery.season.in_(self.running), Delivery.state != DeliveryState.ACCEPTED)
            .order_by(Delivery.taken_at.desc())
            .limit(_DELIVERIES_SHOWN)
        )
        units = all_units()
        return [
            f"{found.digest[:12]} {units[found.sender].name if found.sender in units else found.sender} {found.file_name}"
            for found in self.session.scalars(refused)
        ]

    def held_mail(self) -> Lines:
        """By digest, day of arrival and whom its workbook is of; the sender's address stays out."""
        return self._each(
            lambda year: (
                f"{mail.digest[:12]} {mail.arrived_at.astimezone(ZONE):%m-%d %H:%M} {mail.recipient}".rstrip()
                for mail in held_mails(self.session, year)
            )
        )

    def duplicates(self) -> Lines:
        pending = (
            select(Duplicate.number, Duplicate.other)
            .join(Submission, Submission.number == Duplicate.other)
            .where(Submission.season.in_(self.running), Duplicate.decision == DuplicateDecision.PENDING)
            .order_by(Duplicate.number, Duplicate.other)
        )
        return [f"{number} 与 {other}" for number, other in self.session.execute(pending)]

    def experts(self) -> Lines:
        return [f"{expert.id} {expert.name}" for expert in self.session.scalars(select(Expert).order_by(Expert.id))]

    def panel(self) -> Lines:
        on_panel = (
            select(Expert)
            .join(Seat, Seat.expert == Expert.id)
            .where(Seat.season.in_(self.running), Seat.state == SeatState.SEATED)
            .order_by(Expert.id)
        )
        return list(dict.fromkeys(f"{expert.id} {expert.name}" for expert in self.session.scalars(on_panel)))

    def proposed_list(self) -> Lines:
        """The digest of the list that waits for a decision."""
        return self._each(
            lambda year: (
                [list_digest(self.session, year)[:_DIGEST_SHOWN]]
                if waits_for_approval(self.session, year) and is_proposed(self.session, year)
                else []
            )
        )

    def stuck_letters(self) -> Lines:
        """By key and subject, without the addressee."""
        return self._each(
            lambda year: (f"{message.key} {message.subject}" for message in troubled_messages(self.session, year))
        )


_MADE: dict[Offer, Callable[[Choices], Lines]] = {
    Offer.SEASONS: lambda choices: choices.running,
    Offer.OFFICERS: Choices.officers,
    Offer.UNITS: Choices.units,
    Offer.MILESTONES: Choices.milestones,
    Offer.INVESTIGATORS: Choices.investigators,
    Offer.OBJECTIONS: Choices.objections,
    Offer.DELIVERIES: Choices.deliveries,
    Offer.HELD_MAIL: Choices.held_mail,
    Offer.DUPLICATES: Choices.duplicates,
    Offer.EXPERTS: Choices.experts,
    Offer.PANEL: Choices.panel,
    Offer.LIST: Choices.proposed_list,
    Offer.STUCK_LETTERS: Choices.stuck_letters,
}


def filling(engine: Engine) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What puts the choices of the moment into a form; where the database cannot be asked, forms come without."""

    def filled(schema: dict[str, Any]) -> dict[str, Any]:
        try:
            with reading(engine) as session:
                return Choices(session).filled(schema)
        except (GangchuangError, SQLAlchemyError):
            return schema

    return filled


class ChoicesFollower:
    """Has the forms follow the facts: looks at the choices, and asks Prefect only when they are others than before."""

    def __init__(self, engine: Engine, refresh: Callable[[Callable[[dict[str, Any]], dict[str, Any]]], object]) -> None:
        self.engine, self.refresh = engine, refresh
        self._digest = ""

    def forget(self) -> None:
        """Ask with the next look in any case: Prefect may have lost the forms."""
        self._digest = ""

    def look(self) -> None:
        with reading(self.engine) as session:
            choices = Choices(session)
            lists = [[offer, [str(line) for line in choices.of(offer)]] for offer in Offer]
            digest = sha256(json.dumps(lists).encode()).hexdigest()
            if digest != self._digest:
                self.refresh(choices.filled)
        self._digest = digest


def answered(
    choices: Choices, schema: Mapping[str, Any], parameters: Mapping[str, Any], at: datetime
) -> tuple[dict[str, Any], dict[str, str]]:
    """What somebody answered to a form whose lists are filled, as the form writes it; and what is wrong, by field."""
    given = fitted(schema, parameters)
    if isinstance(given.get("to"), str):
        given["to"] = instant_of(given["to"])
    required = set(schema.get("required", ()))
    found = {
        name: _problem(choices, drawn, given, name, name in required, at)
        for name, drawn in schema["properties"].items()
    }
    return given, {name: problem for name, problem in found.items() if problem}


def _problem(
    choices: Choices, drawn: Mapping[str, Any], given: Mapping[str, Any], name: str, required: bool, at: datetime
) -> str:
    value = given.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return "必须填写" if required else ""
    if "enum" in drawn and value not in drawn["enum"]:
        known = "、".join(map(str, drawn["enum"][:8])) or "现在没有可选的"
        return f"没有“{value}”这一项（可选：{known}{'……' if len(drawn['enum']) > 8 else ''}）"
    if isinstance(value, str) and "pattern" in drawn and not re.search(drawn["pattern"], value):
        return f"不能是“{value}”：{drawn['description']}".rstrip("。")
    checking = _CHECKED.get(drawn.get(CHECK, ""))
    return checking(choices, value, given, at) if checking else ""


def _season(choices: Choices, value: Any, given: Mapping[str, Any], at: datetime) -> str:
    known = "、".join(map(str, choices.planned)) or "尚无"
    return "" if value in choices.planned else f"没有{value}年度（已计划：{known}）"


def _submission(choices: Choices, value: Any, given: Mapping[str, Any], at: datetime) -> str:
    found = choices.session.get(Submission, str(value).strip())
    return "" if found is not None else f"没有编号为“{value}”的项目"


def _instant(choices: Choices, value: Any, given: Mapping[str, Any], at: datetime) -> str:
    try:
        instant = local_instant(str(value))
    except GangchuangError:
        return f"不是日期和时间：“{value}”"
    if instant > at or given.get("take_effect_at_once") or given.get("dry_run"):
        return ""
    return f"已经过去（{instant:%Y-%m-%d %H:%M}）；确需如此请勾选“立即生效”，或先试运行"


_CHECKED: dict[str, Callable[[Choices, Any, Mapping[str, Any], datetime], str]] = {
    Check.SEASON: _season,
    Check.SUBMISSION: _submission,
    Check.INSTANT: _instant,
}
