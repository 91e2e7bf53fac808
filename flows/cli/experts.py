"""Commands about the experts' pool."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import GangchuangError
from flows.cli.installation import ActingOfficer, AsJson, Year, opened, print_json, print_result

if TYPE_CHECKING:
    from states.panel.pool import PoolMember

app = typer.Typer(help="The experts' pool: bring it in, look at it.", no_args_is_help=True)


class PoolFileRefused(GangchuangError):
    def __init__(self, file: Path, problems: list[str]) -> None:
        self.file, self.problems = file, problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{file} brings no expert; nothing was changed.\n{lines}")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="the filled pool workbook (专家库) that was issued to the office")],
    season: Year,
    officer_name: ActingOfficer,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, change nothing")] = False,
) -> None:
    """Bring the experts' pool in from a workbook, and say what changed: new, field by field, not listed, expiring.

    When: in spring, and whenever an expert joins, changes post, signs the statement or declares a conflict.
    The same workbook may be put into inbox/office/ instead.
    """
    from flows.home import paths
    from flows.intake.deliveries import take_by_hand
    from flows.kinds.experts import change_lines, put_into_inbox
    from flows.kinds.table import read_delivery
    from flows.run import Ending, Run
    from models.enums import Trigger
    from models.forms import ExpertForm
    from states.officers import officer
    from states.panel.pool import pool_changes
    from states.transitions import note_call

    here = opened()
    lines: list[str] = []
    problems: list[str] = []

    def importing(run: Run) -> Ending:
        acting = officer(run.season, officer_name)
        key = run.settings.signing_key()
        read = read_delivery(file, season=run.season, sender=paths.OFFICE, key=key, newest_issue=None)
        forms = [row.form for row in read.rows if isinstance(row.form, ExpertForm)]
        problems.extend(f"{problem.sheet} {problem.cell or ''}: {problem.message}" for problem in read.all_problems)
        if not forms:
            raise PoolFileRefused(file, problems or ["it holds no row of an expert"])
        with run.step() as session:
            note_call(session, season, Trigger.IMPORT_BY_HAND, run.act.by(acting), facts={"rows": len(forms)})
            lines.extend(change_lines(pool_changes(session, run.season, forms)))
        lines.extend(f"退回：{problem}" for problem in problems)
        source = file if run.dry_run else put_into_inbox(run, file)
        take_by_hand(run, paths.OFFICE, source)
        return Ending()

    if not file.is_file():
        raise PoolFileRefused(file, ["there is no such file"])
    result = here.play("import_experts", season, importing, dry_run=dry_run)
    for line in lines:
        typer.echo(line)
    print_result({"outcome": result.outcome, **dict(result.lines)})
    if problems:
        sys.exit(1)


@app.command("list")
def list_pool(season: Year, as_json: AsJson = False) -> None:
    """List the pool: who may be drawn this season, who may not and why, and who stayed away before.

    When: before the draw; after an import; when a reserve is to be found.
    """
    from rich.console import Console
    from rich.table import Table

    from models.queries import season_in_force
    from states.panel.pool import pool_members

    here = opened()
    with here.reading() as session:
        standings = pool_members(session, season_in_force(session, season), here.at)
        rows = [_row(standing) for standing in standings]
    if as_json:
        print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return
    table = Table(title=f"experts' pool, season {season}")
    for heading in ("id", "name 姓名", "organisation 单位", "fields 领域", "title 职称", "valid until", "signed"):
        table.add_column(heading, overflow="fold")
    for heading in ("this season", "unexcused absences"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    drawable = sum(not standing.problem for standing in standings)
    typer.echo(f"{len(standings)} expert(s), {drawable} of them may be drawn")


_COLUMNS = (
    "id",
    "name",
    "organisation",
    "fields",
    "title",
    "valid_until",
    "signed",
    "this_season",
    "unexcused_absences",
)


def _row(standing: PoolMember) -> tuple[str, ...]:
    expert = standing.expert
    absent = [str(year) for year, was in standing.absences.items() if was]
    return (
        expert.id,
        expert.name,
        expert.organisation,
        expert.fields,
        expert.title,
        str(expert.valid_until or ""),
        str(expert.statement_on or ""),
        standing.seat.label if standing.seat else standing.problem or "may be drawn",
        f"{len(absent)} ({', '.join(absent)})" if absent else "0",
    )
