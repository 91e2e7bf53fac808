"""Commands that keep an installation sound: examine it, back it up, put a backup in its place."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.installation import Opened, opened, writing_to


def doctor() -> None:
    """Check every named invariant of the database and the files, and what goes on; exit status 1 and what is wrong.

    When: after a crash of the machine, after a restore, before each publication, and whenever something looks odd.
    """
    from flows.cli.doctor_files import FILE_INVARIANTS
    from models.database import reading
    from states.audit.invariants import broken_invariants
    from states.audit.projection import EVERY_INVARIANT

    here = opened()
    level = _tell_troubles(here)
    home = here.settings.home.absolute()
    found = 0
    for invariant in (*EVERY_INVARIANT, *FILE_INVARIANTS):
        with reading(here.engine) as session:
            broken = broken_invariants(session, home, (invariant,))
        typer.echo(f"{'BROKEN' if broken else 'ok':<7} {invariant.name}: {invariant.sentence}")
        for offender in broken[0].offenders if broken else ():
            typer.echo(f"        - {offender}")
        found += len(broken)
    if found:
        typer.echo(f"{found} invariant(s) do not hold.", err=True)
    if found or level > 1:
        sys.exit(1)
    typer.echo("Everything holds.")


def pages(season: Annotated[int, typer.Argument(help="the season's year")]) -> None:
    """Put a season's public pages and downloads in their places again, as the database has them.

    When: after an upgrade, and when the doctor says that one of them is not what the database makes of it.
    """
    from flows.publish.notice import put_notice
    from flows.publish.publications import put_everything
    from flows.run import Ending, Run
    from flows.stage import play

    def putting(run: Run) -> Ending:
        put_notice(run)
        put_everything(run)
        return Ending()

    here = opened()
    play("put_pages", season, putting, engine=here.engine, settings=here.settings, at=here.at)
    typer.echo(f"The pages of {season} are as the database has them.")


def health() -> None:
    """Say whether the year goes on by itself: exit status 0 all well, 1 to be watched, 2 somebody must act now.

    When: every minute by a monitoring program, which knows what mail cannot tell.
    """
    level = _tell_troubles(opened())
    if not level:
        typer.echo("All is well.")
    sys.exit(level)


def _tell_troubles(here: Opened) -> int:
    """A line for each; returns the worst level: 0 all well, 1 to be watched, 2 somebody must act."""
    from models.database import reading
    from states.troubles import Level, troubles

    with reading(here.engine) as session:
        found = troubles(session, here.at)
    for one in found:
        typer.echo(f"{one.level.name:<7} {one.sentence}")
    return max((one.level for one in found), default=Level.FINE)


def backup(
    file: Annotated[Path, typer.Argument(help="the file to write; the folder backups/ in the home is a good place")],
) -> None:
    """Write a backup of database and files, one consistent moment, while everything goes on running.

    When: every night by cron, before each upgrade of the program, and before anything that you are unsure of. It holds
    personal data and the signing key: keep it where few can read it, and delete it when that data is to be deleted. Of
    the home's files it holds attachments, inbox, keys, mail, office, outbox, receipts, seasons, site and taken.
    """
    from states.maintenance.backup import backup as back_up

    here = opened()
    with writing_to(file):
        made = back_up(here.engine, here.settings.home.absolute(), file)
    typer.echo(f"{made.path}: {sum(made.rows.values())} rows of {len(made.rows)} tables, {made.files} files.")


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
    from flows.cli.doctor_files import FILE_INVARIANTS
    from flows.engine.processes import home_lock
    from models.database import make_engine
    from states.audit.projection import EVERY_INVARIANT
    from states.maintenance.restore import restore as put_back

    own, examined = settings(), (*EVERY_INVARIANT, *FILE_INVARIANTS)
    waived = set(despite or ())
    if strange := sorted(waived - {invariant.name for invariant in examined}):
        raise typer.BadParameter(f"no invariant has the name {', '.join(strange)}; `gangchuang doctor` lists them")
    chosen = [invariant for invariant in examined if invariant.name not in waived]
    with home_lock(own.folder("prefect")):
        made = put_back(file, make_engine(own.database), own.home.absolute(), invariants=chosen)
    typer.echo(f"{file} is restored: {sum(made.rows.values())} rows, {made.files} files; its record is whole.")
    if made.files_before is not None:
        typer.echo(f"The files that were here before lie in {made.files_before}; delete them when all is well.")


def register(root: typer.Typer) -> None:
    root.command()(doctor)
    root.command()(pages)
    root.command()(health)
    root.command()(backup)
    root.command()(restore)
