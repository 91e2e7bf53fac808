"""What became of the awarded achievements, a year later (成果转化跟踪): who is asked, what units answer.

The stage's entry has which awards it asked about. The record has of an answer what figures are made of (in use, since when, benefit, how many places), what of it may be
published, the delivery, and a seal of its words; these stand in the row, and go with the season's personal data unless
they are public. What is left of them then is sealed anew.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from models import Consent, Contributor, FollowUp, FollowUpPicture, Submission
from models.enums import CallState, ConsentKind, Outcome, Tier, Trigger, Use
from models.forms import FollowUpForm
from models.queries import call_state
from states.guard_facts import Ask
from states.history.canonical import canonical, submission_subject
from states.history.read import every_facts
from states.history.seals import Seals
from states.machine import Act, Refusal
from states.rules.grouping import grouped
from states.rules.reviewers.blind import Blindfold
from states.submissions.attachments import ReadablePicture, base_name
from states.submissions.consents import FOLLOW_UP_KINDS, Shown, consent_rows
from states.submissions.delivery import Delivered, RowChange, Taken
from states.submissions.released import masked
from states.transitions import note_submission


class AskedAward(NamedTuple):
    """An awarded achievement that a unit is asked about."""

    unit: str
    number: str
    title: str
    tier: Tier


@dataclass(frozen=True, slots=True)
class FollowUpAnswer:
    """One row of a delivered workbook; `files`: digest by name of what came along, `readable`: what was made of it."""

    position: int
    form: FollowUpForm
    files: Mapping[str, str] = field(default_factory=dict)
    readable: Mapping[str, ReadablePicture] = field(default_factory=dict)


def ask_about_awards(session: Session, year: int, act: Act) -> list[AskedAward]:
    """Keep that the units are asked what became of the awarded achievements."""
    awarded = select(Submission.unit, Submission.number, Submission.title, Submission.tier).where(
        Submission.season == year, Submission.outcome == Outcome.COMPLETED
    )
    told = session.execute(awarded.order_by(Submission.number))
    rows = [AskedAward(unit, number, title, tier) for unit, number, title, tier in told if tier]
    for asked in rows:
        row = session.get(FollowUp, asked.number) or FollowUp(number=asked.number, asked_at=act.at)
        row.asked_at = act.at  # a run that was cut off did not ask
        session.add(row)
    return rows


def unanswered(session: Session, year: int) -> dict[str, list[str]]:
    """Numbers about which nothing has come in yet, by unit; revoked awards owe nothing."""
    rows = session.execute(
        select(Submission.unit, Submission.number)
        .join(FollowUp, FollowUp.number == Submission.number)
        .where(Submission.season == year, Submission.outcome == Outcome.COMPLETED, FollowUp.answered_at.is_(None))
        .order_by(Submission.number)
    )
    return grouped(rows)


def answer_of(row: FollowUp) -> FollowUpForm | None:
    """What was answered; None where nothing was, or it was deleted with the personal data."""
    return FollowUpForm(number=row.number, **json.loads(row.adoption)) if row.adoption else None


def take_answers(session: Session, delivered: Delivered, rows: Sequence[FollowUpAnswer]) -> Taken:
    """Take a unit's answers; a later one replaces the one before, until the season closes."""
    if call_state(session, delivered.season) is CallState.CLOSED:
        return Taken.refusing((answer.position for answer in rows), _CLOSED)
    taken = Taken()
    for answer in rows:
        position, form = answer.position, answer.form
        row = session.get(FollowUp, form.number)
        submission = session.get(Submission, form.number)
        if (
            row is None
            or submission is None
            or (submission.season, submission.unit) != (delivered.season, delivered.unit)
        ):
            taken.refused[position] = _NOT_ASKED
        elif submission.outcome is not Outcome.COMPLETED:
            taken.refused[position] = _NO_AWARD
        elif (refusal := _said_too_little(form)) is not None:
            taken.refused[position] = refusal
        else:
            taken.accept(position, form.number, _keep(session, delivered, answer, row))
    return taken


def _said_too_little(form: FollowUpForm) -> Refusal | None:
    """What is in use is in use somewhere since some day; what is not has a reason."""
    if form.use is Use.IN_USE and (form.since is None or not form.where):
        missing = "since" if form.since is None else "where"
        english, chinese = "in use, but not since when or where", "填了“在用”，请同时填写开始应用时间和应用单位"
        return Refusal("incomplete", english, chinese, missing)
    if form.use is not Use.IN_USE and not form.remark:
        return Refusal(
            "incomplete", "not in use, without a reason", f"填了“{form.use.label}”，请在“说明”里写明原因", "remark"
        )
    return None


def _keep(session: Session, delivered: Delivered, answer: FollowUpAnswer, row: FollowUp) -> RowChange:
    form = answer.form
    said = form.model_dump(mode="json", exclude={"number", "attachments", "review_attachments"})
    text, shown = canonical(said), _shown(session, answer)
    before = {picture.digest for picture in _pictures(session, form.number)}
    if row.adoption == text and before == {picture.digest for picture in shown}:
        return RowChange.UNCHANGED
    change = RowChange.UPDATED if row.answered_at else RowChange.NEW
    consents = _consents(session, delivered, form, shown)
    row.answered_at, row.adoption = delivered.act.at, text
    session.execute(delete(FollowUpPicture).where(FollowUpPicture.number == form.number))
    if shown:
        session.execute(insert(FollowUpPicture), [picture.row(form.number) for picture in shown])
    session.flush()
    told = {"consents": consents, **({"pictures": [picture.facts for picture in shown]} if shown else {})}
    sealed = seal_of_answer(session, Seals(session, delivered.season), form.number)
    facts = {"use": form.use.value, **dict(_figures(form)), **told, **sealed, **delivered.facts}
    note_submission(session, form.number, Ask(Trigger.RECORD_FOLLOW_UP, delivered.act, facts=facts))
    return change


def seal_of_answer(session: Session, seals: Seals, number: str) -> dict[str, str]:
    """The fact that binds the words of an answer as they stand, and what its pictures are said to show."""
    row = session.get(FollowUp, number, populate_existing=True)
    if row is None or not seals.key:
        return {}
    pictures = (word for picture in _pictures(session, number) for word in (str(picture.position), picture.alt))
    return {"answer": seals.lasting("follow_up", number, row.adoption, *pictures)}


def _shown(session: Session, answer: FollowUpAnswer) -> list[Shown]:
    """The pictures that may be published and could be read; one that came before need not come again."""
    row = session.get_one(FollowUp, answer.form.number)
    before = answer_of(row)
    kept = {picture.position: picture for picture in _pictures(session, answer.form.number)}
    known = {
        base_name(picture.name): kept[position]
        for position, picture in enumerate(before.pictures if before else (), start=1)
        if position in kept
    }
    found = []
    for position, picture in enumerate(answer.form.pictures, start=1):
        name = base_name(picture.name)
        earlier = known.get(name)
        if not picture.consent:
            continue
        if picture.name in answer.readable:
            made, digest = answer.readable[picture.name], answer.files[picture.name]
        elif earlier is not None and picture.name not in answer.files:
            made, digest = ReadablePicture(earlier.encoded, earlier.width, earlier.height), earlier.digest
        else:
            continue
        found.append(Shown(position, digest, picture.alt, picture.portrait, made))
    return found


def _consents(
    session: Session, delivered: Delivered, form: FollowUpForm, shown: Sequence[Shown]
) -> dict[str, bool | list[bool]]:
    """What the answer lets be published. What was taken back is not given again; what is given no more is taken back."""
    mine = (Consent.number == form.number, col(Consent.kind).in_(FOLLOW_UP_KINDS))
    rows = {(row.kind, row.position): row for row in session.scalars(select(Consent).where(*mine))}
    kept = {picture.position: picture.digest for picture in _pictures(session, form.number)}
    back = every_facts(session, submission_subject(form.number), Trigger.WITHDRAW_CONSENT)
    gone = {said["digest"] for said in back if "digest" in said}
    text = bool(form.consent) and all(said["kind"] != ConsentKind.FOLLOW_UP for said in back)
    digests = {picture.position: picture.digest for picture in shown}
    pictures = [
        picture.consent and digests.get(position) not in gone for position, picture in enumerate(form.pictures, start=1)
    ]
    still = {digest for position, digest in digests.items() if pictures[position - 1]}
    for (kind, position), row in sorted(rows.items()):
        stays = text if kind is ConsentKind.FOLLOW_UP else kept.get(position) in still
        if row.given and row.withdrawn_at is None and not stays:
            facts: dict[str, Any] = {"kind": kind.value, "position": position}
            facts |= {"digest": kept[position]} if position in kept and kind is ConsentKind.FOLLOW_UP_PICTURE else {}
            row.withdrawn_at = delivered.act.at
            session.flush()
            note_submission(session, form.number, Ask(Trigger.WITHDRAW_CONSENT, delivered.act, facts=facts))
    consents: dict[str, bool | list[bool]] = {ConsentKind.FOLLOW_UP.value: text}
    if pictures:
        consents[ConsentKind.FOLLOW_UP_PICTURE.value] = pictures
    session.execute(delete(Consent).where(*mine))
    session.execute(insert(Consent), consent_rows(form.number, {"consents": consents}))
    session.expire_all()
    return consents


def _pictures(session: Session, number: str) -> Sequence[FollowUpPicture]:
    query = select(FollowUpPicture).where(FollowUpPicture.number == number)
    query = query.order_by(FollowUpPicture.position).execution_options(populate_existing=True)
    return session.scalars(query).all()


def keep_public_answer(session: Session, number: str) -> bool:
    """Of an answer leave no more than what may be public: words without the names of who would not be named.

    Returns whether its words were deleted.
    """
    row = session.get(FollowUp, number, populate_existing=True)
    if row is None:
        return False
    given = {
        (consent.kind, consent.position): consent.given and consent.withdrawn_at is None
        for consent in session.scalars(select(Consent).where(Consent.number == number))
    }
    shown = {position for (kind, position), stands in given.items() if stands and kind is ConsentKind.FOLLOW_UP_PICTURE}
    pictures = FollowUpPicture.number == number
    session.execute(delete(FollowUpPicture).where(pictures, FollowUpPicture.position.not_in(shown)))
    if not row.adoption:
        return False  # its words went before, when they were taken back
    if not given.get((ConsentKind.FOLLOW_UP, 1)):
        row.adoption = ""
        return True
    people = session.execute(select(Contributor.position, Contributor.name).where(Contributor.number == number))
    blindfold = Blindfold((name for place, name in people if not given.get((ConsentKind.NAME, place))), ())
    for picture in _pictures(session, number):
        alt = masked(blindfold, picture.alt)
        session.execute(
            update(FollowUpPicture).where(pictures, FollowUpPicture.position == picture.position).values(alt=alt)
        )
    said: dict[str, Any] = {**json.loads(row.adoption), "pictures": []}
    row.adoption = canonical(
        {name: masked(blindfold, value) if name in _WORDS else value for name, value in said.items()}
    )
    return False


_WORDS = ("where", "benefit_social", "remark")


def _figures(form: FollowUpForm) -> Iterator[tuple[str, str | int]]:
    """What the record says of an answer: no words, which may name people."""
    if form.since is not None:
        yield "since", form.since.isoformat()
    if form.benefit_economic is not None:
        yield "benefit_economic", f"{form.benefit_economic:f}"
    if form.places is not None:
        yield "places", form.places


_CLOSED = Refusal("season_closed", "the season is closed", "本年度已结束，不再接收成果转化情况")
_NOT_ASKED = Refusal("not_asked", "the unit was not asked about it", "该编号不在贵单位的成果转化跟踪表内")
_NO_AWARD = Refusal("no_award", "its award was revoked", "该项目的获奖已撤销，不需要跟踪")
