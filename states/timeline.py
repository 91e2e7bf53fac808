"""Plans a season: its call and its dated milestones; and moves dates, each move recorded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.calendar import last_of_working_days
from config.errors import GangchuangError
from config.local_time import ZONE, minute
from config.milestones import Milestone
from config.season import Season
from config.units import unit_on
from models import Call, MilestoneDate
from models.enums import MilestoneState, Trigger
from models.queries import call_state, lock_call, milestone_rows, season_in_force
from states.call import CallCase
from states.history.canonical import instant_text
from states.history.seals import commitments, new_key
from states.leases import forget
from states.machine import Act
from states.outstanding import Debtor, debtors
from states.rules.calendar.timetable import Dated
from states.transitions import move_call, note_call, plan_call


class AlreadyPlanned(GangchuangError):
    def __init__(self, year: int) -> None:
        self.year = year
        super().__init__(f"Season {year} is planned already. Dates are changed with `gangchuang move`.")


class MoveRefused(GangchuangError):
    def __init__(self, milestone: str, reason: str, chinese: str) -> None:
        self.milestone, self.reason = milestone, reason
        self.chinese = f"不能调整“{Milestone(milestone).label}”：{chinese}。没有任何改动。"
        super().__init__(f"{milestone} cannot be moved: {reason}")


class TakesEffectAtOnce(MoveRefused):
    """The date has come already, or takes time away from people; `debtors` are those with nothing in."""

    def __init__(self, milestone: str, reason: str, debtors: Sequence[Debtor]) -> None:
        self.debtors = debtors
        names = f"{len(debtors)} with nothing in: {named(debtors)}" if debtors else "nobody is without anything in"
        super().__init__(
            milestone,
            f"{reason} ({names}). If that is meant, tick “take effect at once” (`--at-once`); "
            "a dry run (`--dry-run`) shows what follows",
            f"新时间已到，或者提前了截止时间（尚无材料：{named(debtors) or '无'}）；确需如此请勾选“立即生效”，可先试运行",
        )


@dataclass(frozen=True)
class Moved:
    """A date before and after a move; `sudden`: why it surprises people, and these `debtors` have nothing in."""

    old: datetime
    new: datetime
    sudden: str = ""
    debtors: Sequence[Debtor] = ()


class UnknownMilestone(GangchuangError):
    def __init__(self, milestone: str) -> None:
        self.milestone = milestone
        self.chinese = f"没有“{milestone}”这一节点。没有任何改动。"
        super().__init__(f"There is no milestone {milestone!r}. Known: {', '.join(Milestone)}.")


def planned_dates(season: Season) -> list[tuple[Milestone, int, str, datetime]]:
    """Every date of a season as (milestone, ordinal, unit, instant), in the order of the year."""
    return sorted(_dates(season), key=lambda line: (line[3], list(Milestone).index(line[0]), line[1], line[2]))


def notice_closes_at(season: Season, opened_at: datetime) -> datetime:
    """End of the last of the notice's working days, the posting day counted. Raises CalendarUnknown."""
    last = last_of_working_days(opened_at.astimezone(ZONE).date(), season.public_notice.working_days)
    return datetime.combine(last + timedelta(days=1), time(0), ZONE)


def plan_season(session: Session, season: Season, act: Act) -> None:
    """Record a season's rules and dates; from then on they are the ones in force. Raises AlreadyPlanned."""
    if session.get(Call, season.year) is not None:
        raise AlreadyPlanned(season.year)
    dates = planned_dates(season)
    named = {_key(milestone, ordinal, unit): instant_text(due_at) for milestone, ordinal, unit, due_at in dates}
    rules = season.model_dump_json(exclude_defaults=False)
    key = new_key()
    facts = {"dates": named, "rules": rules, "seals": commitments(key)}
    plan_call(session, season.year, act, rules=rules, seal_key=key, facts=facts)
    session.add_all(
        MilestoneDate(season=season.year, milestone=milestone, ordinal=ordinal, unit=unit, due_at=due_at)
        for milestone, ordinal, unit, due_at in dates
    )
    session.flush()


def move_date(
    session: Session,
    year: int,
    milestone: str,
    act: Act,
    *,
    to: datetime,
    reason: str,
    unit: str = "",
    ordinal: int = 1,
    at_once: bool = False,
) -> Moved:
    """Move one date, for all or for one district; to where it stands already is no move.

    Nothing becomes due, and no deadline earlier, unless `at_once` says that it is meant; a date before now is
    then now: what came in until now is in time. Raises MoveRefused, TakesEffectAtOnce.
    """
    if milestone not in set(Milestone):
        raise UnknownMilestone(milestone)
    if not reason.strip():
        raise MoveRefused(milestone, "a reason is needed", "须填写理由")
    step = Milestone(milestone)
    lock_call(session, year)
    rows = milestone_rows(session, year)
    season = season_in_force(session, year)
    row = _row_to_move(session, rows, season, step, ordinal, unit)
    old = row.due_at
    if old == to and row in rows:
        return Moved(old, to)
    to, sudden = max(to, act.at), _sudden(step, old, to, act.at)
    _refuse_disorder(rows, step, row, to)
    owing = _with_nothing_in(session, season, rows, step, unit) if sudden else []
    if sudden and not at_once:
        raise TakesEffectAtOnce(step, sudden, owing)
    row.due_at = to
    session.flush()
    forget(session, f"start/{year}/{_key(step, ordinal, unit)}")
    facts: dict[str, object] = {
        "milestone": _key(step, ordinal, unit),
        "old": instant_text(old),
        "new": instant_text(to),
        **({"at_once": True} if sudden else {}),
    }
    note_call(session, year, Trigger.MOVE_DATE, act, reason=reason, facts=facts)
    if step is Milestone.OPEN_PUBLIC_NOTICE:
        close_notice_after(session, season, to, act, reason=reason)
    return Moved(old, to, sudden, owing)


def named(debtors: Sequence[Debtor]) -> str:
    """Who it is, in a line."""
    return "、".join(debtor.name for debtor in debtors)


def _with_nothing_in(
    session: Session, season: Season, rows: Sequence[MilestoneDate], step: Milestone, unit: str
) -> list[Debtor]:
    """Of one district, or of all that share the season's date."""
    own = [row.unit for row in rows if row.milestone == step and row.unit]
    owing = debtors(session, season, step, without=() if unit else own)
    return [debtor for debtor in owing if debtor.nothing_in and unit in ("", debtor.code)]


def _sudden(step: Milestone, old: datetime, to: datetime, at: datetime) -> str:
    """Why a move would surprise people; empty when it leaves them their time."""
    if to <= at:
        return f"{minute(to)} is not in the future, so that it would take effect at once"
    if step.is_deadline and to < old:
        return f"it would be earlier than {minute(old)}, and takes time away from people"
    return ""


def close_notice_after(session: Session, season: Season, opened_at: datetime, act: Act, *, reason: str) -> datetime:
    """The notice's end follows its beginning: full working days from the real posting day. Returns the end."""
    row = session.get_one(MilestoneDate, (season.year, Milestone.CLOSE_PUBLIC_NOTICE.value, 1, ""))
    closes_at = notice_closes_at(season, opened_at)
    if row.due_at != closes_at:
        facts = {
            "milestone": _key(Milestone.CLOSE_PUBLIC_NOTICE, 1, ""),
            "old": instant_text(row.due_at),
            "new": instant_text(closes_at),
        }
        row.due_at = closes_at
        note_call(session, season.year, Trigger.MOVE_DATE, act, reason=reason, facts=facts)
    return closes_at


def settle_milestone(
    session: Session,
    year: int,
    milestone: Milestone,
    act: Act,
    *,
    ordinal: int = 1,
    unit: str = "",
    trigger: Trigger | None = None,
    case: Mapping[str, Any] = MappingProxyType({}),
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """A milestone is done: the call moves by the trigger, or a note says so. Done already, nothing happens.

    Raises TransitionRefused.
    """
    lock_call(session, year)
    row = _locked(session, year, milestone, ordinal, unit)
    if row.state is not MilestoneState.PENDING:
        return
    told = {**_late(row, act.at), **facts}
    if trigger and not unit:
        state = call_state(session, year)
        move_call(
            session,
            year,
            trigger,
            act,
            case=CallCase(year, act.at, act.actor.role, state, row.due_at, **case),
            facts=told,
        )
    else:
        note_call(session, year, Trigger.SETTLE_MILESTONE, act, facts=told)
    row.state, row.settled_at = MilestoneState.DONE, act.at


def is_settled(session: Session, year: int, milestone: Milestone) -> bool:
    """Whether a milestone of the season was done or left out, for all; False where the season has none."""
    row = session.get(MilestoneDate, (year, milestone.value, 1, ""))
    return row is not None and row.state is not MilestoneState.PENDING


def skip_milestone(session: Session, year: int, date: Dated, act: Act) -> datetime | None:
    """Leave out a milestone whose day has passed. Returns when it was due, or None when it was settled meanwhile."""
    lock_call(session, year)
    row = _locked(session, year, date.milestone, date.ordinal, date.unit)
    if row.state is not MilestoneState.PENDING:
        return None
    row.state, row.settled_at = MilestoneState.SKIPPED, act.at
    note_call(session, year, Trigger.SKIP_MILESTONE, act, reason="missed its day", facts=_late(row, act.at))
    return row.due_at


def attempts_of(session: Session, year: int, date: Dated) -> int:
    """How often the stage of a milestone was started; held as it is until the commit."""
    return _locked(session, year, date.milestone, date.ordinal, date.unit).attempts


def count_attempt(session: Session, year: int, date: Dated) -> int:
    """One more start of a milestone's stage. Returns how many that makes."""
    row = _locked(session, year, date.milestone, date.ordinal, date.unit)
    row.attempts += 1
    return row.attempts


def _locked(session: Session, year: int, milestone: Milestone, ordinal: int, unit: str) -> MilestoneDate:
    return session.get_one(MilestoneDate, (year, milestone.value, ordinal, unit), with_for_update=True)


def _late(row: MilestoneDate, at: datetime) -> dict[str, Any]:
    key = _key(Milestone(row.milestone), row.ordinal, row.unit)
    return {"milestone": key, "late_seconds": int((at - row.due_at).total_seconds())}


def reopen_ranking(session: Session, year: int, act: Act, *, reason: str) -> None:
    """A list sent back is ranked again: the ranking's milestone is pending once more, from now."""
    row = session.get_one(MilestoneDate, (year, Milestone.CLOSE_RE_REVIEW.value, 1, ""))
    facts = {
        "milestone": _key(Milestone.CLOSE_RE_REVIEW, 1, ""),
        "old": instant_text(row.due_at),
        "new": instant_text(act.at),
        "reopened": True,
    }
    row.state, row.settled_at, row.due_at, row.attempts = MilestoneState.PENDING, None, act.at, 0
    forget(session, f"start/{year}/{_key(Milestone.CLOSE_RE_REVIEW, 1, '')}")
    _reopen_votes(session, year, act.at)
    note_call(session, year, Trigger.MOVE_DATE, act, reason=reason, facts=facts)


def _reopen_votes(session: Session, year: int, at: datetime) -> None:
    """The vote follows the ranking again; ballots on what is proposed unchanged still count."""
    row = session.get(MilestoneDate, (year, Milestone.CLOSE_VOTES.value, 1, ""))
    if row is not None and row.state is not MilestoneState.PENDING:
        row.state, row.settled_at, row.due_at, row.attempts = MilestoneState.PENDING, None, at, 0
        forget(session, f"start/{year}/{_key(Milestone.CLOSE_VOTES, 1, '')}")


def _row_to_move(
    session: Session, rows: Sequence[MilestoneDate], season: Season, step: Milestone, ordinal: int, unit: str
) -> MilestoneDate:
    if unit:
        if not step.per_unit:
            raise MoveRefused(
                step,
                "only close_call and close_district_round can differ for one district",
                "只有申报截止和初评截止可以对一个单位单独调整",
            )
        unit_on(unit, season.dates.open_call.date())
    row = session.scalar(
        select(MilestoneDate)
        .where(
            MilestoneDate.season == season.year,
            MilestoneDate.milestone == step.value,
            MilestoneDate.ordinal == ordinal,
            MilestoneDate.unit == unit,
        )
        .with_for_update()
    )
    if row is None and unit:
        general = next(other for other in rows if other.milestone == step and other.ordinal == 1 and not other.unit)
        row = MilestoneDate(season=season.year, milestone=step, ordinal=1, unit=unit, due_at=general.due_at)
        session.add(row)
    if row is None:
        raise MoveRefused(
            step, f"the season has no {step.value} number {ordinal}", f"本年度没有第{ordinal}次{step.label}"
        )
    if row.state is not MilestoneState.PENDING:
        raise MoveRefused(
            step,
            f"it is {row.state} already; give the districts concerned a date of their own",
            f"{row.state.label}；请为有关单位单独设定时间",
        )
    return row


def _refuse_disorder(rows: Sequence[MilestoneDate], step: Milestone, row: MilestoneDate, to: datetime) -> None:
    """Steps keep their order, for every district; a reminder stays before its deadline's step."""
    order = list(Milestone)
    for other in _compared(rows, step, row):
        other_step = Milestone(other.milestone)
        when = f"{other_step.value}{f' of {other.unit}' if other.unit else ''} ({minute(other.due_at)})"
        if order.index(other_step) < order.index(step) and other.due_at >= to:
            raise MoveRefused(step, f"it would come before {when}", f"会早于“{other_step.label}”")
        if order.index(other_step) > order.index(step) and other.due_at <= to:
            raise MoveRefused(
                step, f"it would come after {when}; move that first", f"会晚于“{other_step.label}”，请先调整后者"
            )


def _compared(rows: Sequence[MilestoneDate], step: Milestone, row: MilestoneDate) -> Iterator[MilestoneDate]:
    """The other steps' dates that hold where the moved one holds: a district's own date stands before the season's."""
    own = {(other.milestone, other.unit) for other in rows if other.unit}
    for other in rows:
        other_step = Milestone(other.milestone)
        if other_step is step or step.is_reminder or other_step.is_reminder:
            continue
        if (step, other_step) == (Milestone.OPEN_PUBLIC_NOTICE, Milestone.CLOSE_PUBLIC_NOTICE):
            continue
        if row.unit:
            holds = other.unit == row.unit or (not other.unit and (other.milestone, row.unit) not in own)
        else:
            holds = not other.unit or (step.value, other.unit) not in own
        if holds:
            yield other


def _dates(season: Season) -> Iterator[tuple[Milestone, int, str, datetime]]:
    dates, days = season.dates, season.reminders
    for name, instant in dates.given():
        yield Milestone(name), 1, "", instant
    yield Milestone.CLOSE_PUBLIC_NOTICE, 1, "", notice_closes_at(season, dates.open_public_notice)
    yield Milestone.ERASE_PERSONAL_DATA, 1, "", season.erase_personal_data_at
    yield from _reminders(season, Milestone.REMIND_CALL, dates.close_call, days.call)
    yield from _reminders(season, Milestone.REMIND_DISTRICT_ROUND, dates.close_district_round, days.district_round)
    yield from _reminders(season, Milestone.REMIND_EXPERTS, dates.close_final_round, days.experts)
    yield from _reminders(season, Milestone.REMIND_RE_REVIEW, dates.close_re_review, days.re_review)
    yield from _reminders(season, Milestone.REMIND_APPROVAL, dates.open_public_notice, days.approval)
    if dates.close_practice is not None:
        yield from _reminders(season, Milestone.REMIND_PRACTICE, dates.close_practice, days.practice)
    yield from _reminders(season, Milestone.REMIND_FOLLOW_UP, dates.close_season, days.follow_up)
    for code in season.district_round.units:
        for step in (Milestone.CLOSE_CALL, Milestone.CLOSE_DISTRICT_ROUND):
            own = season.unit_date(step, code)
            if own is not None:
                yield step, 1, code, own


def _reminders(
    season: Season, milestone: Milestone, deadline: datetime, days: tuple[int, ...]
) -> Iterator[tuple[Milestone, int, str, datetime]]:
    for ordinal, before in enumerate(sorted(days, reverse=True), start=1):
        day = deadline.astimezone(ZONE).date() - timedelta(days=before)
        yield milestone, ordinal, "", datetime.combine(day, time(season.reminders.hour), ZONE)


def _key(milestone: Milestone, ordinal: int, unit: str) -> str:
    return "/".join(filter(None, (milestone.value, str(ordinal), unit)))
