"""Where a season stands, as plain values: what `gangchuang status` prints and the page under `/office/` shows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from config.contacts import CONTACTS_FILE, ContactsBroken, UnitContact, contacts
from config.errors import GangchuangError
from config.local_time import ZONE, minute
from config.milestones import Chore, Milestone
from config.season import Season, load_season
from config.settings import Settings
from config.units import all_units
from flows.home import paths
from flows.office.owing import MOVE_DATE, FormLink, Owing, names_of, owing
from flows.office.record import who
from flows.office.watch import everything_wrong, misplaced
from flows.outbox.mail.failures import hashed
from models import (
    Delivery,
    Duplicate,
    Expert,
    History,
    Lease,
    Message,
    MilestoneDate,
    Publication,
    Submission,
)
from models.database import database_seconds
from models.enums import (
    CallState,
    DeliveryState,
    DuplicateDecision,
    Labelled,
    MessageState,
    MilestoneState,
    ObjectionState,
    PublicationKind,
    Trigger,
    TroubleKind,
)
from models.queries import call_state, counts_by_outcome, counts_by_state, milestone_rows, season_in_force
from states.alerts import LETTERS, standing_alerts
from states.failures import failures, label_of
from states.final_round.approval import is_proposed, list_digest, waits_for_approval
from states.guard_facts import dated
from states.history.canonical import call_subject
from states.history.seals import Seals
from states.incoming_mail import held_mails
from states.maintenance.stuck_messages import troubled_messages
from states.objections.reading import OwedAnswer, owed_answers
from states.rules.calendar.timetable import Dated, due, first_unsettled
from states.troubles import LATE, TroubleLevel

DELIVERIES_SHOWN = 20


class DateStanding(Labelled):
    """How a date of the timetable stands at an instant."""

    DONE = "done", "已完成"
    SKIPPED = "skipped", "已跳过"
    LATE = "late", "逾期未完成"
    DUE = "due", "现在到期"
    WAITING = "waiting", "待审定"
    NEXT = "next", "下一步"
    AHEAD = "ahead", "未到"


class Wait(Labelled):
    """What may wait for the office."""

    APPROVAL = "approval", "审定获奖名单"
    OBJECTION = "objection", "答复异议"
    DUPLICATE = "duplicate", "判定是否重复"
    MAIL = "mail", "暂扣的邮件"
    DELIVERY = "delivery", "退回的来件"
    INBOX = "inbox", "收件箱中无人认领的文件"


@dataclass(frozen=True)
class Date:
    """One date of the timetable; `late_seconds` after its time it was served, or still is not."""

    milestone: Milestone
    label: str
    ordinal: int
    unit: str
    unit_name: str
    due_at: datetime
    standing: DateStanding
    settled_at: datetime | None
    late_seconds: int
    form: FormLink | None

    @property
    def name(self) -> str:
        """As commands name it."""
        return f"{self.milestone.value} {self.ordinal} {self.unit}".strip()


@dataclass(frozen=True)
class Waiting:
    """One thing that waits for a person of the office, in the operators' words and in the office's.

    `number`: whose history tells more; `file`: what is to be read before, below the home.
    """

    wait: Wait
    subject: str
    sentence: str
    said: str
    due_at: datetime | None = None
    number: str = ""
    file: str = ""
    forms: tuple[tuple[str, FormLink], ...] = ()


@dataclass(frozen=True)
class DeliverySeen:
    """One delivery; `open` is one sent back that its sender has not made good."""

    digest: str
    sender: str
    name: str
    kind: str
    file_name: str
    state: DeliveryState
    arrived_at: datetime
    rows_in: int
    rows_back: int
    problems: tuple[str, ...]
    receipt: str
    open: bool
    form: FormLink | None


@dataclass(frozen=True)
class StuckLetter:
    """A message that does not go out; `whom` without the address."""

    key: str
    state: MessageState
    whom: str
    subject: str
    attempts: int
    problem: str
    written_at: datetime
    next_try_at: datetime | None
    form: FormLink


@dataclass(frozen=True)
class Fault:
    """What fails at present, again and again or for the first time."""

    stage: str
    label: str
    subject: str
    attempts: int
    problem: str
    first_failed_at: datetime
    failed_at: datetime
    next_try_at: datetime | None
    form: FormLink | None


@dataclass(frozen=True)
class Running:
    """A stage that is being played at this moment; `done` of `total` pieces as it last said, 0 of 0 where it says none."""

    stage: str
    label: str
    done: int
    total: int
    flow_run: str


@dataclass(frozen=True)
class Move:
    """A date that was moved: who, when, why."""

    milestone: str
    label: str
    old: datetime
    new: datetime
    moved_at: datetime
    who: str
    reason: str


@dataclass(frozen=True)
class RecordedRoot:
    kind: PublicationKind
    ordinal: int
    published_at: datetime
    root: str
    subjects: int


@dataclass(frozen=True)
class SaidTrouble:
    """What is wrong, in the operators' sentence and the office's."""

    kind: TroubleKind
    label: str
    level: str
    sentence: str
    said: str


@dataclass(frozen=True)
class FileNote:
    """What is to be known about a file of the home, in the operators' sentence and the office's."""

    sentence: str
    said: str


@dataclass(frozen=True)
class OfficeTold:
    """What the office was written about and is still so."""

    kind: TroubleKind
    label: str
    subject: str
    since: datetime
    told_at: datetime


@dataclass(frozen=True)
class OfficeFacts:
    """Everything that is shown of one season at an instant."""

    season: int
    title: str
    state: CallState
    state_label: str
    now: datetime
    submissions: Mapping[str, int]
    outcomes: Mapping[str, int]
    settled: int
    timetable: list[Date]
    owing: list[Owing]
    waits_for_a_person: list[Waiting]
    deliveries: Mapping[str, int]
    came: list[DeliverySeen]
    messages: Mapping[str, int]
    mail: list[StuckLetter]
    failures: list[Fault]
    running: list[Running]
    moved: list[Move]
    roots: list[RecordedRoot]
    troubles: list[SaidTrouble]
    alerts: list[OfficeTold]
    alerts_unsent: int
    notes: list[FileNote]

    @property
    def due_now(self) -> list[Date]:
        return [date for date in self.timetable if date.standing in (DateStanding.DUE, DateStanding.LATE)]

    @property
    def ahead(self) -> list[Date]:
        """What comes next, the soonest first."""
        return [date for date in self.timetable if date.standing in (DateStanding.NEXT, DateStanding.AHEAD)]

    @property
    def must_act(self) -> bool:
        return any(trouble.level == TroubleLevel.ACT.name.lower() for trouble in self.troubles)


def season_facts(session: Session, own: Settings, year: int, at: datetime) -> OfficeFacts:
    """All facts of one season. Raises SeasonNotPlanned."""
    rules, state = season_in_force(session, year), call_state(session, year)
    rows = milestone_rows(session, year)
    reached, contacts_note = _contacts(own)
    return OfficeFacts(
        season=year,
        title=rules.title,
        state=state,
        state_label=state.label,
        now=at,
        submissions={counted.value: count for counted, count in sorted(counts_by_state(session, year).items())},
        outcomes={counted.value: count for counted, count in sorted(counts_by_outcome(session, year).items())},
        settled=sum(row.state is not MilestoneState.PENDING for row in rows),
        timetable=_timetable(session, year, rows, at),
        owing=owing(session, rules, state, reached),
        waits_for_a_person=[*_waits(session, year, at), *_misplaced(session, own)],
        deliveries=_counted(session, Delivery.state, Delivery.season == year),
        came=deliveries(session, year, most=DELIVERIES_SHOWN),
        messages=_counted(session, Message.state, Message.season == year),
        mail=_mail(session, rules),
        failures=_faults(session, year),
        running=_running(session, year),
        moved=_moves(session, year),
        roots=_roots(session, year),
        troubles=[
            SaidTrouble(trouble.kind, trouble.kind.label, trouble.level.name.lower(), trouble.sentence, trouble.said)
            for trouble in everything_wrong(session, own, at, [year])
        ],
        alerts=[
            OfficeTold(alert.kind, alert.kind.label, alert.subject, alert.since, alert.told_at)
            for alert in standing_alerts(session, year)
        ],
        alerts_unsent=_alerts_unsent(session, year),
        notes=[note for note in (_file_note(own, year, rules), contacts_note) if note],
    )


def as_json(facts: Sequence[OfficeFacts]) -> str:
    """All facts for machines: instants in ISO 8601 and local time, words by their codes."""

    def told(value: Any) -> str:
        return value.astimezone(ZONE).isoformat() if isinstance(value, datetime) else str(value)

    return json.dumps([asdict(season) for season in facts], ensure_ascii=False, indent=2, default=told)


def _timetable(session: Session, year: int, rows: Sequence[MilestoneDate], at: datetime) -> list[Date]:
    """Every date, the earliest first. The step whose turn it is is the next; none is late that waits for a person."""
    every = dated(rows)
    waiting = {Milestone.OPEN_PUBLIC_NOTICE} if waits_for_approval(session, year) else set()
    started = {found.key for found in due(every, at, waiting=waiting)}
    turn = first_unsettled(every)
    found = []
    for row, date in zip(rows, every, strict=True):
        late = int(((row.settled_at or at) - row.due_at).total_seconds())
        if row.state is not MilestoneState.PENDING:
            standing = DateStanding.DONE if row.state is MilestoneState.DONE else DateStanding.SKIPPED
        elif row.due_at > at:
            standing = DateStanding.NEXT if date == turn else DateStanding.AHEAD
        elif date.milestone in waiting:
            standing = DateStanding.WAITING
        else:
            standing = (
                DateStanding.LATE if date.key not in started or late >= LATE.total_seconds() else DateStanding.DUE
            )
        form = None if row.settled_at else FormLink(MOVE_DATE, _place(year, date))
        found.append(
            Date(
                date.milestone,
                date.milestone.label,
                date.ordinal,
                date.unit,
                all_units()[date.unit].name if date.unit else "",
                row.due_at,
                standing,
                row.settled_at,
                max(late, 0),
                form,
            )
        )
    return found


def _place(year: int, one: Dated) -> dict[str, Any]:
    return {"season": year, "milestone": one.milestone.value, "ordinal": one.ordinal, "unit": one.unit}


def _waits(session: Session, year: int, at: datetime) -> list[Waiting]:
    found = []
    if waits_for_approval(session, year) and is_proposed(session, year):
        digest = list_digest(session, year)
        given = {"season": year, "list_digest": digest}
        decisions = (("审定", FormLink("approve_list", given)), ("退回重排", FormLink("send_back_list", given)))
        sentence, said = (
            f"approval of the proposed list, digest {digest[:16]}",
            f"拟获奖名单待审定，名单校验码 {digest[:16]}",
        )
        found.append(
            Waiting(
                Wait.APPROVAL, digest[:16], sentence, said, file=f"{paths.OFFICE}/{year}/proposal.html", forms=decisions
            )
        )
    found += [_owed(year, owed) for owed in owed_answers(session, year, at)]
    pairs = (
        select(Duplicate.number, Duplicate.other, Duplicate.similarity)
        .join(Submission, Submission.number == Duplicate.other)
        .where(Submission.season == year, Duplicate.decision == DuplicateDecision.PENDING)
        .order_by(Duplicate.number, Duplicate.other)
    )
    for number, other, similarity in session.execute(pairs):
        forms = _decisions(
            year, f"{number} 与 {other}", ("same_achievement", "重复"), ("distinct_achievements", "不重复")
        )
        said = f"{number} 和 {other} 是否同一成果（名称相似度{similarity}%）"
        found.append(
            Waiting(
                Wait.DUPLICATE,
                number,
                f"are {number} and {other} the same achievement?",
                said,
                number=number,
                forms=forms,
            )
        )
    for mail in held_mails(session, year):
        doubt, whose = mail.doubt.label if mail.doubt else "", mail.recipient or "?"
        name = f"{all_units()[whose].name}（{whose}）" if whose in all_units() else whose
        sentence = (
            f"mail {mail.digest[:12]} from {mail.sender or 'nobody'} with a workbook of {whose}: {doubt} "
            f"(`gangchuang decide admit_mail` or dismiss_mail)"
        )
        said = f"来自{mail.sender or '（发件人不明）'}的报送邮件（填报表属于{name}）已暂扣，待核实发件人：{doubt}"
        forms = _decisions(
            year, mail.digest[:12], *((word.value, word.label) for word in (Trigger.ADMIT_MAIL, Trigger.DISMISS_MAIL))
        )
        found.append(Waiting(Wait.MAIL, mail.digest[:12], sentence, said, forms=forms))
    for came in deliveries(session, year, only_open=True):
        sentence = f"refused delivery {came.digest[:12]} of {came.sender}: {came.file_name}"
        said = f"{came.name}的“{came.file_name}”已退回，尚未收到改正后的文件"
        admitting = (("准予补收", came.form),) if came.form else ()
        found.append(Waiting(Wait.DELIVERY, came.digest[:12], sentence, said, forms=admitting))
    return found


def _owed(year: int, owed: OwedAnswer) -> Waiting:
    """An objection that waits, with the decisions that its state allows; an overdue one says so."""
    due = minute(owed.due_at)
    by = f" by {owed.investigator}" if owed.investigator else ""
    answer = f"OVERDUE since {due}" if owed.overdue else f"to be answered{by} by {due}"
    sentence = (
        f"objection {owed.objection} to {owed.number or 'no submission'}, {owed.state}: {answer}; only this award waits"
    )
    late = "，已逾期" if owed.overdue else ""
    said = f"对 {owed.number or '整体'} 的异议（第{owed.objection}号）{owed.state.label}{late}"
    forms = _decisions(year, str(owed.objection), *_OBJECTED.get(owed.state, ()))
    return Waiting(Wait.OBJECTION, owed.number, sentence, said, owed.due_at, owed.number, forms=forms)


_ANSWERS = (("uphold_objection", "异议成立"), ("dismiss_objection", "不成立"))
_OBJECTED = {
    ObjectionState.RECEIVED: ((Trigger.ACCEPT_OBJECTION.value, "受理"), (Trigger.DECLINE_OBJECTION.value, "不予受理")),
    ObjectionState.ACCEPTED: ((Trigger.INVESTIGATE_OBJECTION.value, "指定核查人"),),
    ObjectionState.INVESTIGATING: _ANSWERS,
    ObjectionState.RECONSIDERING: _ANSWERS,
}


def _decisions(year: int, subject: str, *decisions: tuple[str, str]) -> tuple[tuple[str, FormLink], ...]:
    """The forms of some decisions about one subject, with what their links say."""
    given = {"season": year, "subject": subject}
    return tuple((label, FormLink(decision, given)) for decision, label in decisions)


def _misplaced(session: Session, own: Settings) -> list[Waiting]:
    inbox = paths.inbox(own)
    return [
        Waiting(Wait.INBOX, name, f"inbox/{name} {sentence}", f"inbox/{name} {said}")
        for name, sentence, said in (
            (f"{path.relative_to(inbox)}{'/' if path.is_dir() and path.parent == inbox else ''}", sentence, said)
            for path, sentence, said in misplaced(session, own)
        )
    ]


def deliveries(session: Session, year: int, *, only_open: bool = False, most: int | None = None) -> list[DeliverySeen]:
    """Deliveries of a season, those sent back and not made good first, then the newest; none is open in a closed one."""
    later = aliased(Delivery)
    made_good = (
        select(later.digest)
        .where(
            later.season == Delivery.season,
            later.sender == Delivery.sender,
            later.state != DeliveryState.REFUSED,
            later.taken_at > Delivery.taken_at,
            or_(Delivery.kind.is_(None), later.kind == Delivery.kind),
        )
        .exists()
    )
    is_open = and_(Delivery.state == DeliveryState.REFUSED, ~made_good)
    if call_state(session, year) is CallState.CLOSED:
        is_open = and_(is_open, false())
    query = select(Delivery, is_open.label("open")).where(Delivery.season == year)
    query = query.where(is_open) if only_open else query
    rows = session.execute(query.order_by(is_open.desc(), Delivery.taken_at.desc(), Delivery.digest).limit(most)).all()
    names = names_of(session, {row.Delivery.sender for row in rows})
    return [_came(row.Delivery, names[row.Delivery.sender], bool(row.open)) for row in rows]


def _came(one: Delivery, name: str, is_open: bool) -> DeliverySeen:
    return DeliverySeen(
        one.digest,
        one.sender,
        name,
        one.kind.label if one.kind else "",
        one.file_name,
        one.state,
        one.arrived_at,
        one.rows_in,
        one.rows_back,
        tuple(" ".join(map(str, filter(None, place_and_message))) for place_and_message in json.loads(one.problems)),
        one.receipt,
        is_open,
        FormLink(Trigger.ADMIT_LATE.value, {"season": one.season, "subject": one.digest}) if is_open else None,
    )


def _counted(session: Session, state: Any, of_season: Any) -> dict[str, int]:
    rows = session.execute(select(state, func.count()).where(of_season).group_by(state))
    return {counted.value: count for counted, count in sorted(rows.all())}


def _mail(session: Session, rules: Season) -> list[StuckLetter]:
    return [
        StuckLetter(
            message.key,
            message.state,
            addressee(session, rules, message, expert="专家", coordination="协调小组"),
            message.subject,
            message.attempts,
            message.problem,
            message.written_at,
            None if message.state is MessageState.STUCK else datetime.fromtimestamp(message.not_before, UTC),
            FormLink("retry_letter", {"season": rules.year, "letter": message.key}),
        )
        for message in troubled_messages(session, rules.year)
    ]


def addressee(
    session: Session,
    rules: Season,
    message: Message,
    *,
    expert: str = "expert",
    coordination: str = "the coordination address",
) -> str:
    """Whom a message is for, without the address: the unit, the office or the expert's id, and the address's hash."""
    _, _, rest = message.key.split("/", 2)
    code = rest.partition("/")[0]
    if code in all_units() and message.recipient == rules.mail_of(code):
        name = f"{all_units()[code].name} ({code})"
    elif message.recipient == rules.office.mail:
        name = rules.office.name
    elif message.recipient == rules.office.coordination_mail:
        name = coordination
    else:
        name = f"{expert} {code}" if session.get(Expert, code) else code
    return f"{name} [{hashed(message.recipient)}]"


def _faults(session: Session, year: int) -> list[Fault]:
    present = database_seconds(session)
    return [
        Fault(
            failure.stage,
            label_of(failure.stage),
            failure.subject,
            failure.attempts,
            failure.problem,
            failure.first_failed_at,
            failure.failed_at,
            datetime.fromtimestamp(failure.not_before, UTC) if failure.not_before > present else None,
            _again(year, failure.stage),
        )
        for failure in failures(session, year)
    ]


def _alerts_unsent(session: Session, year: int) -> int:
    """Letters of alarm that have not gone out: whoever waits for one does not know yet."""
    alarms = Message.key.startswith(f"{year}/{LETTERS}")
    unsent = Message.state.not_in((MessageState.SENT, MessageState.GIVEN_UP))
    return session.scalar(select(func.count()).where(Message.season == year, alarms, unsent)) or 0


def _again(year: int, stage: str) -> FormLink | None:
    """The stage's own form; the clock's look at the record has none."""
    name, _, unit = stage.partition("/")
    if name not in {*Milestone, *Chore}:
        return None
    return FormLink(name, {"season": year, **({"unit": unit} if unit else {})})


def _running(session: Session, year: int) -> list[Running]:
    beginning = f"stage/{year}/"
    live = select(Lease).where(Lease.name.startswith(beginning), Lease.expires > database_seconds(session))
    stages = [(lease, lease.name.removeprefix(beginning)) for lease in session.scalars(live.order_by(Lease.name))]
    return [Running(stage, label_of(stage), lease.done, lease.total, lease.flow_run) for lease, stage in stages]


def _moves(session: Session, year: int) -> list[Move]:
    """The newest first."""
    written = select(History).where(History.subject == call_subject(year), History.trigger == Trigger.MOVE_DATE)
    found, show = [], Seals(session, year).show
    for entry in session.scalars(written.order_by(History.sequence.desc())):
        facts = json.loads(entry.facts)
        name, _, rest = str(facts["milestone"]).partition("/")
        unit = rest.partition("/")[2]
        found.append(
            Move(
                facts["milestone"],
                Milestone(name).label + (f"（{all_units()[unit].name}）" if unit in all_units() else ""),
                datetime.fromisoformat(facts["old"]),
                datetime.fromisoformat(facts["new"]),
                datetime.fromisoformat(entry.at),
                who(entry.actor, {}),
                str(show(entry.reason)),
            )
        )
    return found


def _roots(session: Session, year: int) -> list[RecordedRoot]:
    """The newest first."""
    own = select(Publication).where(Publication.season == year)
    rows = session.scalars(own.order_by(Publication.published_at.desc(), Publication.ordinal.desc()))
    return [
        RecordedRoot(
            publication.kind, publication.ordinal, publication.published_at, publication.root, publication.subjects
        )
        for publication in rows
    ]


def _contacts(own: Settings) -> tuple[Mapping[str, UnitContact], FileNote | None]:
    """The units' telephones, and why there are none where the file is broken: a season goes on without it."""
    try:
        return contacts(own.home), None
    except ContactsBroken as problem:
        return {}, FileNote(str(problem), f"通讯录 {CONTACTS_FILE} 有误，电话暂不显示：{problem}")


def _file_note(own: Settings, year: int, in_force: Season) -> FileNote | None:
    """Whether the season file still says what is in force."""
    try:
        same = load_season(year, own.home) == in_force
    except GangchuangError as problem:
        sentence = f"the season file cannot be used any more, the rules in force are not touched: {problem}"
        return FileNote(sentence, f"年度文件已不能使用，现行规则不受影响：{problem}")
    sentence = "the season file differs from the rules in force; dates are changed with `gangchuang move`"
    said = "年度文件与现行规则不一致：修改文件不会改变已经开始的年度，调整时间请用“调整时间”表单"
    return None if same else FileNote(sentence, said)
