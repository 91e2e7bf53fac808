"""How a stage becomes a flow that costs little."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from prefect import Flow, flow

P = ParamSpec("P")
R = TypeVar("R")


def stage_flow(*, name: str, **options: Any) -> Callable[[Callable[P, R]], Flow[P, Coroutine[Any, Any, R]]]:
    """Make a flow of a synchronous function; `flow.fn.__wrapped__` is the function itself.

    The flow is asynchronous only so that Prefect does not wait up to a second for its
    heartbeat thread at the end of every run. The body blocks the event loop, which carries
    nothing else; heartbeats have a thread of their own, and SIGTERM interrupts the body at once.
    """

    def declare(body: Callable[P, R]) -> Flow[P, Coroutine[Any, Any, R]]:
        @functools.wraps(body)
        async def play(*arguments: P.args, **named: P.kwargs) -> R:
            return body(*arguments, **named)

        return flow(name=name, retries=0, persist_result=False, **options)(play)

    return declare
