"""Between Prefect and a stage: the flow around a stage's body, its instant, its artifact."""

import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from prefect import flow
from sqlalchemy import Engine

from config.milestones import Milestone
from config.settings import settings
from flows.engine.artifacts import current_flow_run_id, outcome, plain
from flows.stage import Ending, Result, Run, StageFailed, play
from models.database import make_engine
from states.identity import bring_up

log = logging.getLogger("gangchuang.stage")

# Stages are idempotent and the clock starts them again; Prefect's own retries would hide failures.
stage_flow = partial(flow, retries=0, persist_result=False, validate_parameters=True)


@lru_cache
def open_database(url: str) -> Engine:
    """The process's engine, its schema brought to this version. Raises DatabaseTooNew or DatabaseUnreachable."""
    engine = make_engine(url)
    bring_up(engine)
    return engine


def perform(
    stage: str,
    season: int,
    body: Callable[[Run], Ending],
    *,
    milestone: Milestone | None = None,
    unit: str = "",
    ordinal: int = 1,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Play a stage now, with the installation's settings, and show what it did as an artifact."""
    own = settings()
    own.folder()
    at = own.clock.now()
    try:
        result = play(
            stage,
            season,
            body,
            engine=open_database(own.database),
            settings=own,
            at=at,
            milestone=milestone,
            unit=unit,
            ordinal=ordinal,
            dry_run=dry_run,
            flow_run=current_flow_run_id(),
        )
    except StageFailed as failed:
        result = Result(stage, season, "failed", at, tuple(failed.lines.items()), str(failed))
        outcome(as_markdown(result), key=f"{stage}-{season}".replace("_", "-"))
        raise
    for sentence in (f"{stage} {season}: {result.outcome}", *result.sentences()):
        log.info("%s", sentence)
    outcome(as_markdown(result), key=f"{stage}-{season}".replace("_", "-"))
    return {"outcome": result.outcome, "explanation": result.explanation, **dict(result.lines)}


def as_markdown(result: Result) -> str:
    """A stage's result as a table for the dashboard."""
    head = f"## {result.stage} · {result.season}\n\n**{result.outcome}** · {result.at:%Y-%m-%d %H:%M} UTC\n\n"
    rows = "".join(f"| {plain(name)} | {plain(value)} |\n" for name, value in result.lines)
    table = f"| | |\n|---|---|\n{rows}\n" if rows else ""
    return head + (f"{plain(result.explanation)}\n\n" if result.explanation else "") + table
