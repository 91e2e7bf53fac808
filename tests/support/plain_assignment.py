"""The optima of an assignment by one plain program over all pairs: slow, and independent of the rules."""

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

Array = np.ndarray


def best_total(
    similarity: Array, per_paper: Array, max_load: Array, conflicts: Array, min_load: Array, floor: float | None = None
) -> float:
    """The largest total where every submission that wants anybody has at least the floor; nan if there is none."""
    return _optimum(similarity, per_paper, max_load, conflicts, min_load, floor=floor, level=False)


def best_worst(similarity: Array, per_paper: Array, max_load: Array, conflicts: Array, min_load: Array) -> float:
    """The largest score that all submissions can have at once; nan if there is no assignment."""
    return _optimum(similarity, per_paper, max_load, conflicts, min_load, floor=None, level=True)


def _optimum(
    scores: Array, wanted: Array, most: Array, barred: Array, least: Array, *, floor: float | None, level: bool
) -> float:
    P, R = scores.shape
    papers, experts = np.nonzero(~barred)
    n = papers.size
    places, ones = np.arange(n), np.ones(n)
    by_paper = sparse.csr_matrix((ones, (papers, places)), (P, n + 1))
    by_expert = sparse.csr_matrix((ones, (experts, places)), (R, n + 1))
    needy = wanted > 0
    served = sparse.csr_matrix((scores[papers, experts], (papers, places)), (P, n))[needy]
    above = sparse.hstack([served, -np.ones((int(needy.sum()), 1))]).tocsr()
    limits = [LinearConstraint(by_paper, wanted, wanted), LinearConstraint(by_expert, least, most)]
    limits.append(LinearConstraint(above, 0.0, np.inf))
    lowest = -1e3 if floor is None else floor - 1e-9
    worth = np.append(np.zeros(n) if level else scores[papers, experts], 1.0 if level else 0.0)
    reach = Bounds(np.append(np.zeros(n), lowest), np.append(ones, 1e3 if level else lowest))
    found = milp(-worth, integrality=np.append(ones, 0), bounds=reach, constraints=limits, options={"mip_rel_gap": 0})
    return -float(found.fun) if found.status == 0 else float("nan")
