"""All commands in one tree: what runs the year, what shows it, what an officer decides."""

import typer

from flows.cli import decisions, records, seasons
from flows.cli.running import demo, run, serve
from flows.cli.showing import status

app = typer.Typer(
    name="gangchuang",
    help="Runs a yearly award for innovations at the workplace, from the call to the archive.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(demo)
app.command()(serve)
app.command()(status)
app.command()(run)
app.add_typer(seasons.app, name="season")
seasons.register(app)
records.register(app)
decisions.register(app)
