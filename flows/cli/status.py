"""`gangchuang status`: one screen that tells where a season stands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from config.units import all_units
from flows.cli.installation import AsJson, local, opened

if TYPE_CHECKING:
    from rich.console import Console

    from flows.office.facts import OfficeFacts, Running
    from flows.office.owing import Owing


def status(
    season: Annotated[int | None, typer.Argument(help="the season's year; all when left out")] = None,
    as_json_wanted: AsJson = False,
) -> None:
    """Tell where the season stands, what comes next, who owes what, what waits for a person, what is wrong.

    Exit status 1 when somebody must act: a stage fails again and again, a step is late, no mail goes, the clock stands.

    When: any day; first thing in the morning of a deadline.
    """
    from flows.office.facts import as_json, season_facts
    from models.queries import planned_seasons

    here = opened()
    with here.reading() as session:
        years = planned_seasons(session) if season is None else [season]
        facts = [season_facts(session, here.settings, year, here.at) for year in years]
    if as_json_wanted:
        typer.echo(as_json(facts))
    else:
        _print_all(facts)
    if any(season_facts.must_act for season_facts in facts):
        sys.exit(1)


def _print_all(facts: list[OfficeFacts]) -> None:
    if not facts:
        typer.echo(
            "No season is planned yet. Next: `gangchuang season check YEAR`, then `gangchuang season plan YEAR`."
        )
    from rich.console import Console

    for season_facts in facts:
        _print(Console(), season_facts)


def _print(console: Console, facts: OfficeFacts) -> None:
    from rich.table import Table

    console.rule(f"{facts.title}  ·  {facts.state_label} ({facts.state})")
    for trouble in facts.troubles:
        urgent = trouble.level == "act"
        console.print(
            f"{'ATTENTION' if urgent else 'note'}: {trouble.sentence}",
            style="bold red" if urgent else "yellow",
            highlight=False,
            markup=False,
        )
    console.print(
        f"now {local(facts.now)} · {facts.settled} of {len(facts.timetable)} milestones settled", highlight=False
    )
    if facts.alerts:
        unsent = f", {facts.alerts_unsent} letter(s) of them not sent yet" if facts.alerts_unsent else ""
        console.print(f"{len(facts.alerts)} alert(s) told to the office and not over{unsent}", highlight=False)
    table = Table("", "", show_header=False, box=None, pad_edge=False)
    for name, counts in (
        ("submissions", facts.submissions),
        ("outcomes", facts.outcomes),
        ("deliveries", facts.deliveries),
        ("messages", facts.messages),
    ):
        table.add_row(name, "  ".join(f"{key} {count}" for key, count in counts.items()) or "none")
    for name, lines, nothing in (
        ("running", [_progress(running) for running in facts.running], "nothing"),
        ("due now", [date.name for date in facts.due_now], "nothing"),
        ("waits for a person", [waiting.sentence for waiting in facts.waits_for_a_person], "nothing"),
        ("owing", _owing_lines(facts.owing), "nobody"),
        ("next", [f"{local(date.due_at)}  {date.name}  {date.label}" for date in facts.ahead[:5]], ""),
    ):
        table.add_row(name, "\n".join(lines) or nothing)
    console.print(table, highlight=False)
    for note in facts.notes:
        console.print(f"note: {note.sentence}", style="yellow", highlight=False)


def _progress(running: Running) -> str:
    return running.stage + (f": {running.done} of {running.total}" if running.total else "")


def _owing_lines(owing: list[Owing]) -> list[str]:
    """A line for each thing owed: how many owe it, how many have delivered nothing, and each by name with what is lacking."""
    lines = []
    for what in dict.fromkeys(debtor.what for debtor in owing):
        own = [debtor for debtor in owing if debtor.what is what]
        said = "、".join(debtor.name + (f" ({_lacking(debtor)})" if debtor.items else "") for debtor in own)
        nothing = sum(debtor.nothing_in for debtor in own)
        lines.append(f"{what.value}, {len(own)} owing, {nothing} with nothing in: {said}")
    return lines


def _lacking(debtor: Owing) -> str:
    code = "" if debtor.code in all_units() else f"{debtor.code}: "
    return f"{code}{debtor.items}{', nothing in' if debtor.nothing_in else ''}"
