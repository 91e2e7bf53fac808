"""From frozen scores to the frozen list: who contends, ties as declared, the re-review, and what is kept."""

import json
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from config.season import Season
from models import Assignment, Call, Contributor, Organisation, Placing, Score, Submission
from models.enums import AssignmentState, SubmissionState, Trigger
from models.queries import by_whom_assigned
from states.final_round.approval import is_ranked
from states.final_round.freeze import counted_scores, frozen_scores
from states.history.canonical import call_subject
from states.history.read import latest_facts
from states.history.seals import Seals
from states.machine import Act
from states.numbers import Number
from states.panel.draw import seated
from states.panel.pairs import eligible_numbers, make_pairs, season_conflicts
from states.rules.names import name_key
from states.rules.ranking.placings import Contender, PrizeLimits, Ranking
from states.rules.ranking.tiers import cut, sizes_of
from states.rules.ranking.ties import Settlers, TieCriterion
from states.rules.reviewers.draw import derive_seed
from states.rules.reviewers.organisations import organisation_key
from states.rules.rounding import settle
from states.rules.scoring.merits import Scoring
from states.rules.scoring.scores import mean_of
from states.transitions import note_call


def rank_list(session: Session, season: Season, *, re_review_is_over: bool) -> Ranking:
    """The ranking with tiers. Before the re-review is over its ties are still open."""
    frozen = frozen_scores(session, season)
    seed = derive_seed(bytes.fromhex(session.get_one(Call, season.year).draw_seed), f"ties/{frozen.digest}")
    settlers = Settlers(
        re_review=_re_review(session, season.year) if re_review_is_over else None,
        criteria=_criteria(session, season),
        seed=seed if re_review_is_over else None,
    )
    return cut(_contenders(session, season, frozen.scoring), settlers=settlers, **_places(season))


def cut_without(session: Session, season: Season, removed: Collection[str]) -> Ranking:
    """The frozen list cut anew without some of it: the same scores, limits, re-review and draw among equals."""
    frozen, subject = frozen_scores(session, season), call_subject(season.year)
    facts = latest_facts(session, subject, Trigger.FREEZE_RANKING)
    seed = derive_seed(bytes.fromhex(facts["tie_seed_from"]), f"ties/{frozen.digest}")
    settlers = Settlers(_re_review(session, season.year), _criteria(session, season), seed)
    groups = facts.get("groups", {})
    contenders = [
        Contender(frozen.scoring.merits[number], Number.of(number).unit, *map(tuple, groups.get(number, ((), ()))))
        for number in session.scalars(select(Placing.number).where(Placing.season == season.year))
        if number not in removed
    ]
    return cut(contenders, settlers=settlers, **_places(season))


def _places(season: Season) -> dict[str, Any]:
    """How many prizes there are of each tier, and the limits on them."""
    limits = season.final_round.limits
    return {
        "tiers": sizes_of(season.final_round.tiers),
        "limits": PrizeLimits(limits.per_unit, limits.per_organisation, limits.per_person),
    }


def assign_re_review(session: Session, season: Season, tied: Sequence[str], act: Act) -> dict[str, list[str]]:
    """A second round for submissions tied at a cut, by the experts who know them. Numbers by expert.

    Who has left the panel since, or came into conflict, is not asked again.
    """
    experts = seated(session, season.year)
    barred, on_panel = season_conflicts(session, season, experts), {expert.id for expert in experts}
    sheets: dict[str, list[str]] = {}
    pairs: dict[str, list[str]] = {}
    for number in sorted(tied):
        for expert in session.scalars(
            select(Assignment.expert)
            .where(Assignment.number == number, Assignment.round == 1, Assignment.state == AssignmentState.SCORED)
            .order_by(Assignment.expert)
        ):
            if expert not in on_panel or barred.forbids(number, expert):
                continue
            if session.get(Assignment, (number, expert, 2)) is None:
                pairs.setdefault(number, []).append(expert)
            sheets.setdefault(expert, []).append(number)
    if pairs:
        make_pairs(session, season, pairs, at=act.at, round_number=2)
        note_call(
            session,
            season.year,
            Trigger.ASSIGN_RE_REVIEW,
            act,
            facts={"submissions": sorted(tied), "experts": pairs},
        )
    return sheets


def freeze_ranking(session: Session, season: Season, ranking: Ranking, act: Act) -> None:
    """Keep the list as data: the placings, and all of it in the record. Only a list sent back is replaced."""
    if is_ranked(session, season.year):
        return
    session.execute(delete(Placing).where(Placing.season == season.year))
    spreads = _ranges(session, season.year)
    rows = [
        {
            "number": placed.submission,
            "season": season.year,
            "position": placed.position,
            "rank": placed.rank,
            "merit": placed.merit.merit,
            "raw_mean": placed.merit.raw_mean,
            "low": placed.merit.low,
            "high": placed.merit.high,
            "scores": placed.merit.scores,
            "spread": spreads.get(placed.submission, Decimal(0)),
            "tier": placed.tier,
            "settled": placed.settled.sentence if placed.settled else "",
            "passed_over": placed.passed_over.label if placed.passed_over else "",
            "struck": "",
            "approved": False,
        }
        for placed in ranking.placed
    ]
    if rows:
        session.execute(insert(Placing), rows)
    seed = session.get_one(Call, season.year).draw_seed
    facts: dict[str, Any] = {"ranking": ranking.facts(), "tie_seed_from": seed, "method": season.final_round.method}
    facts |= _groups(session, season)
    facts |= Seals(session, season.year).of_sentences({str(row["number"]): str(row["settled"]) for row in rows})
    note_call(session, season.year, Trigger.FREEZE_RANKING, act, facts=facts)


def _contenders(session: Session, season: Season, scoring: Scoring) -> list[Contender]:
    organisations = _keys(session, season.year, Organisation, organisation_key)
    persons = _keys(session, season.year, Contributor, name_key)
    rows = session.execute(
        select(Submission.number, Submission.unit)
        .where(Submission.season == season.year, Submission.state == SubmissionState.FINAL_REVIEWED)
        .order_by(Submission.number)
    )
    return [
        Contender(scoring.merits[number], unit, organisations.get(number, ()), persons.get(number, ()))
        for number, unit in rows
    ]


def _groups(session: Session, season: Season) -> dict[str, Any]:
    """What the limits count, for whoever recomputes: each organisation and person as a number, since the record
    holds no names."""
    limits = season.final_round.limits
    if not (limits.per_organisation or limits.per_person):
        return {}
    organisations = _numbered(_keys(session, season.year, Organisation, organisation_key))
    persons = _numbered(_keys(session, season.year, Contributor, name_key))
    numbers = eligible_numbers(session, season.year, (SubmissionState.FINAL_REVIEWED,))
    return {"groups": {number: [organisations.get(number, []), persons.get(number, [])] for number in numbers}}


def _numbered(keys: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    known: dict[str, str] = {}
    return {
        number: [known.setdefault(key, str(len(known) + 1)) if key else "" for key in given]
        for number, given in sorted(keys.items())
    }


def _keys(session: Session, year: int, table, key) -> dict[str, tuple[str, ...]]:  # type: ignore[no-untyped-def]
    found: dict[str, tuple[str, ...]] = {}
    rows = session.execute(
        select(table.number, table.name)
        .join(Submission, Submission.number == table.number)
        .where(Submission.season == year)
        .order_by(table.number, table.position)
    )
    for number, name in rows:
        found[number] = (*found.get(number, ()), key(name))
    return found


def _re_review(session: Session, year: int) -> dict[str, Decimal]:
    """The plain mean of the re-review's scores, for submissions that have all they were to get."""
    asked: dict[str, int] = {}
    for number in session.scalars(select(Assignment.number).where(Assignment.season == year, Assignment.round == 2)):
        asked[number] = asked.get(number, 0) + 1
    given: dict[str, list[Fraction]] = {}
    for score in counted_scores(session, year, 2):
        given.setdefault(score.submission, []).append(Fraction(score.total))
    return {number: settle(mean_of(totals), 4) for number, totals in given.items() if len(totals) == asked[number]}


def _criteria(session: Session, season: Season) -> tuple[TieCriterion, ...]:
    """The declared tie-break criteria with the mean points of each submission."""
    names = {criterion.key: criterion.name for criterion in season.final_round.rubric}
    read = lru_cache(maxsize=4096)(Fraction)  # few different points, a hundred thousand of them
    points: dict[str, dict[str, list[Fraction]]] = {key: {} for key in season.final_round.tie_break.criteria}
    rows = session.execute(
        select(Score.number, Score.points)
        .join(Assignment, by_whom_assigned())
        .where(Assignment.season == season.year, Score.round == 1, Assignment.state == AssignmentState.SCORED)
    )
    for number, text in rows:
        given = json.loads(text)
        for key, by_number in points.items():
            by_number.setdefault(number, []).append(read(given[key]))
    return tuple(
        TieCriterion(key, names[key], {number: settle(mean_of(values), 4) for number, values in by_number.items()})
        for key, by_number in points.items()
    )


def _ranges(session: Session, year: int) -> Mapping[str, Decimal]:
    totals: dict[str, list[Decimal]] = {}
    for score in counted_scores(session, year):
        totals.setdefault(score.submission, []).append(Decimal(score.total))
    return {number: max(values) - min(values) for number, values in totals.items()}
