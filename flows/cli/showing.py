"""`gangchuang status`: one screen that tells where a season stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.opening import opened

if TYPE_CHECKING:
    from rich.console import Console


def status(
    season: Annotated[int | None, typer.Argument(help="the season's year; all when left out")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> None:
    """Tell where the season stands, what comes next, who has not delivered, what waits for a person.

    When: any day; first thing in the morning of a deadline.
    """
    from flows.cli.season_facts import collect_facts
    from models.database import reading
    from models.queries import planned_seasons

    here = opened()
    with reading(here.engine) as session:
        years = planned_seasons(session) if season is None else [season]
        facts = [collect_facts(session, here, year) for year in years]
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=2))
        return
    if not facts:
        typer.echo(
            "No season is planned yet. Next: `gangchuang season check YEAR`, then `gangchuang season plan YEAR`."
        )
    from rich.console import Console

    for one in facts:
        _print(Console(), one)


def _print(console: Console, facts: dict[str, object]) -> None:
    from rich.table import Table

    console.rule(f"{facts['title']}  ·  {facts['state_label']} ({facts['state']})")
    console.print(
        f"now {facts['now']} · {facts['settled']} of {facts['milestones']} milestones settled", highlight=False
    )
    table = Table("", "", show_header=False, box=None, pad_edge=False)
    for name in ("submissions", "outcomes", "messages"):
        counts = facts[name]
        assert isinstance(counts, dict)
        table.add_row(name, "  ".join(f"{key} {count}" for key, count in counts.items()) or "none")
    for name, label, between, nothing in (
        ("due_now", "due now", "\n", "nothing"),
        ("waits_for_a_person", "waits for a person", "\n", "nothing"),
        ("not_delivered", "not delivered", "、", "nobody"),
    ):
        lines = facts[name]
        assert isinstance(lines, list)
        table.add_row(label, between.join(lines) or nothing)
    upcoming = facts["next"]
    assert isinstance(upcoming, list)
    table.add_row(
        "next", "\n".join(f"{one['at']}  {one['milestone']} {one['label']} {one['unit']}" for one in upcoming)
    )
    console.print(table, highlight=False)
    if facts["stuck"]:
        console.print(f"note: {facts['stuck']}", style="yellow", highlight=False)
    if facts["season_file"]:
        console.print(f"note: {facts['season_file']}", style="yellow", highlight=False)
