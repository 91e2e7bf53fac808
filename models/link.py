"""Personal links to the pages of the link server, and scores that an expert has entered there and not sent."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import check, enum_field, one_of, sha256_text, text_field
from models.enums import LinkKind


class PersonalLink(SQLModel, table=True):
    """One person's or unit's link; a further issue takes its place. The link itself is kept nowhere.

    It is made of `nonce` and a key that lies outside the database; `digest` is its SHA-256.
    """

    __tablename__ = "personal_link"
    __table_args__ = (
        one_of("kind", LinkKind),
        UniqueConstraint("digest"),
        check("issue_positive", "issue >= 1"),
        *sha256_text("digest"),
    )

    season: int = Field(primary_key=True, foreign_key="call.season")
    kind: LinkKind = enum_field(LinkKind, primary_key=True)
    subject: str = Field(primary_key=True, max_length=32, description="unit code, expert id or submission number")
    issue: int = Field(primary_key=True)
    nonce: str = Field(max_length=32)
    digest: str = Field(max_length=64)
    expires_at: datetime
    revoked_at: datetime | None = None


class ScoreDraft(SQLModel, table=True):
    """What an expert has typed for one submission, as typed; gone when it is sent."""

    __tablename__ = "score_draft"

    season: int = Field(primary_key=True, foreign_key="call.season")
    expert: str = Field(primary_key=True, foreign_key="expert.id")
    number: str = Field(primary_key=True, foreign_key="submission.number")
    typed: str = text_field()
