"""The feed (Atom): what was published, and what changed since, the newest first."""

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from feedgenerator import Atom1Feed

from flows.home.releases import Made
from flows.publish.facts import Facts
from flows.publish.publications import PAGES, title_of
from models.enums import PublicationKind

_LISTED = 50


class _DatedFeed(Atom1Feed):  # type: ignore[misc]  # the library has no types
    """A feed without entries is as old as its season's call: the library would say the present moment."""

    begun: datetime

    def latest_post_date(self) -> datetime:
        return super().latest_post_date() if self.items else self.begun


def files(facts: Facts) -> Iterator[Made]:
    if facts.seasons:
        yield "feed.xml", feed(facts)


def feed(facts: Facts) -> bytes:
    """Entries are publications, which no later release takes back. Addresses are relative where none is known."""
    base, season = f"{facts.site_url}/" if facts.site_url else "", facts.seasons[0].season
    host = urlsplit(facts.site_url).hostname or "gangchuang.invalid"
    made = _DatedFeed(
        title=season.title,
        link=f"{base}index.html",
        description="",
        language="zh-CN",
        author_name=season.office.name,
        feed_url=f"{base}feed.xml",
        feed_guid=f"tag:{host},2026:site",
    )
    made.begun = season.dates.open_call
    listed = [
        (publication.published_at, publication, facts_of_season.season.title)
        for facts_of_season in facts.seasons
        for publication in facts_of_season.publications
    ]
    for at, publication, programme in sorted(listed, key=lambda entry: entry[0], reverse=True)[:_LISTED]:
        page = "results.html" if publication.kind is not PublicationKind.PUBLIC_NOTICE else PAGES[publication.kind][1]
        made.add_item(
            title=f"{publication.season}年度{title_of(publication)}",
            link=f"{base}{publication.season}/{page}",
            description=f"{programme}，根值 {publication.root}",
            unique_id=f"tag:{host},2026:{publication.season}/{publication.kind.value}/{publication.ordinal}",
            updateddate=at,
            pubdate=at,
        )
    return str(made.writeString("utf-8")).encode()
