"""Consents to publication (同意公开): each thing is asked about alone, and each answer can be taken back alone.

The earlier workbooks had one box for everybody. What it said is kept as it was said: every name, the organisations and
the abstract, and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Consent, Contributor, Picture
from models.enums import ConsentKind
from models.forms import SubmissionForm
from states.rules.names import name_key
from states.submissions.attachments import AttachedFile, ReadablePicture, base_name

WHOLE = (ConsentKind.TEXT, ConsentKind.ABSTRACT)  # of a submission as a whole, not of one person or picture
FOLLOW_UP_KINDS = (ConsentKind.FOLLOW_UP, ConsentKind.FOLLOW_UP_PICTURE)  # asked a year later; no version changes them


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was taken back of a submission's earlier versions; no later version gives it again."""

    names: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a form that could be made ready, by its place in the form."""

    position: int
    digest: str
    alt: str
    portrait: bool
    made: ReadablePicture

    @property
    def facts(self) -> dict[str, Any]:
        """What the record is bound to: no words."""
        return {
            "position": self.position,
            "digest": self.digest,
            "encoded": self.made.encoded,
            "portrait": self.portrait,
            "width": self.made.width,
            "height": self.made.height,
        }

    def row(self, number: str) -> dict[str, Any]:
        return {"number": number, "alt": self.alt, **self.facts}


@dataclass(frozen=True, slots=True)
class Given:
    """What a form lets be published: the answers of the people and about the pictures in their order, and of the whole."""

    names: tuple[bool, ...]
    whole: bool
    jointly: bool
    pictures: tuple[bool, ...] = ()
    shown: tuple[Shown, ...] = field(default=())

    @property
    def facts(self) -> dict[str, Any]:
        """What the record says of it."""
        kind = ConsentKind.ABSTRACT if self.jointly else ConsentKind.TEXT
        consents = {ConsentKind.NAME.value: list(self.names), kind.value: self.whole}
        if self.pictures:
            consents[ConsentKind.PICTURE.value] = list(self.pictures)
        return {"consents": consents, **({"pictures": [picture.facts for picture in self.shown]} if self.shown else {})}

    def rows(self, number: str) -> list[dict[str, Any]]:
        return consent_rows(number, self.facts)


def consent_rows(number: str, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows that an entry of the record makes, of whatever version of the program it is."""
    told = facts.get("consents")
    if told is None:  # one box for everybody
        told = {
            ConsentKind.NAME.value: [facts["consent"]] * facts["contributors"],
            ConsentKind.ABSTRACT.value: facts["consent"],
        }
    return [
        {"number": number, "kind": ConsentKind(kind), "position": position, "given": given, "withdrawn_at": None}
        for kind, answers in told.items()
        for position, given in enumerate(answers if isinstance(answers, list) else [answers], start=1)
    ]


def taken_back(session: Session, number: str, renamed: SubmissionForm | None = None) -> TakenBack:
    """What of a submission was taken back until now; `renamed`: the same people in their places, under right names."""
    withdrawn = (Consent.number == number, Consent.withdrawn_at.is_not(None))
    gone = {(kind, place) for kind, place in session.execute(select(Consent.kind, Consent.position).where(*withdrawn))}
    if not gone:
        return TakenBack()
    people = session.execute(select(Contributor.position, Contributor.name_key).where(Contributor.number == number))
    also = [(place, name_key(person.name)) for place, person in enumerate(renamed.contributors, 1)] if renamed else []
    pictures = session.execute(select(Picture.position, Picture.digest).where(Picture.number == number))
    return TakenBack(
        frozenset(key for position, key in (*people, *also) if (ConsentKind.NAME, position) in gone),
        frozenset(digest for position, digest in pictures if (ConsentKind.PICTURE, position) in gone),
        any((kind, 1) in gone for kind in WHOLE),
    )


def given_by(
    form: SubmissionForm,
    files: Sequence[AttachedFile] = (),
    readable: Mapping[str, ReadablePicture] | None = None,
    back: TakenBack | None = None,
) -> Given:
    """What a form lets be published. `readable`: what could be made of its pictures, by the digests of their files."""
    back, readable = back or TakenBack(), readable or {}
    jointly = form.text_consent is None and form.consent is not None
    answers = [form.consent if jointly else person.consent for person in form.contributors]
    digests = {base_name(file.name): file.digest for file in files}
    of_pictures = [digests.get(base_name(picture.name), "") for picture in form.pictures]
    return Given(
        names=tuple(
            bool(answer) and name_key(person.name) not in back.names
            for answer, person in zip(answers, form.contributors, strict=True)
        ),
        whole=bool(form.consent if jointly else form.text_consent) and not back.whole,
        jointly=jointly,
        pictures=tuple(
            picture.consent and digest not in back.pictures
            for picture, digest in zip(form.pictures, of_pictures, strict=True)
        ),
        shown=tuple(
            Shown(position, digest, picture.alt, picture.portrait, readable[digest])
            for position, (picture, digest) in enumerate(zip(form.pictures, of_pictures, strict=True), start=1)
            if digest in readable and picture.consent
        ),
    )


def kept_pictures(session: Session, number: str) -> dict[str, ReadablePicture]:
    """What was made of the pictures of the version in force, by the digests of their files."""
    rows = session.scalars(select(Picture).where(Picture.number == number))
    return {row.digest: ReadablePicture(row.encoded, row.width, row.height) for row in rows}
