"""The only writer of state and history.

Every step writes the new state, its history entry and nothing else; the caller puts the
messages it causes into the same transaction and commits. A step for one submission lets
the table's machine judge it; a step for many lets the same machine judge each group of equal
facts once, and writes set by set. Both write the same rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from models import Call, History, Objection, Publication, Submission
from models.database import insert_rows, table_of, update_many
from models.enums import CallState, ObjectionState, Outcome, SubmissionState, Tier, Trigger
from models.queries import lock_call
from states.call import CALL, CallCase
from states.guard_facts import Ask, CaseGroup, SeasonFacts, load_cases, load_season_facts
from states.history import canonical
from states.history.seals import Seals
from states.history.write import EntryValues, append, stamp
from states.machine import Act, Refusal, TransitionRefused
from states.numbers import Number, UnknownSubmission
from states.objection import OBJECTION, ObjectionCase
from states.officers import refuse_unknown
from states.submission import SUBMISSION, Case


class ChangedMeanwhile(GangchuangError):
    """Somebody else moved the same subject first; nothing was written."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        super().__init__(f"{subject} was changed by somebody else at the same moment. Look again, then repeat.")


@dataclass(frozen=True)
class Applied:
    """What a step for many did: numbers moved, and refusals by number."""

    moved: tuple[str, ...]
    refused: Mapping[str, Refusal]


def apply_transition(session: Session, number: str, ask: Ask) -> SubmissionState:
    """Move one submission along one edge. Raises TransitionRefused, UnknownSubmission, ChangedMeanwhile."""
    season_facts = _locked_season_facts(session, Number.of(number).season)
    found = load_cases(session, season_facts, ask, Submission.number == number)
    if not found:
        raise UnknownSubmission(number)
    target = SubmissionState(SUBMISSION.move(number, ask.trigger, found[0].case))
    _write(session, season_facts, ask, [(found[0], target)], Submission.number == number)
    return target


def apply_to_many(session: Session, year: int, ask: Ask, *where: ColumnElement[bool]) -> Applied:
    """Move every submission of a season that meets the conditions and whose guards allow it, set by set."""
    season_facts = _locked_season_facts(session, year)
    moves: list[tuple[CaseGroup, SubmissionState]] = []
    refused: dict[str, Refusal] = {}
    for group in load_cases(session, season_facts, ask, *where):
        verdict = SUBMISSION.judge(ask.trigger, group.case)
        if isinstance(verdict, Refusal):
            refused.update((number, verdict) for number, _, _ in group.members)
        else:
            moves.append((group, SubmissionState(verdict)))
    _write(session, season_facts, ask, moves, *where)
    return Applied(_numbers(group for group, _ in moves), dict(sorted(refused.items())))


def note_submissions(session: Session, year: int, ask: Ask, *where: ColumnElement[bool]) -> tuple[str, ...]:
    """Record something that decided about submissions but moves none (a correction, a score, an objection)."""
    season_facts = _locked_season_facts(session, year)
    found = load_cases(session, season_facts, ask, *where)
    _write(session, season_facts, ask, [(group, group.case.state) for group in found if group.case.state], *where)
    return _numbers(found)


def _locked_season_facts(session: Session, year: int) -> SeasonFacts:
    """What the guards look at of the season, held as it is until the commit."""
    lock_call(session, year)
    return load_season_facts(session, year)


class _Instants(NamedTuple):
    """When a step stands in the record, but for those submissions that others wrote about later."""

    earliest: datetime
    overtaken: Mapping[str, datetime]


def _instants(session: Session, year: int, at: datetime, *where: ColumnElement[bool]) -> _Instants:
    """When a step stands in the record: never before what it follows, nor before a root that cannot cover it any more.

    A run that others overtook has an instant before theirs; its entries then say it as `as_of`.
    """
    last = (History.subject == literal(canonical.submission_subject("")) + Submission.number) & (
        History.sequence == Submission.sequence
    )
    rooted = session.scalar(select(func.max(Publication.published_at)).where(Publication.season == year))
    earliest = max(at, rooted or at)
    later = (Submission.season == year, History.at > canonical.instant_text(earliest), *where)
    overtaken = session.execute(select(Submission.number, History.at).join(History, last).where(*later))
    return _Instants(earliest, {number: datetime.fromisoformat(text) for number, text in overtaken})


def _numbers(groups: Iterable[CaseGroup]) -> tuple[str, ...]:
    return tuple(sorted(number for group in groups for number, _, _ in group.members))


def note_submission(session: Session, number: str, ask: Ask) -> None:
    """`note_submissions` for one. Raises UnknownSubmission."""
    if not note_submissions(session, Number.of(number).season, ask, Submission.number == number):
        raise UnknownSubmission(number)


def move_call(
    session: Session,
    year: int,
    trigger: Trigger,
    act: Act,
    *,
    case: CallCase,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> CallState:
    """Move a season's call along one edge. Raises TransitionRefused or ChangedMeanwhile."""
    target = CallState(CALL.move(canonical.call_subject(year), trigger, case))
    _write_call(session, year, trigger, act, case.state, target, reason, facts or {})
    return target


def note_call(
    session: Session,
    year: int,
    trigger: Trigger,
    act: Act,
    *,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Record something that decided about a season but moves no state (a moved date, the draw, an approval)."""
    state = lock_call(session, year).state
    _write_call(session, year, trigger, act, state, state, reason, facts or {})


def move_objection(
    session: Session,
    objection: Objection,
    trigger: Trigger,
    act: Act,
    *,
    case: ObjectionCase,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None,
) -> ObjectionState:
    """Move one objection along one edge, with what else its row then says; the step stands in a history.

    That is its submission's, or the call's where it is about none. Raises TransitionRefused.
    """
    source = objection.state if case.state is not None else None
    target = ObjectionState(OBJECTION.move(f"objection {objection.id}", trigger, case))
    for name, value in {"state": target, **(columns or {})}.items():
        setattr(objection, name, value)
    session.add(objection)
    session.flush()
    step = {"from": source.value if source else "", "to": target.value}
    note_objection(session, objection, trigger, act, reason=reason, facts={**step, **(facts or {})})
    return target


def note_objection(
    session: Session,
    objection: Objection,
    trigger: Trigger,
    act: Act,
    *,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Record something about an objection in the history of what it is about."""
    told = {"objection": objection.id, **(facts or {})}
    if objection.number is None:
        note_call(session, objection.season, trigger, act, reason=reason, facts=told)
    else:
        note_submission(session, objection.number, Ask(trigger, act, reason=reason, facts=told))


def after_latest(session: Session, year: int, at: datetime) -> datetime:
    """The instant, or that of the call's latest entry when it is later."""
    call = lock_call(session, year)
    latest = session.get(History, (canonical.call_subject(year), call.sequence))
    return max(at, datetime.fromisoformat(latest.at)) if latest else at


def _as_of(at: datetime, stands_at: datetime) -> dict[str, str]:
    return {"as_of": canonical.instant_text(at)} if stands_at > at else {}


def plan_call(
    session: Session, year: int, act: Act, *, rules: str, facts: Mapping[str, Any], seal_key: str = ""
) -> None:
    """The first entry of a season: its call in state planned. Raises ChangedMeanwhile when it exists."""
    target = CALL.move(canonical.call_subject(year), Trigger.PLAN, CallCase(year, act.at, act.actor.role))
    subject, told = canonical.call_subject(year), {**facts, "record": canonical.VERSION}
    refuse_unknown(session, year, Trigger.PLAN, act.actor, moves=True, rules=rules)
    row = stamp(act, year, Trigger.PLAN, "", target.value)(subject, canonical.canonical(told), 0, canonical.ZERO)
    try:
        session.add(
            Call(season=year, state=CallState(target), rules=rules, seal_key=seal_key, sequence=1, head=row[-1])
        )
        session.flush()
        append(session, [row])
    except IntegrityError as problem:
        raise ChangedMeanwhile(subject) from problem


class Begun(NamedTuple):
    """A submission that comes in: its number, the columns of its row, what decides about it."""

    number: str
    columns: Mapping[str, Any]
    facts: Mapping[str, Any]


def begin_submissions(session: Session, year: int, act: Act, begun: Sequence[Begun]) -> None:
    """The row and the first entry of each submission that the table lets in, set by set; the caller has asked it."""
    state = SubmissionState.SUBMITTED
    refuse_unknown(session, year, Trigger.SUBMIT, act.actor, moves=True)
    row = stamp(act, year, Trigger.SUBMIT, "", state.value)
    entries = [
        row(canonical.submission_subject(beginning.number), canonical.canonical(beginning.facts), 0, canonical.ZERO)
        for beginning in begun
    ]
    own = {"season": year, "state": state, "submitted_at": act.at, "version": 1, "sequence": 1}
    insert_rows(
        session,
        table_of(Submission),
        [
            {"number": beginning.number, **own, "head": entry[-1], **beginning.columns}
            for beginning, entry in zip(begun, entries, strict=True)
        ],
    )
    append(session, entries)


def _write_call(
    session: Session,
    year: int,
    trigger: Trigger,
    act: Act,
    source: CallState | None,
    target: CallState,
    reason: str,
    facts: Mapping[str, Any],
) -> None:
    call = lock_call(session, year)
    subject = canonical.call_subject(year)
    if source is not None and call.state is not source:
        raise ChangedMeanwhile(subject)
    refuse_unknown(session, year, trigger, act.actor, moves=trigger in JUDGED)
    seals = Seals(session, year)
    standing = replace(_hidden(act, seals.hide), at=after_latest(session, year, act.at))
    written = stamp(standing, year, trigger, call.state.value, target.value, seals.put_away(reason))
    told = {**seals.put_away_facts(facts), **_as_of(act.at, standing.at)}
    row = written(subject, canonical.canonical(told), call.sequence, call.head)
    append(session, [row])
    call.state, call.sequence, call.head = target, call.sequence + 1, row[-1]
    session.flush()


def _write(
    session: Session,
    season_facts: SeasonFacts,
    ask: Ask,
    moves: Sequence[tuple[CaseGroup, SubmissionState]],
    *where: ColumnElement[bool],
) -> None:
    """The new standing and the history entry of each move: two statements a batch, however many there are.

    `where` meets everything that moves.
    """
    if not moves:
        return
    year = season_facts.season.year
    refuse_unknown(session, year, ask.trigger, ask.act.actor, moves=ask.trigger in JUDGED)
    session.flush()  # the driver's statements below would overtake what the session still holds
    seals, own = Seals(session, season_facts.season.year), ask.own
    reason, told = seals.put_away(ask.reason), seals.put_away_facts(ask.facts)
    ask = replace(ask, act=_hidden(ask.act, seals.hide), reason=reason, facts=told)
    members = _members(season_facts, ask, moves, _instants(session, season_facts.season.year, ask.act.at, *where))
    while batch := list(islice(members, _BATCH)):
        rows, standings = [], []
        for (number, sequence, head), step in batch:
            facts = step.facts if own is None else canonical.canonical({**seals.hide(own(number)), **step.shared})
            row = step.row(canonical.submission_subject(number), facts, sequence, head)
            rows.append(row)
            standings.append((*step.standing, sequence + 1, row[-1], number, sequence))
        if update_many(session, table_of(Submission), _STANDING, _KEY, standings) != len(standings):
            raise ChangedMeanwhile(f"season {season_facts.season.year}")
        append(session, rows)
    session.expire_all()


def _hidden(act: Act, hide: Callable[[str], str]) -> Act:
    """An act as the record has it: an expert goes by the season's alias."""
    return act.by(replace(act.actor, name=hide(act.actor.name)))


class _Step(NamedTuple):
    """What all submissions of one case share in one step: where they stand after it, and their entry's making."""

    standing: tuple[str | None, ...]
    shared: dict[str, Any]
    facts: str
    row: Callable[[str, str, int, str], EntryValues]


def _members(
    season_facts: SeasonFacts, ask: Ask, moves: Iterable[tuple[CaseGroup, SubmissionState]], instants: _Instants
) -> Iterator[tuple[tuple[str, int, str], _Step]]:
    for group, target in moves:
        step = _step(season_facts, ask, group.case, target, instants.earliest)
        for member in group.members:
            late = instants.overtaken.get(member[0])
            yield member, _step(season_facts, ask, group.case, target, late) if late else step


JUDGED = {*CALL.triggers, *SUBMISSION.triggers, *OBJECTION.triggers}  # a machine has asked whether the role may
_BATCH = 10_000  # rows made ready at a time: bounds the memory of a round of any size
_STANDING = ("state", "archived_from", "outcome", "tier", "sequence", "head")
_KEY = ("number", "sequence")


def _step(season_facts: SeasonFacts, ask: Ask, case: Case, target: SubmissionState, stands_at: datetime) -> _Step:
    act, source = replace(ask.act, at=stands_at), case.state.value if case.state else ""
    row = stamp(act, season_facts.season.year, ask.trigger, source, target.value, ask.said)
    # Plain words: a driver takes them as they are, members of an enum only after asking around.
    standing = tuple(None if word is None else word.value for word in _standing(case, target, ask))
    shared = {**ask.facts, **_added(ask, case, target), **_as_of(ask.act.at, stands_at)}
    return _Step(standing, shared, canonical.canonical(shared), row)


def _standing(
    case: Case, target: SubmissionState, ask: Ask
) -> tuple[SubmissionState, SubmissionState | None, Outcome | None, Tier | None]:
    """(state, archived_from, outcome, tier) of a submission after a step."""
    if target is case.state and ask.trigger != Trigger.REVOKE:
        changed = ask.trigger == Trigger.CHANGE_TIER and case.previous_tier is not None
        return target, case.archived_from, case.previous_outcome, case.tier if changed else case.previous_tier
    if target is SubmissionState.ARCHIVED:
        origin = case.archived_from if case.state is target else case.state
        return target, origin, _outcome(ask), case.previous_tier
    return target, None, None, case.tier if ask.trigger == Trigger.AWARD else case.previous_tier


def _outcome(ask: Ask) -> Outcome | None:
    return Outcome.REVOKED if ask.trigger == Trigger.REVOKE else ask.outcome


def _added(ask: Ask, case: Case, target: SubmissionState) -> dict[str, Any]:
    """What a transition itself adds to an entry's facts."""
    told: dict[str, Any] = {"cause": ask.cause} if ask.cause else {}
    if ask.trigger in (Trigger.AWARD, Trigger.CHANGE_TIER):
        told["tier"] = case.tier
    if ask.trigger == Trigger.CHANGE_TIER:
        told["before"] = case.previous_tier or case.approved_tier
    if ask.trigger in (Trigger.ARCHIVE, Trigger.REVOKE) and target is SubmissionState.ARCHIVED:
        told["outcome"] = _outcome(ask)
    return told


__all__ = [
    "JUDGED",
    "Applied",
    "Ask",
    "Begun",
    "ChangedMeanwhile",
    "TransitionRefused",
    "apply_to_many",
    "apply_transition",
    "begin_submissions",
    "move_call",
    "move_objection",
    "note_call",
    "note_objection",
    "note_submission",
    "note_submissions",
    "plan_call",
]
