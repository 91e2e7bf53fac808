"""Recomputes from the exported record alone what objections did: who might look into them, and who moved up."""

from collections.abc import Iterator
from typing import Any

from models.enums import ObjectionResult, ObjectionState, Tier, Trigger
from states.audit.record import Difference, Record, shortened
from states.rules.ranking.moving_up import TierStanding, who_moves_up
from states.rules.ranking.placings import Ranking

_STANDS = ("final_reviewed", "awarded")
Steps = list[tuple[Any, dict[str, Any]]]


def answers(record: Record) -> Iterator[Difference]:
    """Who looked into each objection, and that what was found was done."""
    approvers = {entry["actor"].partition(":")[2] for entry, _ in record.entries.get(Trigger.APPROVE, ())}
    for number, steps in record.submissions.items():
        strikers = {entry["actor"].partition(":")[2] for entry, _ in steps if entry["trigger"] == Trigger.STRIKE}
        by_objection: dict[int, Steps] = {}
        for entry, facts in steps:
            if "objection" in facts and "to" in facts:
                by_objection.setdefault(facts["objection"], []).append((entry, facts))
        for objection, own in by_objection.items():
            yield from _investigators(f"{number}, objection {objection}", own, approvers | strikers)
        yield from _consequences(number, steps)


def _investigators(subject: str, own: Steps, barred: set[str]) -> Iterator[Difference]:
    named: dict[int, str] = {}
    for entry, facts in own:
        ordinal = facts.get("ordinal", 1)
        if "investigator" in facts:
            named[ordinal] = facts["investigator"]
            earlier = {who for known, who in named.items() if known < ordinal}
            if facts["investigator"] in barred | earlier:
                yield Difference("investigator", subject, facts["investigator"], "somebody who had no part in it")
            if ordinal > 2:
                yield Difference("reconsiderations", subject, str(ordinal - 1), "1")
        elif entry["trigger"] == Trigger.ANSWER_OBJECTION:
            who = entry["actor"].partition(":")[2]
            if who != named.get(ordinal):
                yield Difference("answer", subject, who, named.get(ordinal, "nobody"))


def _consequences(number: str, steps: Steps) -> Iterator[Difference]:
    """An award that was found wrong is gone, or has its other tier."""
    for place, (entry, facts) in enumerate(steps):
        stood = entry["from_state"] in _STANDS
        later = steps[place + 1 :]
        if facts.get("result") == ObjectionResult.REMOVED and stood:
            ends = [after["trigger"] for after, _ in later if after["trigger"] in (Trigger.ARCHIVE, Trigger.REVOKE)]
            if not ends:
                yield Difference("what followed", number, "nothing", "the award gone")
        if facts.get("result") == ObjectionResult.TIER_CHANGED and facts.get("tier") not in [
            said.get("tier") for after, said in later if after["trigger"] == Trigger.CHANGE_TIER
        ]:
            yield Difference("what followed", number, "another tier", facts.get("tier", ""))


def tiers_in_force(record: Record, number: str, approved: str | None, before: int) -> str | None:
    """The tier that a submission had before an entry of its own, from the approved one on."""
    for _, facts in record.entries.get(Trigger.MOVE_UP, ()):
        for moved, earlier, tier in facts["moved"]:
            approved = tier if moved == number and earlier is None else approved
    for entry, facts in record.submissions[number]:
        if entry["trigger"] == Trigger.CHANGE_TIER and entry["sequence"] < before:
            approved = facts["tier"]
    return approved


def removed_before(record: Record, sequence: int) -> set[str]:
    """The submissions whose places were given on by the call's entry of this number, it included."""
    entries = record.entries.get(Trigger.MOVE_UP, ())
    return {facts["removed"] for entry, facts in entries if entry["sequence"] <= sequence}


def move_up(record: Record, entry: Any, facts: dict[str, Any], ranking: Ranking) -> Iterator[Difference]:
    """One step by which others moved up, against the list cut anew."""
    season = record.season
    if not season.objections.next_moves_up:
        yield Difference("moving up", facts["removed"], "somebody", "nobody: the season's rule says so")
        return
    tiers = _tiers_before(record, entry, facts["objection"])
    standing = {
        placed.submission: TierStanding(
            tiers.get(placed.submission), _may_move(record, placed.submission, entry["at"], facts["objection"])
        )
        for placed in ranking.placed
    }
    voted = [Tier(tier) for tier in season.final_round.votes.tiers] if season.final_round.votes else []
    expected = [
        [number, standing[number].tier, tier] for number, tier in who_moves_up(ranking, standing, voted).items()
    ]
    if facts["moved"] != expected:
        yield Difference("moving up", facts["removed"], shortened(facts["moved"]), shortened(expected))


def left_out(record: Record) -> Iterator[Difference]:
    """Removals that became final and left a place that the season's rule gives on, but nobody did."""
    if not record.season.objections.next_moves_up:
        return
    given_on = {facts["removed"] for _, facts in record.entries.get(Trigger.MOVE_UP, ())}
    for number, steps in record.submissions.items():
        upheld = any(facts.get("outcome") == "objection_upheld" for _, facts in steps)
        closed = any(facts.get("to") == ObjectionState.CLOSED for _, facts in steps)
        last = steps[-1][0]["to_state"]
        if upheld and closed and last == "archived" and number not in given_on and _is_final(steps):
            yield Difference("moving up", number, "nobody", "whoever follows in the list")


def _is_final(steps: Steps) -> bool:
    """Whether the answer in force, of an objection that is closed, is that the award goes."""
    found: dict[int, tuple[str, str]] = {}
    for _, facts in steps:
        if "to" in facts:
            result = facts.get("result") or found.get(facts["objection"], ("", ""))[0]
            found[facts["objection"]] = (result, facts["to"])
    return (ObjectionResult.REMOVED.value, ObjectionState.CLOSED.value) in found.values()


def _tiers_before(record: Record, entry: Any, objection: int) -> dict[str, Tier | None]:
    placed = record.one(Trigger.FREEZE_RANKING)["ranking"]["placed"]
    votes = record.one(Trigger.CLOSE_VOTES).get("votes", ())
    tiers = {line["submission"]: line["tier"] for line in placed} | {vote["number"]: vote["after"] for vote in votes}
    for earlier, facts in record.entries.get(Trigger.MOVE_UP, ()):
        if earlier["sequence"] < entry["sequence"]:
            tiers |= {number: tier for number, before, tier in facts["moved"] if before is None}
    for number in tiers:
        for _, facts in _changes(record, number, entry["at"], objection):
            tiers[number] = facts["tier"]
    return {number: Tier(tier) if tier else None for number, tier in tiers.items()}


def _may_move(record: Record, number: str, at: str, objection: int) -> bool:
    steps = [(entry, facts) for entry, facts in record.submissions.get(number, ()) if entry["at"] <= at]
    if not steps:
        return False
    state = steps[-1][0]["to_state"]
    outcomes = [facts["outcome"] for _, facts in steps if "outcome" in facts]
    stands = state in _STANDS or (state == "archived" and outcomes[-1:] == ["completed"])
    struck = [entry["trigger"] for entry, _ in steps if entry["trigger"] in (Trigger.STRIKE, Trigger.WITHDRAW_APPROVAL)]
    by_hand = _changes(record, number, at, objection)[-1:]
    return stands and struck[-1:] != [Trigger.STRIKE] and all("moved_up" in facts for _, facts in by_hand)


def _changes(record: Record, number: str, at: str, objection: int) -> Steps:
    """Changes of a submission's tier before others moved up for an objection."""
    return [
        (entry, facts)
        for entry, facts in record.submissions.get(number, ())
        if entry["trigger"] == Trigger.CHANGE_TIER
        and entry["at"] <= at
        and not (facts.get("moved_up") and facts.get("objection") == objection)
    ]
