"""What is wrong with an installation at this moment, from its database alone; `flows.office.watch` adds its disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.calendar import CalendarUnknown, provisional_years, working_days_after
from config.local_time import local_day, minute
from config.milestones import Chore, Milestone
from config.units import all_units
from models import Lease, Message
from models.database import database_seconds
from models.enums import CallState, MessageState, TroubleKind
from models.queries import call_state, milestone_rows, planned_seasons, season_in_force
from states.failures import TOLD_FROM, VERIFICATION, failures, label_of
from states.final_round.approval import is_proposed, waits_for_approval
from states.guard_facts import dated
from states.incoming_mail import bounced_addresses
from states.rules.calendar.timetable import Deadlines, due
from states.standstill import InstantImplausible, plausible_until

LATE = timedelta(hours=1)
# The next year's holidays are announced in November; before, nobody can do anything about it.
_CALENDAR_ACUTE = timedelta(days=30)


class TroubleLevel(IntEnum):
    """How bad it is; the exit status of `health`."""

    FINE = 0
    WATCH = 1
    ACT = 2


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong, in a sentence that names the way out: for operators, and as the office is told (`said`).

    `subject` tells troubles of one kind apart; `by_mail`: a letter of it makes sense.
    """

    kind: TroubleKind
    level: TroubleLevel
    sentence: str
    said: str
    subject: str = ""
    by_mail: bool = True


def troubles(session: Session, at: datetime, years: Sequence[int] | None = None) -> list[Trouble]:
    """Everything that is wrong, the worst first; `years` are all planned seasons unless named."""
    planned = planned_seasons(session)
    found = [*_leases(session, planned)]
    for year in planned if years is None else years:
        found += [
            *_ahead(session, year, at),
            *_failing(session, year),
            *_late(session, year, at),
            *_unapproved(session, year, at),
            *_mail(session, year, at),
            *_calendar(session, year, at),
        ]
    return worst_first(found)


def worst_first(found: Sequence[Trouble]) -> list[Trouble]:
    return sorted(found, key=lambda trouble: -trouble.level)


def _leases(session: Session, planned: Sequence[int]) -> Iterator[Trouble]:
    """Who has fallen silent, the first alone: what stands still hears nobody."""
    if all(call_state(session, year) is CallState.CLOSED for year in planned):
        return
    expires = {row.name: row.expires for row in session.execute(select(Lease.name, Lease.expires))}
    if "clock" not in expires:
        yield Trouble(
            TroubleKind.CLOCK_SILENT,
            TroubleLevel.WATCH,
            "no clock has looked at this database yet: start `gangchuang serve`",
            "时钟还没有运行过：请启动服务（gangchuang serve）",
            by_mail=False,
        )
        return
    present = database_seconds(session)
    for name, kind, what, way_out, said in _SILENT:
        silent = present - expires.get(name, present)
        if silent > 0:
            ago = timedelta(seconds=int(silent))
            sentence = f"{what}: its lease ran out {ago} ago{way_out}"
            yield Trouble(kind, TroubleLevel.ACT, sentence, f"{said}（已{_span(ago)}）", by_mail=False)
            # The clock hears the others, and the worker through the server.
            if kind is not TroubleKind.WORKER_SILENT:
                return


_SILENT = (
    (
        "clock",
        TroubleKind.CLOCK_SILENT,
        "the clock stands still",
        ", nothing is started. Start `gangchuang serve` again; logs/clock.log says why it stopped",
        "时钟停止，到期的步骤不会启动：请重新启动服务，原因见 logs/clock.log",
    ),
    (
        "server",
        TroubleKind.SERVER_SILENT,
        "the Prefect server gives no answer",
        ": `serve` starts it again after two minutes; logs/server.log says more",
        "管理界面的服务器没有应答：两分钟后会自动重启，原因见 logs/server.log",
    ),
    (
        "worker",
        TroubleKind.WORKER_SILENT,
        "the worker asks for no work",
        ": nothing that is started runs. `serve` starts it again; logs/worker.log says more",
        "执行程序没有应答，已启动的步骤不会运行：会自动重启，原因见 logs/worker.log",
    ),
)


def _ahead(session: Session, year: int, at: datetime) -> Iterator[Trouble]:
    until = plausible_until(session, year)
    if at > until:
        said = (
            f"系统时间是{minute(at)}，但{year}年度的记录最迟应到{minute(until)}：请核对服务器时间，此前不会启动任何步骤"
        )
        sentence = str(InstantImplausible(year, at, until))
        yield Trouble(TroubleKind.TIME_IMPLAUSIBLE, TroubleLevel.ACT, sentence, said, by_mail=False)


def _failing(session: Session, year: int) -> Iterator[Trouble]:
    for failure in failures(session, year):
        again, mail = failure.attempts >= TOLD_FROM, failure.stage == Chore.DELIVER_MESSAGES
        if failure.stage == VERIFICATION:
            kind, again = TroubleKind.RECORD_BROKEN, True
        elif failure.stage == Chore.COLLECT and failure.subject:
            kind = TroubleKind.DELIVERY_HELD
        else:
            kind = TroubleKind.STAGE_FAILED
        what = f"{failure.stage} {year}" + (f", {failure.subject}" if failure.subject else "")
        times = f"failed {failure.attempts} time(s) since {minute(failure.first_failed_at)}, last at {minute(failure.failed_at)}"
        whose = f"“{label_of(failure.stage)}”" + (f"（{failure.subject}）" if failure.subject else "")
        said = f"{whose}自{minute(failure.first_failed_at)}起失败{failure.attempts}次：{failure.problem}"
        yield Trouble(
            kind,
            TroubleLevel.ACT if again or mail else TroubleLevel.WATCH,
            f"{what} {times}: {failure.problem}",
            said,
            "/".join(filter(None, (failure.stage, failure.subject))),
            # Of mail that does not go, mail cannot tell; one failure may pass by itself.
            again and not mail,
        )


def _late(session: Session, year: int, at: datetime) -> Iterator[Trouble]:
    waiting = {Milestone.OPEN_PUBLIC_NOTICE} if waits_for_approval(session, year) else set()
    failing = {failure.stage for failure in failures(session, year)}
    for step in due(dated(milestone_rows(session, year)), at, waiting=waiting):
        if not step.skip and step.dated.due_at <= at - LATE:
            since = f"was due at {minute(step.dated.due_at)} and is not done"
            stage = "remind" if step.dated.milestone.is_reminder else step.dated.milestone
            whose = f"（{all_units()[step.dated.unit].name}）" if step.dated.unit else ""
            yield Trouble(
                TroubleKind.MILESTONE_LATE,
                TroubleLevel.ACT,
                f"{step.key} of {year} {since}: `gangchuang run {stage} {year} --dry-run` says why",
                f"“{step.dated.milestone.label}”{whose}应于{minute(step.dated.due_at)}执行，至今没有完成",
                step.key,
                # What fails is told as that.
                "/".join(filter(None, (stage, step.dated.unit))) not in failing,
            )


def _unapproved(session: Session, year: int, at: datetime) -> Iterator[Trouble]:
    opens_at = Deadlines.of(dated(milestone_rows(session, year))).at(Milestone.OPEN_PUBLIC_NOTICE)
    if opens_at and opens_at <= at and waits_for_approval(session, year) and is_proposed(session, year):
        since = f"the public notice of {year} was to open at {minute(opens_at)}, and the proposed list is not approved"
        yield Trouble(
            TroubleKind.APPROVAL_UNMADE,
            TroubleLevel.ACT,
            f"{since}: `gangchuang approve {year}` or the dashboard's form",
            f"公示应于{minute(opens_at)}开始，但拟获奖名单尚未审定；审定之前公示不会开始",
        )


def _mail(session: Session, year: int, at: datetime) -> Iterator[Trouble]:
    own = select(func.count(), func.min(Message.written_at)).where(Message.season == year)
    stuck, _ = session.execute(own.where(Message.state == MessageState.STUCK)).one()
    if stuck:
        sentence = f"{stuck} message(s) stuck: see `gangchuang mail {year}`"
        yield Trouble(TroubleKind.MAIL_STUCK, TroubleLevel.WATCH, sentence, f"{stuck}封邮件无法送达，须人工处理")
    for who, bounced in bounced_addresses(session, season_in_force(session, year), at):
        sentence = (
            f"letters to {who} come back since {minute(bounced.bounced_at)}: {bounced.problem}. Correct the address, "
            f"then `gangchuang mail {year}`"
        )
        said = f"写给{all_units()[who].name if who in all_units() else who}的邮件自{minute(bounced.bounced_at)}起被退回：{bounced.problem}"
        yield Trouble(TroubleKind.ADDRESS_BOUNCES, TroubleLevel.WATCH, sentence, said, who)
    waiting = Message.state.in_((MessageState.WAITING, MessageState.SENDING))
    count, oldest = session.execute(own.where(waiting, Message.written_at <= at - LATE)).one()
    if count:
        sentence = f"{count} message(s) wait since {minute(oldest)}: see `gangchuang mail {year}`"
        said = f"{count}封邮件自{minute(oldest)}起等待发送"
        yield Trouble(TroubleKind.MAIL_WAITS, TroubleLevel.ACT, sentence, said, by_mail=False)


def _calendar(session: Session, year: int, at: datetime) -> Iterator[Trouble]:
    """Periods in working days to come that reach into a year whose holidays are not announced, or not known at all."""
    season, dates = season_in_force(session, year), Deadlines.of(dated(milestone_rows(session, year)))
    periods = [
        (Milestone.CHECK_ELIGIBILITY, season.eligibility.correction_working_days),
        (Milestone.OPEN_PUBLIC_NOTICE, season.public_notice.working_days),
        (Milestone.CLOSE_PUBLIC_NOTICE, season.public_notice.answer_working_days),
    ]
    ahead = [(dates.at(milestone), days) for milestone, days in periods]
    for begins_at, days in ahead:
        unknown = _unknown_year(local_day(begins_at), days) if begins_at and begins_at > at else None
        if begins_at is None or unknown is None:
            continue
        soon = begins_at <= at + _CALENDAR_ACUTE
        sentence = (
            f"the holidays of {unknown} are not announced or not known, and a period in working days from "
            f"{minute(begins_at)} needs them: upgrade chinesecalendar, or write holidays/{unknown}.toml in the home"
        )
        said = (
            f"{unknown}年的节假日安排尚未公布或未录入，自{minute(begins_at)}起的工作日期限可能不准："
            f"请升级 chinesecalendar，或把国务院公布的安排写入 holidays/{unknown}.toml"
        )
        level = TroubleLevel.ACT if soon else TroubleLevel.WATCH
        yield Trouble(TroubleKind.CALENDAR_UNKNOWN, level, sentence, said, str(unknown), soon)
        return


def _unknown_year(begins_on: date, days: int) -> int | None:
    try:
        return next(iter(provisional_years((begins_on, working_days_after(begins_on, days)))), None)
    except CalendarUnknown as problem:
        return problem.year


def _span(ago: timedelta) -> str:
    minutes = int(ago.total_seconds()) // 60
    return f"{minutes // 60}小时{minutes % 60}分" if minutes >= 60 else f"{minutes}分" if minutes else "不到1分"
