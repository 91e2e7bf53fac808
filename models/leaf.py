"""The leaves under the Merkle root of a publication: which entry of each subject was the latest then."""

from sqlalchemy import CheckConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import enum_field, one_of
from models.enums import PublicationKind


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
