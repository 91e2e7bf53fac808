"""Damages deliveries for so many minutes and reads and answers each: python -m tests.benchmarks.fuzz_reader

Batches run in processes of their own, so that a crash is seen and named by its seed. After each batch
some damaged deliveries are put under odd names into the inbox of a home, beside a good one, and the
collector takes them: each must lie in taken/ by content, with its row, its receipt and its letter, and
the good one's rows must be in. Prints counts by outcome; the exit status is 1 after a crash, a hang
(over 10 s of processor time, or two minutes by the clock: the machine may be busy), an exception, a
wrong answer or a lost file.
"""

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import FrameType

from sqlalchemy import select

from config.settings import Settings
from flows.collect import collecting
from flows.home.files import digest_of
from flows.workbooks.reader.findings import Reading
from flows.workbooks.writer.receipt import write_receipt
from models import Delivery, Message, Submission
from models.database import make_engine
from tests.support.builders import a_season
from tests.support.databases import migrated_sqlite
from tests.support.mutation import mutated, valid_deliveries
from tests.support.playing import Player
from tests.support.workbooks import ISSUED_AT, KEY, UNIT, Workshop, read, season, typed

HANG_SECONDS = 10.0
PATIENCE_SECONDS = 120.0
BATCH = 200
COLLECTED = 25
_ODD_NAMES = (
    "申报 {}.xlsx",
    "{}",
    "-{}.xls",
    "a'b;c{}.zip",
    "%s{}.xlsx",
    "长" * 70 + "{}.xlsx",
    "x\ny{}.ods",
    "=1+{}.csv",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="number of the first damaged delivery")
    options = parser.parse_args()
    until = time.monotonic() + options.minutes * 60
    counts: Counter[str] = Counter()
    seed = options.seed
    with TemporaryDirectory() as folder:
        seeds = valid_deliveries(Path(folder))
        migrated_sqlite(Path(folder) / "empty.db")
        logging.disable(logging.CRITICAL)
        while time.monotonic() < until:
            seed = _batch(seed, seeds, Path(folder), counts)
            _show(counts, seed, options.seed)
    bad = {name: count for name, count in counts.items() if name.startswith("BAD")}
    print("\nfailed:" if bad else "\nno crash, no hang, no wrong answer", bad or "")
    return 1 if bad else 0


def _show(counts: Counter[str], seed: int, first: int) -> None:
    told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"\r{seed - first} deliveries: {told}", end="", flush=True)


def _batch(first: int, seeds: dict[str, bytes], folder: Path, counts: Counter[str]) -> int:
    """Run one batch in a child; returns the seed after the last one that it reached."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w", buffering=1) as out:
            for seed in range(first, first + BATCH):
                out.write(f"{seed}\n")
                out.write(f"{_one(seed, seeds, folder)}\n")
            out.write(f"{first}\n")
            out.write(f"{_collected(first, seeds, folder)}\n")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        told = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    counts.update(told[1::2])
    if len(told) < 2 * BATCH + 2:
        last = int(told[-1]) if len(told) % 2 else int(told[-2])
        counts["BAD crash"] += 1
        print(f"\nseed {last}: the process died with status {status}")
        return last + 1
    return first + BATCH


def _one(seed: int, seeds: dict[str, bytes], folder: Path) -> str:
    random = Random(seed)
    name = random.choice(list(seeds))
    path = folder / f"damaged-{name}"
    path.write_bytes(mutated(seeds[name], random))
    _watch(1)
    try:
        return _outcome(path)
    except BaseException:
        print(f"\nseed {seed} ({name}): {traceback.format_exc(limit=-3)}", file=sys.stderr)
        return "BAD exception"
    finally:
        _watch(0)


def _outcome(path: Path) -> str:
    reading = read(path)
    if not isinstance(reading, Reading) or (reading.problems and reading.rows):
        return "BAD answer"
    receipt = path.with_suffix(".receipt")
    write_receipt(
        path,
        receipt,
        reading=reading,
        problems=reading.all_problems,
        accepted={},
        written_at=ISSUED_AT,
        season=season(),
    )
    if not zipfile.is_zipfile(receipt):
        return "BAD receipt"
    if reading.refused:
        return "refused"
    return "taken" if all(row.form for row in reading.rows) else "partly taken"


def _collected(first: int, seeds: dict[str, bytes], folder: Path) -> str:
    _watch(3)
    try:
        lost = _lost(first, seeds, folder / "home", folder / "empty.db")
    except BaseException:
        print(f"\ncollector at seed {first}: {traceback.format_exc(limit=-5)}", file=sys.stderr)
        return "BAD exception of the collector"
    finally:
        _watch(0)
    if lost:
        print(f"\ncollector at seed {first}: {lost}", file=sys.stderr)
        return "BAD lost file"
    return "inboxes collected"


def _lost(first: int, seeds: dict[str, bytes], home: Path, empty: Path) -> list[str]:
    """What of one filled inbox is not where it should be after it was collected."""
    shutil.rmtree(home, ignore_errors=True)
    (home / "keys").mkdir(parents=True)
    (home / "keys" / "workbooks.key").write_bytes(KEY)
    shutil.copy(empty, home / "gangchuang.db")
    own = Settings(home=home)
    engine = make_engine(own.database)
    player = Player(own, engine)
    try:
        with player.writing() as session:
            player.at(a_season(session).dates.open_call.replace(month=4))
        digests = _put(first, seeds, player.inbox(UNIT))
        player.play("collect", collecting)
        return _missing(player, digests)
    finally:
        engine.dispose()


def _put(first: int, seeds: dict[str, bytes], inbox: Path) -> set[str]:
    random = Random(first)
    for ordinal in range(COLLECTED):
        name = random.choice(list(seeds))
        target = inbox / random.choice(_ODD_NAMES).format(ordinal)
        if random.random() < 0.2:
            target = target.with_suffix("") if target.suffix else target
            target.mkdir()
            (target / "证明.pdf").write_bytes(random.randbytes(20))
            target /= name
        target.write_bytes(mutated(seeds[name], random))
    (inbox / os.fsdecode("名.xlsx".encode("gb18030"))).write_bytes(random.randbytes(100))
    (inbox / "link.xlsx").symlink_to("/nowhere")
    os.mkfifo(inbox / "pipe.xlsx")
    Workshop(inbox).filled(typed(成果名称=f"好的成果{first}", 社会效益="示例"), name="好.xlsx")
    (inbox / "issued.xlsx").unlink()
    return {digest_of(path) for path in inbox.iterdir()}


def _missing(player: Player, digests: set[str]) -> list[str]:
    left = [f"left in the inbox: {path.name!r}" for path in player.inbox(UNIT).iterdir()]
    kept = {digest_of(path) for path in (player.home / "taken" / "2026" / UNIT).iterdir()}
    with player.reading() as session:
        rows = {row.digest: row for row in session.scalars(select(Delivery))}
        answered = {name for text in session.scalars(select(Message.attachments)) for name in json.loads(text)}
        titles = set(session.scalars(select(Submission.title)))
    left += [f"not in taken/: {digest}" for digest in digests - kept]
    left += [f"without a row: {digest}" for digest in digests - rows.keys()]
    left += [
        f"without a receipt: {delivery.digest}"
        for delivery in rows.values()
        if not (player.home / delivery.receipt).is_file()
    ]
    left += [f"without a letter: {delivery.digest}" for delivery in rows.values() if delivery.receipt not in answered]
    return left if any(title.startswith("好的成果") for title in titles) else [*left, "the good delivery is not in"]


def _watch(times: float) -> None:
    """Watch for a hang from now on; 0 ends the watch."""
    for clock, number, seconds in (
        (signal.ITIMER_PROF, signal.SIGPROF, HANG_SECONDS),
        (signal.ITIMER_REAL, signal.SIGALRM, PATIENCE_SECONDS),
    ):
        signal.signal(number, _hang)
        signal.setitimer(clock, seconds * times)


def _hang(signum: int, frame: FrameType | None) -> None:
    """An exception could be swallowed where it falls; so the process ends here, and its parent names the seed."""
    print("\nhangs here:", "".join(traceback.format_stack(frame, limit=8)), file=sys.stderr, flush=True)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
