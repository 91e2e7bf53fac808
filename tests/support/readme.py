"""The parts of the README that are made from the code: `python -m tests.support.readme` writes them afresh."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
import typer

from config.milestones import Milestone
from config.settings import Settings
from flows.cli.commands import app
from flows.year import STAGES
from states.call import CALL
from states.machine import Table
from states.submission import SUBMISSION

README = Path(__file__).parents[2] / "README.md"


def written(text: str) -> str:
    """The README with every made part fresh."""
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- made: {name} -->\n).*?(<!-- end: {name} -->)", re.DOTALL)
        text, count = pattern.subn(lambda found, make=make: f"{found[1]}\n{make()}\n{found[2]}", text)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"README.md has {count} parts named {name}; it needs one")
    return text


def _diagram(table: Table) -> str:  # type: ignore[type-arg]
    drawn = [line for line in table.diagram().splitlines() if "-->" in line]
    return "```mermaid\nstateDiagram-v2\n" + "\n".join(drawn) + "\n```"


def _edges(table: Table) -> str:  # type: ignore[type-arg]
    rows = ["| trigger | from | to | by | refused unless |", "|---|---|---|---|---|"]
    for edge in table.edges:
        guards = "; ".join(guard.__name__.replace("_", " ") for guard in edge.guards)
        rows.append(f"| {edge.trigger} | {edge.source or '–'} | {edge.target} | {', '.join(edge.by)} | {guards} |")
    return "\n".join(rows)


def _year() -> str:
    rows = ["| stage | started by | what people see |", "|---|---|---|"]
    for stage in STAGES:
        started = ", ".join(stage.milestones) or "work waiting, or a person"
        rows.append(f"| `{stage.name}` | {started} | {stage.label} |")
    order = " --> ".join(f"{one.value}[{one.label}]" for one in Milestone if not one.is_reminder)
    return f"```mermaid\nflowchart LR\n  {order}\n```\n\n" + "\n".join(rows)


def _settings() -> str:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default
        rows.append(f"| `GANGCHUANG_{name.upper()}` | `{default}` | {field.description} |")
    return "\n".join(rows).replace("`` |", "empty |").replace("| `` ", "| empty ")


def _commands() -> str:
    rows = ["| command | what | when |", "|---|---|---|"]
    for path, command in _walk(typer.main.get_command(app), "gangchuang"):
        help_text = " ".join((command.help or "").split())
        what, _, when = help_text.partition("When: ")
        rows.append(f"| `{path}` | {what.strip()} | {when.strip()} |")
    return "\n".join(rows)


def _walk(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    children = getattr(command, "commands", None)
    if children is None:
        return [(path, command)]
    return [found for name, child in children.items() for found in _walk(child, f"{path} {name}")]


PARTS: dict[str, Callable[[], str]] = {
    "year": _year,
    "submission": lambda: f"{_diagram(SUBMISSION)}\n\n{_edges(SUBMISSION)}",
    "call": lambda: f"{_diagram(CALL)}\n\n{_edges(CALL)}",
    "commands": _commands,
    "settings": _settings,
}


def main() -> int:
    README.write_text(written(README.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
