"""What the office looks up in the dashboard: forms that change nothing but a stuck letter, their answers as artifacts.

The same answers as the commands of these names give, in Chinese.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from prefect import Flow

from config.calendar import day_note
from config.errors import GangchuangError
from config.local_time import ZONE, minute
from config.season import load_season
from config.settings import settings
from flows.engine.artifacts import outcome, plain
from flows.engine.forms import FIELDS, REASON, UNIT, Field, Form, Offer, labelled, unit_of
from flows.home import paths
from flows.office.designs import faults_of_own_files
from flows.office.doctor_files import FILE_INVARIANTS
from flows.office.findings import DIFFERENCES, FINDINGS
from flows.office.record import history
from flows.office.watch import everything_wrong
from flows.outbox.letters import LetterKind
from flows.outbox.previews import preview
from flows.papers.evidence import FOLDER, write_evidence
from flows.papers.typesetting import PaperNotSet
from flows.run import AskedInVain
from flows.stage import open_database, stage_flow
from models.database import reading, writing
from models.queries import planned_seasons, season_in_force
from states.audit.anchors import against_sent
from states.audit.bound import unproven
from states.audit.evidence import About, NotOne, SubjectKind, evidence
from states.audit.invariants import broken_invariants
from states.audit.projection import EVERY_INVARIANT
from states.audit.recompute import recompute
from states.audit.verify import examine
from states.history.canonical import call_subject, submission_subject
from states.history.read import read_entries
from states.machine import Act
from states.maintenance.backup import backup
from states.maintenance.stuck_messages import retry_message
from states.officers import officer
from states.rules.calendar.season_check import warnings_of
from states.timeline import planned_dates

_SHOWN = 200
_NOT_KEPT = "（未保留）"
_APART = re.compile("[;；\n]")


class NothingRecorded(AskedInVain):
    def __init__(self, subject: str) -> None:
        self.subject, self.chinese = subject, f"没有“{subject}”的操作留痕：请填写申报编号，或者留空查看整个年度。"
        super().__init__(f"nothing is recorded of {subject!r}; give a submission's number, or nothing for the call")


class NotMade(AskedInVain):
    """What was asked for cannot be made of what was answered."""

    def __init__(self, problem: GangchuangError) -> None:
        self.chinese = problem.chinese
        super().__init__(str(problem))


def _looked_up(
    title: str, *, of_persons: tuple[str, ...] = ()
) -> Callable[[Callable[..., dict[str, object]]], Flow[..., Any]]:
    """A flow that is called by its title; Prefect knows it by its function's name.

    The answers to `of_persons` name people: its run keeps none of them once it has ended.
    """
    without = (lambda given: {**given, **dict.fromkeys(of_persons, _NOT_KEPT)}) if of_persons else None
    return lambda body: stage_flow(
        name=body.__name__.replace("_", "-"), deed=lambda given: title, without_names=without
    )(body)


@_looked_up("查看操作留痕")
def look_up_history(season: int, subject: str = "") -> dict[str, object]:
    """Show who did what, when and why: of one submission, or of the season's call (操作留痕)."""
    number = subject.strip()
    name = submission_subject(number) if number else call_subject(season)
    with reading(_database()) as session:
        entries = history(session, name)
    if not entries:
        raise NothingRecorded(number or str(season))
    rows = [
        (entry.sequence, minute(entry.at), entry.label, entry.change, entry.who, entry.reason)
        for entry in entries[-_SHOWN:]
    ]
    headings = ("序号", "时间", "操作", "状态变化", "经办", "理由")
    return _told(
        f"操作留痕 {number or season}", f"共{len(entries)}条。", headings, rows, key=f"history-{number or season}"
    )


@_looked_up("核验记录")
def verify_record(season: int) -> dict[str, object]:
    """Check that nothing of a season's record was changed (核验)."""
    with reading(_database()) as session:
        findings, later = examine(session, season, ())
        found = [(FINDINGS[finding.code], str(finding)) for finding in (*findings, *against_sent(session, season))]
        rows = [*found, *(("最近一次公布之后", line) for lines in later.values() for line in lines)]
        rows += [("早先版本的记录不能证明", gap.label) for gap in unproven(session, season)]
    sentence = f"发现{len(found)}处，记录被改动过。" if found else "记录完整，没有被改动。"
    return _told(f"核验 {season}", sentence, ("", "内容"), rows, key=f"verify-{season}")


@_looked_up("体检")
def examine_all(season: int) -> dict[str, object]:
    """Check every named invariant of database and files, and what goes on (体检)."""
    own = settings()
    with reading(_database()) as session:
        troubles = [
            ("须处理" if trouble.level > 1 else "须留意", trouble.said)
            for trouble in everything_wrong(session, own, own.clock.now())
        ]
        broken = broken_invariants(session, own.home.absolute(), (*EVERY_INVARIANT, *FILE_INVARIANTS))
    rows = troubles + [(breach.invariant.said, str(breach)) for breach in broken]
    sentence = f"有{len(rows)}项须看。" if rows else "一切正常。"
    return _told("体检", sentence, ("", "内容"), rows, key=f"doctor-{season}")


@_looked_up("重新计算")
def recompute_season(season: int) -> dict[str, object]:
    """Recompute draw, assignment, ranking and awards from the record alone (重新计算)."""
    with reading(_database()) as session:
        entries = list(read_entries(session, season))
    differences = [(DIFFERENCES[difference.what], str(difference)) for difference in recompute(entries)]
    sentence = (
        f"有{len(differences)}处与记录不符。" if differences else f"{len(entries)}条记录，结果全部可由记录重新算出。"
    )
    return _told(f"重新计算 {season}", sentence, ("", "内容"), differences, key=f"recompute-{season}")


@_looked_up("备份")
def back_up(season: int) -> dict[str, object]:
    """Write a backup of database and files into the home's backups/ (备份)."""
    own = settings()
    path = own.folder("backups") / f"gangchuang-{own.clock.now().astimezone(ZONE):%Y%m%d-%H%M%S}.zip"
    made = backup(_database(), own.home.absolute(), path)
    rows = [("文件", path.name), ("数据行", sum(made.rows.values())), ("文件数", made.files)]
    return _told(
        "备份", f"已写入 backups/{path.name}；含个人信息和密钥，请妥善保管。", ("", ""), rows, key=f"backup-{season}"
    )


@_looked_up("检查年度文件")
def check_season(season: int) -> dict[str, object]:
    """Show the calendar of a season's file with its warnings, before it is planned (年度文件检查)."""
    rules = load_season(season, settings().home)
    rows: list[tuple[object, ...]] = [
        (
            minute(at),
            day_note(at.astimezone(ZONE).date()),
            milestone.label,
            f"第{ordinal}次" if milestone.is_reminder else unit,
        )
        for milestone, ordinal, unit, at in planned_dates(rules)
    ]
    found = warnings_of(rules)
    rows += [("请核对", "", warning.chinese, "") for warning in found]
    home = settings().home.absolute()
    faults = [(fault.path.relative_to(home).as_posix(), fault.chinese) for fault in faults_of_own_files(rules)]
    rows += [("自有文件有误", "", f"{path}：{said}", "") for path, said in faults]
    told = f"{len(found)}条提示，自有的模板和版式有{len(faults)}处错误。" if faults else f"{len(found)}条提示。"
    return _told(f"{season}年度文件", told, ("时间", "日子", "节点", ""), rows, key=f"season-check-{season}")


@_looked_up("预览信件")
def preview_letter(season: int, letter: str, unit: str) -> dict[str, object]:
    """Show one letter as it would read to a unit now; nothing is kept or sent (预览信件)."""
    own = settings()
    with reading(_database()) as session:
        planned = season in planned_seasons(session)
        rules = season_in_force(session, season) if planned else load_season(season, own.home)
        kind = next(known for known in LetterKind if known == letter)
        address, shown = preview(session, rules, kind, unit_of(unit), own.clock.now())
    rows = [("主题", shown.subject), *(("", line) for line in shown.body.splitlines() if line.strip())]
    return _told(f"预览 {letter}", f"收件人：{address}", ("", "内容"), rows, key=f"letter-{letter}")


@_looked_up("开具岗位创新证明", of_persons=("whose", "organisations"))
def make_evidence(
    season: int, kind: str, whose: str, organisations: str = "", with_content: bool = False
) -> dict[str, object]:
    """Write what a person, an organisation or a unit took part in and won, as PDF and JSON (岗位创新证明)."""
    own = settings()
    meant = SubjectKind.from_label(kind) or SubjectKind(kind)
    named = unit_of(whose) if meant is SubjectKind.UNIT else whose.strip()
    homes = tuple(home.strip() for home in _APART.split(organisations) if home.strip())
    folder = paths.office_folder(own, season) / FOLDER
    try:
        with reading(_database()) as session:
            made = evidence(
                session,
                About(meant, named, homes),
                own.clock.now(),
                site_url=own.site_url,
                with_content=with_content,
            )
        files = write_evidence(made, folder, own.site_url)
    except (NotOne, PaperNotSet) as problem:
        raise NotMade(problem) from problem
    lie = [path.relative_to(own.home.absolute()).as_posix() for path in (files.pdf, files.document, files.checker)]
    rows = [*(("文件", path) for path in lie), *(("说明", note) for note in made.notes)]
    sentence = f"{len(made.cases)}项申报，PDF 打印盖章后与数据文件一并交付；文件在办公室总览的“文件”页。"
    return _told("岗位创新证明", sentence, ("", "内容"), rows, key=f"evidence-{files.pdf.stem[-8:]}")


@_looked_up("重发信件")
def retry_letter(season: int, officer_name: str, letter: str, reason: str) -> dict[str, object]:
    """Have one letter that does not go out tried again at once (重发信件)."""
    with writing(_database()) as session:
        act = Act(officer(season_in_force(session, season), officer_name), settings().clock.now())
        done = retry_message(session, season, letter.split(maxsplit=1)[0], act, reason=reason)
    return _told("重发信件", f"{done.key} 将立即重新发送。", ("", ""), (), key=f"retry-{season}")


def _database() -> Any:
    return open_database(settings().database)


def _told(
    title: str, sentence: str, headings: Iterable[str], rows: Iterable[tuple[object, ...]], *, key: str
) -> dict[str, object]:
    """The answer as an artifact, and as its run's end."""
    columns, lines = list(headings), list(rows)
    table = "".join(f"| {' | '.join(plain(cell) for cell in row)} |\n" for row in lines[:_SHOWN])
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n" if lines else ""
    more = f"\n另有{len(lines) - _SHOWN}条，请用命令查看。\n" if len(lines) > _SHOWN else ""
    outcome(f"## {plain(title)}\n\n**{plain(sentence)}**\n\n{head}{table}{more}", key=key)
    return {"outcome": "done", "explanation": sentence, "lines": len(lines)}


def _form(name: str, title: str, flow: Flow[..., Any], **fields: Field) -> Form:
    return Form(name, title, flow, inspect.getdoc(flow.fn) or "", fields=fields)


_ANY_YEAR = replace(FIELDS["season"], check=None)
_ABOUT = Field("申报编号", "留空则查看整个年度。")
_KIND = Field(
    "信件", "哪一种信件（以模板的名称列出）。", {"type": "string", "enum": [kind.value for kind in LetterKind]}
)
_WHOSE = Field(
    "给谁", "个人、完成单位，或者报送单位。", {"type": "string", "enum": [kind.label for kind in SubjectKind]}
)
_WHOSE_NAME = Field(
    "姓名或名称", "姓名；单位名称或统一社会信用代码；报送单位的名称或代码。", REASON.schema, personal=_NOT_KEPT
)
_HOMES = Field(
    "所在单位",
    "同名者不止一位时填写；同一人先后在几个单位的，用分号隔开。单位同名的，填统一社会信用代码。",
    personal=_NOT_KEPT,
)
_WITH_CONTENT = Field(
    "附申报内容", "附上后姓名和名称也能核对；内容里有其他完成人，只交给可以看的人。", {"type": "boolean"}
)
_STUCK = Field("未发出的信件", "无法送达或者一再推迟的信件。", offers=Offer.STUCK_LETTERS)

FORMS = labelled(
    "C",
    (
        _form("look_up_history", "查看操作留痕", look_up_history, subject=_ABOUT),
        _form("verify_record", "核验记录", verify_record),
        _form("examine_all", "体检", examine_all),
        _form("recompute_season", "重新计算", recompute_season),
        _form("back_up", "备份", back_up),
        _form("check_season", "检查年度文件", check_season, season=_ANY_YEAR),
        _form(
            "make_evidence",
            "开具岗位创新证明",
            make_evidence,
            kind=_WHOSE,
            whose=_WHOSE_NAME,
            organisations=_HOMES,
            with_content=_WITH_CONTENT,
        ),
        _form("preview_letter", "预览信件", preview_letter, season=_ANY_YEAR, letter=_KIND, unit=UNIT),
        _form("retry_letter", "重发信件", retry_letter, letter=_STUCK),
    ),
)
