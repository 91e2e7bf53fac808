"""Good practice (好思路、好经验、好做法) that units and employers report once a year."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import check, enum_field, one_of, text_field
from models.enums import PracticeKind, PracticeSource


class GoodPractice(SQLModel, table=True):
    """One report, as the newest delivery has it; it is public while `consent` is given and not `withheld_at`.

    `title`, `organisation` and `content` are deleted with the season's personal data where they are not public.
    """

    __tablename__ = "good_practice"
    __table_args__ = (
        one_of("kind", PracticeKind),
        one_of("source", PracticeSource),
        check("place_positive", "place >= 1"),
        UniqueConstraint("season", "unit", "place"),
    )

    number: str = Field(primary_key=True, max_length=32)
    season: int = Field(foreign_key="call.season")
    unit: str = Field(max_length=16)
    place: int = Field(description="running number within the unit")
    kind: PracticeKind = enum_field(PracticeKind)
    source: PracticeSource = enum_field(PracticeSource)
    title: str
    title_key: str = Field(description="normalised title: the same one again is the same report")
    organisation: str
    content: str = text_field()
    consent: bool
    withheld_at: datetime | None = Field(default=None, description="taken back, or withheld by the office, for good")
    received_at: datetime
    delivery: str = Field(max_length=64)
