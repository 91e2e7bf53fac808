"""The site's first page, the pages of the roots, the files that pages link to."""

from collections.abc import Iterator
from functools import partial

from flows.home.releases import FileGroup, Made
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import VERSIONS, imprint, season_frame, season_links, site_frame
from flows.publish.pages.content import FrontPage, SeasonEntry, Version, VersionsPage
from flows.publish.pages.rendering import assets, render
from flows.publish.publications import title_of
from flows.publish.record import VERIFIER, until
from models.enums import PublicationKind
from states.submissions.certificates import has_certificates


def files(facts: Facts) -> Iterator[Made]:
    for name, content in assets():
        yield f"assets/{name}", content
    if facts.seasons:
        yield "index.html", render(front_page(facts)).encode()
    for season in facts.seasons:
        yield FileGroup(f"{season.year}/{VERSIONS}", season.mark, partial(_season_files, season))


def _season_files(season: PublicSeason) -> Iterator[Made]:
    yield f"{season.year}/{VERSIONS}", render(versions_page(season)).encode()


def front_page(facts: Facts) -> FrontPage:
    """Every season, the newest first, with what there is of it."""
    seasons = []
    for season in facts.seasons:
        links = [(words, f"{season.year}/{address}") for words, address in season_links(season)]
        if season.published(PublicationKind.RESULTS):
            links.append(("本年度优秀案例", f"cases/{season.year}.html"))
            links.extend([("核验证书", "check/index.html")] if has_certificates(facts.session, season.year) else [])
        links.append(("历次版本的根值，如何核对", f"{season.year}/{VERSIONS}"))
        seasons.append(SeasonEntry(season.year, season.season.title, tuple(links), season.awarded))
    return FrontPage(**imprint(facts.seasons[0].season), seasons=tuple(seasons), frame=site_frame(facts))


def versions_page(facts: PublicSeason) -> VersionsPage:
    """The roots of a season, the newest first."""
    results = facts.published(PublicationKind.RESULTS)
    versions = tuple(
        Version(
            title_of(publication),
            publication.published_at,
            publication.root,
            until(publication) if results and publication.kind is not PublicationKind.PUBLIC_NOTICE else "",
        )
        for publication in reversed(facts.publications)
    )
    return VersionsPage(
        season=facts.year,
        **imprint(facts.season),
        versions=versions,
        verifier=VERIFIER if results else "",
        frame=season_frame(facts, facts.opened_at),
    )
