"""Commands that say whether an installation is sound: the invariants, what goes wrong."""

import sys

import typer

from flows.cli.installation import Installation, Year, opened, print_result


def doctor() -> None:
    """Check every named invariant of the database and the files, and what goes on; exit status 1 and what is wrong.

    When: after a crash of the machine, after a restore, before each publication, and whenever something looks odd.
    """
    from flows.cli.doctor_files import FILE_INVARIANTS
    from states.audit.invariants import broken_invariants
    from states.audit.projection import EVERY_INVARIANT

    here = opened()
    level = _tell_troubles(here)
    home = here.settings.home.absolute()
    found = 0
    for invariant in (*EVERY_INVARIANT, *FILE_INVARIANTS):
        with here.reading() as session:
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


def papers(season: Year) -> None:
    """Make certificates, payment lists and press kits anew where anything changed that they are made of.

    When: after a design or a font in the home's templates/papers/ was changed, or when the doctor names one of them.
    """
    from flows.write_papers import write_papers

    print_result(write_papers.fn(season))


def health() -> None:
    """Say whether the year goes on by itself: exit status 0 all well, 1 to be watched, 2 somebody must act now.

    When: every minute by a monitoring program, which knows what mail cannot tell.
    """
    level = _tell_troubles(opened())
    if not level:
        typer.echo("All is well.")
    sys.exit(level)


def _tell_troubles(here: Installation) -> int:
    """A line for each; returns the worst level: 0 all well, 1 to be watched, 2 somebody must act."""
    from flows.office.watch import everything_wrong
    from states.troubles import Level

    with here.reading() as session:
        found = everything_wrong(session, here.settings, here.at)
    for trouble in found:
        typer.echo(f"{trouble.level.name:<7} {trouble.sentence}")
    return max((trouble.level for trouble in found), default=Level.FINE)
