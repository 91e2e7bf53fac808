"""The undisturbed season: played once, with a copy of the home and the list of kill points before every move."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from tests.faults import points
from tests.faults.compare import Picture, take_picture
from tests.faults.season import LATER, STEP, Move, Player, enter, prepare
from tests.faults.sink import mails_below
from tests.faults.stores import Store

# The database's clock goes on by so much between two processes: whatever a dead one held has run out.
PAUSE_SECONDS = 7200.0
RECORDED = "recorded"


@dataclass(frozen=True)
class Recorded:
    """One move of the undisturbed season."""

    name: str
    heard: tuple[str, ...]
    seconds: float
    mails: int
    pictures: Mapping[bool, Picture] = field(default_factory=dict)

    @property
    def is_step(self) -> bool:
        return self.name.startswith(STEP)


@dataclass(frozen=True)
class Recording:
    """All moves, and how the season stands at its end; `pictures` by whether they were taken roughly."""

    moves: tuple[Recorded, ...]
    end: Mapping[bool, Picture]
    failures: tuple[str, ...]

    def next_step(self, move: int) -> int | None:
        """The first move after `move` that steps the season's time; None when it ends before."""
        return next((index for index in range(move, len(self.moves)) if self.moves[index].is_step), None)


@dataclass(frozen=True)
class Setting:
    """How a season is played: its store, its mail server if any, whether Prefect is real."""

    store: Store
    smtp_url: str = ""
    mails: Path | None = None
    prefect_url: str = ""

    def enter(self, name: str, *, later: float) -> None:
        """Make this process one of the home of that name."""
        sender = f"{name.replace('_', '-')}@example.invalid" if self.smtp_url else ""
        enter(
            self.store.home(name),
            GANGCHUANG_DATABASE_URL=self.store.url(name),
            GANGCHUANG_SMTP_URL=self.smtp_url,
            **{LATER: str(later)},
            **({"GANGCHUANG_MAIL_FROM": sender} if sender else {}),
        )

    def mails_of(self, name: str, *, roughly: bool = False) -> list[tuple[str, str]]:
        """What the mail server took from a home, in order; nothing when mail goes into files."""
        folder = self.mails / f"{name.replace('_', '-')}@example.invalid" if self.mails else None
        return mails_below(folder, roughly) if folder else []

    def player(self) -> Player:
        return Player()


def snapshot(move: int) -> str:
    return f"move{move}"


def record(setting: Setting) -> Recording:
    """Play the season once, undisturbed, in this process. Leaves a copy of the home before every move of ours."""
    store = setting.store
    prepare(store.home(RECORDED))
    store.make(RECORDED)
    moves: list[Recorded] = []
    failures: list[str] = []
    while True:
        setting.enter(RECORDED, later=len(moves) * PAUSE_SECONDS)
        player = setting.player()
        move = player.next_move()
        if move is None:
            break
        moves.append(_record_move(setting, player, move, len(moves)))
        failures += player.failures
    end = _pictures(player, store.home(RECORDED))
    player.leave()
    return Recording(tuple(moves), end, tuple(failures))


def _record_move(setting: Setting, player: Player, move: Move, index: int) -> Recorded:
    home = setting.store.home(RECORDED)
    pictures = _pictures(player, home) if move.name.startswith(STEP) else {}
    player.leave()
    if move.ours:
        setting.store.copy(RECORDED, snapshot(index))
    mails = len(setting.mails_of(RECORDED))
    heard: list[str] = []
    points.arm(heard=heard, home=home)
    begun = perf_counter()
    if move.ours:
        move.make()
    else:
        with points.unheard():
            move.make()
    seconds = perf_counter() - begun
    points.disarm()
    player.leave()
    return Recorded(move.name, tuple(heard), seconds, mails, pictures)


def _pictures(player: Player, home: Path) -> dict[bool, Picture]:
    return {roughly: take_picture(player.engine, home, roughly=roughly) for roughly in (False, True)}


def worker_threads() -> int:
    """Threads of this process as the kernel counts them: more than one, and it must not be forked."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names are all that is wanted
