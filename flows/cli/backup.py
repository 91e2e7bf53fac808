"""Commands that keep a second copy: write a backup, put one in the place of what is here."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.installation import opened, writing_to


def backup(
    file: Annotated[Path, typer.Argument(help="the file to write; the folder backups/ in the home is a good place")],
) -> None:
    """Write a backup of database and files, one consistent moment, while everything goes on running.

    When: every night by cron, before each upgrade of the program, and before anything that you are unsure of. It holds
    personal data and the signing key: keep it where few can read it. Of the home's files it holds attachments, evidence, holidays, inbox, keys, mail, office, outbox, pictures, receipts, seasons,
    taken, templates, timestamps and units; the public pages are made from the database. Earlier backups in the file's
    folder go with it when personal data was deleted since they were made.
    """
    from states.maintenance.backup import backup as back_up
    from states.maintenance.backup import deletions_so_far, holds_deleted

    here = opened()
    with writing_to(file):
        made = back_up(here.engine, here.settings.home.absolute(), file)
    typer.echo(f"{made.path}: {sum(made.rows.values())} rows of {len(made.rows)} tables, {made.files} files.")
    with here.reading() as session:
        deletions = deletions_so_far(session)
    for path in sorted(made.path.parent.glob(f"*{made.path.suffix}")):
        if path != made.path and holds_deleted(path, deletions):
            path.unlink()
            typer.echo(f"{path} is deleted: it held personal data that was deleted since.")


def restore(
    file: Annotated[Path, typer.Argument(help="a file that `gangchuang backup` wrote, on either kind of database")],
    despite: Annotated[
        list[str] | None, typer.Option(help="an invariant that may be broken, by the name that the refusal told")
    ] = None,
) -> None:
    """Put a backup in the place of database and files; its record and what `doctor` examines must hold first.

    When: after a disk failure, or to move to another machine or from SQLite to PostgreSQL and back. Stop `serve` first.
    """
    from config.settings import settings
    from flows.engine.processes import home_lock
    from flows.office.doctor_files import FILE_INVARIANTS
    from flows.publish.release import publish
    from models.database import make_engine
    from states.audit.projection import EVERY_INVARIANT
    from states.maintenance.restore import restore as put_back

    own, examined = settings(), (*EVERY_INVARIANT, *FILE_INVARIANTS)
    waived = set(despite or ())
    if strange := sorted(waived - {invariant.name for invariant in examined}):
        raise typer.BadParameter(f"no invariant has the name {', '.join(strange)}; `gangchuang doctor` lists them")
    chosen = [invariant for invariant in examined if invariant.name not in waived]
    with home_lock(own.folder("prefect")):
        engine = make_engine(own.database)
        made = put_back(file, engine, own.home.absolute(), invariants=chosen)
    typer.echo(f"{file} is restored: {sum(made.rows.values())} rows, {made.files} files; its record is whole.")
    if made.files_before is not None:
        typer.echo(f"The files that were here before lie in {made.files_before}; delete them when all is well.")
    release = publish(own, engine, own.clock.now(), afresh=True)
    if release is not None:
        typer.echo(f"The public pages are those of the restored database: release {release.number}.")
