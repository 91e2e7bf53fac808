"""Which submission and expert may never meet, and why. Keys are looked up, pairs are not tried.

A namesake is taken for the contributor when the organisation agrees,
or when one of the two gave none.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.enums import Labelled
from states.rules.names import name_key
from states.rules.reviewers.organisations import credit_code_key, organisation_key, organisation_keys


class ConflictKind(Labelled):
    """Why a pair is barred."""

    CONTRIBUTES = "contributes", "专家本人是本年度申报项目的完成人"
    SAME_ORGANISATION = "same_organisation", "专家与该项目的完成人或申报单位同属一个单位"
    DECLARED = "declared", "专家已声明与该项目的人员或单位存在利害关系"
    UNIT_STAFF = "unit_staff", "专家是推荐该项目的区县科协的工作人员"
    RECUSED = "recused", "专家已对该项目申请回避"


@dataclass(frozen=True, slots=True)
class Affiliation:
    name: str
    credit_code: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A contributor and the organisation they gave."""

    name: str
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Parties:
    """Everybody behind one submission; `unit` is the code of its reporting unit."""

    submission: str
    unit: str
    organisations: tuple[Affiliation, ...]
    contributors: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Reviewer:
    """An expert as the pool knows them."""

    id: str
    name: str
    organisation: str
    credit_code: str = ""


@dataclass(frozen=True)
class Conflicts:
    """All barred pairs: `everywhere` by expert, `pairs` by (submission, expert); findings in order of kind."""

    submissions: frozenset[str]
    everywhere: Mapping[str, tuple[ConflictKind, ...]]
    pairs: Mapping[tuple[str, str], tuple[ConflictKind, ...]]

    def findings(self, submission: str, expert: str) -> tuple[ConflictKind, ...]:
        """Why this pair is barred; empty if it is not."""
        return (*self.everywhere.get(expert, ()), *self.pairs.get((submission, expert), ()))

    def forbids(self, submission: str, expert: str) -> bool:
        return expert in self.everywhere or (submission, expert) in self.pairs

    def matrix(self, submissions: Sequence[str], experts: Sequence[str]) -> NDArray[np.bool_]:
        """bool[P,R] for the assignment: True where the pair is barred."""
        row = {number: index for index, number in enumerate(submissions)}
        column = {expert: index for index, expert in enumerate(experts)}
        barred = np.zeros((len(row), len(column)), dtype=bool)
        for submission, expert in self.pairs:
            if submission in row and expert in column:
                barred[row[submission], column[expert]] = True
        barred[:, [column[expert] for expert in self.everywhere if expert in column]] = True
        return barred


_Pairs = dict[tuple[str, str], set[ConflictKind]]


@dataclass
class _Index:
    """Submissions by key: of their organisations, contributors and reporting unit."""

    by_organisation: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_person: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_unit: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def find_conflicts(
    submissions: Collection[Parties],
    experts: Iterable[Reviewer],
    *,
    also_submitted: Iterable[Parties] = (),
    declared: Iterable[tuple[str, str]] = (),
    recused: Iterable[tuple[str, str]] = (),
    unit_names: Mapping[str, Collection[str]] | None = None,
) -> Conflicts:
    """Every barred pair of the submissions and experts given, with all its reasons.

    `also_submitted`: the season's other submissions (not recommended, withdrawn), whose
    contributors may not review either. `declared`: (expert, name or credit code of a person
    or organisation). `recused`: (expert, submission). `unit_names`: a unit's names (万州区) by
    code where the season bars a unit's own staff, else None.
    """
    index = _index(submissions)
    authors = _authors([*submissions, *also_submitted])
    known, pairs = {expert.id: expert for expert in experts}, _Pairs()
    everywhere: dict[str, tuple[ConflictKind, ...]] = {}
    for expert in known.values():
        if _contributes(expert, authors):
            everywhere[expert.id] = (ConflictKind.CONTRIBUTES,)
        for key in sorted(organisation_keys(expert.organisation, expert.credit_code)):
            _bar(pairs, index.by_organisation.get(key, ()), expert.id, ConflictKind.SAME_ORGANISATION)
        for unit in _own_units(expert, unit_names or {}):
            _bar(pairs, index.by_unit.get(unit, ()), expert.id, ConflictKind.UNIT_STAFF)
    for expert_id, name in sorted(declared):
        if expert_id in known:
            _bar_declared(pairs, index, expert_id, name)
    numbers = frozenset(submission.submission for submission in submissions)
    for expert_id, submission in recused:
        if expert_id in known and submission in numbers:
            _bar(pairs, (submission,), expert_id, ConflictKind.RECUSED)
    return Conflicts(numbers, everywhere, {pair: _in_order(found) for pair, found in pairs.items()})


def _index(submissions: Iterable[Parties]) -> _Index:
    index = _Index()
    for submission in submissions:
        index.by_unit[submission.unit].add(submission.submission)
        for organisation in submission.organisations:
            for key in organisation_keys(organisation.name, organisation.credit_code):
                index.by_organisation[key].add(submission.submission)
        for person in submission.contributors:
            index.by_person[name_key(person.name)].add(submission.submission)
            if key := organisation_key(person.organisation):
                index.by_organisation[key].add(submission.submission)
    return index


def _authors(submissions: Iterable[Parties]) -> dict[str, list[frozenset[str]]]:
    """The keys of each contributor's organisation, by the contributor's name key."""
    authors: dict[str, list[frozenset[str]]] = defaultdict(list)
    for submission in submissions:
        organisations = [organisation_keys(other.name, other.credit_code) for other in submission.organisations]
        every = frozenset().union(*organisations)
        for person in submission.contributors:
            own = organisation_keys(person.organisation)
            codes = frozenset().union(*(keys for keys in organisations if keys & own))
            authors[name_key(person.name)].append(own | codes if own else every)
    return authors


def _contributes(expert: Reviewer, authors: Mapping[str, Sequence[frozenset[str]]]) -> bool:
    own = organisation_keys(expert.organisation, expert.credit_code)
    return any(not own or not keys or own & keys for keys in authors.get(name_key(expert.name), ()))


def _own_units(expert: Reviewer, unit_names: Mapping[str, Collection[str]]) -> list[str]:
    """The units whose association (区县科协), or a department of it, the expert works for."""
    works_for = organisation_key(expert.organisation)
    offices = ((unit, organisation_key(f"{name}科协")) for unit, names in unit_names.items() for name in names)
    return sorted({unit for unit, office in offices if works_for.startswith(office)})


def _bar_declared(pairs: _Pairs, index: _Index, expert: str, name: str) -> None:
    _bar(pairs, index.by_person.get(name_key(name), ()), expert, ConflictKind.DECLARED)
    for key in filter(None, (organisation_key(name), credit_code_key(name))):
        _bar(pairs, index.by_organisation.get(key, ()), expert, ConflictKind.DECLARED)


def _bar(pairs: _Pairs, submissions: Iterable[str], expert: str, kind: ConflictKind) -> None:
    for submission in submissions:
        pairs.setdefault((submission, expert), set()).add(kind)


def _in_order(found: Collection[ConflictKind]) -> tuple[ConflictKind, ...]:
    return tuple(kind for kind in ConflictKind if kind in found)
