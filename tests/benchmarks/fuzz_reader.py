"""Damages deliveries for so many minutes and reads and answers each: python -m tests.benchmarks.fuzz_reader

Batches run in processes of their own, so that a crash is seen and named by its seed. Prints counts
by outcome; the exit status is 1 after a crash, a hang (over 10 s), an exception or a wrong answer.
"""

import argparse
import os
import signal
import sys
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from flows.workbooks.findings import Reading
from flows.workbooks.receipt import write_receipt
from tests.support.mutation import mutated, valid_deliveries
from tests.support.workbooks import ISSUED_AT, read, season

HANG_SECONDS = 10
BATCH = 200


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
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        told = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    counts.update(told[1::2])
    if len(told) < 2 * BATCH:
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
    signal.signal(signal.SIGALRM, _hang)
    signal.alarm(HANG_SECONDS)
    try:
        return _outcome(path)
    except TimeoutError:
        print(f"\nseed {seed} ({name}): over {HANG_SECONDS} s", file=sys.stderr)
        return "BAD hang"
    except BaseException:
        print(f"\nseed {seed} ({name}): {traceback.format_exc(limit=-3)}", file=sys.stderr)
        return "BAD exception"
    finally:
        signal.alarm(0)


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


def _hang(signum: int, frame: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    sys.exit(main())
