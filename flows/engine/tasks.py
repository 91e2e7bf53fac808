"""A piece of a stage as a task of Prefect: to be watched, and tried again where what failed may pass.

Outside a flow run a piece is only done: whoever has no server runs the whole stage again. A task is done in the
thread of its flow, so that no session is shared, and its parameters, results and failures stay in this process.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from config.errors import MayPass
from flows.engine.artifacts import current_flow_run_id

Made = TypeVar("Made")

# Seconds before each further try; together far less than a silent stage's lease.
PAUSES = (1.0, 4.0, 15.0)


class PieceKind(StrEnum):
    """What pieces stages have, in the dashboard's words."""

    TEMPLATE = "发放模板"
    VERDICTS = "发放初评表"
    SCORE_SHEET = "发放评分表"
    DELIVERY = "收件"
    INCOMING_MAIL = "收取邮件"
    LETTERS = "发送邮件"
    CERTIFICATES = "制作证书"
    PAGES = "更新网站"


class Tag(StrEnum):
    """What several runs at once share, and Prefect lets only some of them use."""

    MAIL = "gangchuang-mail"
    PDF = "gangchuang-pdf"


TAGS: Mapping[PieceKind, Tag] = MappingProxyType({PieceKind.LETTERS: Tag.MAIL, PieceKind.CERTIFICATES: Tag.PDF})
# A mail server may be asked by two at once; setting a page takes a whole core.
AT_ONCE: Mapping[Tag, int] = MappingProxyType({Tag.MAIL: 2, Tag.PDF: 1})


def may_pass(problem: BaseException | None) -> bool:
    """Whether a failure comes from the database, the disk or a server in need of a moment; never so a refusal."""
    while problem is not None:
        if isinstance(problem, MayPass | OSError):
            return True
        problem = problem.__cause__
    return False


def in_task(kind: PieceKind, subject: str, work: Callable[[], Made], *, patient: bool = True) -> Made:
    """Do a piece of the present flow run, named for its kind and subject; raises what the work raises.

    Who is not patient tries once.
    """
    if not current_flow_run_id():
        return work()
    options: dict[str, Any] = {} if patient else {"retries": 0}
    tags = [TAGS[kind].value] if kind in TAGS else []
    name = f"{kind} {subject}".replace("{", "{{").replace("}", "}}")
    made: Made = _piece().with_options(name=kind.value, task_run_name=name, tags=tags, **options)(work)
    return made


@cache
def _piece() -> Any:
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    @task(
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(PAUSES),
        retry_delay_seconds=[*PAUSES],
        retry_condition_fn=lambda _task, _run, state: may_pass(state.result(raise_on_failure=False)),
    )
    def piece(work: Callable[[], Any]) -> Any:
        return work()

    return piece
