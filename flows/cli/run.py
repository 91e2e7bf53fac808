"""Commands that run the year."""

import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from config.errors import GangchuangError
from flows.cli.installation import Year, acted


class UnknownStage(GangchuangError):
    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        super().__init__(f"There is no stage {name!r}. Stages, in the order of the year: {', '.join(known)}.")


class StageNotDue(GangchuangError):
    def __init__(self, stage: str, season: int, explanation: str) -> None:
        self.stage, self.season = stage, season
        super().__init__(
            f"{stage} {season}: {explanation}. `gangchuang status {season}` tells what is due, "
            "`gangchuang move` changes a date."
        )


def demo(
    exit_when_done: Annotated[
        bool, typer.Option("--exit", help="end at once instead of keeping the dashboard up")
    ] = False,
) -> None:
    """Play a whole season with simulated people on a stepped clock, in front of you.

    When: to see the system, to show it, to try a change. It uses a home of its own below the home folder.
    """
    from flows.demo.playing import play_demo

    sys.exit(play_demo(exit_when_done=exit_when_done))


def serve() -> None:
    """Run everything: Prefect server (or an existing one, by PREFECT_API_URL), worker and clock, until SIGTERM.

    When: all year, as a service. It may be stopped and started at any time.
    """
    from config.settings import settings
    from flows.engine.supervisor import supervise

    own = settings()
    own.folder()
    _apart(lambda: importlib.import_module("flows.stage").open_database(own.database))
    sys.exit(supervise(own))


def worker() -> None:
    """Run one more worker for a home on PostgreSQL whose `serve` runs here or on another host, until SIGTERM.

    When: as a service beside `serve`, where one worker is not enough; docs/多台机器.md says when and how.
    """
    from config.settings import settings
    from flows.engine.supervisor import work_along

    sys.exit(work_along(settings()))


def _apart(work: Callable[[], object]) -> None:
    """Do something in a process of its own: what it loads would stay for the year in the one that only watches."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except GangchuangError as problem:
            print(f"gangchuang: {problem}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended:
        sys.exit(ended)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise typer.BadParameter(f"{text!r} is not of the form name=value")
    return name, value


def run(
    stage: Annotated[str, typer.Argument(help="the stage's name, as in flows/year.py; a wrong one lists them all")],
    season: Year,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would happen, change nothing")] = False,
    parameter: Annotated[list[str] | None, typer.Option("--set", help="a further parameter, name=value")] = None,
) -> None:
    """Run one stage now, here, without the dashboard; safe at any time: early, late or twice.

    When: to look ahead (--dry-run), or when Prefect is away and a milestone is due.
    """
    year = importlib.import_module("flows.year")
    found = year.stage_named(stage)
    if found is None:
        raise UnknownStage(stage, [known.name for known in year.STAGES])
    extra = found.typed(dict(_pair(assignment) for assignment in parameter or []))
    result = acted(found.flow, season=season, dry_run=dry_run, **extra)
    typer.echo(json.dumps(result, ensure_ascii=False, indent=2, default=str))
    if result["outcome"] == "not_due":
        raise StageNotDue(found.name, season, result["explanation"])
