"""All commands in one tree: what runs the year, what shows it, what an officer decides."""

from importlib.metadata import version
from typing import Annotated

import typer

from flows.cli import decide, doctor, experts, history, mail, season, verify
from flows.cli.run import demo, run, serve
from flows.cli.status import status

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
app.add_typer(season.app, name="season")
season.register(app)
app.add_typer(experts.app, name="experts")
app.add_typer(history.app, name="history")
verify.register(app)
doctor.register(app)
decide.register(app)
mail.register(app)
