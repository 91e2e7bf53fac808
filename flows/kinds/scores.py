"""The score workbook (评分表): each expert's own submissions, blind where the season says so; scores and recusals."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from flows.kinds.kind import HandedIn, Kind, issue
from flows.kinds.review_files import send_files
from flows.kinds.review_material import material_of
from flows.outbox.letters import LetterKind
from flows.outbox.messages import deadline_entry, post, post_to_office
from flows.run import Run
from flows.workbooks.columns import cells
from flows.workbooks.columns.column import Column, choice, given_column, in_group, points_columns
from flows.workbooks.reader.assembly import Assembler
from flows.workbooks.reader.findings import Form, Note, Problem
from flows.workbooks.reader.layout import STATEMENT, Layout
from flows.workbooks.reader.table import SheetLine
from flows.workbooks.writer.material_sheet import MATERIAL_TEXTS
from models import Assignment, Expert
from models.enums import CallState, WorkbookKind
from models.forms import RecusalForm, ScoreForm
from models.queries import call_state
from states.final_round.freeze import scores_are_frozen
from states.final_round.scores import closing_of, take_scores
from states.guard_facts import deadline_of
from states.panel.aliases import Aliases
from states.panel.replacements import lacking_experts, replace_missing
from states.rules.grouping import grouped
from states.submissions.delivery import Taken


def issue_sheet(
    session: Session,
    run: Run,
    expert: Expert,
    rows: Sequence[Mapping[str, Any]],
    *,
    letter: LetterKind,
    occasion: str | None = None,
    round_number: int = 1,
) -> None:
    """Write one expert's workbook over some material, and the letter that brings it; each stands beside the others."""
    invited = letter is LetterKind.EXPERT_INVITATION
    further = f"只含新增{len(rows)}项；原表继续有效" if round_number == 1 else f"只含复评的{len(rows)}项；终评评分不变"
    issued = issue(
        session,
        run,
        _layout(run.season, expert.id),
        expert.id,
        name=expert.name,
        deadline=deadline_of(session, run.year, closing_of(round_number)),
        # In the order of what experts see: the order of numbers tells what comes from one district.
        rows=sorted(rows, key=lambda row: str(row["number"])),
        occasion=occasion,
        remark="" if invited else further,
    )
    said = {"count": len(rows)} if invited else {"added": len(rows), "again": round_number > 1}
    post(
        session,
        run,
        letter,
        key=f"{expert.id}/{issued.issue}",
        to=expert.mail,
        expert_name=expert.name,
        deadline=issued.deadline,
        attachments=(
            issued.path,
            deadline_entry(session, run, expert.id, closing_of(round_number), issued.deadline, issued.issue),
        ),
        **said,
    )
    aliases = Aliases(session, run.season)
    send_files(session, run, expert, [aliases.number_of(str(row["number"])) for row in rows], issued.issue)


def replace_lost_experts(session: Session, run: Run) -> None:
    """Find others for submissions that lost an expert; each of them gets a further workbook.

    In the transaction in which they were lost: nothing else would remember that others are needed.
    """
    if call_state(session, run.year) is not CallState.FINAL_REVIEW or scores_are_frozen(session, run.year):
        return
    if not lacking_experts(session, run.season):
        return
    added = replace_missing(session, run.season, run.act)
    for identifier, numbers in added.items():
        issue_further_sheet(session, run, identifier, numbers)
    run.tell("replacements", sum(len(numbers) for numbers in added.values()))
    _tell_office(session, run, added)


def issue_further_sheet(session: Session, run: Run, expert: str, numbers: Sequence[str]) -> None:
    """A further workbook to an expert who takes over some submissions."""
    issue_sheet(
        session,
        run,
        session.get_one(Expert, expert),
        material_of(session, run.season, numbers).rows,
        letter=LetterKind.EXPERT_REPLACEMENT,
    )


def _tell_office(session: Session, run: Run, added: Mapping[str, Sequence[str]]) -> None:
    """Who took over what, and what nobody may take over; once for the same news."""
    items = sorted(
        (number, f"{session.get_one(Expert, expert).name}（{expert}）")
        for expert, numbers in added.items()
        for number in numbers
    )
    lacking = sorted(lacking_experts(session, run.season))
    news = hashlib.sha256(json.dumps([items, lacking], ensure_ascii=False).encode()).hexdigest()[:16]
    post_to_office(session, run, LetterKind.EXPERTS_REPLACED, key=news, items=items, lacking=lacking)


def assignments_of(session: Session, year: int) -> dict[str, list[str]]:
    """Numbers by expert of the final round."""
    own = select(Assignment.expert, Assignment.number).where(Assignment.season == year, Assignment.round == 1)
    return grouped(session.execute(own.order_by(Assignment.expert, Assignment.number)))


def statement_of(season: Season) -> str:
    """The fairness and secrecy statement that an expert gives, in a score sheet or on their page."""
    return (
        f"{STATEMENT}：本人承诺在{season.title}评审中独立、客观、公正评分，遇有利益关系主动回避，"
        "不泄露评审内容、过程和结果，不复制、留存或使用申报材料。"
    )


def _layout(season: Season, _: str) -> Layout:
    return Layout(
        WorkbookKind.SCORES,
        _columns(season),
        _Rows,
        statement=statement_of(season),
        rubric=season.final_round.rubric,
        materials=True,
        ways=(
            ("看材料", "各项申报的全文在“申报材料”一页，可以打印；评分表里的文字与它相同。"),
            ("先作承诺", "在表头上方的“公正与保密承诺”右侧选“同意”，评分方可接收。"),
            ("回避", "与申报人、申报单位有利益关系的，在该行“回避”列选“回避”并写明原因，该行不打分。"),
        ),
    )


_NAMES = (
    ("organisations", "申报单位", 26),
    ("contributors", "完成人", 20),
    ("attachments", "附件", 24),
)  # what a blind season hides


def _columns(season: Season) -> tuple[Column, ...]:
    long = cells.prose(season.files.max_cell_characters)
    given = in_group(
        "申报",
        given_column("number", "申报编号", 18, "编号"),
        given_column("title", "成果名称", 24, "项目名称"),
        given_column("category", "类别", 10),
        given_column("field", "领域", 12),
    )
    scored = in_group(
        "评分",
        *points_columns(season.final_round.rubric),
        Column(
            "comment", "评语", long, "可留空；请勿写出可辨认评审人的内容", ("评审意见", "意见", "专家评语"), width=40
        ),
    )
    recused = in_group(
        "回避",
        choice(
            "recusal",
            "回避",
            {"回避": True},
            width=9,
            also=("是否回避", "申请回避"),
            words={"是": True, "申请回避": True, "否": None, "不回避": None, "无": None},
            hint="与申报有利益关系的选“回避”，不再打分",
        ),
        Column("recusal_reason", "回避原因", long, "选了回避的必须写明原因", ("回避理由", "原因"), width=24),
    )
    material = in_group(
        "申报材料（全文见另页）",
        *(
            Column(key, heading, long, "已由系统填好，请勿改动", given=True, width=width)
            for key, heading, width in (*MATERIAL_TEXTS, *(() if season.final_round.blind else _NAMES))
        ),
    )
    return (*given, *scored, *recused, *material)


class _Rows(Assembler):
    def build(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        values = line.values
        reason = values.get("recusal_reason")
        if not (values.get("recusal") or "recusal" in line.wrong):
            if reason is not None:
                problems.append(
                    self.place.problem("recusal", line.number, "没有选，但写了回避原因，请选“回避”或删去原因")
                )
            self.require(line, ["number", *self.required], problems)
            payload = {
                "number": values.get("number"),
                "points": self.points(line),
                "comment": values.get("comment") or "",
            }
            return self.made(ScoreForm, payload, line, problems)
        self.require(line, ["number", "recusal_reason"], problems)
        if self.points(line):
            notes.append(self.place.note("recusal", line.number, "已声明回避，所填分数没有采用"))
        return self.made(RecusalForm, {"number": values.get("number"), "reason": reason}, line, problems)


def _take(session: Session, run: Run, handed: HandedIn) -> Taken:
    taken = take_scores(
        session, handed.delivered, handed.forms(ScoreForm, RecusalForm), handed.faulty(ScoreForm, RecusalForm)
    )
    replace_lost_experts(session, run)
    return taken


KIND = Kind(WorkbookKind.SCORES, _layout, _take)
