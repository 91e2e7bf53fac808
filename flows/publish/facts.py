"""What the public may know at one instant: read once, in one view of the database, and given to every part of a release."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from config.season import Season
from config.settings import Settings
from models import Placing, Publication, Submission
from models.enums import CallState, PublicationKind
from models.queries import call_state, season_in_force
from states.releases import Marks, public_marks
from states.submissions.released import Released, released


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

    @cached_property
    def cases(self) -> Mapping[str, Released]:
        """What may be public of each award, in the order of the list, once the results are out; of revoked ones too."""
        if self.published(PublicationKind.RESULTS) is None:
            return {}
        awards = (
            select(Submission.number)
            .join(Placing, col(Placing.number) == Submission.number)
            .where(Submission.season == self.year, col(Submission.tier).is_not(None))
            .order_by(Placing.position)
        )
        return released(self.session, self.session.scalars(awards).all())


@dataclass(frozen=True)
class Facts:
    """All seasons whose call is out, the newest first, at one instant. `site_url` is empty where it is not known.

    `home`: where the pictures lie.
    """

    session: Session
    site_url: str
    home: Path
    marks: Marks
    seasons: tuple[SeasonFacts, ...]


def facts_of(session: Session, own: Settings) -> Facts:
    """The facts as this session's view of the database has them."""
    marks = public_marks(session)
    years = sorted(marks.public, reverse=True)
    seasons = tuple(SeasonFacts(session, year, marks.public[year], marks.changed[year]) for year in years)
    return Facts(session, own.site_url.rstrip("/"), own.home.absolute(), marks, seasons)
