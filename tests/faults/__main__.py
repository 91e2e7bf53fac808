"""Kill points by the thousand: `python -m tests.faults --points 2000 --seed 7` (`make faults POINTS=2000 SEED=7`)."""

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter

# A library's own threads would make this process unfit to be forked.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def main() -> int:
    asked = _arguments()
    from tests.faults.harness import a_setting, at_random, carry_out, get_ready, recorded, spread, table

    get_ready()
    begun = perf_counter()
    with a_setting(database=asked.database, mail=asked.mail) as setting:
        recording = recorded(setting)
        count = sum(len(move.heard) for move in recording.moves)
        print(f"undisturbed season: {len(recording.moves)} moves, {count} kill points, {perf_counter() - begun:.0f} s")
        for failure in recording.failures:
            print(f"  failed: {failure}")
        if asked.list:
            for move in recording.moves:
                print(f"{move.name}: {len(move.heard)}", *move.heard, sep="\n  ")
            return 0
        if asked.seed is None:
            trials = spread(recording, asked.points, instants=asked.points // 10)
        else:
            trials = at_random(recording, asked.points, asked.seed)
        outcomes = []
        for one in carry_out(setting, recording, trials, jobs=asked.jobs):
            outcomes.append(one)
            if not one.is_well:
                print(f"#{one.ordinal} {one.way} [{one.move}] {one.what}", *one.lines, sep="\n    ", flush=True)
    print(table(outcomes))
    print(f"{len(outcomes)} kills, {asked.database}, mail by {asked.mail}: {perf_counter() - begun:.0f} s")
    if asked.json:
        Path(asked.json).write_text(json.dumps([one.as_json() for one in outcomes], ensure_ascii=False), "utf-8")
    return 0 if all(one.is_well for one in outcomes) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--points", type=int, default=60, help="how many kills")
    parser.add_argument("--seed", type=int, help="draw the points from this seed; without it, a fixed even spread")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--mail", choices=("files", "smtp"), default="files")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trials at once")
    parser.add_argument("--list", action="store_true", help="only list the points")
    parser.add_argument("--json", help="file for the outcomes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
