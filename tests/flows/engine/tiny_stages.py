"""Stages of a few lines, to try the engine with."""

import logging
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefect import flow

from config.errors import GangchuangError
from flows.engine.artifacts import current_flow_run_id, outcome, progress
from flows.engine.forms import Field, Form
from flows.engine.tasks import PieceKind, in_task
from models.database import DatabaseBusy

log = logging.getLogger("gangchuang.stage")


@flow(name="tiny", persist_result=False)
def tiny(season: int, dry_run: bool = False, tasks: int = 0) -> dict[str, Any]:
    """Does nothing and shows it, with as many tasks as asked."""
    for number in range(tasks):
        in_task(PieceKind.TEMPLATE, f"{number}", int)
    for done in range(1, 4):
        progress(done, 3, key=f"tiny-{season}-progress")
    log.info("39 letters were written")
    outcome("| units | letters |\n|---|---|\n| 39 | 39 |\n", key=f"tiny-{season}")
    return {"run": current_flow_run_id()}


@flow(name="slow", persist_result=False)
def slow(season: int, where: str, seconds: float = 120.0) -> int:
    """Leaves its process id in a file and takes its time, or until the file is gone."""
    Path(where).write_text(str(os.getpid()), "utf-8")
    end = time.monotonic() + seconds
    while time.monotonic() < end and Path(where).exists():
        time.sleep(0.1)
    return season


@flow(name="dying", persist_result=False)
def dying(season: int, where: str) -> int:
    """Is killed the first time it runs; the second time it ends well."""
    if not Path(where).exists():
        Path(where).write_text(current_flow_run_id(), "utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
    return season


@flow(name="lonely", persist_result=False)
def lonely(where: str) -> None:
    """Runs without any worker."""
    Path(where).write_text(current_flow_run_id(), "utf-8")
    time.sleep(300)


@flow(name="pieces", persist_result=False)
def pieces(where: str) -> None:
    """Three pieces: one passes at the second try, one is refused at once, one may run only beside one other."""
    tries: list[str] = []

    def busy() -> None:
        tries.append("busy")
        if tries.count("busy") < 2:
            raise DatabaseBusy("locked")

    def refused() -> None:
        tries.append("refused")
        raise GangchuangError("it is not yours")

    in_task(PieceKind.TEMPLATE, "500101", busy)
    with suppress(GangchuangError):
        in_task(PieceKind.DELIVERY, "500102/报表{1}.xlsx", refused)
    in_task(PieceKind.LETTERS, "第1批", lambda: tries.append("letters"))
    Path(where).write_text(" ".join(tries), "utf-8")


_PLACE = Field("位置 where", "A file.")
_SECONDS = Field("秒 seconds", "How long.", {"type": "number"})
_YEAR = Field("年度 season", "A year.", {"type": "integer"})
_TASKS = Field("分步 tasks", "How many.", {"type": "integer"})

FORMS = (
    Form(
        "tiny",
        "示例小步",
        tiny,
        "Does nothing and shows it.",
        fields={"season": _YEAR, "tasks": _TASKS},
        label="示例小步 Tiny",
    ),
    Form(
        "slow",
        "示例慢步",
        slow,
        "Takes its time.",
        fields={"season": _YEAR, "where": _PLACE, "seconds": _SECONDS},
        label="示例慢步 Slow",
    ),
    Form(
        "dying",
        "示例死步",
        dying,
        "Is killed once.",
        fields={"season": _YEAR, "where": _PLACE},
        label="示例死步 Dying",
    ),
    Form("pieces", "示例分步", pieces, "Has tasks.", fields={"where": _PLACE}, label="示例分步 Pieces"),
)
