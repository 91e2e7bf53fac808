"""The workbook of the experts' pool (专家库): issued to the office, imported, what an import changes."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.orm import Session

from config.season import Season
from flows.home import paths
from flows.home.files import digest_of
from flows.kinds.kind import HandedIn, Kind, issue
from flows.kinds.scores import replace_lost_experts
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office
from flows.run import Run
from flows.workbooks.columns import cells, dates, parties
from flows.workbooks.columns.column import LINE_LIMIT, Column, in_group
from flows.workbooks.reader.assembly import Assembler, filled_in
from flows.workbooks.reader.findings import Form, Note, Problem
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.table import SheetLine
from models.enums import CallState, WorkbookKind
from models.forms import ExpertForm
from models.queries import call_state
from states.final_round.freeze import scores_are_frozen
from states.panel.pool import PoolChanges, carried_over, import_experts
from states.panel.recusals import step_back_conflicted
from states.submissions.delivery import Taken

_SHOWN = 60


def tell_pool_changes(session: Session, run: Run, digest: str, changes: PoolChanges) -> None:
    """A letter with everything that an import changed; the run's outcome, which all may see, has numbers only."""
    for name, count in changes.counts().items():
        run.tell(f"pool {name}", count)
    lines = list(change_lines(changes))
    if lines:
        post_to_office(
            session,
            run,
            LetterKind.POOL_CHANGED,
            key=hashlib.sha256("\n".join([digest, *lines]).encode()).hexdigest()[:16],
            counts=changes.counts(),
            items=lines[:_SHOWN],
            more=max(0, len(lines) - _SHOWN),
        )


def take_off_conflicted(session: Session, run: Run) -> None:
    """A conflict declared while scores are given takes the expert off what they are in conflict with."""
    if call_state(session, run.year) is not CallState.FINAL_REVIEW or scores_are_frozen(session, run.year):
        return
    conflicted = step_back_conflicted(session, run.season, run.act)
    if conflicted:
        run.tell("taken off for a conflict", len(conflicted))


def change_lines(changes: PoolChanges) -> Iterator[str]:
    """Each change in words."""
    for name, organisation in changes.added:
        yield f"新增：{name}（{organisation}）"
    for change in changes.changed:
        yield f"更改：{change.expert} {change.name}，{change.field}：{change.old} → {change.new}".replace("： → ", "：")
    for identifier, name in changes.unlisted:
        yield f"未列出：{identifier} {name}"
    for name, day in changes.expiring:
        yield f"将到期：{name}，有效期至{day}"


def put_into_inbox(run: Run, file: Path) -> Path:
    """A copy of a file in the office's inbox, under its own name unless another file lies there."""
    inbox = paths.inbox(run.settings) / paths.OFFICE
    inbox.mkdir(parents=True, exist_ok=True)
    target = inbox / file.name
    if target.exists() and digest_of(target) != digest_of(file):
        target = inbox / f"{digest_of(file)[:8]}-{file.name}"
    half = inbox / f".{target.name}.part"
    shutil.copyfile(file, half)
    half.replace(target)
    return target


def issue_pool(session: Session, run: Run) -> None:
    """The office's workbook, with who is asked again; statements and conflicts are declared anew each year."""
    carried, left_out = carried_over(session, run.season)
    known = [
        {**expert.model_dump(exclude={"statement_on"}), "valid_until": expert.valid_until or ""} for expert in carried
    ]
    if left_out:
        run.tell("experts not asked again", len(left_out))
    layout, deadline = _layout(run.season, paths.OFFICE), run.season.dates.draw_panel
    issue(session, run, layout, paths.OFFICE, name=run.season.office.name, deadline=deadline, rows=known)


def _layout(season: Season, _: str) -> Layout:
    return Layout(WorkbookKind.EXPERTS, _columns(season), _Rows)


def _columns(season: Season) -> tuple[Column, ...]:
    return in_group(
        "专家",
        Column("name", "姓名", parties.person, "一行一人", ("专家姓名",), required=True, width=14),
        Column(
            "organisation",
            "工作单位",
            parties.body,
            "公章上的全称",
            ("单位", "所在单位", "单位名称"),
            required=True,
            width=30,
        ),
        Column(
            "credit_code",
            "统一社会信用代码",
            cells.credit_code,
            "18位，按文本填写；没有的留空",
            ("信用代码", "单位统一社会信用代码"),
            width=23,
        ),
        Column(
            "fields",
            "专业领域",
            cells.words_of(season.fields),
            "可填多个，用“、”隔开：" + "、".join(season.fields),
            ("领域", "评审领域", "专业"),
            required=True,
            width=32,
        ),
        Column("title", "职称", cells.line(LINE_LIMIT), "可留空", ("专业技术职务", "技术职称", "职称职务"), width=16),
        Column("phone", "联系电话", cells.phone, "一个号码", ("电话", "手机", "手机号", "联系方式"), width=16),
        Column("mail", "联系邮箱", cells.mail, "用于发送评分表", ("邮箱", "电子邮箱", "email", "e-mail"), width=26),
        Column(
            "valid_until",
            "有效期至",
            dates.day,
            f"可留空；{dates.EXAMPLE}",
            ("有效期", "聘期至", "聘期"),
            format="yyyy-mm-dd",
            width=13,
        ),
        Column(
            "statement_on",
            "承诺书签署日期",
            dates.day,
            f"本年度公正与保密承诺书的签署日期；{dates.EXAMPLE}",
            ("承诺日期", "签署日期", "承诺书日期"),
            format="yyyy-mm-dd",
            width=15,
        ),
        Column(
            "declared",
            "需回避的人员和单位",
            cells.words,
            "可留空；多个用“、”隔开",
            ("回避对象", "需要回避的人员和单位", "申请回避"),
            width=30,
        ),
    )


class _Rows(Assembler):
    def title(self, _: SheetLine) -> str:
        return ""

    def build(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        del notes
        self.require(line, self.required, problems)
        return self.made(ExpertForm, filled_in(line.values, ExpertForm.model_fields), line, problems)


def _take(session: Session, run: Run, handed: HandedIn) -> Taken:
    imported = import_experts(session, handed.delivered, handed.forms(ExpertForm))
    tell_pool_changes(session, run, handed.delivered.digest, imported.pool)
    take_off_conflicted(session, run)
    replace_lost_experts(session, run)
    return imported


KIND = Kind(WorkbookKind.EXPERTS, _layout, _take)
