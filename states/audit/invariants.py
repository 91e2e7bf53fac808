"""What must hold in the database at every moment: the named invariants behind `gangchuang doctor`."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from inspect import getdoc
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


Check = Callable[[Session, Path | None], Offenders]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that must hold, by its name, in a sentence and in the office's words.

    `offenders` names whatever breaks it: subjects, keys, paths.
    """

    name: str
    sentence: str
    said: str
    offenders: Check


def told_by(check: Callable[..., Any], said: str, offenders: Check) -> Invariant:
    """The invariant that bears the name of its check and says the first paragraph of its docstring."""
    return Invariant(check.__name__, (getdoc(check) or "").partition("\n\n")[0], said, offenders)


INVARIANTS: list[Invariant] = []


def invariant(said: str) -> Callable[[Check], Check]:
    """A check becomes one of the INVARIANTS; `said` in the office's words."""

    def listed(check: Check) -> Check:
        INVARIANTS.append(told_by(check, said, check))
        return check

    return listed


def by_query(said: str) -> Callable[[Callable[[], Query]], Callable[[], Query]]:
    """The same of a query for what breaks it."""

    def listed(make: Callable[[], Query]) -> Callable[[], Query]:
        INVARIANTS.append(told_by(make, said, lambda session, _: (tuple(row) for row in session.execute(make()))))
        return make

    return listed


S, C = SubmissionState, CallState
_JUDGING = (C.OPEN, C.DISTRICT_REVIEW)


_WON = (Outcome.COMPLETED, Outcome.REVOKED)
_FINAL = (S.FINAL_REVIEWED, S.AWARDED)
_BEYOND = or_(Submission.state.in_(_FINAL), Submission.archived_from.in_(_FINAL))
_HAS_WON = or_(Submission.state == S.AWARDED, func.coalesce(Submission.outcome.in_(_WON), False))
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
        found.extend(_name(offender) for offender in invariant.offenders(session, home))
    except (GangchuangError, KeyError, OSError, TypeError, ValueError) as problem:
        # A bent row may be one that cannot even be read, a page one whose picture is gone; what was found stands.
        found.append(f"cannot be examined: {type(problem).__name__}: {' '.join(str(problem).split())[:200]}")
    return tuple(found)


def _name(item: Any) -> str:
    return "/".join(map(str, item)) if isinstance(item, tuple) else str(item)


@invariant("数据库文件须完好")
def database_is_sound(session: Session, _: Path | None) -> Offenders:
    """The database file is whole and its references lead somewhere.

    What SQLite itself finds wrong with its file; PostgreSQL keeps its files itself.
    """
    if session.get_bind().dialect.name != "sqlite":
        return []
    found = session.scalars(text("PRAGMA integrity_check(20)")).all()
    found = [line for line in found if line != "ok"]
    return [*found, *(tuple(row) for row in session.execute(text("PRAGMA foreign_key_check")))]


@by_query("记录编号须连续")
def gapless_sequences() -> Query:
    """The entries of every subject are numbered 1, 2, 3 without a gap."""
    query = select(History.subject).group_by(History.subject)
    return query.having(or_(func.count() != func.max(History.sequence), func.min(History.sequence) != 1))


@invariant("现状须与最后一条记录对应")
def head_is_last_entry(session: Session, _: Path | None) -> Offenders:
    """Every call and submission knows its last entry's number and hash."""
    for subject, entries, rows in _subjects(session):
        latest = [(entries[-1]["sequence"], entries[-1]["hash"])] if entries else []
        if [(row["sequence"], row["head"]) for row in rows] != latest:
            yield subject


@invariant("状态、结论、等次须与记录推算一致")
def state_equals_replay(session: Session, _: Path | None) -> Offenders:
    """State, outcome and tier are what the history makes them."""
    for subject, entries, rows in _subjects(session):
        standing, illegal = replay_subject(subject, entries)
        stands = [Standing(*(row[name] for name in Standing.__slots__)) for row in rows]
        if illegal or stands != ([standing] if standing else []):
            yield subject


def _subjects(session: Session) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Every subject with its entries and its row, in little memory."""
    for subject, (entries, rows) in by_subject(read_entries(session), read_standings(session)):
        yield subject, entries, rows


@invariant("进入终评的不得超过单位名额")
def within_quota(session: Session, _: Path | None) -> Offenders:
    """No unit has more in the final round than its quota."""
    for year in planned_seasons(session):
        season = season_in_force(session, year)
        query = select(Submission.unit, func.count()).where(Submission.season == year, _BEYOND)
        for unit, count in session.execute(query.group_by(Submission.unit)):
            if count > season.quota_of(unit):
                yield year, unit, count


@by_query("同一单位推荐名次不得重复")
def recommended_ranks_unique() -> Query:
    """Within a unit no two recommended submissions share a place."""
    query = select(Submission.season, Submission.unit, DistrictVerdict.rank).join(
        DistrictVerdict, DistrictVerdict.number == Submission.number
    )
    standing = query.where(DistrictVerdict.verdict == Verdict.RECOMMENDED, Submission.state != S.ARCHIVED)
    return standing.group_by(Submission.season, Submission.unit, DistrictVerdict.rank).having(func.count() > 1)


@invariant("专家不得评审与其有利益关系的项目")
def nobody_in_conflict(session: Session, _: Path | None) -> Offenders:
    """Until the results are out, no expert has a submission with which they are in conflict.

    Later the pool may have changed – somebody took a new post – and says nothing of what was right then.
    """
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


@by_query("评审专家须有席位并签署声明")
def experts_have_signed() -> Query:
    """Everybody who has a submission to review has a seat and has signed the statement."""
    seat = (Seat.season == Assignment.season) & (Seat.expert == Assignment.expert)
    query = select(Assignment.number, Assignment.expert, Assignment.round).outerjoin(Seat, seat)
    return query.where(Assignment.state.in_(_STANDING), Seat.signed_on.is_(None))


@by_query("评分须由分到该项且未回避的专家给出")
def scored_only_by_assigned() -> Query:
    """Every score is by an expert who was assigned and did not step back."""
    recused = (Recusal.number == Score.number) & (Recusal.expert == Score.expert)
    query = select(Score.number, Score.expert, Score.round)
    query = query.outerjoin(Assignment, by_whom_assigned()).outerjoin(Recusal, recused)
    bad = or_(Assignment.number.is_(None), Assignment.state == AssignmentState.RECUSED, Recusal.number.is_not(None))
    return query.where(bad)


@by_query("获奖须与审定名单一致")
def awarded_as_approved() -> Query:
    """Every award stands in the list that a person approved, with its tier."""
    placed = aliased(Placing)
    query = select(Submission.number).outerjoin(placed, placed.number == Submission.number)
    other = or_(placed.number.is_(None), ~placed.approved, placed.tier.is_distinct_from(Submission.tier))
    return query.where(Submission.state == S.AWARDED, other)


@invariant("异议未答复不得授奖")
def no_award_with_open_objection(session: Session, _: Path | None) -> Offenders:
    """Nothing was awarded while an objection to it was open.

    Awards given after an objection was entered that is still open; one that came later suspends nothing.
    """
    open_ones = (
        select(Submission.number, Objection.id, Objection.received_at)
        .join(Objection, Objection.number == Submission.number)
        .where(Submission.state == S.AWARDED, Objection.state.in_(OPEN_OBJECTIONS))
    )
    for number, objection, received_at in session.execute(open_ones):
        given_at = latest_entry(session, submission_subject(number), Trigger.AWARD)[0]
        if not given_at or datetime.fromisoformat(given_at) >= received_at:
            yield number, objection


@by_query("异议须由核查人答复并说明理由")
def objection_answered_by_a_person() -> Query:
    """An objection is open, or the person who looked into it has answered it with reasons."""
    answered = (ObjectionState.REJECTED, ObjectionState.UPHELD, ObjectionState.CLOSED)
    looked_into = (ObjectionState.INVESTIGATING, ObjectionState.RECONSIDERING)
    rulings = select(func.count()).where(ObjectionRuling.objection == Objection.id).correlate(Objection)
    decided = rulings.where(ObjectionRuling.result.is_not(None)).scalar_subquery()
    begun = rulings.where(ObjectionRuling.result.is_(None)).scalar_subquery()
    return select(Objection.number, Objection.id).where(
        (Objection.state.in_(answered) & ((decided == 0) | (begun > 0)))
        | (Objection.state.in_(looked_into) & (begun != 1))
    )


@invariant("异议核查人不得有利害关系，不得重复核查")
def objections_looked_into_impartially(session: Session, _: Path | None) -> Offenders:
    """Nobody looked into an objection who had a part in the award, or a second time.

    Investigators who had a part in the award; of objections that earlier versions answered nobody asked.
    """
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


@invariant("申报内容须与记录的校验值一致")
def content_has_its_digest(session: Session, _: Path | None) -> Offenders:
    """Every kept content is the one whose digest was recorded."""
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


@invariant("时间节点须按顺序完成")
def milestones_in_order(session: Session, _: Path | None) -> Offenders:
    """No step of a season is settled before the steps before it."""
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


@invariant("每份报送须有回执")
def every_delivery_has_its_receipt(session: Session, home: Path | None) -> Offenders:
    """Every delivered file was answered with a receipt."""
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


@invariant("已按期删除的个人信息不得还在")
def erased_is_gone(session: Session, _: Path | None) -> Offenders:
    """What the record says was deleted on schedule is not here any more."""
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


@invariant("收到的文件和回执须各有报送")
def no_orphan_file(session: Session, home: Path | None) -> Offenders:
    """Every taken file and every receipt belongs to a delivery.

    Files among the taken and the receipts that no delivery knows: each begins with a delivery's digest.
    """
    if home is None:
        return
    rows = session.execute(select(Delivery.season, Delivery.sender, Delivery.digest))
    known = {(str(season), sender, digest[:16]) for season, sender, digest in rows}
    for folder in ("taken", "receipts"):
        for path in files_below(home / folder):
            season, sender, name, *_ = (*path.relative_to(home / folder).parts, "", "", "")
            if (season, sender, name.partition("-")[0]) not in known:
                yield path.relative_to(home).as_posix()


def files_below(folder: Path) -> Iterator[Path]:
    """Whole files below a folder, the half-written left out."""
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


@invariant("年度阶段须与已完成的时间节点一致")
def call_follows_milestones(session: Session, _: Path | None) -> Offenders:
    """A call stands where its settled milestones say."""
    done = select(MilestoneDate.season, MilestoneDate.milestone).where(
        MilestoneDate.state == MilestoneState.DONE, MilestoneDate.unit == ""
    )
    settled = {tuple(row) for row in session.execute(done)}
    for season, state in session.execute(select(Call.season, Call.state).order_by(Call.season)):
        reached = [after for step, after in _STATE_AFTER.items() if (season, step.value) in settled]
        expected = reached[-1] if reached else C.PLANNED
        if state is not expected:
            yield season, state.value, f"not {expected.value}"


@invariant("项目进度不得超前于年度阶段")
def none_ahead_of_its_call(session: Session, _: Path | None) -> Offenders:
    """No submission is further than its call allows."""
    order = list(C)
    query = (
        select(Submission.number, Submission.state, Submission.archived_from, Call.state)
        .join(Call, Call.season == Submission.season)
        .order_by(Submission.number)
    )
    for number, state, origin, call in session.execute(query):
        if order.index(call) < order.index(_EARLIEST[origin or state]):
            yield number, (origin or state).value, call.value


@by_query("同一成果不得重复")
def no_achievement_twice() -> Query:
    """No achievement stands twice, except for what is out."""
    other = aliased(Submission)
    live = [submission.outcome.is_(None) | submission.outcome.not_in(_OUT) for submission in (Submission, other)]
    query: Query = select(Submission.number, other.number).join(
        # With the personal data deleted, a submission has no fingerprint any more.
        other,
        (other.fingerprint == Submission.fingerprint) & (Submission.fingerprint != ""),
    )
    return query.where(Submission.number < other.number, *live)


@invariant("完成人和完成单位不得超过规定数")
def contributors_within_limits(session: Session, _: Path | None) -> Offenders:
    """No submission has more contributors or organisations than the season allows."""
    for year in planned_seasons(session):
        call = season_in_force(session, year).call
        for table, most in ((Contributor, call.max_contributors), (Organisation, call.max_organisations)):
            query = select(table.number, func.count()).join(Submission, Submission.number == table.number)
            crowded = query.where(Submission.season == year).group_by(table.number).having(func.count() > most)
            for number, count in session.execute(crowded):
                yield number, table.__tablename__, count


@by_query("已初评的须有初评结果，未初评的不得有")
def verdict_exactly_when_reviewed() -> Query:
    """What a district has reviewed has its verdict, and nothing else has one."""
    query = select(Submission.number).outerjoin(DistrictVerdict, DistrictVerdict.number == Submission.number)
    reviewed = _been(S.DISTRICT_REVIEWED, S.FINAL_REVIEWED, S.AWARDED)
    return query.where(reviewed != DistrictVerdict.number.is_not(None))


@invariant("终评的评分份数须够")
def enough_scores(session: Session, _: Path | None) -> Offenders:
    """What was final reviewed has as many scores as are needed."""
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


@invariant("总分须等于各项得分之和")
def scores_add_up(session: Session, _: Path | None) -> Offenders:
    """A score is the sum of its points, one for each criterion and none beyond it."""
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


@invariant("先冻结评分再排序，之后不得再有评分")
def scores_frozen_before_ranking(session: Session, _: Path | None) -> Offenders:
    """Scores are frozen before they are ranked, and none comes after."""
    for year in planned_seasons(session):
        frozen_at = latest_entry(session, call_subject(year), Trigger.FREEZE_SCORES)[0]
        of_season = (Score.round == 1, Score.number.startswith(f"{year}-"))
        if frozen_at:
            late = Score.received_at > datetime.fromisoformat(frozen_at)
            for row in session.execute(select(Score.number, Score.expert).where(*of_season, late)):
                yield tuple(row)
        elif _is_ranked(session, year):
            yield year, "ranked before the scores were frozen"


@invariant("证书须与获奖一致，编号连续")
def certificates_follow_the_awards(session: Session, _: Path | None) -> Offenders:
    """Whoever has an award has a certificate that says so, and no other is in force; their numbers are 1, 2, 3.

    Certificates in force beside the awards and holders without one, in seasons that gave any; holes in the numbers.
    """
    for year in planned_seasons(session):
        ordinals = [row.ordinal for row in certificates_of(session, year)]
        if ordinals:
            lost, lacking = out_of_step(session, year)
            yield from ((CertificateNumber(year, row.ordinal).short, row.number) for row, _ in lost)
            yield from (
                (entitled.number, entitled.holder.value, entitled.position, "has no certificate")
                for entitled in lacking
            )
            yield from ((CertificateNumber(year, hole).short,) for hole in {*range(1, max(ordinals))} - {*ordinals})


def _is_ranked(session: Session, year: int) -> bool:
    subject = History.subject == call_subject(year)
    return (
        session.scalar(select(History.sequence).where(subject, History.trigger == Trigger.FREEZE_RANKING)) is not None
    )


@by_query("名次须连续")
def ranking_without_gap() -> Select[int]:
    """The places of a ranking are 1, 2, 3 without a gap."""
    query = select(Placing.season).group_by(Placing.season)
    uneven = or_(
        func.min(Placing.position) != 1,
        func.max(Placing.position) != func.count(),
        func.count(Placing.position.distinct()) != func.count(),
    )
    return query.having(uneven)


@invariant("各等次获奖数不得超过规定")
def prizes_within_tiers(session: Session, _: Path | None) -> Offenders:
    """Of no tier and the better ones are there more prizes than the season gives."""
    for year in planned_seasons(session):
        tiers = season_in_force(session, year).final_round.tiers
        yield from ((year, tier.value, count) for tier, count in beyond(tiers, prizes_standing(session, year)).items())


@invariant("专家评审项数不得超过规定")
def no_expert_overloaded(session: Session, _: Path | None) -> Iterator[tuple[object, ...]]:
    """No expert has more submissions than the season allows."""
    for year in planned_seasons(session):
        most = season_in_force(session, year).final_round.submissions_per_expert
        standing = (Assignment.season == year, Assignment.round == 1, Assignment.state.in_(_STANDING))
        query = select(Assignment.expert, func.count()).where(*standing).group_by(Assignment.expert)
        for expert, count in session.execute(query.having(func.count() > most)):
            yield year, expert, count


@by_query("归档的须有结论，未归档的不得有")
def archived_has_outcome() -> Query:
    """What is archived has an outcome, and nothing else has one."""
    return select(Submission.number).where((Submission.state == S.ARCHIVED) != Submission.outcome.is_not(None))


@by_query("获奖的须有等次，未获奖的不得有")
def tier_only_if_awarded() -> Query:
    """Only what is or was awarded has a tier, and all of that has one."""
    return select(Submission.number).where(Submission.tier.is_not(None) != _HAS_WON)


@by_query("终评前须通过形式审查")
def eligible_before_final_review() -> Query:
    """What was final reviewed had passed the eligibility check."""
    return select(Submission.number).where(_BEYOND, Submission.eligible_at.is_(None))


@by_query("终评的不得还在补正")
def no_correction_in_final_review() -> Query:
    """What was final reviewed has no correction outstanding."""
    return (
        select(Submission.number)
        .join(Correction, Correction.number == Submission.number)
        .where(_BEYOND, Correction.state == CorrectionState.OUTSTANDING)
    )


@by_query("已完成的时间节点须有完成时间")
def settled_has_instant() -> Query:
    """A milestone has an instant of settling exactly when it is settled."""
    return select(MilestoneDate.season, MilestoneDate.milestone, MilestoneDate.ordinal, MilestoneDate.unit).where(
        (MilestoneDate.state == MilestoneState.PENDING) != MilestoneDate.settled_at.is_(None)
    )


@by_query("年度结束后须全部归档")
def closed_season_is_settled() -> Query:
    """In a closed season everything is archived."""
    return (
        select(Submission.number)
        .join(Call, Call.season == Submission.season)
        .where(Call.state == CallState.CLOSED, Submission.state != S.ARCHIVED)
    )


@by_query("信件不得重复")
def one_message_per_key() -> Query:
    """No two messages bear one key."""
    return select(Message.key).group_by(Message.key).having(func.count() > 1)


@by_query("已发出的信件须有发出时间")
def sent_has_instant() -> Query:
    """A message has an instant of sending exactly when it was sent."""
    return select(Message.key).where((Message.state == MessageState.SENT) != Message.sent_at.is_not(None))


@by_query("补正了结须有时间")
def correction_settled_with_instant() -> Query:
    """A correction has an instant of settling exactly when it is settled."""
    return select(Correction.number).where(
        (Correction.state == CorrectionState.OUTSTANDING) != Correction.settled_at.is_(None)
    )


@by_query("抽取评委之后不得还有未了结的补正")
def corrections_end_with_the_check() -> Query:
    """Once the panel is drawn, no submission that stands is out for correction."""
    return (
        select(Correction.number)
        .join(Submission, Submission.number == Correction.number)
        .join(Call, Call.season == Submission.season)
        .where(
            Correction.state == CorrectionState.OUTSTANDING,
            Submission.state != S.ARCHIVED,
            Call.state.not_in(_JUDGING),
        )
    )


@by_query("分给专家的须已通过形式审查")
def assigned_only_when_eligible() -> Query:
    """What experts have to review has passed the eligibility check."""
    return (
        select(Assignment.number, Assignment.expert, Assignment.round)
        .join(Submission, Submission.number == Assignment.number)
        .where(Assignment.state.in_(_STANDING), Submission.eligible_at.is_(None))
    )


@by_query("通过形式审查的须经区县推荐")
def eligible_only_when_recommended() -> Query:
    """What has passed the eligibility check is recommended by its district."""
    return (
        select(Submission.number)
        .join(DistrictVerdict, DistrictVerdict.number == Submission.number)
        .where(Submission.eligible_at.is_not(None), DistrictVerdict.verdict != Verdict.RECOMMENDED)
    )
