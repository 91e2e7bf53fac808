"""All commands in one tree: what runs the year, what shows it, what an officer decides."""

from importlib.metadata import version
from typing import Annotated

import typer

from flows.cli import decisions, experts, histories, keeping, mails, records, seasons
from flows.cli.running import demo, run, serve
from flows.cli.showing import status

app = typer.Typer(name="gangchuang", no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("gangchuang"))
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="print the version and end")
    ] = False,
) -> None:
    """Runs a yearly award for innovations at the workplace, from the call to the archive."""


app.command()(demo)
app.command()(serve)
app.command()(status)
app.command()(run)
app.add_typer(seasons.app, name="season")
seasons.register(app)
app.add_typer(experts.app, name="experts")
app.add_typer(histories.app, name="history")
records.register(app)
keeping.register(app)
decisions.register(app)
mails.register(app)
