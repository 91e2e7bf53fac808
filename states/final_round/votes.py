"""The panel votes (表决) on the prizes of the tiers that the season names, between ranking and approval.

The vote changes no order. What is carried stays; what is not falls by the declared rule, and
nobody else moves. Ballots are signed or the scrutineers' count of secret ones, as the season says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.season import Season
from models import Ballot, Placing, Submission
from models.enums import CallState, Role, SubmissionState, Tier, Trigger
from models.forms import VoteForm
from states.final_round.approval import votes_are_open
from states.guard_facts import Ask, load_season_facts
from states.history.seals import Seals
from states.machine import Act, Refusal
from states.panel.draw import seated
from states.panel.pairs import season_conflicts
from states.rules.ranking.votes import VoteDecision, decide, tier_after
from states.submissions.delivery import Delivered, Taken
from states.transitions import note_call, note_submissions

OFFICE = "office"


@dataclass(frozen=True)
class Motion:
    """One prize to vote on, and the experts who have a vote on it, by id."""

    number: str
    tier: Tier
    members: tuple[str, ...]

    def facts(self) -> list[object]:
        return [self.number, self.tier.value, list(self.members)]


@dataclass(frozen=True)
class Counted:
    """The votes on one motion: the decision, who voted against or abstained, and the ballots by caster."""

    motion: Motion
    decision: VoteDecision
    votes_against: int
    abstentions: int
    casters: tuple[str, ...]


def voted_tiers(season: Season) -> tuple[Tier, ...]:
    votes = season.final_round.votes
    return tuple(Tier(tier) for tier in votes.tiers) if votes else ()


def motions(session: Session, season: Season) -> list[Motion]:
    """Every prize that needs the panel's vote, the best first, with those who are in no conflict with it."""
    rows = session.execute(
        select(Placing.number, Placing.tier)
        .join(Submission, Submission.number == Placing.number)
        .where(
            Placing.season == season.year,
            Placing.tier.in_(voted_tiers(season)),
            Submission.state == SubmissionState.FINAL_REVIEWED,
        )
        .order_by(Placing.position)
    ).all()
    experts = seated(session, season.year)
    barred = season_conflicts(session, season, experts)
    return [
        Motion(number, tier, tuple(expert.id for expert in experts if not barred.forbids(number, expert.id)))
        for number, tier in rows
        if tier
    ]


def open_votes(session: Session, season: Season, act: Act) -> list[Motion]:
    """Put the prizes to the vote, once; returns what is voted on, nothing where the season asks for no vote."""
    asked = motions(session, season)
    if asked and not votes_are_open(session, season.year):
        facts = {"motions": [motion.facts() for motion in asked], **_rules(season)}
        note_call(session, season.year, Trigger.OPEN_VOTES, act, facts=facts)
    return asked


def take_votes(session: Session, season: Season, delivered: Delivered, rows: Sequence[tuple[int, VoteForm]]) -> Taken:
    """Keep ballots, or the count of secret ones; a later delivery replaces an earlier one."""
    taken = Taken()
    asked = {(motion.number, motion.tier): motion for motion in motions(session, season)}
    closed = _closed(session, season, delivered)
    cast: dict[str, dict[str, Any]] = {}
    for position, form in rows:
        refusal = closed or _no_vote(season, delivered, form, asked.get((form.number, form.tier)))
        if refusal is not None:
            taken.refused[position] = refusal
            continue
        cast |= _keep(session, delivered, form)
        taken.accept(position, form.number)
    session.flush()
    if cast:
        ask = Ask(Trigger.RECORD_VOTES, delivered.act, own=cast.__getitem__)
        note_submissions(session, season.year, ask, Submission.number.in_(cast))
    return taken


def counted_votes(session: Session, season: Season) -> list[Counted]:
    """Every motion with its votes as they stand; a ballot by who has no vote (any more) does not count."""
    votes = season.final_round.votes
    if votes is None:
        return []
    found = []
    for motion in motions(session, season):
        ballots = session.scalars(
            select(Ballot).where(Ballot.number == motion.number, Ballot.tier == motion.tier).order_by(Ballot.caster)
        )
        counted = [ballot for ballot in ballots if ballot.caster in ((OFFICE,) if votes.secret else motion.members)]
        totals = [sum(getattr(ballot, name) for ballot in counted) for name in _COUNTS]
        # A count may be older than a recusal: nobody can be present who has no vote.
        members = max(len(motion.members), sum(totals), 1)
        decision = decide(members, sum(totals), totals[0], quorum=season.final_round.quorum, majority=votes.majority)
        found.append(Counted(motion, decision, totals[1], totals[2], tuple(ballot.caster for ballot in counted)))
    return found


def owing_votes(session: Session, season: Season) -> dict[str, list[str]]:
    """Who has still to vote, with the numbers; the office where the ballot is secret."""
    owing: dict[str, list[str]] = {}
    votes = season.final_round.votes
    for vote in counted_votes(session, season):
        wanted = (OFFICE,) if votes and votes.secret else vote.motion.members
        for caster in wanted:
            if caster not in vote.casters:
                owing.setdefault(caster, []).append(vote.motion.number)
    return owing


def close_votes(session: Session, season: Season, act: Act) -> list[Counted]:
    """Count, record, and give each prize the tier that its vote leaves it. Every motion must be quorate."""
    if not votes_are_open(session, season.year):
        return []
    counted = counted_votes(session, season)
    results = []
    for vote in counted:
        tier = tier_after(vote.motion.tier, carried=vote.decision.carried, voted=voted_tiers(season))
        placing = session.get_one(Placing, vote.motion.number, with_for_update=True)
        placing.tier, placing.voted = tier, _sentence(vote, tier)
        results.append(
            {
                "number": vote.motion.number,
                "tier": vote.motion.tier.value,
                "after": tier.value if tier else None,
                "entitled": list(vote.motion.members),
                "against": vote.votes_against,
                "abstained": vote.abstentions,
                **vote.decision.facts(),
            }
        )
    session.flush()
    sentences = {vote.motion.number: session.get_one(Placing, vote.motion.number).voted for vote in counted}
    facts = {"votes": results, **_rules(season), **Seals(session, season.year).of_sentences(sentences)}
    note_call(session, season.year, Trigger.CLOSE_VOTES, act, facts=facts)
    return counted


_COUNTS = ("votes_for", "votes_against", "abstentions")


def _rules(season: Season) -> dict[str, object]:
    votes, quorum = season.final_round.votes, season.final_round.quorum
    assert votes is not None
    return {"secret": votes.secret, "majority": str(votes.majority), "quorum": str(quorum) if quorum else None}


def _sentence(vote: Counted, tier: Tier | None) -> str:
    word = vote.motion.tier.label
    if vote.decision.carried:
        return f"{word}经表决：{vote.decision.sentence}"
    return f"{word}经表决：{vote.decision.sentence}，改为{tier.label if tier else '不授奖'}"


def _closed(session: Session, season: Season, delivered: Delivered) -> Refusal | None:
    season_facts = load_season_facts(session, season.year)
    if season_facts.call_state is not CallState.FINAL_REVIEW or not votes_are_open(session, season.year):
        return Refusal("no_vote_open", "the panel is not voting", "当前没有进行表决，不能接收")
    votes = season.final_round.votes
    if votes is not None and votes.secret and delivered.act.actor.role is not Role.OFFICE:
        return Refusal(
            "role", "the ballot is secret: the office enters the count", "本次为无记名表决，由办公室统一录入计票结果"
        )
    if votes is not None and not votes.secret and delivered.act.actor.role is not Role.EXPERT:
        return Refusal("role", "the ballot is signed: each expert votes", "本次为记名表决，由专家本人投票")
    deadline = season_facts.deadlines.at(Milestone.CLOSE_VOTES)
    if (
        deadline is not None
        and delivered.arrived_at > deadline
        and not delivered.admitted
        # Without a quorum the vote goes on past its date: nothing else could bring one about.
        and all(vote.decision.quorate for vote in counted_votes(session, season))
    ):
        return Refusal("late", "the vote is closed", "表决已截止，不能再接收")
    return None


def _no_vote(season: Season, delivered: Delivered, form: VoteForm, motion: Motion | None) -> Refusal | None:
    votes = season.final_round.votes
    if motion is None or votes is None:
        return Refusal(
            "not_put_to_vote", "it is not put to the vote in this tier", "该申报未列入本次表决，或等次与表决的不符"
        )
    if votes.secret:
        if not 0 < form.cast <= len(motion.members):
            return Refusal(
                "too_many_votes",
                f"{form.cast} votes of {len(motion.members)} members",
                f"票数合计{form.cast}，应在1到{len(motion.members)}（有表决权的评委人数）之间",
            )
        return None
    if delivered.act.actor.name not in motion.members:
        return Refusal("no_vote", "the expert has no vote on it", "您不是本项的表决人（未入席、已回避或有利益冲突）")
    return None


def _keep(session: Session, delivered: Delivered, form: VoteForm) -> dict[str, dict[str, Any]]:
    """Keep one row; returns what the record is to say of it, by number, or nothing when nothing is new."""
    caster = OFFICE if delivered.act.actor.role is Role.OFFICE else delivered.act.actor.name
    counts = {name: getattr(form, name) for name in _COUNTS}
    ballot = session.get(Ballot, (form.number, form.tier, caster))
    if ballot is not None and counts == {name: getattr(ballot, name) for name in _COUNTS}:
        return {}
    if ballot is None:
        ballot = Ballot(
            number=form.number,
            tier=form.tier,
            caster=caster,
            **counts,
            received_at=delivered.act.at,
            delivery=delivered.digest,
        )
        session.add(ballot)
    for name, value in counts.items():
        setattr(ballot, name, value)
    ballot.received_at, ballot.delivery = delivered.act.at, delivered.digest
    return {form.number: {"caster": caster, "tier": form.tier.value, **counts, **delivered.facts}}
