"""What an office should look at before a season begins, found in its file, its units, its pool and its rehearsed year."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.calendar import count_working_days, day_note, is_working_day, provisional_years
from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from flows.office.designs import faults_of_own_files
from flows.rehearsal.playing import Played
from models import Message, MilestoneDate, Publication, Submission
from models.enums import MessageState, PublicationKind, SubmissionState, Tier
from states.rules.calendar.season_check import warnings_of
from states.rules.grouping import grouped
from states.rules.ranking.tiers import sizes_of
from states.timeline import planned_dates

# Names that the Internet keeps for examples: nothing sent there arrives (RFC 2606, RFC 6761).
_NOWHERE = re.compile(r"@(?:.*\.)?(?:invalid|example|test|localhost|example\.(?:com|net|org))$", re.IGNORECASE)
# What a text with a hole looks like: empty brackets and quotes, doubled signs, a template's own words.
_HOLES = re.compile(r"（\s*）|“\s*”|《\s*》|、、|，，|。。|[{}]{2}|\bNone\b|_{3,}|X{3,}|\?{2,}|待定|待补")
_SHOWN = 5


class Weight(IntEnum):
    FAULT, WARNING, NOTE = 1, 2, 3

    @property
    def label(self) -> str:
        return ("必须处理", "请核对", "供参考")[self - 1]


@dataclass(frozen=True, order=True)
class RehearsalFinding:
    """One thing to look at: how much it weighs, what it is about, and a sentence."""

    weight: Weight
    about: str
    sentence: str


def findings(session: Session, played: Played) -> list[RehearsalFinding]:
    """Everything that was found, the weightiest first."""
    season = played.season
    messages = session.scalars(select(Message).where(Message.season == season.year).order_by(Message.key)).all()
    found = chain(
        (RehearsalFinding(Weight.FAULT, "演练", problem) for problem in played.problems),
        _dates(season),
        _notice(session, season),
        _units(season),
        _addresses(season, messages, {expert.mail: expert.name for expert in played.experts}),
        _holes(messages),
        _templates(season),
        _wording(season),
        _money(session, season),
        _panel(session, played),
    )
    return sorted(found)


def _dates(season: Season) -> Iterator[RehearsalFinding]:
    for warning in warnings_of(season):
        if warning.startswith("the calendar of"):
            continue  # said below
        weight = Weight.WARNING if warning.startswith(("dates.", "district_round.", "public_notice.")) else Weight.NOTE
        yield RehearsalFinding(weight, "日期和规则", f"{warning.chinese}。")
    days = {name: local_day(instant) for name, instant in season.dates.given()}
    idle = [
        f"{step.label}第{ordinal}次（{local_day(at)} {day_note(local_day(at))}）"
        for step, ordinal, _, at in planned_dates(season)
        if step.is_reminder and not is_working_day(local_day(at))
    ]
    if idle:
        yield RehearsalFinding(Weight.NOTE, "日期和规则", f"{len(idle)}次催办落在休息日：{_some(idle)}。")
    for name, day in days.items():
        if not is_working_day(day) and not name.startswith("close_"):
            step = Milestone(name).label
            yield RehearsalFinding(
                Weight.NOTE, "日期和规则", f"“{step}”落在{day}（{day_note(day)}），系统照常执行，但无人值守。"
            )
    if years := provisional_years(days.values()):
        listed = "、".join(map(str, years))
        yield RehearsalFinding(
            Weight.WARNING, "日期和规则", f"{listed}年的节假日安排尚未公布，所有日期为暂定，信件和页面已注明。"
        )


def _notice(session: Session, season: Season) -> Iterator[RehearsalFinding]:
    """The notice as it was posted and closed in the rehearsed year."""
    posted = session.get(Publication, (season.year, PublicationKind.PUBLIC_NOTICE, 1))
    closes = session.get(MilestoneDate, (season.year, Milestone.CLOSE_PUBLIC_NOTICE.value, 1, ""))
    if posted is None or closes is None:
        yield RehearsalFinding(Weight.FAULT, "公示", "演练中没有走到公示。")
        return
    first, last = local_day(posted.published_at), local_day(closes.due_at)
    days = count_working_days(first, last) - is_working_day(last)
    promised = season.public_notice.promised_working_days
    said = f"公示自{first}起，{last}零时止，共{days}个工作日"
    if days < promised:
        yield RehearsalFinding(Weight.FAULT, "公示", f"{said}，少于承诺的{promised}个。")
    else:
        yield RehearsalFinding(Weight.NOTE, "公示", f"{said}（承诺{promised}个）。")


def _units(season: Season) -> Iterator[RehearsalFinding]:
    by_address = grouped((season.mail_of(unit.code), f"{unit.name}（{unit.code}）") for unit in season.units())
    nowhere = [name for address, names in by_address.items() if _NOWHERE.search(address) for name in names]
    if nowhere:
        yield RehearsalFinding(Weight.FAULT, "报送单位", f"{len(nowhere)}家没有能收到的邮箱：{_some(nowhere)}。")
    for address, names in by_address.items():
        if len(names) > 1:
            yield RehearsalFinding(Weight.WARNING, "报送单位", f"{len(names)}家共用一个邮箱{address}：{_some(names)}。")
    for code in season.district_round.units:
        if code not in {unit.code for unit in season.units()}:
            yield RehearsalFinding(Weight.WARNING, "报送单位", f"年度文件给{code}定了规则，但它本年度不是报送单位。")


def _addresses(season: Season, messages: Sequence[Message], experts: Mapping[str, str]) -> Iterator[RehearsalFinding]:
    for name, address in (("办公室", season.office.mail), ("协调小组", season.office.coordination_mail)):
        if _NOWHERE.search(address):
            yield RehearsalFinding(Weight.FAULT, "信件", f"{name}的邮箱{address}收不到信。")
    lost = [(address, name) for address, name in experts.items() if _NOWHERE.search(address)]
    if lost:
        yield RehearsalFinding(
            Weight.FAULT, "信件", f"{len(lost)}位专家的邮箱收不到信：{_some(name for _, name in lost)}。"
        )
    bouncing = Counter(message.recipient for message in messages if _NOWHERE.search(message.recipient))
    if bouncing:
        listed = _some(f"{address}（{count}封）" for address, count in bouncing.most_common())
        yield RehearsalFinding(
            Weight.WARNING, "信件", f"全年{len(messages)}封信中有{sum(bouncing.values())}封会被退回：{listed}。"
        )
    unsent = [message.key for message in messages if message.state is not MessageState.SENT]
    if unsent:
        yield RehearsalFinding(Weight.FAULT, "信件", f"{len(unsent)}封信没有发出：{_some(unsent)}。")


def _holes(messages: Sequence[Message]) -> Iterator[RehearsalFinding]:
    by_kind: dict[str, list[str]] = {}
    for message in messages:
        hole = _HOLES.search(f"{message.subject}\n{message.body}")
        if hole:
            kind = message.key.split("/")[1]
            by_kind.setdefault(kind, []).append(f"{message.key}中的“{hole[0]}”")
    for kind, places in by_kind.items():
        yield RehearsalFinding(Weight.WARNING, "信件", f"{kind}有{len(places)}封的文字像是没有填完：{_some(places)}。")


def _templates(season: Season) -> Iterator[RehearsalFinding]:
    for fault in faults_of_own_files(season):
        yield RehearsalFinding(Weight.FAULT, "模板", f"{fault.path.name}{fault.chinese}。")


def _wording(season: Season) -> Iterator[RehearsalFinding]:
    texts = {"title": season.title, "office.name": season.office.name}
    texts |= {f"office.officers.{place}": name for place, name in enumerate(season.office.officers)}
    for key, text in texts.items():
        if "示例" in text or _HOLES.search(text):
            yield RehearsalFinding(Weight.FAULT, "年度文件", f"{key}还是“{text}”。")
    blank = [criterion.name for criterion in season.final_round.rubric if not criterion.anchors]
    if blank:
        yield RehearsalFinding(Weight.WARNING, "年度文件", f"评分标准没有写评分说明：{_some(blank)}。")


def _money(session: Session, season: Season) -> Iterator[RehearsalFinding]:
    tiers = season.final_round.tiers
    planned = {size.tier: size.size for size in sizes_of(tiers)}
    amounts = {Tier(tier): yuan for tier, yuan in tiers.amounts_yuan.items()}
    total = sum(count * amounts.get(tier, 0) for tier, count in planned.items())
    said = "、".join(f"{tier.label}{count}项×{amounts.get(tier, 0)}元" for tier, count in planned.items())
    if tiers.budget_yuan is None:
        yield RehearsalFinding(
            Weight.WARNING,
            "奖金",
            f"按年度文件共需{total}元（{said}）；没有写预算（final_round.tiers.budget_yuan），无从核对。",
        )
    elif total > tiers.budget_yuan:
        yield RehearsalFinding(Weight.FAULT, "奖金", f"共需{total}元（{said}），超出预算{tiers.budget_yuan}元。")
    else:
        yield RehearsalFinding(Weight.NOTE, "奖金", f"共需{total}元（{said}），预算{tiers.budget_yuan}元。")
    reviewed = session.scalars(
        select(Submission.number).where(
            Submission.season == season.year,
            Submission.archived_from.in_((SubmissionState.FINAL_REVIEWED, SubmissionState.AWARDED)),
        )
    ).all()
    quota = sum(season.quota_of(unit.code) for unit in season.units())
    prizes = sum(planned.values())
    if prizes > quota:
        yield RehearsalFinding(Weight.FAULT, "奖金", f"奖项{prizes}个，但各单位名额合计只有{quota}项。")
    yield RehearsalFinding(Weight.NOTE, "奖金", f"名额合计{quota}项，演练中进入终评{len(reviewed)}项，奖项{prizes}个。")


def _panel(session: Session, played: Played) -> Iterator[RehearsalFinding]:
    season, rules = played.season, played.season.final_round
    if not played.experts:
        text = f"专家库里没有本年度可用的专家；演练用了{played.invented}位虚构专家。"
        yield RehearsalFinding(Weight.FAULT, "专家", text)
        return
    for name in season.fields:
        count = sum(name in expert.fields for expert in played.experts)
        if count < rules.panel_per_field:
            yield RehearsalFinding(
                Weight.FAULT, "专家", f"“{name}”领域可用专家{count}人，少于每领域至少{rules.panel_per_field}人。"
            )
        elif count < rules.panel_per_field + 2:
            yield RehearsalFinding(Weight.WARNING, "专家", f"“{name}”领域可用专家只有{count}人，几乎没有候补。")
    wanted = rules.panel_size + rules.reserves
    if len(played.experts) < wanted:
        yield RehearsalFinding(
            Weight.FAULT,
            "专家",
            f"可用专家{len(played.experts)}人，少于评委{rules.panel_size}人加候补{rules.reserves}人。",
        )
    quota = sum(season.quota_of(unit.code) for unit in season.units())
    capacity, needed = rules.panel_size * rules.submissions_per_expert, quota * rules.scores_per_submission
    if capacity < needed:
        yield RehearsalFinding(
            Weight.WARNING,
            "专家",
            f"名额用满时需评{needed}份，评委最多能评{capacity}份（{rules.panel_size}人×{rules.submissions_per_expert}项）。",
        )
    if played.invented:
        yield RehearsalFinding(Weight.NOTE, "专家", f"为使演练走完，加入了{played.invented}位虚构专家。")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return "、".join(listed[:_SHOWN]) + (f"等{len(listed)}个" if len(listed) > _SHOWN else "")
