"""Commands about a season's file and dates."""

from typing import Annotated

import typer

from config.local_time import ZONE
from config.milestones import Milestone
from flows.cli.installation import ActingOfficer, Year, opened, print_result
from states.machine import Act

app = typer.Typer(help="A season's file: check it before you plan it.", no_args_is_help=True)


@app.command()
def check(season: Year) -> None:
    """Print a season's calendar with weekdays, working-day notes and warnings.

    When: in winter, after writing config/seasons/YEAR.toml and before planning it; again after each change.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from config.calendar import day_note
    from config.season import load_season
    from config.settings import settings
    from states.rules.calendar.season_check import warnings_of
    from states.timeline import planned_dates

    rules = load_season(season, settings().home)
    # Narrow enough for 80 columns: whoever checks dates must see each of them whole.
    table = Table(title=f"{rules.title} · {rules.year}", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("date", "day", "milestone", ""):
        table.add_column(heading, no_wrap=True)
    for milestone, ordinal, unit, instant in planned_dates(rules):
        name = milestone.value + (f" {ordinal}" if milestone.is_reminder else "") + (f" ({unit})" if unit else "")
        local_time = instant.astimezone(ZONE)
        table.add_row(f"{local_time:%Y-%m-%d %H:%M}", day_note(local_time.date()), name, milestone.label)
    console = Console()
    console.print(table)
    found = warnings_of(rules)
    for warning in found:
        console.print(f"warning: {warning}", style="yellow", highlight=False)
    console.print(f"{len(found)} warning(s); {len(rules.units())} reporting units in force; zone {ZONE.key}")


@app.command()
def plan(
    season: Year,
    officer_name: Annotated[str, typer.Option("--by", help="the acting officer, as the season file names them")],
) -> None:
    """Put a season's rules and dates in force; from then on the clock follows them.

    When: once a year, when `season check` is clean and before the call opens.
    """
    from config.season import load_season
    from states.officers import officer
    from states.timeline import plan_season, planned_dates

    here = opened()
    rules = load_season(season, here.settings.home)
    with here.writing() as session:
        plan_season(session, rules, Act(officer(rules, officer_name), here.at))
    typer.echo(f"Season {season} is planned: {len(planned_dates(rules))} dates in force. See `gangchuang status`.")


def move(
    milestone: Annotated[
        str, typer.Argument(help=f"one of: {', '.join(Milestone)}", autocompletion=lambda: list(Milestone))
    ],
    season: Year,
    to: Annotated[str, typer.Option(help="new local time, such as 2026-05-08T18:00 (Asia/Shanghai)")],
    reason: Annotated[str, typer.Option(help="why; kept in the history")],
    officer_name: ActingOfficer,
    district: Annotated[str, typer.Option(help="unit code, for one district only")] = "",
    number: Annotated[int, typer.Option(help="which reminder, counted from 1")] = 1,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="it is meant that a date has come, or a deadline is earlier")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would follow, change nothing")] = False,
) -> None:
    """Move one date, for all or for one district; the move and its reason are history.

    When: whenever a date must change, before it has passed, or after it for a district that needs longer.
    """
    from flows.move_date import move_date
    from states.timeline import UnknownMilestone

    if milestone not in set(Milestone):
        raise UnknownMilestone(milestone)
    print_result(
        move_date.fn(season, officer_name, Milestone(milestone), to, reason, district, number, at_once, dry_run)
    )
