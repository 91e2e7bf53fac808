"""A season played by 1, 2 and 4 workers: Prefect's server on PostgreSQL with Redis messaging.

    python -m tests.benchmarks.bench_workers [--submissions 2000] [--units 400] [--workers 1 2 4] [--until close_call]

Debian's PostgreSQL and Redis, the server, the clock and the first worker as `gangchuang serve` starts them, the others
as `gangchuang worker` does, two slots each and a helper less than slots. The stages are those of bench_year, up to the
one named; submissions, verdicts and scores are put into the database as there. With more than one worker one of
them is killed (SIGKILL) while the call is closed. At the end what became of the season is compared with what one process without a
server made of it: every row and file up to the end of the call, afterwards submissions, ranking, assignments, awards
and the history of each submission (draws and roots hang on secrets of a home, which all share). The record is verified.
`s` is from the instant at which a stage is due until it is settled, its start included; `server s` and `runs' s` are
the processor's seconds meanwhile (of PostgreSQL and Redis none); MB is each process's own and its part of what it
shares (PSS), at its most.
"""

import argparse
import os
import re
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import text

from config.milestones import Milestone
from config.settings import Settings
from flows.engine.environment import FORM_MODULES, HELPING_MODULE
from models import Lease, MilestoneDate
from models.database import make_engine, reading
from models.enums import MilestoneState
from models.schema import upgrade
from states.audit.verify import verify
from tests.benchmarks.bench_idle import memory_of, seconds_of, tree
from tests.benchmarks.bench_year import YEAR, Deed, planned, rules_for, year_of
from tests.faults.compare import Picture, take_picture
from tests.faults.killed_demo import TABLES
from tests.faults.serving import SERVE
from tests.flows.engine import engine_process
from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.support.databases import Postgres
from tests.support.playing import Player
from tests.support.several import (
    FurtherWorkerProcess,
    on_postgresql_and_redis,
    postgres_with_extensions,
    serving_redis,
)

M = Milestone
SLOTS = 2
HASTE = {
    "GANGCHUANG_LEASE_SECONDS": "10",
    "GANGCHUANG_SWEEP_SECONDS": "1",
    "GANGCHUANG_WORKER_SLOTS": str(SLOTS),
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "3",
    "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "3",
}
# What the clock has done beside the two stages: letters sent, the office alerted. Versions are salted anew in each home.
_BESIDE = re.compile(
    r"[~+-] (?:message\b.*(?:state|sent|attempts)|mail |outbox/|mail/|alert|message: .*office/).*"
    r"|~ submission_version [^:]*: salt: '\w+' -> '\w+'; digest: '\w+' -> '\w+'"
)

_SEALED = re.compile(r"(expert:X|sealed:)[0-9a-f]+")


@dataclass
class Home:
    """A home with so many units, on a database of its own."""

    folder: Path
    url: str
    player: Player = field(init=False)

    def __post_init__(self) -> None:
        self.player = Player(Settings(home=self.folder, database_url=self.url), make_engine(self.url), YEAR)

    def plan(self, units: int, submissions: int, keys: Path | None = None) -> None:
        """Plan the season; with the keys of another home its workbooks and its draw are that one's."""
        os.environ["GANGCHUANG_HOME"] = str(self.folder)
        (self.folder / "units").mkdir(parents=True)
        if keys is not None:
            shutil.copytree(keys, self.folder / "keys")
        lines = [f"{600001 + number},示例第{number + 1}区,区,,,," for number in range(units)]
        listed = "\n".join(["code,name,kind,valid_from,valid_to,successor,remark", *lines])
        (self.folder / "units" / "reporting_units.csv").write_text(listed, "utf-8")
        upgrade(self.player.engine)
        planned(self.player, rules_for(submissions))

    def comes_to(self, milestone: Milestone) -> None:
        os.environ["GANGCHUANG_HOME"] = str(self.folder)
        self.player.come_to(milestone)

    def is_settled(self, milestone: Milestone) -> bool:
        with reading(self.player.engine) as session:
            return session.get_one(MilestoneDate, (YEAR, milestone.value, 1, "")).state is MilestoneState.DONE

    def parts_done(self) -> int:
        with reading(self.player.engine) as session:
            parts = session.query(Lease).filter(Lease.name.startswith(f"part/{YEAR}/{M.CLOSE_CALL}/")).all()
            return sum(part.done for part in parts)

    def ended(self) -> "End":
        """What it holds; its record verifies."""
        with reading(self.player.engine) as session:
            assert verify(session) == []
            rows = {name: Counter(map(_unsealed, session.execute(text(query)))) for name, query in TABLES.items()}
        return End(take_picture(self.player.engine, self.folder, roughly=True), rows)


def _unsealed(row: Iterable[object]) -> tuple[object, ...]:
    """A row without what each home seals with secrets of its own: an expert's name, an officer's reason."""
    return tuple(_SEALED.sub(r"\1", value) if isinstance(value, str) else value for value in row)


@dataclass(frozen=True)
class End:
    """What became of a season: everything of the home, and the rows that decide."""

    picture: Picture
    rows: Mapping[str, Counter[tuple[object, ...]]]

    def differences(self, other: "End", *, everything: bool) -> list[str]:
        if everything:
            return [line for line in self.picture.differences(other.picture) if not _BESIDE.fullmatch(line)]
        return [
            f"{sign} {name}: {row}"
            for name, rows in self.rows.items()
            for sign, more in (("-", rows - other.rows[name]), ("+", other.rows[name] - rows))
            for row in more.elements()
        ]


class Watch:
    """The most memory of each kind of process, and the processor's seconds of all of them."""

    def __init__(self, roots: dict[str, int]) -> None:
        self.roots, self.most, self.over = roots, dict[str, float](), threading.Event()
        self.seconds: dict[tuple[str, int], float] = {}

    def look(self) -> None:
        while not self.over.wait(0.5):
            for root, pid in self.roots.items():
                for child, name in tree(pid).items():
                    kind = f"{root}: {name.removeprefix('flows.')}"
                    self.most[kind] = max(self.most.get(kind, 0.0), memory_of(child))
                    self.seconds[kind, child] = max(self.seconds.get((kind, child), 0.0), seconds_of(child))

    def spent(self, of: str) -> float:
        return sum(seconds for (kind, _), seconds in self.seconds.items() if of in kind)


@contextmanager
def served(
    home: Home, workers: int, cluster: Postgres, folder: Path
) -> Iterator[tuple[Watch, list[FurtherWorkerProcess]]]:
    """The whole installation, with so many workers."""
    (folder / "redis").mkdir()
    with serving_redis(folder / "redis") as (redis, _), patch.object(engine_process, "SERVE", SERVE):
        engine = EngineProcess(home.folder, free_port(), f"{FORM_MODULES} {HELPING_MODULE}")
        engine.environment |= on_postgresql_and_redis(cluster.create(f"prefect_{workers}"), redis) | HASTE
        engine.environment["GANGCHUANG_DATABASE_URL"] = home.url
        engine.environment["GANGCHUANG_HELPERS"] = str(workers * SLOTS - 1)
        further = [FurtherWorkerProcess(engine) for _ in range(workers - 1)]
        engine.start()
        try:
            engine.wait_until_up()
            for worker in further:
                worker.start()
                worker.wait_until_up()
            time.sleep(5)  # the clock looks, the workers ask
            roots = [("serve", engine), *((f"worker {number}", one) for number, one in enumerate(further, 2))]
            watch = Watch({name: one.process.pid for name, one in roots if one.process is not None})
            looking = threading.Thread(target=watch.look, daemon=True)
            looking.start()
            yield watch, further
            watch.over.set()
            looking.join()
        finally:
            for worker in further:
                worker.stop()
            engine.stop()


def play(home: Home, milestone: Milestone, body: Callable[..., Any]) -> float:
    """By this process alone, without a server; its seconds."""
    home.comes_to(milestone)
    began = time.monotonic()
    done = home.player.play(milestone.value, body, milestone)
    assert done.outcome == "done", done
    return time.monotonic() - began


def wait_for_stage(home: Home, milestone: Milestone, victim: FurtherWorkerProcess | None = None) -> float:
    """By whoever works for the home; its seconds."""
    home.comes_to(milestone)
    began = time.monotonic()
    if victim is not None:
        wait_for("the first parts", lambda: home.parts_done() or home.is_settled(milestone), seconds=3600)
        victim.kill()
        print(
            f"  a worker is killed after {time.monotonic() - began:.1f} s, {home.parts_done()} units done", flush=True
        )
    wait_for(milestone.value, lambda: home.is_settled(milestone), seconds=3600)
    return time.monotonic() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--submissions", type=int, default=2000)
    options.add_argument("--units", type=int, default=400)
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    options.add_argument("--until", type=Milestone, default=M.CLOSE_SEASON, help="the last stage that is played")
    asked = options.parse_args()
    cluster = postgres_with_extensions()
    with tempfile.TemporaryDirectory(prefix="gangchuang-") as folder:
        try:
            cluster.start()
            alone = Home(Path(folder) / "alone", cluster.create("alone"))
            alone.plan(asked.units, asked.submissions)
            print(f"{asked.submissions} submissions, {asked.units} units, {os.cpu_count()} cores", flush=True)
            seconds = dict[str, float]()
            for name, deed in deeds(asked.submissions, asked.until):
                if isinstance(name, Milestone):
                    seconds[name] = play(alone, name, deed)
                else:
                    deed(alone.player)
            tell("one process, no server", seconds)
            expected = alone.ended()
            for workers in asked.workers:
                home = Home(Path(folder) / f"by-{workers}", cluster.create(f"by_{workers}"))
                home.plan(asked.units, asked.submissions, alone.folder / "keys")
                place = Path(folder) / f"served-{workers}"
                place.mkdir()
                measure(home, workers, deeds(asked.submissions, asked.until), cluster, place)
                found = expected.differences(home.ended(), everything=asked.until is M.CLOSE_CALL)
                print(f"  {len(found)} differences from the one process", *found[:20], sep="\n  ", flush=True)
        finally:
            cluster.remove()


def deeds(submissions: int, until: Milestone) -> Iterator[Deed]:
    """The year's, up to a stage."""
    for name, deed in year_of(submissions):
        yield name, deed
        if name == until:
            return


def measure(home: Home, workers: int, year: Iterator[Deed], cluster: Postgres, folder: Path) -> None:
    """Have the year played by so many workers, and say what it cost."""
    seconds = dict[str, float]()
    with served(home, workers, cluster, folder) as (watch, further):
        for name, deed in year:
            if isinstance(name, Milestone):
                victim = further[-1] if further and name is M.CLOSE_CALL else None
                seconds[name] = wait_for_stage(home, name, victim)
            else:
                deed(home.player)
        home.player.engine.dispose()
    tell(f"{workers} worker(s)", seconds)
    print(f"  {watch.spent('engine.server'):.1f} server s, {watch.spent('engine.run'):.1f} runs' s", flush=True)
    for kind, most in sorted(watch.most.items()):
        print(f"  {kind:<40}{most:8.0f} MB")


def tell(whose: str, seconds: Mapping[str, float]) -> None:
    parts = ", ".join(f"{name} {spent:.1f}" for name, spent in seconds.items())
    print(f"{whose}: {sum(seconds.values()):.1f} s ({parts})", flush=True)


if __name__ == "__main__":
    main()
