"""Certificates (获奖证书): their numbers are given once, follow the awards as they stand, and are never given again.

A certificate says who won what. Whatever makes that untrue makes its number void: the award is revoked, a name is
corrected, a person leaves. Whoever still has an award then gets another number.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from models import Certificate, Contributor, Organisation, Placing, Submission
from models.database import insert_rows, table_of
from models.enums import CertificateState, Holder, Outcome, SubmissionState, Tier, Trigger
from models.forms import ContributorForm, OrganisationForm, SubmissionForm
from models.queries import lock_call
from states.guard_facts import Ask
from states.history.read import is_erased
from states.history.seals import Seals
from states.machine import Act
from states.officers import DecisionRefused
from states.submissions.identity import submission_of
from states.submissions.released import WITHHELD
from states.submissions.versions import content_in_force, rewrite
from states.transitions import note_submissions

_PLACE = re.compile(r"(\d{4}-[0-9A-Z-]+-\d+)\s*(完成人|完成单位)\s*([1-9]\d?)")
_NUMBER = re.compile(r"[^0-9]*([0-9]{4})[^0-9]+([0-9]{1,6})[^0-9]*")


class CertificateNumber(NamedTuple):
    """The number of a certificate; `str` writes it as printed, `of` reads that and the short form in addresses."""

    season: int
    ordinal: int

    def __str__(self) -> str:
        return f"岗创〔{self.season}〕第{self.ordinal:04d}号"

    @property
    def short(self) -> str:
        """As in the address of its page: 2026-0001."""
        return f"{self.season}-{self.ordinal:04d}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises DecisionRefused for what is no number of a certificate."""
        found = _NUMBER.fullmatch(text)
        if found is None:
            raise DecisionRefused(
                f"certificate {text!r}", "its number looks like 2026-0001", f"“{text}”不是证书编号，例如 2026-0001"
            )
        return cls(int(found[1]), int(found[2]))


class Entitled(NamedTuple):
    """Who is to have a certificate, for what."""

    number: str
    holder: Holder
    position: int
    name: str
    tier: Tier


class Reissued(NamedTuple):
    """A corrected name, and the certificate that another replaces with it; None where there was none to replace."""

    submission: str
    void: CertificateNumber | None
    valid: CertificateNumber | None
    name: str


@dataclass(frozen=True, slots=True)
class IssuedCertificates:
    """What became of a season's certificates: ordinals given, and those that became void."""

    given: list[int]
    voided: list[int]


def is_awarded() -> ColumnElement[bool]:
    """Submissions whose award stands."""
    return or_(Submission.state == SubmissionState.AWARDED, Submission.outcome == Outcome.COMPLETED)


def has_certificates(session: Session, year: int) -> bool:
    """Whether a season's certificates have numbers: seasons published by earlier versions have none."""
    return session.scalar(select(Certificate.ordinal).where(Certificate.season == year).limit(1)) is not None


def certificates_of(session: Session, year: int, *where: ColumnElement[bool]) -> Sequence[Certificate]:
    """A season's certificates by their numbers, as they are now."""
    query = select(Certificate).where(Certificate.season == year, *where).order_by(Certificate.ordinal)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def certificate_states(session: Session, year: int) -> Iterator[tuple[int, CertificateState]]:
    """Every number's ordinal that a season gave, in order, and what became of it."""
    query = select(Certificate.ordinal, Certificate.state).where(Certificate.season == year)
    yield from session.execute(query.order_by(Certificate.ordinal))


def follow_awards(session: Session, year: int, act: Act) -> IssuedCertificates:
    """Give a number to everybody who has an award and no certificate that says so; void those that say what is not so.

    Numbers run in the order of the list.
    """
    lock_call(session, year)
    lost, lacking = out_of_step(session, year)
    last = session.scalar(select(func.max(Certificate.ordinal)).where(Certificate.season == year)) or 0
    numbered = {one: ordinal for ordinal, one in enumerate(lacking, start=last + 1)}
    _give(session, year, act, numbered)
    _void(session, year, act, [(row, numbered[heir] if heir else None) for row, heir in lost])
    return IssuedCertificates(list(numbered.values()), [row.ordinal for row, _ in lost])


def keep_in_step(session: Session, year: int, act: Act) -> None:
    """`follow_awards` for a season whose certificates have numbers; whatever changes an award calls it."""
    if has_certificates(session, year):
        follow_awards(session, year, act)


def out_of_step(session: Session, year: int) -> tuple[list[tuple[Certificate, Entitled | None]], list[Entitled]]:
    """Certificates in force that say what is not so, each with who stands in its stead; and who has none.

    With the personal data deleted, few names are known any more: then places are looked at, and whoever had a number
    in a place of an award that stands has one again, if need be without a name.
    """
    entitled = list(_entitled(session, year))
    if is_erased(session, year):
        return _match_places(certificates_of(session, year), entitled)
    return _match(certificates_of(session, year, Certificate.state == CertificateState.VALID), entitled)


def correct_name(session: Session, year: int, certificate: str, act: Act, *, right: str, reason: str) -> Reissued:
    """Correct the name that a certificate bears, in the submission itself; its number then is void, another is given.

    `certificate` may be a place in an archived submission instead (2026-500101-0001 完成人2): nobody but who won has a
    certificate, and everybody may have their name corrected. Raises DecisionRefused, UnknownSubmission.
    """
    lock_call(session, year)
    place = _PLACE.fullmatch(certificate.strip())
    if place is not None:
        number, holder, position = place[1], Holder.from_label(place[2]), int(place[3])
        held = (Certificate.number == number) & (Certificate.holder == holder) & (Certificate.position == position)
        in_force = certificates_of(session, year, held, Certificate.state == CertificateState.VALID)
        if not in_force:
            return _correct_without(session, year, number, Holder(holder or ""), position, act, right, reason)
        certificate = CertificateNumber(year, in_force[0].ordinal).short
    named = CertificateNumber.of(certificate)
    row = session.get(Certificate, named, populate_existing=True)
    if row is None or named.season != year:
        raise DecisionRefused(str(named), f"season {year} gave no such number", f"{year}年度没有这一证书编号")
    if row.state is not CertificateState.VALID:
        raise DecisionRefused(str(named), f"it is void already ({row.state})", "该证书已经作废")
    if is_erased(session, year):
        raise DecisionRefused(
            str(named),
            "the season's personal data are deleted, and with them what it was made from",
            "本年度个人信息已经删除，不能再更正",
        )
    right = _right_name(str(named), row.name, right, reason)
    form = content_in_force(session, submission_of(session, row.number))
    rewrite(session, row.number, _renamed(form, row.holder, row.position, row.name, right), act, reason=reason)
    follow_awards(session, year, act)
    session.refresh(row)
    return Reissued(row.number, named, CertificateNumber(year, row.successor or 0), right)


def _right_name(subject: str, wrong: str, right: str, reason: str) -> str:
    """The right name without needless blanks. Raises DecisionRefused."""
    right = " ".join(right.split())
    if not right or not right.isprintable() or right == wrong:
        raise DecisionRefused(
            subject, "give the right name, which is another than the one it bears", "请填写与证书上不同的正确姓名"
        )
    if not reason.strip():
        raise DecisionRefused(subject, "correcting a name needs a reason", "更正姓名须写明理由")
    return right


def _correct_without(
    session: Session, year: int, number: str, holder: Holder, position: int, act: Act, right: str, reason: str
) -> Reissued:
    """Correct a name that no certificate bears; while a submission is open, its unit sends it again."""
    submission, subject = submission_of(session, number), f"{number} {holder.label}{position}"
    if submission.season != year or submission.state is not SubmissionState.ARCHIVED:
        raise DecisionRefused(
            subject,
            f"it is no archived submission of season {year}: its unit sends a new version",
            "不是本年度已归档的项目：未归档的由单位报送新版本",
        )
    if is_erased(session, year):
        raise DecisionRefused(subject, "the season's personal data are deleted", "本年度个人信息已经删除，不能再更正")
    form = content_in_force(session, submission)
    places = form.contributors if holder is Holder.CONTRIBUTOR else form.organisations
    if position > len(places):
        raise DecisionRefused(subject, f"it has {len(places)} of them", f"该项目只有{len(places)}个{holder.label}")
    wrong = places[position - 1].name
    if wrong == WITHHELD:
        raise DecisionRefused(subject, "that person asked for deletion", "该完成人的信息已应本人请求删除")
    right = _right_name(subject, wrong, right, reason)
    rewrite(session, number, _renamed(form, holder, position, wrong, right), act, reason=reason)
    return Reissued(number, None, None, right)


def _renamed(form: SubmissionForm, holder: Holder, position: int, wrong: str, right: str) -> SubmissionForm:
    """The form with one name corrected; people stay with their organisation, which goes by its right name."""
    if holder is Holder.CONTRIBUTOR:
        people = list(form.contributors)
        people[position - 1] = people[position - 1].model_copy(update={"name": right})
        return form.model_copy(update={"contributors": tuple(people)})
    bodies: list[OrganisationForm] = list(form.organisations)
    bodies[position - 1] = bodies[position - 1].model_copy(update={"name": right})
    staff: Iterator[ContributorForm] = (
        person.model_copy(update={"organisation": right}) if person.organisation == wrong else person
        for person in form.contributors
    )
    return form.model_copy(update={"organisations": tuple(bodies), "contributors": tuple(staff)})


def _entitled(session: Session, year: int) -> Iterator[Entitled]:
    """Everybody with an award that stands, in the order of the list: people first, then organisations."""
    awards = session.execute(
        select(Submission.number, Submission.tier)
        .outerjoin(Placing, Placing.number == Submission.number)
        .where(Submission.season == year, is_awarded())
        .order_by(func.coalesce(Placing.position, 0), Submission.number)
    ).all()
    names: dict[tuple[str, Holder], list[tuple[int, str]]] = {}
    tables: tuple[tuple[Holder, type[Contributor] | type[Organisation]], ...] = (
        (Holder.CONTRIBUTOR, Contributor),
        (Holder.ORGANISATION, Organisation),
    )
    for holder, table in tables:
        rows = session.execute(
            select(table.number, table.position, table.name)
            .join(Submission, Submission.number == table.number)
            .where(Submission.season == year, is_awarded())
            .order_by(table.number, table.position)
        )
        for number, position, name in rows:
            names.setdefault((number, holder), []).append((position, name))
    tiers = list(Tier)
    for number, tier in sorted(awards, key=lambda award: tiers.index(award.tier)):
        for holder in Holder:
            yield from (
                Entitled(number, holder, position, name, tier)
                for position, name in names.get((number, holder), ())
                if tier
            )


def _match(
    valid: Sequence[Certificate], entitled: Sequence[Entitled]
) -> tuple[list[tuple[Certificate, Entitled | None]], list[Entitled]]:
    """In whose stead somebody stands: the same person elsewhere on the list or in another tier, else whose place it is."""
    # Whoever asked for deletion has no name any more; the number of the certificate stands with the award.
    said = {(row.number, row.holder, row.position, row.name, row.tier) for row in valid}
    lacking = [one for one in entitled if one not in said and one.name != WITHHELD]
    awards = {(one.number, one.holder, one.position, one.tier) for one in entitled}
    rows = [row for row in valid if row.name or (row.number, row.holder, row.position, row.tier) not in awards]
    lost = [row for row in rows if (row.number, row.holder, row.position, row.name, row.tier) not in set(entitled)]
    heirs, found = list(lacking), dict[int, Entitled]()
    keys: tuple[Callable[[Any], tuple[object, ...]], ...] = (
        lambda one: (one.number, one.holder, one.name),
        lambda one: (one.number, one.holder, one.position),
    )
    for key in keys:
        for row in lost:
            heir = next((one for one in heirs if key(one) == key(row)), None)
            if heir is not None and row.ordinal not in found:
                found[row.ordinal] = heir
                heirs.remove(heir)
    return [(row, found.get(row.ordinal)) for row in lost], lacking


def _match_places(
    given: Sequence[Certificate], entitled: Sequence[Entitled]
) -> tuple[list[tuple[Certificate, Entitled | None]], list[Entitled]]:
    """The same where names are deleted, from every certificate that was given: one for each place of an award that stands."""
    tiers = {one.number: one.tier for one in entitled}
    places = {(row.number, row.holder, row.position): "" for row in given if row.number in tiers}
    places |= {(one.number, one.holder, one.position): one.name for one in entitled if one.name != WITHHELD}
    valid = [row for row in given if row.state is CertificateState.VALID]
    said = {(row.number, row.holder, row.position, row.tier) for row in valid}
    heirs = {place: Entitled(*place, name, tiers[place[0]]) for place, name in places.items()}
    heirs = {place: one for place, one in heirs.items() if (*place, one.tier) not in said}
    lost = [row for row in valid if tiers.get(row.number) is not row.tier]
    return [(row, heirs.get((row.number, row.holder, row.position))) for row in lost], list(heirs.values())


def _give(session: Session, year: int, act: Act, numbered: Mapping[Entitled, int]) -> None:
    seals, facts = Seals(session, year), dict[str, dict[str, Any]]()
    for one, ordinal in numbered.items():
        own = facts.setdefault(one.number, {"tier": one.tier.value, "certificates": []})
        bound = seals.sealed("certificate", year, ordinal, one.name)
        own["certificates"].append({"ordinal": ordinal, "holder": one.holder.value, "position": one.position, **bound})
    insert_rows(
        session,
        table_of(Certificate),
        [
            {"season": year, "ordinal": ordinal, **one._asdict(), "state": CertificateState.VALID, "given_at": act.at}
            for one, ordinal in numbered.items()
        ],
    )
    _note(session, year, Trigger.GIVE_CERTIFICATES, act, facts)


def _void(session: Session, year: int, act: Act, lost: Iterable[tuple[Certificate, int | None]]) -> None:
    facts = dict[str, dict[str, Any]]()
    for row, successor in lost:
        row.state = CertificateState.REVOKED if successor is None else CertificateState.REPLACED
        row.voided_at, row.successor = act.at, successor
        own = facts.setdefault(row.number, {"voided": []})
        own["voided"].append({"ordinal": row.ordinal, "state": row.state.value, "successor": successor})
    session.flush()
    _note(session, year, Trigger.VOID_CERTIFICATES, act, facts)


def _note(session: Session, year: int, word: Trigger, act: Act, facts: Mapping[str, Mapping[str, Any]]) -> None:
    if facts:
        ask = Ask(word, act, own=facts.__getitem__)
        note_submissions(session, year, ask, Submission.number.in_(sorted(facts)))
