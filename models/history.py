"""The append-only record (操作留痕). The database itself refuses UPDATE and DELETE on it."""

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from models.columns import one_of, text_field
from models.enums import Trigger


class History(SQLModel, table=True):
    """One entry. Text columns hold exactly what was hashed; see `states.record` for the formula."""

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
