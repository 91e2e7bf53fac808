"""Assignment quality and time: `python -m tests.benchmarks.bench_assignment [--instances DIR] [--large] [--without PART]`.

Instances in DIR are .npz files with similarity, conflicts, per_paper, max_load and min_load; where the
optimum is known it stands beside what was reached. Generated instances, in the shapes of conferences: `even` scores
are uniform, `topics` come from few shared topics, `cents` are topics in hundredths, `bids` take four values, `fields`
have a main and a second field with more submissions than experts in some, `tpms` are sparse similarities of texts with
submissions that nobody knows much about, `hot` experts are wanted by all at once. `tight` places equal the
demand, `mixed` asks for two to five experts, `zeros` has submissions that no expert is near, with `least` every expert
must see an even share. Small ones are
solved a second time by plain programs over all pairs (`again`: the same, or the difference).

Nothing here asserts anything about time: `cpu` is this process's processor seconds, `s` the clock's, which other work
on the machine lengthens. Peak memory is the process's, which only grows: use --only for one alone.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from states.rules.assignment import (
    OptimalityCertificate,
    assign_with_certificate,
    columns,
    exchange,
    faults,
    flow,
    levels,
    search,
    teams,
)
from tests.support.plain_assignment import best_total, best_worst

# name: largest total, largest possible worst score, largest total among assignments that reach it
KNOWN = {"aamas2015_bids": (1406.25, 1.5, 1375.75), "aamas2016_bids": (949.5, 1.0, 949.25)}
SMALL = [("even", 60, 20, 3), ("topics", 80, 30, 3), ("bids", 80, 30, 3), ("fields", 80, 30, 3), ("tpms", 118, 177, 3)]
SMALL += [
    ("fields zeros", 80, 30, 3),
    ("cents mixed", 80, 30, 5),
    ("fields tight", 80, 30, 3),
    ("tpms tight", 80, 30, 3),
    ("tpms least", 118, 177, 3),
]
MIDDLE = [("even", 300, 60, 4), ("topics", 600, 120, 5), ("bids", 600, 120, 5), ("cents", 600, 120, 5)]
MIDDLE += [("fields", 600, 120, 5), ("tpms", 600, 120, 5), ("topics tight", 600, 120, 5), ("fields mixed", 300, 60, 5)]
LARGE = [("even", 5000, 1000, 5), ("topics", 5000, 1000, 5), ("bids", 5000, 1000, 5), ("tpms", 2600, 1400, 3)]
LARGE += [("fields", 5000, 1000, 5), ("hot", 5000, 1000, 5)]
HUGE = [("even", 20_000, 2000, 5), ("topics", 20_000, 2000, 5)]
SOLVED_AGAIN = 3000
Named = dict[str, np.ndarray]
# Part of the search: what to put in its place so that it does nothing.
PARTS = {
    "teams": [(columns, "TEAMED_AT_MOST", -1), (levels, "TEAMED_AT_MOST", -1)],
    "looking": [(teams, "_settle", lambda *given: None)],
    "every": [(teams, "EVERY", 0)],
    "shallow": [(columns, "SHALLOW", teams.LOOKED_THROUGH), (levels, "SHALLOW", teams.LOOKED_THROUGH)],
    "middle": [(levels, "SLOW", np.inf)],
    "search": [(search, "PAIRS_AT_MOST", -1)],
    "trades": [(exchange, "MOST_ROUNDS", 0), (exchange, "FEWEST_ROUNDS", 0)],
    "pruning": [(flow, "FEW_PAIRS", np.inf)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=Path, help="folder of .npz instances")
    parser.add_argument("--large", action="store_true", help="also 2,600 x 1,400, 5,000 x 1,000 and 20,000 x 2,000")
    parser.add_argument("--only", default="", help="only instances whose name holds this")
    parser.add_argument("--without", choices=PARTS, help="switch a part of the search off")
    given = parser.parse_args()
    for module, name, nothing in PARTS.get(given.without, ()):
        setattr(module, name, nothing)
    if given.instances is None or not list(given.instances.glob("*.npz")):
        print("Real instances are left out: --instances names no folder with .npz files.")
    if not given.large:
        print("Large instances are left out: --large was not given.")
    print(
        f"{'instance':22} {'aim':5} {'total':>11} {'at most':>11} {'known':>8} {'worst':>8} {'level at most':>13} "
        f"{'known':>6} {'share':>6} {'of all':>6} {'proof':>8} {'cpu':>6} {'s':>6} {'MB':>5}  again"
    )
    shares: dict[str, OptimalityCertificate] = {}
    for name, instance, aims in instances(given.instances, large=given.large):
        if given.only in name:
            found = {aim: measure(name, instance, aim) for aim in aims}
            shares |= {name: found["share"]} if "share" in found else {}
    print_shares("all", shares)
    print_shares(
        "those that are not tight", {name: certificate for name, certificate in shares.items() if "tight" not in name}
    )


def print_shares(which: str, shares: dict[str, OptimalityCertificate]) -> None:
    """The average worst share, beside the average of what is proven that none can exceed."""
    if not shares:
        return
    reached = [certificate.worst_share for certificate in shares.values()]
    at_most = [
        certificate.worst_share if certificate.level_proven else certificate.level_at_most
        for certificate in shares.values()
    ]
    kept = min(certificate.total / certificate.largest_total for certificate in shares.values())
    proven = [name for name, certificate in shares.items() if certificate.level_proven]
    print(
        f"worst share (aim share) on average over {which}: {np.mean(reached):.3f} of {len(shares)} instances, at {kept:.4f} "
        f"of the largest total or more; no more than {np.mean(at_most):.3f} is possible; the proven maximum on {len(proven)}"
    )
    for name in sorted(shares.keys() - set(proven)):
        print(
            f"  not proven the maximum: {name}: {shares[name].worst_share:.3f} of at most {shares[name].level_at_most:.3f}"
        )


def instances(folder: Path | None, *, large: bool) -> Iterator[tuple[str, Named, tuple[str, ...]]]:
    """Name, arrays and aims to measure."""
    for path in sorted(folder.glob("*.npz")) if folder else []:
        with np.load(path) as held:
            yield path.stem, {name: held[name] for name in held.files}, ("total", "fair", "share")
    for sizes, aims in (
        (SMALL + MIDDLE, ("total", "fair", "share")),
        (LARGE if large else [], ("total", "fair")),
        (HUGE if large else [], ("total",)),
    ):
        for kind, papers, experts, each in sizes:
            yield f"{kind} {papers}x{experts}x{each}", generated(kind, papers, experts, each), aims


def generated(kind: str, papers: int, experts: int, each: int) -> Named:
    """Loads leave a tenth of the places free; experts see at least half of an even load; 2 % are in conflict."""
    rng = np.random.default_rng([papers, experts, each])
    scores = _scores(kind.split(maxsplit=1)[0], papers, experts, rng)
    if "zeros" in kind:
        scores[:: papers // 4] = 0.0
    per_paper = rng.integers(2, each + 1, papers) if "mixed" in kind else np.full(papers, each)
    even = per_paper.sum() / experts
    most = np.full(experts, int(np.ceil(1.1 * even)))
    if "tight" in kind:
        most = np.full(experts, int(even))
        most[: int(per_paper.sum()) - int(most.sum())] += 1
    return {
        "similarity": scores,
        "conflicts": rng.random((papers, experts)) < 0.02,
        "per_paper": per_paper,
        "max_load": most,
        "min_load": np.full(experts, int(even if "least" in kind else even / 2)),
    }


def _scores(kind: str, papers: int, experts: int, rng: np.random.Generator) -> np.ndarray:
    shape = (papers, experts)
    if kind == "even":
        return rng.random(shape)
    if kind == "hot":
        return 0.6 * rng.random(experts)[None, :] + 0.4 * rng.random(shape)
    if kind == "bids":
        return rng.choice([0.0, 0.25, 0.5, 1.0], size=shape, p=[0.02, 0.9, 0.05, 0.03])
    if kind == "fields":
        return _fields(papers, experts, rng)
    if kind == "tpms":
        return _texts(papers, experts, rng)
    about = np.sqrt(rng.dirichlet(np.full(20, 0.15), papers))
    known = np.sqrt(rng.dirichlet(np.full(20, 0.3), experts))
    scores = np.asarray(about @ known.T)
    return np.round(scores, 2) if kind == "cents" else scores


def _fields(papers: int, experts: int, rng: np.random.Generator) -> np.ndarray:
    """Twelve fields, unevenly asked for and unevenly known; the product's own weights of field and text."""
    wanted, known = rng.dirichlet(np.full(12, 1.5)), rng.dirichlet(np.full(12, 1.5))
    field, main, second = rng.choice(12, papers, p=wanted), *rng.choice(12, (2, experts), p=known)
    near = np.maximum(1.0 * (field[:, None] == main), 0.8 * (field[:, None] == second))
    return np.asarray(0.7 * near + 0.3 * rng.beta(2, 5, (papers, experts)))


def _texts(papers: int, experts: int, rng: np.random.Generator) -> np.ndarray:
    """Fifty topics, submissions and experts of very different reach, three in ten pairs without any score."""
    about, known = rng.dirichlet(np.full(50, 0.08), papers), rng.dirichlet(np.full(50, 0.1), experts)
    scores = np.sqrt(about @ known.T) * rng.lognormal(0, 0.35, papers)[:, None] * rng.lognormal(0, 0.35, experts)
    scores = np.clip(scores / np.quantile(scores, 0.999), 0, 1)
    scores[rng.random(scores.shape) < 0.3] = 0.0
    return np.asarray(scores)


def measure(name: str, instance: Named, aim: str) -> OptimalityCertificate:
    """Print one line."""
    started, processor = time.perf_counter(), time.process_time()
    found = assign_with_certificate(**instance, aim=aim)
    spent = time.process_time() - processor, time.perf_counter() - started
    said = faults(found.experts, found.certificate, **instance)
    again = solved_again(instance, aim, found.certificate) if instance["similarity"].size <= SOLVED_AGAIN else "-"
    print(line(name, aim, found.certificate, *spent), f" {again}", *said, flush=True)
    return found.certificate


def solved_again(instance: Named, aim: str, found: OptimalityCertificate) -> str:
    """Value for value beside plain programs over all pairs."""
    if aim == "share":
        return "-"
    pairs = [] if aim == "total" else [(best_worst(**instance), found.worst)]
    pairs.append((best_total(**instance, floor=found.worst if aim == "fair" else None), found.total))
    off = max(abs(other - mine) for other, mine in pairs)
    return "same" if off < 1e-6 else f"off by {off:.6f}"


def line(name: str, aim: str, found: OptimalityCertificate, processor: float, seconds: float) -> str:
    largest, worst, fair = KNOWN.get(name, (None, None, None))
    known = {"total": largest, "fair": fair}.get(aim)
    level = worst if aim == "fair" else None
    scale = 1024 if sys.platform != "darwin" else 1024**2
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // scale
    return (
        f"{name:22} {aim:5} {found.total:11.4f} {found.total_at_most:11.4f} {_shown(known):>8} {found.worst:8.4f} "
        f"{_shown(found.level_at_most, 4):>13} {_shown(level):>6} {found.worst_share:6.3f} "
        f"{found.total / found.largest_total:6.4f} {_proof(found):>8} {processor:6.2f} {seconds:6.2f} {memory:5}"
    )


def _shown(value: float | None, places: int = 2) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def _proof(found: OptimalityCertificate) -> str:
    """By prices alone, with an exhaustive search on top, or a gap left open."""
    if not found.proven:
        return "open"
    return "search" if found.total_from_prices > found.total_at_most + 1e-9 else "prices"


if __name__ == "__main__":
    main()
