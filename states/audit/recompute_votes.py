"""Recounts the panel's votes from the record alone: who had a vote, what was cast, what each prize became."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from models.enums import Tier, Trigger
from states.audit.decided import Difference, Record, in_the_running, shortened
from states.rules.ranking.votes import decide, tier_after

_COUNTS = ("votes_for", "votes_against", "abstentions")


def tiers_after(record: Record) -> dict[str, str | None]:
    """The tier of each submission that the panel voted on, as recorded."""
    return {one["number"]: one["after"] for one in record.one(Trigger.CLOSE_VOTES).get("votes", ())}


def vote_differences(record: Record) -> Iterator[Difference]:
    """What was voted on, by whom, and with what result."""
    asked = _asked(record)
    recorded = [[one["number"], one["tier"]] for one in record.one(Trigger.CLOSE_VOTES).get("votes", ())]
    if (record.one(Trigger.APPROVE) or recorded) and asked != recorded:
        yield Difference("motions", "the panel's votes", shortened(recorded), shortened(asked))
    for one in record.one(Trigger.CLOSE_VOTES).get("votes", ()):
        yield from _entitled(record, one)
        yield from _counted(record, one)


def _asked(record: Record) -> list[list[str]]:
    """The prizes that the season's file puts to the vote."""
    votes = record.season.final_round.votes
    if votes is None:
        return []
    running = set(
        in_the_running(record, Trigger.CLOSE_VOTES if record.one(Trigger.CLOSE_VOTES) else Trigger.FREEZE_RANKING)
    )
    placed = record.one(Trigger.FREEZE_RANKING)["ranking"]["placed"]
    return [
        [one["submission"], one["tier"]]
        for one in placed
        if one["tier"] in votes.tiers and one["submission"] in running
    ]


def _entitled(record: Record, vote: dict[str, Any]) -> Iterator[Difference]:
    """Nobody off the panel, in conflict, or who stepped back has a vote."""
    number, panel = vote["number"], record.one(Trigger.DRAW_PANEL).get("panel", {"seated": (), "reserves": ()})
    known = {one["expert"] for one in (*panel["seated"], *panel["reserves"])}
    barred = {expert for one, expert, _ in record.one(Trigger.ASSIGN).get("conflicts", ()) if one == number}
    barred |= {facts["expert"] for one, facts in record.facts(Trigger.RECUSE) if one == number}
    wrong = [one for one in vote["entitled"] if one not in known or one in barred]
    if wrong:
        yield Difference("votes of those who have none", number, shortened(wrong), "none")


def _counted(record: Record, vote: dict[str, Any]) -> Iterator[Difference]:
    season = record.season.final_round
    assert season.votes is not None
    ballots = {
        facts["caster"]: facts
        for number, facts in record.facts(Trigger.RECORD_VOTES)
        if (number, facts["tier"]) == (vote["number"], vote["tier"])
    }
    counted = [facts for caster, facts in ballots.items() if season.votes.secret or caster in vote["entitled"]]
    totals = [sum(facts[name] for facts in counted) for name in _COUNTS]
    members = max(len(vote["entitled"]), sum(totals), 1)
    decision = decide(members, sum(totals), totals[0], quorum=season.quorum, majority=Fraction(season.votes.majority))
    voted = [Tier(one) for one in season.votes.tiers]
    after = tier_after(Tier(vote["tier"]), carried=decision.carried, voted=voted)
    expected = {
        **decision.facts(),
        "against": totals[1],
        "abstained": totals[2],
        "after": after.value if after else None,
    }
    recorded = {name: vote[name] for name in expected}
    if recorded != expected:
        yield Difference("vote", vote["number"], shortened(recorded), shortened(expected))
