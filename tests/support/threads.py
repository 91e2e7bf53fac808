"""Many do the same thing at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models.database import make_engine, writing

Answer = TypeVar("Answer")


def at_once(work: Callable[[int], Answer], count: int = 20) -> tuple[list[Answer], list[Exception]]:
    """Let `count` threads begin together: what those who came through returned, and what the others raised."""
    barrier = Barrier(count)

    def attempt(index: int) -> Answer | Exception:
        barrier.wait(timeout=60)
        try:
            return work(index)
        except Exception as problem:  # the test says which ones it expects
            return problem

    with ThreadPoolExecutor(count) as pool:
        ended = list(pool.map(attempt, range(count)))
    through = [answer for answer in ended if not isinstance(answer, Exception)]
    return through, [answer for answer in ended if isinstance(answer, Exception)]


def sessions_at_once(
    engine: Engine, work: Callable[[Session, int], Answer], count: int = 20
) -> tuple[list[Answer], list[Exception]]:
    """`at_once` in transactions of as many connections as there are threads, all open before the first begins."""
    engines = [make_engine(engine.url.render_as_string(hide_password=False)) for _ in range(count)]
    for connected in engines:
        connected.connect().close()

    def transaction(index: int) -> Answer:
        with writing(engines[index]) as session:
            return work(session, index)

    try:
        return at_once(transaction, count)
    finally:
        for connected in engines:
            connected.dispose()
