"""Decisions that an officer takes by hand, through the dashboard's form or the command."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.units import all_units
from flows import objections
from flows.home import paths
from flows.home.files import copy_atomically, digest_of
from flows.home.releases import Releases
from flows.kinds.scores import issue_further_sheet, replace_lost_experts
from flows.kinds.table import REISSUED, reissue
from flows.outbox.corrections import tell_correction
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_unit
from flows.papers.putting import put_papers
from flows.publish.publications import publish_change
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Submission
from models.enums import ObjectionParty, WorkbookKind
from states.incoming_mail import decide_held
from states.machine import Act
from states.officers import DecisionRefused, investigator, officer
from states.panel.draw import enter_randomness
from states.panel.recusals import recuse
from states.panel.replacements import assign_by_hand, give_up_seat
from states.releases import put_back
from states.submissions.admission import admit_late
from states.submissions.certificates import correct_name
from states.submissions.corrections import ask_correction
from states.submissions.duplicates import decide_duplicate
from states.submissions.reinstatement import reinstate
from states.submissions.settle import revoke, withdraw
from states.submissions.taking_back import called, withdraw_consent


class Decision(StrEnum):
    """What an officer may decide. What `subject` and `other` mean differs; see the flow's help."""

    WITHDRAW = "withdraw"
    REINSTATE = "reinstate"
    REVOKE = "revoke"
    ADMIT_LATE = "admit_late"
    ADMIT_MAIL = "admit_mail"
    DISMISS_MAIL = "dismiss_mail"
    REISSUE_WORKBOOK = "reissue_workbook"
    ASK_CORRECTION = "ask_correction"
    SAME_ACHIEVEMENT = "same_achievement"
    DISTINCT_ACHIEVEMENTS = "distinct_achievements"
    RAISE_OBJECTION = "raise_objection"
    ACCEPT_OBJECTION = "accept_objection"
    DECLINE_OBJECTION = "decline_objection"
    INVESTIGATE_OBJECTION = "investigate_objection"
    UPHOLD_OBJECTION = "uphold_objection"
    DISMISS_OBJECTION = "dismiss_objection"
    RECONSIDER_FOR_OBJECTOR = "reconsider_for_objector"
    RECONSIDER_FOR_UNIT = "reconsider_for_unit"
    RECUSE = "recuse"
    REPLACE_EXPERT = "replace_expert"
    ASSIGN_EXPERT = "assign_expert"
    ENTER_RANDOMNESS = "enter_randomness"
    CORRECT_NAME = "correct_name"
    PUT_BACK_RELEASE = "put_back_release"
    WITHDRAW_CONSENT = "withdraw_consent"


_BY_INVESTIGATORS = (Decision.UPHOLD_OBJECTION, Decision.DISMISS_OBJECTION)
_EXCUSED = ("excused", "请假")
# Takes one kind of decision: about a subject, another party where there is one, for a reason.
Taking = Callable[[Session, Run, Act, str, str, str], None]


class DeliveredFileMissing(GangchuangError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"The delivered file {path} is gone; ask the unit to send it again.")


@stage_flow(name="office-decision")
def decide(
    season: int,
    officer_name: str,
    decision: Decision,
    subject: str,
    reason: str,
    other: str = "",
    dry_run: bool = False,
) -> dict[str, object]:
    """Record an officer's decision (办公室决定).

    Runs: by a person, whenever something must be decided.
    Before: `subject` exists: a submission's number (withdraw, reinstate, revoke, ask_correction with
    what is missing as reason, same or distinct achievements with the second number as `other`,
    recuse with the expert as
    `other`, assign_expert with the expert as `other` to one that lacks an expert – never one in conflict), a
    unit's code (reissue_workbook, with submissions or verdicts as `other`), an expert's id (replace_expert; `other`
    is `excused` for who gave a reason in time, else it counts as an absence), the folder
    of an objection's letter (raise_objection: who objected is never a parameter), an objection's id (accept; decline with
    the reason's word as `other` and the answer as reason; investigate and reconsider with the investigator as `other`;
    dismiss with the answer as reason; uphold with the answer as reason and as `other` nothing where the award goes, a
    tier, or the folder with the corrected contributors), the public numbers that the season named for the draw
    (enter_randomness, with where they were published as reason), a certificate's
    number (correct_name, with the right name as `other`: it becomes void, and another is given), a
    release's number as `gangchuang site list` shows it (put_back_release, 0 for the present state again), or the beginning of a
    delivery's digest (admit_late) or of a held mail's (admit_mail, dismiss_mail). For withdraw_consent `other` says what is to be public no more: a
    contributor's name, 完成人2, 成果内容, 图片1 or 全部.
    After: the decision, its officer and its reason are history; those concerned have a letter. After the
    archive it has a root of its own, on the season's page and in a letter to every unit.
    Undo: the opposite decision, where there is one.
    """

    def deciding(run: Run) -> Ending:
        try:
            with run.step() as session:
                who = investigator if decision in _BY_INVESTIGATORS else officer
                act = run.act.by(who(run.season, officer_name))
                TAKING[decision](session, run, act, subject.strip(), other.strip(), reason)
                if decision in (Decision.RECUSE, Decision.REPLACE_EXPERT, Decision.REINSTATE):
                    replace_lost_experts(session, run)
                publish_change(session, run)
        finally:
            if decision in (Decision.RAISE_OBJECTION, Decision.UPHOLD_OBJECTION):
                objections.clear_entered(run)
            # Refused too: a run that died after its decision and before the papers comes again as a refusal.
            put_papers(run)
        run.tell(decision.value, subject)
        return Ending()

    return perform("decide", season, deciding, dry_run=dry_run)


def _telling_unit(change: Callable[..., object], letter: LetterKind) -> Taking:
    """A decision that changes one submission, and of which its unit has a letter."""

    def take(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
        change(session, number, act, reason=reason)
        _tell_unit(session, run, letter, number, reason=reason)

    return take


def _admit_late(session: Session, run: Run, act: Act, digest: str, other: str, reason: str) -> None:
    delivery = admit_late(session, run.year, digest, act, reason=reason)
    lies = paths.taken(run.settings, run.year, delivery.sender, delivery.digest, delivery.file_name)
    if not lies.exists():
        raise DeliveredFileMissing(lies)
    if not run.dry_run:
        # The collector takes it once more from the inbox, now as admitted; a newer file of its name stays.
        box, name = paths.inbox(run.settings) / delivery.sender, delivery.file_name
        taken_name = (box / name).exists() and digest_of(box / name) != delivery.digest
        copy_atomically(lies, box / (f"{delivery.digest[:8]}-{name}" if taken_name else name))
    if delivery.sender in all_units():
        post_to_unit(
            session,
            run,
            LetterKind.LATE_ADMITTED,
            delivery.sender,
            key=delivery.digest[:16],
            file_name=delivery.file_name,
            reason=reason,
        )


def _decide_held(session: Session, run: Run, act: Act, digest: str, other: str, reason: str, *, admit: bool) -> None:
    mail = decide_held(session, run.year, digest, act, admit=admit, reason=reason)
    run.tell("mail", mail.digest[:12])


def _reissue(session: Session, run: Run, act: Act, code: str, other: str, reason: str) -> None:
    kind = WorkbookKind.from_label(other) or WorkbookKind(other or WorkbookKind.SUBMISSIONS)
    if code not in {unit.code for unit in run.season.units()} or kind not in REISSUED:
        raise DecisionRefused(f"workbook {other!r} of {code!r}", "give a unit's code, and submissions or verdicts")
    issue = reissue(session, run, code, kind, act, reason=reason)
    run.tell("issue", issue)


def _ask_correction(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    due_at = ask_correction(session, run.season, number, act, missing=reason)
    row = session.get_one(Submission, number)
    tell_correction(session, run, row.unit, [(number, row.title, reason)], due_at, key=number)


def _same(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    dropped = decide_duplicate(session, number, other, act, same=True, reason=reason)
    if dropped:
        _tell_unit(session, run, LetterKind.DUPLICATE_DROPPED, dropped, reason=reason)


def _distinct(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    decide_duplicate(session, number, other, act, same=False, reason=reason)


def _recuse(session: Session, run: Run, act: Act, number: str, expert: str, reason: str) -> None:
    recuse(session, run.year, expert, number, act, reason=reason)


def _replace_expert(session: Session, run: Run, act: Act, expert: str, other: str, reason: str) -> None:
    excused = other in _EXCUSED
    lost = give_up_seat(session, run.year, expert, act, reason=reason, excused=excused)
    run.tell("assignments to be replaced", lost)
    run.tell("counted as an absence", not excused)


def _assign_expert(session: Session, run: Run, act: Act, number: str, expert: str, reason: str) -> None:
    assign_by_hand(session, run.season, number, expert, act, reason=reason)
    issue_further_sheet(session, run, expert, [number])


def _enter_randomness(session: Session, run: Run, act: Act, value: str, other: str, reason: str) -> None:
    enter_randomness(session, run.season, act, value, reason=reason)


def _correct_name(session: Session, run: Run, act: Act, certificate: str, right: str, reason: str) -> None:
    reissued = correct_name(session, run.year, certificate, act, right=right, reason=reason)
    told = {"void": str(reissued.void), "valid": str(reissued.valid), "name": reissued.name, "reason": reason}
    _tell_unit(session, run, LetterKind.NAME_CORRECTED, reissued.submission, **told)
    run.tell("certificates given", reissued.valid.short)


def _put_back(session: Session, run: Run, act: Act, subject: str, other: str, reason: str) -> None:
    releases = Releases(run.settings.home)
    if not subject.isdigit():
        raise DecisionRefused(f"release {subject!r}", "a release is named by its number, such as 12")
    if int(subject) not in (0, *releases.numbers()[:-1]):
        raise DecisionRefused(f"release {subject}", "it is not among the earlier ones that are kept; see `site list`")
    if not reason.strip():
        raise DecisionRefused(f"release {subject}", "putting it back needs a reason")
    put_back(session, run.year, act, int(subject), reason=reason)


def _withdraw_consent(session: Session, run: Run, act: Act, number: str, words: str, reason: str) -> None:
    things = withdraw_consent(session, number, words, act, reason=reason)
    _tell_unit(session, run, LetterKind.CONSENT_WITHDRAWN, number, what=called(things))
    run.tell("public no more", called(things))


def _tell_unit(session: Session, run: Run, kind: LetterKind, number: str, *, key: str = "", **context: object) -> None:
    row = session.get_one(Submission, number)
    post_to_unit(
        session, run, kind, row.unit, key=f"{number}/{key or row.sequence}", number=number, title=row.title, **context
    )


TAKING: dict[Decision, Taking] = {
    Decision.WITHDRAW: _telling_unit(withdraw, LetterKind.WITHDRAWN),
    Decision.REINSTATE: _telling_unit(reinstate, LetterKind.REINSTATED),
    Decision.REVOKE: _telling_unit(revoke, LetterKind.REVOKED),
    Decision.ADMIT_LATE: _admit_late,
    Decision.ADMIT_MAIL: partial(_decide_held, admit=True),
    Decision.DISMISS_MAIL: partial(_decide_held, admit=False),
    Decision.REISSUE_WORKBOOK: _reissue,
    Decision.ASK_CORRECTION: _ask_correction,
    Decision.SAME_ACHIEVEMENT: _same,
    Decision.DISTINCT_ACHIEVEMENTS: _distinct,
    Decision.RAISE_OBJECTION: objections.take_letter,
    Decision.ACCEPT_OBJECTION: objections.take_acceptance,
    Decision.DECLINE_OBJECTION: objections.take_refusal,
    Decision.INVESTIGATE_OBJECTION: objections.take_investigation,
    Decision.UPHOLD_OBJECTION: objections.take_upholding,
    Decision.DISMISS_OBJECTION: objections.take_rejection,
    Decision.RECONSIDER_FOR_OBJECTOR: partial(objections.take_reconsideration, asked_by=ObjectionParty.OBJECTOR),
    Decision.RECONSIDER_FOR_UNIT: partial(objections.take_reconsideration, asked_by=ObjectionParty.UNIT),
    Decision.RECUSE: _recuse,
    Decision.REPLACE_EXPERT: _replace_expert,
    Decision.ASSIGN_EXPERT: _assign_expert,
    Decision.ENTER_RANDOMNESS: _enter_randomness,
    Decision.CORRECT_NAME: _correct_name,
    Decision.PUT_BACK_RELEASE: _put_back,
    Decision.WITHDRAW_CONSENT: _withdraw_consent,
}
