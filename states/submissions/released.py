"""What of a submission is public now: of its text, people and pictures only what was each released, and is so still."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models import Consent, Contributor, FollowUp, FollowUpPicture, Organisation, Picture, Submission, SubmissionVersion
from models.enums import Carrier, Category, ConsentKind, Outcome, Tier, Use
from models.forms import SubmissionForm
from models.queries import version_in_force
from states.rules.grouping import grouped
from states.rules.reviewers.blind import MASK, Blindfold

WITHHELD = "（未公开）"  # stands where something was, in texts and in what is kept after the deletion of personal data
_CHUNK = 500
# What the organisations' licence (成果授权) lets be published, with its heading; the one box of earlier workbooks said
# the first alone.
TEXTS = (
    ("abstract", "成果简介"),
    ("innovation", "创新性"),
    ("practicality", "实用性"),
    ("benefit_economic", "经济效益"),
    ("benefit_social", "社会效益"),
    ("spread", "推广性"),
    ("adoption", "应用情况"),
)


@dataclass(frozen=True, slots=True)
class ReleasedPicture:
    """A picture that may be shown. `encoded` names its files; width and height of the large one in pixels."""

    position: int
    encoded: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Released:
    """What of one submission may be public now.

    `people`: names in the order of merit, `places` those of the form; the names of `withheld` more are not public. `organisations` and `texts` (heading,
    text) are empty where the text was not licensed. `jointly`: it came in when there was one box for everybody.
    `follow_up`: what became of it (heading, text), where that was released. Of a revoked award nothing but number, title and tier is left.
    """

    number: str
    season: int
    unit: str
    title: str
    tier: Tier | None
    category: Category
    carrier: Carrier
    field: str
    completed_on: date
    revoked: bool
    jointly: bool
    licensed: bool
    organisations: tuple[str, ...]
    people: tuple[str, ...]
    places: tuple[int, ...]
    withheld: int
    texts: tuple[tuple[str, str], ...]
    pictures: tuple[ReleasedPicture, ...]
    follow_up: tuple[tuple[str, str], ...] = ()
    follow_up_pictures: tuple[ReleasedPicture, ...] = ()


def released(session: Session, numbers: Sequence[str]) -> dict[str, Released]:
    """By number, in the order given, what of these submissions may be public now; the unknown are left out."""
    found: dict[str, Released] = {}
    for start in range(0, len(numbers), _CHUNK):
        found |= _of_some(session, numbers[start : start + _CHUNK])
    return {number: found[number] for number in numbers if number in found}


def _of_some(session: Session, numbers: Sequence[str]) -> dict[str, Released]:
    rows = session.scalars(select(Submission).where(Submission.number.in_(numbers))).all()
    given = _in_force(session, numbers)
    organisations, people = _names(session, Organisation, numbers), _names(session, Contributor, numbers)
    pictures, later = _pictures(session, Picture, numbers), _pictures(session, FollowUpPicture, numbers)
    answers = select(FollowUp.number, FollowUp.adoption).where(FollowUp.number.in_(numbers), FollowUp.adoption != "")
    answered = dict(iter(session.execute(answers)))
    contents = _contents(session, [row.number for row in rows if row.outcome is not Outcome.REVOKED])
    return {
        row.number: _released(
            row,
            given.get(row.number, {}),
            organisations.get(row.number, {}),
            people.get(row.number, {}),
            pictures.get(row.number, []),
            contents.get(row.number, ""),
            answered.get(row.number, ""),
            later.get(row.number, []),
        )
        for row in rows
    }


def _released(
    row: Submission,
    given: Mapping[tuple[ConsentKind, int], bool],
    organisations: Mapping[int, str],
    people: Mapping[int, str],
    pictures: Sequence[Picture],
    content: str,
    answer: str,
    later: Sequence[FollowUpPicture],
) -> Released:
    revoked = row.outcome is Outcome.REVOKED
    jointly = (ConsentKind.ABSTRACT, 1) in given
    licensed = not revoked and (given.get((ConsentKind.TEXT, 1), False) or given.get((ConsentKind.ABSTRACT, 1), False))
    named = {
        position: name
        for position, name in people.items()
        if given.get((ConsentKind.NAME, position)) and name != WITHHELD
    }
    asked = sum(kind is ConsentKind.NAME for kind, _ in given)
    hidden = (name for position, name in people.items() if position not in named and name != WITHHELD)
    blindfold = Blindfold(hidden, ())
    return Released(
        number=row.number,
        season=row.season,
        unit=row.unit,
        title=row.title,
        tier=row.tier,
        category=row.category,
        carrier=row.carrier,
        field=row.field,
        completed_on=row.completed_on,
        revoked=revoked,
        jointly=jointly,
        licensed=licensed,
        organisations=tuple(organisations.values()) if licensed else (),
        people=() if revoked else tuple(named.values()),
        places=() if revoked else tuple(named),
        withheld=0 if revoked else asked - len(named),
        texts=tuple(_texts(json.loads(content), blindfold, jointly=jointly)) if licensed and content else (),
        pictures=() if revoked else _shown(pictures, given, ConsentKind.PICTURE, blindfold),
        follow_up=tuple(_became(json.loads(answer), blindfold))
        if answer and not revoked and given.get((ConsentKind.FOLLOW_UP, 1))
        else (),
        follow_up_pictures=() if revoked else _shown(later, given, ConsentKind.FOLLOW_UP_PICTURE, blindfold),
    )


def _shown(
    pictures: Sequence[Picture] | Sequence[FollowUpPicture],
    given: Mapping[tuple[ConsentKind, int], bool],
    kind: ConsentKind,
    blindfold: Blindfold,
) -> tuple[ReleasedPicture, ...]:
    return tuple(
        ReleasedPicture(
            picture.position, picture.encoded, masked(blindfold, picture.alt), picture.width, picture.height
        )
        for picture in pictures
        if given.get((kind, picture.position))
    )


def _became(said: Mapping[str, Any], blindfold: Blindfold) -> Iterator[tuple[str, str]]:
    """What an answer says of an achievement a year later, as the public reads it."""
    since = f"，{said['since']}起" if said.get("since") else ""
    yield "应用情况", f"{Use(said['use']).label}{since}"
    for key, heading, unit in _ANSWERS:
        value = said.get(key)
        if value not in (None, "", WITHHELD):
            yield heading, f"{value}{unit}" if unit else masked(blindfold, value)


_ANSWERS = (
    ("where", "应用单位", ""),
    ("benefit_economic", "近一年经济效益", "万元"),
    ("benefit_social", "近一年社会效益", ""),
    ("places", "已推广", "家单位"),
    ("remark", "说明", ""),
)


def _texts(content: Mapping[str, Any], blindfold: Blindfold, *, jointly: bool) -> Iterator[tuple[str, str]]:
    """The texts with the names of those masked who do not want to be named."""
    for key, heading in TEXTS[:1] if jointly else TEXTS:
        text = content.get(key)
        if text not in (None, "", WITHHELD):
            yield heading, f"{text}万元" if key == "benefit_economic" else masked(blindfold, text)


def without_hidden_names(session: Session, number: str, text: str) -> str:
    """Somebody's words about a submission, for the public: whom nobody may name in connection with it is masked."""
    given = _in_force(session, [number]).get(number, {})
    people = _names(session, Contributor, [number]).get(number, {})
    hidden = [name for position, name in people.items() if not given.get((ConsentKind.NAME, position))]
    licensed = given.get((ConsentKind.TEXT, 1)) or given.get((ConsentKind.ABSTRACT, 1))
    firms = () if licensed else _names(session, Organisation, [number]).get(number, {}).values()
    return masked(Blindfold([name for name in hidden if name != WITHHELD], firms), text)


def unnamed(session: Session, year: int, unit: str) -> Blindfold:
    """Masks the people of a unit's submissions who would not be named in one of them, or would no more."""
    in_force = (Consent.number == Contributor.number) & (Consent.kind == ConsentKind.NAME)
    in_force &= (Consent.position == Contributor.position) & Consent.given & Consent.withdrawn_at.is_(None)
    query = select(Contributor.name).join(Submission, Submission.number == Contributor.number)
    query = query.where(Submission.season == year, Submission.unit == unit, Contributor.name != WITHHELD)
    return Blindfold(session.scalars(query.where(~exists().where(in_force))).all(), ())


def masked(blindfold: Blindfold, text: str) -> str:
    """A text for the public: what stands for a name says that it does."""
    return blindfold.mask(text)[0].replace(MASK, WITHHELD)


def reduced(form: SubmissionForm, own: Released) -> SubmissionForm:
    """What of a form outlasts the deletion of personal data: what is released; everything else is unsaid in its place."""
    hidden = (person.name for place, person in enumerate(form.contributors, start=1) if place not in own.places)
    blindfold = Blindfold(hidden, ())
    shown = {picture.position: picture.alt for picture in own.pictures}
    told = {heading for heading, _ in own.texts}
    changes: dict[str, Any] = {
        "earlier_prizes": "",
        "external_partners": "",
        "attachments": (),
        "review_attachments": (),
        "contributors": tuple(
            person if place in own.places else type(person)(name=WITHHELD, organisation=WITHHELD)
            for place, person in enumerate(form.contributors, start=1)
        ),
        "pictures": tuple(
            picture.model_copy(update={"name": WITHHELD, "alt": shown.get(place, WITHHELD)})
            for place, picture in enumerate(form.pictures, start=1)
        ),
    }
    for key, heading in TEXTS:
        value = getattr(form, key)
        if isinstance(value, str) and value:
            changes[key] = masked(blindfold, value) if heading in told else WITHHELD
        elif heading not in told:
            changes[key] = value if isinstance(value, str) else None
    return form.model_copy(update=changes)


def _in_force(session: Session, numbers: Sequence[str]) -> dict[str, dict[tuple[ConsentKind, int], bool]]:
    found: dict[str, dict[tuple[ConsentKind, int], bool]] = {}
    kept = (Consent.number, Consent.kind, Consent.position, Consent.given, Consent.withdrawn_at)
    for number, kind, position, given, withdrawn_at in session.execute(
        select(*kept).where(Consent.number.in_(numbers))
    ):
        found.setdefault(number, {})[kind, position] = given and withdrawn_at is None
    return found


def _contents(session: Session, numbers: Sequence[str]) -> dict[str, str]:
    query = select(Submission.number, SubmissionVersion.content).join(SubmissionVersion, version_in_force())
    rows = session.execute(query.where(Submission.number.in_(numbers)))
    return dict(rows.all())


PictureT = TypeVar("PictureT", Picture, FollowUpPicture)


def _pictures(session: Session, table: type[PictureT], numbers: Sequence[str]) -> dict[str, list[PictureT]]:
    rows = session.scalars(select(table).where(table.number.in_(numbers)).order_by(table.position))
    return grouped((picture.number, picture) for picture in rows)


def _names(
    session: Session, table: type[Organisation] | type[Contributor], numbers: Sequence[str]
) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    query = select(table.number, table.position, table.name).where(table.number.in_(numbers))
    for number, position, name in session.execute(query.order_by(table.number, table.position)):
        found.setdefault(number, {})[position] = name
    return found
