"""The page of good practice (好思路、好经验、好做法): the reports that may be public, once the collection is closed."""

from collections.abc import Iterator
from functools import partial

from config.local_time import local_day
from config.milestones import Milestone
from config.units import name_on
from flows.home.releases import Made
from flows.kinds.practice import TEXTS
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import imprint, season_frame
from flows.publish.pages.content import PracticeLine, PracticePage
from flows.publish.pages.rendering import render
from models.enums import PracticeKind
from states.practice import practices, words_of
from states.submissions.released import masked, unnamed

PAGE = "practice.html"


def files(facts: Facts) -> Iterator[Made]:
    for season in facts.seasons:
        if season.is_over(Milestone.CLOSE_PRACTICE):
            yield f"{season.year}/{PAGE}", render(practice_page(season)).encode()


def practice_page(facts: PublicSeason) -> PracticePage:
    """Every report with consent, by what it is and by number, without the names of who would not be named."""
    closed = next(row.settled_at for row in facts.milestones if row.milestone == Milestone.CLOSE_PRACTICE)
    closed_at = closed or facts.changed_at
    rows = practices(facts.session, facts.year, public=True)
    masks = {unit: partial(masked, unnamed(facts.session, facts.year, unit)) for unit in {row.unit for row in rows}}
    lines = tuple(
        PracticeLine(
            row.number,
            masks[row.unit](row.title),
            row.kind,
            masks[row.unit](row.organisation),
            name_on(row.unit, local_day(closed_at)),
            tuple((TEXTS[name], masks[row.unit](text)) for name, text in words_of(row).items() if text),
        )
        for row in sorted(rows, key=lambda row: (list(PracticeKind).index(row.kind), row.number))
    )
    frame = season_frame(facts, closed_at)
    return PracticePage(season=facts.year, **imprint(facts.season), lines=lines, frame=frame)
