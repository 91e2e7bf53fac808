"""The scoring methods on simulated panels with known merit: `python -m tests.benchmarks.bench_scoring`.

Merit and noise have a standard deviation of 8 points each, the noise of sure judges .64 of that;
experts' offsets have that many times 8. Kendall's tau is taken between merits found and known, the mean over the rounds. The
z-scored mean stands beside them because panels are often told to use it.
"""

import argparse
import time
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
from scipy.stats import kendalltau

from states.rules.scoring.merits import Method, score_submissions
from states.rules.scoring.scores import GivenScore

POINTS = 8.0
OFFSETS = (0.0, 0.25, 0.5, 1.0)
Noise = Literal["normal", "outliers"]


@dataclass(frozen=True)
class Panel:
    """A round: submissions are dealt to experts of their field so that loads stay even."""

    name: str
    submissions: int
    experts: int
    each: int
    fields: int = 1
    noise: Noise = "normal"
    unsure: float = 1.0


PANELS = (
    Panel("sure judges", 300, 40, 5, unsure=0.64),
    Panel("one field", 300, 40, 5),
    Panel("eight fields", 400, 40, 5, fields=8),
    Panel("small, 3 scores", 30, 10, 3),
    Panel("small panels", 60, 30, 5, fields=6),
    Panel("1 in 15 wild", 300, 40, 5, noise="outliers"),
)
LARGE = Panel("large", 5000, 1000, 5, fields=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    methods = [method.value for method in Method]
    print(f"Kendall's tau with the known merit, mean of {rounds} rounds; coverage of the 95 % intervals in brackets\n")
    print("| panel | submissions × scores, experts | offsets | " + " | ".join(methods) + " | z-scored |")
    print("|---|---|---|" + "---|" * (len(methods) + 1))
    for panel in PANELS:
        for offset in OFFSETS:
            print(row(panel, offset, rounds), flush=True)
    print("\n| 5,000 × 5 by 1,000 experts | seconds | tau |\n|---|---|---|")
    scores, true = simulate(LARGE, 0.5, 0)
    for method in Method:
        began = time.perf_counter()
        tau, _ = judge(scores, true, method)
        print(f"| {method.value} | {time.perf_counter() - began:.1f} | {tau:.3f} |", flush=True)


def row(panel: Panel, offset: float, rounds: int) -> str:
    """One line of the table."""
    found = defaultdict(list)
    for seed in range(rounds):
        scores, true = simulate(panel, offset, seed)
        for method in Method:
            found[method.value].append(judge(scores, true, method))
        found["z"].append((kendalltau(z_scored(scores), true).statistic, np.nan))
    cells = []
    for name, pairs in found.items():
        tau, coverage = np.mean(pairs, axis=0)
        cells.append(f"{tau:.3f}" if name == "z" else f"{tau:.3f} ({coverage:.0%})")
    size = f"{panel.submissions} × {panel.each}, {panel.experts}"
    return f"| {panel.name} | {size} | {offset:.2f} | " + " | ".join(cells) + " |"


def judge(scores: list[GivenScore], true: np.ndarray, method: Method) -> tuple[float, float]:
    """(tau, share of intervals that hold the known merit)."""
    merits = score_submissions(scores, method=method).merits
    ordered = [merits[f"S{number:05}"] for number in range(len(true))]
    tau = float(kendalltau([float(scored.merit) for scored in ordered], true).statistic)
    held = [float(scored.low) <= value <= float(scored.high) for scored, value in zip(ordered, true, strict=True)]
    return tau, float(np.mean(held))


def simulate(panel: Panel, offset: float, seed: int) -> tuple[list[GivenScore], np.ndarray]:
    """Scores of one round, in tenths from 0 to 100, and the known merits float64[P]."""
    chance = np.random.default_rng(seed)
    true = chance.normal(70, POINTS, panel.submissions)
    offsets = chance.normal(0, POINTS * offset, panel.experts)
    loads = np.zeros(panel.experts)
    scores = []
    for number, merit in enumerate(true):
        own = np.arange(number % panel.fields, panel.experts, panel.fields)
        chosen = own[np.lexsort((chance.random(len(own)), loads[own]))[: panel.each]]
        loads[chosen] += 1
        totals = merit + offsets[chosen] + panel.unsure * noise(panel.noise, len(chosen), chance)
        for expert, total in zip(chosen, np.clip(np.round(totals, 1), 0, 100), strict=True):
            scores.append(GivenScore(f"S{number:05}", f"E{expert:04}", Decimal(f"{total:.1f}")))
    return scores, true


def noise(kind: Noise, count: int, chance: np.random.Generator) -> np.ndarray:
    drawn = chance.normal(0, POINTS, count)
    if kind == "outliers":
        wild = chance.random(count) < 1 / 15
        drawn[wild] += chance.choice([-40.0, 40.0], int(wild.sum()))
    return drawn


def z_scored(scores: list[GivenScore]) -> list[float]:
    """The mean of each expert's scores standardised by that expert's own mean and deviation."""
    by_expert, by_submission = defaultdict(list), defaultdict(list)
    for score in scores:
        by_expert[score.expert].append(float(score.total))
    for score in scores:
        own = by_expert[score.expert]
        by_submission[score.submission].append((float(score.total) - np.mean(own)) / (np.std(own) or 1.0))
    return [float(np.mean(by_submission[number])) for number in sorted(by_submission)]


if __name__ == "__main__":
    main()
