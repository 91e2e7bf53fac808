"""All benchmarks, one after the other: `python -m tests.benchmarks [NAME ...] [--quick]` (`make bench ARGS=scoring`).

Each runs in a process of its own, so that peak memory is its own. They print figures beside the
floor or the proven optimum of the same run, and gate nothing.
"""

import argparse
import subprocess
import sys

# name: (module, arguments of a full run, arguments of a quick one)
BENCHMARKS: dict[str, tuple[str, list[str], list[str]]] = {
    "district_round": ("bench_district_round", [], ["--sizes", "10000"]),
    "verification": ("bench_verification", [], ["--sizes", "10000"]),
    "workbooks": ("bench_workbooks", [], ["--rows", "2000"]),
    "assignment": ("bench_assignment", ["--large"], []),
    "scoring": ("bench_scoring", [], ["--rounds", "5"]),
    "papers": ("bench_papers", [], ["--certificates", "200"]),
    "idle": ("bench_idle", ["--minutes", "10"], ["--minutes", "1"]),
    "runs": ("bench_runs", ["--runs", "20"], ["--runs", "5"]),
    "site": ("bench_site", [], ["--cases", "200", "--seasons", "2"]),
    "wall": ("bench_wall", [], ["--slides", "1000", "--releases", "4"]),
    "seasons": ("bench_seasons", [], ["--seasons", "3", "--submissions", "500"]),
    "rehearsal": ("bench_rehearsal", [], []),
    "year": ("bench_year", [], ["--sizes", "100", "400"]),
    "workers": ("bench_workers", [], ["--submissions", "60", "--units", "30", "--workers", "2"]),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)}; all when left out")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, a minute or two for everything")
    parser.add_argument("--instances", help="folder of .npz assignment instances")
    asked = parser.parse_args()
    unknown = sorted({*asked.names} - {*BENCHMARKS})
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    failed = []
    for name in asked.names or BENCHMARKS:
        module, full, quick = BENCHMARKS[name]
        arguments = quick if asked.quick else full
        if name == "assignment" and asked.instances:
            arguments = [*arguments, "--instances", asked.instances]
        print(f"\n== {name}: python -m tests.benchmarks.{module} {' '.join(arguments)}".rstrip(), flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
