"""Commands about the record: is it whole, and does what was decided follow from it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.opening import opened


def verify(
    season: Annotated[int | None, typer.Argument(help="the season's year; all when left out")] = None,
) -> None:
    """Check that nothing of the record was changed; exit status 1 and the exact entry when anything was.

    When: before each publication, after a restore, whenever somebody doubts.
    """
    from sqlalchemy import select

    from models import Call
    from models.database import reading
    from models.queries import call_state
    from states.verification import verify as find_tampering

    here = opened()
    with reading(here.engine) as session:
        findings = list(find_tampering(session, season))
        entries = session.scalar(select(Call.sequence).limit(1)) is not None
        if season is not None and not findings:
            call_state(session, season)
    for finding in findings:
        typer.echo(str(finding), err=True)
    if findings:
        typer.echo(f"{len(findings)} finding(s): the record was changed.", err=True)
        sys.exit(1)
    typer.echo("The record is whole." if entries else "The record is empty: no season is planned yet.")


def recompute(
    season: Annotated[int, typer.Argument(help="the season's year")],
    file: Annotated[
        Path | None, typer.Option(help="an exported history; without it the database is exported first")
    ] = None,
) -> None:
    """Recompute draw, assignment, merits, ranking, tiers and awards from the exported record alone.

    When: after the ranking, before the notice, and whenever somebody doubts it; exit status 1 and the first differences.
    """
    from models.database import reading
    from states.entries import read_entries
    from states.export import read_export
    from states.recompute import recompute as recompute_record

    if file is not None:
        entries = list(read_export(file))
    else:
        here = opened()
        with reading(here.engine) as session:
            entries = list(read_entries(session, season))
    differences = recompute_record(entries)
    for difference in differences[:10]:
        typer.echo(str(difference), err=True)
    if differences:
        typer.echo(f"{len(differences)} difference(s).", err=True)
        sys.exit(1)
    typer.echo(f"{len(entries)} entries: everything that was decided follows from the record.")


def register(root: typer.Typer) -> None:
    root.command()(verify)
    root.command()(recompute)
