"""Kill points by the thousand: `python -m tests.faults --points 2000 --seed 7` (`make faults POINTS=2000 SEED=7`)."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.trials import Outcome

# A library's own threads would make this process unfit to be forked.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

DATABASES, MAILS = ("sqlite", "postgresql"), ("files", "smtp")


def main() -> int:
    asked = _arguments()
    from tests.faults.harness import table

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun, outcomes = perf_counter(), []
    with suppress(KeyboardInterrupt):  # a long run that is ended early still says what it tried
        for outcome in _outcomes(asked):
            outcomes.append(outcome)
            if not outcome.is_well:
                print(
                    f"#{outcome.ordinal} {outcome.way} [{outcome.move}] {outcome.what}",
                    *outcome.lines,
                    sep="\n    ",
                    flush=True,
                )
    print(table(outcomes))
    print(f"{len(outcomes)} faults, seed {asked.seed}: {perf_counter() - begun:.0f} s", flush=True)
    if asked.json:
        Path(asked.json).write_text(
            json.dumps([outcome.as_json() for outcome in outcomes], ensure_ascii=False), "utf-8"
        )
    return 0 if outcomes and all(outcome.is_well for outcome in outcomes) else 1


def _outcomes(asked: argparse.Namespace) -> Iterator["Outcome"]:
    """An equal share of the points in each setting asked for."""
    from tests.faults.harness import at_random, carry_out, every_point, get_ready, recorded, setting_of, spread
    from tests.faults.trials import Trial

    get_ready()
    settings = [
        (database, mail) for database in DATABASES if asked.database in (database, "both") for mail in MAILS
        if asked.mail in (mail, "both")
    ]  # fmt: skip
    for index, (database, mail) in enumerate(settings):
        begun = perf_counter()
        with setting_of(database=database, mail=mail) as setting:
            recording = recorded(setting)
            count = sum(len(move.heard) for move in recording.moves)
            seconds = perf_counter() - begun
            moves = f"{len(recording.moves)} moves, {count} kill points, {seconds:.0f} s"
            print(
                f"{database}, mail by {mail}: undisturbed season of {moves}", *recording.failures, sep="\n", flush=True
            )
            if asked.list:
                for move in recording.moves:
                    print(f"{move.name}: {len(move.heard)}", *move.heard, sep="\n  ")
                continue
            if asked.move:
                own = [kill for kill in every_point(recording) if asked.move in recording.moves[kill.move].name]
                yield from carry_out(setting, recording, [*map(Trial, range(len(own)), own)], jobs=asked.jobs)
                continue
            wanted = asked.points // len(settings) + (index < asked.points % len(settings))
            if asked.seed is None:
                trials = spread(recording, wanted)
            else:
                trials = at_random(recording, wanted, asked.seed + index)
            trials = [trial for trial in trials if asked.only is None or trial.ordinal == asked.only]
            yield from carry_out(setting, recording, trials, jobs=asked.jobs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--points", type=int, default=160, help="how many faults, shared among the settings")
    parser.add_argument("--seed", type=int, help="draw the points from this seed; without it, a fixed even spread")
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--mail", choices=(*MAILS, "both"), default="both")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trials at once")
    parser.add_argument("--move", help="each point of the moves whose names hold this, such as '03-22 files'")
    parser.add_argument("--only", type=int, help="only the trial of this number in each setting, as it was printed")
    parser.add_argument("--list", action="store_true", help="only list the points")
    parser.add_argument("--json", help="file for the outcomes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
