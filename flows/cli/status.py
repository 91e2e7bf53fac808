"""`gangchuang status`: one screen that tells where a season stands."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.installation import opened

if TYPE_CHECKING:
    from rich.console import Console


def status(
    season: Annotated[int | None, typer.Argument(help="the season's year; all when left out")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> None:
    """Tell where the season stands, what comes next, who owes what, what waits for a person, what is wrong.

    Exit status 1 when somebody must act: a stage fails again and again, a step is late, no mail goes, the clock stands.

    When: any day; first thing in the morning of a deadline.
    """
    from flows.cli.status_facts import collect_facts
    from models.queries import planned_seasons

    here = opened()
    with here.reading() as session:
        years = planned_seasons(session) if season is None else [season]
        facts = [collect_facts(session, here, year) for year in years]
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=2))
    else:
        _print_all(facts)
    if any(trouble["level"] == "act" for season_facts in facts for trouble in season_facts["troubles"]):
        sys.exit(1)


def _print_all(facts: list[dict[str, Any]]) -> None:
    if not facts:
        typer.echo(
            "No season is planned yet. Next: `gangchuang season check YEAR`, then `gangchuang season plan YEAR`."
        )
    from rich.console import Console

    for season_facts in facts:
        _print(Console(), season_facts)


def _print(console: Console, facts: dict[str, Any]) -> None:
    from rich.table import Table

    console.rule(f"{facts['title']}  ·  {facts['state_label']} ({facts['state']})")
    for trouble in facts["troubles"]:
        urgent = trouble["level"] == "act"
        console.print(
            f"{'ATTENTION' if urgent else 'note'}: {trouble['sentence']}",
            style="bold red" if urgent else "yellow",
            highlight=False,
            markup=False,
        )
    console.print(
        f"now {facts['now']} · {facts['settled']} of {facts['milestones']} milestones settled", highlight=False
    )
    table = Table("", "", show_header=False, box=None, pad_edge=False)
    for name in ("submissions", "outcomes", "messages"):
        table.add_row(name, "  ".join(f"{key} {count}" for key, count in facts[name].items()) or "none")
    for name, label, between, nothing in (
        ("due_now", "due now", "\n", "nothing"),
        ("waits_for_a_person", "waits for a person", "\n", "nothing"),
        ("not_delivered", "not delivered", "、", "nobody"),
    ):
        table.add_row(label, between.join(facts[name]) or nothing)
    upcoming = [f"{date['at']}  {date['milestone']} {date['label']} {date['unit']}" for date in facts["next"]]
    table.add_row("next", "\n".join(upcoming))
    console.print(table, highlight=False)
    if facts["season_file"]:
        console.print(f"note: {facts['season_file']}", style="yellow", highlight=False)
