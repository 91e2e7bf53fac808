"""What must hold in the database at every moment: the named invariants behind `gangchuang doctor`."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, text
from sqlalchemy.orm import Session, aliased

from config.errors import GangchuangError
from config.milestones import Milestone
from models import (
    Assignment,
    Attachment,
    Call,
    Consent,
    Contact,
    Contributor,
    Correction,
    Delivery,
    DistrictVerdict,
    Expert,
    History,
    Message,
    MilestoneDate,
    Objection,
    ObjectionRuling,
    Organisation,
    Picture,
    Placing,
    Recusal,
    Score,
    Seat,
    Submission,
    SubmissionVersion,
)
from models.enums import (
    OPEN_OBJECTIONS,
    AssignmentState,
    CallState,
    ConsentKind,
    CorrectionState,
    MessageState,
    MilestoneState,
    ObjectionState,
    Outcome,
    SubmissionState,
    Trigger,
    Verdict,
)
from models.queries import by_whom_assigned, planned_seasons, season_in_force
from states.audit.replay import Standing, replay_subject
from states.guard_facts import prizes_standing
from states.history.canonical import call_subject, submission_subject
from states.history.read import (
    by_subject,
    erased_seasons,
    forgotten_deliveries,
    latest_entry,
    latest_facts,
    read_entries,
    read_standings,
)
from states.numbers import Number
from states.objections.impartiality import barred_as
from states.panel.pairs import season_conflicts
from states.rules.ranking.tiers import beyond
from states.submissions.certificates import CertificateNumber, certificates_of, out_of_step
from states.submissions.released import WITHHELD

Offenders = Iterable[Any]
Query = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that must hold. `offenders` names whatever breaks it: subjects, keys, paths."""

    name: str
    sentence: str
    offenders: Callable[[Session, Path | None], Offenders]


def breaking(query: Query) -> Callable[[Session, Path | None], Offenders]:
    """An invariant told as a query for what breaks it."""
    return lambda session, _: (tuple(row) for row in session.execute(query))


S, C = SubmissionState, CallState
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that does not hold, with what breaks it."""

    invariant: Invariant
    offenders: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.offenders) - _SHOWN
        shown = ", ".join(self.offenders[:_SHOWN]) + (f" … and {more} more" if more > 0 else "")
        return f"{self.invariant.name}: {self.invariant.sentence} Broken by: {shown}"


def broken_invariants(
    session: Session, home: Path | None = None, invariants: Iterable[Invariant] | None = None
) -> list[Broken]:
    """Every invariant (of INVARIANTS, or of those given) that does not hold; files are looked at when a home is given."""
    chosen = INVARIANTS if invariants is None else invariants
    found = ((invariant, _offenders(invariant, session, home)) for invariant in chosen)
    return [Broken(invariant, offenders) for invariant, offenders in found if offenders]


def _offenders(invariant: Invariant, session: Session, home: Path | None) -> tuple[str, ...]:
    found: list[str] = []
    try:
        found.extend(_name(item) for item in invariant.offenders(session, home))
    except (GangchuangError, KeyError, OSError, TypeError, ValueError) as problem:
        # A bent row may be one that cannot even be read, a page one whose picture is gone; what was found stands.
        found.append(f"cannot be examined: {type(problem).__name__}: {' '.join(str(problem).split())[:200]}")
    return tuple(found)


def _name(item: Any) -> str:
    return "/".join(map(str, item)) if isinstance(item, tuple) else str(item)


def _unsound(session: Session, _: Path | None) -> Offenders:
    """What SQLite itself finds wrong with its file; PostgreSQL keeps its files itself."""
    if session.get_bind().dialect.name != "sqlite":
        return []
    found = session.scalars(text("PRAGMA integrity_check(20)")).all()
    found = [line for line in found if line != "ok"]
    return [*found, *(tuple(row) for row in session.execute(text("PRAGMA foreign_key_check")))]


def _gaps() -> Query:
    query = select(History.subject).group_by(History.subject)
    gaps: Query = query.having(or_(func.count() != func.max(History.sequence), func.min(History.sequence) != 1))
    return gaps


def _wrong_heads(session: Session, _: Path | None) -> Offenders:
    for subject, entries, rows in _subjects(session):
        latest = [(entries[-1]["sequence"], entries[-1]["hash"])] if entries else []
        if [(row["sequence"], row["head"]) for row in rows] != latest:
            yield subject


def _not_replayed(session: Session, _: Path | None) -> Offenders:
    for subject, entries, rows in _subjects(session):
        standing, illegal = replay_subject(subject, entries)
        stands = [Standing(*(row[name] for name in Standing.__slots__)) for row in rows]
        if illegal or stands != ([standing] if standing else []):
            yield subject


def _subjects(session: Session) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Every subject with its entries and its row, in little memory."""
    for subject, (entries, rows) in by_subject(read_entries(session), read_standings(session)):
        yield subject, entries, rows


def _over_quota(session: Session, _: Path | None) -> Offenders:
    for year in planned_seasons(session):
        season = season_in_force(session, year)
        query = select(Submission.unit, func.count()).where(Submission.season == year, _BEYOND)
        for unit, count in session.execute(query.group_by(Submission.unit)):
            if count > season.quota_of(unit):
                yield year, unit, count


def _shared_ranks() -> Query:
    query = select(Submission.season, Submission.unit, DistrictVerdict.rank).join(
        DistrictVerdict, DistrictVerdict.number == Submission.number
    )
    standing = query.where(DistrictVerdict.verdict == Verdict.RECOMMENDED, Submission.state != S.ARCHIVED)
    shared: Query = standing.group_by(Submission.season, Submission.unit, DistrictVerdict.rank).having(func.count() > 1)
    return shared


def _conflicted_pairs(session: Session, _: Path | None) -> Offenders:
    """Later the pool may have changed – somebody took a new post – and says nothing of what was right then."""
    for call in session.scalars(select(Call).where(Call.state.in_((CallState.FINAL_REVIEW, CallState.PUBLIC_NOTICE)))):
        pairs = session.execute(
            select(Assignment.number, Assignment.expert)
            .where(Assignment.season == call.season, Assignment.state.in_(_STANDING))
            .distinct()
            .order_by(Assignment.number, Assignment.expert)
        ).all()
        experts = session.scalars(select(Expert).where(Expert.id.in_({expert for _, expert in pairs}))).all()
        barred = season_conflicts(session, season_in_force(session, call.season), experts)
        yield from (tuple(pair) for pair in pairs if barred.forbids(*pair))


_STANDING = (AssignmentState.ACTIVE, AssignmentState.SCORED)


def _unsigned() -> Query:
    seat = (Seat.season == Assignment.season) & (Seat.expert == Assignment.expert)
    query = select(Assignment.number, Assignment.expert, Assignment.round).outerjoin(Seat, seat)
    unsigned: Query = query.where(Assignment.state.in_(_STANDING), Seat.signed_on.is_(None))
    return unsigned


def _forbidden_scores() -> Query:
    recused = (Recusal.number == Score.number) & (Recusal.expert == Score.expert)
    query = select(Score.number, Score.expert, Score.round)
    query = query.outerjoin(Assignment, by_whom_assigned()).outerjoin(Recusal, recused)
    bad = or_(Assignment.number.is_(None), Assignment.state == AssignmentState.RECUSED, Recusal.number.is_not(None))
    forbidden: Query = query.where(bad)
    return forbidden


def _awarded_otherwise() -> Query:
    placed = aliased(Placing)
    query = select(Submission.number).outerjoin(placed, placed.number == Submission.number)
    other = or_(placed.number.is_(None), ~placed.approved, placed.tier.is_distinct_from(Submission.tier))
    differing: Query = query.where(Submission.state == S.AWARDED, other)
    return differing


def _awarded_in_spite(session: Session, _: Path | None) -> Offenders:
    """Awards given after an objection was entered that is still open; one that came later suspends nothing."""
    open_ones = (
        select(Submission.number, Objection.id, Objection.received_at)
        .join(Objection, Objection.number == Submission.number)
        .where(Submission.state == S.AWARDED, Objection.state.in_(OPEN_OBJECTIONS))
    )
    for number, objection, received_at in session.execute(open_ones):
        given_at = latest_entry(session, submission_subject(number), Trigger.AWARD)[0]
        if not given_at or datetime.fromisoformat(given_at) >= received_at:
            yield number, objection


def _unanswered() -> Query:
    """Objections that stand as answered, or as looked into, without the row that says by whom."""
    answered = (ObjectionState.REJECTED, ObjectionState.UPHELD, ObjectionState.CLOSED)
    looked_into = (ObjectionState.INVESTIGATING, ObjectionState.RECONSIDERING)
    rulings = select(func.count()).where(ObjectionRuling.objection == Objection.id).correlate(Objection)
    decided = rulings.where(ObjectionRuling.result.is_not(None)).scalar_subquery()
    begun = rulings.where(ObjectionRuling.result.is_(None)).scalar_subquery()
    query: Query = select(Objection.number, Objection.id).where(
        (Objection.state.in_(answered) & ((decided == 0) | (begun > 0)))
        | (Objection.state.in_(looked_into) & (begun != 1))
    )
    return query


def _partial(session: Session, _: Path | None) -> Offenders:
    """Investigators who had a part in the award; of objections that earlier versions answered nobody asked."""
    for year in planned_seasons(session):
        season = season_in_force(session, year)
        query = (
            select(Objection.id, Objection.number, ObjectionRuling.ordinal, ObjectionRuling.investigator)
            .join(ObjectionRuling, ObjectionRuling.objection == Objection.id)
            .where(Objection.season == year, Objection.kind.is_not(None), Objection.number.is_not(None))
        )
        for objection, number, ordinal, person in session.execute(query).all():
            if number and barred_as(session, season, number, person, objection=objection, ordinal=ordinal):
                yield number, objection, person


def _bent_versions(session: Session, _: Path | None) -> Offenders:
    version, erased = SubmissionVersion, erased_seasons(session)
    kept = _kept_digests(session, erased)
    of_persons = _kept_after_requests(session)
    query = select(version.number, version.version, version.content, version.salt, version.digest)
    for number, ordinal, content, salt, digest in session.execute(query.execution_options(yield_per=1000)):
        if Number.of(number).season in erased and not salt and not content:
            continue
        if number in of_persons and not salt and not content:
            continue  # an earlier version, or the whole of it gone since on schedule
        bound = kept.get(number) or of_persons.get(number, {}).get(ordinal, digest)
        if hashlib.sha256(bytes.fromhex(salt) + content.encode()).hexdigest() != bound:
            yield number, ordinal


def _kept_after_requests(session: Session) -> dict[str, dict[int, str]]:
    """Of submissions in which a person asked for deletion: what is left of which version, by the entry of that."""
    query = select(History.subject, History.facts).where(History.trigger == Trigger.ERASE_PERSON)
    rows = session.execute(query.order_by(History.subject, History.sequence))
    kept: dict[str, dict[int, str]] = {}
    for subject, written in rows:
        facts = json.loads(written)
        if "kept" in facts:
            kept.setdefault(subject.partition("/")[2], {})[facts["version"]] = facts["kept"]
    return kept


def _kept_digests(session: Session, erased: Iterable[int]) -> dict[str, str]:
    """What is left of a content after the deletion of personal data is bound by the entry of who left it."""
    kept: dict[str, str] = {}
    for year in erased:
        kept |= latest_facts(session, call_subject(year), Trigger.ERASE_PERSONAL_DATA).get("kept", {})
        since = select(History.subject, History.facts).where(
            History.season == year, History.trigger == Trigger.WITHDRAW_CONSENT
        )
        for subject, facts in session.execute(since.order_by(History.subject, History.sequence)):
            left = json.loads(facts).get("kept")
            if left:
                kept[subject.partition("/")[2]] = left
    return kept


def _out_of_order(session: Session, _: Path | None) -> Offenders:
    """Steps of the season itself that are settled before an earlier step is."""
    order = list(Milestone)
    query = select(MilestoneDate.season, MilestoneDate.milestone, MilestoneDate.state).where(MilestoneDate.unit == "")
    rows = [row for row in session.execute(query) if not Milestone(row.milestone).is_reminder]
    rows.sort(key=lambda row: (row.season, order.index(Milestone(row.milestone))))
    for season, steps in groupby(rows, key=lambda row: row.season):
        waiting = ""
        for step in steps:
            if step.state is MilestoneState.PENDING:
                waiting = waiting or step.milestone
            elif waiting:
                yield season, step.milestone, f"before {waiting}"


def _unreceipted(session: Session, home: Path | None) -> Offenders:
    query, forgotten = (
        select(Delivery.season, Delivery.digest, Delivery.sender, Delivery.receipt),
        forgotten_deliveries(session),
    )
    for season, digest, sender, receipt in session.execute(
        query.where(Delivery.season.not_in(erased_seasons(session)))
    ):
        if (season, digest) in forgotten:
            continue
        if not receipt or (home is not None and not (home / receipt).is_file()):
            yield digest[:16], sender


def _not_erased(session: Session, _: Path | None) -> Offenders:
    """Personal data of seasons whose record says that it is deleted."""
    for year in sorted(erased_seasons(session)):
        own = select(Submission.number).where(Submission.season == year)
        # An award may be revoked after the deletion; until then its people stood on the page.
        won = own.where(func.coalesce(Submission.outcome.in_(_WON), False))
        hidden = own.where(~func.coalesce(Submission.outcome.in_(_WON), False))
        for table, rows in ((Contact, own), (Attachment, own), (Contributor, hidden), (Picture, hidden)):
            yield from session.scalars(select(table.number).where(table.number.in_(rows)).distinct())
        for table, kind in ((Contributor, ConsentKind.NAME), (Picture, ConsentKind.PICTURE)):
            consent = (Consent.number == table.number) & (Consent.position == table.position) & (Consent.kind == kind)
            query = select(table.number, table.position).outerjoin(Consent, consent).where(table.number.in_(won))
            refused = ~func.coalesce(Consent.given & Consent.withdrawn_at.is_(None), False)
            if table is Contributor:
                refused &= Contributor.name != WITHHELD
            yield from (tuple(row) for row in session.execute(query.where(refused)))


def _orphans(session: Session, home: Path | None) -> Offenders:
    """Files among the taken and the receipts that no delivery knows: each begins with a delivery's digest."""
    if home is None:
        return
    rows = session.execute(select(Delivery.season, Delivery.sender, Delivery.digest))
    known = {(str(season), sender, digest[:16]) for season, sender, digest in rows}
    for folder in ("taken", "receipts"):
        for path in _files_below(home / folder):
            season, sender, name, *_ = (*path.relative_to(home / folder).parts, "", "", "")
            if (season, sender, name.partition("-")[0]) not in known:
                yield path.relative_to(home).as_posix()


def _files_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))


_OUT = (Outcome.WITHDRAWN, Outcome.INELIGIBLE)
_STATE_AFTER = {
    Milestone.OPEN_CALL: C.OPEN,
    Milestone.CLOSE_CALL: C.DISTRICT_REVIEW,
    Milestone.DRAW_PANEL: C.FINAL_REVIEW,
    Milestone.OPEN_PUBLIC_NOTICE: C.PUBLIC_NOTICE,
    Milestone.PUBLISH_RESULTS: C.PUBLISHED,
    Milestone.CLOSE_SEASON: C.CLOSED,
}
# The first state of the call in which a submission can stand so. Awards are given as the results go out.
_EARLIEST = {
    S.SUBMITTED: C.OPEN,
    S.DISTRICT_REVIEWED: C.OPEN,
    S.FINAL_REVIEWED: C.FINAL_REVIEW,
    S.AWARDED: C.PUBLIC_NOTICE,
}


def _been(*states: SubmissionState) -> ColumnElement[bool]:
    """Submissions that stand in one of these states, or were archived from it."""
    return or_(Submission.state.in_(states), Submission.archived_from.in_(states))


def _off_their_milestones(session: Session, _: Path | None) -> Offenders:
    done = select(MilestoneDate.season, MilestoneDate.milestone).where(
        MilestoneDate.state == MilestoneState.DONE, MilestoneDate.unit == ""
    )
    settled = {tuple(row) for row in session.execute(done)}
    for season, state in session.execute(select(Call.season, Call.state).order_by(Call.season)):
        reached = [after for step, after in _STATE_AFTER.items() if (season, step.value) in settled]
        expected = reached[-1] if reached else C.PLANNED
        if state is not expected:
            yield season, state.value, f"not {expected.value}"


def _ahead_of_their_call(session: Session, _: Path | None) -> Offenders:
    order = list(C)
    query = (
        select(Submission.number, Submission.state, Submission.archived_from, Call.state)
        .join(Call, Call.season == Submission.season)
        .order_by(Submission.number)
    )
    for number, state, origin, call in session.execute(query):
        if order.index(call) < order.index(_EARLIEST[origin or state]):
            yield number, (origin or state).value, call.value


def _twins() -> Query:
    other = aliased(Submission)
    live = [submission.outcome.is_(None) | submission.outcome.not_in(_OUT) for submission in (Submission, other)]
    query: Query = select(Submission.number, other.number).join(
        # With the personal data deleted, a submission has no fingerprint any more.
        other,
        (other.fingerprint == Submission.fingerprint) & (Submission.fingerprint != ""),
    )
    return query.where(Submission.number < other.number, *live)


def _too_many_people(session: Session, _: Path | None) -> Offenders:
    for year in planned_seasons(session):
        call = season_in_force(session, year).call
        for table, most in ((Contributor, call.max_contributors), (Organisation, call.max_organisations)):
            query = select(table.number, func.count()).join(Submission, Submission.number == table.number)
            crowded = query.where(Submission.season == year).group_by(table.number).having(func.count() > most)
            for number, count in session.execute(crowded):
                yield number, table.__tablename__, count


def _verdicts_beside() -> Query:
    query = select(Submission.number).outerjoin(DistrictVerdict, DistrictVerdict.number == Submission.number)
    reviewed = _been(S.DISTRICT_REVIEWED, S.FINAL_REVIEWED, S.AWARDED)
    return query.where(reviewed != DistrictVerdict.number.is_not(None))


def _short_of_scores(session: Session, _: Path | None) -> Offenders:
    scored = (
        select(func.count())
        .where(
            Assignment.number == Submission.number,
            Assignment.round == 1,
            Assignment.state == AssignmentState.SCORED,
        )
        .correlate(Submission)
        .scalar_subquery()
    )
    for year in planned_seasons(session):
        needed = season_in_force(session, year).final_round.scores_per_submission
        query = select(Submission.number, scored).where(Submission.season == year, _been(S.FINAL_REVIEWED, S.AWARDED))
        yield from (tuple(row) for row in session.execute(query.where(scored < needed)))


def _wrong_sums(session: Session, _: Path | None) -> Offenders:
    for year in planned_seasons(session):
        maxima = {criterion.key: criterion.maximum for criterion in season_in_force(session, year).final_round.rubric}
        query = select(Score.number, Score.expert, Score.round, Score.points, Score.total).join(
            Submission, Submission.number == Score.number
        )
        for *key, points_text, total in session.execute(query.where(Submission.season == year)):
            points = {name: Decimal(value) for name, value in json.loads(points_text).items()}
            within = points.keys() == maxima.keys() and all(0 <= points[name] <= maxima[name] for name in maxima)
            if not within or sum(points.values()) != total:
                yield tuple(key)


def _thawed(session: Session, _: Path | None) -> Offenders:
    """First-round scores received after the record says that they were frozen; rankings of scores never frozen."""
    for year in planned_seasons(session):
        frozen_at = latest_entry(session, call_subject(year), Trigger.FREEZE_SCORES)[0]
        of_season = (Score.round == 1, Score.number.startswith(f"{year}-"))
        if frozen_at:
            late = Score.received_at > datetime.fromisoformat(frozen_at)
            for row in session.execute(select(Score.number, Score.expert).where(*of_season, late)):
                yield tuple(row)
        elif _is_ranked(session, year):
            yield year, "ranked before the scores were frozen"


def _certificates_out_of_step(session: Session, _: Path | None) -> Offenders:
    """Certificates in force beside the awards and holders without one, in seasons that gave any; holes in the numbers."""
    for year in planned_seasons(session):
        ordinals = [row.ordinal for row in certificates_of(session, year)]
        if ordinals:
            lost, lacking = out_of_step(session, year)
            yield from ((CertificateNumber(year, row.ordinal).short, row.number) for row, _ in lost)
            yield from ((one.number, one.holder.value, one.position, "has no certificate") for one in lacking)
            yield from ((CertificateNumber(year, hole).short,) for hole in {*range(1, max(ordinals))} - {*ordinals})


def _is_ranked(session: Session, year: int) -> bool:
    subject = History.subject == call_subject(year)
    return (
        session.scalar(select(History.sequence).where(subject, History.trigger == Trigger.FREEZE_RANKING)) is not None
    )


def _gaps_in_rankings() -> Select[int]:
    query = select(Placing.season).group_by(Placing.season)
    uneven = or_(
        func.min(Placing.position) != 1,
        func.max(Placing.position) != func.count(),
        func.count(Placing.position.distinct()) != func.count(),
    )
    return query.having(uneven)


def _too_many_prizes(session: Session, _: Path | None) -> Offenders:
    for year in planned_seasons(session):
        tiers = season_in_force(session, year).final_round.tiers
        yield from ((year, tier.value, count) for tier, count in beyond(tiers, prizes_standing(session, year)).items())


def _overloaded(session: Session, _: Path | None) -> Iterator[tuple[object, ...]]:
    for year in planned_seasons(session):
        most = season_in_force(session, year).final_round.submissions_per_expert
        standing = (Assignment.season == year, Assignment.round == 1, Assignment.state.in_(_STANDING))
        query = select(Assignment.expert, func.count()).where(*standing).group_by(Assignment.expert)
        for expert, count in session.execute(query.having(func.count() > most)):
            yield year, expert, count


_JUDGING = (C.OPEN, C.DISTRICT_REVIEW)


_WON = (Outcome.COMPLETED, Outcome.REVOKED)
_FINAL = (S.FINAL_REVIEWED, S.AWARDED)
_BEYOND = or_(Submission.state.in_(_FINAL), Submission.archived_from.in_(_FINAL))
_HAS_WON = or_(Submission.state == S.AWARDED, func.coalesce(Submission.outcome.in_(_WON), False))

INVARIANTS: tuple[Invariant, ...] = (
    Invariant("database_is_sound", "The database file is whole and its references lead somewhere.", _unsound),
    Invariant(
        "gapless_sequences", "The entries of every subject are numbered 1, 2, 3 without a gap.", breaking(_gaps())
    ),
    Invariant("head_is_last_entry", "Every call and submission knows its last entry's number and hash.", _wrong_heads),
    Invariant("state_equals_replay", "State, outcome and tier are what the history makes them.", _not_replayed),
    Invariant(
        "archived_has_outcome",
        "What is archived has an outcome, and nothing else has one.",
        breaking(select(Submission.number).where((Submission.state == S.ARCHIVED) != Submission.outcome.is_not(None))),
    ),
    Invariant(
        "tier_only_if_awarded",
        "Only what is or was awarded has a tier, and all of that has one.",
        breaking(select(Submission.number).where(Submission.tier.is_not(None) != _HAS_WON)),
    ),
    Invariant(
        "awarded_as_approved",
        "Every award stands in the list that a person approved, with its tier.",
        breaking(_awarded_otherwise()),
    ),
    Invariant(
        "no_award_with_open_objection",
        "Nothing was awarded while an objection to it was open.",
        _awarded_in_spite,
    ),
    Invariant("within_quota", "No unit has more in the final round than its quota.", _over_quota),
    Invariant(
        "recommended_ranks_unique",
        "Within a unit no two recommended submissions share a place.",
        breaking(_shared_ranks()),
    ),
    Invariant(
        "eligible_before_final_review",
        "What was final reviewed had passed the eligibility check.",
        breaking(select(Submission.number).where(_BEYOND, Submission.eligible_at.is_(None))),
    ),
    Invariant(
        "no_correction_in_final_review",
        "What was final reviewed has no correction outstanding.",
        breaking(
            select(Submission.number)
            .join(Correction, Correction.number == Submission.number)
            .where(_BEYOND, Correction.state == CorrectionState.OUTSTANDING)
        ),
    ),
    Invariant(
        "scored_only_by_assigned",
        "Every score is by an expert who was assigned and did not step back.",
        breaking(_forbidden_scores()),
    ),
    Invariant(
        "nobody_in_conflict",
        "Until the results are out, no expert has a submission with which they are in conflict.",
        _conflicted_pairs,
    ),
    Invariant(
        "experts_have_signed",
        "Everybody who has a submission to review has a seat and has signed the statement.",
        breaking(_unsigned()),
    ),
    Invariant("content_has_its_digest", "Every kept content is the one whose digest was recorded.", _bent_versions),
    Invariant("erased_is_gone", "What the record says was deleted on schedule is not here any more.", _not_erased),
    Invariant("milestones_in_order", "No step of a season is settled before the steps before it.", _out_of_order),
    Invariant(
        "settled_has_instant",
        "A milestone has an instant of settling exactly when it is settled.",
        breaking(
            select(MilestoneDate.season, MilestoneDate.milestone, MilestoneDate.ordinal, MilestoneDate.unit).where(
                (MilestoneDate.state == MilestoneState.PENDING) != MilestoneDate.settled_at.is_(None)
            )
        ),
    ),
    Invariant(
        "closed_season_is_settled",
        "In a closed season everything is archived.",
        breaking(
            select(Submission.number)
            .join(Call, Call.season == Submission.season)
            .where(Call.state == CallState.CLOSED, Submission.state != S.ARCHIVED)
        ),
    ),
    Invariant(
        "one_message_per_key",
        "No two messages bear one key.",
        breaking(select(Message.key).group_by(Message.key).having(func.count() > 1)),
    ),
    Invariant(
        "sent_has_instant",
        "A message has an instant of sending exactly when it was sent.",
        breaking(select(Message.key).where((Message.state == MessageState.SENT) != Message.sent_at.is_not(None))),
    ),
    Invariant("every_delivery_has_its_receipt", "Every delivered file was answered with a receipt.", _unreceipted),
    Invariant("no_orphan_file", "Every taken file and every receipt belongs to a delivery.", _orphans),
    # of a season's rounds: what was let in, judged, scored, ranked, objected to, and when
    Invariant("call_follows_milestones", "A call stands where its settled milestones say.", _off_their_milestones),
    Invariant("none_ahead_of_its_call", "No submission is further than its call allows.", _ahead_of_their_call),
    Invariant("no_achievement_twice", "No achievement stands twice, except for what is out.", breaking(_twins())),
    Invariant(
        "contributors_within_limits",
        "No submission has more contributors or organisations than the season allows.",
        _too_many_people,
    ),
    Invariant(
        "verdict_exactly_when_reviewed",
        "What a district has reviewed has its verdict, and nothing else has one.",
        breaking(_verdicts_beside()),
    ),
    Invariant(
        "correction_settled_with_instant",
        "A correction has an instant of settling exactly when it is settled.",
        breaking(
            select(Correction.number).where(
                (Correction.state == CorrectionState.OUTSTANDING) != Correction.settled_at.is_(None)
            )
        ),
    ),
    Invariant(
        "corrections_end_with_the_check",
        "Once the panel is drawn, no submission that stands is out for correction.",
        breaking(
            select(Correction.number)
            .join(Submission, Submission.number == Correction.number)
            .join(Call, Call.season == Submission.season)
            .where(
                Correction.state == CorrectionState.OUTSTANDING,
                Submission.state != S.ARCHIVED,
                Call.state.not_in(_JUDGING),
            )
        ),
    ),
    Invariant(
        "assigned_only_when_eligible",
        "What experts have to review has passed the eligibility check.",
        breaking(
            select(Assignment.number, Assignment.expert, Assignment.round)
            .join(Submission, Submission.number == Assignment.number)
            .where(Assignment.state.in_(_STANDING), Submission.eligible_at.is_(None))
        ),
    ),
    Invariant(
        "eligible_only_when_recommended",
        "What has passed the eligibility check is recommended by its district.",
        breaking(
            select(Submission.number)
            .join(DistrictVerdict, DistrictVerdict.number == Submission.number)
            .where(Submission.eligible_at.is_not(None), DistrictVerdict.verdict != Verdict.RECOMMENDED)
        ),
    ),
    Invariant("no_expert_overloaded", "No expert has more submissions than the season allows.", _overloaded),
    Invariant(
        "scores_add_up", "A score is the sum of its points, one for each criterion and none beyond it.", _wrong_sums
    ),
    Invariant("enough_scores", "What was final reviewed has as many scores as are needed.", _short_of_scores),
    Invariant(
        "scores_frozen_before_ranking", "Scores are frozen before they are ranked, and none comes after.", _thawed
    ),
    Invariant(
        "ranking_without_gap", "The places of a ranking are 1, 2, 3 without a gap.", breaking(_gaps_in_rankings())
    ),
    Invariant(
        "prizes_within_tiers",
        "Of no tier and the better ones are there more prizes than the season gives.",
        _too_many_prizes,
    ),
    Invariant(
        "certificates_follow_the_awards",
        "Whoever has an award has a certificate that says so, and no other is in force; their numbers are 1, 2, 3.",
        _certificates_out_of_step,
    ),
    Invariant(
        "objection_answered_by_a_person",
        "An objection is open, or the person who looked into it has answered it with reasons.",
        breaking(_unanswered()),
    ),
    Invariant(
        "objections_looked_into_impartially",
        "Nobody looked into an objection who had a part in the award, or a second time.",
        _partial,
    ),
)
