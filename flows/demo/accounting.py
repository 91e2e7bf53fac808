"""Where the time of a demo went: to stages' bodies, to the people, or to the engine that carries them.

All in real seconds. The engine's share is the time in which neither a stage's body nor the
people of the demo were at work: its start, and the waiting for runs to begin and to end.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

Span = tuple[float, float]


@dataclass
class Account:
    """One demo's account; `born` and the spans of `worked` are monotonic seconds."""

    boot_seconds: float = 0.0
    born: float = field(default_factory=monotonic)
    worked: list[Span] = field(default_factory=list)

    @contextmanager
    def working(self) -> Iterator[None]:
        """The people are at work meanwhile."""
        begun = monotonic()
        try:
            yield
        finally:
            self.worked.append((begun, monotonic()))

    def elapsed(self) -> float:
        """Seconds since the play began, without the engine's start."""
        return monotonic() - self.born

    def engine_seconds(self, bodies: Iterable[tuple[datetime, datetime]], *, now: float, elapsed: float) -> float:
        """What was the engine's of boot and play.

        `bodies` are the wall-clock spans of the stages' bodies; `now` is the wall clock's epoch second
        at the end of the play and `elapsed` its length, which lay both clocks side by side.
        """
        begin = now - elapsed
        spans = [(start.timestamp() - begin, end.timestamp() - begin) for start, end in bodies]
        spans += [(start - self.born, end - self.born) for start, end in self.worked]
        return self.boot_seconds + elapsed - covered(spans, elapsed)


def covered(spans: Iterable[Span], length: float) -> float:
    """Seconds of 0..length that at least one span covers."""
    total, reached = 0.0, 0.0
    for start, end in sorted(spans):
        start, end = max(start, reached), min(end, length)
        if end > start:
            total += end - start
            reached = end
    return total
