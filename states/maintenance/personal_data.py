"""What personal data a season holds, why and until when, and what is held of one person (PIPL arts. 44 to 47)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from config.season import Season
from models import (
    Contact,
    Contributor,
    DeclaredConflict,
    Delivery,
    Expert,
    Message,
    Objection,
    Recusal,
    Score,
    Seat,
    Submission,
    SubmissionVersion,
)
from states.maintenance.erasure import is_published
from states.rules.names import name_key


@dataclass(frozen=True)
class Held:
    """One kind of personal data of a season: how many rows, what it is for, and when it is deleted (None: it stays)."""

    what: str
    rows: int
    purpose: str
    until: datetime | None


@dataclass(frozen=True)
class Found:
    """One place in which a person is named: what it is, its key, and what stands there of them."""

    what: str
    key: str
    said: str


def held_of_season(session: Session, season: Season) -> list[Held]:
    """Every kind of personal data that is held of a season now; kinds of which there is none are left out."""
    year, until = season.year, season.erase_personal_data_at
    own = select(Submission.number).where(Submission.season == year)
    shown = own.where(func.coalesce(is_published(), False))

    def count(table: Any, *where: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0

    seated = select(Seat.expert).where(Seat.season == year)
    every = (
        Held("contacts 联系人", count(Contact, Contact.number.in_(own)), "to reach the applicants", until),
        Held(
            "contributors not published 未公开的完成人",
            count(Contributor, Contributor.number.in_(own), Contributor.number.not_in(shown)),
            "duplicates, conflicts of interest",
            until,
        ),
        Held(
            "contributors published 已公开的完成人",
            count(Contributor, Contributor.number.in_(shown)),
            "the results, by each person's separate consent",
            None,
        ),
        Held(
            "contents of submissions 申报内容",
            count(SubmissionVersion, SubmissionVersion.number.in_(own), SubmissionVersion.content != ""),
            "the reviews",
            until,
        ),
        Held(
            "experts on the panel 评委",
            count(Expert, Expert.id.in_(seated), (Expert.phone != "") | (Expert.mail != "")),
            "to send score sheets; contacts go unless a later season needs them, names stay in the pool",
            until,
        ),
        Held(
            "conflicts that experts declared 申报的利益冲突",
            count(DeclaredConflict, DeclaredConflict.season == year),
            "to keep experts from what they may not judge",
            until,
        ),
        Held(
            "reasons to step back 回避理由",
            count(Recusal, Recusal.season == year, Recusal.reason != ""),
            "recusals",
            until,
        ),
        Held(
            "comments of experts 评语",
            count(Score, Score.number.in_(own), Score.comment != ""),
            "the final round",
            until,
        ),
        Held("objections 异议", count(Objection, Objection.number.in_(own)), "to answer who objected", until),
        Held(
            "letters 信件",
            count(Message, Message.season == year, Message.recipient != ""),
            "what was told to whom",
            until,
        ),
        Held(
            "deliveries 来件", count(Delivery, Delivery.season == year, Delivery.file_name != ""), "what came in", until
        ),
    )
    return [held for held in every if held.rows]


def held_of_person(session: Session, name: str, organisation: str = "") -> Iterator[Found]:
    """Every place in which a person is named, over all seasons, however the name is written.

    With an organisation only those of that organisation. Letters and deliveries are no such places: they are found by
    the submission or expert that they are about.
    """
    key, home = name_key(name), name_key(organisation)
    people = select(Contributor).where(Contributor.name_key == key).order_by(Contributor.number, Contributor.position)
    for person in session.scalars(people):
        if not home or name_key(person.organisation) == home:
            yield Found(
                "contributor 完成人",
                f"{person.number} no. {person.position}",
                f"{person.name}, {person.organisation}, {person.role}",
            )
    for contact in session.scalars(select(Contact).where(Contact.name != "").order_by(Contact.number)):
        if name_key(contact.name) == key:
            yield Found("contact 联系人", contact.number, f"{contact.name}, {contact.phone}, {contact.mail}")
    experts = select(Expert).where(Expert.name_key == key).order_by(Expert.id)
    for expert in session.scalars(experts):
        if home and expert.organisation_key != home:
            continue
        yield Found("expert 专家", expert.id, f"{expert.name}, {expert.organisation}, {expert.phone}, {expert.mail}")
        for seat in session.scalars(select(Seat).where(Seat.expert == expert.id).order_by(Seat.season)):
            yield Found("seat 评委", f"{seat.season} {expert.id}", f"{seat.field}, {seat.state.label}")
    for declared in session.scalars(select(DeclaredConflict).where(DeclaredConflict.key == key)):
        yield Found("declared conflict 回避对象", f"{declared.season} {declared.expert}", name)
