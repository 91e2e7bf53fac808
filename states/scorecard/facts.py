"""What the record says of each unit's submissions: every fact with the entry that says it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from models.enums import Carrier, Category, ObjectionState, Outcome, Tier, Trigger, Use
from states.numbers import Number


class Entry(NamedTuple):
    """One entry of the record, by where it stands."""

    subject: str
    sequence: int


@dataclass
class Case:
    """One submission as the record tells it; a fact that has no entry did not happen."""

    number: str
    unit: str
    submitted: Entry
    admitted: bool
    category: Category
    carrier: Carrier
    contributors: int
    changed: list[Entry] = field(default_factory=list)
    corrections: list[Entry] = field(default_factory=list)
    lapsed: Entry | None = None
    judged: Entry | None = None
    district_total: Decimal | None = None
    recommended: bool = False
    not_reviewed: Entry | None = None
    scored: Entry | None = None
    merit: Decimal | None = None
    awarded: Entry | None = None
    tier: Tier | None = None
    taken_away: tuple[Entry, Tier] | None = None
    asked: bool = False
    answered: Entry | None = None
    use: Use | None = None
    upheld: list[Entry] = field(default_factory=list)


def read_cases(entries: Iterable[Mapping[str, Any]]) -> dict[str, Case]:
    """The submissions of a season's entries, by number. Entries come by subject and sequence."""
    found: dict[str, Case] = {}
    for subject, own in groupby(entries, key=lambda entry: str(entry["subject"])):
        kind, _, name = subject.partition("/")
        if kind == "submission":
            case = _case(name, own)
            if case is not None:
                found[name] = case
    return found


def _case(number: str, entries: Iterable[Mapping[str, Any]]) -> Case | None:
    case: Case | None = None
    for row in entries:
        facts, entry = json.loads(row["facts"]), Entry(row["subject"], row["sequence"])
        trigger = row["trigger"]
        if trigger == Trigger.SUBMIT:
            case = Case(
                number,
                Number.of(number).unit,
                entry,
                bool(facts["admitted"]),
                Category(facts["category"]),
                Carrier(facts["carrier"]),
                int(facts["contributors"]),
            )
        elif case is not None:
            _note(case, trigger, facts, entry)
    return case


def _note(case: Case, trigger: str, facts: Mapping[str, Any], entry: Entry) -> None:
    if trigger == Trigger.AMEND:
        case.changed.append(entry)
        case.category, case.carrier = Category(facts["category"]), Carrier(facts["carrier"])
        case.contributors = int(facts["contributors"])
    elif trigger == Trigger.ASK_CORRECTION:
        case.corrections.append(entry)
    elif trigger == Trigger.LAPSE_CORRECTION:
        case.lapsed = entry
    elif trigger in (Trigger.RECORD_DISTRICT_REVIEW, Trigger.AMEND_VERDICT):
        case.judged, case.district_total = entry, Decimal(facts["total"])
        case.recommended = facts["verdict"] == "recommended"
    elif trigger == Trigger.RECORD_FINAL_REVIEW:
        case.scored, case.merit = entry, Decimal(facts["merit"])
    elif trigger == Trigger.AWARD:
        case.awarded, case.tier = entry, Tier(facts["tier"])
    elif trigger == Trigger.ARCHIVE:
        case.asked = facts["outcome"] == Outcome.COMPLETED
        if facts["outcome"] == Outcome.NOT_REVIEWED:
            case.not_reviewed = entry
    elif trigger == Trigger.REVOKE:
        if case.awarded is not None and case.tier is not None:
            case.taken_away = case.awarded, case.tier
        case.awarded, case.tier, case.asked = None, None, False
    elif trigger == Trigger.REINSTATE:
        case.not_reviewed = None
        if case.taken_away is not None:
            # What was revoked can only come back as what it was: awarded.
            (case.awarded, case.tier), case.taken_away = case.taken_away, None
    elif trigger == Trigger.RECORD_FOLLOW_UP:
        case.answered, case.use = entry, Use(facts["use"])
    elif trigger == Trigger.ANSWER_OBJECTION and facts.get("decision") == ObjectionState.UPHELD:
        case.upheld.append(entry)
