"""What the record says of a season, unit by unit and submission by submission: every fact with the entry that says it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from config.milestones import Milestone
from models.enums import Carrier, Category, ObjectionResult, ObjectionState, Outcome, Tier, Trigger, Use
from states.numbers import Number

_UPHELD = {result.value for result in ObjectionResult if result is not ObjectionResult.REJECTED} | {
    ObjectionState.UPHELD.value
}


class EntryPlace(NamedTuple):
    """One entry of the record, by where it stands."""

    subject: str
    sequence: int


class Said(NamedTuple):
    """One entry about the season as a whole, with what it says."""

    entry: EntryPlace
    trigger: str
    at: datetime
    reason: str
    facts: Mapping[str, Any]


@dataclass
class Dispute:
    """An objection to a submission, as its last entry leaves it."""

    kind: str
    entries: list[EntryPlace]
    state: str = ""
    upheld: EntryPlace | None = None


@dataclass
class CaseRecord:
    """One submission as the record tells it; a fact that has no entry did not happen."""

    number: str
    unit: str
    submitted: EntryPlace
    admitted: bool
    category: Category
    carrier: Carrier
    contributors: int
    changed: list[EntryPlace] = field(default_factory=list)
    corrections: list[EntryPlace] = field(default_factory=list)
    lapsed: EntryPlace | None = None
    judged: EntryPlace | None = None
    district_total: Decimal | None = None
    recommended: bool = False
    not_reviewed: EntryPlace | None = None
    scores: dict[str, tuple[Decimal, EntryPlace]] = field(default_factory=dict)  # of the first round, by who gave them
    recused: list[EntryPlace] = field(default_factory=list)
    scored: EntryPlace | None = None
    merit: Decimal | None = None
    raw_mean: Decimal | None = None
    awarded: EntryPlace | None = None
    tier: Tier | None = None
    taken_away: tuple[EntryPlace, Tier] | None = None
    revoked: EntryPlace | None = None
    outcome: Outcome | None = None
    asked: bool = False
    answered: EntryPlace | None = None
    use: Use | None = None
    benefit: Decimal | None = None
    places: int | None = None
    disputes: dict[int, Dispute] = field(default_factory=dict)

    @property
    def upheld(self) -> list[EntryPlace]:
        """The answers by which objections stand as upheld."""
        return [dispute.upheld for dispute in self.disputes.values() if dispute.upheld is not None]


@dataclass
class SeasonTold:
    """A season as its record tells it. `mobilised`: different organisations and people by unit, and where it says so."""

    cases: dict[str, CaseRecord] = field(default_factory=dict)
    call: list[Said] = field(default_factory=list)
    mobilised: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    counted: EntryPlace | None = None
    practices: dict[str, tuple[str, EntryPlace]] = field(default_factory=dict)  # by number: the unit, the last entry

    def of(self, *triggers: Trigger) -> list[Said]:
        """What was said of the season by some words, in their order."""
        return [said for said in self.call if said.trigger in triggers]


def read_record(entries: Iterable[Mapping[str, Any]]) -> SeasonTold:
    """A season's entries, which come by subject and sequence."""
    told = SeasonTold()
    for subject, own in groupby(entries, key=lambda entry: str(entry["subject"])):
        kind, _, name = subject.partition("/")
        if kind == "submission":
            case = _case(name, own)
            if case is not None:
                told.cases[name] = case
        elif kind == "call":
            told.call += [_said(row) for row in own]
    if not any(str(said.facts.get("milestone", "")).startswith(f"{Milestone.FOLLOW_UP}/") for said in told.call):
        for case in told.cases.values():
            case.asked = False  # a year has not gone by
    for said in told.of(Trigger.RECORD_PRACTICE):
        told.practices[said.facts["practice"]] = said.facts["unit"], said.entry
    for said in told.call:
        if "mobilised" in said.facts:
            told.counted = said.entry
            told.mobilised = {unit: (bodies, people) for unit, (bodies, people) in said.facts["mobilised"].items()}
    return told


def _said(row: Mapping[str, Any]) -> Said:
    entry, facts = EntryPlace(row["subject"], row["sequence"]), json.loads(row["facts"])
    at = datetime.fromisoformat(facts.get("as_of", row["at"]))
    return Said(entry, row["trigger"], at, row["reason"], facts)


def _case(number: str, entries: Iterable[Mapping[str, Any]]) -> CaseRecord | None:
    case: CaseRecord | None = None
    for row in entries:
        facts, entry = json.loads(row["facts"]), EntryPlace(row["subject"], row["sequence"])
        trigger = row["trigger"]
        if trigger == Trigger.SUBMIT:
            case = CaseRecord(
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
            _note_award(case, trigger, facts, entry)
    return case


def _note(case: CaseRecord, trigger: str, facts: Mapping[str, Any], entry: EntryPlace) -> None:
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
    elif trigger == Trigger.RECORD_SCORE and facts["round"] == 1:
        case.scores[facts["expert"]] = Decimal(facts["total"]), entry
    elif trigger == Trigger.RECUSE:
        case.recused.append(entry)
        case.scores.pop(facts["expert"], None)
    elif trigger == Trigger.RECORD_FINAL_REVIEW:
        case.scored, case.merit = entry, Decimal(facts["merit"])
        case.raw_mean = Decimal(facts.get("raw_mean", facts["merit"]))


def _note_award(case: CaseRecord, trigger: str, facts: Mapping[str, Any], entry: EntryPlace) -> None:
    """From the award on: what was given and taken, what was objected, what became of it."""
    if trigger in (Trigger.AWARD, Trigger.CHANGE_TIER):
        case.tier = Tier(facts["tier"])
        case.awarded = entry if trigger == Trigger.AWARD else case.awarded
    elif trigger == Trigger.ARCHIVE:
        case.outcome = Outcome(facts["outcome"])
        case.asked = case.outcome is Outcome.COMPLETED
        case.not_reviewed = entry if case.outcome is Outcome.NOT_REVIEWED else case.not_reviewed
    elif trigger == Trigger.REVOKE:
        if case.awarded is not None and case.tier is not None:
            case.taken_away = case.awarded, case.tier
        case.awarded, case.tier, case.asked, case.revoked = None, None, False, entry
        case.outcome = Outcome.REVOKED
    elif trigger == Trigger.REINSTATE:
        case.not_reviewed = case.revoked = case.outcome = None
        if case.taken_away is not None:
            # What was revoked can only come back as what it was: awarded.
            (case.awarded, case.tier), case.taken_away = case.taken_away, None
    elif trigger == Trigger.RECORD_FOLLOW_UP:
        case.answered, case.use = entry, Use(facts["use"])
        case.benefit = Decimal(facts["benefit_economic"]) if "benefit_economic" in facts else None
        case.places = facts.get("places")
    elif "objection" in facts:
        _note_dispute(case, trigger, facts, entry)


def _note_dispute(case: CaseRecord, trigger: str, facts: Mapping[str, Any], entry: EntryPlace) -> None:
    known = Dispute(facts.get("kind", ""), [])
    dispute = case.disputes.setdefault(facts["objection"], known)
    dispute.entries.append(entry)
    dispute.state = facts.get("to", dispute.state)
    if trigger == Trigger.ANSWER_OBJECTION:
        # The answer to a reconsideration, which closes it, stands in the place of the first.
        found = facts.get("result") or facts.get("decision")  # as earlier versions said it
        dispute.upheld = entry if found in _UPHELD else None
