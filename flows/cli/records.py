"""Commands about the record: show it, prove it."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import select

from config.season import ZONE
from flows.cli.opening import opened
from models import Call, History
from models.database import reading
from models.queries import call_state
from states.door import UnknownSubmission
from states.entries import read_entries
from states.export import export_history, proof, read_export
from states.recompute import recompute as recompute_record
from states.record import call_subject, submission_subject
from states.verification import verify as find_tampering


def history(
    subject: Annotated[str, typer.Argument(help="a submission's number, or a season's year for its call")],
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable, one object an entry")] = False,
) -> None:
    """Show the history of one submission or of a season's call: who did what, when, why.

    When: whenever somebody asks what happened.
    """
    here = opened()
    name = call_subject(int(subject)) if subject.isdigit() else submission_subject(subject)
    with reading(here.engine) as session:
        entries = [
            one.model_dump()
            for one in session.scalars(select(History).where(History.subject == name).order_by(History.sequence))
        ]
    if not entries:
        raise UnknownSubmission(subject)
    if as_json:
        for entry in entries:
            typer.echo(json.dumps({**entry, "facts": json.loads(entry["facts"])}, ensure_ascii=False))
        return
    console = Console()
    for entry in entries:
        _print_entry(console, entry)


def verify(
    season: Annotated[int | None, typer.Argument(help="the season's year; all when left out")] = None,
) -> None:
    """Check that nothing of the record was changed; exit status 1 and the exact entry when anything was.

    When: before each publication, after a restore, whenever somebody doubts.
    """
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


def export(
    season: Annotated[int, typer.Argument(help="the season's year")],
    target: Annotated[Path, typer.Argument(help="the JSON Lines file to write")],
) -> None:
    """Write a season's history as JSON Lines, with verify_history.py beside it.

    When: to hand the record to an outsider, who needs nothing of ours to check it.
    """
    here = opened()
    with reading(here.engine) as session:
        export_history(session, season, target)
    typer.echo(f"{target} and verify_history.py lie in {target.absolute().parent}.")


def show_proof(number: Annotated[str, typer.Argument(help="a submission's number")]) -> None:
    """Print one submission's history with its proof of inclusion under a published root.

    When: an applicant wants to check that their own submission stands in the record.
    """
    here = opened()
    with reading(here.engine) as session:
        typer.echo(json.dumps(proof(session, number), ensure_ascii=False, indent=1))


def register(root: typer.Typer) -> None:
    root.command()(history)
    root.command()(verify)
    root.command()(recompute)
    root.command("export")(export)
    root.command("proof")(show_proof)


def _print_entry(console: Console, entry: dict[str, object]) -> None:
    at = datetime.fromisoformat(str(entry["at"])).astimezone(ZONE)
    change = (
        entry["to_state"]
        if entry["from_state"] == entry["to_state"]
        else f"{entry['from_state'] or '–'} → {entry['to_state']}"
    )
    console.print(
        f"{entry['sequence']:>3}  {at:%Y-%m-%d %H:%M:%S}  {entry['trigger']}  [{change}]  {entry['actor']}",
        markup=False,
        highlight=False,
    )
    if entry["reason"]:
        console.print(f"     理由 reason: {entry['reason']}", markup=False, highlight=False)
    facts = str(entry["facts"])
    if facts != "{}":
        console.print(
            f"     {facts if len(facts) < 400 else facts[:400] + '…'}", markup=False, highlight=False, style="dim"
        )
    console.print(f"     {str(entry['hash'])[:16]}…", markup=False, highlight=False, style="dim")
