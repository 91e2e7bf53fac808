"""Recomputes the final review from the exported record alone: draw, assignment, merits, ranking, tiers, awards.

Needs no database: `recompute` takes the entries of an export (`states.audit.export.read_export`) and
names the first thing, of each kind, that does not follow from the rest. The record holds no names:
where limits count organisations or persons, it has a number for each of them instead.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from models.enums import Tier, Trigger
from states.audit.chain import Entry
from states.audit.recompute_objections import answers, left_out, move_up, removed_before, tiers_in_force
from states.audit.record import Difference, Record, in_the_running, read_record, shortened
from states.history.canonical import canonical
from states.history.verify_history import Assigned
from states.numbers import Number
from states.rules.ranking.placings import Contender, PrizeLimits, Ranking
from states.rules.ranking.tiers import cut, sizes_of
from states.rules.ranking.ties import Settlers, TieCriterion
from states.rules.ranking.votes import decide, tier_after
from states.rules.reviewers.draw import Candidate, commitment, derive_seed, draw_panel, pool_digest, seed_with
from states.rules.rounding import settle
from states.rules.scoring import scores as rules
from states.rules.scoring.merits import Scoring, score_submissions
from states.rules.scoring.scores import mean_of


def recompute(entries: Iterable[Entry]) -> list[Difference]:
    """All differences between what was recorded as decided and what follows from the rest of the record."""
    record = read_record(entries)
    found = []
    if record.one(Trigger.DRAW_PANEL):
        found += [*_draw(record), *_assignment(record), *_certificate(record)]
    if record.one(Trigger.FREEZE_SCORES):
        scoring = _scoring(record)
        found += _merits(record, scoring)
        if record.one(Trigger.FREEZE_RANKING):
            found += _ranking(record, scoring)
            found += vote_differences(record)
    if len(record.call.get(Trigger.APPROVE, ())) > len(record.call.get(Trigger.WITHDRAW_APPROVAL, ())):
        found += [*_approval(record), *_awards(record), *answers(record)]
        found += _moves(record, _scoring(record))
    return found


def _draw(record: Record) -> Iterator[Difference]:
    drawn = record.one(Trigger.DRAW_PANEL)
    seed = bytes.fromhex(drawn["seed"])
    promised = record.one(Trigger.COMMIT_DRAW).get("commitment", "")
    if commitment(seed) != promised:
        yield Difference("commitment", "the draw's seed", promised, commitment(seed))
    pool = [Candidate(line[0], tuple(line[1]), *line[2:]) for line in drawn["pool"]]
    public = drawn.get("public", "")
    if "public" in drawn:
        yield from _frozen(record, pool, public)
    panel = draw_panel(
        seed=seed_with(seed, public), pool=pool, seats=drawn["seats"], size=drawn["size"], reserves=drawn["reserves"]
    ).facts()
    if panel != drawn["panel"]:
        yield Difference("panel", "the draw", shortened(drawn["panel"]), shortened(panel))


def _frozen(record: Record, pool: list[Candidate], public: str) -> Iterator[Difference]:
    """The pool is the one frozen before, and the public numbers are those entered for it."""
    frozen = record.one(Trigger.FREEZE_POOL).get("pool", "")
    if pool_digest(pool) != frozen:
        yield Difference("pool", "the draw", frozen, pool_digest(pool))
    entered = record.one(Trigger.ENTER_RANDOMNESS)
    named = record.season.final_round.public_randomness
    expected = (entered.get("public", ""), frozen) if named else ("", frozen)
    if (public, entered.get("pool", frozen) if named else frozen) != expected or (named and not public):
        yield Difference("public numbers", "the draw", public or "none", expected[0] or named)


def _assignment(record: Record) -> Iterator[Difference]:
    panel = record.one(Trigger.DRAW_PANEL)["panel"]
    known = {seat["expert"] for seat in (*panel["seated"], *panel["reserves"])}
    barred = {(number, expert) for number, expert, _ in record.one(Trigger.ASSIGN).get("conflicts", ())}
    needed = record.season.final_round.scores_per_submission
    for number, facts in record.facts(Trigger.ASSIGN):
        experts = set(facts["experts"])
        if len(experts) != needed:
            yield Difference("number of experts", number, str(len(experts)), str(needed))
        if experts - known:
            yield Difference("experts off the panel", number, shortened(sorted(experts - known)), "none")
        if any((number, expert) in barred for expert in experts):
            yield Difference("experts in conflict", number, shortened(sorted(experts)), "none")
    for number, facts in record.facts(Trigger.REPLACE):
        if (number, facts["expert"]) in barred or facts["expert"] not in known:
            yield Difference("replacement", number, facts["expert"], "nobody in conflict or off the panel")


def _certificate(record: Record) -> Iterator[Difference]:
    """Whether the panel could have been better served; seasons of before recorded no certificate."""
    facts = record.one(Trigger.ASSIGN)
    barred = [(number, expert) for number, expert, _ in facts.get("conflicts", ())]
    assigned = Assigned(facts.get("certificate", {}), facts.get("experts", ()), barred)
    for number, own in record.facts(Trigger.ASSIGN):
        assigned.add(number, own)
    season = record.season.final_round
    limits = {"aim": season.assignment, "wanted": season.scores_per_submission, "most": season.submissions_per_expert}
    if not assigned.certificate:
        if assigned.rows:
            yield Difference("certificate", "the assignment", "none", "one")
        return
    if problem := assigned.problem():
        yield Difference("certificate", "the assignment", problem, "an assignment that no other exceeds")
        return
    for name, limit in limits.items():
        if assigned.certificate.get(name) != limit:
            yield Difference(name, "the assignment's certificate", str(assigned.certificate.get(name)), str(limit))
    for name in ("level", "level_at_most", "total", "total_at_most"):
        if abs(Decimal(assigned.certificate[name]) - Decimal(facts[name])) > Decimal("0.000001"):
            yield Difference(name, "the assignment", facts[name], assigned.certificate[name])


def _points(record: Record, round_number: int) -> dict[tuple[str, str], dict[str, Any]]:
    """The latest score of each (submission, expert) of a round, without those who stepped back."""
    recused = {(number, facts["expert"]) for number, facts in record.facts(Trigger.RECUSE)}
    found = {
        (number, facts["expert"]): facts
        for number, facts in record.facts(Trigger.RECORD_SCORE)
        if facts["round"] == round_number
    }
    return {pair: facts for pair, facts in sorted(found.items()) if pair not in recused}


def _scores(record: Record, round_number: int = 1) -> list[rules.GivenScore]:
    points = _points(record, round_number)
    return [rules.GivenScore(number, expert, Decimal(facts["total"])) for (number, expert), facts in points.items()]


def _scoring(record: Record) -> Scoring:
    return score_submissions(_scores(record), method=record.season.final_round.method)


def _merits(record: Record, scoring: Scoring) -> Iterator[Difference]:
    lines = [[score.submission, score.expert, str(score.total)] for score in _scores(record)]
    digest = hashlib.sha256(canonical({"scores": lines}).encode()).hexdigest()
    frozen = record.one(Trigger.FREEZE_SCORES)["scores"]
    if digest != frozen:
        yield Difference("digest", "the frozen scores", frozen, digest)
    for number, facts in record.facts(Trigger.RECORD_FINAL_REVIEW):
        recomputed = scoring.merits[number].facts() if number in scoring.merits else {}
        if any(facts.get(name) != recomputed.get(name) for name in ("merit", "raw_mean", "scores")):
            yield Difference("merit", number, str(facts.get("merit")), str(recomputed.get("merit")))


def _ranking(record: Record, scoring: Scoring) -> Iterator[Difference]:
    drawn, used = record.one(Trigger.DRAW_PANEL).get("seed", ""), record.one(Trigger.FREEZE_RANKING)["tie_seed_from"]
    if drawn and drawn != used:
        yield Difference("seed", "the draw among equals", used, drawn)
    recorded = record.one(Trigger.FREEZE_RANKING)["ranking"]
    recomputed = _cut(record, scoring).facts()
    for old, new in zip(recorded["placed"], recomputed["placed"], strict=False):
        if old != json.loads(canonical(new)):
            yield Difference("place", old["submission"], shortened(old), shortened(new))
            return
    if json.loads(canonical(recomputed)) != recorded:
        yield Difference("ranking", "the list", str(len(recorded["placed"])), "another list")


def _cut(record: Record, scoring: Scoring, removed: Collection[str] = ()) -> Ranking:
    season = record.season.final_round
    seed = derive_seed(
        bytes.fromhex(record.one(Trigger.FREEZE_RANKING)["tie_seed_from"]),
        f"ties/{record.one(Trigger.FREEZE_SCORES)['scores']}",
    )
    groups = record.one(Trigger.FREEZE_RANKING).get("groups", {})
    contenders = [
        Contender(scoring.merits[number], Number.of(number).unit, *map(tuple, groups.get(number, ((), ()))))
        for number in in_the_running(record)
        if number not in removed
    ]
    return cut(
        contenders,
        tiers=sizes_of(season.tiers),
        limits=PrizeLimits(season.limits.per_unit, season.limits.per_organisation, season.limits.per_person),
        settlers=Settlers(_re_review(record), _criteria(record), seed),
    )


def _re_review(record: Record) -> dict[str, Decimal]:
    asked = record.one(Trigger.ASSIGN_RE_REVIEW).get("experts", {})
    second: dict[str, list[Fraction]] = {}
    for score in _scores(record, 2):
        second.setdefault(score.submission, []).append(Fraction(score.total))
    found = {}
    for number, experts in asked.items():
        given = second.get(number, [])
        if given and len(given) == len(experts):
            found[number] = settle(mean_of(given), 4)
    return found


def _criteria(record: Record) -> tuple[TieCriterion, ...]:
    season = record.season.final_round
    names = {criterion.key: criterion.name for criterion in season.rubric}
    criteria, points = [], _points(record, 1)
    for key in season.tie_break.criteria:
        given: dict[str, list[Fraction]] = {}
        for (number, _), facts in points.items():
            given.setdefault(number, []).append(Fraction(facts["points"][key]))
        criteria.append(
            TieCriterion(key, names[key], {number: settle(mean_of(values), 4) for number, values in given.items()})
        )
    return tuple(criteria)


def _approval(record: Record) -> Iterator[Difference]:
    struck = set(_struck(record))
    placed = record.one(Trigger.FREEZE_RANKING)["ranking"]["placed"]
    still = set(in_the_running(record, Trigger.APPROVE)) - struck
    tiers = {placing["submission"]: placing["tier"] for placing in placed} | tiers_after(record)
    expected = [
        [placing["submission"], tiers[placing["submission"]]] for placing in placed if placing["submission"] in still
    ]
    expected = [line for line in expected if line[1]]
    approved = record.one(Trigger.APPROVE)["list"]
    if expected != approved:
        yield Difference("approved list", "the season", shortened(approved), shortened(expected))


def _struck(record: Record) -> Iterator[str]:
    """Who was struck, and not given back by an approval that was withdrawn since."""
    for number, entries in record.submissions.items():
        words = (entry["trigger"] for entry, _ in entries)
        latest = [word for word in words if word in (Trigger.STRIKE, Trigger.WITHDRAW_APPROVAL)][-1:]
        if latest == [Trigger.STRIKE]:
            yield number


def _awards(record: Record) -> Iterator[Difference]:
    """Every award is in its approved tier, or the one that an objection made of it."""
    approved = dict(record.one(Trigger.APPROVE)["list"])
    for number, entries in record.submissions.items():
        for entry, facts in entries:
            if entry["trigger"] == Trigger.AWARD:
                tier = tiers_in_force(record, number, approved.get(number), entry["sequence"])
                if tier != facts["tier"]:
                    yield Difference("tier", number, facts["tier"], str(tier))


def _moves(record: Record, scoring: Scoring) -> Iterator[Difference]:
    for entry, facts in record.entries.get(Trigger.MOVE_UP, ()):
        ranking = _cut(record, scoring, removed_before(record, entry["sequence"]))
        yield from move_up(record, entry, facts, ranking)
    yield from left_out(record)


_COUNTS = ("votes_for", "votes_against", "abstentions")


def tiers_after(record: Record) -> dict[str, str | None]:
    """The tier of each submission that the panel voted on, as recorded."""
    return {vote["number"]: vote["after"] for vote in record.one(Trigger.CLOSE_VOTES).get("votes", ())}


def vote_differences(record: Record) -> Iterator[Difference]:
    """What was voted on, by whom, and with what result."""
    asked = _asked(record)
    recorded = [[vote["number"], vote["tier"]] for vote in record.one(Trigger.CLOSE_VOTES).get("votes", ())]
    if (record.one(Trigger.APPROVE) or recorded) and asked != recorded:
        yield Difference("motions", "the panel's votes", shortened(recorded), shortened(asked))
    for vote in record.one(Trigger.CLOSE_VOTES).get("votes", ()):
        yield from _entitled(record, vote)
        yield from _counted(record, vote)


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
        [placing["submission"], placing["tier"]]
        for placing in placed
        if placing["tier"] in votes.tiers and placing["submission"] in running
    ]


def _entitled(record: Record, vote: dict[str, Any]) -> Iterator[Difference]:
    """Nobody off the panel, in conflict, or who stepped back has a vote."""
    number, panel = vote["number"], record.one(Trigger.DRAW_PANEL).get("panel", {"seated": (), "reserves": ()})
    known = {seat["expert"] for seat in (*panel["seated"], *panel["reserves"])}
    barred = {
        expert for submission, expert, _ in record.one(Trigger.ASSIGN).get("conflicts", ()) if submission == number
    }
    barred |= {facts["expert"] for submission, facts in record.facts(Trigger.RECUSE) if submission == number}
    wrong = [expert for expert in vote["entitled"] if expert not in known or expert in barred]
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
    voted = [Tier(tier) for tier in season.votes.tiers]
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
