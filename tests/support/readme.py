"""What is made from the code, and would else be kept twice: `make docs` writes it afresh.

Parts of the README and of the guides; the deployment's environment file; the steps, notes and outcomes in the checker that
stands alone; the stages in the contracts.
"""

import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click
import typer
from transitions.extensions import GraphMachine

from config.milestones import Milestone
from config.season import load_season
from config.settings import Settings
from flows import consult
from flows.cli.commands import app
from flows.engine.forms import Form
from flows.kinds.submission_columns import submission_columns
from flows.year import BY_HAND, FORMS, STAGES
from models.enums import OUTCOMES, Role, Trigger
from states.call import CALL
from states.machine import Edge, TransitionTable
from states.objection import OBJECTION
from states.submission import SUBMISSION

ROOT = Path(__file__).parents[2]


def written(path: Path) -> str:
    """A file's text with every made part fresh."""
    text, blank = path.read_text("utf-8"), "\n" if path.suffix == ".md" else ""
    for name, make in PARTS[path].items():
        pattern = re.compile(rf"((?:<!--|#) made: {name}\b[^\n]*\n).*?( *(?:<!--|#) end: {name}\b)", re.DOTALL)
        made = f"{blank}{make()}\n"
        text, count = pattern.subn(lambda found, made=made: f"{found[1]}{made}{found[2]}", text)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"{path.name} has {count} parts named {name}; it needs one")
    return text


def diagram(table: TransitionTable) -> str:  # type: ignore[type-arg]
    """The machine as a Mermaid state diagram, drawn by `transitions`."""
    walker: Any = type("Walker", (), {})()
    GraphMachine(
        model=walker,
        states=[state.value for state in table.states],
        transitions=[
            {"trigger": event.name, "source": walk.source, "dest": walk.dest}
            for event in table.machine.events.values()
            for walk in chain.from_iterable(event.transitions.values())
            if walk.source in set(table.states)
        ],
        initial=next(edge.target for edge in table.edges if edge.source is None).value,
        auto_transitions=False,
        graph_engine="mermaid",
    )
    return str(walker.get_graph().source)


def _diagram(table: TransitionTable) -> str:  # type: ignore[type-arg]
    drawn = [line for line in diagram(table).splitlines() if "-->" in line]
    return "```mermaid\nstateDiagram-v2\n" + "\n".join(drawn) + "\n```"


def _edges(table: TransitionTable) -> str:  # type: ignore[type-arg]
    rows = ["| trigger | from | to | by | refused unless |", "|---|---|---|---|---|"]
    for edge in table.edges:
        guards = "; ".join(guard.__name__.replace("_", " ") for guard in edge.guards)
        rows.append(f"| {edge.trigger} | {edge.source or '–'} | {edge.target} | {', '.join(edge.by)} | {guards} |")
    return "\n".join(rows)


def _year() -> str:
    rows = ["| stage | started by | what people see |", "|---|---|---|"]
    labels = {form.name: form.label for form in FORMS}
    for stage in STAGES:
        started = ", ".join(stage.milestones) or "work waiting, or a person"
        rows.append(f"| `{stage.name}` | {started} | {labels[stage.name]} |")
    order = " --> ".join(
        f"{milestone.value}[{milestone.label}]" for milestone in Milestone if not milestone.is_reminder
    )
    return f"```mermaid\nflowchart LR\n  {order}\n```\n\n" + "\n".join(rows)


def _settings() -> str:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default
        rows.append(f"| `GANGCHUANG_{name.upper()}` | `{default}` | {field.description} |")
    return "\n".join(rows).replace("`` |", "empty |").replace("| `` ", "| empty ")


def _environment() -> str:
    lines = []
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default
        lines.append(f"# {field.description}.\n#GANGCHUANG_{name.upper()}={'' if default is None else default}")
    return "\n".join(lines)


def _commands() -> str:
    rows = ["| command | what | when |", "|---|---|---|"]
    for path, command in _walk(typer.main.get_command(app), "gangchuang"):
        help_text = " ".join((command.help or "").split())
        what, _, when = help_text.partition("When: ")
        rows.append(f"| `{path}` | {what.strip()} | {when.strip()} |")
    return "\n".join(rows)


def _forms(forms: Sequence[Form]) -> str:
    rows = ["| 表单 | 要填的 |", "|---|---|"]
    for form in forms:
        schema = form.schema()
        fields = [
            f"{field['title']}{'（必填）' if name in schema['required'] else ''}"
            for name, field in schema["properties"].items()
        ]
        rows.append(f"| {form.label} | {'、'.join(fields)} |")
    return "\n".join(rows)


def _columns() -> str:
    """The columns of a submission; a second organisation, contributor or picture is filled in like the first."""
    rows = ["| 列 | 怎样填 |", "|---|---|"]
    for column in submission_columns(load_season(2026, ROOT)):
        if not re.search(r"\.[1-9]\d*\.", column.key):
            choices = f"：{'、'.join(column.choices)}" if column.choices else ""
            rows.append(f"| {column.heading}{'（必填）' if column.required else ''} | {column.hint}{choices} |")
    return "\n".join(rows)


def _walk(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    children = getattr(command, "commands", None)
    if children is None:
        return [(path, command)]
    return [found for name, child in children.items() for found in _walk(child, f"{path} {name}")]


def _steps() -> str:
    edges, of_objections = (
        [
            (str(edge.trigger), edge.source.value if edge.source else "", edge.target.value, " ".join(_roles(edge)))
            for table in tables
            for edge in table.edges
        ]
        for tables in ((CALL, SUBMISSION), (OBJECTION,))
    )
    notes = [word for word in Trigger if word not in {*CALL.triggers, *SUBMISSION.triggers}]
    outcomes = [(outcome.value, " ".join(states), " ".join(roles)) for outcome, (states, roles) in OUTCOMES.items()]
    lines = [
        "# Who may take which step: trigger, from, to, roles.",
        *_written_out("STEPS", edges),
        "# The same of objections, whose steps are noted in the history of what they are about.",
        *_written_out("OBJECTION_STEPS", of_objections),
        "# What may be noted without moving anything; since format 2 there is no other word.",
        *_written_out("NOTES", [word.value for word in notes]),
        "# What an archived submission may be archived as: outcome, from which states, by which roles.",
        *_written_out("OUTCOMES", outcomes),
    ]
    return "\n".join(lines)


def _roles(edge: Edge[Any]) -> list[Role]:
    """Whoever archives does so with an outcome, and that is not everybody's word."""
    theirs = {role for states, roles in OUTCOMES.values() if edge.source in states for role in roles}
    return [role for role in edge.by if role in theirs or edge.trigger is not Trigger.ARCHIVE]


def _written_out(name: str, items: Sequence[object]) -> list[str]:
    return [f"{name} = (", *("    " + repr(item).replace("'", '"') + "," for item in items), ")"]


def _stages() -> str:
    modules = " | ".join(stage.flow.fn.__module__.removeprefix("flows.") for stage in (*STAGES, *BY_HAND))
    return '    """' + " \\\n    ".join(textwrap.wrap(modules, 112)) + '""",'


PARTS: dict[Path, dict[str, Callable[[], str]]] = {
    ROOT / "README.md": {
        "year": _year,
        "submission": lambda: f"{_diagram(SUBMISSION)}\n\n{_edges(SUBMISSION)}",
        "call": lambda: f"{_diagram(CALL)}\n\n{_edges(CALL)}",
        "objection": lambda: f"{_diagram(OBJECTION)}\n\n{_edges(OBJECTION)}",
        "commands": _commands,
        "settings": _settings,
    },
    ROOT / "docs" / "办公室手册.md": {
        "decisions": lambda: _forms([form for form in FORMS if form.label.startswith("A")]),
        "questions": lambda: _forms(consult.FORMS),
    },
    ROOT / "docs" / "区县手册.md": {"columns": _columns},
    ROOT / "config" / "deploy" / "gangchuang.env": {"settings": _environment},
    ROOT / "states" / "history" / "verify_history.py": {"steps": _steps},
    ROOT / "pyproject.toml": {"stages": _stages},
}


def main() -> int:
    for path in PARTS:
        path.write_text(written(path), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
