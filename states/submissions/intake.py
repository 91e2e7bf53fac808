"""Judges the rows of a delivery: which go in as new, which as new versions, which come back and why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.local_time import ZONE
from config.milestones import Milestone
from models import Contributor, Correction, Submission, SubmissionVersion
from models.enums import CorrectionState, Outcome, SubmissionState, Trigger
from models.forms import SubmissionForm
from states.guard_facts import SeasonFacts, load_season_facts
from states.machine import Refusal, together
from states.rules.names import name_key
from states.submission import SUBMISSION, Case, achievement_is_covered, is_complete, is_no_duplicate
from states.submissions.attachments import attached_to, same_files
from states.submissions.delivery import Delivered, RowChange, Taken
from states.submissions.identity import (
    Incoming,
    Known,
    fingerprint,
    known_by_number,
    known_by_title,
    meant_exactly,
    the_same,
    twin_of,
)
from states.submissions.versions import amend, content_of, insert_new

_ALIKE = 60  # percent from which a title may be another one corrected, where the contributors are the same


def take_submissions(
    session: Session, delivered: Delivered, rows: Sequence[Incoming], faulty: Sequence[Incoming] = ()
) -> Taken:
    """Judge and keep the rows of one delivery; good rows go in, bad rows come back with the reason.

    `faulty`: rows that come back anyway; what would speak against them otherwise is told at once.
    """
    season_facts = load_season_facts(session, delivered.season)
    known = known_by_title(session, [name_key(row.form.title) for row in (*rows, *faulty)])
    by_number = known_by_number(session, [row.form.number for row in (*rows, *faulty) if row.form.number])
    judging = _Judging(season_facts, delivered, rows, known, by_number)
    for row in rows:
        judging.judge(row)
    judging.remarks |= _renamed(session, season_facts, delivered, judging)
    taken = Taken(refused=judging.refused)
    for position, number in insert_new(session, delivered, judging.new).items():
        taken.accept(position, number, RowChange.NEW, judging.remarks.get(position, ""))
    _change(session, season_facts, delivered, judging.changes, taken)
    for row in faulty:
        refusal = judging.against(session, row)
        if refusal is not None:
            taken.refused[row.position] = refusal
    return taken


class _Judging:
    """Goes through the rows of one delivery in order; each ends in one of `new`, `changes` and `refused`."""

    def __init__(
        self,
        season_facts: SeasonFacts,
        delivered: Delivered,
        rows: Sequence[Incoming],
        known: Mapping[str, Sequence[Known]],
        by_number: Mapping[str, Known],
    ) -> None:
        self.new: list[tuple[Incoming, str]] = []
        self.changes: list[tuple[Incoming, Known, Refusal | None]] = []
        self.refused: dict[int, Refusal] = {}
        self.remarks: dict[int, str] = {}
        self._frame, self._delivered, self._known, self._by_number = season_facts, delivered, known, by_number
        self._marks = {row.position: fingerprint(row.form) for row in rows}
        self.meant = meant_exactly(rows, self._marks, known, by_number, delivered)
        self._seen: dict[str, Incoming] = {}

    def judge(self, row: Incoming) -> None:
        mark, alike = self._marks[row.position], self._known.get(name_key(row.form.title), ())
        own, other = the_same(row.form, mark, alike, self._by_number, self._delivered, self.meant)
        first = self._seen.get(mark) or self._seen.get(own.number if own else "")
        if first is not None:
            unfit = _unfit(self._frame, self._delivered, row.form)
            self._refuse(row, together(_twice_in_one_workbook(first), unfit))
            return
        self._seen[mark] = row
        if own is None:
            self._judge_new(row, mark, other)
        else:
            self._judge_change(row, mark, own)

    def against(self, session: Session, row: Incoming) -> Refusal | None:
        """What speaks against a row whose cells are judged elsewhere, but must be right before it can be taken."""
        mark, alike = fingerprint(row.form), self._known.get(name_key(row.form.title), ())
        own, other = the_same(row.form, mark, alike, self._by_number, self._delivered, self.meant)
        first = self._seen.get(mark) or self._seen.get(own.number if own else "")
        if first is not None:
            return _twice_in_one_workbook(first)
        twin = other if own is None else twin_of(own, mark, self._known, row.form)
        case = replace(_case(self._frame, self._delivered, row.form, twin), missing=())
        if own is None:
            return together(SUBMISSION.against(Trigger.SUBMIT, case), _unknown_number(row.form.number))
        refusal = _not_changeable(session, self._frame, self._delivered, own)
        return together(is_no_duplicate(case), refusal, achievement_is_covered(case))

    def _refuse(self, row: Incoming, refusal: Refusal | None) -> None:
        if refusal is not None:
            self.refused[row.position] = refusal

    def _judge_change(self, row: Incoming, mark: str, own: Known) -> None:
        self._seen[own.number] = row
        self.meant.add(own.number)
        twin = twin_of(own, mark, self._known, row.form)
        refusal = is_no_duplicate(_case(self._frame, self._delivered, row.form, twin))
        self.changes.append((row, own, refusal))

    def _judge_new(self, row: Incoming, mark: str, other: str) -> None:
        case = _case(self._frame, self._delivered, row.form, other)
        refusal = together(SUBMISSION.against(Trigger.SUBMIT, case), _unknown_number(row.form.number))
        self._refuse(row, refusal)
        if refusal is None:
            self.new.append((row, mark))
            own = (known for known in self._known.get(name_key(row.form.title), ()) if known.fingerprint == mark)
            gone = next((known.number for known in own if known.outcome is Outcome.WITHDRAWN), "")
            if gone:
                self.remarks[row.position] = (
                    f"已接收为新申报；同一成果的编号 {gone} 已撤回，不是要重新申报的，请撤回本项"
                )


def _case(season_facts: SeasonFacts, delivered: Delivered, form: SubmissionForm, duplicate_of: str) -> Case:
    return Case(
        at=delivered.act.at,
        role=delivered.act.actor.role,
        call_state=season_facts.call_state,
        arrived_at=delivered.arrived_at,
        call_deadline=season_facts.deadlines.at(Milestone.CLOSE_CALL, delivered.unit),
        admitted=delivered.admitted,
        missing=missing_parts(form, season_facts),
        completed_on=form.completed_on,
        covered_years=season_facts.season.covered_years,
        duplicate_of=duplicate_of,
    )


def missing_parts(form: SubmissionForm, season_facts: SeasonFacts) -> tuple[tuple[str, str], ...]:
    """What a form lacks to be complete: which field of it, and what in the words of the workbook's headings."""
    call = season_facts.season.call
    people, bodies = len(form.contributors), len(form.organisations)
    missing = []
    if people > call.max_contributors:
        missing.append(("contributors.0.name", f"完成人不得超过{call.max_contributors}人（填了{people}人）"))
    if bodies > call.max_organisations:
        missing.append(("organisations.0.name", f"申报单位不得超过{call.max_organisations}个（填了{bodies}个）"))
    if form.field not in season_facts.season.fields:
        missing.append(("field", f"所属领域须从下拉列表选择（填了“{form.field}”）"))
    if not form.benefit_social and form.benefit_economic is None:
        missing.append(("benefit_social", "经济效益或社会效益（至少填一项）"))
    return tuple(missing)


def _renamed(session: Session, season_facts: SeasonFacts, delivered: Delivered, judging: _Judging) -> dict[int, str]:
    """Remarks on new rows that are probably one of the unit's own under a corrected title, which the delivery leaves out."""
    query = select(Submission.number, Submission.title, Submission.title_key).where(
        Submission.season == delivered.season,
        Submission.unit == delivered.unit,
        Submission.state == SubmissionState.SUBMITTED,
    )
    left_out = [row for row in session.execute(query.order_by(Submission.number)) if row.number not in judging.meant]
    if not left_out:
        return {}
    from states.rules.similarity import closest

    remarks = {}
    for row, _ in judging.new:
        found = closest(name_key(row.form.title), [other.title_key for other in left_out], _ALIKE)
        if found is None:
            continue
        other, percent = left_out[found[0]], found[1]
        people = session.scalars(select(Contributor.name_key).where(Contributor.number == other.number))
        same_people = set(people) == {name_key(person.name) for person in row.form.contributors}
        if same_people or percent >= season_facts.season.call.near_duplicate_percent:
            remarks[row.position] = (
                f"已接收为新申报；与已接收的编号 {other.number}“{other.title}”很可能是同一成果。"
                "是更正名称的，请撤回本项，在“申报编号”填原编号后再报"
            )
    return remarks


def _twice_in_one_workbook(first: Incoming) -> Refusal:
    return Refusal(
        "duplicate", f"the same row stands at {first.where}", f"与本表{first.where}为同一成果，重复填写", "title"
    )


def _unknown_number(number: str | None) -> Refusal | None:
    """Against a new row that gives itself a number."""
    if not number:
        return None
    return Refusal(
        "unknown_number",
        f"the unit has no submission {number}",
        f"本单位没有编号为“{number}”的申报；新申报请将“申报编号”留空",
        about="number",
    )


def _change(
    session: Session,
    season_facts: SeasonFacts,
    delivered: Delivered,
    changes: Sequence[tuple[Incoming, Known, Refusal | None]],
    taken: Taken,
) -> None:
    """Keep the rows that say something new of what is there; beside each what speaks against it already."""
    for row, known, twin in changes:
        current = session.get_one(SubmissionVersion, (known.number, known.version)).content
        withdrawn = known.outcome is Outcome.WITHDRAWN
        same = current == content_of(row.form) and not withdrawn and not _other_files(session, known, row)
        if same and twin is None:
            taken.accept(row.position, known.number, RowChange.UNCHANGED)
            continue
        refusal = together(
            twin, _not_changeable(session, season_facts, delivered, known), _unfit(season_facts, delivered, row.form)
        )
        if refusal is None and not row.form.restores:
            refusal = _older(session, known, row.form)
        if refusal is not None:
            taken.refused[row.position] = refusal
            continue
        amend(session, delivered, known, row)
        taken.accept(row.position, known.number, RowChange.UPDATED)


def _older(session: Session, known: Known, form: SubmissionForm) -> Refusal | None:
    """What was there before and was replaced since comes back only where that is meant: the sheet may be an old one."""
    version = SubmissionVersion
    query = select(version.version, version.kept_at).where(
        version.number == known.number, version.version < known.version, version.content == content_of(form)
    )
    found = session.execute(query.order_by(version.version.desc())).first()
    if found is None:
        return None
    return Refusal(
        "older_version",
        f"it is version {found.version} again, {known.version} is in force",
        f"编号 {known.number} 的内容与{found.kept_at.astimezone(ZONE):%Y年%m月%d日}接收的第{found.version}版相同，"
        f"现有更新的第{known.version}版，可能用了旧表；确要改回的，请在该行“撤回”列填“改回”再报",
        about="number",
    )


def _other_files(session: Session, known: Known, row: Incoming) -> bool:
    """Whether other files came than those that are kept; a workbook that came alone changes none."""
    return bool(row.files) and not same_files(row.files, attached_to(session, known.number, known.version))


def _not_changeable(session: Session, season_facts: SeasonFacts, delivered: Delivered, known: Known) -> Refusal | None:
    correction = session.get(Correction, known.number)
    if correction is not None and _wants_it(known, correction):
        if delivered.arrived_at > correction.due_at:
            return Refusal("late", "the correction came too late", "补正期限已过，不能再修改")
        if correction.state is CorrectionState.OUTSTANDING:
            return None
    if known.state is not SubmissionState.SUBMITTED:
        if known.outcome is Outcome.WITHDRAWN:
            gone = f"编号 {known.number} 已撤回，不能再修改；要重新申报的，请将“申报编号”留空"
            return Refusal("state", "it was withdrawn", gone, about="number")
        label = known.state.label
        return Refusal("state", f"it is {known.state}", f"编号 {known.number} 当前为“{label}”，不能再修改", "number")
    deadline = season_facts.deadlines.at(Milestone.CLOSE_CALL, delivered.unit)
    if (deadline is not None and delivered.arrived_at <= deadline) or delivered.admitted:
        return None
    return Refusal("late", "the call is closed", f"申报已截止，编号 {known.number} 不能再修改")


def _wants_it(known: Known, correction: Correction) -> bool:
    """Whether a submission waits for its correction, or is out because none came."""
    if correction.state is CorrectionState.LAPSED:
        return known.outcome is Outcome.INELIGIBLE
    return correction.state is CorrectionState.OUTSTANDING and known.state is not SubmissionState.ARCHIVED


def _unfit(season_facts: SeasonFacts, delivered: Delivered, form: SubmissionForm) -> Refusal | None:
    """A new version must be as complete and as covered as a new submission."""
    case = _case(season_facts, delivered, form, "")
    return together(is_complete(case), achievement_is_covered(case))
