"""Objections (异议) to proposed and given awards: what came in, who looked into it, what was found."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from models.columns import check, enum_field, one_of, sha256_text
from models.enums import (
    NotAccepted,
    ObjectionChannel,
    ObjectionKind,
    ObjectionParty,
    ObjectionResult,
    ObjectionState,
    Tier,
)


class Objection(SQLModel, table=True):
    """One objection. Until it is answered, it suspends the one award that it is about, if it is about one.

    Objector and contact are encrypted by a key that lies apart from the database. Kind, channel and day of receipt
    are unknown of those that earlier versions took.
    """

    __table_args__ = (
        one_of("state", ObjectionState),
        one_of("kind", ObjectionKind, nullable=True),
        one_of("channel", ObjectionChannel, nullable=True),
        one_of("refusal", NotAccepted, nullable=True),
        check("refused_with_reason", "(state = 'not_accepted') = (refusal IS NOT NULL)"),
        check("settled_or_open", "(state IN ('not_accepted', 'closed')) = (settled_at IS NOT NULL)"),
    )

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False}, description="year × 10,000 + n")
    season: int = Field(foreign_key="call.season", index=True)
    number: str | None = Field(default=None, foreign_key="submission.number", index=True, description="none: no award")
    state: ObjectionState = enum_field(ObjectionState, default=ObjectionState.RECEIVED)
    kind: ObjectionKind | None = enum_field(ObjectionKind, nullable=True)
    channel: ObjectionChannel | None = enum_field(ObjectionChannel, nullable=True)
    received_on: date | None = Field(default=None, description="day on which it came, which decides whether in time")
    received_at: datetime = Field(description="when it was entered")
    grounds: str = Field(default="", description="deleted with the personal data, as are objector and contact")
    objector: str = Field(default="", description="real name, encrypted; empty when it had none")
    contact: str = Field(default="", description="encrypted")
    refusal: NotAccepted | None = enum_field(NotAccepted, nullable=True)
    answer: str = Field(default="", description="why it was not taken up, as its objector was told")
    due_at: datetime = Field(description="of the answer that is owed")
    reconsider_until: datetime | None = Field(default=None, description="either side may ask once, until then")
    settled_at: datetime | None = Field(default=None, description="when nothing could follow any more")


class ObjectionRuling(SQLModel, table=True):
    """One investigation of an objection and what was found; the second is the reconsideration."""

    __tablename__ = "objection_ruling"
    __table_args__ = (
        one_of("asked_by", ObjectionParty, nullable=True),
        one_of("result", ObjectionResult, nullable=True),
        one_of("tier", Tier, nullable=True),
        check("one_reconsideration", "ordinal IN (1, 2)"),
        check("asked_for_only_again", "(ordinal = 2) = (asked_by IS NOT NULL)"),
        check("investigator_named", "investigator <> ''"),
        check("decided_or_open", "(result IS NULL) = (decided_at IS NULL)"),
        check("decided_with_reasons", "result IS NULL OR answer <> ''"),
        check("tier_only_if_changed", "(COALESCE(result, '') = 'tier_changed') = (tier IS NOT NULL)"),
    )

    objection: int = Field(primary_key=True, foreign_key="objection.id")
    ordinal: int = Field(primary_key=True, default=1)
    investigator: str
    begun_at: datetime
    asked_by: ObjectionParty | None = enum_field(ObjectionParty, nullable=True)
    result: ObjectionResult | None = enum_field(ObjectionResult, nullable=True)
    tier: Tier | None = enum_field(Tier, nullable=True)
    answer: str = ""
    decided_at: datetime | None = None


class ObjectionEvidence(SQLModel, table=True):
    """A file that came with an objection; it lies in the home, named by its digest."""

    __tablename__ = "objection_evidence"
    __table_args__ = (
        check("position_positive", "position >= 1"),
        check("size_counted", "size >= 0"),
        *sha256_text("digest"),
    )

    objection: int = Field(primary_key=True, foreign_key="objection.id")
    position: int = Field(primary_key=True)
    name: str
    digest: str = Field(max_length=64, index=True, description="SHA-256 of the file")
    size: int = Field(description="bytes")
