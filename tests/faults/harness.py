"""Chooses kill points, carries the trials out in parallel, and prints the table."""

import json
import os
import pickle
import random
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from tests.faults import compare
from tests.faults.points import KINDS
from tests.faults.recording import Recording, Setting, record, worker_threads
from tests.faults.season import fix_chance
from tests.faults.sink import a_sink
from tests.faults.stores import Store
from tests.faults.trials import Kill, Outcome, Trial, in_fork, removed, undertake
from tests.support.databases import Postgres

_PATIENCE_SECONDS = 600


def every_point(recording: Recording) -> list[Kill]:
    """Each point of the season, in order."""
    return [
        Kill(index, number, what=what)
        for index, move in enumerate(recording.moves)
        for number, what in enumerate(move.heard, start=1)
    ]


def _by_kind(recording: Recording) -> dict[str, list[Kill]]:
    found: dict[str, list[Kill]] = {}
    for kill in every_point(recording):
        found.setdefault(kill.kind, []).append(kill)
    return found


def _on_disk(kinds: Mapping[str, list[Kill]]) -> list[Kill]:
    """Where a disk that is full from here on makes a difference: before each write, in order."""
    kills = [kill for kind in ("commit", "file", "mail") for kill in kinds.get(kind, ())]
    return sorted((kill for kill in kills if " before" in kill.what), key=lambda kill: (kill.move, kill.number))


def spread(recording: Recording, wanted: int) -> list[Trial]:
    """The same trials every time: an even share of each kind over the whole season, every stage among them."""
    kinds = _by_kind(recording)
    instants = full = wanted // 10
    each = -(-(wanted - instants - full) // max(len(kinds), 1))
    chosen = [kill for kills in kinds.values() for kill in _evenly(kills, each)][: wanted - instants - full]
    chosen += _instants(recording, random.Random(0), instants)
    chosen += [replace(kill, full=True) for kill in _evenly(_on_disk(kinds), full)]
    return [
        Trial(
            ordinal,
            kill,
            later=ordinal % 2 == 1,
            again=_again(ordinal, kill) if ordinal % 5 == 4 else 0,
            to_the_end=ordinal % 25 == 0,
        )
        for ordinal, kill in enumerate(chosen)
    ]


def at_random(recording: Recording, wanted: int, seed: int) -> list[Trial]:
    """Trials drawn from a seed: all kinds alike, second faults, time passing or not."""
    rng, kinds = random.Random(seed), _by_kind(recording)
    chosen = []
    for _ in range(wanted):
        kind = rng.choice([*kinds, "instant", "full"])
        if kind == "instant":
            chosen += _instants(recording, rng, 1)
        elif kind == "full":
            chosen.append(replace(rng.choice(_on_disk(kinds)), full=True))
        else:
            chosen.append(rng.choice(kinds[kind]))
    return [
        Trial(
            ordinal,
            kill,
            later=rng.random() < 0.5,
            again=rng.randint(1, 60) if rng.random() < 0.25 else 0,
            to_the_end=rng.random() < 0.03,
        )
        for ordinal, kill in enumerate(chosen)
    ]


def carry_out(setting: Setting, recording: Recording, trials: Sequence[Trial], *, jobs: int) -> Iterator[Outcome]:
    """Every trial in a process of its own, `jobs` at once."""
    results = setting.store.folder / "results"
    results.mkdir(exist_ok=True)
    waiting, running = list(reversed(trials)), dict[int, Trial]()
    while waiting or running:
        while waiting and len(running) < jobs:
            trial = waiting.pop()
            running[in_fork(lambda trial=trial: _in_process(setting, recording, trial, results))] = trial
        pid, status = os.wait()
        if pid in running:
            yield _outcome_of(setting, recording, running.pop(pid), results, status)


def table(outcomes: Iterable[Outcome]) -> str:
    """What was tried and what came of it, a line for each kind of point."""
    outcomes = list(outcomes)
    heads = ("kind", "tried", "well", "lost", "doubled", "bent", "stuck", "missed", "mails twice", "drafts left")
    lines = [heads]
    for kind in (*[kind for kind in KINDS if any(outcome.kind == kind for outcome in outcomes)], "all"):
        own = [outcome for outcome in outcomes if kind in ("all", outcome.kind)]
        ways = Counter(outcome.way for outcome in own)
        numbers = (
            len(own),
            sum(outcome.is_well for outcome in own),
            sum(outcome.lost for outcome in own),
            sum(outcome.doubled for outcome in own),
            sum(outcome.bent + outcome.findings for outcome in own),
            ways["stuck"] + ways["failed"],
            ways["not_reached"],
            sum(outcome.mails_again for outcome in own),
            sum(outcome.drafts for outcome in own),
        )
        lines.append((kind, *map(str, numbers)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join("  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True)) for line in lines)


@contextmanager
def setting_of(*, database: str, mail: str) -> Iterator[Setting]:
    """A setting with its servers running and its folder empty. `database`: sqlite or postgresql; `mail`: files or smtp."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gangchuang-faults-")))
        server = None
        if database == "postgresql":
            server = Postgres()
            stack.callback(server.remove)
            server.start()
        url = stack.enter_context(a_sink(folder / "mails")) if mail == "smtp" else ""
        yield Setting(Store(folder, server), url, folder / "mails" if url else None)


def get_ready() -> None:
    """Import and fix everything once; from here on processes are forked."""
    fix_chance()
    from sqlalchemy.orm import configure_mappers

    configure_mappers()
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert worker_threads() == 1, f"this process has other threads and must not be forked: {others}"


def recorded(setting: Setting) -> Recording:
    """The undisturbed season, played in a fork: this process opens no database and starts no thread."""
    kept = setting.store.folder / "recording.pickle"

    def play() -> None:
        recording = record(setting)
        kept.write_bytes(pickle.dumps((recording, compare.seen)))

    _, status = os.waitpid(in_fork(play), 0)
    assert status == 0, "the undisturbed season did not come to its end"
    recording, seen = pickle.loads(kept.read_bytes())
    compare.seen.update(seen)
    assert isinstance(recording, Recording)
    return recording


def _in_process(setting: Setting, recording: Recording, trial: Trial, results: Path) -> None:
    signal.alarm(_PATIENCE_SECONDS)
    begun = perf_counter()
    outcome = undertake(setting, recording, trial)
    kept = outcome.as_json() | {"seconds": perf_counter() - begun}
    (results / f"{trial.ordinal}.json").write_text(json.dumps(kept), "utf-8")


def _outcome_of(setting: Setting, recording: Recording, trial: Trial, results: Path, status: int) -> Outcome:
    removed(setting, trial)
    kept = results / f"{trial.ordinal}.json"
    if status or not kept.exists():
        move = recording.moves[trial.kill.move].name
        return Outcome(trial.ordinal, trial.kill.kind, trial.kill.what, move, "failed", lines=(f"status {status}",))
    values = json.loads(kept.read_text("utf-8"))
    values.pop("seconds")
    return Outcome(**{**values, "lines": tuple(values["lines"])})


def _evenly(kills: Sequence[Kill], wanted: int) -> list[Kill]:
    if len(kills) <= wanted:
        return list(kills)
    return [kills[(2 * turn + 1) * len(kills) // (2 * wanted)] for turn in range(wanted)]


def _instants(recording: Recording, rng: random.Random, wanted: int) -> list[Kill]:
    """Kills after some share of a move's time, wherever the process then is."""
    moves = [index for index, move in enumerate(recording.moves) if move.heard]
    return [Kill(rng.choice(moves), share=rng.random(), what="instant") for _ in range(wanted)]


def _again(ordinal: int, kill: Kill) -> int:
    return 1 + (7 * ordinal + kill.number) % 40
