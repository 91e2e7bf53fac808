"""All commands in one tree: what runs the year, what shows it, what an officer decides."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from flows.cli import experts, history, objections, season, site
from flows.cli.backup import backup, restore
from flows.cli.decide import EveryDecision, approve, decide
from flows.cli.doctor import doctor, health, papers
from flows.cli.evidence import evidence
from flows.cli.mail import mail
from flows.cli.privacy import privacy
from flows.cli.rehearse import letter, rehearse
from flows.cli.run import demo, run, serve, worker
from flows.cli.season import move
from flows.cli.status import status
from flows.cli.verify import recompute, verify

app = typer.Typer(name="gangchuang", no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("gangchuang"))
        raise typer.Exit


# These make a home, or need none.
_WITHOUT_HOME = {"demo", "serve", "season", "restore"}


def _find_home(command: str | None) -> None:
    """A home that is not there is a folder mistyped, seldom a home to be made. Raises HomeMissing."""
    if command is None or command in _WITHOUT_HOME or "--help" in sys.argv:
        return
    from config.settings import HomeMissing, settings

    home = settings().home.absolute()
    if not home.exists():
        raise HomeMissing(home)


@app.callback()
def root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="print the version and end")
    ] = False,
) -> None:
    """Runs a yearly award for innovations at the workplace, from the call to the archive."""
    _find_home(context.invoked_subcommand)


for command in (
    *(demo, rehearse, letter, serve, worker, status, run, move, verify, recompute, doctor, papers, health),
    *(backup, restore, privacy, evidence, approve, mail),
):
    app.command()(command)
app.command(cls=EveryDecision)(decide)
for name, group in (
    *(("season", season.app), ("experts", experts.app), ("objection", objections.app)),
    *(("history", history.app), ("site", site.app)),
):
    app.add_typer(group, name=name)
