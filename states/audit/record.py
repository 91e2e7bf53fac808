"""An exported record sorted for recomputing, and how a difference is told."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from config.season import Season
from models.enums import Trigger
from states.audit.chain import Entry


@dataclass(frozen=True, slots=True)
class Difference:
    """Something published that does not follow from the record."""

    what: str
    subject: str
    recorded: str
    recomputed: str

    def __str__(self) -> str:
        return f"{self.what} of {self.subject}: recorded {self.recorded}, recomputed {self.recomputed}"


@dataclass
class Record:
    """What the entries say, sorted for recomputing: of the call by trigger, of submissions by number."""

    call: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    entries: dict[str, list[tuple[Entry, dict[str, Any]]]] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)
    submissions: dict[str, list[tuple[Entry, dict[str, Any]]]] = field(default_factory=dict)

    def one(self, trigger: Trigger) -> dict[str, Any]:
        """The facts of the latest entry of a trigger in the call's chain; empty when there is none."""
        return (self.call.get(trigger) or [{}])[-1]

    @property
    def season(self) -> Season:
        return Season.model_validate_json(self.one(Trigger.PLAN)["rules"])

    def facts(self, trigger: Trigger) -> Iterator[tuple[str, dict[str, Any]]]:
        """(number, facts) of every entry of a trigger in the submissions' chains, in the order of the chains."""
        for number, entries in self.submissions.items():
            for entry, facts in entries:
                if entry["trigger"] == trigger:
                    yield number, facts


def read_record(entries: Iterable[Entry]) -> Record:
    """Sort the entries of one season's export."""
    record = Record()
    for entry in entries:
        kind, _, name = entry["subject"].partition("/")
        facts = json.loads(entry["facts"])
        if kind == "call":
            record.call.setdefault(entry["trigger"], []).append(facts)
            record.entries.setdefault(entry["trigger"], []).append((entry, facts))
            record.at[entry["trigger"]] = entry["at"]
        else:
            record.submissions.setdefault(name, []).append((entry, facts))
    return record


def in_the_running(record: Record, trigger: Trigger = Trigger.FREEZE_RANKING) -> list[str]:
    """Submissions that were final reviewed at the moment of the call's latest entry of a trigger."""
    standing = {
        number: [entry["to_state"] for entry, _ in entries if entry["at"] <= record.at[trigger]][-1:]
        for number, entries in record.submissions.items()
    }
    return sorted(number for number, state in standing.items() if state == ["final_reviewed"])


def shortened(value: object) -> str:
    """A value of the record for a sentence."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else text[:120] + "…"
