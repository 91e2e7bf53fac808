"""Recomputes where every subject stands from its history alone, by the tables of the two machines.

Pure: an iterable of entries goes in (rows of the database, or lines of an export), standings
come out. Nothing is read from the tables that the history explains.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from models.enums import OUTCOMES, ObjectionState, Outcome, SubmissionState, Trigger
from states.audit.chain import Entry
from states.call import CALL
from states.machine import TransitionTable
from states.objection import OBJECTION
from states.submission import SUBMISSION

_WORDS = frozenset(Trigger)
_ARCHIVED = SubmissionState.ARCHIVED.value


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands; for a call only the state says something."""

    state: str
    archived_from: str | None = None
    outcome: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Illegal:
    """An entry that no transition would have written."""

    sequence: int
    sentence: str


def replay(entries: Iterable[Entry]) -> Iterator[tuple[str, Standing]]:
    """Where every subject stands, from entries ordered by subject and sequence. Illegal steps count."""
    for subject, own in groupby(entries, key=lambda entry: str(entry["subject"])):
        standing, _ = replay_subject(subject, own)
        if standing is not None:
            yield subject, standing


def replay_subject(subject: str, entries: Iterable[Entry]) -> tuple[Standing | None, list[Illegal]]:
    """Where one subject stands after its entries, and the entries that took no legal step."""
    entries = list(entries)
    standing, problems = _walk(subject.startswith("call/"), tuple(map(_step_of, entries)))
    return standing, [Illegal(entries[place]["sequence"], problem) for place, problem in problems]


class _Step(NamedTuple):
    """What of an entry decides where it leads; `facts` only where they do."""

    trigger: str
    source: str
    target: str
    role: str
    facts: str


def _step_of(entry: Entry) -> _Step:
    trigger, target = entry["trigger"], entry["to_state"]
    decides = target == _ARCHIVED or trigger in _TIERS or trigger in _OBJECTION.triggers
    facts = entry["facts"] if decides else ""
    return _Step(trigger, entry["from_state"], target, str(entry["actor"]).partition(":")[0], facts)


@lru_cache(maxsize=4096)
def _walk(is_call: bool, steps: tuple[_Step, ...]) -> tuple[Standing | None, tuple[tuple[int, str], ...]]:
    """Where these steps lead, and which of them are not legal. Most submissions of a season go one of a few ways."""
    legal = _CALL if is_call else _SUBMISSION
    standing: Standing | None = None
    illegal, objections = [], dict[Any, str]()
    for place, step in enumerate(steps):
        if problem := legal.problem(standing, step) or _objection_problem(objections, step):
            illegal.append((place, problem))
        standing = _after(standing, step)
    return standing, tuple(illegal)


def facts_of(entry: Entry) -> dict[str, Any]:
    """The facts of an entry; empty when they are no JSON object (the chain's check names those)."""
    return _parsed(entry["facts"])


def _parsed(text: str) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


class _Legal:
    """The edges of one machine as (trigger, from, to) with the roles that may take them."""

    def __init__(self, table: TransitionTable[Any]) -> None:
        self.triggers = frozenset(table.triggers)
        self.roles: dict[tuple[str, str, str], tuple[str, ...]] = {}
        for edge in table.edges:
            key = (edge.trigger, edge.source.value if edge.source else "", edge.target.value)
            self.roles[key] = self.roles.get(key, ()) + tuple(role.value for role in edge.by)

    def problem(self, standing: Standing | None, step: _Step) -> str:
        """Why it is no legal step from where its subject stood, or nothing."""
        trigger, source, target, role, _ = step
        before = standing.state if standing else ""
        if source != before:
            return f"it comes from {source or 'nothing'}, but the entry before led to {before or 'nothing'}"
        if trigger not in self.triggers:
            if trigger not in _WORDS:
                return f"{trigger!r} is no word of the record"
            moved = not source or source != target
            return f"{trigger} moves nothing, yet {source or 'nothing'} became {target}" if moved else ""
        roles = self.roles.get((trigger, source, target))
        if roles is None:
            return f"{trigger} does not lead from {source or 'nothing'} to {target}"
        if role not in roles:
            return f"{trigger} is not for {role or 'nobody'} to do"
        return _outcome_problem(standing, step) if standing else ""


def _objection_problem(standing: dict[Any, str], step: _Step) -> str:
    """Why a step of an objection is none that its machine has; what each of them led to is kept in `standing`."""
    trigger = step.trigger
    if trigger not in _OBJECTION.triggers:
        return ""
    facts = _parsed(step.facts)
    known = facts.get("objection")
    if "to" not in facts:  # earlier versions took and answered, and knew no more
        standing[known] = _EARLIER.get(trigger, "")
        return "" if trigger in _EARLIER else f"{trigger} says not where objection {known} stands"
    source, target, before = facts.get("from"), facts["to"], standing.get(known, "")
    standing[known] = target
    if source != before:
        return f"objection {known} comes from {source or 'nothing'}, but stood at {before or 'nothing'}"
    roles = _OBJECTION.roles.get((trigger, source, target))
    if roles is None:
        return f"{trigger} does not lead objection {known} from {source or 'nothing'} to {target}"
    return "" if step.role in roles else f"{trigger} is not for {step.role or 'nobody'} to do"


_TIERS = (Trigger.AWARD, Trigger.CHANGE_TIER)
_EARLIER: dict[str, str] = {
    Trigger.RAISE_OBJECTION: ObjectionState.ACCEPTED.value,
    Trigger.ANSWER_OBJECTION: ObjectionState.CLOSED.value,
}


def _outcome_problem(standing: Standing, step: _Step) -> str:
    trigger, _, target, role, facts = step
    if trigger == Trigger.REINSTATE and target != standing.archived_from:
        return f"it goes back to {target}, but the submission came from {standing.archived_from}"
    if trigger == Trigger.REVOKE and standing.state == _ARCHIVED and standing.outcome != Outcome.COMPLETED.value:
        return f"it revokes what was archived as {standing.outcome}"
    if trigger == Trigger.CHANGE_TIER and standing.state == _ARCHIVED and standing.outcome != Outcome.COMPLETED.value:
        return f"it gives a tier to what was archived as {standing.outcome}"
    if trigger != Trigger.ARCHIVE:
        return ""
    outcome = _parsed(facts).get("outcome")
    if outcome not in set(Outcome):
        return f"it archives with the outcome {outcome!r}, which does not exist"
    states, roles = next(rule for known, rule in OUTCOMES.items() if known == outcome)
    if standing.state not in states:
        return f"the outcome {outcome} is not possible from {standing.state}"
    return "" if role in roles else f"the outcome {outcome} is not for {role} to give"


def _after(standing: Standing | None, step: _Step) -> Standing:
    trigger, _, target, _, facts = step
    before = standing or Standing("")
    if trigger == Trigger.REVOKE:
        origin = before.archived_from if before.state == _ARCHIVED else before.state
        return Standing(target, origin, Outcome.REVOKED.value, before.tier)
    if trigger == Trigger.CHANGE_TIER and before.tier is not None:
        return replace(before, tier=_parsed(facts).get("tier"))
    if target == before.state:
        return before
    if target == _ARCHIVED:
        return Standing(target, before.state, _parsed(facts).get("outcome"), before.tier)
    tier = _parsed(facts).get("tier") if trigger == Trigger.AWARD else before.tier
    return replace(before, state=target, archived_from=None, outcome=None, tier=tier)


_SUBMISSION = _Legal(SUBMISSION)
_CALL = _Legal(CALL)
_OBJECTION = _Legal(OBJECTION)
