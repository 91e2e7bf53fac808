"""The call of a season, opened and closed by 1, 2 and 4 workers: Prefect's server on PostgreSQL with Redis messaging.

    python -m tests.benchmarks.bench_workers [--submissions 2000] [--units 400] [--workers 1 2 4]

Debian's PostgreSQL and Redis, the server, the clock and the first worker as `gangchuang serve` starts them, the others
as `gangchuang worker` does, two slots each and a helper less than slots. Every unit gets its workbook and letter, the
submissions are put into the database, the call is closed: near duplicates, each unit's verdict workbook, and a form to
be stamped of each submission. With more than one worker one of them is killed (SIGKILL) while the call is closed. At
the end every row and file that the stages made is compared with those of one process without a server, and the record
is verified. `s` is from the instant at which a stage is due until it is settled, its start included; `server s` and
`workers s` are the processor's seconds meanwhile (of PostgreSQL and Redis none); MB is each process's own and its part
of what it shares (PSS), at its most.
"""

import argparse
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from config.milestones import Milestone
from config.settings import Settings
from flows import close_call, open_call
from flows.engine.environment import FORM_MODULES, HELPING_MODULE
from models import Lease, MilestoneDate
from models.database import make_engine, reading
from models.enums import MilestoneState
from models.schema import upgrade
from states.audit.verify import verify
from states.machine import Act
from states.timeline import plan_season
from tests.benchmarks.bench_idle import memory_of, seconds_of, tree
from tests.benchmarks.bench_year import YEAR, hand_in
from tests.faults.compare import Picture, take_picture
from tests.faults.serving import SERVE
from tests.flows.engine import engine_process
from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.support.builders import OFFICE, season_rules
from tests.support.databases import Postgres
from tests.support.playing import Player
from tests.support.several import (
    FurtherWorkerProcess,
    on_postgresql_and_redis,
    postgres_with_extensions,
    serving_redis,
)

M = Milestone
BODIES = {M.OPEN_CALL: open_call.opening, M.CLOSE_CALL: close_call.closing}
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


@dataclass
class Home:
    """A home with so many units, on a database of its own."""

    folder: Path
    url: str
    player: Player = field(init=False)

    def __post_init__(self) -> None:
        self.player = Player(Settings(home=self.folder, database_url=self.url), make_engine(self.url), YEAR)

    def plan(self, units: int, key: bytes) -> None:
        os.environ["GANGCHUANG_HOME"] = str(self.folder)
        for folder in ("units", "keys"):
            (self.folder / folder).mkdir(parents=True)
        lines = [f"{600001 + number},示例第{number + 1}区,区,,,," for number in range(units)]
        listed = "\n".join(["code,name,kind,valid_from,valid_to,successor,remark", *lines])
        (self.folder / "units" / "reporting_units.csv").write_text(listed, "utf-8")
        # The same in every home, so that their workbooks are.
        (self.folder / "keys" / "workbooks.key").write_bytes(key)
        upgrade(self.player.engine)
        rules = season_rules()
        self.player.at(rules.dates.open_call - timedelta(days=10))
        with self.player.writing() as session:
            plan_season(session, rules, Act(OFFICE, self.player.settings.clock.now()))

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

    def ended(self) -> Picture:
        """What it holds; its record verifies."""
        with reading(self.player.engine) as session:
            assert verify(session) == []
        return take_picture(self.player.engine, self.folder, roughly=True)


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


def play(home: Home, milestone: Milestone) -> float:
    """By this process alone, without a server; its seconds."""
    home.comes_to(milestone)
    began = time.monotonic()
    done = home.player.play(milestone.value, BODIES[milestone], milestone)
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
    asked = options.parse_args()
    key = os.urandom(32)
    cluster = postgres_with_extensions()
    with tempfile.TemporaryDirectory(prefix="gangchuang-") as folder:
        try:
            cluster.start()
            alone = Home(Path(folder) / "alone", cluster.create("alone"))
            alone.plan(asked.units, key)
            opened = play(alone, M.OPEN_CALL)
            hand_in(alone.player, asked.submissions)
            closed = play(alone, M.CLOSE_CALL)
            print(f"{asked.submissions} submissions, {asked.units} units, {os.cpu_count()} cores", flush=True)
            print(f"one process, no server: open_call {opened:.1f} s, close_call {closed:.1f} s", flush=True)
            expected = alone.ended()
            for workers in asked.workers:
                home = Home(Path(folder) / f"by-{workers}", cluster.create(f"by_{workers}"))
                home.plan(asked.units, key)
                measured(home, workers, asked.submissions, cluster, Path(folder) / f"served-{workers}", expected)
        finally:
            cluster.remove()


def measured(home: Home, workers: int, submissions: int, cluster: Postgres, folder: Path, expected: Picture) -> None:
    folder.mkdir()
    with served(home, workers, cluster, folder) as (watch, further):
        opened = wait_for_stage(home, M.OPEN_CALL)
        hand_in(home.player, submissions)
        closed = wait_for_stage(home, M.CLOSE_CALL, further[-1] if further else None)
        home.player.engine.dispose()
    print(f"{workers} worker(s): open_call {opened:.1f} s, close_call {closed:.1f} s", end="; ")
    print(f"{watch.spent('engine.server'):.1f} server s, {watch.spent('engine.run'):.1f} runs' s", flush=True)
    for kind, most in sorted(watch.most.items()):
        print(f"  {kind:<40}{most:8.0f} MB")
    differences = [line for line in expected.differences(home.ended()) if not _BESIDE.fullmatch(line)]
    print(f"  {len(differences)} differences from the one process", *differences[:20], sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
