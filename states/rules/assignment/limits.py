"""Whether an assignment exists at all, and if not, which submissions and which limits stand in the way.

Cheap necessary conditions come first. Then a maximum flow decides, and its minimum cut
is the reason (Hall's theorem with capacities): either some submissions together need
more experts than are left for them, or some experts must together be given more
submissions than they may see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import GangchuangError
from states.rules.assignment.instance import Instance, Ints

NAMED_AT_MOST = 12


@dataclass(frozen=True)
class Names:
    """What a sentence calls submissions and experts; their row and column numbers where no names are given."""

    of_submissions: Sequence[str] | None = None
    of_experts: Sequence[str] | None = None

    def submissions(self, rows: Ints) -> str:
        return _listed("submission", rows, self.of_submissions)

    def experts(self, columns: Ints) -> str:
        return _listed("expert", columns, self.of_experts)

    def submission(self, row: int) -> str:
        return f"submission {_name(row, self.of_submissions)}"

    def expert(self, column: int) -> str:
        return f"expert {_name(column, self.of_experts)}"


Sentence = Callable[[Names], str]


class AssignmentInfeasible(GangchuangError):
    """No assignment keeps every limit.

    `submissions` and `experts` are row and column numbers, `needed` and `available` count
    reviews, `limit` says which limit breaks: "per_paper", "max_load" or "min_load".
    """

    def __init__(
        self, sentence: Sentence, *, limit: str, submissions: Ints, experts: Ints, needed: int, available: int
    ) -> None:
        self.limit = limit
        self.submissions = tuple(int(number) for number in submissions)
        self.experts = tuple(int(number) for number in experts)
        self.needed = needed
        self.available = available
        self._sentence = sentence
        super().__init__(_upper(sentence(Names())))

    def told(self, submissions: Sequence[str], experts: Sequence[str]) -> str:
        """The sentence with these names of all rows and columns instead of their numbers."""
        return _upper(self._sentence(Names(submissions, experts)))


@dataclass(frozen=True)
class MinimumCut:
    """A minimum cut: the submissions and experts on the source's side, and on which side the spare places are."""

    papers: NDArray[np.bool_]
    experts: NDArray[np.bool_]
    spare: bool


def refuse_the_obvious(instance: Instance) -> None:
    """The conditions that need no search. Raises AssignmentInfeasible."""
    _refuse_crossed_loads(instance)
    _refuse_totals(instance)
    allowed = instance.scores > -np.inf
    _refuse_lonely_submissions(instance, allowed.sum(axis=1))
    _refuse_idle_experts(instance, allowed.sum(axis=0))


def explained(instance: Instance) -> AssignmentInfeasible:
    """Why no assignment exists, where no obvious condition says so."""
    cut = minimum_cut(instance)
    assert cut is not None
    return _explain_idle(instance, cut) if cut.spare else _explain_crowd(instance, cut)


def minimum_cut(instance: Instance) -> MinimumCut | None:
    """None when there is an assignment; otherwise the source's side of a minimum cut."""
    from ortools.graph.python import max_flow

    keys = instance.all_pairs()
    P, R = instance.shape
    source, spare, sink = P + R, P + R + 1, P + R + 2
    papers, experts = instance.split(keys)
    need, floor = int(instance.wanted.sum()), int(instance.least.sum())
    P_nodes, R_nodes = np.arange(P), np.arange(P, P + R)
    tails = np.concatenate([papers, np.full(P, source), R_nodes, R_nodes, [spare]])
    heads = np.concatenate([experts + P, P_nodes, np.full(R, sink), np.full(R, spare), [sink]])
    room: list[Any] = [
        np.ones(keys.size),
        instance.wanted,
        instance.least,
        instance.most - instance.least,
        [need - floor],
    ]
    flow = max_flow.SimpleMaxFlow()
    flow.add_arcs_with_capacity(tails.astype(np.int32), heads.astype(np.int32), np.concatenate(room).astype(np.int64))
    flow.solve(source, sink)
    if flow.optimal_flow() == need:
        return None
    side = np.zeros(P + R + 3, dtype=bool)
    side[np.asarray(flow.get_source_side_min_cut(), dtype=np.int64)] = True
    return MinimumCut(papers=side[:P], experts=side[P : P + R], spare=bool(side[spare]))


def _refuse_crossed_loads(instance: Instance) -> None:
    crossed = np.flatnonzero(instance.least > instance.most)
    if crossed.size:
        raise AssignmentInfeasible(
            lambda names: f"The minimum load of {names.experts(crossed)} is above the maximum load; lower it.",
            limit="min_load",
            submissions=np.array([], dtype=np.int64),
            experts=crossed,
            needed=int(instance.least[crossed].sum()),
            available=int(instance.most[crossed].sum()),
        )


def _refuse_totals(instance: Instance) -> None:
    need, places, floor = (int(a.sum()) for a in (instance.wanted, instance.most, instance.least))
    everybody, everyone = np.flatnonzero(instance.wanted), np.arange(instance.shape[1])
    if need > places:
        raise AssignmentInfeasible(
            lambda _: (
                f"All submissions together need {need} reviews, but all experts together take at most {places}; "
                f"raise the maximum load, add experts, or ask for fewer experts per submission."
            ),
            limit="max_load",
            submissions=everybody,
            experts=everyone,
            needed=need,
            available=places,
        )
    if floor > need:
        raise AssignmentInfeasible(
            lambda _: (
                f"The minimum loads add up to {floor} reviews, but all submissions together need only {need}; "
                f"lower the minimum loads."
            ),
            limit="min_load",
            submissions=everybody,
            experts=np.flatnonzero(instance.least),
            needed=floor,
            available=need,
        )


def _refuse_lonely_submissions(instance: Instance, choices: Ints) -> None:
    lonely = np.flatnonzero(choices < instance.wanted)
    if lonely.size:
        first = int(lonely[0])
        raise AssignmentInfeasible(
            lambda names: (
                f"{names.submissions(lonely)} cannot have enough experts out of conflict: "
                f"{names.submission(first)} needs {instance.wanted[first]}, only {choices[first]} are left; "
                f"add experts of that field."
            ),
            limit="per_paper",
            submissions=lonely,
            experts=np.array([], dtype=np.int64),
            needed=int(instance.wanted[lonely].sum()),
            available=int(choices[lonely].sum()),
        )


def _refuse_idle_experts(instance: Instance, choices: Ints) -> None:
    idle = np.flatnonzero(choices < instance.least)
    if idle.size:
        first = int(idle[0])
        raise AssignmentInfeasible(
            lambda names: (
                f"{names.experts(idle)} cannot reach the minimum load: {names.expert(first)} must see "
                f"{instance.least[first]}, only {choices[first]} submissions are out of conflict; lower the minimum."
            ),
            limit="min_load",
            submissions=np.array([], dtype=np.int64),
            experts=idle,
            needed=int(instance.least[idle].sum()),
            available=int(choices[idle].sum()),
        )


def _explain_crowd(instance: Instance, cut: MinimumCut) -> AssignmentInfeasible:
    """MinimumCut papers need more than the load of the experts they share plus one each from the experts outside."""
    papers = np.flatnonzero(cut.papers)
    allowed = instance.scores[papers] > -np.inf
    shared = np.flatnonzero(cut.experts & allowed.any(axis=0))
    outside = int(allowed[:, ~cut.experts].sum())
    need, room = int(instance.wanted[papers].sum()), int(instance.most[shared].sum())
    return AssignmentInfeasible(
        lambda names: (
            f"{names.submissions(papers)} together need {need} reviews, but only {room + outside} places "
            f"are left out of conflict: {names.experts(shared)} may take {room} in all, the others {outside}; "
            f"raise their maximum load or add experts without these conflicts."
        ),
        limit="max_load",
        submissions=papers,
        experts=shared,
        needed=need,
        available=room + outside,
    )


def _explain_idle(instance: Instance, cut: MinimumCut) -> AssignmentInfeasible:
    """The experts beyond the cut must see more than the papers beyond it want and the pairs across it allow."""
    experts = np.flatnonzero(~cut.experts & (instance.least > 0))
    papers = np.flatnonzero(~cut.papers & instance.needy())
    across = int((instance.scores[np.ix_(cut.papers, ~cut.experts)] > -np.inf).sum())
    need, room = int(instance.least[experts].sum()), int(instance.wanted[papers].sum()) + across
    return AssignmentInfeasible(
        lambda names: (
            f"{names.experts(experts)} must together be given {need} submissions, but out of conflict "
            f"there are only {room}: {names.submissions(papers)} and {across} single reviews of others; "
            f"lower their minimum load."
        ),
        limit="min_load",
        submissions=papers,
        experts=experts,
        needed=need,
        available=room,
    )


def _listed(noun: str, numbers: Ints, names: Sequence[str] | None) -> str:
    if numbers.size == 0:
        return f"no {noun}"
    shown = ", ".join(_name(int(number), names) for number in numbers[:NAMED_AT_MOST])
    more = f" and {numbers.size - NAMED_AT_MOST} more" if numbers.size > NAMED_AT_MOST else ""
    return f"{noun}{'s' if numbers.size > 1 else ''} {{{shown}}}{more}"


def _name(number: int, names: Sequence[str] | None) -> str:
    return str(number) if names is None else names[number]


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
