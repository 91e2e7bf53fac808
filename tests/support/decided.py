"""A final review played through to its awards by the states' own functions: draw, scores, ties, votes, approval."""

from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from config.season import Season
from models import Assignment, Call, Placing
from models.enums import CallState, Role, SubmissionState, Tier
from models.forms import RecusalForm, ScoreForm, VoteForm
from states.final_round.approval import approve, list_digest, proposed
from states.final_round.freeze import freeze_scores
from states.final_round.ranking import assign_re_review, freeze_ranking, rank_list
from states.final_round.scores import take_scores
from states.final_round.votes import close_votes, motions, open_votes, take_votes
from states.machine import Act, Actor
from states.panel.draw import assign_panel, draw
from states.panel.replacements import replace_missing
from states.rules.reviewers.draw import commitment
from states.submissions.delivery import Delivered
from states.transitions import note_call
from tests.support.builders import OFFICE, SYSTEM, a_season, advance, an_expert, season_rules
from tests.support.panel import an_eligible_submission, points_of

SEED = bytes.fromhex("5e" * 32)
TOTALS = (90, 80, 80, 70, 60, 50)
SIGNED = date(2026, 6, 15)


def small_rules(season: Season | None = None, **changes: object) -> Season:
    """Three scores a submission by a panel of five, prizes 2, 1, 1."""
    season = season or season_rules()
    small = {
        "scores_per_submission": 3,
        "submissions_per_expert": 10,
        "panel_per_field": 2,
        "panel_size": 5,
        "reserves": 2,
        "method": "mean",
        "tiers": season.final_round.tiers.model_copy(
            update={"prizes": 4, "ratios": {"first": 2, "second": 1, "third": 1}}
        ),
    }
    return season.model_copy(update={"final_round": season.final_round.model_copy(update={**small, **changes})})


def a_drawn_season(session: Session, rules: Season) -> list[str]:
    """The panel is drawn by a committed seed and assigned; six submissions wait for their scores."""
    season = a_season(session, state=CallState.FINAL_REVIEW, rules=rules)
    call = session.get_one(Call, season.year)
    call.draw_seed, call.seal_key = SEED.hex(), ""  # as an earlier version opened it
    at = season.dates.open_call
    note_call(session, season.year, "commit_draw", Act(SYSTEM, at), facts={"commitment": commitment(SEED)})
    for ordinal in range(1, 9):
        an_expert(session, ordinal, statement_on=SIGNED)
    numbers = [an_eligible_submission(session) for _ in TOTALS]
    draw(session, season, Act(SYSTEM, season.dates.draw_panel))
    assign_panel(session, season, Act(SYSTEM, season.dates.draw_panel))
    return numbers


def a_scored_season(session: Session, rules: Season) -> list[str]:
    """One expert stepped back and was replaced; all scores are in and frozen."""
    numbers = a_drawn_season(session, rules)
    at = rules.dates.draw_panel + timedelta(days=3)
    first = _assigned(session, numbers[5])[0]
    delivered = _delivered(rules, Actor(Role.EXPERT, first), at)
    take_scores(session, delivered, [(1, RecusalForm(number=numbers[5], reason="示例"))])
    replace_missing(session, rules, Act(SYSTEM, at))
    for number, total in zip(numbers, TOTALS, strict=True):
        score(session, rules, number, total, at + timedelta(days=1))
    freeze_scores(session, rules, Act(SYSTEM, rules.dates.close_final_round))
    return numbers


def a_listed_season(session: Session, rules: Season, *, against: tuple[str, ...] = ()) -> list[str]:
    """To the list that waits for its approval: the tie is re-reviewed, the panel votes where it must."""
    numbers = a_scored_season(session, rules)
    at = rules.dates.close_final_round
    assign_re_review(session, rules, numbers[1:3], Act(SYSTEM, at))
    for number, total in ((numbers[1], 75), (numbers[2], 85)):
        score(session, rules, number, total, at + timedelta(days=1), round_number=2)
    at = rules.dates.close_re_review
    ranking = rank_list(session, rules, re_review_is_over=True)
    freeze_ranking(session, rules, ranking, Act(SYSTEM, at))
    if open_votes(session, rules, Act(SYSTEM, at)):
        vote(session, rules, against=against)
        close_votes(session, rules, Act(SYSTEM, at + timedelta(days=2)))
    return numbers


def a_decided_season(session: Session, rules: Season, *, against: tuple[str, ...] = ()) -> list[str]:
    """To the awards: the tie is re-reviewed, the panel votes where it must, the last prize is struck.

    `against` names the submissions whose prize the panel does not carry.
    """
    numbers = a_listed_season(session, rules, against=against)
    at = rules.dates.close_re_review + timedelta(days=3)
    digest = list_digest(session, rules.year)
    last = proposed(session, rules.year)[-1].number
    approve(session, rules.year, Act(OFFICE, at), digest=digest, strike=[last], reason="示例")
    for number in numbers:
        placing = session.get_one(Placing, number)
        if placing.approved and placing.tier:
            tier = Tier(placing.tier)
            to = rules.dates.publish_results
            advance(session, number, "award", SubmissionState.AWARDED, OFFICE, to, {"tier": tier.value}, tier=tier)
    return numbers


def score(session: Session, season: Season, number: str, total: int, at: object, *, round_number: int = 1) -> None:
    """Everybody who is assigned gives a submission the same total."""
    for expert in _assigned(session, number, round_number):
        points = {key: Decimal(value) for key, value in points_of(season, total).items()}
        delivered = _delivered(season, Actor(Role.EXPERT, expert), at)
        taken = take_scores(session, delivered, [(1, ScoreForm(number=number, points=points))])
        assert not taken.refused, taken.refused


def vote(session: Session, season: Season, *, against: tuple[str, ...] = (), absent: int = 0) -> None:
    """Every member but `absent` votes, by signed ballots or as the office counts them."""
    at = season.dates.close_re_review + timedelta(days=1)
    votes = season.final_round.votes
    assert votes is not None
    for motion in motions(session, season):
        present = motion.members[: len(motion.members) - absent]
        name = "votes_against" if motion.number in against else "votes_for"
        none = {"votes_for": 0, "votes_against": 0, "abstentions": 0}
        ballots = {"office": len(present)} if votes.secret else dict.fromkeys(present, 1)
        for caster, count in ballots.items():
            actor = Actor(Role.OFFICE if votes.secret else Role.EXPERT, caster)
            form = VoteForm(number=motion.number, tier=motion.tier, **{**none, name: count})
            taken = take_votes(session, season, _delivered(season, actor, at), [(1, form)])
            assert not taken.refused, taken.refused


def _assigned(session: Session, number: str, round_number: int = 1) -> list[str]:
    found = session.query(Assignment).filter_by(number=number, round=round_number)
    return sorted(assignment.expert for assignment in found if assignment.state in ("active", "scored"))


def _delivered(season: Season, actor: Actor, at: object) -> Delivered:
    return Delivered(season.year, actor.name, "d" * 64, at, Act(actor, at))  # type: ignore[arg-type]
