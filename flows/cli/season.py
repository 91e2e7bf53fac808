"""Commands about a season's file and dates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.local_time import ZONE
from config.milestones import Milestone
from flows.cli.installation import ActingOfficer, AsJson, Year, acted, local, opened, print_json, print_result

if TYPE_CHECKING:
    from rich.console import Console

    from config.season import Season

app = typer.Typer(help="A season's file: make it, check it, plan it.", no_args_is_help=True)


@app.command()
def new(
    season: Year,
    from_season: Annotated[int, typer.Option("--from", help="the season whose file is carried over")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the file, write nothing")] = False,
) -> None:
    """Make a season's file from an earlier one's: dates on working days, the rest carried, open questions at its top.

    When: in autumn, as soon as next year is spoken of. Nothing is in force before `season plan`.
    """
    from config.settings import settings
    from flows.new_season import new_season, prepare

    if dry_run:
        typer.echo(prepare(settings(), season, from_season).text)
        return
    print_result(acted(new_season, season=season, from_season=from_season))


@app.command()
def calendar(season: Year, as_json: AsJson = False) -> None:
    """Say who knows the days of a season's years, and which of its open dates the calendar as it is now would move.

    When: in November, once the State Council has announced the next year and its days lie in holidays/YEAR.toml.
    Nothing is moved: each line ends with the command that moves it.
    """
    from config.calendar import calendar_of
    from models.queries import SeasonNotPlanned, milestone_rows, planned_seasons, season_in_force
    from states.guard_facts import dated
    from states.rules.calendar.shifting import moved_by_calendar

    here = opened()
    with here.reading() as session:
        if season not in planned_seasons(session):
            raise SeasonNotPlanned(season)
        rules, dates = season_in_force(session, season), dated(milestone_rows(session, season))
    years = sorted({date.due_at.astimezone(ZONE).year for date in dates})
    if as_json:
        known_years = {year: calendar_of(year) for year in years}
        told = {year: {"source": known.source, "provisional": known.provisional} for year, known in known_years.items()}
        print_json({"years": told, "moving": list(moved_by_calendar(rules, dates, here.at))})
        return
    for year in years:
        known = calendar_of(year)
        typer.echo(f"{year}: {'PROVISIONAL' if known.provisional else 'official'} ({known.source})")
    moving = list(moved_by_calendar(rules, dates, here.at))
    for date in moving:
        step, unit = date.dated.milestone, date.dated.unit
        typer.echo(f"{step} {unit}".strip() + f": {local(date.dated.due_at)} -> {local(date.to)} ({date.why})")
        if step is Milestone.CLOSE_PUBLIC_NOTICE:
            typer.echo("    follows by itself when the notice opens")
        else:
            district = f" --district {unit}" if unit else ""
            when = f"{date.to.astimezone(ZONE):%Y-%m-%dT%H:%M}"
            typer.echo(f"    gangchuang move {step} {season} --to {when}{district} --reason 节假日安排公布 --by …")
    typer.echo(f"{len(moving)} open date(s) would move.")


@app.command()
def check(season: Year, as_json: AsJson = False) -> None:
    """Print a season's calendar with weekdays, working-day notes and warnings.

    When: in winter, after writing config/seasons/YEAR.toml and before planning it; again after each change.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from config.calendar import day_note
    from config.season import load_season, season_path
    from config.settings import settings
    from states.rules.calendar.season_check import warnings_of
    from states.timeline import planned_dates

    rules = load_season(season, settings().home)
    found = [*warnings_of(rules), *_faults_of_templates(rules)]
    if as_json:
        names = ("milestone", "ordinal", "unit", "due_at")
        dates = [dict(zip(names, date, strict=True)) for date in planned_dates(rules)]
        print_json({"season": season, "title": rules.title, "dates": dates, "warnings": found})
        return
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
    _tell_files(console, rules, season_path(season, settings().home))
    for warning in found:
        console.print(f"warning: {warning}", style="yellow", highlight=False)
    console.print(f"{len(found)} warning(s); {len(rules.units())} reporting units in force; zone {ZONE.key}")


def _tell_files(console: Console, rules: Season, path: Path) -> None:
    """Which file won: the home's own or what is shipped; whose calendar each year's is."""
    from config import overrides
    from config.calendar import CalendarUnknown, calendar_of
    from config.units import units_file

    console.print(f"season file: {path}", highlight=False, soft_wrap=True)
    console.print(f"reporting units: {units_file()}", highlight=False, soft_wrap=True)
    for year in sorted({instant.year for _, instant in rules.dates.given()}):
        try:
            known = calendar_of(year)
        except CalendarUnknown:
            continue  # a warning says so
        mark = "[yellow]PROVISIONAL 暂定[/yellow]" if known.provisional else "official"
        console.print(f"calendar of {year}: {mark}, {known.source}", highlight=False, soft_wrap=True)
    for folder in (overrides.LETTERS, overrides.PAGES, overrides.REPORTS):
        for own in overrides.own_files(folder):
            console.print(f"own wording: {own}", highlight=False, soft_wrap=True)
    for own in overrides.own_files(overrides.PAPERS):
        console.print(f"own design: {own}", highlight=False, soft_wrap=True)


def _faults_of_templates(rules: Season) -> list[str]:
    from flows.office.designs import faults_of_own_files

    return [f"{fault.path} {fault.said}" for fault in faults_of_own_files(rules)]


@app.command()
def plan(
    season: Year,
    officer_name: Annotated[str, typer.Option("--by", help="the acting officer, as the season file names them")],
) -> None:
    """Put a season's rules and dates in force; from then on the clock follows them.

    When: once a year, when `season check` is clean and before the call opens.
    """
    from flows.plan_season import plan_season

    print_result(acted(plan_season, season=season, officer_name=officer_name))


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
    given = {"milestone": Milestone(milestone), "to": to, "reason": reason, "unit": district, "ordinal": number}
    asked = {"season": season, "officer_name": officer_name, **given}
    print_result(acted(move_date, **asked, take_effect_at_once=at_once, dry_run=dry_run))
