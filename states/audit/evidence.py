"""Evidence of what somebody took part in and won over all seasons, as other awards (创新争先奖) ask for it.

What the record says of each submission is read by the checker's own function from the entries that go with it, under
the newest root; names are the tables'. Two people of one name are never taken for one: a person is a name at an
organisation, and whatever stays doubtful is said.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import local_day
from config.units import name_on
from models import Consent, Contributor, FollowUp, Organisation, Publication, Submission, SubmissionVersion
from models.enums import ConsentKind, Holder, Labelled, PublicationKind, Trigger
from models.queries import planned_seasons, season_in_force, version_in_force
from states.audit.export import entries_of, proofs
from states.history.canonical import call_subject
from states.history.read import erased_seasons, latest_entry
from states.history.verify_history import EVIDENCE_FORMAT, record_of
from states.rules.names import name_key
from states.submissions.follow_up import answer_of

_CHUNK = 500


class SubjectKind(Labelled):
    """Of whom an evidence can be."""

    PERSON = "person", "个人"
    ORGANISATION = "organisation", "单位"
    UNIT = "unit", "报送单位"


@dataclass(frozen=True)
class About:
    """Of whom: a person's name with organisations, an organisation's name or credit code, a reporting unit's code."""

    kind: SubjectKind
    name: str
    organisations: tuple[str, ...] = ()


class EvidencePlace(NamedTuple):
    """Where somebody stands in a submission: the name as it is there, and the organisation or its code."""

    number: str
    position: int
    name: str
    organisation: str
    role: str = ""


@dataclass
class EvidenceFound:
    """The places that are of who was meant, and what is doubtful about it, in sentences for who reads the evidence."""

    places: list[EvidencePlace]
    notes: list[str] = field(default_factory=list)


class NotOne(GangchuangError):
    """The name is that of several, or of nobody; `choices` are whom it may mean."""

    def __init__(self, name: str, choices: Sequence[str], meant: Collection[str] = ()) -> None:
        self.choices = tuple(choices)
        listed = "; ".join(choices)
        if not choices:
            self.chinese = f"没有查到“{name}”。个人信息已经删除的年度不能再按姓名查找。"
            super().__init__(
                f"Nobody called {name!r} is in any submission. Names of seasons whose personal data was deleted are gone."
            )
        elif meant:
            self.chinese = f"“{name}”没有以“{'、'.join(meant)}”的名义申报；同名的有：{listed}。"
            super().__init__(
                f"{name!r} is in no submission with the organisation {', '.join(meant)}; there are: {listed}."
            )
        else:
            self.chinese = f"“{name}”可能不止一位，请写明单位（同一人先后在几个单位的，全部写明）：{listed}。"
            super().__init__(
                f"{name!r} may be several: {listed}. Say which with --organisation, more than once for who changed it."
            )


@dataclass(frozen=True)
class EvidenceCase:
    """One submission: what tables say of it and of who is meant, what its entries say, and the proof of these."""

    number: str
    said: Mapping[str, Any]
    record: Mapping[str, Any]
    proof: Mapping[str, Any] | None
    content: Mapping[str, Any] | None = None

    @property
    def season(self) -> int:
        return int(self.number.partition("-")[0])


@dataclass(frozen=True)
class Evidence:
    """All that is known of one, ready to be printed or handed over."""

    about: About
    made_at: datetime
    office: str
    publications: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    cases: Sequence[EvidenceCase]

    @property
    def document(self) -> dict[str, Any]:
        """The evidence as JSON has it, which `verify_history.py` checks."""
        kind, names = self.about.kind, list(self.about.organisations)
        return {
            "format": EVIDENCE_FORMAT,
            "about": {"kind": kind.value, "name": self.about.name, "organisations": names},
            "made_at": self.made_at.isoformat(),
            "office": self.office,
            "publications": list(self.publications),
            "notes": list(self.notes),
            "cases": [
                {
                    "season": case.season,
                    "number": case.number,
                    "said": case.said,
                    "record": case.record,
                    "content": case.content,
                    "proof": case.proof,
                }
                for case in self.cases
            ],
        }


def evidence(
    session: Session, about: About, made_at: datetime, *, site_url: str = "", with_content: bool = False
) -> Evidence:
    """Everything of one over all seasons, by number. With content, the forms in force go with it, and names can be checked.

    Raises NotOne, UnknownUnit.
    """
    found = _FINDERS[about.kind](session, about)
    notes = [*found.notes, *_told_of_deletions(session, about)]
    places = sorted(found.places)
    numbers = sorted({place.number for place in places})
    proven, loose = proofs(session, numbers), set(numbers)
    loose -= proven.keys()
    entries = {number: proof["entries"] for number, proof in proven.items()} | entries_of(session, sorted(loose))
    records = {number: record_of(own) for number, own in entries.items()}
    facts = _said_of(session, numbers)
    contents = _contents(session, numbers) if with_content else {}
    cases = [
        EvidenceCase(
            place.number,
            {**facts[place.number], **_said(session, about.kind, place)},
            records[place.number],
            proven.get(place.number),
            contents.get(place.number),
        )
        for place in places
    ]
    if loose:
        notes.append(f"{'、'.join(sorted(loose))}尚未进入任何公布的根值，所述未经证明，以办公室说明为准。")
    name = places[0].name if places and about.kind is not SubjectKind.UNIT else about.name
    newest = season_in_force(session, max(planned_seasons(session)))
    return Evidence(
        About(about.kind, name, tuple(sorted({place.organisation for place in places if place.organisation}))),
        made_at,
        newest.office.name,
        _publications(session, proven.values(), site_url),
        notes,
        cases,
    )


def _person(session: Session, about: About) -> EvidenceFound:
    columns = (Contributor.number, Contributor.position, Contributor.name, Contributor.organisation, Contributor.role)
    rows = session.execute(select(*columns).where(Contributor.name_key == name_key(about.name)))
    places = [EvidencePlace(*row) for row in rows]
    homes = {name_key(place.organisation): place.organisation for place in sorted(places, reverse=True)}
    chosen = {name_key(organisation) for organisation in about.organisations}
    if not places or (chosen and not chosen & homes.keys()) or (not chosen and len(homes) > 1):
        raise NotOne(
            about.name, [_counted(places, key, name) for key, name in sorted(homes.items())], about.organisations
        )
    own = [place for place in places if not chosen or name_key(place.organisation) in chosen]
    others = len(places) - len(own)
    notes = ["本证明按“姓名＋单位”查找；同一单位的同名者不能区分，使用前请与本人核对。"]
    if others:
        notes.append(f"其他单位另有同名完成人参加的申报{others}项次，未计入。")
    for number, twice in groupby(sorted(own), key=lambda place: place.number):
        positions = [place.position for place in twice]
        if len(positions) > 1:
            listed = "、".join(f"第{position}" for position in positions)
            notes.append(f"{number}有同名同单位的完成人{len(positions)}位（{listed}完成人），不能区分，均已列出。")
    if len({name_key(place.organisation) for place in own}) > 1:
        notes.append("所列申报分属几个单位，由经办人确认为同一人。")
    return EvidenceFound(own, notes)


def _counted(places: Iterable[EvidencePlace], key: str, name: str) -> str:
    count = sum(name_key(place.organisation) == key for place in places)
    return f"{name}（{count}项）"


def _organisation(session: Session, about: About) -> EvidenceFound:
    columns = (Organisation.number, Organisation.position, Organisation.name, Organisation.credit_code)

    def read(*where: ColumnElement[bool]) -> list[EvidencePlace]:
        return [EvidencePlace(*row) for row in session.execute(select(*columns).where(*where))]

    asked, notes = about.name.strip(), list[str]()
    by_code = read(Organisation.credit_code == asked.upper()) if asked else []
    if by_code:
        names = sorted({place.name for place in by_code})
        if len(names) > 1:
            notes.append(f"该统一社会信用代码先后以这些名称申报：{'、'.join(names)}。")
        return EvidenceFound(by_code, notes)
    places = read(Organisation.name_key == name_key(asked))
    codes = sorted({place.organisation for place in places} - {""})
    meant = [code for code in about.organisations if code in codes]
    if not places or (about.organisations and not meant) or (len(codes) > 1 and not meant):
        raise NotOne(about.name, codes or [place.name for place in places[:1]], about.organisations)
    own = [place for place in places if not meant or place.organisation in meant]
    without = sum(not place.organisation for place in own)
    if without and codes:
        notes.append(f"其中{without}项没有填写统一社会信用代码，按名称计入。")
    if len(own) < len(places):
        notes.append(f"同名而统一社会信用代码不同或者没有填写的申报{len(places) - len(own)}项，未计入。")
    elsewhere = read(Organisation.credit_code.in_(codes), Organisation.name_key != name_key(asked)) if codes else []
    if elsewhere:
        names = sorted({place.name for place in elsewhere})
        notes.append(
            f"同一统一社会信用代码另以“{'、'.join(names)}”申报{len(elsewhere)}项，未计入；按代码查找即可合并。"
        )
    return EvidenceFound(own, notes)


def _unit(session: Session, about: About) -> EvidenceFound:
    applicant = (Organisation.number == Submission.number) & (Organisation.position == 1)
    rows = session.execute(
        select(Submission.number, Submission.unit, Organisation.name)
        .outerjoin(Organisation, applicant)
        .where(Submission.unit == about.name)
    ).all()
    if not rows:
        raise NotOne(about.name, ())
    return EvidenceFound([EvidencePlace(number, 0, code, name or "") for number, code, name in rows])


_FINDERS = {SubjectKind.PERSON: _person, SubjectKind.ORGANISATION: _organisation, SubjectKind.UNIT: _unit}


def _told_of_deletions(session: Session, about: About) -> Iterator[str]:
    if about.kind is not SubjectKind.PERSON:
        return
    for year in sorted(erased_seasons(session)):
        at, _ = latest_entry(session, call_subject(year), Trigger.ERASE_PERSONAL_DATA)
        yield (
            f"{year}年度的个人信息已于{local_day(datetime.fromisoformat(at))}依规删除，该年度只能查到经本人同意公开的获奖。"
        )


def _said_of(session: Session, numbers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What tables say of the submissions themselves."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(numbers), _CHUNK):
        part = numbers[start : start + _CHUNK]
        query = select(Submission, FollowUp).outerjoin(FollowUp, FollowUp.number == Submission.number)
        for row, follow_up in session.execute(query.where(Submission.number.in_(part))):
            answer = answer_of(follow_up) if follow_up is not None else None
            found[row.number] = {
                "title": row.title,
                "unit": row.unit,
                "unit_name": name_on(row.unit, local_day(row.submitted_at)),
                "field": row.field,
                "completed_on": row.completed_on.isoformat(),
                "used_where": answer.where if answer else "",
            }
    return found


def _said(session: Session, kind: SubjectKind, place: EvidencePlace) -> dict[str, Any]:
    """What tables say of who is meant, in one submission."""
    if kind is SubjectKind.UNIT:
        return {"holder": "", "position": 0, "name": place.name, "organisation": place.organisation, "public": ""}
    if kind is SubjectKind.ORGANISATION:
        told = {"name": place.name, "organisation": place.organisation}
        return {"holder": Holder.ORGANISATION.value, "position": place.position, **told, "public": ""}
    consent = session.get(Consent, (place.number, ConsentKind.NAME, place.position))
    public = "已撤回公开同意" if consent and consent.withdrawn_at else "同意公开" if consent and consent.given else ""
    return {
        "holder": Holder.CONTRIBUTOR.value,
        "position": place.position,
        "name": place.name,
        "organisation": place.organisation,
        "role": place.role,
        "public": public or "未同意公开",
    }


def _contents(session: Session, numbers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The forms in force with what opens their digests; those that were deleted, or reduced since, are left out."""
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(numbers), _CHUNK):
        part = numbers[start : start + _CHUNK]
        query = select(SubmissionVersion).join(Submission, version_in_force()).where(Submission.number.in_(part))
        for row in session.scalars(query):
            digest = hashlib.sha256(bytes.fromhex(row.salt) + row.content.encode()).hexdigest()
            if row.content and digest == row.digest:
                found[row.number] = {"version": row.version, "salt": row.salt, "text": row.content}
    return found


def _publications(session: Session, proven: Iterable[Mapping[str, Any]], site_url: str) -> list[dict[str, Any]]:
    """The publications under whose roots the proofs are, with where these are printed."""
    keys = {
        (proof["season"], PublicationKind(proof["publication"]["kind"]), proof["publication"]["ordinal"])
        for proof in proven
    }
    base = site_url.rstrip("/")
    rows = [session.get_one(Publication, key) for key in sorted(keys)]
    return [
        {
            "season": row.season,
            "kind": row.kind.value,
            "ordinal": row.ordinal,
            "root": row.root,
            "published_at": row.published_at.isoformat(),
            "page": f"{base}/{row.season}/" if base else "",
        }
        for row in rows
    ]
