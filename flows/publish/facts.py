"""What the public may know at one instant: read once, in one view of the database, and given to every part of a release."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from models import Publication
from models.enums import CallState, PublicationKind
from models.queries import call_state, season_in_force
from states.releases import Marks, public_marks


class SeasonFacts:
    """One season whose call is out. What it reads, it reads within the view of its facts, and once.

    `mark`: two equal ones are the same public facts; `changed_at`: when what the pages say of it changed last.
    """

    def __init__(self, session: Session, year: int, mark: str, changed: str) -> None:
        self.session, self.year, self.mark = session, year, mark
        self.changed_at = datetime.fromisoformat(changed)

    @cached_property
    def season(self) -> Season:
        return season_in_force(self.session, self.year)

    @cached_property
    def state(self) -> CallState:
        return call_state(self.session, self.year)

    @cached_property
    def publications(self) -> tuple[Publication, ...]:
        """What was published with a root, the oldest first."""
        rows = self.session.scalars(
            select(Publication)
            .where(Publication.season == self.year)
            .order_by(Publication.published_at, Publication.ordinal)
        )
        return tuple(rows)

    def published(self, kind: PublicationKind) -> Publication | None:
        """The publication of a kind, the first where there are several; None before it."""
        return next((row for row in self.publications if row.kind is kind), None)


@dataclass(frozen=True)
class Facts:
    """All seasons whose call is out, the newest first, at one instant. `site_url` is empty where it is not known."""

    session: Session
    site_url: str
    marks: Marks
    seasons: tuple[SeasonFacts, ...]


def facts_of(session: Session, site_url: str) -> Facts:
    """The facts as this session's view of the database has them."""
    marks = public_marks(session)
    years = sorted(marks.public, reverse=True)
    seasons = tuple(SeasonFacts(session, year, marks.public[year], marks.changed[year]) for year in years)
    return Facts(session, site_url.rstrip("/"), marks, seasons)
