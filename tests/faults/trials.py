"""One trial: a home as it stood before a move, a process killed in it, others that play on; and what became of it."""

import logging
import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from config.clock import step_to
from models.database import reading
from states.audit.invariants import broken_invariants
from states.audit.verify import verify
from tests.faults import points
from tests.faults.compare import Picture, compare_mails, take_picture
from tests.faults.recording import PAUSE_SECONDS, RECORDED, Recording, Setting, snapshot
from tests.faults.season import Player

LATER_IN_SEASON = timedelta(seconds=61)
_MOST_LINES = 12
_NOT_KILLED, _CAME_TO_ITS_END = 77, 78


@dataclass(frozen=True)
class Kill:
    """Where to kill: at the n-th point of a move, or (`instant`) after a share of the move's time.

    `full`: the process is not killed; from that point on its disk takes nothing more.
    """

    move: int
    number: int = 0
    share: float = 0.0
    what: str = ""
    full: bool = False

    @property
    def kind(self) -> str:
        return "full" if self.full else self.what.partition(" ")[0]


@dataclass(frozen=True)
class Trial:
    """One kill, perhaps a second one while things are put right; perhaps some time passes in between."""

    ordinal: int
    kill: Kill
    again: int = 0
    later: bool = False
    to_the_end: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a trial. `way`: rejoined, same, different, stuck, not_reached, failed."""

    ordinal: int
    kind: str
    what: str
    move: str
    way: str
    lost: int = 0
    doubled: int = 0
    bent: int = 0
    mails_again: int = 0
    drafts: int = 0
    findings: int = 0
    lines: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        return self.way in ("rejoined", "same") and not (self.lost or self.doubled or self.bent or self.findings)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def undertake(setting: Setting, recording: Recording, trial: Trial) -> Outcome:
    """Carry one trial out, in this process and in forks of it."""
    move = recording.moves[trial.kill.move]
    name = f"trial{trial.ordinal}"
    told = (trial.ordinal, trial.kill.kind, trial.kill.what, move.name)
    setting.store.copy(snapshot(trial.kill.move), name)
    later = trial.kill.move * PAUSE_SECONDS
    try:
        if not _killed(setting, name, later, recording, trial.kill):
            return Outcome(*told, "not_reached")
        if trial.again:
            later += PAUSE_SECONDS
            _killed(setting, name, later, recording, Kill(trial.kill.move, trial.again))
        return _carry_on(setting, recording, trial, name, told, later + PAUSE_SECONDS)
    except Exception:  # whatever happened is the trial's outcome
        return Outcome(*told, "stuck", lines=tuple(traceback.format_exc().splitlines()[-_MOST_LINES:]))


def in_fork(work: Callable[[], None]) -> int:
    """The process id of a fork that does some work and ends."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def _killed(setting: Setting, name: str, later: float, recording: Recording, kill: Kill) -> bool:
    """Start the move in a process that is killed, or whose disk is full; whether it came to that."""
    move = recording.moves[kill.move]

    def begin() -> None:
        logging.disable(logging.CRITICAL)
        setting.enter(name, later=later)
        player = setting.player()
        move = player.next_move()
        points.arm(**{"full_at" if kill.full else "kill_at": kill.number}, home=setting.store.home(name))
        with suppress(Exception if kill.full else ()):  # a full disk may be any kind of failure
            if move is not None:
                move.make()
        os._exit(_CAME_TO_ITS_END if kill.full and points.passed() >= kill.number else _NOT_KILLED)

    pid = in_fork(begin)
    if not kill.number:
        time.sleep(kill.share * move.seconds)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.waitstatus_to_exitcode(status) not in (_NOT_KILLED, _CAME_TO_ITS_END):
        raise RuntimeError(f"the process ended with {status} before it could be killed")
    return os.waitstatus_to_exitcode(status) == _CAME_TO_ITS_END or not kill.number


def _carry_on(
    setting: Setting, recording: Recording, trial: Trial, name: str, told: tuple[int, str, str, str], later: float
) -> Outcome:
    """Play on to where the recorded season steps on, compare there; if they differ, at the end."""
    logging.disable(logging.CRITICAL)
    home = setting.store.home(name)
    setting.enter(name, later=later)
    player = setting.player()
    if trial.later:
        step_to(home, player.own.clock.now() + LATER_IN_SEASON)
    meeting = recording.next_step(trial.kill.move)
    if meeting is not None and not trial.to_the_end:
        _play_until(player, recording.moves[meeting].name)
        there = recording.moves[meeting].pictures[trial.later]
        outcome = _compared(setting, recording, trial, name, told, "rejoined", player, there, meeting)
        if outcome.is_well:
            return outcome
    player.play()
    return _compared(setting, recording, trial, name, told, "same", player, recording.end[trial.later], None)


def _play_until(player: Player, name: str) -> None:
    while (move := player.next_move()) is not None and move.name != name:
        move.make()


def _compared(
    setting: Setting,
    recording: Recording,
    trial: Trial,
    name: str,
    told: tuple[int, str, str, str],
    way: str,
    player: Player,
    there: Picture,
    meeting: int | None,
) -> Outcome:
    home = setting.store.home(name)
    here = take_picture(player.engine, home, roughly=trial.later)
    lines = there.differences(here)
    mail_lines, again = _mails(setting, recording, trial, name, meeting)
    lines += mail_lines
    with reading(player.engine) as session:
        findings = [f"! verify {finding}" for finding in verify(session)]
        findings += [f"! doctor {violation}" for violation in broken_invariants(session, home)]
    marks = [line[0] for line in lines]
    return Outcome(
        *told,
        way if not lines else "different",
        marks.count("-"),
        marks.count("+"),
        marks.count("~"),
        again,
        len(here.drafts),
        len(findings),
        tuple((findings + lines)[:_MOST_LINES]),
    )


def _mails(
    setting: Setting, recording: Recording, trial: Trial, name: str, meeting: int | None
) -> tuple[list[str], int]:
    """The mails since the copy was taken, against those of the undisturbed season in the same time."""
    recorded = setting.mails_of(RECORDED, roughly=trial.later)
    until = len(recorded) if meeting is None else recording.moves[meeting].mails
    return compare_mails(
        recorded[recording.moves[trial.kill.move].mails : until], setting.mails_of(name, roughly=trial.later)
    )


def removed(setting: Setting, trial: Trial) -> None:
    setting.store.remove(f"trial{trial.ordinal}")


__all__ = ["Kill", "Outcome", "Path", "Trial", "in_fork", "removed", "undertake"]
