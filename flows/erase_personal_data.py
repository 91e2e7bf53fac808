"""Deletes a season's personal data on the season file's schedule: rows first, recorded, then the files."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import Engine, select

from config.milestones import Milestone
from config.settings import HomeNotWritable
from flows.outbox.mail.files import FileTransport
from flows.publish.pictures import forget_unnamed
from flows.publish.publications import publish_change
from flows.publish.release import publish
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Message
from states.maintenance.erasure import erase

_FOLDERS = ("taken", "held", "receipts", "attachments", "evidence", "outbox", "office")


@stage_flow(name="erase-personal-data")
def erase_personal_data(season: int, dry_run: bool = False) -> dict[str, object]:
    """Delete the season's personal data (删除个人信息).

    Runs: at `erase_personal_data`, `retention.contact_days` after the results are published.
    Before: the season is closed.
    After: contacts, names that were not published with consent, contents, comments, letters,
    deliveries, receipts and attachments are gone; how many of each is an entry of the record;
    the published pages stay, the notice without those who were not awarded; every proof holds.
    Undo: none. Backups made before still hold the data: delete those too.
    """
    return perform("erase_personal_data", season, erasing, milestone=Milestone.ERASE_PERSONAL_DATA, dry_run=dry_run)


def erasing(run: Run) -> Ending:
    """The rows and their entry in one transaction; then the files, as many times as it takes."""
    with run.step() as session:
        counts = erase(session, run.season, run.act)
        publish_change(session, run)
        keys = session.scalars(select(Message.key).where(Message.season == run.year)).all()
    files = list(_files(run, keys))
    if not run.dry_run:
        # The notice named people who were not awarded in the end; the results name only who was.
        publish(run.settings, run.engine, run.at)
        _forget_pages(run.engine)
        _delete(run, files)
    pictures = forget_unnamed(run)
    for name, count in counts.items():
        run.tell(name, count)
    run.tell("files", len(files))
    run.tell("files of pictures", pictures)
    run.tell("still to be deleted by hand", "backups made before, and before-restore/")
    return Ending(facts={"files": len(files)})


def _files(run: Run, keys: Iterable[str]) -> Iterator[Path]:
    """Every file of the home that holds personal data of the season."""
    home = run.settings.home.absolute()
    for folder in _FOLDERS:
        yield from (path for path in sorted((home / folder / str(run.year)).rglob("*")) if path.is_file())
    yield from (path for path in (run.settings.objectors_key_file(run.year),) if path.is_file())
    path_of = FileTransport(home / "mail", sender="").path_of
    yield from (path for path in map(path_of, keys) if path.is_file())


def _delete(run: Run, files: list[Path]) -> None:
    home = run.settings.home.absolute()
    try:
        for path in files:
            path.unlink(missing_ok=True)
        for folder in _FOLDERS:
            shutil.rmtree(home / folder / str(run.year), ignore_errors=True)
    except OSError as problem:
        raise HomeNotWritable(Path(problem.filename or home), problem.strerror or str(problem)) from problem


def _forget_pages(engine: Engine) -> None:
    """SQLite keeps what was deleted in its write-ahead log until that is emptied; PostgreSQL vacuums by itself."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
