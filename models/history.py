"""The append-only record (操作留痕). The database itself refuses UPDATE and DELETE on it."""

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.columns import enum_field, one_of, sha256_text, text_field
from models.enums import PublicationKind, Trigger


class History(SQLModel, table=True):
    """One entry. Text columns hold exactly what was hashed; see `states.history.canonical` for the formula."""

    __table_args__ = (
        one_of("trigger", Trigger),
        CheckConstraint("sequence >= 1", name="sequence_positive"),
        CheckConstraint("length(hash) = 64 AND length(previous_hash) = 64", name="hash_is_sha256"),
        Index("history_by_season", "season"),
    )

    subject: str = Field(primary_key=True, max_length=48, description="call/<season> or submission/<number>")
    sequence: int = Field(primary_key=True, description="1, 2, 3 … without a gap")
    season: int
    at: str = Field(max_length=32, description="ISO 8601, UTC, microseconds")
    actor: str
    trigger: str = Field(max_length=32)
    from_state: str = Field(max_length=32, description="empty at the first entry")
    to_state: str = Field(max_length=32)
    reason: str = text_field()
    facts: str = text_field()
    flow_run: str = Field(max_length=64)
    previous_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64)


class RecordText(SQLModel, table=True):
    """What somebody wrote (a reason, what is missing), of which an entry of the record bears the seal alone."""

    __tablename__ = "record_text"
    __table_args__ = (*sha256_text("seal"),)

    season: int = Field(primary_key=True, foreign_key="call.season")
    seal: str = Field(primary_key=True, max_length=64)
    text: str = text_field()


class PublicationLeaf(SQLModel, table=True):
    """One subject's latest entry at the moment of a publication. Append-only, like the history.

    It says nothing that the history does not say, but names the entry that is wrong when a
    root no longer fits, and makes a root checkable long after its subjects went on.
    """

    __tablename__ = "publication_leaf"
    __table_args__ = (
        one_of("kind", PublicationKind),
        CheckConstraint("sequence >= 1", name="sequence_positive"),
        CheckConstraint("length(hash) = 64", name="hash_is_sha256"),
    )

    season: int = Field(primary_key=True, foreign_key="call.season")
    kind: PublicationKind = enum_field(PublicationKind, primary_key=True)
    ordinal: int = Field(default=1, primary_key=True, sa_column_kwargs={"server_default": text("1")})
    subject: str = Field(primary_key=True, max_length=48)
    sequence: int
    hash: str = Field(max_length=64)
