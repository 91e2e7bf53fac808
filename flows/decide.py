"""Decisions that an officer takes by hand, through the dashboard's form or the command."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.units import all_units
from flows import objections, personal_data
from flows.decisions import ASKED, EXCUSED, Decision
from flows.engine.forms import REASON, Form, unit_of
from flows.home import paths
from flows.home.files import copy_atomically, digest_of
from flows.home.releases import Releases
from flows.kinds.scores import issue_further_sheet, replace_lost_experts
from flows.kinds.table import reissue
from flows.outbox.corrections import tell_correction
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post, post_to_unit
from flows.papers.putting import put_papers
from flows.publish.pictures import forget_unnamed
from flows.publish.publications import publish_change
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models import Expert, Submission
from models.enums import SUPERSEDED, LinkKind, ObjectionParty, SubmissionState, WorkbookKind
from states.addresses import COORDINATION, OFFICE, correct_address
from states.incoming_mail import decide_held
from states.links import revoke_link
from states.machine import Act
from states.officers import DecisionRefused, investigator, officer
from states.panel.draw import enter_randomness
from states.panel.recusals import recuse
from states.panel.replacements import assign_by_hand, give_up_seat
from states.practice import withdraw_consent_and_name, withhold_practice
from states.releases import put_back
from states.submissions.admission import admit_late
from states.submissions.certificates import correct_name
from states.submissions.contacts import correct_contact, number_of_contact
from states.submissions.corrections import ask_correction
from states.submissions.duplicates import decide_duplicate
from states.submissions.reinstatement import reinstate
from states.submissions.settle import revoke, withdraw
from states.submissions.taking_back import called

_BY_INVESTIGATORS = (Decision.UPHOLD_OBJECTION, Decision.DISMISS_OBJECTION)

# Takes one kind of decision: about a subject, another party where there is one, for a reason.
Taking = Callable[[Session, Run, Act, str, str, str], None]


class DeliveredFileMissing(GangchuangError):
    def __init__(self, path: Path) -> None:
        self.chinese = "原来件已不在服务器上，请该单位重新报送。没有任何改动。"
        super().__init__(f"The delivered file {path} is gone; ask the unit to send it again.")


@stage_flow(
    name="office-decision",
    deed=lambda given: Decision(given["decision"]).asked.title,
    without_names=lambda given: Decision(given["decision"]).asked.without_names(given),
)
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
    Before: what it is about exists: each decision's form says what it asks for, `gangchuang decide --help` too.
    After: the decision, its officer and its reason are history; those concerned have a letter. After the
    archive it has a root of its own, on the season's page and in a letter to every unit.
    Undo: the opposite decision, where there is one.
    """

    about, party = decision.asked.read(subject, other)

    def deciding(run: Run) -> Ending:
        try:
            with run.step() as session:
                who = investigator if decision in _BY_INVESTIGATORS else officer
                act = run.act.by(who(run.season, officer_name))
                TAKEN[decision](session, run, act, about, party, reason)
                if decision in (Decision.RECUSE, Decision.REPLACE_EXPERT, Decision.REINSTATE):
                    replace_lost_experts(session, run)
                publish_change(session, run)
        finally:
            if decision in (Decision.RAISE_OBJECTION, Decision.UPHOLD_OBJECTION):
                objections.clear_entered(run)
            # Refused too: a run that died after its decision and before the papers comes again as a refusal.
            put_papers(run)
            if decision is Decision.WITHDRAW_CONSENT:
                forget_unnamed(run)
        run.tell("decision", decision.asked.title)
        run.tell("subject", decision.asked.subject.personal or about)
        return Ending()

    return perform("decide", season, deciding, dry_run=dry_run)


def _telling_unit(change: Callable[..., object], letter: LetterKind) -> Taking:
    """A decision that changes one submission, and of which its unit has a letter."""

    def take(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
        change(session, number, act, reason=reason)
        _tell_unit(session, run, letter, number, reason=reason)

    return take


def _reinstate(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    state = reinstate(session, number, act, reason=reason)
    award = state in (SubmissionState.AWARDED, SubmissionState.ARCHIVED)
    _tell_unit(session, run, LetterKind.AWARD_RESTORED if award else LetterKind.REINSTATED, number, reason=reason)


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


def _reissue_link(session: Session, run: Run, act: Act, subject: str, other: str, reason: str) -> None:
    """The link goes out of force; whoever has it gets another at once, an applicant from their unit."""
    kind = revoke_link(session, run.year, subject, act, reason=reason)
    if kind is LinkKind.UNIT:
        post_to_unit(session, run, LetterKind.LINK_REISSUED, subject, key=f"{act.at:%Y%m%dT%H%M%S}", reason=reason)
    elif kind is LinkKind.EXPERT:
        expert = session.get_one(Expert, subject)
        key, whom = f"{subject}/{act.at:%Y%m%dT%H%M%S}", f"{expert.name}专家"
        post(session, run, LetterKind.LINK_REISSUED_EXPERT, key=key, to=expert.mail, expert_name=whom, reason=reason)


def _reissue(session: Session, run: Run, act: Act, code: str, other: str, reason: str) -> None:
    kind = WorkbookKind.from_label(other) or WorkbookKind(other or WorkbookKind.SUBMISSIONS)
    if code not in {unit.code for unit in run.season.units()} or kind not in SUPERSEDED:
        raise DecisionRefused(
            f"workbook {other!r} of {code!r}",
            f"give a unit's code, and one of: {', '.join(SUPERSEDED)}",
            "请选择报送单位和工作簿",
        )
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
    excused = other in EXCUSED
    lost = give_up_seat(session, run.year, expert, act, reason=reason, excused=excused)
    run.tell("assignments to be replaced", lost)
    run.tell("counted as an absence", not excused)


def _assign_expert(session: Session, run: Run, act: Act, number: str, expert: str, reason: str) -> None:
    assign_by_hand(session, run.season, number, expert, act, reason=reason)
    issue_further_sheet(session, run, expert, [number])


def _enter_randomness(session: Session, run: Run, act: Act, value: str, other: str, reason: str) -> None:
    enter_randomness(session, run.season, act, value, reason=reason)


def _correct_name(session: Session, run: Run, act: Act, certificate: str, right: str, reason: str) -> None:
    if (number := number_of_contact(certificate)) is not None:
        correct_contact(session, run.year, number, act, right=right, reason=reason)
        return
    reissued = correct_name(session, run.year, certificate, act, right=right, reason=reason)
    void, valid = reissued.void, reissued.valid
    told = {"void": str(void or ""), "valid": str(valid or ""), "name": reissued.name, "reason": reason}
    _tell_unit(session, run, LetterKind.NAME_CORRECTED, reissued.submission, **told)
    run.tell("certificates given", valid.short if valid else 0)


def _put_back(session: Session, run: Run, act: Act, subject: str, other: str, reason: str) -> None:
    releases = Releases(run.settings.home)
    if not subject.isdigit():
        raise DecisionRefused(
            f"release {subject!r}", "a release is named by its number, such as 12", "网站版本以数字指明，例如 12"
        )
    if int(subject) not in (0, *releases.numbers()[:-1]):
        raise DecisionRefused(
            f"release {subject}",
            "it is not among the earlier ones that are kept; see `site list`",
            f"没有保留第{subject}版，见 site list",
        )
    if not reason.strip():
        raise DecisionRefused(f"release {subject}", "putting it back needs a reason", "恢复以前的版本须写明理由")
    put_back(session, run.year, act, int(subject), reason=reason)


def _withdraw_consent(session: Session, run: Run, act: Act, number: str, words: str, reason: str) -> None:
    things = withdraw_consent_and_name(session, number, words, act, reason=reason)
    _tell_unit(session, run, LetterKind.CONSENT_WITHDRAWN, number, what=called(things))
    run.tell("public no more", called(things))


def _withhold_practice(session: Session, run: Run, act: Act, number: str, other: str, reason: str) -> None:
    row = withhold_practice(session, run.year, number, act, reason=reason)
    told: dict[str, Any] = {"number": row.number, "title": row.title, "reason": reason}
    post_to_unit(session, run, LetterKind.PRACTICE_WITHHELD, row.unit, key=row.number, **told)


def _correct_address(session: Session, run: Run, act: Act, whose: str, address: str, reason: str) -> None:
    """Letters go to the right address from now on, what waits too; whoever is there learns of it."""
    whose = unit_of(whose) if whose not in (OFFICE, COORDINATION) else whose
    made = correct_address(session, run.year, whose, address, act, reason=reason)
    key = f"{whose}/{act.at:%Y%m%dT%H%M%S}"
    name = {OFFICE: run.season.office.name, COORDINATION: "协调小组"}.get(whose) or f"{all_units()[whose].name}科协"
    to, count = made.new, made.redirected
    post(session, run, LetterKind.ADDRESS_CORRECTED, key=key, to=to, unit_name=name, count=count, reason=reason)
    run.tell("letters that waited, sent to the new address", made.redirected)


def _tell_unit(session: Session, run: Run, kind: LetterKind, number: str, *, key: str = "", **context: Any) -> None:
    row = session.get_one(Submission, number)
    post_to_unit(
        session, run, kind, row.unit, key=f"{number}/{key or row.sequence}", number=number, title=row.title, **context
    )


TAKEN: dict[Decision, Taking] = {
    Decision.ASK_CORRECTION: _ask_correction,
    Decision.ADMIT_LATE: _admit_late,
    Decision.ADMIT_MAIL: partial(_decide_held, admit=True),
    Decision.DISMISS_MAIL: partial(_decide_held, admit=False),
    Decision.REISSUE_LINK: _reissue_link,
    Decision.REISSUE_WORKBOOK: _reissue,
    Decision.SAME_ACHIEVEMENT: _same,
    Decision.DISTINCT_ACHIEVEMENTS: _distinct,
    Decision.WITHDRAW: _telling_unit(withdraw, LetterKind.WITHDRAWN),
    Decision.REINSTATE: _reinstate,
    Decision.ENTER_RANDOMNESS: _enter_randomness,
    Decision.WITHHOLD_PRACTICE: _withhold_practice,
    Decision.RECUSE: _recuse,
    Decision.REPLACE_EXPERT: _replace_expert,
    Decision.ASSIGN_EXPERT: _assign_expert,
    Decision.RAISE_OBJECTION: objections.take_letter,
    Decision.ACCEPT_OBJECTION: objections.take_acceptance,
    Decision.DECLINE_OBJECTION: objections.take_refusal,
    Decision.INVESTIGATE_OBJECTION: objections.take_investigation,
    Decision.UPHOLD_OBJECTION: objections.take_upholding,
    Decision.DISMISS_OBJECTION: objections.take_rejection,
    Decision.RECONSIDER_FOR_OBJECTOR: partial(objections.take_reconsideration, asked_by=ObjectionParty.OBJECTOR),
    Decision.RECONSIDER_FOR_UNIT: partial(objections.take_reconsideration, asked_by=ObjectionParty.UNIT),
    Decision.REVOKE: _telling_unit(revoke, LetterKind.REVOKED),
    Decision.CORRECT_NAME: _correct_name,
    Decision.CORRECT_ADDRESS: _correct_address,
    Decision.PUT_BACK_RELEASE: _put_back,
    Decision.ERASE_PERSON: personal_data.take_deletion,
    Decision.WITHDRAW_CONSENT: _withdraw_consent,
}

FORMS = tuple(
    Form(
        decision.value,
        asked.title,
        decide,
        inspect.getdoc(decide.fn) or "",
        {"decision": decision.value, **({} if asked.reason else {"reason": ""})},
        {
            "subject": asked.subject,
            "other": asked.other,
            "reason": asked.reason or REASON,
            "officer_name": asked.officer,
        },
    )
    for decision, asked in ASKED.items()
)
