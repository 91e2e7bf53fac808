"""Makes the release of one instant from the table of its parts, and puts it out.

A part is a function of a module of this room: it takes the facts of the instant and yields files, as (path,
bytes), or groups of files that are made anew only when their key is another one. A further part is one module
and one line in `PARTS`.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine

from config.overrides import HOLIDAYS, PAGES, own_files
from config.settings import Settings
from flows.home.releases import FileGroup, Made, Manifest, Releases
from flows.publish import (
    call,
    cases,
    checks,
    feed,
    front,
    notice,
    pictures,
    practice,
    record,
    results,
    season_index,
    wall,
)
from flows.publish.facts import Facts, facts_of
from flows.workbooks.reader.reading import without_collector
from models.database import reading
from states.history.canonical import instant_text
from states.history.merkle import Fold
from states.releases import committed_marks
from states.roots import season_root

PARTS: tuple[Callable[[Facts], Iterator[Made]], ...] = (
    front.files,
    season_index.files,
    call.files,
    notice.files,
    results.files,
    record.files,
    pictures.files,
    wall.files,
    cases.files,
    practice.files,
    feed.files,
    checks.files,
)
_SOURCES = {".py", ".j2", ".css", ".js", ".svg"}


def publish(own: Settings, engine: Engine, at: datetime, *, afresh: bool = False) -> Manifest | None:
    """Make the release of this instant and put it out; None when nothing public has changed since the last.

    Afresh, every file is written once more. Raises SiteBusy, HomeNotWritable.
    """
    releases = Releases(own.home)
    if not afresh and not wants_release(own, engine):
        return None
    with releases.locked(), reading(engine) as session, without_collector():
        facts = facts_of(session, own)
        before = releases.newest()
        if before is not None and releases.out() != before.number:
            releases.put_out(before.number)  # whole, but its maker died before it was out
        if before is not None and not releases.is_pruned(before.hidden):
            releases.prune(before.hidden)  # or before the old ones had made place
        if not facts.seasons or not (afresh or is_behind(facts, before)):
            return None
        told = about(facts, before.number + 1 if before else 1, at, before)
        wanted = facts.marks.put_back
        source = before.number if before and wanted and before.put_back == wanted else wanted
        if source is not None and source in releases.numbers():
            made = releases.again(source, told)
        else:
            made = releases.build(files_of(facts), told, afresh=afresh)
        releases.prune(facts.marks.hidden)
    return made


def wants_release(own: Settings, engine: Engine) -> bool:
    """Whether something public has changed since the newest release, that is not out, or an old one has not made place."""
    releases = Releases(own.home)
    with reading(engine) as session:
        facts = facts_of(session, own, committed_marks(session))
    newest = releases.newest()
    if newest is not None and not (releases.out() == newest.number and releases.is_pruned(newest.hidden)):
        return bool(facts.seasons)
    return bool(facts.seasons) and is_behind(facts, newest)


def is_behind(facts: Facts, newest: Manifest | None) -> bool:
    """Whether a release was made of other facts, or by another version of this program."""
    seen = (newest.marks, newest.put_back, newest.program) if newest else None
    return seen != (_by_text(facts.marks.public), facts.marks.put_back, _program(facts.site_url))


def about(facts: Facts, number: int, at: datetime, before: Manifest | None) -> Manifest:
    """What a release of these facts says of itself, but for its files; roots known from before are taken from there."""
    whole, roots, fold = _by_text(facts.marks.whole), {}, Fold()
    for year in sorted(facts.marks.whole):
        same = before is not None and before.whole.get(str(year)) == whole[str(year)]
        roots[str(year)] = before.roots[str(year)] if before and same else season_root(facts.session, year).root
        fold.add(bytes.fromhex(roots[str(year)]))
    marks, hidden = _by_text(facts.marks.public), facts.marks.hidden
    root, put_back, program = fold.root().hex(), facts.marks.put_back, _program(facts.site_url)
    last = before.digest if before else ""
    return Manifest(number, instant_text(at), root, roots, marks, whole, hidden, put_back, program, last)


def files_of(facts: Facts) -> Iterator[Made]:
    """The files of every part, in the order of the table."""
    for part in PARTS:
        yield from part(facts)


def digests_of(facts: Facts) -> Mapping[str, str]:
    """SHA-256 of every file that a release of these facts has, but for `release.json`; every group is made."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in _flat(files_of(facts))}


def _flat(made: Iterable[Made]) -> Iterator[tuple[str, bytes]]:
    for one in made:
        if isinstance(one, FileGroup):
            yield from _flat(one.make())
        else:
            yield one


def _by_text(marks: Mapping[int, str]) -> dict[str, str]:
    return {str(year): mark for year, mark in marks.items()}


def _program(site_url: str) -> str:
    """What makes the pages: the sources of this room, the home's own files, and the address that is printed."""
    digest = hashlib.sha256(f"{_sources()} {site_url}".encode())
    for path in (*own_files(PAGES), *own_files(HOLIDAYS)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@lru_cache
def _sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in _SOURCES:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
