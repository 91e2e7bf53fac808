"""The record beside the pages: the season's history to its last entry, the same up to each root, and what checks it."""

from collections.abc import Iterator
from functools import partial

from flows.home.releases import FileGroup, Made
from flows.publish.facts import Facts, PublicSeason
from models import Publication
from models.enums import PublicationKind
from states.audit.export import CHECKER, export_lines

EXPORT, VERIFIER = "history.jsonl", CHECKER.name


def files(facts: Facts) -> Iterator[Made]:
    """Nothing of it is public before the results are: until then it would tell who scored what."""
    for season in facts.seasons:
        if season.published(PublicationKind.RESULTS) is None:
            continue
        yield f"{season.year}/{VERIFIER}", CHECKER.read_bytes()
        yield FileGroup(f"{season.year}/{EXPORT}", season.mark, partial(_whole, season))
        for publication in season.publications:
            if publication.kind is not PublicationKind.PUBLIC_NOTICE:
                path = until(publication)
                yield FileGroup(f"{season.year}/{path}", publication.root, partial(_until, season, publication, path))


def until(publication: Publication) -> str:
    """Where the history up to a root lies, seen from the season's pages."""
    return f"roots/{publication.root[:16]}.jsonl"


def _whole(season: PublicSeason) -> Iterator[tuple[str, bytes]]:
    yield f"{season.year}/{EXPORT}", b"".join(export_lines(season.session, season.year))


def _until(season: PublicSeason, publication: Publication, path: str) -> Iterator[tuple[str, bytes]]:
    yield f"{season.year}/{path}", b"".join(export_lines(season.session, season.year, publication))
