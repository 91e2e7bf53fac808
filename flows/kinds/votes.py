"""The ballot (表决票): a workbook to each expert to sign, or one for the office's count of secret ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from flows.kinds.kind import HandedIn, Kind, issue
from flows.kinds.review_material import material_of
from flows.outbox.letters import LetterKind
from flows.outbox.messages import papers, post, post_to_office
from flows.run import Run
from flows.workbooks.columns import cells, numbers
from flows.workbooks.columns.column import Column, choice, given_column, in_group, labels
from flows.workbooks.reader.assembly import Assembler
from flows.workbooks.reader.findings import Form, Note, Problem
from flows.workbooks.reader.layout import Layout
from flows.workbooks.reader.table import SheetLine
from models import Expert, Placing
from models.enums import Tier, WorkbookKind
from models.forms import VoteForm
from states.final_round.votes import OFFICE, Motion, owing_votes, take_votes
from states.guard_facts import deadline_of
from states.issued import newest_issued_at
from states.panel.aliases import Aliases
from states.submissions.delivery import Taken

_COUNTS = ("votes_for", "votes_against", "abstentions")


def issue_ballots(session: Session, run: Run, motions: Sequence[Motion]) -> int:
    """A workbook to whoever has still to vote, over just what they have not voted on. Returns how many."""
    material = material_of(session, run.season, [motion.number for motion in motions]).by_number
    rows = {motion.number: _row(session, motion, material[motion.number]) for motion in motions}
    owing = owing_votes(session, run.season)
    for caster, owed in sorted(owing.items()):
        # Experts know submissions by what stood in their score sheets, the office by their numbers.
        own = [rows[number] if caster != OFFICE else {**rows[number], "number": number} for number in owed]
        _issue(session, run, caster, sorted(own, key=lambda row: str(row["number"])))
    return len(owing)


def remind_of_ballots(session: Session, run: Run) -> int:
    """While a quorum is missing, a letter a day to whoever has still to vote."""
    owing, deadline = owing_votes(session, run.season), deadline_of(session, run.year, Milestone.CLOSE_VOTES)
    aliases = Aliases(session, run.season)
    for caster, owed in sorted(owing.items()):
        key = f"{caster}/{local_day(run.at)}"
        # The newest ballot holds all that is still owed; what was answered before it belongs to an earlier vote.
        begun = newest_issued_at(session, run.year, caster, WorkbookKind.VOTES)
        ballots = papers(session, run, caster, WorkbookKind.VOTES, since=begun)
        shown = owed if caster == OFFICE else [aliases.of(number) for number in owed]
        _write(
            session, run, LetterKind.BALLOT_REMINDER, caster, key, deadline=deadline, owed=shown, attachments=ballots
        )
    return len(owing)


def _issue(session: Session, run: Run, caster: str, rows: Sequence[Mapping[str, Any]]) -> None:
    issued = issue(
        session,
        run,
        _layout(run.season, caster),
        caster,
        name=_name(session, run, caster),
        deadline=deadline_of(session, run.year, Milestone.CLOSE_VOTES),
        rows=rows,
        occasion=None,
    )
    _write(
        session,
        run,
        LetterKind.BALLOT,
        caster,
        f"{caster}/{issued.issue}",
        deadline=issued.deadline,
        count=len(rows),
        attachments=(issued.path,),
    )


def _write(session: Session, run: Run, kind: LetterKind, caster: str, key: str, **context: Any) -> None:
    name = _name(session, run, caster)
    context["secret"] = caster == OFFICE
    if caster == OFFICE:
        post_to_office(session, run, kind, key=key, recipient_name=name, **context)
    else:
        mail = session.get_one(Expert, caster).mail
        post(session, run, kind, key=key, to=mail, recipient_name=f"{name}专家", **context)


def _name(session: Session, run: Run, caster: str) -> str:
    return run.season.office.name if caster == OFFICE else session.get_one(Expert, caster).name


def _row(session: Session, motion: Motion, material: Mapping[str, Any]) -> dict[str, Any]:
    placing = session.get_one(Placing, motion.number)
    return {
        "number": material["number"],
        "title": material["title"],
        "tier": motion.tier.label,
        "rank": str(placing.rank),
        "merit": f"{placing.merit:.2f}",
        "members": str(len(motion.members)),
    }


def _layout(season: Season, _: str) -> Layout:
    votes = season.final_round.votes
    rules = votes and (
        ("表决方式", "无记名，由监票人清点，办公室录入" if votes.secret else "记名，由评委本人填写"),
        ("通过条件", f"到会人数和同意票数都有规定，同意票须达到到会人数的{votes.majority}"),
        ("未通过的", "不改变排序，只降到不需表决的等次或不授奖，名额空缺，其他项目不受影响"),
    )
    return Layout(WorkbookKind.VOTES, _columns(season), _Rows, rules=rules or ())


def _columns(season: Season) -> tuple[Column, ...]:
    """A ballot to sign, or the sheet in which the office enters the count of secret ones."""
    given = in_group(
        "表决事项",
        given_column("number", "申报编号", 18, "编号"),
        given_column("title", "成果名称", 40, "项目名称"),
        Column(
            "tier", "拟授等次", cells.choice(labels(Tier)), "已由系统填好，请勿改动", ("等次",), given=True, width=11
        ),
        given_column("rank", "名次", 8),
        given_column("merit", "终评分", 10),
    )
    votes = season.final_round.votes
    if votes is not None and not votes.secret:
        opinion = in_group(
            "表决",
            choice(
                "choice",
                "表决意见",
                {"同意": "votes_for", "不同意": "votes_against", "弃权": "abstentions"},
                hint="从下拉框选择；不填的视为未参加该项表决",
                width=12,
                words={"赞成": "votes_for", "反对": "votes_against"},
                also=("意见", "表决"),
            ),
        )
        return (*given, *opinion)
    return (*given, *in_group("表决事项", given_column("members", "应到人数", 10)), *_count_columns())


def _count_columns() -> tuple[Column, ...]:
    headings = (
        ("votes_for", "同意票", "赞成票"),
        ("votes_against", "不同意票", "反对票"),
        ("abstentions", "弃权票", "弃权"),
    )
    counts = (
        Column(key, heading, numbers.count, "监票人清点的票数，0也要填", (also,), format="General", width=11)
        for key, heading, also in headings
    )
    return in_group("计票", *counts)


class _Rows(Assembler):
    def build(self, line: SheetLine, problems: list[Problem], notes: list[Note]) -> Form | None:
        del notes
        counts = [key for key in _COUNTS if key in self.layout.by_key]
        self.require(line, ["number", "tier", *(counts or ["choice"])], problems)
        chosen = {line.values.get("choice"): 1} if not counts else {key: line.values.get(key) for key in counts}
        payload = {"number": line.values.get("number"), "tier": line.values.get("tier")}
        return self.made(VoteForm, payload | {key: chosen.get(key) or 0 for key in _COUNTS}, line, problems)


def _take(session: Session, run: Run, handed: HandedIn) -> Taken:
    return take_votes(session, run.season, handed.delivered, handed.forms(VoteForm))


KIND = Kind(WorkbookKind.VOTES, _layout, _take)
