"""What the rows about a season's call must hold, by its own chain: dates, draw, seats, votes, list, decisions."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from config.milestones import Milestone
from models.enums import Trigger
from states.addresses import with_address
from states.audit.chain import Entry
from states.audit.replay import facts_of
from states.final_round.approval import TRIGGERS
from states.history.seals import commitments
from states.rules.ranking.placings import PassedOver
from states.rules.reviewers.draw import commitment

Rows = dict[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a chain, read."""

    trigger: str
    at: datetime
    actor: str
    reason: str
    facts: dict[str, Any]

    @property
    def officer(self) -> str:
        return self.actor.partition(":")[2]


def steps(entries: Iterable[Entry], show: Callable[[Any], Any] = lambda said: said) -> list[Step]:
    """The entries of one chain, in their order, as of the instant of the run that wrote each; `show` tells aliases.

    Raises ValueError for an instant that is none.
    """
    told = ((entry, facts_of(entry)) for entry in entries)
    return [
        Step(
            entry["trigger"],
            datetime.fromisoformat(str(facts.get("as_of", entry["at"]))),
            *map(show, (entry["actor"], entry["reason"], facts)),
        )
        for entry, facts in told
    ]


def of(told: Iterable[Step], *triggers: str) -> Iterator[Step]:
    return (step for step in told if step.trigger in triggers)


def first(told: Iterable[Step], *triggers: Trigger) -> Step:
    """The first step of some triggers. Raises IndexError."""
    found = [*of(told, *triggers)]
    return found[0]


def last(told: Iterable[Step], *triggers: Trigger) -> Step:
    """The last step of some triggers. Raises IndexError."""
    return [*of(told, *triggers)][-1]


def calls(year: int, call: list[Step]) -> Rows:
    """The rules in force; the seed once it is revealed (before that only its commitment is known)."""
    rules = first(call, Trigger.PLAN).facts["rules"]
    for step in of(call, Trigger.CORRECT_ADDRESS):
        rules = with_address(rules, step.facts["whose"], step.facts["address"])
    rows = {"rules": rules}
    drawn = [step.facts["seed"] for step in of(call, Trigger.DRAW_PANEL)]
    return {(year,): rows | ({"draw_seed": drawn[-1]} if drawn else {})}


def seed_is_committed(call: list[Step], seed: str) -> bool:
    """Whether a kept seed is the one whose hash went out before the draw."""
    promised = [step.facts["commitment"] for step in of(call, Trigger.COMMIT_DRAW)]
    if not seed:
        # Kept apart from the database until the draw; so it was never where earlier versions had it.
        return not promised or "marks" in last(call, Trigger.COMMIT_DRAW).facts
    if not promised:
        return False
    return len(seed) == 64 and commitment(bytes.fromhex(seed)) == promised[-1]


def key_is_committed(call: list[Step], key: str, erased: bool) -> bool:
    """Whether a season's key of seals is the one that its first entry commits to, or what the deletion left of it."""
    promised = first(call, Trigger.PLAN).facts.get("seals", [])
    try:
        return commitments(key) == (promised[:1] if erased else promised)
    except ValueError:
        return False


def milestones(year: int, call: list[Step]) -> Rows:
    """Every date with what became of it."""
    rows: Rows = {}
    for step in call:
        key = _key(year, step.facts.get("milestone", ""))
        if step.trigger == Trigger.PLAN:
            for name, due_at in step.facts["dates"].items():
                rows[_key(year, name)] = _pending(datetime.fromisoformat(due_at))
        elif step.trigger == Trigger.MOVE_DATE:
            new = datetime.fromisoformat(step.facts["new"])
            rows[key] = {**rows.get(key, _pending(new)), "due_at": new}
            if step.facts.get("reopened"):
                _reopen(rows, key, year, step.at)
        elif "milestone" in step.facts:
            state = "skipped" if step.trigger == Trigger.SKIP_MILESTONE else "done"
            rows[key] = {**rows[key], "state": state, "settled_at": step.at}
    return rows


def _reopen(rows: Rows, key: tuple[Any, ...], year: int, at: datetime) -> None:
    """A ranking that is done again, and with it the vote that follows it."""
    rows[key] = _pending(rows[key]["due_at"])
    votes = (year, Milestone.CLOSE_VOTES.value, 1, "")
    if rows.get(votes, {}).get("state", "pending") != "pending":
        rows[votes] = _pending(at)


def _pending(due_at: datetime) -> dict[str, Any]:
    return {"due_at": due_at, "state": "pending", "settled_at": None}


def _key(year: int, name: str) -> tuple[Any, ...]:
    milestone, _, rest = name.partition("/")
    ordinal, _, unit = rest.partition("/")
    return year, milestone, int(ordinal or 1), unit


def approvals(year: int, call: list[Step]) -> Rows:
    decisions: dict[str, str] = {trigger: decision.value for decision, trigger in TRIGGERS.items()}
    return {
        (year, ordinal): {
            "decision": decisions[step.trigger],
            "officer": step.officer,
            "decided_at": step.at,
            "reason": step.reason,
            "list_digest": step.facts["digest"],
        }
        for ordinal, step in enumerate(of(call, *TRIGGERS.values()), start=1)
    }


def admissions(year: int, call: list[Step]) -> Rows:
    return {
        (step.facts["delivery"],): {
            "season": year,
            "officer": step.officer,
            "admitted_at": step.at,
            "reason": step.reason,
        }
        for step in of(call, Trigger.ADMIT_LATE)
    }


def seats(year: int, call: list[Step], submissions: dict[str, list[Step]]) -> Rows:
    rows: Rows = {}
    for step in of(call, Trigger.DRAW_PANEL):
        for group, state in (("seated", "seated"), ("reserves", "reserve")):
            for seated in step.facts["panel"][group]:
                seat = {"position": seated["position"], "field": seated["field"], "state": state, "absent": False}
                if "signed" in step.facts:  # earlier versions had it of the pool alone
                    seat["signed_on"] = date.fromisoformat(step.facts["signed"][seated["expert"]])
                rows[(year, seated["expert"])] = seat
    for step in (step for told in submissions.values() for step in of(told, Trigger.REPLACE)):
        rows[(year, step.facts["expert"])]["state"] = "seated"
    for step in of(call, Trigger.GIVE_UP_SEAT):
        rows[(year, step.facts["expert"])] |= {"state": "left", "absent": not step.facts["excused"]}
    for step in of(call, Trigger.FREEZE_SCORES):
        for expert in step.facts["absent"]:
            rows[(year, expert)]["absent"] = True
    return rows


def placings(year: int, call: list[Step], submissions: dict[str, list[Step]]) -> Rows:
    """The list that was frozen last, what the vote left of it, what a person struck and approved."""
    frozen = list(of(call, Trigger.FREEZE_RANKING))
    if not frozen:
        return {}
    rows = {(placed["submission"],): _placing(year, placed) for placed in frozen[-1].facts["ranking"]["placed"]}
    later = [step for step in call if step.at >= frozen[-1].at]
    for step in of(later, Trigger.CLOSE_VOTES):
        for vote in step.facts["votes"]:
            rows[(vote["number"],)]["tier"] = vote["after"]
    for number, told in submissions.items():
        struck = [step for step in of(told, Trigger.STRIKE, Trigger.WITHDRAW_APPROVAL) if step.at >= frozen[-1].at]
        if (number,) in rows and struck and struck[-1].trigger == Trigger.STRIKE:
            rows[(number,)]["struck"] = struck[-1].reason
    for step in [*of(later, Trigger.APPROVE, Trigger.WITHDRAW_APPROVAL)][-1:]:
        for number, _ in step.facts.get("list", ()):
            rows[(number,)]["approved"] = True
    for number, told in submissions.items():
        for step in of(told, Trigger.CHANGE_TIER):
            rows[(number,)]["tier"] = step.facts["tier"]
    for step in of(later, Trigger.MOVE_UP):
        until = datetime.fromisoformat(step.facts["notice_until"])
        for number, before, tier in step.facts["moved"]:
            if before is None:
                rows[(number,)] |= {"tier": tier, "approved": True, "notice_until": until}
    return rows


def _placing(year: int, placed: dict[str, Any]) -> dict[str, Any]:
    kept = ("position", "rank", "merit", "raw_mean", "low", "high", "scores", "tier")
    passed_over = placed["passed_over"]
    return {
        "season": year,
        **{name: placed[name] for name in kept},
        "passed_over": _SENTENCES.get(passed_over, ""),
        "struck": "",
        "approved": False,
        "notice_until": None,
    }


_SENTENCES = {reason.value: reason.label for reason in PassedOver}


def practices(year: int, call: list[Step]) -> Rows:
    """The reports of good practice, as the newest delivery of each has them."""
    rows: Rows = {}
    for step in of(call, Trigger.RECORD_PRACTICE, Trigger.WITHHOLD_PRACTICE):
        number = step.facts["practice"]
        if step.trigger == Trigger.WITHHOLD_PRACTICE:
            rows[(number,)]["withheld_at"] = step.at
            continue
        kept = {name: step.facts[name] for name in ("unit", "place", "kind", "source", "consent", "delivery")}
        before = rows.get((number,), {"withheld_at": None})
        rows[(number,)] = {**before, **kept, "season": year, "received_at": step.at}
    return rows


Making = Callable[[int, list[Step], dict[str, list[Step]]], Rows]

TABLES: dict[str, Making] = {
    "call": lambda year, call, _: calls(year, call),
    "milestone": lambda year, call, _: milestones(year, call),
    "approval": lambda year, call, _: approvals(year, call),
    "admission": lambda year, call, _: admissions(year, call),
    "seat": seats,
    "placing": placings,
    "good_practice": lambda year, call, _: practices(year, call),
}
