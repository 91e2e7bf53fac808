"""`gangchuang history`: show one subject's record, hand a season's to an outsider, prove one submission's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from config.local_time import ZONE
from flows.cli.installation import Year, opened, writing_to
from models.enums import CallState, PublicationKind, SubmissionState, Trigger

if TYPE_CHECKING:
    from rich.console import Console

_SHOW = "ID"
_INDENT = 5
_WORDS = {word.value: word for word in Trigger}
_STATES = {state.value: state.label for state in (*SubmissionState, *CallState)}


class _ShowsByDefault(TyperGroup):
    """`gangchuang history 2026-500237-0001` shows it: what names no subcommand is an ID."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        asks_for_help = not args or args[0] in ctx.help_option_names
        if not asks_for_help and args[0] not in self.commands:
            args = [_SHOW, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ShowsByDefault,
    help="Show the record of a submission or a season's call; export it; prove one submission's.",
    no_args_is_help=True,
)


@app.command(_SHOW)
def show(
    subject: Annotated[
        str, typer.Argument(metavar="ID", help="a submission's number, or a season's year for its call")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable, one object an entry")] = False,
) -> None:
    """Show the history of one submission or of a season's call: who did what, when, why.

    Experts go by their ids; with --json by the season's aliases, as the record has them.

    When: whenever somebody asks what happened.
    """
    from rich.console import Console
    from sqlalchemy import select

    from models import History
    from states.history.canonical import call_subject, submission_subject
    from states.history.seals import Seals
    from states.numbers import UnknownSubmission

    here = opened()
    name = call_subject(int(subject)) if subject.isdigit() else submission_subject(subject)
    with here.reading() as session:
        found = session.scalars(select(History).where(History.subject == name).order_by(History.sequence))
        entries = [entry.model_dump() for entry in found]
        if entries and not as_json:
            show = Seals(session, entries[0]["season"]).show
            entries = [{column: show(value) for column, value in entry.items()} for entry in entries]
    if not entries:
        raise UnknownSubmission(subject)
    if as_json:
        for entry in entries:
            typer.echo(json.dumps({**entry, "facts": json.loads(entry["facts"])}, ensure_ascii=False))
        return
    console = Console()
    for entry in entries:
        _print_entry(console, entry)


@app.command()
def export(
    season: Year,
    file: Annotated[Path, typer.Argument(help="the JSON Lines file to write")],
) -> None:
    """Write a season's history as JSON Lines, with verify_history.py beside it.

    When: to hand the record to an outsider, who needs nothing of ours to check it; after each publication.
    """
    from states.audit.export import export_history

    here = opened()
    with here.reading() as session, writing_to(file):
        made = export_history(session, season, file)
    typer.echo(f"{made.entries} entries of {made.subjects} subjects are in {file}.")
    typer.echo(f"Check them: python {made.checker} {file} --root ROOT, the root as printed on the season's page.")


@app.command("proof")
def show_proof(
    number: Annotated[str, typer.Argument(metavar="ID", help="a submission's number")],
    publication: Annotated[
        PublicationKind | None, typer.Option(help="whose root it is to be under; the latest unless named")
    ] = None,
) -> None:
    """Print one submission's history with its proof of inclusion under a published root.

    When: an applicant wants to check that their own submission stands in the record; `verify_history.py` checks it too.
    """
    from states.audit.export import proof

    here = opened()
    with here.reading() as session:
        made = proof(session, number, publication)
    typer.echo(json.dumps(made, ensure_ascii=False, indent=1))
    under = made["publication"]
    typer.echo(f"It holds under the root of {under['kind']}, {under['root']}, as printed on its page.", err=True)


def _print_entry(console: Console, entry: dict[str, object]) -> None:
    at = datetime.fromisoformat(str(entry["at"])).astimezone(ZONE)
    source, target = entry["from_state"], entry["to_state"]
    before = "" if source == target else f"{source or '–'} → "
    change = f"{before}{target} {_STATES.get(str(target), '')}".rstrip()
    word = str(entry["trigger"])
    told = _WORDS.get(word)
    head = f"{entry['sequence']:>3}  {at:%Y-%m-%d %H:%M:%S}  {word} {told.label if told else '(no word of the record)'}"
    console.print(head, markup=False, highlight=False)
    if told:
        _print_below(console, [told.meaning], "italic")
    lines = [f"{change}  by {entry['actor']}"]
    if entry["reason"]:
        lines.append(f"理由 reason: {entry['reason']}")
    _print_below(console, lines)
    from flows.office.record import fact_lines

    _print_below(console, [*fact_lines(json.loads(str(entry["facts"]))), f"hash {str(entry['hash'])[:16]}…"], "dim")


def _print_below(console: Console, lines: Iterable[str], style: str = "") -> None:
    from rich.padding import Padding
    from rich.text import Text

    for line in lines:
        console.print(Padding(Text(line, style=style), (0, 0, 0, _INDENT)))
