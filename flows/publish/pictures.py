"""The pictures of the public cases, as they may be published, and those of the store that no case names any more.

A picture has its files in `pictures/`: `<name>.webp` (its longer side 1920 pixels), `<name>-small.webp` (640) and
`<name>.jpg`, named by what it holds, so that a page that names one always shows that one.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from flows.home import paths
from flows.home.releases import FileGroup, Made
from flows.publish.facts import Facts, PublicSeason
from flows.run import Run
from models import FollowUpPicture, Picture, Submission
from models.queries import lock_call
from states.history.read import is_erased

FOLDER = "pictures"


def files(facts: Facts) -> Iterator[Made]:
    """Each picture once, however many cases of however many seasons show it."""
    for season in facts.seasons:
        yield FileGroup(f"{FOLDER}/{season.year}", season.mark, partial(_season_files, facts, season))


def _season_files(facts: Facts, season: PublicSeason) -> Iterator[Made]:
    if named_files(facts.session, facts.home, season.year):
        cases = season.cases.values()
        for encoded in sorted(
            {picture.encoded for case in cases for picture in (*case.pictures, *case.follow_up_pictures)}
        ):
            lying = paths.picture_files(facts.home, season.year, encoded)
            yield FileGroup(f"{FOLDER}/{encoded}", encoded, partial(_read, lying))


def _read(lying: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    for path in lying:
        yield f"{FOLDER}/{path.name}", path.read_bytes()


def named_files(session: Session, home: Path, year: int) -> set[Path]:
    """Every file of a season's pictures that the database names."""
    rows = [
        encoded
        for table in (Picture, FollowUpPicture)
        for encoded in session.scalars(
            select(table.encoded)
            .join(Submission, col(Submission.number) == table.number)
            .where(Submission.season == year)
            .distinct()
        )
    ]
    return {path for encoded in rows for path in paths.picture_files(home, year, encoded)}


def lying_files(home: Path, year: int) -> list[Path]:
    """Every file that lies among a season's pictures."""
    folder = paths.pictures(home, year)
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def forget_unnamed(run: Run) -> int:
    """Once a season's personal data are deleted: delete the files of pictures that are not to be public; how many."""
    home = run.settings.home
    with run.step() as session:
        lock_call(session, run.year)  # nobody brings a picture meanwhile
        if not is_erased(session, run.year):
            return 0
        named = named_files(session, home, run.year)
        gone = [path for path in lying_files(home, run.year) if path not in named]
        if not run.dry_run:
            for path in gone:
                path.unlink(missing_ok=True)
    return len(gone)
