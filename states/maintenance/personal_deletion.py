"""Deletes what is held of one person in a season, on request and before the season's own date (PIPL art. 47).

The decision is an entry of each submission's record, and names nobody. Contents are bound by salted digests: what is
left of one is bound anew by the entry, and earlier versions lose content and salt, so that every chain, root and proof
holds as before. An award stands, and its certificate's number with it, without the name. What is still being decided
cannot be deleted from: there the submission is withdrawn, or its unit sends it again without the person.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from config.season import Season
from models import (
    Attachment,
    BouncedAddress,
    Certificate,
    Consent,
    Contact,
    Contributor,
    Correction,
    DeclaredConflict,
    Delivery,
    DistrictVerdict,
    Expert,
    FollowUp,
    FollowUpPicture,
    GoodPractice,
    IncomingMail,
    Message,
    Objection,
    Organisation,
    Picture,
    Recusal,
    Score,
    Seat,
    Submission,
    SubmissionVersion,
)
from models.enums import OPEN_OBJECTIONS, CallState, ConsentKind, Holder, MessageState, SubmissionState, Trigger
from models.forms import SubmissionForm
from models.queries import lock_call, seasons_going_on
from states.guard_facts import Ask
from states.history.read import is_erased
from states.history.seals import Seals
from states.machine import Act
from states.numbers import Number
from states.officers import DecisionRefused
from states.panel.pool import declared_by, forget
from states.practice import rewrite, words_of
from states.rules.names import name_key
from states.rules.reviewers.blind import Blindfold
from states.submissions.delivery import seal_of_delivery
from states.submissions.follow_up import seal_of_answer
from states.submissions.identity import fingerprint
from states.submissions.released import WITHHELD, masked
from states.submissions.taking_back import withdraw_consent
from states.submissions.versions import content_of
from states.transitions import note_call, note_submission

_OVER = (CallState.PUBLISHED, CallState.CLOSED)
# Words of people about one submission; those in the second line are sealed in the record.
_WORDS: tuple[tuple[Any, str], ...] = (
    *((FollowUp, "adoption"), (FollowUpPicture, "alt"), (Correction, "missing")),
    *((DistrictVerdict, "comment"), (Score, "comment"), (Recusal, "reason")),
)


@dataclass
class Forgotten:
    """What was deleted: submissions with the places, experts, reports that name them; and what of files is to go now."""

    places: dict[str, list[int]] = field(default_factory=dict)
    contacts: list[str] = field(default_factory=list)
    experts: list[str] = field(default_factory=list)
    practices: dict[str, str] = field(default_factory=dict)  # units by the reports of good practice
    names: set[str] = field(default_factory=set)
    longer: set[str] = field(default_factory=set)  # others' names, of which one of these is a part: 张伟 of 张伟东
    attachments: set[str] = field(default_factory=set)  # digests that no row names any more
    pictures: set[str] = field(default_factory=set)  # as they are published, by `encoded`
    letters: list[str] = field(default_factory=list)  # keys

    @property
    def numbers(self) -> list[str]:
        return sorted({*self.places, *self.contacts})


def whom(session: Session, year: int, name: str, organisation: str) -> Forgotten:
    """Where a season holds this person: a contributor or expert of this organisation, a contact of one of its submissions.

    Also where good practice of that organisation, or of a unit to which one of these submissions belongs, names them.
    """
    key, home = name_key(name), name_key(organisation)
    found = Forgotten(names={name.strip()})
    if not key or not home:
        return found
    rows = session.execute(
        select(Contributor.number, Contributor.position, Contributor.name, Contributor.organisation)
        .join(Submission, Submission.number == Contributor.number)
        .where(Submission.season == year, Contributor.name_key == key)
        .order_by(Contributor.number, Contributor.position)
    )
    for number, position, called, works_at in rows:
        if name_key(works_at) == home:
            found.places.setdefault(number, []).append(position)
            found.names.add(called)
    of_home = select(Organisation.number).where(Organisation.name_key == home)
    contacts = session.execute(
        select(Contact.number, Contact.name)
        .join(Submission, Submission.number == Contact.number)
        .where(Submission.season == year, Contact.number.in_(of_home))
        .order_by(Contact.number)
    )
    for number, called in contacts:
        if name_key(called) == key:
            found.contacts.append(number)
            found.names.add(called)
    experts = select(Expert).where(Expert.name_key == key, Expert.organisation_key == home).order_by(Expert.id)
    for expert in session.scalars(experts):
        found.experts.append(expert.id)
        found.names.add(expert.name)
    for column in (Contributor.name, Contact.name, Expert.name):
        parts = or_(*(column.contains(name, autoescape=True) for name in found.names))
        found.longer |= set(session.scalars(select(column).where(parts))) - found.names
    units = {Number.of(number).unit for number in found.numbers}
    for row in session.scalars(select(GoodPractice).where(GoodPractice.season == year).order_by(GoodPractice.number)):
        theirs = row.unit in units or name_key(row.organisation) == home
        if theirs and any(
            _masked(text, found) != text for text in (row.title, row.organisation, *words_of(row).values())
        ):
            found.practices[row.number] = row.unit
    return found


def erase_person(
    session: Session,
    season: Season,
    name: str,
    organisation: str,
    act: Act,
    *,
    reason: str,
    deliveries: Collection[str] = (),
) -> Forgotten:
    """Delete a person from a season's rows and record that, naming nobody; `deliveries` (digests) lose their files.

    Raises DecisionRefused.
    """
    year = season.year
    state = lock_call(session, year).state
    found = whom(session, year, name, organisation)
    _may_be_deleted(session, year, state, found, reason)
    addresses = _addresses(session, found)
    bound = _masked_rows(session, year, name, found)
    for number in found.numbers:
        places = found.places.get(number, [])
        for consented in _in_force(session, number, places):
            withdraw_consent(session, number, consented, act, reason=reason)
        # After the season's own deletion nothing else was left, and taking the consent back has left nothing of that.
        if not is_erased(session, year):
            facts = _forget(session, number, places, found)
            told = {**facts, "deliveries": sorted(deliveries), **bound}
            bound = {}
            note_submission(session, number, Ask(Trigger.ERASE_PERSON, act, reason=reason, facts=told))
    for expert in found.experts:
        _forget_expert(session, expert)
        facts = {"expert": expert, **({} if found.numbers else {"deliveries": sorted(deliveries)}), **bound}
        bound = {}
        note_call(session, year, Trigger.ERASE_PERSON, act, reason=reason, facts=facts)
    for number in found.practices:
        sealed = rewrite(
            session, session.get_one(GoodPractice, number, populate_existing=True), partial(_masked, found=found)
        )
        alone = {} if found.numbers or found.experts else {"deliveries": sorted(deliveries)}
        facts = {"practice": number, "sealed": sealed, **alone, **bound}
        bound = {}
        note_call(session, year, Trigger.ERASE_PERSON, act, reason=reason, facts=facts)
    found.letters = list(_letters(session, year, found, addresses))
    session.flush()
    still = set(session.scalars(select(Attachment.digest).where(Attachment.digest.in_(found.attachments))))
    found.attachments -= still
    for table in (Picture, FollowUpPicture):
        found.pictures -= set(session.scalars(select(table.encoded).where(table.encoded.in_(found.pictures))))
    return found


def _masked_rows(session: Session, year: int, name: str, found: Forgotten) -> dict[str, Any]:
    """Mask the person in a season's deliveries and in what experts declared; how the record binds what is left."""
    seals, bound = Seals(session, year), dict[str, Any]()
    masked_deliveries = []
    for delivery in session.scalars(select(Delivery).where(Delivery.season == year).order_by(Delivery.digest)):
        before = delivery.file_name, delivery.problems
        delivery.file_name, delivery.problems = (_masked(text, found) for text in before)
        if (delivery.file_name, delivery.problems) != before:
            seal = seal_of_delivery(seals, delivery)
            masked_deliveries.append({"delivery": delivery.digest, "sender": delivery.sender, **seal})
    declaring: set[str] = set()
    if found.places or found.contacts:
        own = (DeclaredConflict.season == year) & (DeclaredConflict.key == name_key(name))
        declaring = set(session.scalars(select(DeclaredConflict.expert).where(own)))
        session.execute(delete(DeclaredConflict).where(own))
    session.flush()
    if seals.seals_persons:
        left = declared_by(session, seals, year)
        bound |= {"masked": masked_deliveries} if masked_deliveries else {}
        bound |= {"declared": {expert: left.get(expert, "") for expert in sorted(declaring)}} if declaring else {}
    return bound


def _may_be_deleted(session: Session, year: int, state: CallState, found: Forgotten, reason: str) -> None:
    """Raises DecisionRefused; no refusal repeats the name."""
    subject = f"season {year}"
    if not found.numbers and not found.experts and not found.practices:
        raise DecisionRefused(
            subject,
            "nothing is held of such a name at such an organisation; see `gangchuang privacy`",
            "本年度没有该姓名和单位的个人信息：姓名、单位须与申报或者专家库一致",
        )
    if not reason.strip() or any(name and name in reason for name in found.names):
        raise DecisionRefused(
            subject,
            "a deletion needs a reason that names nobody: it stays for good",
            "删除须写明理由，且不得写姓名：理由永久保存",
        )
    if found.numbers and state not in _OVER:
        raise DecisionRefused(
            subject,
            "the awards are not decided yet: withdraw the submission, or have its unit send it without the person",
            "评审尚未结束：可以撤回申报，或者由单位报送不含本人的新版本；结果发布后再删除",
        )
    rows = session.scalars(select(Submission).where(Submission.number.in_(found.numbers)))
    running = sorted(row.number for row in rows if row.state is not SubmissionState.ARCHIVED)
    objected = session.scalars(
        select(Objection.number).where(Objection.number.in_(found.numbers), Objection.state.in_(OPEN_OBJECTIONS))
    ).all()
    if running or objected:
        waiting = "、".join([*running, *sorted(filter(None, objected))])
        raise DecisionRefused(
            subject,
            f"{waiting} is not archived yet, or an objection to it is open",
            f"{waiting}尚未归档或者有异议未办结，办结后再删除",
        )
    going_on = seasons_going_on(session)
    seated = session.scalars(select(Seat.expert).where(Seat.expert.in_(found.experts), Seat.season.in_(going_on))).all()
    if seated and any(lock_call(session, going).state not in _OVER for going in going_on):
        raise DecisionRefused(
            subject,
            f"{seated[0]} is on the panel of a season that goes on: replace the expert first",
            "该专家是进行中年度的评委，请先办理退出替换",
        )


def _addresses(session: Session, found: Forgotten) -> set[str]:
    """Mail addresses of this person, as contact or expert."""
    contacts = session.scalars(select(Contact.mail).where(Contact.number.in_(found.contacts)))
    experts = session.scalars(select(Expert.mail).where(Expert.id.in_(found.experts)))
    return {mail for mail in (*contacts, *experts) if mail}


def _in_force(session: Session, number: str, places: Collection[int]) -> list[str]:
    """What is to be taken back before anything is deleted: the names, and pictures in which people can be recognised."""
    if not places:
        return []
    portraits, later = (
        set(session.scalars(select(table.position).where(table.number == number, table.portrait.is_(True))))
        for table in (Picture, FollowUpPicture)
    )
    rows = session.scalars(
        select(Consent)
        .where(Consent.number == number, Consent.given.is_(True), Consent.withdrawn_at.is_(None))
        .order_by(Consent.kind, Consent.position)
    )
    kinds = {
        ConsentKind.NAME: ("完成人", set(places)),
        ConsentKind.PICTURE: ("图片", portraits),
        ConsentKind.FOLLOW_UP_PICTURE: ("转化图片", later),
    }
    return [
        f"{kinds[row.kind][0]}{row.position}"
        for row in rows
        if row.kind in kinds and row.position in kinds[row.kind][1]
    ]


def _forget(session: Session, number: str, places: Collection[int], found: Forgotten) -> dict[str, Any]:
    """Delete a person from one submission; what its entry says of it, with a seal of what is left of the answer."""
    facts = _emptied(session, number, places, found)
    session.flush()
    return facts | seal_of_answer(session, Seals(session, Number.of(number).season), number)


def _emptied(session: Session, number: str, places: Collection[int], found: Forgotten) -> dict[str, Any]:
    facts: dict[str, Any] = {"positions": list(places), "contact": number in found.contacts}
    if number in found.contacts:
        session.execute(update(Contact).where(Contact.number == number).values(name="", phone="", mail=""))
    facts["words"] = _mask_words(session, number, found)
    if not places:
        return facts
    submission = session.get_one(Submission, number, populate_existing=True)
    version = session.get_one(SubmissionVersion, (number, submission.version), populate_existing=True)
    if version.content:
        form = _without(SubmissionForm.model_validate_json(version.content), places, found)
        version.content, version.salt = content_of(form), secrets.token_hex(16)
        submission.fingerprint = fingerprint(form)
        kept = hashlib.sha256(bytes.fromhex(version.salt) + version.content.encode()).hexdigest()
        facts |= {"version": submission.version, "kept": kept}
        session.execute(
            update(Picture)
            .where(Picture.number == number)
            .values(alt=WITHHELD)
            .where(
                Picture.position.in_(
                    [place for place, picture in enumerate(form.pictures, 1) if picture.alt == WITHHELD]
                )
            )
        )
    session.flush()
    older = (SubmissionVersion.number == number) & (SubmissionVersion.version != submission.version)
    session.execute(update(SubmissionVersion).where(older).values(content="", salt=""))
    gone = {"name": WITHHELD, "name_key": name_key(WITHHELD), "organisation": WITHHELD, "role": ""}
    session.execute(
        update(Contributor).where(Contributor.number == number, Contributor.position.in_(places)).values(**gone)
    )
    named = (
        (Certificate.number == number) & (Certificate.holder == Holder.CONTRIBUTOR) & Certificate.position.in_(places)
    )
    facts["certificates"] = sorted(session.scalars(select(Certificate.ordinal).where(named)))
    session.execute(update(Certificate).where(named).values(name=""))
    for table, fact in ((Picture, "pictures"), (FollowUpPicture, "follow_up_pictures")):
        portraits = (table.number == number) & table.portrait.is_(True)
        shown = session.execute(select(table.position, table.encoded).where(portraits)).all()
        facts[fact] = sorted(position for position, _ in shown)
        found.pictures |= {encoded for _, encoded in shown}
        session.execute(delete(table).where(portraits))
    found.attachments |= set(session.scalars(select(Attachment.digest).where(Attachment.number == number)))
    session.execute(delete(Attachment).where(Attachment.number == number))
    session.expire_all()
    return facts


def _without(form: SubmissionForm, places: Collection[int], found: Forgotten) -> SubmissionForm:
    """The form without some of its people; a share stays, since others are paid by it."""
    # The blindfold knows other spellings too, but not where a longer name begins.
    blindfold = Blindfold(() if found.longer else found.names, ())

    def hidden(text: str) -> str:
        return masked(blindfold, _masked(text, found))

    changes: dict[str, Any] = {
        key: hidden(value)
        for key, value in form.model_dump().items()
        if isinstance(value, str) and key not in ("title", "number", "field", "category", "carrier", "origin")
    }
    changes["contributors"] = tuple(
        type(person)(name=WITHHELD, organisation=WITHHELD, share=person.share) if place in places else person
        for place, person in enumerate(form.contributors, start=1)
    )
    changes["attachments"] = ()
    changes["pictures"] = tuple(
        picture.model_copy(update={"name": WITHHELD, "alt": WITHHELD})
        if picture.portrait or hidden(picture.alt) != picture.alt
        else picture
        for picture in form.pictures
    )
    return form.model_copy(update=changes)


def _mask_words(session: Session, number: str, found: Forgotten) -> list[str]:
    """Mask the person in what others wrote about a submission; the tables in which something was."""
    touched = set()
    for table, column in _WORDS:
        for row in session.scalars(select(table).where(table.number == number)):
            text = getattr(row, column)
            left = _masked(text, found)
            if left != text:
                setattr(row, column, left)
                touched.add(str(table.__tablename__))
    return sorted(touched)


def _masked(text: str, found: Forgotten) -> str:
    """The text with the person's names masked, and nobody's longer name touched."""
    every = sorted(filter(None, found.names | found.longer), key=len, reverse=True)
    pattern = "|".join(map(re.escape, every))
    return re.sub(pattern, lambda hit: WITHHELD if hit[0] in found.names else hit[0], text) if pattern else text


def _forget_expert(session: Session, expert: str) -> None:
    """The row stays, since scores refer to it; a later import of the same name makes another."""
    row = session.get_one(Expert, expert, populate_existing=True)
    forget(row)
    row.valid_until = None
    session.execute(delete(DeclaredConflict).where(DeclaredConflict.expert == expert))
    session.flush()


def _letters(session: Session, year: int, found: Forgotten, addresses: Collection[str]) -> Iterator[str]:
    """Mask the person in a season's letters; the keys of those that were changed."""
    waiting = (MessageState.WAITING, MessageState.SENDING)
    for row in session.scalars(select(Message).where(Message.season == year).order_by(Message.key)):
        before = (row.subject, row.body, row.recipient, row.problem)
        row.subject, row.body, row.problem = (_masked(text, found) for text in (row.subject, row.body, row.problem))
        if row.recipient in addresses:
            row.recipient = ""
            row.state = MessageState.GIVEN_UP if row.state in waiting else row.state
        if (row.subject, row.body, row.recipient, row.problem) != before:
            yield row.key
    session.execute(update(IncomingMail).where(IncomingMail.sender.in_(addresses)).values(sender=""))
    session.execute(delete(BouncedAddress).where(BouncedAddress.address.in_(addresses)))
