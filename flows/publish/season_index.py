"""The season's entry page: what was published of it, the newest first."""

from collections.abc import Iterator
from functools import partial

from flows.home.releases import FileGroup, Made
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import imprint, season_frame
from flows.publish.pages.content import IndexEntry, IndexPage
from flows.publish.pages.rendering import render
from flows.publish.publications import PAGES, title_of
from models import Publication


def files(facts: Facts) -> Iterator[Made]:
    for season in facts.seasons:
        yield FileGroup(f"{season.year}/index.html", season.mark, partial(_season_files, season))


def _season_files(season: PublicSeason) -> Iterator[Made]:
    yield f"{season.year}/index.html", render(index_page(season)).encode()


def index_page(facts: PublicSeason) -> IndexPage:
    """The season's entry page as it now is."""
    season = facts.season
    entries = tuple(_index_entry(publication) for publication in reversed(facts.publications))
    call = IndexEntry("征集通知", "call.html", facts.opened_at, "征集内容、日程、评审办法和报送单位")
    frame = season_frame(facts, facts.opened_at)
    return IndexPage(season=season.year, **imprint(season), entries=(*entries, call), frame=frame)


def _index_entry(publication: Publication) -> IndexEntry:
    link, summary = PAGES[publication.kind][1], f"操作留痕根值：{publication.root}"
    return IndexEntry(title_of(publication), link, publication.published_at, summary)
