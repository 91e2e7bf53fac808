"""Which expert reviews which submission: the best assignment within all limits, with its proof.

**The problem.** Nobody in conflict, exact numbers per submission, maximum and minimum loads. Then, by aim: `fair`, the
worst-served submission's score as large as possible; `share`, the worst share (score over what its own best experts would
give) as large as possible at 99.5 % of the largest total or more; `total`, nothing of that. Then the largest total.

**The bounds.** Any prices v of the experts and a weight w of 0 or 1 bound every assignment that keeps floors (`bounds`):
w * total <= sum of the best whole team of each submission at these prices that keeps its floor + what the prices pay.
With w = 1 that bounds the total, or excludes floors that ask for more; with w = 0 it excludes floors whose teams cannot
pay for the places that they need. The best team is found by the floor's Lagrangian and by looking through what its bound
leaves (`teams`). No level is above what some submission's own best gives, nor above the mean of the largest total.

**The search.** The largest total is a minimum-cost flow over few pairs (`flow`, OR-tools); where none exists the minimum
cut says who stands in the way (`limits`). The highest level that nothing excludes is tried (`levels`): prices that whole
teams agree on (`columns`, HiGHS) exclude it or bound its total, and a search of the pairs that an assignment near the
bound can use (`search`, `solver`, HiGHS) closes in on it. What is too much for that is left to trades (`exchange`).

**The certificate.** Prices, level, total and bounds (`certificate`): `faults` repeats every sum with tables alone; `written`
is what the record holds, which `states/history/verify_history.py` checks without any of this. What a search closed is named.

Exact: scores with a common small denominator (up to six decimals) count as whole numbers; others lose at most 2^-45 each
in the flow, and a total within 1e-9 of its bound counts as proven.

**What each part earns.** Without it (`python -m tests.benchmarks.bench_assignment --without PART` for those that are left),
on real and generated rounds up to 600 x 120 under `fair` and `share`; processor seconds beside those with it:

| part | without it | so |
|---|---|---|
| looking through teams ("looking") | 82 for 20, ten proofs of a level lost | kept |
| the middle between levels ("middle") | 96 for 43, one level not reached | kept |
| quick looks first ("shallow") | 47 for 43 | kept for 5,000 x 1,000, not measured there |
| swapping one member of a team | 25 for 25 | deleted |
| prices between two rounds' | 59 for 58 | deleted |
| crowds counted by nested tops | 79 for 89; single rounds of share up to 2.6 times | deleted; the cut's prices stay |
| cores of teams in the search | 44 for 43; 12 for 12 at 2,600 x 1,400 | deleted; floors are rows |
| pairs taken for certain | 25 for 25 | deleted |
| fractions of experts | level 3.643 for 3.647 in the shape hot of 5,000 x 1,000, proven neither way; else the same | deleted |

All of it deleted together: the same level, total and proof on both real rounds and ten small ones (29 processor seconds
for 20), on the shapes even, topics and bids of 5,000 x 1,000 and on tpms of 2,600 x 1,400 (21 for 12). At 5,000 x 1,000
the shapes fields (25 for 10) and hot (41 for 35, slightly worse) were compared only in part; others were not.
"""

from states.rules.assignment.best import Aim, BestAssignment, assign, assign_with_certificate
from states.rules.assignment.certificate import OptimalityCertificate, faults, written
from states.rules.assignment.instance import AssignmentMalformed
from states.rules.assignment.limits import AssignmentInfeasible

__all__ = [
    "Aim",
    "AssignmentInfeasible",
    "AssignmentMalformed",
    "BestAssignment",
    "OptimalityCertificate",
    "assign",
    "assign_with_certificate",
    "faults",
    "written",
]
