"""Assignment quality and time: `python -m tests.benchmarks.bench_assignment [--instances DIR] [--large]`.

Instances in DIR are .npz files with similarity, conflicts, per_paper, max_load and min_load; where the
optimum is known it stands beside what was reached. Generated instances: `even` scores are uniform,
`topics` come from few shared topics, `bids` take four values, `cents` are topics in hundredths. Nothing here
asserts anything about time. Peak memory is the process's, which only grows: use --only for one alone.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from states.rules.assignment import assign_with_certificate
from states.rules.assignment_certificate import Certificate, faults

# name: largest total, largest possible worst score, largest total among assignments that reach it
KNOWN = {"aamas2015_bids": (1406.25, 1.5, 1375.75), "aamas2016_bids": (949.5, 1.0, 949.25)}
MIDDLE = [("even", 300, 60, 4), ("topics", 600, 120, 5), ("bids", 600, 120, 5), ("cents", 600, 120, 5)]
LARGE = [("even", 5000, 1000, 5), ("topics", 5000, 1000, 5), ("bids", 5000, 1000, 5)]
HUGE = [("even", 20_000, 2000, 5), ("topics", 20_000, 2000, 5)]
Named = dict[str, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=Path, help="folder of .npz instances")
    parser.add_argument("--large", action="store_true", help="also 5,000 x 1,000 and 20,000 x 2,000")
    parser.add_argument("--only", default="", help="only instances whose name holds this")
    given = parser.parse_args()
    print(
        f"{'instance':26} {'aim':5} {'total':>11} {'at most':>11} {'known':>9} {'worst':>8} {'at most':>8} "
        f"{'known':>6} {'share':>6} {'of all':>6} {'proof':>8} {'s':>6} {'check s':>7} {'MB':>5}"
    )
    shares = []
    for name, instance, aims in instances(given.instances, large=given.large):
        if given.only in name:
            shares += [share for aim in aims if (share := measure(name, instance, aim)) is not None]
    if shares:
        print(f"worst share on average (aim share): {np.mean(shares):.3f} of {len(shares)} instances")


def instances(folder: Path | None, *, large: bool) -> Iterator[tuple[str, Named, tuple[str, ...]]]:
    """Name, arrays and aims to measure."""
    for path in sorted(folder.glob("*.npz")) if folder else []:
        with np.load(path) as held:
            yield path.stem, {name: held[name] for name in held.files}, ("total", "fair", "share")
    for kind, papers, experts, each in MIDDLE:
        yield label(kind, papers, experts, each), generated(kind, papers, experts, each), ("total", "fair", "share")
    for kind, papers, experts, each in LARGE if large else []:
        yield label(kind, papers, experts, each), generated(kind, papers, experts, each), ("total", "fair")
    for kind, papers, experts, each in HUGE if large else []:
        yield label(kind, papers, experts, each), generated(kind, papers, experts, each), ("total",)


def label(kind: str, papers: int, experts: int, each: int) -> str:
    return f"{kind} {papers}x{experts}x{each}"


def generated(kind: str, papers: int, experts: int, each: int) -> Named:
    """Loads leave a tenth of the places free; experts see at least half of an even load; 2 % are in conflict."""
    rng = np.random.default_rng(papers + experts)
    even = papers * each / experts
    return {
        "similarity": _scores(kind, papers, experts, rng),
        "conflicts": rng.random((papers, experts)) < 0.02,
        "per_paper": np.full(papers, each),
        "max_load": np.full(experts, int(np.ceil(1.1 * even))),
        "min_load": np.full(experts, int(even / 2)),
    }


def _scores(kind: str, papers: int, experts: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "even":
        return rng.random((papers, experts))
    if kind == "bids":
        return rng.choice([0.0, 0.25, 0.5, 1.0], size=(papers, experts), p=[0.02, 0.9, 0.05, 0.03])
    about = np.sqrt(rng.dirichlet(np.full(20, 0.15), papers))
    known = np.sqrt(rng.dirichlet(np.full(20, 0.3), experts))
    scores = np.asarray(about @ known.T)
    return np.round(scores, 2) if kind == "cents" else scores


def measure(name: str, instance: Named, aim: str) -> float | None:
    """Print one line; the worst share where shares were the aim."""
    started = time.perf_counter()
    found = assign_with_certificate(**instance, aim=aim)
    solved = time.perf_counter()
    said = faults(found.experts, found.certificate, **instance)
    checked = time.perf_counter()
    print(line(name, aim, found.certificate, solved - started, checked - solved), *said, flush=True)
    return found.certificate.worst_share if aim == "share" else None


def line(name: str, aim: str, found: Certificate, seconds: float, check_seconds: float) -> str:
    largest, worst, fair = KNOWN.get(name, (None, None, None))
    known = {"total": largest, "fair": fair}.get(aim)
    level = worst if aim == "fair" else None
    scale = 1024 if sys.platform != "darwin" else 1024**2
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // scale
    return (
        f"{name:26} {aim:5} {found.total:11.4f} {found.total_at_most:11.4f} {_shown(known):>9} {found.worst:8.4f} "
        f"{_shown(found.level_at_most, 4):>8} {_shown(level):>6} {found.worst_share:6.3f} "
        f"{found.total / found.largest_total:6.4f} {_proof(found):>8} {seconds:6.2f} {check_seconds:7.2f} {memory:5}"
    )


def _shown(value: float | None, places: int = 2) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def _proof(found: Certificate) -> str:
    """By prices alone, with an exhaustive search on top, or a gap left open."""
    if not found.proven:
        return "open"
    return "search" if found.total_from_prices > found.total_at_most + 1e-9 else "prices"


if __name__ == "__main__":
    main()
