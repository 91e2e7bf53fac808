"""Reminds who still owes something, and only them; the later, the higher it goes."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from config.milestones import Milestone
from config.units import all_units
from flows.intake.receipts import Gathered, gathered
from flows.kinds.table import KINDS
from flows.outbox.letters import LetterKind
from flows.outbox.messages import deadline_entry, last_delivery, papers, post, post_to_office, post_to_unit
from flows.run import AskedInVain, Ending, Run
from flows.stage import perform, stage_flow
from flows.workbooks.reader.findings import Problem
from models import Expert
from models.enums import WorkbookKind
from models.queries import counts_by_unit
from states.final_round.approval import is_approved, is_proposed, list_digest
from states.guard_facts import deadline_of, load_season_facts
from states.outstanding import first_assigned, in_correction, rows_returned, scores_owed, without_verdict
from states.panel.draw import reserves
from states.practice import units_without
from states.submissions.follow_up import unanswered

_SHOWN = 10


class NoReminder(AskedInVain):
    def __init__(self, milestone: str) -> None:
        self.milestone = milestone
        self.chinese = f"“{milestone}”不是催办，没有任何改动。"
        super().__init__(f"{milestone} reminds of nothing. Reminders: {', '.join(_BODIES)}.")


@stage_flow(name="remind")
def remind(season: int, milestone: str, ordinal: int = 1, dry_run: bool = False) -> dict[str, object]:
    """Remind whoever still owes something (催办).

    Runs: on the days before a deadline that the season file names.
    Before: the deadline's round is open.
    After: each unit, expert or officer who owes something has one letter saying what; who owes
    nothing has none.
    Undo: none; a letter once written goes out.
    """
    body = _BODIES.get(milestone)
    if body is None:
        raise NoReminder(milestone)
    return perform(milestone, season, body, milestone=Milestone(milestone), ordinal=ordinal, dry_run=dry_run)


class UnitOwing(NamedTuple):
    """A unit that owes something: what, as the office reads it, and what its letter says beside the deadline."""

    code: str
    owed: str
    said: Mapping[str, Any]


def reminding_of_call(run: Run) -> Ending:
    """Units that have delivered nothing, or of whose rows some came back."""
    with run.step() as session:
        deadlines = load_season_facts(session, run.year).deadlines
        delivered, returned = counts_by_unit(session, run.year), rows_returned(session, run.year)
        owing = []
        for unit in run.season.units():
            deadline = deadlines.at(Milestone.CLOSE_CALL, unit.code)
            came, back = delivered.get(unit.code, 0), returned.get(unit.code, 0)
            if deadline is None or deadline <= run.at or (unit.code in delivered and unit.code not in returned):
                continue
            problems = _returned(session, run, unit.code) if back else []
            owed = f"已接收{came}项，退回未改{back}项"
            said = {
                "delivered": came,
                "returned": back,
                "problems": [told.words for told in problems[:_SHOWN]],
                "more": sum(told.cells for told in problems[_SHOWN:]),
            }
            nothing_in = unit.code not in delivered and unit.code not in returned
            owing.append(UnitOwing(unit.code, "没有收到任何材料" if nothing_in else owed, said))
        return _remind_units(
            session, run, LetterKind.CALL_REMINDER, WorkbookKind.SUBMISSIONS, Milestone.CLOSE_CALL, owing
        )


def reminding_of_district_round(run: Run) -> Ending:
    """Units with submissions that have no verdict, or whose correction is outstanding."""
    with run.step() as session:
        unjudged, correcting = without_verdict(session, run.year), in_correction(session, run.year)
        totals, owing = counts_by_unit(session, run.year), []
        for code in sorted(set(unjudged) | set(correcting)):
            without, back = unjudged.get(code, []), correcting.get(code, [])
            owed = ((without, "没有初评意见"), (back, "退回补正中"))
            said = {"total": totals.get(code, 0), "without_verdict": without, "in_correction": back}
            owing.append(UnitOwing(code, "，".join(f"{len(of)}项{what}" for of, what in owed if of), said))
        letter, closing = LetterKind.DISTRICT_ROUND_REMINDER, Milestone.CLOSE_DISTRICT_ROUND
        return _remind_units(session, run, letter, WorkbookKind.VERDICTS, closing, owing)


def reminding_of_follow_up(run: Run) -> Ending:
    """Units that have not said what became of all their awarded achievements."""
    with run.step() as session:
        owing = [
            UnitOwing(code, f"{len(numbers)}项没有报送转化情况", {"owed": numbers})
            for code, numbers in sorted(unanswered(session, run.year).items())
        ]
        letter, closing = LetterKind.FOLLOW_UP_REMINDER, Milestone.CLOSE_SEASON
        return _remind_units(session, run, letter, WorkbookKind.FOLLOW_UP, closing, owing)


def reminding_of_practice(run: Run) -> Ending:
    """Units that have reported no good practice."""
    with run.step() as session:
        without = units_without(session, run.year, [unit.code for unit in run.season.units()])
        owing = [UnitOwing(code, "没有报送", {}) for code in without]
        letter, closing = LetterKind.PRACTICE_REMINDER, Milestone.CLOSE_PRACTICE
        return _remind_units(session, run, letter, WorkbookKind.PRACTICE, closing, owing)


def _remind_units(
    session: Session, run: Run, letter: LetterKind, kind: WorkbookKind, closing: Milestone, owing: Sequence[UnitOwing]
) -> Ending:
    """A letter to each unit, with its workbook, its last receipt and the deadline's calendar entry."""
    deadlines = load_season_facts(session, run.year).deadlines
    for debtor in owing:
        deadline = deadlines.required(closing, debtor.code)
        post_to_unit(
            session,
            run,
            letter,
            debtor.code,
            key=str(run.ordinal),
            deadline=deadline,
            level=_level(run),
            attachments=(
                *_papers(session, run, debtor.code, kind),
                deadline_entry(session, run, debtor.code, closing, deadline, f"r{run.ordinal}"),
            ),
            **debtor.said,
        )
    _escalate(session, run, closing, [(all_units()[debtor.code].name, debtor.owed) for debtor in owing])
    return _told(run, [debtor.code for debtor in owing])


def reminding_of_scores(run: Run) -> Ending:
    """Experts who still owe scores."""
    return _reminding_of_scores(run, 1, Milestone.CLOSE_FINAL_ROUND)


def reminding_of_re_review(run: Run) -> Ending:
    """Experts who still owe scores for submissions that are tied at a cut."""
    return _reminding_of_scores(run, 2, Milestone.CLOSE_RE_REVIEW)


def _reminding_of_scores(run: Run, round_number: int, closing: Milestone) -> Ending:
    again = round_number > 1
    occasion = f"re_review/{run.ordinal}" if again else str(run.ordinal)
    with run.step() as session:
        deadline = deadline_of(session, run.year, closing)
        owed = scores_owed(session, run.year, round_number)
        experts = {expert: session.get_one(Expert, expert) for expert in owed}
        # What belongs to the round before is closed: its sheet and its receipt would only mislead.
        begun = first_assigned(session, run.year, round_number) if again else {}
        for identifier, numbers in owed.items():
            post(
                session,
                run,
                LetterKind.EXPERT_REMINDER,
                key=f"{identifier}/{occasion}",
                to=experts[identifier].mail,
                expert_name=experts[identifier].name,
                deadline=deadline,
                owed=numbers,
                level=_level(run),
                again=again,
                attachments=(
                    *_papers(session, run, identifier, WorkbookKind.SCORES, since=begun.get(identifier)),
                    deadline_entry(session, run, identifier, closing, deadline, f"r{run.ordinal}"),
                ),
            )
        items = [
            (f"{experts[expert].name}（{expert}）", f"{len(numbers)}项没有打分") for expert, numbers in owed.items()
        ]
        _escalate(session, run, closing, items)
        if owed and _level(run) > 1:
            _tell_office_who_owes(session, run, owed, occasion, deadline, again=again)
    return _told(run, sorted(owed))


def _tell_office_who_owes(
    session: Session, run: Run, owed: Mapping[str, list[str]], occasion: str, deadline: datetime, *, again: bool
) -> None:
    """From the second reminder on: whom to call, and how many reserves could take over."""
    items = [(expert, session.get_one(Expert, expert).name, len(numbers)) for expert, numbers in sorted(owed.items())]
    post_to_office(
        session,
        run,
        LetterKind.SCORES_OWED,
        key=occasion,
        items=items,
        deadline=deadline,
        reserves=len(reserves(session, run.year)),
        level=_level(run),
        again=again,
    )


def reminding_of_approval(run: Run) -> Ending:
    """The officers, then the coordination group, while the proposed list waits for a person."""
    with run.step() as session:
        if is_approved(session, run.year) or not is_proposed(session, run.year):
            return _told(run, [])
        due_at = deadline_of(session, run.year, Milestone.OPEN_PUBLIC_NOTICE)
        digest, officers = list_digest(session, run.year), list(run.season.office.officers)
        post_to_office(
            session,
            run,
            LetterKind.APPROVAL_WANTED,
            key=f"reminder/{run.ordinal}",
            officers=officers,
            due_at=due_at,
            digest=digest,
            page="",
            level=_level(run),
        )
        if _level(run) > 1:
            post(
                session,
                run,
                LetterKind.APPROVAL_ESCALATED,
                key=str(run.ordinal),
                to=run.season.office.coordination_mail,
                officers=officers,
                due_at=due_at,
                digest=digest,
                page="",
            )
    return _told(run, ["office"])


_BODIES: Mapping[str, Callable[[Run], Ending]] = {
    Milestone.REMIND_CALL: reminding_of_call,
    Milestone.REMIND_DISTRICT_ROUND: reminding_of_district_round,
    Milestone.REMIND_EXPERTS: reminding_of_scores,
    Milestone.REMIND_RE_REVIEW: reminding_of_re_review,
    Milestone.REMIND_APPROVAL: reminding_of_approval,
    Milestone.REMIND_PRACTICE: reminding_of_practice,
    Milestone.REMIND_FOLLOW_UP: reminding_of_follow_up,
}


def _level(run: Run) -> int:
    """1 to who owes, 2 with the office told, 3 with the coordination group told: as the deadline nears."""
    return min(run.ordinal, 3)


def _papers(
    session: Session, run: Run, who: str, kind: WorkbookKind, since: datetime | None = None
) -> tuple[Path, ...]:
    return papers(session, run, who, kind, every_issue=KINDS[kind].issue_again is None, since=since)


def _returned(session: Session, run: Run, code: str) -> list[Gathered]:
    """What came back with a unit's last delivery."""
    last = last_delivery(session, run, code, WorkbookKind.SUBMISSIONS)
    return gathered(Problem(*problem) for problem in json.loads(last.problems)) if last else []


def _escalate(session: Session, run: Run, milestone: Milestone, items: list[tuple[str, str]]) -> None:
    """Who still owes something: the office learns it at the second reminder, the coordination group at the third."""
    level = _level(run)
    if level < 2 or not items:
        return
    office = run.season.office
    deadline = deadline_of(session, run.year, milestone)
    for reached, to in ((2, office.mail), (3, office.coordination_mail)):
        if level >= reached:
            post(
                session,
                run,
                LetterKind.OWING,
                key=f"{milestone.value}/{run.ordinal}/{reached}",
                to=to,
                milestone=milestone.deadline,
                deadline=deadline,
                items=items,
                level=reached,
            )


def _told(run: Run, owing: list[str]) -> Ending:
    run.tell("reminded", len(owing))
    return Ending(facts={"reminded": owing})
