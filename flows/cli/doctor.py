"""Commands that say whether an installation is sound: the invariants, and what goes wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from flows.cli.installation import AsJson, Installation, Year, acted, opened, print_json, print_result

if TYPE_CHECKING:
    from states.troubles import Trouble


def doctor(as_json: AsJson = False) -> None:
    """Check every named invariant of the database and the files, and what goes on; exit status 1 and what is wrong.

    When: after a crash of the machine, after a restore, before each publication, and whenever something looks odd.
    """
    from flows.office.doctor_files import FILE_INVARIANTS
    from models.database import read_through
    from states.audit.invariants import broken_invariants
    from states.audit.projection import EVERY_INVARIANT

    here = opened()
    troubles = _troubles(here)
    level = max((trouble.level for trouble in troubles), default=0)
    if not as_json:
        _tell(troubles)
    home = here.settings.home.absolute()
    found, told = 0, []
    for invariant in (*EVERY_INVARIANT, *FILE_INVARIANTS):
        with here.reading() as session:
            read_through(session)
            broken = broken_invariants(session, home, (invariant,))
        offenders = list(broken[0].offenders) if broken else []
        told.append({"name": invariant.name, "sentence": invariant.sentence, "offenders": offenders})
        found += len(broken)
        if as_json:
            continue
        typer.echo(f"{'BROKEN' if broken else 'ok':<7} {invariant.name}: {invariant.sentence}")
        for offender in offenders:
            typer.echo(f"        - {offender}")
    if as_json:
        print_json({"troubles": [_facts_of(trouble) for trouble in troubles], "invariants": told})
    elif found:
        typer.echo(f"{found} invariant(s) do not hold.", err=True)
    if found or level > 1:
        sys.exit(1)
    if not as_json:
        typer.echo("Everything holds.")


def papers(season: Year) -> None:
    """Make certificates, payment lists and press kits anew where anything changed that they are made of.

    When: after a design or a font in the home's templates/papers/ was changed, or when the doctor names one of them.
    """
    from flows.write_papers import write_papers

    print_result(acted(write_papers, season=season))


def health(as_json: AsJson = False) -> None:
    """Say whether the year goes on by itself: exit status 0 all well, 1 to be watched, 2 somebody must act now.

    When: every minute by a monitoring program, which knows what mail cannot tell.
    """
    troubles = _troubles(opened())
    level = max((trouble.level for trouble in troubles), default=0)
    if as_json:
        print_json({"level": int(level), "troubles": [_facts_of(trouble) for trouble in troubles]})
    else:
        _tell(troubles)
        if not level:
            typer.echo("All is well.")
    sys.exit(level)


def _troubles(here: Installation) -> list[Trouble]:
    """Everything that is wrong, the worst first."""
    from flows.office.watch import everything_wrong

    with here.reading() as session:
        return everything_wrong(session, here.settings, here.at)


def _tell(troubles: list[Trouble]) -> None:
    for trouble in troubles:
        typer.echo(f"{trouble.level.name:<7} {trouble.sentence}")


def _facts_of(trouble: Trouble) -> dict[str, str]:
    return {"kind": trouble.kind, "level": trouble.level.name.lower(), "sentence": trouble.sentence}
