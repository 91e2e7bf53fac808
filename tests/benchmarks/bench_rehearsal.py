"""A rehearsal of the shipped season with its 400 submissions, as `gangchuang rehearse` plays it.

    python -m tests.benchmarks.bench_rehearsal [--year 2026]

Wall and CPU seconds of this process; an office waits for the first, which a machine with nothing else to do keeps near
the second. The specification's limit is a minute or two.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from config.settings import Settings
from flows.rehearsal.playing import rehearse
from flows.rehearsal.report import HOME, write_report
from models.database import make_engine
from models.schema import upgrade

MOST_SECONDS = 120.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--year", type=int, default=2026)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        own = Settings(home=Path(folder) / "own", database_url="")
        own.folder()
        engine = make_engine(own.database)
        upgrade(engine)
        engine.dispose()
        home = Path(folder) / "rehearsal" / HOME
        home.mkdir(parents=True)
        wall, cpu = time.monotonic(), time.process_time()
        played = rehearse(own, asked.year, home)
        rehearsed = time.process_time() - cpu
        found = write_report(home.parent, played, own.clock.now())
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        files = sum(path.is_file() for path in home.parent.rglob("*"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"season {asked.year}: {wall:.0f} s, of which {cpu:.0f} CPU s (at most {MOST_SECONDS:.0f}); {peak:.0f} MiB")
    print(f"the year {rehearsed:.0f} CPU s, its report {cpu - rehearsed:.0f}; {files} files, {len(found)} findings")
    print(f"problems: {len(played.problems)}")


if __name__ == "__main__":
    main()
